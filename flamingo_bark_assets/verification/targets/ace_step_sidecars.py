"""The sidecars around ACE-Step: its own, ai-toolkit's tags, Side-Step's lines, and the table of a folder.

How each is taken apart belongs here; the list and its fields stand in `ace_step`.
"""

from __future__ import annotations

import csv
import io
import posixpath
import re
from collections.abc import Mapping

from flamingo_bark_assets.verification.context import AUDIO_SUFFIXES, Check
from flamingo_bark_assets.verification.places import NamedPlaces
from flamingo_bark_assets.verification.provenance import ClipFacts
from flamingo_bark_assets.verification.sound import SoundRules
from flamingo_bark_assets.verification.targets.ace_step_words import (
    MAX_CAPTION_TOKENS,
    check_facts,
    check_lyrics,
    check_repeated,
)
from flamingo_bark_assets.verification.texts import TextRules
from flamingo_bark_assets.verification.vocabulary import check_bpm, check_key, check_language, check_metre

_JOB = "ai-toolkit.yaml"
_TAG = re.compile(r"<(?P<name>[A-Z]+)>(?P<value>.*?)</(?P=name)>", re.DOTALL)
_TAGS = ("CAPTION", "LYRICS", "BPM", "KEYSCALE", "TIMESIGNATURE", "DURATION", "LANGUAGE")
_SIDE_STEP = ("caption", "genre", "bpm", "key", "signature", "is_instrumental", "custom_tag", "lyrics")
_COPY = re.compile(r"(?P<name>.+)-\d+")


def check_sidecars(check: Check, sound: SoundRules) -> None:
    """Check each sidecar, and that each sound of a folder with sidecars has its own and is fit."""
    kinds: dict[str, set[str]] = {}
    for path in check.folder.files("", (".txt",)):
        if path.startswith("provenance/"):
            continue
        with check.findings.guarded(path):
            kind = _check_sidecar(check, path)
            if kind is not None:
                kinds.setdefault(posixpath.dirname(path), set()).add(kind)
    for folder, there in kinds.items():
        _check_complete(check, folder, there, sound)
    for path in check.folder.files("", (".csv",)):
        with check.findings.guarded(path):
            _check_table(check, path)
    if check.folder.exists(_JOB):
        with check.findings.guarded(_JOB):
            _check_job(check)


def _check_job(check: Check) -> None:
    """Check that the job of ai-toolkit names the training clips: it finds none in another folder, or held-out ones."""
    import yaml

    text = check.sidecar(_JOB)
    try:
        job = yaml.safe_load(text or "")
        named = [each["folder_path"] for part in job["config"]["process"] for each in part["datasets"]]
    except (yaml.YAMLError, ValueError, TypeError, KeyError, RecursionError):
        check.add("syntax", _JOB, None, "names no folder under config, process, datasets; run.py stops")
        return
    for row, folder in enumerate(named, start=1):
        if not isinstance(folder, str) or not folder.startswith("/"):
            check.add(
                "unsafe_path", _JOB, row, f"the folder {folder!r} is looked for below the one run.py is started in"
            )
            continue
        inside = NamedPlaces(check, _JOB).folder(folder, row, "run.py finds nothing to train on")
        if inside is not None and posixpath.basename(inside) in {"validation", "test"}:
            check.add("leak", _JOB, row, f"{inside} is held out; the model learns what it is judged by")


def _check_sidecar(check: Check, path: str) -> str | None:
    text = check.sidecar(path)
    if text is None:
        return None
    if path.endswith(".caption.txt"):
        name, clip = _clip_of(check, path, ".caption.txt")
        rules = TextRules("caption", max_tokens=MAX_CAPTION_TOKENS)
        check.text(path, None, text.removesuffix("\n"), rules, name=name, clip=clip)
        return "caption"
    if path.endswith(".lyrics.txt"):
        name, clip = _clip_of(check, path, ".lyrics.txt")
        check_lyrics(
            check, path, None, text.removesuffix("\n"), (clip is not None and clip.lyrics is None) or None, name, clip
        )
        return None
    name, clip = _clip_of(check, path, ".txt")
    if not text.strip():
        check.add("empty_text", path, None, "is empty; the file name becomes the caption")
        return "plain"
    if "<CAPTION>" in text or "</" in text:
        _check_tags(check, path, text, name, clip)
        return "tags"
    _check_lines(check, path, text, name, clip)
    return "lines"


