"""`flamingo-bark studio`: the studio by itself, until Ctrl-C, and links into one that runs.

Asking for it belongs here; what it serves stands in `studio`.
"""

from __future__ import annotations

import sys

import click

from flamingo_bark_assets.commands.addresses import allow_host_option, host_option, studio_port_option
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.settings import dagster_home
from flamingo_bark_assets.terminal import console


@click.command()
@host_option
@studio_port_option("--port")
@allow_host_option
@click.option("--link", "wants_link", is_flag=True, help="Print a link that signs one browser in, once; start nothing.")
@click.option("--script-token", is_flag=True, help="Print the token for Authorization: Bearer; start nothing.")
@click.pass_obj
def studio(
    paths: DataPaths, host: str, port: int, allowed: tuple[str, ...], wants_link: bool, script_token: bool
) -> None:  # fmt: skip
    """Run the studio: add, hear, review, correct and export songs in the browser, until Ctrl-C.

    `flamingo-bark ui` runs it together with Dagster, which makes what is due.
    """
    from flamingo_bark_assets.defs.addresses import Address, check_free
    from flamingo_bark_assets.studio.running import known_keys, link, run_studio

    address = Address(host, port, allowed)
    if wants_link or script_token:
        keys = known_keys(dagster_home())
        click.echo(link(address.url, keys) if wants_link else keys.script_token)
        return
    check_free(address)
    try:
        run_studio(
            paths, dagster_home(), host=host, port=port, allowed=allowed, tell=lambda line: console.say("{}", line)
        )
    except KeyboardInterrupt:
        sys.exit(130)
