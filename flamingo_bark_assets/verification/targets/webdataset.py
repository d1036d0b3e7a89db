"""WebDataset's shards: which members make one sample, and what is in them.

How tar members become samples belongs here; sounds and texts as such do not.
"""

from __future__ import annotations

import hashlib
import io
import posixpath
import re
import tarfile
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast

from flamingo_bark_assets.parts import STEM_KINDS
from flamingo_bark_assets.verification.context import AUDIO_SUFFIXES, Check
from flamingo_bark_assets.verification.fields import check_fields
from flamingo_bark_assets.verification.folder import MAX_SIDECAR_BYTES, is_plain
from flamingo_bark_assets.verification.places import NamedPlaces
from flamingo_bark_assets.verification.provenance import ClipFacts
from flamingo_bark_assets.verification.sound import SoundFacts, SoundRules, check_sound
from flamingo_bark_assets.verification.texts import TextRules

_MAX_MEMBER_BYTES = 1 << 30
_MAX_MEMBERS = 2_000_000
# The regular expression is WebDataset's rule: the key ends at the first dot of the base name.
_MEMBER = re.compile(r"(?P<key>(?:.*/)?[^./]+)\.(?P<suffix>[^/]+)")
_PARTS_OF_NAMES = frozenset({*STEM_KINDS, "mix", "instrumental"})
_SPLITS = {"train": "train", "valid": "validation", "val": "validation", "validation": "validation", "test": "test"}
_END = 1024
_CONFIG = "stable-audio-tools.json"


@dataclass(slots=True)
class _Sample:
    """One sample: members that stand together and have one key."""

    key: str
    file: str
    row: int
    suffixes: list[str] = field(default_factory=list)
    digest: bytes | None = None
    sounds: list[SoundFacts] = field(default_factory=list)


@dataclass(slots=True)
class _Shards:
    """What is gathered over all shards."""

    keys: dict[str, str] = field(default_factory=dict)
    sets: Counter[frozenset[str]] = field(default_factory=Counter)
    first: dict[frozenset[str], list[tuple[str, int, str]]] = field(default_factory=dict)
    formats: Counter[tuple[int, int]] = field(default_factory=Counter)
    of_format: dict[tuple[int, int], list[tuple[str, int, str]]] = field(default_factory=dict)


def check(check: Check) -> None:
    """Replay how WebDataset groups members, and look into each."""
    shards = list(check.folder.files("", (".tar",)))
    if not shards:
        check.add("missing_index", ".", None, "there is no .tar shard; the loader has nothing to read")
    gathered = _Shards()
    for shard in shards:
        with check.findings.guarded(shard):
            _check_shard(check, shard, gathered)
    _check_sets(check, gathered)
    if check.folder.exists(_CONFIG):
        with check.findings.guarded(_CONFIG):
            _check_config(check)


def _check_config(check: Check) -> None:
    """Check the config by which stable-audio-tools reads the shards."""
    values = check.folder.json(_CONFIG)
    datasets = values.get("datasets") if isinstance(values, dict) else None
    if not isinstance(datasets, list) or not datasets:
        if values is not None:
            check.add("missing_key", _CONFIG, None, "there is no list 'datasets'; train.py stops")
        return
    if values.get("dataset_type") != "wds":
        check.add("field_value", _CONFIG, None, f"dataset_type is {values.get('dataset_type')!r}, not 'wds'")
    if values.get("remove_silence"):
        check.add("field_value", _CONFIG, None, "remove_silence is on; it takes the rests out and destroys timing")
    places = NamedPlaces(check, _CONFIG)
    for row, entry in enumerate(datasets, start=1):
        path = entry.get("path") if isinstance(entry, dict) else None
        if not isinstance(path, str):
            check.add("missing_key", _CONFIG, row, "the dataset has no path; train.py stops")
        elif "://" not in path:
            places.folder(path, row, "the loader finds no shard")


def _split_of(shard: str) -> str | None:
    for part in reversed(re.split(r"[/\-_.]", shard)):
        if part in _SPLITS:
            return _SPLITS[part]
    return None