def _check_tags(check: Check, path: str, text: str, name: str, clip: ClipFacts | None) -> None:
    found = {match["name"]: match["value"].strip() for match in _TAG.finditer(text)}
    for tag in ("CAPTION", "LYRICS"):
        if tag not in found:
            check.add("missing_key", path, None, f"there is no <{tag}>...</{tag}>; ai-toolkit reads none")
    for tag in _TAGS:
        if text.count(f"<{tag}>") != text.count(f"</{tag}>") or text.count(f"<{tag}>") > 1:
            check.add("syntax", path, None, f"<{tag}> is not closed, or there twice")
    if "CAPTION" in found:
        rules = TextRules("caption", max_tokens=MAX_CAPTION_TOKENS)
        check.text(path, None, found["CAPTION"], rules, name=name, clip=clip, is_whole=False)
        _check_contains(check, path, found["CAPTION"], name, clip)
    if "LYRICS" in found:
        check_lyrics(check, path, None, found["LYRICS"], None, name, clip)
    bpm = check_bpm(check.findings, path, None, _number(found.get("BPM")), "BPM", whole=True)
    key = check_key(check.findings, path, None, found.get("KEYSCALE"), "KEYSCALE")
    metre = check_metre(check.findings, path, None, found.get("TIMESIGNATURE"), "TIMESIGNATURE")
    if "LANGUAGE" in found:
        check_language(check.findings, path, None, found["LANGUAGE"], "LANGUAGE")
    _check_facts(check, path, None, found.get("CAPTION"), bpm, key, metre, clip)


def _check_lines(check: Check, path: str, text: str, name: str, clip: ClipFacts | None) -> None:
    head, parted, lyrics = text.partition("lyrics:")
    values: dict[str, str] = {}
    for row, line in enumerate(head.split("\n"), start=1):
        field, colon, value = line.partition(":")
        if not line.strip():
            continue
        if not colon or field.strip().lower() not in _SIDE_STEP:
            check.add("syntax", path, row, f"{line[:60]!r} is no 'key: value' that Side-Step knows; it is dropped")
        else:
            values[field.strip().lower()] = value.strip()
    if "caption" not in values:
        check.add("missing_key", path, None, "there is no 'caption:'; the file name becomes the caption")
    else:
        rules = TextRules("caption", max_tokens=MAX_CAPTION_TOKENS)
        check.text(path, None, values["caption"], rules, name=name, clip=clip, is_whole=False)
        _check_contains(check, path, values["caption"], name, clip)
    wordless = values.get("is_instrumental")
    if wordless not in {None, "true", "false"}:
        check.add("field_value", path, None, f"is_instrumental is {wordless!r}, neither true nor false")
    if parted:
        is_wordless = None if wordless is None else wordless == "true"
        check_lyrics(check, path, None, lyrics.strip(), is_wordless, name, clip)
    elif wordless != "true":
        check.add("missing_key", path, None, "there is no 'lyrics:'; Side-Step trains the voice without words")
    bpm = check_bpm(check.findings, path, None, _number(values.get("bpm")), "bpm", whole=True)
    key = check_key(check.findings, path, None, values.get("key"), "key")
    metre = check_metre(check.findings, path, None, values.get("signature"), "signature")
    _check_facts(check, path, None, values.get("caption"), bpm, key, metre, clip)


def _check_contains(check: Check, path: str, caption: str, name: str, clip: ClipFacts | None) -> None:
    if clip is not None and clip.text not in caption:
        check.add("text_changed", path, None, f"{name}: the caption is not the one that was exported for it; is it "
                  "that of another clip?")  # fmt: skip


