"""What each per-song asset is: group, kinds, owner, description, columns, dependencies.

Declarations belong here; the step that materialises them stands in `songs`.
"""

from __future__ import annotations

import dagster as dg

from flamingo_bark_assets.analysis.features.bass import BassFeatures
from flamingo_bark_assets.analysis.features.drums import DrumFeatures
from flamingo_bark_assets.analysis.features.harmonic import HarmonicFeatures
from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.analysis.features.vocals import VocalFeatures
from flamingo_bark_assets.audio.recording import RawSong, StemSet
from flamingo_bark_assets.captioning.interface import Captions
from flamingo_bark_assets.prompts.levels import TrainingPrompts
from flamingo_bark_assets.record import Record
from flamingo_bark_assets.settings import ANALYSIS_VERSION
from flamingo_bark_assets.storage.tables import Table, wide_table
from flamingo_bark_assets.training.suitability import Verdict

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


def _spec(
    record: type[Record], name: str, group: str, kinds: set[str], deps: list[str], description: str
) -> dg.AssetSpec:
    return dg.AssetSpec(
        name,
        deps=deps,
        skippable=True,
        group_name=group,
        kinds={"python", *kinds},
        owners=[OWNER],
        description=description,
        code_version=ANALYSIS_VERSION,
        metadata={
            "dagster/column_schema": column_schema(wide_table(record)),
            "dagster/table_name": record.TABLE,
        },
    )


_FEATURES = ["song_features", "drum_features", "bass_features", "vocal_features", "harmonic_features"]

SONG_ASSETS: dict[str, tuple[type[Record], dg.AssetSpec]] = {
    spec.key.to_user_string(): (record, spec)
    for record, spec in (
        (RawSong, _spec(
            RawSong, "raw_song", "ingest", {"file"}, [],
            "The song file: who made it, its format, and what the medium did to it (clipping, bandwidth, "
            "silence, noise floor, polarity). A file that cannot be used is a row with the reason.",
        )),
        (StemSet, _spec(
            StemSet, "stems", "ingest", {"file"}, ["raw_song"],
            "The stems against the mix: which there are, their length, lag and level, and what is left of the "
            "mix when their sum is taken away.",
        )),
        (SongFeatures, _spec(
            SongFeatures, "song_features", "features", {"parquet"}, ["raw_song", "stems"],
            "The mix measured, with the help of its stems: tempo, beats, bars, key, chords, sections, loudness, "
            "dynamics, timbre, stereo image.",
        )),
        (DrumFeatures, _spec(
            DrumFeatures, "drum_features", "features", {"parquet"}, ["stems", "song_features"],
            "The drums stem measured: hits by drum, pattern of the bar, syncopation, swing.",
        )),
        (BassFeatures, _spec(
            BassFeatures, "bass_features", "features", {"parquet"}, ["stems", "song_features", "drum_features"],
            "The bass stem measured: pitch, notes, sustain, its relation to the bass drum and to the chords.",
        )),
        (VocalFeatures, _spec(
            VocalFeatures, "vocal_features", "features", {"parquet"}, ["stems", "song_features"],
            "The vocals stem measured: activity, pitch, vibrato, formants, voice quality. Never a guess at who sings.",
        )),
        (HarmonicFeatures, _spec(
            HarmonicFeatures, "harmonic_features", "features", {"parquet"}, ["stems", "song_features"],
            "The harmonic stems measured: chords, harmonic rhythm, sustain, polyphony.",
        )),
        (Captions, _spec(
            Captions, "flamingo_captions", "words", {"huggingface"}, _FEATURES,
            "What the captioner says of the mix and of each audible stem, with its name and licence. Without a "
            "model the measured captioner writes from the measurements only, and every answer says so.",
        )),
        (TrainingPrompts, _spec(
            TrainingPrompts, "training_prompts", "words", {"parquet"}, ["flamingo_captions"],
            "Prompts for the full track, each audible stem and several instruments together, with weights.",
        )),
        (Verdict, _spec(
            Verdict, "bark_dataset", "datasets", {"json"}, ["training_prompts"],
            "The verdict on the song and its stems, the dataset JSON, the training instructions and the "
            "manifest entry. An unfit song gets all of them too, and never enters the training manifest.",
        )),
    )
}  # fmt: skip
