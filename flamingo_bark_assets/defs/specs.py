"""The assets of a song, one a step of `steps`, from which group, description, columns and dependencies derive.

What Dagster adds to a step belongs here; the step that materialises them stands in `songs`.
"""

from __future__ import annotations

import dagster as dg

from flamingo_bark_assets.defs.reporting import settings_key
from flamingo_bark_assets.steps import STEPS, Step
from flamingo_bark_assets.storage.tables import Table, wide_table

OWNER = "team:flamingo-bark"


def column_schema(table: Table) -> dg.TableSchema:
    """Return the columns of a table as Dagster shows them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                spec.name,
                type=spec.type.__name__,
                description=spec.comment,
                constraints=dg.TableColumnConstraints(nullable=spec.nullable, unique=(spec.name,) == table.key),
            )
            for spec in table.columns
        ]
    )


def _spec(step: Step) -> dg.AssetSpec:
    return dg.AssetSpec(
        step.name,
        deps=[*step.needs, *(settings_key(group) for group in step.settings)],
        skippable=True,
        group_name=step.group,
        kinds={"python", step.badge},
        owners=[OWNER],
        description=step.description,
        code_version=step.version,
        metadata={
            "dagster/column_schema": column_schema(wide_table(step.record)),
            "dagster/table_name": step.record.TABLE,
        },
    )


SONG_ASSETS: dict[str, dg.AssetSpec] = {step.name: _spec(step) for step in STEPS}
