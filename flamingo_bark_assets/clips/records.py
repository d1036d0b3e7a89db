"""The training clips of a song as rows: what each holds, and what was left out and why.

Declarations belong here, and no numerical package; cutting, describing and rendering stand beside them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flamingo_bark_assets.parts import STEM_KINDS, SUM_KINDS, StemKind, StemOrigin
from flamingo_bark_assets.record import Record, Row, column, events, optional_column

MIX = "mix"
INSTRUMENTAL = "instrumental"
"""Source of a clip of the mix without its voice: the stem of that kind, or the sum of all fit stems but the vocals."""
NOBODY_SINGS = "nobody sings in it"
"""Why a clip has no lyrics in which the voice was measured and does not sound."""


@dataclass(frozen=True, kw_only=True)
class Clip(Row):
    """One piece of a song to train on, of the mix, of a stem or of several stems together."""

    TABLE: ClassVar[str] = "clips"
    KEY: ClassVar[tuple[str, ...]] = ("clip",)

    clip: str = column("Name: <view>.<source>.<number>; no other clip of the song has it.")
    view: str = column("The view that it was cut for: semantic, coarse, 30s, full, or one of the settings.")
    source: str = column("mix, instrumental, or kinds of stem joined by '+'.")
    kinds: str = column("The kinds of stem that are summed, joined by '+'; empty for the mix.")
    number: int = column("Number of the clip among those of its view, from 0; equal for all sources.")
    start_s: float = column("Start in the song.", unit="s")
    end_s: float = column("End in the song.", unit="s")
    start_cut: str = column("What begins there: song, section, downbeat, pause or length (nothing does).")
    end_cut: str = column("What begins there: song (its end), section, downbeat, beat, pause or length (cut to it).")
    start_bar: int | None = column("Number of the first bar that begins in it, from 0; null without bars.")
    bars: int | None = column("Number of bars that begin in it; null without bars.")
    section: int | None = column("Number of the section in which its middle lies; null without sections.")
    section_label: str | None = column("Letter of that section.")
    position: float = column("Start over the length of the song, 0 to 1.")
    sounding: str = column("Kinds of stem that sound in it, joined by '+'; empty where no stem tells.")
    tempo_bpm: float | None = column(
        "Tempo of the beats inside, as in the song's features; null where there are too few, they change, or it is "
        "less sure than a prompt tells.",
        unit="BPM",
    )
    beats_per_bar: int | None = column("Beats from one downbeat to the next; null where the metre is.")
    metre: str | None = column("Time signature, where there is one throughout, as sure as a prompt tells.")
    key: str | None = column("Key inside, where there is one key throughout, as sure as a prompt tells.")
    chords: str | None = column("Chords that begin or sound inside, Harte syntax, in order, joined by spaces.")
    hits: int | None = column("Drum hits inside; null without a drums stem.")
    f0_low_hz: float | None = column("5th percentile of the voice's pitch inside; null without one.", unit="Hz")
    f0_high_hz: float | None = column("95th percentile of the voice's pitch inside; null without one.", unit="Hz")
    rms_dbfs: float = column("RMS level of the source in it, mean of the channels' power.", unit="dBFS")
    peak_dbfs: float = column(
        "Largest absolute sample of the source in it; of a sum of stems an upper bound.", unit="dBFS"
    )
    active_fraction: float = column("Share of its time in which the source sounds.")
    prompt: str = column(
        "The prompt of the song whose level it has: full_track, stem:<kind> or multi_instrument:<kinds>."
    )
    form: str = column("Form of its text: tags, sentence, paragraph or description.")
    text: str = column("What is told of it, from inside: no word on what is silent there.")
    measured_text: str = column("The same without any word of a captioning model.")
    lyrics: str | None = column("Lines that are sung inside, one a line; null where none is known.")
    lyrics_reason: str | None = column("Why there are no lyrics; null where there are.")
    timed_lyrics: str | None = optional_column(
        "The same as LRC at the clip's own time, given, transcribed or estimated as `lyrics_lines` says; null without "
        "times."
    )
    structured_lyrics: str | None = optional_column(
        "The same under section tags such as [Verse], where they are given or sure enough; null where they are not."
    )
    lyrics_language: str | None = optional_column(
        "Language of the song's words, ISO 639-1; null where it is not known, or the source holds no voice."
    )
    training_weight: float = column("Relative weight, of the prompt.")
    captioner: str = column("Who wrote the words of `text` that were not measured.")
    captioner_licence: str | None = column(
        "Licence of the captioning model's weights; null without a model, or where none is stated."
    )
    is_fallback: bool = column("Whether that captioner ran because no model could be had.")
    licence: str | None = column("Licence of the recording, as its owner states it.")
    attribution: str | None = column("Credit line.")
    separator: str | None = optional_column(
        "Separator and model that made the stems it is rendered from; null where these are given, and for the mix."
    )
    separator_licence: str | None = optional_column(
        "Licence of that model's weights, as the user names it; null where none is stated."
    )
    source_sha256: str = column("SHA-256 of the sound files that it is rendered from, joined by '+'.")

    @property
    def duration_s(self) -> float:
        """Length, seconds."""
        return self.end_s - self.start_s

    @property
    def separator_credit(self) -> str | None:
        """The separator, its model and the licence of its weights, in words; None where nothing was separated."""
        if self.separator is None:
            return None
        return f"{self.separator} (licence of the weights: {self.separator_licence or 'not stated'})"

    @property
    def origin(self) -> StemOrigin:
        """Whether what it is rendered from is given, or was separated from the mix."""
        return "given" if self.separator is None else "separated"

    @property
    def stem_kinds(self) -> tuple[StemKind, ...]:
        """The kinds of stem that are summed; empty for the mix."""
        named = self.kinds.split("+")
        return tuple(kind for kind in STEM_KINDS if kind in named)

    @property
    def sounding_kinds(self) -> tuple[StemKind, ...]:
        """The kinds of stem that sound inside."""
        named = self.sounding.split("+")
        return tuple(kind for kind in STEM_KINDS if kind in named)

    @property
    def holds_voice(self) -> bool:
        """Whether the source may hold the voice: it is the mix or has the vocals in it."""
        return self.source == MIX or "vocals" in self.stem_kinds

    @property
    def is_sung(self) -> bool | None:
        """Whether a voice sounds inside; None where nobody knows: an instrumental says nothing of the mix's voice."""
        if not self.holds_voice or self.lyrics_reason == NOBODY_SINGS:
            return False
        if "vocals" in self.sounding_kinds:
            return True
        return None if not self.sounding or set(SUM_KINDS) & set(self.sounding_kinds) else False


