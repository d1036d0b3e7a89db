"""The studio as a process of its own: `python -m flamingo_bark_assets.studio`, as the platform starts it.

Only the start belongs here; what is served stands in `app`.
"""

from __future__ import annotations

import click

from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.settings import dagster_home, data_folder
from flamingo_bark_assets.studio.running import run_studio


@click.command()
@click.option("--host", required=True)
@click.option("--port", required=True, type=int)
@click.option("--allow-host", "allowed", multiple=True)
def main(host: str, port: int, allowed: tuple[str, ...]) -> None:
    """Serve the studio over FLAMINGO_BARK_DATA until interrupted."""
    run_studio(DataPaths(data_folder()), dagster_home(), host=host, port=port, allowed=allowed, tell=click.echo)


if __name__ == "__main__":
    main()