def _check_facts(
    check: Check, path: str, row: int | None, caption: str | None, bpm: float | None, key: str | None,
    metre: str | None, clip: ClipFacts | None,
) -> None:  # fmt: skip
    check_facts(check, path, row, bpm, key, metre, clip)
    check_repeated(check, path, row, caption, key, metre)


def _check_complete(check: Check, folder: str, kinds: set[str], sound: SoundRules) -> None:
    """Report sounds without the sidecar that the others of their folder have, and sidecars without a sound."""
    suffix = ".caption.txt" if "caption" in kinds else ".txt"
    for path in check.folder.files(folder, AUDIO_SUFFIXES):
        if posixpath.dirname(path) != folder:
            continue
        check.sound(path, sound)
        sidecar = f"{path.rpartition('.')[0]}{suffix}"
        if check.folder.problem(sidecar) is not None:
            check.add("missing_file", sidecar, None, f"does not exist; the file name of {posixpath.basename(path)} "
                      "becomes its caption")  # fmt: skip
    for path in check.folder.files(folder, (suffix,)):
        base = path.removesuffix(suffix)
        if not any(check.folder.exists(f"{base}{ending}") for ending in AUDIO_SUFFIXES) and (
            suffix == ".caption.txt" or not path.endswith((".caption.txt", ".lyrics.txt"))
        ):
            check.add("unused", path, None, "there is no sound beside it")


def _check_table(check: Check, path: str) -> None:
    text = check.sidecar(path, 64 << 20)
    if text is None:
        return
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    head: list[str] | None = None
    seen: dict[str, int] = {}
    try:
        for row, cells in enumerate(rows, start=1):
            if head is None:
                head = [cell.strip().lower() for cell in cells]
                if "file" not in head:
                    check.add("missing_key", path, 1, "there is no column 'file'; ACE-Step ignores the table")
                    return
            elif not any(cells):
                check.add("blank_line", path, row, "is blank")
            elif len(cells) != len(head):
                check.add("syntax", path, row, f"has {len(cells)} cells; the head has {len(head)}")
            else:
                _check_table_row(check, path, row, dict(zip(head, cells, strict=True)), seen)
    except csv.Error as error:
        check.add("syntax", path, None, f"is no CSV that can be read ({error})")


def _check_table_row(check: Check, path: str, row: int, cells: Mapping[str, str], seen: dict[str, int]) -> None:
    sound = posixpath.join(posixpath.dirname(path), cells["file"])
    check.has_file(path, row, sound, "its facts go to no sound")
    if seen.setdefault(sound, row) != row:
        check.add("duplicate_row", path, row, f"{cells['file']} stands at row {seen[sound]} too")
    _, clip = _clip_of(check, sound, f".{sound.rpartition('.')[2]}")
    bpm = check_bpm(check.findings, path, row, _number(cells.get("bpm")), "bpm", whole=True)
    key = check_key(check.findings, path, row, cells.get("key"), "key")
    _check_facts(check, path, row, None, bpm, key, None, clip)
    if "caption" in cells:
        check.text(path, row, cells["caption"], TextRules("caption"), name=cells["file"], clip=clip)


def _number(text: str | None) -> object:
    """Read a whole number where it is one; else leave the text for the check to name."""
    return int(text) if text is not None and re.fullmatch(r"-?\d{1,6}", text) else text


def _clip_of(check: Check, path: str, suffix: str) -> tuple[str, ClipFacts | None]:
    """Return the base name that a sidecar belongs to and its clip: copies have a number, folders an ending."""
    name = posixpath.basename(path).removesuffix(suffix)
    plain = name.removesuffix("-ai-toolkit").removesuffix("-side-step")
    clip = check.provenance.clip_of_file(path) or check.provenance.clip_of_name(plain)
    if clip is None and (match := _COPY.fullmatch(plain)):
        clip = check.provenance.clip_of_name(match["name"])
    return name, clip
