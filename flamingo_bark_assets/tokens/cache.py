"""Tokens on disk, so that no sound is tokenised twice: one small file a sound.

What makes two sounds the same belongs here; making tokens stands in `tokenizer`.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.errors import FlamingoBarkError
from flamingo_bark_assets.files.atomic import write_bytes
from flamingo_bark_assets.files.opening import open_regular
from flamingo_bark_assets.tokens.acoustic import COARSE_CODEBOOKS, CODEBOOK_IDS, CODEBOOKS, acoustic_frames
from flamingo_bark_assets.tokens.frames import semantic_frames
from flamingo_bark_assets.tokens.semantic import SEMANTIC_IDS

VERSION = 1
_MAX_FILE_BYTES = 64_000_000  # a minute takes 80 kB; a larger file is none of ours


@dataclass(frozen=True, eq=False, slots=True)
class Tokens:
    """What Bark reads of a sound.

    Attributes:
        semantic: int64, shape (S,), ids below 10,000, 49.9 a second.
        fine: int64, shape (8, T), ids below 1,024, 75 a second.
    """

    semantic: NDArray[np.int64]
    fine: NDArray[np.int64]

    @property
    def coarse(self) -> NDArray[np.int64]:
        """The first two codebooks, shape (2, T)."""
        return self.fine[:COARSE_CODEBOOKS]


def sound_digest(samples: NDArray[np.float32], revisions: Sequence[str]) -> str:
    """Digest the samples of a sound at 24 kHz and the weights that read it: 64 hexadecimal digits."""
    digest = hashlib.sha256("\0".join((f"tokens {VERSION}", *revisions, str(samples.size), "")).encode())
    digest.update(np.ascontiguousarray(samples, dtype="<f4").data)
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class TokenCache:
    """Tokens under a folder, which several processes may share.

    Attributes:
        folder: where they are kept; it need not exist yet.
    """

    folder: Path

    def get(self, digest: str, *, n_samples_24k: int, n_samples_16k: int) -> Tokens | None:
        """Return the kept tokens of a sound; None where there are none, or its file holds anything else."""
        path = self._path(digest)
        try:
            with open_regular(path) as file:
                content = file.read(_MAX_FILE_BYTES)
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                semantic, fine = arrays["semantic"], arrays["fine"]
        except (OSError, EOFError, FlamingoBarkError, LookupError, ValueError, zipfile.BadZipFile):
            return None
        shapes = ((semantic_frames(n_samples_16k),), (CODEBOOKS, acoustic_frames(n_samples_24k)))
        if (semantic.shape, fine.shape) != shapes or {semantic.dtype, fine.dtype} != {np.dtype(np.int16)}:
            return None
        if semantic.min() < 0 or semantic.max() >= SEMANTIC_IDS or fine.min() < 0 or fine.max() >= CODEBOOK_IDS:
            return None
        return Tokens(semantic.astype(np.int64), fine.astype(np.int64))

    def put(self, digest: str, tokens: Tokens) -> None:
        """Keep the tokens of a sound, whole or not at all.

        Raises:
            WriteError: the file cannot be written.
        """
        buffer = io.BytesIO()
        np.savez(buffer, semantic=tokens.semantic.astype(np.int16), fine=tokens.fine.astype(np.int16))
        write_bytes(self._path(digest), buffer.getvalue())

    def _path(self, digest: str) -> Path:
        return self.folder / digest[:2] / f"{digest}.npz"
