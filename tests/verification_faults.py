"""The planted faults, one row each: in which layout, what is broken, and which rule shall name which file and row.

The table belongs here; planting and looking for them stands in `test_verify_faults`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tests.verification_exports import (
    Member,
    changed_sound,
    edit_arrays,
    edit_cell,
    edit_json,
    edit_lines,
    edit_row,
    edit_shard,
    edit_sound,
    edit_table,
    write,
)

Place = tuple[str, int | None]
LONG = "la la la la la la la la la la " * 60
ACE, HUB, STABLE, CRAFT, SHARDS = "ace-step", "huggingface", "stable-audio-tools", "audiocraft", "webdataset"
BARK, VOICES = "bark", "bark-voice-prompts"


@dataclass(frozen=True, slots=True)
class Fault:
    """One planted fault.

    Attributes:
        target: the layout.
        kind: what is broken, in a few words; unique in its layout.
        rule: the rule that shall name it.
        plant: breaks a folder and returns the file and row that shall be named.
    """

    target: str
    kind: str
    rule: str
    plant: Callable[[Path], Place]

    @property
    def id(self) -> str:
        """Name of the test."""
        return f"{self.target}: {self.kind}"


# ---- sounds: the same kinds in every layout -------------------------------------------------------------------------


def _silent(samples: NDArray[np.float64]) -> NDArray[Any]:
    return samples * 0.0005


def _mostly_silent(samples: NDArray[np.float64]) -> NDArray[Any]:
    return np.where(np.arange(len(samples))[:, None] < 0.8 * len(samples), 0.0, samples)


def _offset(samples: NDArray[np.float64]) -> NDArray[Any]:
    return samples * 0.5 + 0.2


def _clipped(samples: NDArray[np.float64]) -> NDArray[Any]:
    return np.clip(samples * 40.0, -1.0, 1.0)


def _not_finite(samples: NDArray[np.float64]) -> NDArray[Any]:
    broken = samples.astype(np.float32)
    broken[len(broken) // 2] = np.nan
    return broken


def _as_is(samples: NDArray[np.float64]) -> NDArray[Any]:
    return samples


def _other_channels(samples: NDArray[np.float64]) -> NDArray[Any]:
    return samples[:, :1] if samples.shape[1] == 2 else np.repeat(samples, 2, axis=1)


def sound_faults(target: str, path: str, *, index: Place, short: str = "too_short") -> Iterator[Fault]:
    """Give the faults of one sound file of a layout.

    Args:
        target: the layout.
        path: the file.
        index: where it is named, for the fault that it is gone.
        short: the rule for a sound of two seconds.
    """

    def changed(kind: str, rule: str, change: Callable[[NDArray[np.float64]], NDArray[Any]], **options: Any) -> Fault:
        def plant(folder: Path) -> Place:
            edit_sound(folder / path, change, **options)
            return path, None

        return Fault(target, kind, rule, plant)

    def cut(folder: Path) -> Place:
        content = (folder / path).read_bytes()
        write(folder / path, content[: len(content) // 2])
        return path, None

    def rubbish(folder: Path) -> Place:
        write(folder / path, b"not a sound at all\0" * 100)
        return path, None

    def empty(folder: Path) -> Place:
        write(folder / path, b"")
        return path, None

    def gone(folder: Path) -> Place:
        (folder / path).unlink()
        return index

    def flipped(folder: Path) -> Place:
        content = bytearray((folder / path).read_bytes())
        content[len(content) // 2] ^= 0x55
        write(folder / path, bytes(content))
        return path, None

    def out(folder: Path) -> Place:
        outside = folder.parent / f"{folder.name}.outside"
        (folder / path).rename(outside)
        (folder / path).symlink_to(outside)
        return path, None

    def pipe(folder: Path) -> Place:
        (folder / path).unlink()
        os.mkfifo(folder / path)
        return path, None

    yield changed("silence", "silence", _silent)
    yield changed("mostly silent", "mostly_silent", _mostly_silent)
    yield changed("constant offset", "dc", _offset)
    yield changed("clipped", "clipping", _clipped)
    yield changed("another sample rate", "sample_rate", _as_is, rate=22_050)
    yield changed("another number of channels", "channels", _other_channels)
    yield changed("cut to two seconds", short, lambda samples: samples[: len(samples) // 12])
    yield Fault(target, "half a file", "truncated" if path.endswith(".wav") else "unreadable", cut)
    yield Fault(target, "no sound at all", "unreadable", rubbish)
    yield Fault(target, "empty file", "truncated", empty)
    yield Fault(target, "sound gone", "missing_file", gone)
    yield Fault(target, "one byte changed", "checksum", flipped)
    yield Fault(target, "link out of the folder", "link", out)
    yield Fault(target, "pipe", "not_regular", pipe)
    if path.endswith(".wav"):
        yield changed("NaN", "nonfinite", _not_finite, subtype="FLOAT")


# ---- ACE-Step -------------------------------------------------------------------------------------------------------


def _ace(kind: str, rule: str, row: int = 1, place: Place | None = None, **changes: Any) -> Fault:
    """Change fields of one sample of dataset.json; a field of `...` is taken out."""

    def change(values: dict[str, Any]) -> None:
        sample = values["samples"][row - 1]
        for field, value in changes.items():
            if value is ...:
                del sample[field]
            else:
                sample[field] = value(sample[field]) if callable(value) else value

    def plant(folder: Path) -> Place:
        edit_json(folder / "dataset.json", change)
        return place or ("dataset.json", row)

    return Fault(ACE, kind, rule, plant)


def _json(
    target: str, file: str, kind: str, rule: str, change: Callable[[Any], Any], place: Place | None = None
) -> Fault:
    def plant(folder: Path) -> Place:
        edit_json(folder / file, change)
        return place or (file, None)

    return Fault(target, kind, rule, plant)


def _bytes(
    target: str, file: str, kind: str, rule: str, change: Callable[[bytes], bytes], row: int | None = None, *,
    place: Place | None = None,
) -> Fault:  # fmt: skip
    def plant(folder: Path) -> Place:
        write(folder / file, change((folder / file).read_bytes()))
        return place or (file, row)

    return Fault(target, kind, rule, plant)


def _gone(target: str, file: str, kind: str, rule: str = "missing_file", place: Place | None = None) -> Fault:
    def plant(folder: Path) -> Place:
        (folder / file).unlink()
        return place or (file, None)

    return Fault(target, kind, rule, plant)


def _replace(old: str, new: str) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        assert old.encode() in content, f"{old!r} is not in {content[:200]!r}"
        return content.replace(old.encode(), new.encode())

    return change


_SONG0 = "song-00__full_mix_000"
_TAGS = f"ai-toolkit/train/{_SONG0}-ai-toolkit.txt"
_LINES = f"side-step/train/{_SONG0}-side-step.txt"


def ace_faults() -> Iterator[Fault]:
    """Give the faults of ACE-Step's list and of the sidecars around it."""
    yield from (
        _ace("key in capitals", "key_spelling", keyscale="Gb Major"),
        _bytes(ACE, "ai-toolkit.yaml", "job of nothing", "missing_file", _replace("toolkit/train", "toolkit/no"), 1),
        _bytes(ACE, "ai-toolkit.yaml", "job on held-out songs", "leak", _replace("toolkit/train", "toolkit/test"), 1),
        _bytes(ACE, "ai-toolkit.yaml", "job without folder", "syntax", _replace("folder_path", "folder")),
        _ace("key as Camelot", "key_spelling", keyscale="8A"),
        _ace("metre 4/4", "metre_spelling", timesignature="4/4"),
        _ace("metre as number", "metre_spelling", timesignature=4),
        _ace("bpm 0", "bpm", bpm=0),
        _ace("bpm 400", "bpm", bpm=400),
        _ace("bpm in words", "bpm", bpm="fast"),
        _ace("bpm with a fraction", "bpm", bpm=100.5),
        _ace("bpm doubled", "claim_tempo", bpm=200),
        _ace("bpm halved", "claim_tempo", bpm=50),
        _ace("key of another song", "claim_key", keyscale="C major"),
        _ace("metre of three", "claim_metre", timesignature="3"),
        _ace("language as a name", "language", language="english"),
        _ace("language in capitals", "language", language="EN"),
        _ace("not labeled", "unused", row=2, labeled=False),
        _ace("labeled in words", "unused", labeled="true"),
        _ace("equal ids", "duplicate_id", row=2, id=_SONG0),
        _ace("ids that differ in case", "duplicate_id", row=2, id=_SONG0.upper()),
        _ace("id with a slash", "field_value", id="a/b"),
        _ace("no lyrics key", "missing_key", lyrics=...),
        _ace("no caption key", "missing_key", caption=...),
        _ace("no audio path", "missing_key", audio_path=...),
        _ace("empty caption", "empty_text", caption=""),
        _ace("caption is the file name", "placeholder", caption=_SONG0),
        _ace("caption too long", "budget", caption=LONG),
        _ace("lyrics too long", "budget", lyrics=LONG),
        _ace("lyrics empty", "lyrics_format", lyrics=""),
        _ace("sung, but [Instrumental]", "lyrics_format", lyrics="[Instrumental]"),
        _ace("instrumental, but sung", "lyrics_format", is_instrumental=True),
        _ace("flag in words", "field_type", is_instrumental="no"),
        _ace("lyrics of another clip", "text_changed", lyrics="somebody else's words"),
        _ace("caption of another clip", "text_changed", caption="Jazz in F# minor. In 4/4."),
        _ace("caption names silent drums", "claim_instrument", caption=lambda text: text + " Drums play loudly."),
        _ace("caption denies the voice", "claim_voice", caption=lambda text: text + " No vocals."),
        _ace("caption tells another tempo", "claim_tempo", caption=lambda text: text.replace("100 BPM", "171 BPM")),
        _ace("caption tells another key", "claim_key", caption=lambda text: text.replace("F# minor", "Eb major")),
        _ace("key not in the caption", "not_repeated", caption="Rock music. In 4/4."),
        _ace("metre not in the caption", "not_repeated", caption="Rock music in F# minor."),
        _ace("duration too short", "field_value", duration=5),
        _ace("duration of another file", "length", duration=40),
        _ace("duration in words", "field_type", duration="12 s"),
        _ace("a repeat", "weight_ignored", repeat=3),
        _ace("file gone from where it is named", "missing_file", audio_path="/nowhere/at/all.wav"),
        _ace("a path that leads out", "unsafe_path", audio_path="../../secret.wav"),
        _ace("another file name", "field_value", filename="other.flac"),
        _ace("NUL in the caption", "control_character", caption=lambda text: text + "\0"),
        _ace("unknown override", "field_value", prompt_override="lyrics"),
        _ace("named twice", "duplicate_row", row=2, audio_path=lambda path: path.replace("-2.flac", ".flac")),
        _json(ACE, "dataset.json", "count of samples", "count", lambda v: v["metadata"].update(num_samples=3)),
        _json(ACE, "dataset.json", "tag position", "field_value", lambda v: v["metadata"].update(tag_position="end")),
        _json(ACE, "dataset.json", "genre ratio", "field_value", lambda v: v["metadata"].update(genre_ratio=250)),
        _json(ACE, "dataset.json", "all instrumental", "field_value",
              lambda v: v["metadata"].update(all_instrumental=True)),
        _json(ACE, "dataset.json", "no metadata", "missing_key", lambda v: v.pop("metadata") and None),
        _json(ACE, "dataset.json", "no samples", "empty_split", lambda v: v.update(samples=[])),
        _json(ACE, "dataset.json", "a sample lost", "count", lambda v: v["samples"].pop(1) and None),
        _json(ACE, "dataset.json", "a held-out song in training", "wrong_split",
              lambda v: v["samples"].append(_held_out(v["samples"][0])), ("dataset.json", 16)),
        _bytes(ACE, "dataset.json", "byte order mark", "bom", lambda b: b"\xef\xbb\xbf" + b, 1),
        _bytes(ACE, "dataset.json", "UTF-16", "encoding", lambda b: b.decode().encode("utf-16")),
        _bytes(ACE, "dataset.json", "half a list", "syntax", lambda b: b[: len(b) // 2], None),
        _gone(ACE, "dataset.json", "no list", "missing_index"),
        _gone(ACE, f"audio/train/{_SONG0}.caption.txt", "caption gone"),
        _gone(ACE, _TAGS, "ai-toolkit's text gone"),
        _gone(ACE, _LINES, "Side-Step's text gone"),
        _bytes(ACE, _TAGS, "tag not closed", "syntax", _replace("</LYRICS>", "")),
        _bytes(ACE, _TAGS, "no caption tag", "missing_key", lambda b: b.replace(b"CAPTION", b"TITLE")),
        _bytes(ACE, _TAGS, "tempo of a tag", "claim_tempo", _replace("<BPM>100", "<BPM>142")),
        _bytes(ACE, _TAGS, "key of a tag", "key_spelling", _replace("<KEYSCALE>F# minor", "<KEYSCALE>F#m")),
        _bytes(ACE, _TAGS, "language of a tag", "language", _replace(">unknown<", ">none<")),
        _bytes(ACE, _LINES, "no caption line", "missing_key", _replace("caption:", "kaption:")),
        _bytes(ACE, _LINES, "tempo of a line", "bpm", _replace("bpm: 100", "bpm: 1000")),
        _bytes(ACE, _LINES, "flag of a line", "field_value", _replace("is_instrumental: false", "is_instrumental: no")),
        _bytes(ACE, _LINES, "Windows line ends", "line_ends", lambda b: b.replace(b"\n", b"\r\n"), 1),
        _bytes(ACE, _LINES, "not UTF-8", "encoding", lambda b: b + b"\xff\xfe\xfa", 9),
        _bytes(ACE, _LINES, "empty", "empty_text", lambda b: b""),
        _bytes(ACE, f"audio/train/{_SONG0}.caption.txt", "caption file of another clip", "text_changed",
               lambda b: b"Jazz in F# minor. In 4/4."),
        _bytes(ACE, "audio/train/metadata.csv", "tempo of the table", "claim_tempo", _replace(",118,", ",59,"), 7),
        _bytes(ACE, "audio/train/metadata.csv", "table names no sound", "missing_file",
               _replace("song-01__full_mix_000.flac", "nothing.flac"), 7),
    )  # fmt: skip
    yield Fault(ACE, "one base name in two folders", "duplicate_name", _ace_twin)
    yield from sound_faults(ACE, f"audio/train/{_SONG0}.flac", index=("dataset.json", 1))


def _held_out(sample: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.replace("song-00", "song-03").replace("/train/", "/validation/")
        if isinstance(value, str)
        else value
        for name, value in sample.items()
    }


def _ace_twin(folder: Path) -> Place:
    (folder / "more").mkdir()
    os.link(folder / f"audio/train/{_SONG0}.flac", folder / f"more/{_SONG0}.flac")

    def change(values: dict[str, Any]) -> None:
        copy = dict(values["samples"][0], id="another", audio_path=f"more/{_SONG0}.flac")
        values["samples"].append(copy)
        values["metadata"]["num_samples"] += 1

    edit_json(folder / "dataset.json", change)
    return "dataset.json", 16


# ---- Hugging Face ---------------------------------------------------------------------------------------------------

_TABLE = "train/metadata.parquet"
_HUB0 = "train/song-00/song-00__30s_mix_000.flac"


def _cell(kind: str, rule: str, column: str, value: object, row: int = 1) -> Fault:
    def plant(folder: Path) -> Place:
        edit_cell(folder / _TABLE, row, column, value)
        return _TABLE, row

    return Fault(HUB, kind, rule, plant)


def _table(
    kind: str, rule: str, change: Callable[[pl.DataFrame], pl.DataFrame], place: Place = (_TABLE, None)
) -> Fault:
    def plant(folder: Path) -> Place:
        edit_table(folder / _TABLE, change)
        return place

    return Fault(HUB, kind, rule, plant)


def hub_faults() -> Iterator[Fault]:
    """Give the faults of tables, card and Croissant."""
    second = "song-01/song-01__30s_mix_000.flac"
    yield from (
        _cell("file name of nothing", "missing_file", "file_name", "song-00/nothing.flac"),
        _cell("no file name", "missing_key", "file_name", None),
        _cell("file name twice", "duplicate_row", "file_name", second, row=3),
        _cell("file name leads out", "unsafe_path", "file_name", "../../x.flac"),
        _cell("absolute file name", "unsafe_path", "file_name", "/etc/hostname"),
        _cell("stem of another clip", "duplicate_row", "drums_file_name", "song-01/song-01__30s_drums_000.flac", row=3),
        _cell("stem gone", "missing_file", "drums_file_name", "song-00/none.flac"),
        _cell("no text", "field_type", "text", None),
        _cell("empty text", "empty_text", "text", "  "),
        _cell("text of another clip", "text_changed", "text", "Jazz of another time."),
        _cell("text 'None'", "placeholder", "text", "None"),
        _cell("text with a line break", "separator", "text", "Rock music.\nMore of it."),
        _cell("text names silent drums", "claim_instrument", "text", "Rock music with heavy drums."),
        _cell("text tells another tempo", "claim_tempo", "text", "Rock music at 171 BPM."),
        _cell("text tells another key", "claim_key", "text", "Rock music in Eb major."),
        _cell("text denies the voice", "claim_voice", "text", "Rock music without vocals."),
        _cell("drums text names a bass", "claim_instrument", "drums_text", "A deep bass guitar plays."),
        _cell("tempo of another song", "claim_tempo", "bpm", 131.0),
        _cell("tempo of zero", "bpm", "bpm", 0.0),
        _cell("tempo not a number", "bpm", "bpm", float("nan")),
        _cell("key of another song", "claim_key", "key", "C major"),
        _cell("key in capitals", "key_spelling", "key", "Gb Major"),
        _cell("metre of another song", "claim_metre", "metre", "3/4"),
        _cell("metre in words", "metre_spelling", "metre", "common"),
        _cell("lyrics of another clip", "text_changed", "lyrics", "words of someone else"),
        _cell("length of another clip", "length", "duration_s", 3.0),
        _cell("song of another clip", "field_value", "song_id", "song-02"),
        _cell("weight below zero", "field_value", "weight", -1.0),
        _cell("another checksum", "checksum", "sha256", "0" * 64),
        _table("no column of file names", "missing_key", lambda frame: frame.drop("file_name")),
        _table("no column of texts", "missing_key", lambda frame: frame.drop("text")),
        _table("columns differ", "key_set", lambda frame: frame.drop("chords")),
        _table("column of another type", "field_type", lambda frame: frame.with_columns(pl.col("bpm").cast(pl.String))),
        _table("no rows", "empty_split", lambda frame: frame.head(0)),
        _table("a row lost", "unused", lambda frame: frame.tail(2), (_HUB0, None)),
        _table("file names as numbers", "field_type", lambda frame: frame.with_columns(file_name=pl.lit(3))),
        _bytes(HUB, _TABLE, "no table", "unreadable", lambda b: b[:-200]),
        _gone(HUB, _TABLE, "table gone"),
        _gone(HUB, "README.md", "card gone", "card"),
        _bytes(HUB, "README.md", "card without YAML", "card", lambda b: b.replace(b"---", b"", 1), 1),
        _bytes(HUB, "README.md", "YAML broken", "card", _replace("license:", "license: ["), None),
        _bytes(HUB, "README.md", "no licence", "card", _replace("license: ", "licence: ")),
        _bytes(HUB, "README.md", "no configs", "card", _replace("configs:", "konfigs:")),
        _bytes(HUB, "README.md", "unknown size", "card", _replace("n<1K", "small")),
        _bytes(HUB, "README.md", "size of another", "count", _replace("n<1K", "1M<n<10M")),
        _bytes(HUB, "README.md", "split of nothing", "empty_split", _replace("test/**", "tests/**")),
        _bytes(HUB, "README.md", "split without its table", "split_layout", _replace("train/**", "train/**/*.flac")),
        _bytes(HUB, "croissant.json", "Croissant broken", "syntax", lambda b: b[:-50]),
        _json(HUB, "croissant.json", "checksum of a file", "croissant",
              lambda v: v["distribution"][0].update(sha256="1" * 64)),
        _json(HUB, "croissant.json", "other context", "croissant", lambda v: v["@context"].pop("recordSet") and None),
        _json(HUB, "croissant.json", "other version", "croissant", lambda v: v.update(conformsTo="croissant/0.8")),
        _json(HUB, "croissant.json", "no rows described", "croissant", lambda v: v.pop("recordSet") and None),
        _json(HUB, "croissant.json", "field of no file", "croissant",
              lambda v: v["recordSet"][0]["field"][0]["source"]["fileObject"].update({"@id": "nothing"})),
        Fault(HUB, "two kinds of table", "split_layout", lambda folder: _write_new(
            folder, "train/metadata.jsonl", b'{"file_name": "x.flac"}\n')),
        Fault(HUB, "sound that no row names", "unused", _hub_extra),
        Fault(HUB, "held-out sound in training", "leak", _hub_leak),
    )  # fmt: skip
    yield from sound_faults(HUB, _HUB0, index=(_TABLE, 1), short="length")


def _write_new(folder: Path, path: str, content: bytes) -> Place:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(content)
    return path, None


def _hub_extra(folder: Path) -> Place:
    os.link(folder / _HUB0, folder / "train/song-00/extra.flac")
    return "train/song-00/extra.flac", None


def _hub_leak(folder: Path) -> Place:
    """Put a row and its sound of the held-out song into the training table."""
    os.link(folder / "validation/song-03/song-03__30s_mix_000.flac", folder / "train/song-00/x.flac")
    held_out = pl.read_parquet(folder / "validation/metadata.parquet").with_columns(file_name=pl.lit("song-00/x.flac"))
    edit_table(folder / _TABLE, lambda frame: pl.concat([frame, held_out], how="vertical_relaxed"))
    return _TABLE, 4


# ---- stable-audio-tools ---------------------------------------------------------------------------------------------

_STABLE0 = "train/song-00__30s_mix_000.wav"
_MODULE = "flamingo_bark_metadata.py"


def _prompt(kind: str, rule: str, text: object) -> Fault:
    def plant(folder: Path) -> Place:
        edit_json(folder / "prompts.json", lambda v: v.update({"song-00__30s_mix_000.wav": text}))
        return "prompts.json", 1

    return Fault(STABLE, kind, rule, plant)


def stable_faults() -> Iterator[Fault]:
    """Give the faults of configs, prompts and the module."""
    config = "dataset_config.json"
    first: Callable[[Any], Any] = lambda v: v["datasets"][0]  # noqa: E731
    yield from (
        _prompt("empty prompt", "empty_text", ""),
        _prompt("prompt is a number", "field_type", 7),
        _prompt("prompt too long", "budget", LONG),
        _prompt("prompt names silent drums", "claim_instrument", "Rock with drums."),
        _prompt("prompt tells another tempo", "claim_tempo", "Rock at 171 BPM."),
        _prompt("prompt of another clip", "text_changed", "Jazz of another time."),
        _prompt("prompt not filled in", "placeholder", "A {genre} song."),
        _prompt("prompt garbled", "garbled", "CafÃ© music."),
        _json(STABLE, "prompts.json", "prompt lost", "missing_key",
              lambda v: v.pop("song-00__30s_mix_000.wav") and None),
        _json(STABLE, "prompts.json", "prompt without a sound", "unused", lambda v: v.update({"x.wav": "Rock."}),
              ("prompts.json", 16)),
        _json(STABLE, "prompts.json", "prompts as a list", "syntax", lambda v: list(v.values())),
        _bytes(STABLE, "prompts.json", "prompt twice", "duplicate_id",
               _replace("song-01__30s_mix_000.wav", "song-00__30s_mix_000.wav"), 4),
        _bytes(STABLE, "prompts.json", "byte order mark", "bom", lambda b: b"\xef\xbb\xbf" + b, 1),
        _gone(STABLE, "prompts.json", "no prompts"),
        _gone(STABLE, config, "no config", "missing_index"),
        _json(STABLE, config, "folder of nothing", "missing_file", lambda v: first(v).update(path="/no/where/"),
              (config, 1)),
        _json(STABLE, config, "relative folder", "unsafe_path", lambda v: first(v).update(path="train/"), (config, 1)),
        _json(STABLE, config, "no datasets", "missing_key", lambda v: v.update(datasets=[])),
        _json(STABLE, config, "no module", "missing_key", lambda v: first(v).pop("custom_metadata_module") and None,
              (config, 1)),
        _json(STABLE, config, "module of nothing", "missing_file",
              lambda v: first(v).update(custom_metadata_module="nothing.py"), (config, 1)),
        _json(STABLE, config, "unknown type", "field_value", lambda v: v.update(dataset_type="folder")),
        _json(STABLE, config, "silence removed", "field_value", lambda v: v.update(remove_silence=True)),
        _json(STABLE, config, "id twice", "duplicate_id", lambda v: v["datasets"].append(first(v)), (config, 2)),
        _bytes(STABLE, _MODULE, "no Python", "syntax", lambda b: b + b"\ndef (:\n", None),
        _bytes(STABLE, _MODULE, "no function", "missing_key", _replace("def get_custom_metadata", "def other")),
        _bytes(STABLE, _MODULE, "no prompt given", "missing_key", _replace('{"prompt":', '{"text":'), None),
        Fault(STABLE, "sound in no folder of a config", "unused", lambda folder: _link_to(
            folder, _STABLE0, "more/x.wav")),
        Fault(STABLE, "one name in two splits", "duplicate_name", lambda folder: _link_to(
            folder, "test/song-04__30s_mix_000.wav", "train/song-04__30s_mix_000.wav")),
        Fault(STABLE, "held-out sound in training", "wrong_split", _stable_leak),
        Fault(STABLE, "folder emptied", "empty_split", _stable_empty),
    )  # fmt: skip
    yield from sound_faults(STABLE, _STABLE0, index=(_STABLE0, None))


def _link_to(folder: Path, source: str, path: str) -> Place:
    (folder / path).parent.mkdir(exist_ok=True)
    os.link(folder / source, folder / path)
    return path, None


def _stable_leak(folder: Path) -> Place:
    (folder / "test/song-04__30s_mix_000.wav").rename(folder / "train/song-04__30s_mix_000.wav")
    return "train/song-04__30s_mix_000.wav", None


def _stable_empty(folder: Path) -> Place:
    for path in (folder / "validation").iterdir():
        path.unlink()
    return "validation", None


# ---- AudioCraft -----------------------------------------------------------------------------------------------------

_MANIFEST = "egs/flamingo_bark/train/data.jsonl"
_CRAFT0 = "audio/train/song-00__30s_mix_000.wav"
_SIDECAR = "audio/train/song-00__30s_mix_000.json"


def _line(kind: str, rule: str, change: Callable[[dict[str, Any]], Any], row: int = 1) -> Fault:
    def plant(folder: Path) -> Place:
        edit_row(folder / _MANIFEST, row, change)
        return _MANIFEST, row

    return Fault(CRAFT, kind, rule, plant)


def _info(kind: str, rule: str, **changes: Any) -> Fault:
    def change(values: dict[str, Any]) -> None:
        for field, value in changes.items():
            if value is ...:
                del values[field]
            else:
                values[field] = value

    return _json(CRAFT, _SIDECAR, kind, rule, change)


def craft_faults() -> Iterator[Fault]:
    """Give the faults of manifests, sidecars and the datasource."""
    dset = "dset/audio/flamingo_bark.yaml"
    yield from (
        _line("no path", "missing_key", lambda v: v.pop("path") and None),
        _line("no duration", "missing_key", lambda v: v.pop("duration") and None),
        _line("duration in words", "field_type", lambda v: v.update(duration="24")),
        _line("duration of another", "length", lambda v: v.update(duration=30.0)),
        _line("sample rate of another", "field_value", lambda v: v.update(sample_rate=44_100), row=2),
        _line("path of nothing", "missing_file", lambda v: v.update(path="/no/where.wav")),
        _line("relative path", "unsafe_path", lambda v: v.update(path=_CRAFT0)),
        _line("weight of zero", "field_value", lambda v: v.update(weight=0)),
        _bytes(CRAFT, _MANIFEST, "row is a list", "syntax", lambda b: b"[1, 2]\n" + b, 1),
        _bytes(CRAFT, _MANIFEST, "row is no JSON", "syntax", lambda b: b"{'path': 1}\n" + b, 1),
        _bytes(CRAFT, _MANIFEST, "blank line", "blank_line", lambda b: b"\n" + b, 1),
        _bytes(CRAFT, _MANIFEST, "byte order mark", "bom", lambda b: b"\xef\xbb\xbf" + b, 1),
        _bytes(CRAFT, _MANIFEST, "row twice", "duplicate_row", lambda b: b + b.split(b"\n")[0] + b"\n", 10),
        _bytes(CRAFT, _MANIFEST, "empty", "empty_split", lambda b: b""),
        _bytes(CRAFT, _MANIFEST, "a row lost", "unused", lambda b: b.split(b"\n", 1)[1], place=(_CRAFT0, None)),
        _info("no title", "missing_key", title=...),
        _info("no bpm", "missing_key", bpm=...),
        _info("bpm in words", "bpm", bpm="fast"),
        _info("bpm of 400", "bpm", bpm=400),
        _info("bpm doubled", "claim_tempo", bpm=200),
        _info("key with a comma", "key_spelling", key="F#, minor"),
        _info("key in capitals", "key_spelling", key="Gb Major"),
        _info("key of another", "claim_key", key="C major"),
        _info("no description", "missing_key", description=...),
        _info("empty description", "empty_text", description=""),
        _info("description of another", "text_changed", description="Jazz of another time."),
        _info("description names silent drums", "claim_instrument", description="Rock with drums."),
        _info("instrument that is silent", "claim_instrument", instrument="drums, bass"),
        _info("genre as a number", "field_type", genre=3),
        _gone(CRAFT, _SIDECAR, "sidecar gone", "missing_file", (_MANIFEST, 1)),
        _bytes(CRAFT, _SIDECAR, "sidecar broken", "syntax", lambda b: b[:-9], 1),
        _bytes(CRAFT, dset, "datasource broken", "syntax", lambda b: b + b"  : [", None),
        _bytes(CRAFT, dset, "no stage", "missing_key", _replace("  valid:", "  held_out:")),
        _bytes(CRAFT, dset, "stage of nothing", "missing_file", _replace("/validation", "/nothing")),
        _bytes(CRAFT, dset, "validation on training songs", "leak",
               lambda b: re.sub(rb"(valid: .*)validation", rb"\1train", b)),
        _bytes(CRAFT, "README.md", "override not told", "weight_ignored", _replace("sample_on_weight=true", ""),
               place=(_MANIFEST, None)),
        Fault(CRAFT, "held-out row in training", "wrong_split", _craft_leak),
        Fault(CRAFT, "group in two splits", "leak", _craft_group),
    )  # fmt: skip
    yield from sound_faults(CRAFT, _CRAFT0, index=(_MANIFEST, 1))


def _craft_leak(folder: Path) -> Place:
    held_out = (folder / "egs/flamingo_bark/test/data.jsonl").read_bytes()
    write(folder / _MANIFEST, (folder / _MANIFEST).read_bytes() + held_out.split(b"\n")[0] + b"\n")
    return _MANIFEST, 10


def _craft_group(folder: Path) -> Place:
    """Say that the song for testing is a copy of one for training."""

    def change(lines: list[str]) -> None:
        for number, line in enumerate(lines):
            if '"song_id":"song-04"' in line:
                values = json.loads(line)
                values["group"] = "song-00"
                lines[number] = json.dumps(values)

    edit_lines(folder / "provenance/clips.jsonl", change)
    return "egs/flamingo_bark/test/data.jsonl", 1


# ---- WebDataset -----------------------------------------------------------------------------------------------------

_SHARD = "train/train-000077.tar"
_VALID = "validation/validation-000067.tar"


def _shard(
    kind: str, rule: str, change: Callable[[list[Member]], list[Member]], row: int | None, path: str = _SHARD
) -> Fault:
    def plant(folder: Path) -> Place:
        edit_shard(folder / path, change)
        return path, row

    return Fault(SHARDS, kind, rule, plant)


def _member(kind: str, rule: str, index: int, change: Callable[[bytes], bytes]) -> Fault:
    """Change the contents of one member, counted from 0."""

    def edit(members: list[Member]) -> list[Member]:
        name, content = members[index]
        return [*members[:index], (name, change(content)), *members[index + 1 :]]

    return _shard(kind, rule, edit, index + 1)


def _facts(kind: str, rule: str, **changes: Any) -> Fault:
    def change(content: bytes) -> bytes:
        values = {**json.loads(content), **changes}
        return json.dumps({name: value for name, value in values.items() if value is not ...}).encode()

    return _member(kind, rule, 1, change)


def _renamed(members: list[Member], index: int, name: str) -> list[Member]:
    return [*members[:index], (name, members[index][1]), *members[index + 1 :]]


def shard_faults() -> Iterator[Fault]:
    """Give the faults of shards."""
    yield from (
        _shard("members apart", "member_order", lambda m: [*m[1:], m[0]], 9),
        _shard("member twice", "duplicate_row", lambda m: [m[0], *m], 2),
        _shard("dot in a key", "member_name",
               lambda m: [(n.replace("mix_000", "mix.000"), c) for n, c in m], 1),
        _shard("a member of one sample lost", "key_set", lambda m: m[:2] + m[3:], 1),
        _shard("a sample without sound", "missing_key", lambda m: m[1:], 1),
        _shard("member without a suffix", "unused", lambda m: _renamed(m, 0, "x"), 1),
        _shard("absolute name", "unsafe_path", lambda m: _renamed(m, 0, "/etc/x.flac"), 1),
        _shard("name leads out", "unsafe_path", lambda m: _renamed(m, 0, "../x.flac"), 1),
        _shard("no members", "empty_split", lambda m: [], None),
        _shard("another kind of text", "key_set", lambda m: _renamed(m, 2, m[2][0].replace(".txt", ".text")), 1),
        _member("text not UTF-8", "encoding", 2, lambda b: b + b"\xff"),
        _member("text of another", "text_changed", 2, lambda b: b"Jazz of another time."),
        _member("text empty", "empty_text", 2, lambda b: b""),
        _member("text with byte order mark", "bom", 2, lambda b: b"\xef\xbb\xbf" + b),
        _member("JSON broken", "syntax", 1, lambda b: b[:-4]),
        _member("JSON a list", "syntax", 1, lambda b: b"[]"),
        _facts("no text", "missing_key", text=..., prompt=...),
        _facts("text as a number", "field_type", text=3),
        _facts("text names silent drums", "claim_instrument", text="Rock with drums."),
        _facts("tempo doubled", "claim_tempo", bpm=200.0),
        _facts("tempo as a text", "field_type", bpm="100"),
        _facts("key in capitals", "key_spelling", key="Gb Major"),
        _facts("key of another", "claim_key", key="C major"),
        _facts("song of another", "field_value", song_id="song-02"),
        _facts("lyrics of another", "text_changed", lyrics="words of someone else"),
        _member("no sound", "unreadable", 0, lambda b: b"no sound"),
        _member("silence", "silence", 0, lambda b: changed_sound(b, _silent)),
        _member("clipped", "clipping", 0, lambda b: changed_sound(b, _clipped)),
        _member("constant offset", "dc", 0, lambda b: changed_sound(b, _offset)),
        _member("another rate", "sample_rate", 0, lambda b: changed_sound(b, _as_is, rate=22_050)),
        _member("mono", "channels", 0, lambda b: changed_sound(b, _other_channels)),
        _member("half a sound", "length", 0, lambda b: changed_sound(b, lambda s: s[: len(s) // 2])),
        _bytes(SHARDS, _SHARD, "half a shard", "truncated", lambda b: b[: len(b) // 2 + 100], None),
        _bytes(SHARDS, _SHARD, "end of a shard lost", "truncated", lambda b: b[: -(len(b) % 10240 + 10240)], None),
        _gone(SHARDS, _SHARD, "shard gone"),
        Fault(SHARDS, "sample in two shards", "duplicate_id", _shard_twice),
        Fault(SHARDS, "held-out sample in training", "wrong_split", _shard_leak),
        _json(SHARDS, "stable-audio-tools.json", "silence removed", "field_value",
              lambda v: v.update(remove_silence=True)),
    )  # fmt: skip


def _shard_twice(folder: Path) -> Place:
    os.link(folder / _SHARD, folder / "train/train-000200.tar")
    return "train/train-000200.tar", 1


def _shard_leak(folder: Path) -> Place:
    (folder / _VALID).rename(folder / "train/train-000067.tar")
    return "train/train-000067.tar", 1


# ---- Bark -----------------------------------------------------------------------------------------------------------

_WAV = "wavs/song-00__semantic_mix_000.wav"
_TOKENS = "tokens/song-00__semantic_mix_000.npz"
_SEMANTIC_LIST, _COARSE_LIST, _HELD_OUT_LIST = "train_valid.txt", "train.txt", "valid_valid.txt"


def _listed(kind: str, rule: str, change: Callable[[str], str], wav: str = _WAV, file: str = _SEMANTIC_LIST) -> Fault:
    """Change the first line of a list that names a sound."""

    def plant(folder: Path) -> Place:
        row = 0

        def edit(lines: list[str]) -> None:
            nonlocal row
            row = next(number for number, line in enumerate(lines) if line.startswith(wav))
            lines[row] = change(lines[row])

        edit_lines(folder / file, edit)
        return file, row + 1

    return Fault(BARK, kind, rule, plant)


def _arrays(
    target: str, path: str, kind: str, rule: str, change: Callable[[dict[str, Any]], Any], place: Place | None = None
) -> Fault:
    def plant(folder: Path) -> Place:
        edit_arrays(folder / path, change)
        return place or (path, None)

    return Fault(target, kind, rule, plant)


def _set(name: str, change: Callable[[Any], Any]) -> Callable[[dict[str, Any]], None]:
    def edit(arrays: dict[str, Any]) -> None:
        arrays[name] = change(arrays[name])

    return edit


def _put(name: str, index: Any, value: int) -> Callable[[dict[str, Any]], None]:
    def edit(arrays: dict[str, Any]) -> None:
        arrays[name][index] = value

    return edit


def token_faults(target: str, path: str, suffix: str) -> Iterator[Fault]:
    """Give the faults of one file of tokens, whose arrays have names that end so."""
    semantic, coarse, fine = (f"{name}{suffix}" for name in ("semantic", "coarse", "fine"))
    yield from (
        _arrays(target, path, "semantic as float", "token_dtype", _set(semantic, lambda a: a.astype(np.float32))),
        _arrays(target, path, "objects", "token_dtype", _set(semantic, lambda a: a.astype(object))),
        _arrays(target, path, "semantic id of the end", "token_range", _put(semantic, 3, 10_000)),
        _arrays(target, path, "semantic id below zero", "token_range", _put(semantic, 3, -1)),
        _arrays(target, path, "coarse id out of range", "token_range", _put(coarse, (1, 3), 1024)),
        _arrays(target, path, "coarse with offset", "token_range", _set(coarse, lambda a: a + 10_000)),
        _arrays(target, path, "fine id out of range", "token_range", _put(fine, (7, 3), 1024)),
        _arrays(target, path, "semantic with a batch", "token_shape", _set(semantic, lambda a: a[None])),
        _arrays(target, path, "coarse flat", "token_shape", _set(coarse, lambda a: a.T.reshape(-1))),
        _arrays(target, path, "coarse turned", "token_shape", _set(coarse, lambda a: a.T)),
        _arrays(target, path, "fine of four codebooks", "token_shape", _set(fine, lambda a: a[:4])),
        _arrays(target, path, "coarse swapped", "token_phase", _set(coarse, lambda a: a[::-1])),
        _arrays(target, path, "a codebook one frame late", "token_phase",
                _set(coarse, lambda a: np.stack([a[0], np.roll(a[1], 1)]))),
        _arrays(target, path, "coarse cut", "token_shape", _set(coarse, lambda a: a[:, :-20])),
        _arrays(target, path, "semantic of another rate", "token_shape", _set(semantic, lambda a: a[::2])),
        _arrays(target, path, "no semantic", "missing_key", lambda arrays: arrays.pop(semantic)),
        _arrays(target, path, "fine under another name", "missing_key",
                lambda arrays: arrays.update(fines=arrays.pop(fine))),
        _arrays(target, path, "one id throughout", "token_content", _set(semantic, lambda a: a * 0 + 7)),
        _bytes(target, path, "half a file of tokens", "unreadable", lambda b: b[: len(b) // 2]),
        _bytes(target, path, "a pickle", "unreadable", lambda b: b"\x80\x04K\x01."),
    )  # fmt: skip


def bark_faults() -> Iterator[Fault]:
    """Give the faults of lists, tokens and texts."""
    lists, vocals = _SEMANTIC_LIST, "wavs/song-00__semantic_vocals_000.wav"
    yield from (
        _bytes(BARK, lists, "byte order mark", "bom", lambda b: b"\xef\xbb\xbf" + b, 1),
        _bytes(BARK, lists, "Windows line ends", "line_ends", lambda b: b.replace(b"\n", b"\r\n"), 1),
        _bytes(BARK, lists, "blank line at the end", "blank_line", lambda b: b + b"\n", 103),
        _bytes(BARK, lists, "blank line within", "blank_line", lambda b: b.replace(b"\n", b"\n\n", 1), 2),
        _bytes(BARK, lists, "not UTF-8", "encoding", lambda b: b.replace(b"Rock", b"R\xf6ck", 1), 1),
        _bytes(BARK, lists, "empty", "empty_split", lambda b: b""),
        _bytes(BARK, lists, "sorted by song", "order", lambda b: b"\n".join(sorted(b.split(b"\n")[:-1])) + b"\n", 3),
        _bytes(BARK, lists, "held-out song in training", "wrong_split",
               lambda b: b + b"wavs/song-03__semantic_mix_000.wav|[music] Rock.\n", 103),
        _bytes(BARK, _HELD_OUT_LIST, "training song held out", "wrong_split",
               lambda b: b + b"wavs/song-00__semantic_mix_000.wav|[music] Rock.\n", 5),
        _listed("a second separator", "separator", lambda line: line + "| more"),
        _listed("no separator", "separator", lambda line: line.replace("|", " ")),
        _listed("no text", "empty_text", lambda line: line.split("|")[0] + "|"),
        _listed("text too long", "budget", lambda line: line + LONG),
        _listed("text names silent drums", "claim_instrument", lambda line: line + " Loud drums."),
        _listed("text tells another tempo", "claim_tempo", lambda line: line.replace("100 BPM", "171 BPM")),
        _listed("text tells another key", "claim_key", lambda line: line.replace("F# minor", "Eb major")),
        _listed("text of another clip", "text_changed", lambda line: line.replace("song-00.", "song-01.")),
        _listed("capital suffix", "unsafe_path", lambda line: line.replace(".wav|", ".WAV|")),
        _listed("absolute path", "unsafe_path", lambda line: f"/data/{line}"),
        _listed("path without folder", "unsafe_path", lambda line: line.removeprefix("wavs/")),
        _listed("suffix twice", "unsafe_path", lambda line: line.replace(".wav|", ".wav.wav|")),
        _listed("NUL", "control_character", lambda line: line + "\0"),
        _listed("notes lost", "lyrics_format", lambda line: line.replace("♪ ", "").replace(" ♪", ""), vocals),
        _listed("one note only", "lyrics_format", lambda line: line.removesuffix(" ♪"), vocals),
        _listed("weight not kept", "count", lambda line: f"{line}\n{line}"),
        _gone(BARK, lists, "no list", "missing_index"),
        _gone(BARK, "valid.txt", "no held-out list", "missing_index"),
        _gone(BARK, _TOKENS, "tokens gone"),
        Fault(BARK, "no tokens at all", "tokens_missing", _bark_untokenised),
        _arrays(BARK, _TOKENS, "int32 coarse", "token_dtype", _set("coarse", lambda a: a.astype(np.int32))),
        _arrays(BARK, _TOKENS, "int16 semantic", "token_dtype", _set("semantic", lambda a: a.astype(np.int16))),
        _arrays(BARK, _TOKENS, "tokens of another length", "token_content", _bark_cut(300, 450)),
        Fault(BARK, "a short clip in the semantic list", "end_share", _bark_short),
        Fault(BARK, "short clips throughout", "end_share", _bark_all_short),
        Fault(BARK, "a long clip in the coarse list", "token_phase", _bark_long),
        Fault(BARK, "coarse clip cut", "token_phase", _bark_coarse_cut),
        Fault(BARK, "tokens that no list names", "unused", lambda folder: _link_to(
            folder, _TOKENS, "tokens/another.npz")),
        Fault(BARK, "sound that no list names", "unused", lambda folder: _link_to(folder, _WAV, "wavs/another.wav")),
    )  # fmt: skip
    yield from token_faults(BARK, _TOKENS, "")
    yield from sound_faults(BARK, _WAV, index=(_SEMANTIC_LIST, None), short="length")


def _bark_untokenised(folder: Path) -> Place:
    for path in (folder / "tokens").iterdir():
        path.unlink()
    return "tokens", None


def _bark_cut(semantic: int, frames: int) -> Callable[[dict[str, Any]], None]:
    def edit(arrays: dict[str, Any]) -> None:
        arrays["semantic"] = arrays["semantic"][:semantic]
        arrays["coarse"], arrays["fine"] = arrays["coarse"][:, :frames], arrays["fine"][:, :frames]

    return edit


def _row_of(folder: Path, file: str, begin: str) -> int:
    lines = (folder / file).read_text().split("\n")
    return next(number for number, line in enumerate(lines, start=1) if line.startswith(begin))


def _bark_coarse_cut(folder: Path) -> Place:
    edit_arrays(folder / "tokens/song-00__coarse_mix_000.npz", _bark_cut(200, 300))
    return _COARSE_LIST, _row_of(folder, _COARSE_LIST, "wavs/song-00__coarse_mix_000.wav")


def _bark_short(folder: Path) -> Place:
    """Put a clip of 5.12 s into the list of the semantic stage: half of what it teaches is the end token."""
    lines = (folder / _SEMANTIC_LIST).read_bytes()
    write(folder / _SEMANTIC_LIST, b"wavs/song-00__coarse_mix_000.wav|[music] Rock.\n" + lines)
    return _SEMANTIC_LIST, 1


def _bark_all_short(folder: Path) -> Place:
    for path in sorted((folder / "tokens").glob("song-0[012]__semantic_*.npz")):
        edit_arrays(path, _bark_cut(440, 660))
    return _SEMANTIC_LIST, None


def _bark_long(folder: Path) -> Place:
    lines = (folder / _COARSE_LIST).read_bytes()
    write(folder / _COARSE_LIST, b"wavs/song-00__semantic_mix_000.wav|[music] Rock.\n" + lines)
    return _COARSE_LIST, 1


_PROMPT = "prompts/song-00__semantic_vocals_000.npz"


def voice_faults() -> Iterator[Fault]:
    """Give the faults of voice prompts."""
    names = "voice_prompts.jsonl"
    yield from token_faults(VOICES, _PROMPT, "_prompt")
    yield from (
        _arrays(VOICES, _PROMPT, "half a second", "too_short", _voice_cut(24, 36)),
        _arrays(VOICES, _PROMPT, "prompt of another length", "token_content", _voice_cut(200, 300)),
        _gone(VOICES, _PROMPT, "prompt gone", "missing_file", (names, 1)),
        _bytes(VOICES, names, "row twice", "duplicate_id", lambda b: b + b.split(b"\n")[0] + b"\n", 11),
        _bytes(VOICES, names, "row broken", "syntax", lambda b: b"{\n" + b, 1),
        _bytes(VOICES, names, "row lost", "unused", lambda b: b.split(b"\n", 1)[1], place=(_PROMPT, None)),
        Fault(VOICES, "no prompts", "tokens_missing", _voice_none),
    )
    yield from sound_faults(VOICES, "wavs/song-00__semantic_vocals_000.wav", index=(names, 1), short="too_short")


def _voice_cut(semantic: int, frames: int) -> Callable[[dict[str, Any]], None]:
    def edit(arrays: dict[str, Any]) -> None:
        arrays["semantic_prompt"] = arrays["semantic_prompt"][:semantic]
        for name in ("coarse_prompt", "fine_prompt"):
            arrays[name] = arrays[name][:, :frames]

    return edit


def _voice_none(folder: Path) -> Place:
    for path in (folder / "prompts").iterdir():
        path.unlink()
    return "prompts", None


# ---- papers: the same in every layout -------------------------------------------------------------------------------


def paper_faults() -> Iterator[Fault]:
    """Give the faults of what every export has."""
    sums = "provenance/checksums.sha256"
    yield from (
        Fault(CRAFT, "file that nothing names", "extra_file", lambda folder: _write_new(folder, "notes.md", b"x")),
        _bytes(CRAFT, sums, "checksums broken", "provenance", lambda b: b"0123  x\n" + b, 1),
        _bytes(CRAFT, "provenance/clips.jsonl", "clips broken", "provenance", lambda b: b"{}\n" + b, 1),
        _bytes(CRAFT, "ATTRIBUTION.md", "credits edited", "checksum", lambda b: b + b"\n"),
        _gone(CRAFT, "ATTRIBUTION.md", "credits gone"),
        Fault(CRAFT, "artist in two splits", "leak", _by_artist),
    )


def _by_artist(folder: Path) -> Place:
    edit_json(folder / "provenance/export.json", lambda values: values.update(by_artist=True))
    return "egs/flamingo_bark/validation/data.jsonl", 1


def faults() -> tuple[Fault, ...]:
    """Return all of them."""
    planted = (
        *ace_faults(), *hub_faults(), *stable_faults(), *craft_faults(), *shard_faults(), *bark_faults(),
        *voice_faults(), *paper_faults(),
    )  # fmt: skip
    names = [fault.id for fault in planted]
    assert len(set(names)) == len(names), [name for name in names if names.count(name) > 1]
    return planted
