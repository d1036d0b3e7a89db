"""AudioCraft's manifests: one JSON line a clip, and a JSON sidecar with its music facts.

What AudioCraft reads of both belongs here.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flamingo_bark_assets.parts import STEM_KINDS
from flamingo_bark_assets.verification.claims import check_key_field, check_tempo_field
from flamingo_bark_assets.verification.context import Check, base_of
from flamingo_bark_assets.verification.places import NamedPlaces
from flamingo_bark_assets.verification.provenance import ClipFacts
from flamingo_bark_assets.verification.sound import SoundRules
from flamingo_bark_assets.verification.texts import TextRules, check_text
from flamingo_bark_assets.verification.vocabulary import check_bpm, check_key

_MANIFESTS = ("data.jsonl", "data.jsonl.gz")
SPLIT_OF = {
    "train": "train", "valid": "validation", "validation": "validation", "evaluate": "test", "test": "test",
    "generate": "test",
}  # fmt: skip
_SEGMENT_S = 30.0
_MIN_FILLED = 0.8
_SOUND = SoundRules(
    32_000, None, min_s=_MIN_FILLED * _SEGMENT_S,
    short="less than .8 of a 30 s segment, the rest of which is padded with silence",
)  # fmt: skip
_REQUIRED: Mapping[str, type | tuple[type, ...]] = {"path": str, "duration": (int, float), "sample_rate": int}
_SIDECAR_KEYS = ("title", "artist", "key", "bpm", "genre", "moods", "description", "name", "instrument")
_STAGES = ("train", "valid", "evaluate", "generate")
_OVERRIDE = "sample_on_weight=true"
_LENGTH_TOLERANCE_S = 0.05


def check(check: Check) -> None:
    """Replay what AudioCraft reads."""
    manifests = [path for path in check.folder.files() if posixpath.basename(path) in _MANIFESTS]
    if not manifests:
        check.add("missing_index", ".", None, "there is no data.jsonl or data.jsonl.gz; the solver stops")
    for path in manifests:
        with check.findings.guarded(path):
            _check_manifest(check, path)
    check.check_formats()
    check.unnamed_sounds("", "no manifest names it; it is never trained on")
    for path in check.folder.files("dset", (".yaml", ".yml")):
        with check.findings.guarded(path):
            _check_datasource(check, path)


@dataclass(slots=True)
class _Manifest:
    """What is gathered over the rows of a manifest."""

    path: str
    split: str | None
    places: NamedPlaces
    rows: dict[str, int] = field(default_factory=dict)
    weights: set[float] = field(default_factory=set)


def _check_manifest(check: Check, path: str) -> None:
    split = SPLIT_OF.get(posixpath.basename(posixpath.dirname(path)))
    manifest = _Manifest(path, split, NamedPlaces(check, path))
    row = 0
    for row, line in check.folder.lines(path):
        check.clips += 1
        with check.findings.guarded(path, row):
            _check_row(check, manifest, row, line)
    if not row:
        check.add("empty_split", path, None, "is empty; the solver stops")
    manifest.places.close()
    if len(manifest.weights) > 1 and split == "train" and not _tells_override(check):
        check.add("weight_ignored", path, None, "rows have different weights, and README.md does not give the override "
                  f"{_OVERRIDE} without which MusicGen reads none")  # fmt: skip


def _tells_override(check: Check) -> bool:
    text = check.folder.text("README.md") if check.folder.exists("README.md") else None
    return text is not None and _OVERRIDE in text


def _check_datasource(check: Check, path: str) -> None:
    """Check the config that names the manifests of each stage."""
    import yaml

    text = check.sidecar(path)
    if text is None:
        return
    try:
        values = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        check.add("syntax", path, None if mark is None else mark.line + 1, "is no YAML; dora stops")
        return
    source = values.get("datasource") if isinstance(values, dict) else None
    if not isinstance(source, dict):
        check.add("missing_key", path, None, "there is no 'datasource'; the solver has no data")
        return
    if not text.startswith("# @package __global__"):
        check.add("syntax", path, 1, "does not begin with '# @package __global__'; its keys go to another place")
    for key in ("max_sample_rate", "max_channels"):
        if not isinstance(source.get(key), int) or isinstance(source.get(key), bool):
            check.add("missing_key", path, None, f"datasource.{key} is {source.get(key)!r} and no whole number")
    places = NamedPlaces(check, path)
    held_out = {"validation", "test"} & {
        posixpath.basename(posixpath.dirname(each)) for each in check.folder.files("egs") if each.endswith(_MANIFESTS)
    }
    for stage in _STAGES:
        value = source.get(stage)
        if not isinstance(value, str):
            check.add("missing_key", path, None, f"datasource.{stage} is {value!r} and no folder; the solver stops")
            continue
        folder = places.folder(value, None, "the solver stops")
        if folder is None:
            continue
        if not any(check.folder.exists(f"{folder}/{name}") for name in _MANIFESTS):
            check.add("missing_file", path, None, f"there is no manifest in {folder}, which {stage} names")
        if stage != "train" and posixpath.basename(folder) == "train" and held_out:
            check.add("leak", path, None, f"{stage} names {folder}, though songs are held out; held-out figures lie")


def _check_row(check: Check, gathered: _Manifest, row: int, line: bytes) -> None:
    manifest = gathered.path
    values = _values(check, manifest, row, line)
    if values is None:
        return
    for key, kind in _REQUIRED.items():
        if key not in values:
            check.add("missing_key", manifest, row, f"{key!r} is missing; the solver stops")
        elif not isinstance(values[key], kind) or isinstance(values[key], bool):
            check.add("field_type", manifest, row, f"{key!r} is {values[key]!r}; the solver stops or computes with it")
    weight = values.get("weight")
    if weight is not None and (not isinstance(weight, int | float) or isinstance(weight, bool) or not weight > 0):
        check.add("field_value", manifest, row, f"the weight {weight!r} is no positive number")
    elif weight is not None:
        gathered.weights.add(float(weight))
    path = values.get("path")
    local = gathered.places.local(path, row) if isinstance(path, str) else None
    if not isinstance(path, str) or local is None:
        return
    if not path.startswith("/"):
        check.add("unsafe_path", manifest, row, f"{path!r} is relative; AudioCraft resolves it below dora's root only")
    if local in gathered.rows:
        check.add(
            "duplicate_row", manifest, row, f"{local} is named at row {gathered.rows[local]} too; it counts twice"
        )
    gathered.rows.setdefault(local, row)
    name = base_of(local)
    clip = check.clip(local)
    if gathered.split is not None:
        check.splits.add(gathered.split, manifest, row, clip=clip, name=name, sound=local)
    sound = check.sound(local, _SOUND)
    if sound is not None:
        _check_stated(check, manifest, row, values, sound.duration_s, sound.sample_rate_hz)
    _check_sidecar(check, f"{local.rpartition('.')[0]}.json", manifest, row, name, clip)


def _values(check: Check, manifest: str, row: int, line: bytes) -> dict[str, Any] | None:
    """Parse one line; None, with a finding, where it is no JSON object."""
    if line.endswith(b"\r"):
        check.add("line_ends", manifest, row, "ends in CR LF")
    if not line.strip():
        check.add("blank_line", manifest, row, "is blank; reading it as JSON stops the solver")
        return None
    text = check.folder.decoded(manifest, row, line)
    values = None if text is None else check.folder.parsed(manifest, row, text)
    if values is not None and not isinstance(values, dict):
        check.add("syntax", manifest, row, "is no JSON object; the solver stops")
        return None
    return values


def _check_stated(
    check: Check, manifest: str, row: int, values: Mapping[str, Any], duration_s: float, sample_rate_hz: int
) -> None:
    stated = values.get("duration")
    if isinstance(stated, int | float) and not abs(stated - duration_s) <= _LENGTH_TOLERANCE_S:
        check.add("length", manifest, row, f"a duration of {stated} s is stated, the file has {duration_s:.3f} s; "
                  "segments are drawn from what is not there, or never from the end")  # fmt: skip
    if values.get("sample_rate") != sample_rate_hz and isinstance(values.get("sample_rate"), int):
        check.add("field_value", manifest, row, f"a sample rate of {values['sample_rate']} Hz is stated, the file has "
                  f"{sample_rate_hz} Hz; segments are drawn at the wrong places")  # fmt: skip


def _check_sidecar(check: Check, path: str, manifest: str, row: int, name: str, clip: ClipFacts | None) -> None:
    if not check.folder.exists(path):
        check.add("missing_file", manifest, row, f"{path} does not exist; {name} trains without text, without a word")
        return
    values = check.folder.json(path, 1 << 20)
    if values is not None and not isinstance(values, dict):
        check.add("syntax", path, None, "is no JSON object; the solver stops")
    if not isinstance(values, dict):
        return
    for key in _SIDECAR_KEYS:
        if key not in values:
            check.add("missing_key", path, None, f"{key!r} is missing; the solver stops")
    for key in ("genre", "moods", "instrument", "keywords"):
        if values.get(key) is not None and not isinstance(values[key], str | list):
            check.add("field_type", path, None, f"{key!r} is {values[key]!r}, neither a text nor a list")
    if "description" in values:
        check.text(path, None, values["description"], TextRules("description"), name=name, clip=clip)
    for key in ("title", "artist", "name"):
        if values.get(key) is not None:
            check_text(check.findings, path, None, values[key], TextRules(key, may_be_empty=True, is_name=True))
    _check_music(check, path, values, clip)


def _check_music(check: Check, path: str, values: Mapping[str, Any], clip: ClipFacts | None) -> None:
    key = values.get("key")
    if isinstance(key, str) and "," in key:
        check.add("key_spelling", path, None, f"key: {key!r} holds a comma; AudioCraft drops it")
    elif (spelled := check_key(check.findings, path, None, key, "key")) and clip is not None:
        check_key_field(check.findings, path, None, spelled, clip)
    bpm = check_bpm(check.findings, path, None, values.get("bpm"), "bpm", whole=False)
    if bpm is not None and clip is not None:
        check_tempo_field(check.findings, path, None, bpm, clip)
    played = values.get("instrument")
    if isinstance(played, str) and clip is not None and clip.sounding:
        for kind in (part.strip() for part in played.split(",")):
            if kind in STEM_KINDS and kind not in clip.sounding:
                check.add("claim_instrument", path, None, f"{clip.name}: instrument names {kind}, which does not sound")