def _check_shard(check: Check, shard: str, gathered: _Shards) -> None:
    with check.folder.open(shard) as file:
        _check_end(check, shard, file)
        file.seek(0)
        sample: _Sample | None = None
        seen: set[str] = set()
        row = 0
        try:
            with tarfile.open(fileobj=file, mode="r:") as archive:
                while (member := archive.next()) is not None:
                    row += 1
                    if row > _MAX_MEMBERS:
                        check.add("too_large", shard, row, f"holds more than {_MAX_MEMBERS} members")
                        break
                    sample = _take(check, shard, row, archive, member, sample, seen, gathered)
                    archive.members = []  # type: ignore[attr-defined]  # tarfile would keep all of them
        except (tarfile.TarError, EOFError) as error:
            check.add("truncated", shard, row + 1, f"cannot be read on from here ({error}); the loader stops, or ends "
                      "the shard without a word")  # fmt: skip
        if sample is not None:
            _close(check, sample, gathered)
        if not seen:
            check.add("empty_split", shard, None, "holds no sample; the loader stops")


def _check_end(check: Check, shard: str, file: BinaryIO) -> None:
    file.seek(0, io.SEEK_END)
    size = file.tell()
    file.seek(max(0, size - _END))
    if size < _END or file.read(_END).strip(b"\0") or size % 512:
        check.add("truncated", shard, None, "does not end as an archive does; its end is missing, and the loader loses "
                  "samples without a word")  # fmt: skip


def _take(
    check: Check, shard: str, row: int, archive: tarfile.TarFile, member: tarfile.TarInfo, sample: _Sample | None,
    seen: set[str], gathered: _Shards,
) -> _Sample | None:  # fmt: skip
    name = member.name
    if not is_plain(name):
        check.add("unsafe_path", shard, row, f"the member {name!r} is absolute or leads out; unpacking refuses it or "
                  "writes elsewhere")  # fmt: skip
    if not member.isfile():
        if not member.isdir():
            check.add("not_regular", shard, row, f"the member {name!r} is a link or device; the loader passes it over")
        return sample
    match = _MEMBER.fullmatch(name)
    if match is None:
        check.add("unused", shard, row, f"the member {name!r} has no suffix, or no name before it; the loader passes "
                  "it over")  # fmt: skip
        return sample
    key, suffix = match["key"], match["suffix"].lower()
    _check_suffix(check, shard, row, name, suffix)
    if sample is None or sample.key != key:
        if sample is not None:
            _close(check, sample, gathered)
        if key in seen:
            check.add("member_order", shard, row, f"{name}: members of {key} stand apart; the loader makes two halves "
                      "of a sample of them")  # fmt: skip
        elif key in gathered.keys:
            check.add("duplicate_id", shard, row, f"{key} stands in {gathered.keys[key]} too")
        seen.add(key)
        gathered.keys.setdefault(key, shard)
        sample = _Sample(key, shard, row)
    if suffix in sample.suffixes:
        check.findings.add("duplicate_row", shard, row, f"{name} stands twice in one sample; the loader stops",
                           severity="fails")  # fmt: skip
    sample.suffixes.append(suffix)
    _check_member(check, shard, row, archive, member, sample, suffix)
    return sample


def _check_suffix(check: Check, shard: str, row: int, name: str, suffix: str) -> None:
    *parts, last = suffix.split(".")
    if any(part not in _PARTS_OF_NAMES for part in parts):
        check.add("member_name", shard, row, f"{name}: the key ends at the first dot, so that the loader takes "
                  f"{suffix!r} for the kind and joins clips of one beginning")  # fmt: skip
    elif f".{last}" in AUDIO_SUFFIXES and posixpath.basename(name) != name:
        check.add("member_name", shard, row, f"{name}: has a folder in its key")


