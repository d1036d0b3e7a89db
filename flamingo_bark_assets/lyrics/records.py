"""The sung words of a song as rows: lines, words, what of a transcription was dropped, and proposed section tags.

Declarations belong here, and no numerical package, as the code location reads its columns from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from flamingo_bark_assets.record import Measurement, Record, Row, column, events, optional_column, quantity

Times = Literal["given", "transcribed", "estimated", "none"]
"""How it is known when words are sung: their source says it, a transcription does, it is estimated, or it is not."""

SURE_TAG = 0.6
"""Section tags with less confidence are proposals for a person, and stand in no text that a trainer reads."""


@dataclass(frozen=True, kw_only=True)
class LyricsLine(Row):
    """One sung line."""

    TABLE: ClassVar[str] = "lyrics_lines"
    KEY: ClassVar[tuple[str, ...]] = ("line",)

    line: int = column("Number of the line, from 0.")
    text: str = column("The line, clean and without tags.")
    start_s: float | None = column("Start; null where nobody knows.", unit="s")
    end_s: float | None = column(
        "End; of given times that of the last phrase before the next line, or else the start of that line; null where "
        "nobody knows.",
        unit="s",
    )
    source: str = column("Where the words come from: song.toml, file_tags, sidecar and its name, or the model's id.")
    times: str = column("How the times are known: given, transcribed, estimated, none.")
    confidence: float | None = column(
        "Of transcribed words: their mean probability, of given ones with transcribed times that of the words found "
        "again times their share; of estimated times a rank of at most 0.6, not calibrated; null for given "
        "times or none."
    )
    for_clips: bool = column("Whether its times are sure enough for a clip to carry its words.")
    vocal_activity: float | None = column("Share of its time in which the voice was measured to sing; null if unknown.")
    stanza: int | None = column("Number of the section that it stands in, from 0; null where none is known.")
    section_tag: str | None = column("Verse, Chorus, Bridge, Intro, Outro or Instrumental; null where unknown.")
    section_source: str | None = column("given with the words, or proposed from measurements; null without a tag.")
    section_confidence: float | None = column(
        "Of the section tag: 1 where it is given, else a rank as in `lyrics_sections`; null without a tag."
    )


@dataclass(frozen=True, kw_only=True)
class LyricsWord(Row):
    """One sung word with a time of its own, or several that share one."""

    TABLE: ClassVar[str] = "lyrics_words"
    KEY: ClassVar[tuple[str, ...]] = ("word",)

    word: int = column("Number of the word, from 0.")
    line: int = column("Number of its line.")
    text: str = column("The word.")
    start_s: float | None = column("Start; null where the model gives times of lines only.", unit="s")
    end_s: float | None = column("End; null where the model gives times of lines only.", unit="s")
    source: str = column("Where it comes from, as in `lyrics_lines`.")
    times: str = column("How its time is known: given, transcribed, none.")
    confidence: float | None = column("The model's probability of the word; null for given words.")
    no_speech_probability: float | None = column("The model's probability that nobody sings in its window.")
    vocal_activity: float | None = column("Share of its time in which the voice was measured to sing; null if unknown.")


@dataclass(frozen=True, kw_only=True)
class DroppedLyrics(Row):
    """Words of a transcription that were dropped by a rule."""

    TABLE: ClassVar[str] = "lyrics_dropped"
    KEY: ClassVar[tuple[str, ...]] = ("number",)

    number: int = column("Number, from 0.")
    text: str = column("The words.")
    words: int = column("How many.")
    start_s: float | None = column("Start; null where the model gives none.", unit="s")
    end_s: float | None = column("End; null where the model gives none.", unit="s")
    rule: str = column("caption (of silence), no_speech, pace, no_voice or loop.")
    reason: str = column("What is wrong, in words.")


@dataclass(frozen=True, kw_only=True)
class LyricsSection(Row):
    """A section tag for one measured section."""

    TABLE: ClassVar[str] = "lyrics_sections"
    KEY: ClassVar[tuple[str, ...]] = ("section",)

    section: int = column("Number of the section, as in `sections`.")
    start_s: float = column("Start.", unit="s")
    end_s: float = column("End.", unit="s")
    tag: str | None = column("Verse, Chorus, Bridge, Intro, Outro or Instrumental; null where nothing tells.")
    source: str | None = column("given with the words, or proposed from measurements; null without a tag.")
    confidence: float | None = column(
        "Of a given tag that of the times of its lines, 1 where they are given; else a rank of proposals, not a "
        "calibrated probability."
    )
    sung_share: float | None = column("Share of its time in which somebody sings; null where nobody knows.")
    reason: str = column("What the tag was told by, or why there is none.")


@dataclass(frozen=True, kw_only=True)
class SongLyrics(Record):
    """The sung words of one song."""

    TABLE: ClassVar[str] = "song_lyrics"

    source: str | None = optional_column(
        "Where the words come from: song.toml, file_tags, sidecar and its name, or the model's id; null without words."
    )
    model_id: str | None = optional_column("The model that transcribed words or their times; null without.")
    model_revision: str | None = optional_column("Commit or digest of its weights.")
    model_licence: str | None = optional_column("Licence of its weights.")
    transcription_reason: str | None = optional_column("Why nothing was transcribed; null where something was.")
    times: str = column("How the times of lines are known: given, transcribed, estimated, none.")
    times_reason: str | None = optional_column(
        "Why lines have no times, or none for clips, or were left out; null where nothing is amiss."
    )
    missing_reason: str | None = optional_column("Why there are no words; null where there are.")
    language: Measurement[str] = quantity("", "Language of the words: ISO 639-1 code.")
    line_count: Measurement[int] = quantity("", "Number of lines.")
    dropped_words: Measurement[int] = quantity("", "Words of the transcription that were dropped by a rule.")
    lyrics_lines: tuple[LyricsLine, ...] = events("One row a line.")
    lyrics_words: tuple[LyricsWord, ...] = events("One row a word with a time or a probability of its own.")
    lyrics_dropped: tuple[DroppedLyrics, ...] = events("One row a group of transcribed words that was dropped.")
    lyrics_sections: tuple[LyricsSection, ...] = events("One row a measured section.")

    @property
    def text(self) -> str | None:
        """All words, one line a line, without times and tags; None where there are none."""
        return "\n".join(line.text for line in self.lyrics_lines) or None

    @property
    def sure_lines(self) -> tuple[LyricsLine, ...]:
        """All lines but those whose transcribed words are not sure enough to train on."""
        return tuple(line for line in self.lyrics_lines if line.for_clips or line.source != self.model_id)