@dataclass(frozen=True, kw_only=True)
class RejectedClip(Row):
    """One piece of a song that was cut and left out, with the first rule that it breaks."""

    TABLE: ClassVar[str] = "rejected_clips"
    KEY: ClassVar[tuple[str, ...]] = ("clip",)

    clip: str = column("Name, as it would be in `clips`.")
    view: str = column("The view that it was cut for.")
    source: str = column("mix, instrumental, or kinds of stem joined by '+'.")
    start_s: float = column("Start in the song.", unit="s")
    end_s: float = column("End in the song.", unit="s")
    rule: str = column("Name of the rule.")
    value: float | None = column("The measured value; null where the rule has none.")
    threshold: float | None = column("The limit; null where the rule has none.")
    reason: str = column("What is wrong, in words.")


@dataclass(frozen=True, kw_only=True)
class TrainingClips(Record):
    """All training clips of one song."""

    TABLE: ClassVar[str] = "training_clips"

    cut_by: str | None = optional_column(
        "What the cuts follow: downbeats, sections, pauses, or regular (nothing); null where nothing was cut."
    )
    cut_reason: str | None = optional_column("Why the cuts do not follow downbeats; null where they do.")
    clips: tuple[Clip, ...] = events("One row a clip.")
    rejected_clips: tuple[RejectedClip, ...] = events("One row a piece that was left out.")
