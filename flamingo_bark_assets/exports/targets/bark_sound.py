"""Sound and tokens as Bark's layouts hold them: 24 kHz mono WAV, and arrays of int64 from exactly that sound.

What both of Bark's targets write of one clip belongs here; which clips they write does not.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from flamingo_bark_assets.clips.sound import ClipSound
from flamingo_bark_assets.exports.interface import ExportOptions
from flamingo_bark_assets.tokens.catalogue import find_models, missing_models

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from flamingo_bark_assets.tokens.cache import Tokens

RATE_HZ = 24_000


def token_requirements(options: ExportOptions) -> tuple[str, ...]:
    """Say which models are missing, and the commands that get them."""
    return missing_models(options.tokens)


def token_versions(options: ExportOptions) -> str:
    """Name the weights that tokens are made with; "" where there are no tokens."""
    if options.tokens is None or missing_models(options.tokens):
        return ""
    return " ".join(find_models(options.tokens).revisions())


def tokenise(sounds: Sequence[ClipSound], options: ExportOptions) -> list[Tokens | None]:
    """Return the tokens of sounds as they stand in their WAV files; None for all where a model is missing.

    Raises:
        ModelError: a model is there and cannot be used.
    """
    if options.tokens is None or missing_models(options.tokens):
        return [None] * len(sounds)
    from flamingo_bark_assets.tokens.tokenizer import tokenizer_for

    return [*tokenizer_for(options.tokens).tokens([_as_stored(sound) for sound in sounds])]


def npz(arrays: Mapping[str, NDArray[np.int64]]) -> bytes:
    """Return arrays as an ``.npz``; equal arrays give equal bytes."""
    import numpy as np

    buffer = io.BytesIO()
    np.savez(buffer, **{name: np.ascontiguousarray(array) for name, array in arrays.items()})  # type: ignore[arg-type]
    return buffer.getvalue()


def _as_stored(sound: ClipSound) -> NDArray[np.float32]:
    """Return the one channel of a sound as whoever reads its 16-bit file has it."""
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, sound.samples[0], sound.sample_rate_hz, format="WAV", subtype="PCM_16")
    buffer.seek(0)
    stored: NDArray[np.float32] = soundfile.read(buffer, dtype="float32")[0]
    return stored
