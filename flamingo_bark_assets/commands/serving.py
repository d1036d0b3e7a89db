"""`flamingo-bark ui`: the platform with the studio, until Ctrl-C.

Asking for it belongs here; its processes stand in `defs.serving`.
"""

from __future__ import annotations

import click

from flamingo_bark_assets.commands.addresses import allow_host_option, host_option, studio_port_option
from flamingo_bark_assets.settings import dagster_home
from flamingo_bark_assets.terminal import console


@click.command()
@host_option
@click.option("--port", default=3000, show_default=True, type=click.IntRange(1, 65535), help="Port of the UI.")
@allow_host_option
@studio_port_option("--studio-port")
@click.option("--no-studio", is_flag=True, help="Leave the studio out.")
def ui(host: str, port: int, allowed: tuple[str, ...], studio_port: int, no_studio: bool) -> None:
    """Run the platform: the Dagster UI with its daemon, sensors and queue, and the studio, until Ctrl-C."""
    from flamingo_bark_assets.defs.addresses import Address
    from flamingo_bark_assets.defs.serving import serve

    serve(
        dagster_home(),
        Address(host, port, allowed),
        studio=None if no_studio else Address(host, studio_port, allowed),
        tell=lambda line: console.say("{}", line),
    )
