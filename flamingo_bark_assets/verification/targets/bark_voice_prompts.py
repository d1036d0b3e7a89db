"""Voice prompts that stock Bark speaks with: one NPZ file a phrase, and a list of what each is.

What Bark reads of a prompt belongs here; tokens as such stand in `tokens`.
"""

from __future__ import annotations

from typing import Any

from flamingo_bark_assets.verification.arrays import read_arrays
from flamingo_bark_assets.verification.context import AUDIO_SUFFIXES, Check, base_of
from flamingo_bark_assets.verification.sound import SoundRules
from flamingo_bark_assets.verification.texts import TextRules
from flamingo_bark_assets.verification.tokens import (
    FRAME_RATE_HZ,
    SAMPLE_RATE_HZ,
    check_against_sound,
    check_tokens,
    constant_codebooks,
)

LIST = "voice_prompts.jsonl"
_KEYS = ("semantic_prompt", "coarse_prompt", "fine_prompt")
_MIN_FRAMES = FRAME_RATE_HZ
_MAX_FRAMES = 30 * FRAME_RATE_HZ
_SOUND = SoundRules(SAMPLE_RATE_HZ, 1, min_s=1.0, short="a voice is not known before", max_s=30.0)
_TEXT = TextRules(max_non_space=256)


def check(check: Check) -> None:
    """Replay what Bark reads of each prompt."""
    prompts = list(check.folder.files("", (".npz",)))
    if not prompts:
        check.add("tokens_missing", "prompts", None, "there is no .npz file; Bark has no prompt to speak with. "
                  "README.md says how they are made")  # fmt: skip
    constant: list[str] = []
    for path in prompts:
        check.clips += 1
        with check.findings.guarded(path):
            if _check_prompt(check, path):
                constant.append(path)
    if len(constant) < len(prompts):
        for path in constant:
            check.add("token_content", path, None, "a codebook is one id from beginning to end")
    for path in check.folder.files("wavs", AUDIO_SUFFIXES):
        check.sound(path, _SOUND)
    if check.folder.exists(LIST):
        with check.findings.guarded(LIST):
            _check_list(check, set(prompts))


def _check_prompt(check: Check, path: str) -> bool:
    """Check one prompt; return whether it is one id from beginning to end."""
    with check.folder.open(path) as file:
        arrays = read_arrays(check.findings, path, None, file, _KEYS)
    if arrays is None:
        return False
    counts = check_tokens(check.findings, path, arrays, "_prompt", must_be_int64=False)
    if counts is not None:
        _check_length(check, path, counts[1])
        wav = f"wavs/{base_of(path)}.wav"
        if check.folder.exists(wav) and (sound := check.sound(wav, _SOUND)) is not None:
            samples = round(sound.samples * SAMPLE_RATE_HZ / sound.sample_rate_hz)
            check_against_sound(check.findings, path, *counts, samples)
    return constant_codebooks(arrays, "_prompt")


def _check_length(check: Check, path: str, frames: int) -> None:
    if frames < _MIN_FRAMES:
        check.add("too_short", path, None, f"{frames / FRAME_RATE_HZ:.2f} s; a voice is not known before 1 s")
    if frames > _MAX_FRAMES:
        check.add("too_long", path, None, f"{frames / FRAME_RATE_HZ:.1f} s; Bark uses the last 5 to 8 s only")


def _check_list(check: Check, prompts: set[str]) -> None:
    names: dict[str, int] = {}
    for row, line in check.folder.lines(LIST):
        with check.findings.guarded(LIST, row):
            if not line.strip():
                check.add("blank_line", LIST, row, "is blank")
                continue
            text = check.folder.decoded(LIST, row, line)
            values = None if text is None else check.folder.parsed(LIST, row, text)
            if isinstance(values, dict):
                _check_row(check, row, values, names, prompts)
            elif values is not None:
                check.add("syntax", LIST, row, "is no JSON object")
    for path in sorted(prompts):
        check.add("unused", path, None, f"{LIST} does not name it, so that nobody knows whose voice it is")


def _check_row(check: Check, row: int, values: dict[str, Any], names: dict[str, int], prompts: set[str]) -> None:
    name = str(values.get("name"))
    if names.setdefault(name, row) != row:
        check.add("duplicate_id", LIST, row, f"{name} stands at row {names[name]} too")
    for key in ("wav", "prompt"):
        path = values.get(key)
        if path is None and key == "prompt":
            if prompts:
                check.add("tokens_missing", LIST, row, f"{name} has no prompt")
        elif not isinstance(path, str):
            check.add("missing_key", LIST, row, f"{key!r} is {path!r}")
        elif check.has_file(LIST, row, path, "there is no such voice"):
            prompts.discard(path)
    clip = check.provenance.clip_of_name(name)
    if "text" in values:
        check.text(LIST, row, values["text"], _TEXT, name=name, clip=clip)
