"""Dagster's own webserver behind our guard, as a process: `python -m flamingo_bark_assets.defs.webserver`.

Only the putting together belongs here; who may ask what stands in `request_guard`.
"""

from __future__ import annotations

from pathlib import Path

import click
import dagster as dg
import uvicorn
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._utils.log import configure_loggers
from dagster_webserver.app import create_app_from_workspace_process_context
from dagster_webserver.cli import DEFAULT_DB_STATEMENT_TIMEOUT, DEFAULT_POOL_MAX_OVERFLOW, DEFAULT_POOL_RECYCLE
from dagster_webserver.version import __version__

from flamingo_bark_assets.defs.request_guard import Names, RequestGuard


@click.command()
@click.option("--workspace", required=True, type=click.Path(path_type=Path))
@click.option("--host", required=True)
@click.option("--port", required=True, type=int)
@click.option("--allow-host", "allowed", multiple=True)
def main(workspace: Path, host: str, port: int, allowed: tuple[str, ...]) -> None:
    """Serve the instance of DAGSTER_HOME until interrupted."""
    configure_loggers(formatter="colored", log_level="WARNING")
    with dg.DagsterInstance.get() as instance:
        instance.optimize_for_webserver(DEFAULT_DB_STATEMENT_TIMEOUT, DEFAULT_POOL_RECYCLE, DEFAULT_POOL_MAX_OVERFLOW)
        target = WorkspaceFileTarget([str(workspace)])
        with WorkspaceProcessContext(instance, version=__version__, workspace_load_target=target) as context:
            application = create_app_from_workspace_process_context(context, live_data_poll_rate=2000)
            uvicorn.run(
                RequestGuard(application, Names.of(host, allowed)),
                host=host,
                port=port,
                log_level="warning",
                proxy_headers=False,
                timeout_graceful_shutdown=5,
            )


if __name__ == "__main__":
    main()
