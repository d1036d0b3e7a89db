"""The steps of the pipeline as one table: what each makes, all that its result depends on, and how it is shown.

Only declarations belong here, so that the code location reads them without numerical packages; the work of each step
stands in `pipeline`, and what is due is decided by `provenance`, both from this table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from flamingo_bark_assets.analysis.features.harmonic import ChordalFeatures
from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.analysis.kinds import RESULT_CLASSES
from flamingo_bark_assets.audio.recording import RawSong, StemSet
from flamingo_bark_assets.audio.song_metadata import SongMetadata
from flamingo_bark_assets.audio.song_review import SongReview
from flamingo_bark_assets.captioning.interface import Captions
from flamingo_bark_assets.clips.records import TrainingClips
from flamingo_bark_assets.lyrics.records import SongLyrics
from flamingo_bark_assets.parts import KINDS, STEM_KINDS, StemKind
from flamingo_bark_assets.prompts.levels import TrainingPrompts
from flamingo_bark_assets.record import Record
from flamingo_bark_assets.separation.records import SeparatedStems
from flamingo_bark_assets.settings import ANALYSIS_VERSION
from flamingo_bark_assets.training.suitability import Verdict

FilePart = Literal["sound", "info", "edits", "review", "grid", "key", "sections", "claims"]
"""What of a song's files counts: its sound files, its song.toml but for what a person decides, and each of that.

