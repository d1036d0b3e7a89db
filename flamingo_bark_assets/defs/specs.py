"""What each per-song asset is: group, kinds, owner, description, columns, dependencies.

Declarations belong here; the step that materialises them stands in `songs`.
"""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg

from flamingo_bark_assets.defs.reporting import settings_key
from flamingo_bark_assets.parts import KINDS
from flamingo_bark_assets.steps import STEM_STEPS, STEPS, Step
from flamingo_bark_assets.storage.tables import Table, wide_table

OWNER = "team:flamingo-bark"


def column_schema(table: Table) -> dg.TableSchema:
    """The columns of a table as Dagster shows them."""
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


@dataclass(frozen=True, slots=True)
class _Shown:
    """How one step is shown in the UI: group, kinds and description."""

    group: str
    kinds: set[str]
    description: str


_SHOWN: dict[str, _Shown] = {
    "raw_song": _Shown(
        "ingest", {"file"},
        "The song file: its format, and what the medium did to it (clipping, bandwidth, silence, noise floor, "
        "polarity). A file that cannot be used is a row with the reason.",
    ),
    "song_metadata": _Shown(
        "ingest", {"file"},
        "What is said about the song, by song.toml and by the tags of its file: title, artist, genre, licence, credit "
        "line, lyrics, and whether there are hand edits.",
    ),
    "stems": _Shown(
        "ingest", {"file"},
        "The stems against the mix: which there are, their length, lag and level, and what is left of the mix when "
        "their sum is taken away.",
    ),
    "song_features": _Shown(
        "features", {"parquet"},
        "The mix measured, with the help of its stems: tempo, beats, bars, key, chords, sections, loudness, dynamics, "
        "timbre, stereo image.",
    ),
    **{
        step: _Shown("features", {"parquet"}, f"The {kind} stems measured together: {KINDS[kind].measured}.")
        for kind, step in STEM_STEPS.items()
    },
    "flamingo_captions": _Shown(
        "words", {"huggingface"},
        "What the captioner says of the mix and of each audible stem, with its name and licence. Without a model the "
        "measured captioner writes from the measurements only, and every answer says so.",
    ),
    "training_prompts": _Shown(
        "words", {"parquet"},
        "Prompts for the full track, each audible stem and several instruments together, with weights.",
    ),
    "bark_dataset": _Shown(
        "datasets", {"json"},
        "The verdict on the song and its stems, the dataset JSON, the training instructions and the manifest entry. "
        "An unfit song gets all of them too, and never enters the training manifest.",
    ),
}  # fmt: skip


def _spec(step: Step) -> dg.AssetSpec:
    shown = _SHOWN[step.name]
    return dg.AssetSpec(
        step.name,
        deps=[*step.needs, *(settings_key(group) for group in step.settings)],
        skippable=True,
        group_name=shown.group,
        kinds={"python", *shown.kinds},
        owners=[OWNER],
        description=shown.description,
        code_version=step.version,
        metadata={
            "dagster/column_schema": column_schema(wide_table(step.record)),
            "dagster/table_name": step.record.TABLE,
        },
    )


SONG_ASSETS: dict[str, dg.AssetSpec] = {step.name: _spec(step) for step in STEPS}
