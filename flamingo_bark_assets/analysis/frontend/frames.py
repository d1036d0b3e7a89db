"""Overlapping windowed frames of a sound that comes piece by piece, and their Fourier transforms.

Cutting and transforming belong here; what is made of the spectra does not.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from flamingo_bark_assets.audio.signal import FloatArray

CHUNK_FRAMES = 256  # transformed at a time: the spectra of one chunk stay in a processor's cache


class FrameSpectra:
    """Spectra of Hann-windowed frames, whatever pieces the sound comes in.

    Args:
        frame: samples of a frame.
        hop: samples from one frame to the next.
        centred: whether frame i is centred on sample i * hop, samples before the start and after the end counting
            as 0; else it begins there, and the last is filled up with 0.
    """

    def __init__(self, frame: int, hop: int, *, centred: bool) -> None:
        self._frame = frame
        self._hop = hop
        self._centred = centred
        self._rest = np.zeros(frame // 2 if centred else 0, np.float32)
        self._window = (0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(frame) / frame)).astype(np.float32)
        self._scratch = np.empty((CHUNK_FRAMES, frame), np.float32)
        # |X|^2 times this is 0.25 for a sine of amplitude 1 in the middle of a bin.
        self.scale = np.float32(1.0 / float(self._window.sum()) ** 2)

    def add(self, samples: FloatArray) -> Iterator[FloatArray]:
        """Take the next samples, shape (n,).

        Returns:
            Spectra, at most `CHUNK_FRAMES` at a time, shape (n_frames, frame + 2): real and imaginary part of each
            bin in turn.
        """
        self._rest = np.concatenate((self._rest, samples))
        count = max(0, (self._rest.size - self._frame) // self._hop + 1)
        if count:
            step = self._rest.itemsize
            # sliding_window_view gives the same and takes as long as a tenth of the transform.
            frames = np.ndarray((count, self._frame), np.float32, self._rest, 0, (self._hop * step, step))
            for start in range(0, count, CHUNK_FRAMES):
                yield self._spectra(frames[start : min(start + CHUNK_FRAMES, count)])
            self._rest = self._rest[count * self._hop :].copy()

    def finish(self) -> Iterator[FloatArray]:
        """Yield the last frames, as `add` gives them."""
        if self._centred:
            yield from self.add(np.zeros(self._frame // 2, np.float32))
        elif self._rest.size:
            yield from self.add(np.zeros(self._frame - self._rest.size, np.float32))

    def _spectra(self, frames: FloatArray) -> FloatArray:
        from scipy.fft import rfft

        windowed = np.multiply(frames, self._window, out=self._scratch[: frames.shape[0]])
        spectra = rfft(windowed, axis=1, overwrite_x=True)
        return np.ascontiguousarray(spectra, np.complex64).view(np.float32)