Hand edits; review and repeats; corrections of tempo, metre and first downbeat, of the key, of the sections; decisions
on claims.
"""

StepGroup = Literal["ingest", "features", "text", "datasets"]

SettingsGroup = Literal["decoding", "separation", "captioning", "prompts", "suitability", "clips", "sidecars", "lyrics"]
"""The settings that steps depend on, by what they are for."""
SETTINGS_GROUPS: tuple[SettingsGroup, ...] = get_args(SettingsGroup)

TEXT_VERSION = "11"
"""Of the rules by which metadata is read and captions and prompts are written; raise it when their results change."""

LYRICS_VERSION = "3"
"""Of the rules by which sung words are read, timed and tagged; raise it when their results change."""

REVIEW_VERSION = "1"
"""Of the rules by which a review is read; raise it when its results change."""

SEPARATION_VERSION = "1"
"""Of the rules by which a separator is called and its output is read; raise it when their results change."""

SECOND_OPINION = "second_opinion"
"""The input of a step that a song has which is chosen for a second opinion; see `Step.second_opinion`."""
SECOND_OPINION_VERSION = "1"
"""Of the rules by which librosa is called and compared with; raise it when their results change."""

CLIPS_VERSION = "8"
"""Of the rules by which songs are cut and clips are described; raise it when their results change."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the pipeline, which is one asset of Dagster.

    Attributes:
        name: name of the step and of its asset.
        record: class of its result.
        group: where it stands in the graph of assets.
        description: what its asset shows, for a person.
        needs: steps whose results it reads.
        files: what it reads of the song's files that no step of `needs` carries in its result.
        settings: groups of settings that it reads.
        badge: what its asset is marked with beside ``python``.
        second_opinion: whether it measures a share of the songs a second time; for these, that is an input.
        version: of the code that makes the result.
    """

    name: str
    record: type[Record]
    group: StepGroup
    description: str
    needs: tuple[str, ...] = ()
    files: tuple[FilePart, ...] = ()
    settings: tuple[SettingsGroup, ...] = ()
    badge: str = "file"
    second_opinion: bool = False
    version: str = ANALYSIS_VERSION


STEM_STEPS: dict[StemKind, str] = {kind: RESULT_CLASSES[kind].TABLE for kind in STEM_KINDS}
"""Name of the step that measures each kind of stem."""
CHORDAL_STEPS = frozenset(STEM_STEPS[kind] for kind in STEM_KINDS if issubclass(RESULT_CLASSES[kind], ChordalFeatures))
"""Those of stems that play chords, which are spelled by the key of the song."""
_EVIDENCE = ("raw_song", "song_metadata", "separated_stems", "stems", "song_features", *STEM_STEPS.values())


def _stem_step(kind: StemKind) -> Step:
    reads = (STEM_STEPS[other] for other in KINDS[kind].reads)
    return Step(
        STEM_STEPS[kind], RESULT_CLASSES[kind], "features",
        f"The {kind} stems measured together: {KINDS[kind].measured}.",
        needs=("raw_song", "stems", "song_features", *reads),
    )  # fmt: skip


STEPS: tuple[Step, ...] = (
    Step(
        "raw_song", RawSong, "ingest",
        "The song file: its format, and what the medium did to it (clipping, bandwidth, silence, noise floor, "
        "polarity). A file that cannot be used is a row with the reason.",
        files=("sound",), settings=("decoding",), badge="file",
    ),
    Step(
        "song_metadata", SongMetadata, "ingest",
        "What is said about the song, by song.toml, by the tags of its file and by its sidecars: title, artist, genre, "
        "licence, credit line, lyrics, a given caption, and whether there are hand edits.",
        files=("sound", "info", "edits"), settings=("sidecars",), badge="file", version=TEXT_VERSION,
    ),
    Step(
        "song_review", SongReview, "ingest",
        "Whether a person has looked at the song and what they decided, from song.toml: accepted or excluded, by whom, "
        "when and why, and how often it goes into an export. An excluded song is in no manifest, split or export.",
        files=("review",), badge="file", version=REVIEW_VERSION,
    ),
    Step(
        "separated_stems", SeparatedStems, "ingest",
        "Stems that a separator of the user's makes of a song that has none, where [separation] is enabled: by which "
        "command, version and model, and its files; else why there are none. A song with stems of its own is never "
        "separated.",
        needs=("raw_song",), files=("sound",), settings=("separation",), badge="file", version=SEPARATION_VERSION,
    ),
    Step(
        "stems", StemSet, "ingest",
        "The stems against the mix: which there are, their length, lag and level, and what is left of the mix when "
        "their sum is taken away.",
        needs=("raw_song", "separated_stems"), files=("sound",), settings=("decoding",), badge="file",
    ),
    Step(
        "song_features", SongFeatures, "features",
        "The mix measured, with the help of its stems: tempo, beats, bars, key, chords, sections, loudness, dynamics, "
        "timbre, stereo image. What song.toml corrects of it wins, and is shown as human. Of a share of the songs "
        "librosa's values stand beside ours.",
        needs=("raw_song", "stems"), files=("grid", "key", "sections"), second_opinion=True,
    ),
    *(_stem_step(kind) for kind in STEM_KINDS),
    Step(
        "song_lyrics", SongLyrics, "text",
        "The words that are sung: given, or transcribed by a configured model; when each line is sung and how that is "
        "known, the language, and proposed section tags. What of a transcription nobody sings is dropped and counted.",
        needs=("raw_song", "song_metadata", "stems", "song_features", "vocal_features"), settings=("lyrics",),
        version=LYRICS_VERSION,
    ),
    Step(
        "flamingo_captions", Captions, "text",
        "What the captioner says of the mix and of each audible stem, with its name and licence. Without a model the "
        "measured captioner writes from the measurements only, the built-in tagger names genre, mood and instruments "
        "where it is sure, and every answer says so.",
        needs=_EVIDENCE, files=("claims",), settings=("captioning",), badge="huggingface", version=TEXT_VERSION,
    ),
    Step(
        "training_prompts", TrainingPrompts, "text",
        "Prompts for the full track, each audible stem and several instruments together, with weights.",
        needs=(*_EVIDENCE, "flamingo_captions"), files=("claims",), settings=("prompts",), version=TEXT_VERSION,
    ),
    Step(
        "bark_dataset", Verdict, "datasets",
        "The verdict on the song and its stems, the dataset JSON, the training instructions and the manifest entry. "
        "An unfit song gets all of them too, and never enters the training manifest.",
        needs=(*_EVIDENCE, "song_lyrics", "flamingo_captions", "training_prompts"), settings=("suitability",),
        badge="json",
    ),
    Step(
        "training_clips", TrainingClips, "datasets",
        "The pieces of a fit song to train on: where each is cut, what is measured inside it, its texts and lyrics; "
        "and what was left out, with the rule and the value. Exports render their sound.",
        needs=(*_EVIDENCE, "song_lyrics", "flamingo_captions", "training_prompts", "bark_dataset"),
        files=("claims",), settings=("prompts", "clips"), version=CLIPS_VERSION,
    ),
)  # fmt: skip
"""In an order in which each step stands after those that it needs."""

RECORDS: tuple[type[Record], ...] = tuple(step.record for step in STEPS)
"""Classes of all stored results, from which the tables of the warehouse derive."""
STEP_OF_RECORD: dict[type[Record], Step] = {step.record: step for step in STEPS}
STEP_NAMED: dict[str, Step] = {step.name: step for step in STEPS}
