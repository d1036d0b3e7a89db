"""`flamingo-bark ui`: the platform with the studio, until Ctrl-C; `service`: one part of it, for containers.

Asking for them belongs here; their processes stand in `defs.serving` and `defs.single_service`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flamingo_bark_assets.commands.addresses import allow_host_option, host_option, studio_port_option
from flamingo_bark_assets.settings import dagster_home
from flamingo_bark_assets.terminal import console

if TYPE_CHECKING:
    from flamingo_bark_assets.defs.single_service import ServiceName


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


@click.command()
@click.argument("name", type=click.Choice(["worker", "daemon", "webserver"]))
@host_option
@click.option("--port", default=3000, show_default=True, type=click.IntRange(1, 65535), help="Port of the webserver.")
@allow_host_option
@click.option("--worker-host", default="127.0.0.1", show_default=True, help="Where the worker listens and is reached.")
@click.option("--worker-port", default=4000, show_default=True, type=click.IntRange(1, 65535), help="Its port.")
def service(
    name: ServiceName, host: str, port: int, allowed: tuple[str, ...], worker_host: str, worker_port: int
) -> None:
    """Run one service of the platform alone, as a container does; `ui` runs them all.

    The worker executes the runs; whoever reaches its port can start them, so it belongs into a network of its own. All
    share DAGSTER_HOME and the data folder. The first --allow-host is the webserver's name for the others.
    """
    from flamingo_bark_assets.defs.addresses import Address
    from flamingo_bark_assets.defs.single_service import run_service

    run_service(name, dagster_home(), Address(host, port, allowed), Address(worker_host, worker_port))