def _check_member(
    check: Check, shard: str, row: int, archive: tarfile.TarFile, member: tarfile.TarInfo, sample: _Sample, suffix: str
) -> None:
    last = suffix.rpartition(".")[2]
    limit = _MAX_MEMBER_BYTES if f".{last}" in AUDIO_SUFFIXES else MAX_SIDECAR_BYTES
    if member.size > limit:
        check.add("too_large", shard, row, f"{member.name} has {member.size} bytes")
        return
    stream = cast("BinaryIO", archive.extractfile(member) or io.BytesIO())
    clip = check.provenance.clip_of_name(sample.key)
    if f".{last}" in AUDIO_SUFFIXES and check.provenance.is_unchanged(shard) and _is_whole(check, shard, member):
        with check.findings.guarded(shard, row):
            facts = check_sound(check.findings, shard, row, stream, SoundRules(), is_unchanged=True)
            _take_sound(check, shard, row, sample, facts, clip)
        return
    data = stream.read(limit)
    with check.findings.guarded(shard, row):
        if f".{last}" in AUDIO_SUFFIXES:
            if sample.digest is None:
                sample.digest = hashlib.sha256(data).digest()
            facts = check_sound(check.findings, shard, row, io.BytesIO(data), SoundRules())
            _take_sound(check, shard, row, sample, facts, clip)
        elif last == "json":
            _check_json(check, shard, row, data, sample, clip)
        elif last == "txt":
            text = check.folder.decoded(shard, row, data)
            if text is not None:
                check.text(shard, row, text.removesuffix("\n"), TextRules("text"), name=sample.key, clip=clip)
        elif last in {"cls", "lyrics", "caption", "prompt"}:
            check.folder.decoded(shard, row, data)


def _is_whole(check: Check, shard: str, member: tarfile.TarInfo) -> bool:
    """Tell whether a shard holds all bytes of a member, so that decoding at any place of it meets no end."""
    return not member.issparse() and member.offset_data + member.size <= check.folder.size(shard)


def _take_sound(
    check: Check, shard: str, row: int, sample: _Sample, facts: SoundFacts | None, clip: ClipFacts | None
) -> None:
    if facts is None:
        return
    sample.sounds.append(facts)
    if clip is not None and abs(facts.duration_s - clip.duration_s) > 0.1:
        check.add("length", shard, row, f"{sample.key}: the sound has {facts.duration_s:.2f} s, its clip "
                  f"{clip.duration_s:.2f} s")  # fmt: skip


def _check_json(check: Check, shard: str, row: int, data: bytes, sample: _Sample, clip: ClipFacts | None) -> None:
    text = check.folder.decoded(shard, row, data)
    values: Any = None if text is None else check.folder.parsed(shard, row, text)
    if values is None:
        return
    if not isinstance(values, dict):
        check.add("syntax", shard, row, f"{sample.key}: is no JSON object")
        return
    check_fields(check, shard, row, cast("dict[str, object]", values), sample.key, clip)


def _close(check: Check, sample: _Sample, gathered: _Shards) -> None:
    """Take in a finished sample."""
    check.clips += 1
    clip = check.provenance.clip_of_name(sample.key)
    split = _split_of(sample.file)
    if split is not None:
        check.splits.add(split, sample.file, sample.row, clip=clip, name=sample.key, sound=sample.digest)
    place = (sample.file, sample.row, sample.key)
    keys = frozenset(sample.suffixes)
    gathered.sets[keys] += 1
    _remember(gathered.first.setdefault(keys, []), place)
    for facts in sample.sounds:
        form = (facts.sample_rate_hz, facts.channels)
        gathered.formats[form] += 1
        _remember(gathered.of_format.setdefault(form, []), place)
    if not any(f".{suffix.rpartition('.')[2]}" in AUDIO_SUFFIXES for suffix in sample.suffixes):
        check.add("missing_key", sample.file, sample.row, f"{sample.key} has no sound; the loader stops, or passes it "
                  "over without a word")  # fmt: skip


def _remember(places: list[tuple[str, int, str]], place: tuple[str, int, str]) -> None:
    """Keep the first places only: of the form that most have, none is ever told."""
    if len(places) < 1000:
        places.append(place)


def _check_sets(check: Check, gathered: _Shards) -> None:
    if gathered.sets:
        usual, _ = gathered.sets.most_common(1)[0]
        for keys, places in gathered.first.items():
            if keys != usual:
                for file, row, key in places:
                    check.add("key_set", file, row, f"{key} has {_listed(keys)}; others have {_listed(usual)}; a "
                              "loader that asks for one of them stops or drops the sample")  # fmt: skip
    if len(gathered.formats) > 1:
        (rate, channels), _ = gathered.formats.most_common(1)[0]
        for form, places in gathered.of_format.items():
            for file, row, key in places:
                if form[0] != rate:
                    check.add("sample_rate", file, row, f"{key}: {form[0]} Hz; most others have {rate} Hz")
                if form[1] != channels:
                    check.add("channels", file, row, f"{key}: {form[1]} channel(s); most others have {channels}")


def _listed(keys: frozenset[str]) -> str:
    return ", ".join(sorted(keys)) or "nothing"
