"""`flamingo-bark ui`: the platform, until Ctrl-C.

Asking for it belongs here; its processes stand in `defs.serving`.
"""

from __future__ import annotations

import click

from flamingo_bark_assets.settings import dagster_home
from flamingo_bark_assets.terminal import console


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Name or address to listen on.")
@click.option("--port", default=3000, show_default=True, type=click.IntRange(1, 65535), help="Port of the UI.")
@click.option("--allow-host", "allowed", multiple=True, help="Further name under which the UI answers; repeatable.")
def ui(host: str, port: int, allowed: tuple[str, ...]) -> None:
    """Run the platform: the Dagster UI with its daemon, sensors and queue, until Ctrl-C."""
    from flamingo_bark_assets.defs.serving import Address, serve

    serve(dagster_home(), Address(host, port, allowed), tell=lambda line: console.say("{}", line))
