"""Acoustic tokens: EnCodec at 24 kHz and 6 kbps, as transformers runs it.

Running it and what must hold of a model belong here; finding and loading it stand in `loading`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.inference.catalogue import ModelError

ACOUSTIC_RATE_HZ = 24_000
CODEBOOKS = 8
COARSE_CODEBOOKS = 2
CODEBOOK_IDS = 1024
BANDWIDTH_KBPS = 6.0

_HOP = 320


def acoustic_frames(n_samples: int) -> int:
    """Return the number of acoustic frames of a wave of so many samples at 24 kHz."""
    return -(-n_samples // _HOP)


def check_encodec(model: Any, name: str) -> None:
    """Refuse an EnCodec whose tokens would be none of Bark's.

    Raises:
        ModelError: another rate, codebook size or bandwidth, or codebooks that were never trained.
    """
    config = model.config
    fits = (
        (config.sampling_rate, config.audio_channels, config.codebook_size, config.chunk_length)
        == (ACOUSTIC_RATE_HZ, 1, CODEBOOK_IDS, None)
        and BANDWIDTH_KBPS in config.target_bandwidths
        and config.hop_length == _HOP
        and len(model.quantizer.layers) >= CODEBOOKS
    )
    if not fits:
        raise ModelError(f"{name}: is no EnCodec of 24 kHz, one channel and {BANDWIDTH_KBPS:g} kbps; use that one")
    books = [layer.codebook.embed for layer in model.quantizer.layers[:CODEBOOKS]]
    if not all(bool(book.isfinite().all()) and bool(book.any()) for book in books):
        raise ModelError(f"{name}: a codebook is empty, so that its tokens would mean nothing; get it anew")


def acoustic_tokens(encodec: Any, waves: NDArray[np.float32]) -> NDArray[np.int64]:
    """Turn waves of one length into acoustic tokens.

    Args:
        encodec: transformers' EncodecModel.
        waves: float32, shape (batch, samples), 24 kHz.

    Returns:
        Ids below `CODEBOOK_IDS`, shape (batch, CODEBOOKS, acoustic_frames(samples)).

    Raises:
        ModelError: the model gives another shape.
    """
    import torch

    # On a CPU several at once take twice the time of one after another: what lies between layers leaves its cache.
    at_once = 1 if encodec.device.type == "cpu" else len(waves)
    codes = []
    with torch.inference_mode():
        for start in range(0, len(waves), at_once):
            sound = torch.from_numpy(waves[start : start + at_once, np.newaxis]).to(encodec.device)
            codes.append(encodec.encode(sound, bandwidth=BANDWIDTH_KBPS).audio_codes[0].cpu().numpy())
    tokens = np.concatenate(codes)
    wanted = (len(waves), CODEBOOKS, acoustic_frames(waves.shape[1]))
    if tokens.shape != wanted:
        raise ModelError(f"EnCodec gives tokens of shape {tokens.shape} and Bark needs {wanted}; use encodec_24khz")
    return np.asarray(tokens, dtype=np.int64)
