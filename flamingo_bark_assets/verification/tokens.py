"""Bark's tokens: types, shapes, ranges, and how the three kinds of one clip stand to each other.

What any Bark trainer and any voice prompt wants of tokens belongs here; lists of clips do not.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.verification.findings import Findings

SEMANTIC_IDS = 10_000
CODEBOOK_IDS = 1024
SAMPLE_RATE_HZ = 24_000
FRAME_RATE_HZ = 75
SEMANTIC_ROW = 510
"""Places of tokens in a row of the semantic stage: 511 with the end token."""
COARSE_S = 5.12
COARSE_SEMANTIC = 255
COARSE_FRAMES = 384
_HOP = 320
_WINDOW = 400
_MIN_CONSTANT = 16


def end_share(semantic_tokens: int) -> float:
    """Return the share of a semantic row that is the end token, 0 to 1: padding is learned like any other token."""
    return 1.0 - (min(semantic_tokens, SEMANTIC_ROW + 1) - 1) / SEMANTIC_ROW


def check_tokens(
    findings: Findings, file: str, arrays: Mapping[str, NDArray[np.generic]], suffix: str = "", *, must_be_int64: bool
) -> tuple[int, int] | None:
    """Check the tokens of one clip.

    Args:
        findings: where what is wrong goes.
        file: the NPZ file.
        arrays: ``semantic`` (S,), ``coarse`` (2, T), ``fine`` (8, T); those that are missing were reported.
        suffix: what the names of the arrays end in: ``_prompt`` for voice prompts.
        must_be_int64: whether other integers break something.

    Returns:
        S and T; None where an array is missing or of another form.
    """
    rows = {"semantic": 0, "coarse": 2, "fine": 8}
    sound = {
        name: array
        for name, count in rows.items()
        if (array := arrays.get(name + suffix)) is not None
        and _has_form(findings, file, name + suffix, array, count, must_be_int64=must_be_int64)
    }
    for name, array in sound.items():
        limit = SEMANTIC_IDS if name == "semantic" else CODEBOOK_IDS
        low, high = int(array.min()), int(array.max())
        if low < 0 or high >= limit:
            findings.add("token_range", file, None, f"{name}{suffix}: ids from {low} to {high}; allowed are 0 to "
                         f"{limit - 1}. Others index past the table, or train the end token")  # fmt: skip
    coarse, fine = sound.get("coarse"), sound.get("fine")
    if coarse is not None and fine is not None:
        _check_phase(findings, file, coarse, fine)
    if len(sound) < len(rows):
        return None
    semantic_count, frames = sound["semantic"].shape[0], sound["coarse"].shape[1]
    if round(frames / semantic_count, 1) != 1.5:
        findings.add("token_shape", file, None, f"{frames} frames for {semantic_count} semantic tokens: "
                     f"{frames / semantic_count:.2f} times as many; Bark has 1.5 times: they are of different sounds",
                     severity="silent")  # fmt: skip
    return semantic_count, frames


def constant_codebooks(arrays: Mapping[str, NDArray[np.generic]], suffix: str = "") -> bool:
    """Tell whether the semantic tokens or one of the codebooks are one id from beginning to end."""
    for name in ("semantic", "coarse", "fine"):
        array = arrays.get(name + suffix)
        if array is None or array.ndim not in {1, 2} or array.shape[-1] < _MIN_CONSTANT:
            continue
        if bool(np.any(np.all(array == array[..., :1], axis=-1))):
            return True
    return False


def check_against_sound(findings: Findings, file: str, semantic_count: int, frames: int, samples_24k: int) -> None:
    """Check the numbers of tokens against the length of the sound that they were made from."""
    wanted = -(-samples_24k // _HOP)
    at_16k = samples_24k * 2 / 3
    wanted_semantic = int((at_16k - _WINDOW) // _HOP) + 1
    if abs(frames - wanted) > 1 or abs(semantic_count - wanted_semantic) > 1:
        findings.add("token_content", file, None, f"{semantic_count} semantic tokens and {frames} frames; the sound "
                     f"gives {wanted_semantic} and {wanted}: they are of another sound")  # fmt: skip


def _has_form(
    findings: Findings, file: str, name: str, array: NDArray[np.generic], rows: int, *, must_be_int64: bool
) -> bool:
    if array.dtype.kind not in "iu":
        findings.add("token_dtype", file, None, f"{name} is {array.dtype}, not int64; the trainer stops, or rounds ids")
        return False
    if must_be_int64 and array.dtype != np.int64:
        severity = None if rows else "silent"
        findings.add("token_dtype", file, None, f"{name} is {array.dtype}, not int64; "
                     + ("the loss stops" if rows else "ids may wrap around without a word"),
                     severity=severity)  # type: ignore[arg-type]  # fmt: skip
    wanted = "(S,)" if not rows else f"({rows}, T)"
    is_formed = array.ndim == 1 if not rows else array.ndim == 2 and array.shape[0] == rows
    if not is_formed or array.size == 0:
        findings.add("token_shape", file, None, f"{name} has the shape {array.shape}, not {wanted}; the trainer stops, "
                     "or reads codebooks as time")  # fmt: skip
        return False
    return True


def _check_phase(findings: Findings, file: str, coarse: NDArray[np.generic], fine: NDArray[np.generic]) -> None:
    if coarse.shape[1] != fine.shape[1]:
        findings.add("token_shape", file, None, f"coarse has {coarse.shape[1]} frames and fine {fine.shape[1]}",
                     severity="silent")  # fmt: skip
    elif not np.array_equal(coarse, fine[:2]):
        findings.add("token_phase", file, None, "coarse is not the first two codebooks of fine: they are swapped, "
                     "shifted or of another sound")  # fmt: skip
