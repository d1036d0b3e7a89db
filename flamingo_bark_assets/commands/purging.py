"""`flamingo-bark purge`: Dagster's logs of old runs.

Telling it belongs here; which runs go is decided in `defs.purging`.
"""

from __future__ import annotations

import click

from flamingo_bark_assets.settings import dagster_home
from flamingo_bark_assets.terminal import console


@click.command()
@click.option(
    "--older-than", "days", required=True, type=click.FloatRange(0), metavar="DAYS", help="Age of a run's end."
)
@click.option("--dry-run", is_flag=True, help="Only say what would be forgotten.")
def purge(days: float, dry_run: bool) -> None:
    """Forget Dagster's logs of old runs that are superseded; what the UI tells of assets and songs stays."""
    from flamingo_bark_assets.defs.home import open_instance, plain_faults
    from flamingo_bark_assets.defs.purging import purge as purge_runs

    home = dagster_home()
    with open_instance(home) as instance, plain_faults(home):
        purged = purge_runs(instance, older_than_days=days, dry_run=dry_run)
    count = len(purged.run_ids)
    console.print(
        f"{'would forget' if dry_run else 'forgot'} {count} superseded {'run' if count == 1 else 'runs'} older than "
        f"{days:g} days, kept {purged.kept} that the latest results come from; "
        f"DAGSTER_HOME: {purged.bytes_before / 1e6:.1f} MB"
        + ("" if dry_run else f" before, {purged.bytes_after / 1e6:.1f} MB now"),
        highlight=False,
    )
