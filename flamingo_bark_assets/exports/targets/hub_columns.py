"""The columns of a hub dataset: one row a clip of the mix, with the stems of the same number and all its facts.

The table of columns belongs here, from which file, card and Croissant derive; how they are written does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from flamingo_bark_assets.clips.records import INSTRUMENTAL
from flamingo_bark_assets.exports.interface import ExportedClip
from flamingo_bark_assets.exports.parquet import ColumnType
from flamingo_bark_assets.parts import STEM_KINDS

AUDIO = "audio"
FURTHER_SOUNDS: tuple[str, ...] = tuple(dict.fromkeys((INSTRUMENTAL, *STEM_KINDS)))
"""Roles of the sounds beside the mix, in the order of columns."""
_NAMED = {kind: f"The stem of {kind}" for kind in STEM_KINDS} | {
    INSTRUMENTAL: "The mix without its vocals, as a stem or the sum of all others"
}


@dataclass(frozen=True, slots=True)
class HubColumn:
    """One column.

    Attributes:
        name: its name.
        type: what it holds.
        meaning: what it tells, with the unit.
        read: gives the value of a clip.
        is_sound: whether it names a sound file, which `datasets` turns into an audio column.
    """

    name: str
    type: ColumnType
    meaning: str
    read: Callable[[ExportedClip], Any]
    is_sound: bool = False


def hub_columns(sounds: Iterable[str]) -> tuple[HubColumn, ...]:
    """Return all columns, with a sound and its text for each of the further sounds.

    The name of the mix comes first: `datasets` gives ``file_name`` to whichever audio column it meets first.
    """
    sounds = tuple(sounds)
    return (
        HubColumn("file_name", "text", "The mix: FLAC, 44.1 kHz, stereo.", _path_of(AUDIO), is_sound=True),
        *(
            HubColumn(
                f"{sound}_file_name", "text", f"{_NAMED[sound]}, of the same seconds; null where it is not there or "
                "does not sound.", _path_of(sound), is_sound=True,
            )
            for sound in sounds
        ),
        *_TEXTS,
        *(
            HubColumn(f"{sound}_text", "text", f"What is told of {sound}.", _text_of(sound))
            for sound in sounds
        ),
        *(
            HubColumn(f"{sound}_gain_db", "number", f"What {sound} was turned up or down by, dB.", _gain_of(sound))
            for sound in sounds
        ),
        *FACTS,
    )  # fmt: skip


def _path_of(role: str) -> Callable[[ExportedClip], str | None]:
    def read(clip: ExportedClip) -> str | None:
        entry = clip.files.get(role)
        return None if entry is None else entry.path.removeprefix(f"{clip.split}/")

    return read


def _gain_of(sound: str) -> Callable[[ExportedClip], float | None]:
    return lambda clip: clip.gains_db.get(sound)


def _text_of(sound: str) -> Callable[[ExportedClip], str | None]:
    return lambda clip: clip.texts.get(sound)


def _stems_origin(clip: ExportedClip) -> str | None:
    if clip.separators:
        return "separated"
    has_stems = clip.clip.stem_kinds or clip.files.keys() & set(FURTHER_SOUNDS)
    return "given" if has_stems else None


_TEXTS: tuple[HubColumn, ...] = (
    HubColumn("text", "text", "What is told of the mix, from inside the clip.", lambda c: c.text),
    HubColumn("lyrics", "text", "Lines that are sung inside; null where none is known.", lambda c: c.lyrics),
    HubColumn(
        "lyrics_language",
        "text",
        "Language of the song's words, ISO 639-1; null where it is not known.",
        lambda c: c.clip.lyrics_language,
    ),
    HubColumn("lyrics_reason", "text", "Why there are no lyrics.", lambda c: c.clip.lyrics_reason),
)
FACTS: tuple[HubColumn, ...] = (
    HubColumn("song_id", "text", "The song that it was cut from.", lambda c: c.song_id),
    HubColumn("title", "text", "Title of the song.", lambda c: c.title),
    HubColumn("artist", "text", "Artist of the song.", lambda c: c.artist),
    HubColumn("genres", "texts", "Genres of the song, as its owner or its tags give them.", lambda c: list(c.genres)),
    HubColumn("duplicate_group", "text", "Songs of one group are the same recording.", lambda c: c.group),
    HubColumn("clip", "text", "Name of the clip in the song.", lambda c: c.clip.clip),
    HubColumn("start_s", "number", "Start in the song, s.", lambda c: c.clip.start_s),
    HubColumn("end_s", "number", "End in the song, s.", lambda c: c.clip.end_s),
    HubColumn("duration_s", "number", "Length of the sound, s.", lambda c: c.files[AUDIO].duration_s),
    HubColumn("start_cut", "text", "What begins at its start.", lambda c: c.clip.start_cut),
    HubColumn("end_cut", "text", "What begins at its end.", lambda c: c.clip.end_cut),
    HubColumn("start_bar", "integer", "Number of its first bar in the song, from 0.", lambda c: c.clip.start_bar),
    HubColumn("bars", "integer", "Bars that begin in it.", lambda c: c.clip.bars),
    HubColumn("section", "integer", "Number of its section in the song, from 0.", lambda c: c.clip.section),
    HubColumn("section_label", "text", "Letter of that section.", lambda c: c.clip.section_label),
    HubColumn("position", "number", "Start over the length of the song, 0 to 1.", lambda c: c.clip.position),
    HubColumn("bpm", "number", "Tempo inside, BPM; null where it is unsure.", lambda c: c.clip.tempo_bpm),
    HubColumn("key", "text", "Key inside; null where it is unsure.", lambda c: c.clip.key),
    HubColumn("metre", "text", "Time signature of the song.", lambda c: c.clip.metre),
    HubColumn("beats_per_bar", "integer", "Beats a bar.", lambda c: c.clip.beats_per_bar),
    HubColumn("chords", "text", "Chords inside, Harte syntax.", lambda c: c.clip.chords),
    HubColumn("sounding", "text", "Kinds of stem that sound inside, joined by '+'.", lambda c: c.clip.sounding),
    HubColumn("hits", "integer", "Drum hits inside.", lambda c: c.clip.hits),
    HubColumn("f0_low_hz", "number", "5th percentile of the voice's pitch, Hz.", lambda c: c.clip.f0_low_hz),
    HubColumn("f0_high_hz", "number", "95th percentile of the voice's pitch, Hz.", lambda c: c.clip.f0_high_hz),
    HubColumn("rms_dbfs", "number", "RMS level of the mix, dBFS.", lambda c: c.clip.rms_dbfs),
    HubColumn("peak_dbfs", "number", "Peak of the mix, dBFS.", lambda c: c.clip.peak_dbfs),
    HubColumn("active_fraction", "number", "Share of its time in which it sounds.", lambda c: c.clip.active_fraction),
    HubColumn("gain_db", "number", "What the mix was turned up or down by, dB.", lambda c: c.gain_db),
    HubColumn("weight", "number", "Relative training weight; no loader reads it.", lambda c: c.clip.training_weight),
    HubColumn("captioner", "text", "Who wrote the words that were not measured.", lambda c: c.captioner),
    HubColumn("captioner_licence", "text", "Licence of that model.", lambda c: c.clip.captioner_licence),
    HubColumn("is_fallback", "flag", "Whether no captioning model could be had.", lambda c: c.clip.is_fallback),
    HubColumn(
        "stems_origin",
        "text",
        "separated where a separator made the stems beside it from the mix, so that some of "
        "the rest bleeds into each; given where they came with the song; null without stems.",
        _stems_origin,
    ),
    HubColumn(
        "stems_separated_by",
        "text",
        "That separator, its model and the licence of its weights; null where the stems are given.",
        lambda c: "; ".join(c.separators) or None,
    ),
    HubColumn("licence", "text", "Licence of the recording, as its owner states it.", lambda c: c.clip.licence),
    HubColumn("attribution", "text", "Credit line.", lambda c: c.clip.attribution),
    HubColumn("sha256", "text", "SHA-256 of the mix's file.", lambda c: c.files[AUDIO].sha256),
    HubColumn(
        "source_sha256", "text", "SHA-256 of the recording that it was cut from.", lambda c: c.clip.source_sha256
    ),
)
"""What is known of a clip beside its words."""
