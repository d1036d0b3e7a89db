"""ACE-Step 1.5: ``dataset.json``, and the sidecars of ACE-Step, ai-toolkit and Side-Step.

What these three trainers read belongs here; what stands in sidecars is taken apart in `ace_step_sidecars`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flamingo_bark_assets.verification.context import Check, base_of
from flamingo_bark_assets.verification.places import NamedPlaces
from flamingo_bark_assets.verification.provenance import ClipFacts
from flamingo_bark_assets.verification.sound import SoundRules
from flamingo_bark_assets.verification.targets.ace_step_sidecars import check_sidecars
from flamingo_bark_assets.verification.targets.ace_step_words import (
    MAX_CAPTION_TOKENS,
    check_facts,
    check_lyrics,
    check_repeated,
)
from flamingo_bark_assets.verification.texts import TextRules, check_text
from flamingo_bark_assets.verification.vocabulary import check_bpm, check_key, check_language, check_metre

INDEXES: Mapping[str, str] = {
    "dataset.json": "train", "dataset_validation.json": "validation", "dataset_test.json": "test"
}  # fmt: skip
SOUND = SoundRules(
    48_000, 2, min_s=10.0, max_s=240.0, short="the trainer's durations begin at 10 s",
    long="the trainer reads the first 240 s under the whole text and lyrics",
)  # fmt: skip
_METADATA = ("name", "custom_tag", "tag_position", "num_samples", "all_instrumental", "genre_ratio")
_KEYS = (
    "id", "audio_path", "filename", "caption", "genre", "lyrics", "raw_lyrics", "formatted_lyrics", "bpm", "keyscale",
    "timesignature", "duration", "language", "is_instrumental", "custom_tag", "labeled", "prompt_override",
)  # fmt: skip
_POSITIONS = ("prepend", "append", "replace")
_OVERRIDES = (None, "", "caption", "genre")
_WEIGHTS = ("repeat", "repeats", "weight", "num_repeats")
_ID = re.compile(r"[^/\\\0\n\r]{1,200}")
_LENGTH_TOLERANCE_S = 1.0


@dataclass(slots=True)
class _Index:
    """What is gathered over the samples of all lists."""

    ids: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)


def check(check: Check) -> None:
    """Replay what the three trainers read."""
    gathered = _Index()
    if not check.folder.exists("dataset.json"):
        check.add("missing_index", "dataset.json", None, "is not there; the trainer has no list to load")
    for index, split in INDEXES.items():
        if check.folder.exists(index):
            with check.findings.guarded(index):
                _check_index(check, index, split, gathered)
    _check_repeats(check, gathered)
    for folder in sorted({posixpath.dirname(path) for path in gathered.named}):
        check.unnamed_sounds(folder, "no list names it; only a scan of the folder takes it in")
    check_sidecars(check, SOUND)


def _check_index(check: Check, index: str, split: str, gathered: _Index) -> None:
    values = check.folder.json(index)
    if values is None:
        return
    samples = values.get("samples") if isinstance(values, dict) else None
    if not isinstance(samples, list):
        check.add("syntax", index, None, "is no object with a list 'samples'; the trainer stops")
        return
    if not samples:
        check.add("empty_split", index, None, "holds no sample; the trainer stops")
    _check_metadata(check, index, values.get("metadata"), samples)
    places = NamedPlaces(check, index)
    for row, sample in enumerate(samples, start=1):
        check.clips += 1
        with check.findings.guarded(index, row):
            if not isinstance(sample, dict):
                check.add("syntax", index, row, "the sample is no object; the trainer stops")
                continue
            _check_sample(check, index, row, sample, split, places, gathered)
    places.close()


def _check_metadata(check: Check, index: str, metadata: object, samples: list[Any]) -> None:
    if not isinstance(metadata, dict):
        check.add("missing_key", index, None, "there is no object 'metadata'; the trainer takes its own tag and ratio")
        return
    for key in _METADATA:
        if key not in metadata:
            check.add("missing_key", index, None, f"metadata has no {key!r}")
    if metadata.get("tag_position", "prepend") not in _POSITIONS:
        check.add("field_value", index, None, f"tag_position is {metadata['tag_position']!r}; the trainer knows "
                  f"{', '.join(_POSITIONS)}")  # fmt: skip
    if "num_samples" in metadata and metadata["num_samples"] != len(samples):
        check.add("count", index, None, f"num_samples is {metadata['num_samples']!r}; there are {len(samples)}")
    ratio = metadata.get("genre_ratio", 0)
    if isinstance(ratio, bool) or not isinstance(ratio, int | float) or not 0 <= ratio <= 100:
        check.add("field_value", index, None, f"genre_ratio is {ratio!r}; it is a percentage from 0 to 100")
    flag = metadata.get("all_instrumental", False)
    voiced = any(isinstance(sample, dict) and sample.get("is_instrumental") is False for sample in samples)
    if not isinstance(flag, bool):
        check.add("field_type", index, None, f"all_instrumental is {flag!r}, neither true nor false")
    elif flag and voiced:
        check.add("field_value", index, None, "all_instrumental is true, and some samples are sung; their lyrics are "
                  "replaced by [Instrumental]")  # fmt: skip


def _check_sample(
    check: Check, index: str, row: int, sample: dict[str, Any], split: str, places: NamedPlaces, gathered: _Index
) -> None:
    for key in _KEYS:
        if key not in sample:
            check.add("missing_key", index, row, f"{key!r} is missing; the trainer stops, or takes its own default")
    for key in _WEIGHTS:
        if key in sample:
            check.add("weight_ignored", index, row, f"{key!r} is not read; a copy under another id and file name is")
    if sample.get("labeled") is not True and "labeled" in sample:
        check.add("unused", index, row, f"labeled is {sample['labeled']!r}; only true is used, the sample is dropped "
                  "without a word")  # fmt: skip
    _check_id(check, index, row, sample.get("id"), gathered)
    path = sample.get("audio_path")
    local = places.local(path, row) if isinstance(path, str) else None
    if not isinstance(path, str) and "audio_path" in sample:
        check.add("field_type", index, row, f"audio_path is {path!r} and no text; the trainer stops")
    name = base_of(path) if isinstance(path, str) else f"row {row}"
    clip = None
    if local is not None:
        clip = check.clip(local) or check.provenance.clip_of_name(name.rpartition("-")[0])
        _check_sound(check, index, row, local, sample)
        _check_name(check, index, row, name, local, gathered)
        if clip is not None:
            gathered.counts[clip.name] = gathered.counts.get(clip.name, 0) + 1
    check.splits.add(split, index, row, clip=clip, name=name, sound=local)
    if isinstance(path, str) and "filename" in sample and sample["filename"] != posixpath.basename(path):
        check.add("field_value", index, row, f"filename is {sample['filename']!r}; the path ends in "
                  f"{posixpath.basename(path)!r}")  # fmt: skip
    _check_words(check, index, row, sample, name, clip)
    _check_facts(check, index, row, sample, clip)


def _check_id(check: Check, index: str, row: int, value: object, gathered: _Index) -> None:
    if value is None:
        return
    if not isinstance(value, str) or not _ID.fullmatch(value):
        check.add("field_value", index, row, f"the id {value!r} is no file name; the trainer writes <id>.pt")
        return
    # On the disks of macOS and Windows X.pt and x.pt are one file.
    place = gathered.ids.setdefault(value.casefold(), f"{index}, row {row}")
    if place != f"{index}, row {row}":
        check.add("duplicate_id", index, row, f"the id {value!r} is that of {place} too; both become {value}.pt, and "
                  "the second overwrites the first without a word")  # fmt: skip


def _check_name(check: Check, index: str, row: int, name: str, path: str, gathered: _Index) -> None:
    if path in gathered.named:
        check.add("duplicate_row", index, row, f"{path} is named twice; a copy wants a file name of its own")
    gathered.named.add(path)
    other = gathered.names.setdefault(name, path)
    if other != path:
        check.add("duplicate_name", index, row, f"{name} is the base name of {other} too; Side-Step keys rows by it "
                  "and swaps their captions")  # fmt: skip


def _check_sound(check: Check, index: str, row: int, path: str, sample: Mapping[str, Any]) -> None:
    sound = check.sound(path, SOUND)
    duration = sample.get("duration")
    if duration is None:
        return
    if isinstance(duration, bool) or not isinstance(duration, int):
        check.add("field_type", index, row, f"duration is {duration!r}; it is a whole number of seconds")
    elif not 10 <= duration <= 600:
        check.add("field_value", index, row, f"duration is {duration}; the trainer knows 10 to 600 s")
    elif sound is not None and abs(duration - sound.duration_s) > _LENGTH_TOLERANCE_S:
        check.add("length", index, row, f"a duration of {duration} s is stated; {path} has {sound.duration_s:.2f} s")


def _check_words(
    check: Check, index: str, row: int, sample: Mapping[str, Any], name: str, clip: ClipFacts | None
) -> None:
    if "caption" in sample:
        caption = check.text(
            index, row, sample["caption"], TextRules("caption", max_tokens=MAX_CAPTION_TOKENS), name=name, clip=clip
        )
        check_repeated(check, index, row, caption, sample.get("keyscale"), sample.get("timesignature"))
    for key in ("genre", "custom_tag"):
        if key in sample:
            check_text(check.findings, index, row, sample[key], TextRules(key, may_be_empty=True), clip=name)
    if sample.get("prompt_override") not in _OVERRIDES:
        check.add("field_value", index, row, f"prompt_override is {sample['prompt_override']!r}; the trainer knows "
                  "'caption' and 'genre'")  # fmt: skip
    if sample.get("prompt_override") == "genre" and not sample.get("genre"):
        check.add("empty_text", index, row, "prompt_override asks for the genre, which is empty")
    lyrics, wordless = sample.get("lyrics"), sample.get("is_instrumental")
    if "is_instrumental" in sample and not isinstance(wordless, bool):
        check.add("field_type", index, row, f"is_instrumental is {wordless!r}, neither true nor false")
    if "lyrics" in sample:
        check_lyrics(check, index, row, lyrics, wordless, name, clip)
    formatted = sample.get("formatted_lyrics")
    if formatted and isinstance(formatted, str) and formatted != lyrics:
        check.add("lyrics_format", index, row, "formatted_lyrics differs from lyrics; which of them is read depends on "
                  "the trainer's release")  # fmt: skip


def _check_facts(check: Check, index: str, row: int, sample: Mapping[str, Any], clip: ClipFacts | None) -> None:
    findings = check.findings
    bpm = check_bpm(findings, index, row, sample.get("bpm"), "bpm", whole=True)
    key = check_key(findings, index, row, sample.get("keyscale"), "keyscale")
    metre = check_metre(findings, index, row, sample.get("timesignature"), "timesignature")
    if "language" in sample:
        check_language(findings, index, row, sample["language"], "language")
    check_facts(check, index, row, bpm, key, metre, clip)


def _check_repeats(check: Check, gathered: _Index) -> None:
    """Check that each clip of the papers stands in a list, as often as its weight asks for."""
    for name in check.provenance.names():
        count = gathered.counts.get(name, 0)
        clip = check.provenance.clip_of_name(name)
        if clip is None or count == clip.repeats:
            continue
        index = next((each for each, split in INDEXES.items() if split == clip.split), "dataset.json")
        rule = "unused" if not count else "count"
        check.add(rule, index, None, f"{name} stands in it {count} time(s); its weight asks for {clip.repeats}")
