"""Voice prompts that stock Bark speaks with: one NPZ file a phrase.

What Bark reads of a prompt belongs here; tokens as such stand in `tokens`.
"""

from __future__ import annotations

from flamingo_bark_assets.verification.arrays import read_arrays
from flamingo_bark_assets.verification.context import Check
from flamingo_bark_assets.verification.tokens import FRAME_RATE_HZ, check_tokens, constant_codebooks

_KEYS = ("semantic_prompt", "coarse_prompt", "fine_prompt")
_MIN_FRAMES = FRAME_RATE_HZ
_MAX_FRAMES = 30 * FRAME_RATE_HZ


def check(check: Check) -> None:
    """Replay what Bark reads of each prompt."""
    prompts = list(check.folder.files("", (".npz",)))
    if not prompts:
        check.add("missing_index", ".", None, "there is no .npz file; Bark has no prompt to speak with")
    constant: list[str] = []
    for path in prompts:
        check.clips += 1
        with check.findings.guarded(path), check.folder.open(path) as file:
            arrays = read_arrays(check.findings, path, None, file, _KEYS)
            if arrays is None:
                continue
            if constant_codebooks(arrays, "_prompt"):
                constant.append(path)
            counts = check_tokens(check.findings, path, arrays, "_prompt", must_be_int64=False)
            if counts is not None:
                _check_length(check, path, counts[1])
    if len(constant) < len(prompts):
        for path in constant:
            check.add("token_content", path, None, "a codebook is one id from beginning to end")


def _check_length(check: Check, path: str, frames: int) -> None:
    if frames < _MIN_FRAMES:
        check.add("too_short", path, None, f"{frames / FRAME_RATE_HZ:.2f} s; a voice is not known before 1 s")
    if frames > _MAX_FRAMES:
        check.add("too_long", path, None, f"{frames / FRAME_RATE_HZ:.1f} s; Bark uses the last 5 to 8 s only")
