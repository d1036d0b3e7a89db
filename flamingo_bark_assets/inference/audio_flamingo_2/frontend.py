"""Sound to the input of Audio Flamingo 2: 16 kHz, peak-normalised 10 s windows, log-mel spectra.

Numbers of NVIDIA's front end belong here; networks and choosing which segment of a song is taken do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.audio.resample import resample
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.kernels import librosa_module

if TYPE_CHECKING:
    from torch import Tensor

SAMPLE_RATE_HZ = 16_000
WINDOW_S = 10
WINDOW_SAMPLES = WINDOW_S * SAMPLE_RATE_HZ
MAX_WINDOWS = 12
MAX_CLIP_S = float(MAX_WINDOWS * WINDOW_S)

_INT16_SCALE = 32767.0
_FFT_SAMPLES = 1024
_HOP_SAMPLES = 160
_LOWEST_HZ = 50.0
_HIGHEST_HZ = 8000.0
_POWER_FLOOR = 1e-10


def to_model_rate(samples: FloatArray, sample_rate_hz: int) -> FloatArray:
    """Resample to 16 kHz as `librosa.resample` does: soxr at high quality, ceil(n * ratio) samples."""
    if sample_rate_hz == SAMPLE_RATE_HZ:
        return samples
    wanted = -(-samples.size * SAMPLE_RATE_HZ // sample_rate_hz)
    resampled = resample(samples[None], sample_rate_hz, SAMPLE_RATE_HZ)[0, :wanted]
    return np.pad(resampled, (0, wanted - resampled.size))


def normalise(samples: FloatArray) -> NDArray[np.float64]:
    """Scale the peak to 1; a signal that is never negative is stretched to -1..1 as NVIDIA's reader does.

    In float64, as the 16-bit codes that follow are truncated: float32 would move samples across an integer. Silence
    stays silence (NVIDIA's code divides zero by zero there).

    Raises:
        ValueError: a sample is not finite.
    """
    peak = float(np.abs(samples).max(initial=0.0))
    if not np.isfinite(peak):
        raise ValueError("the samples hold a value that is not finite")
    if peak == 0:
        return np.zeros(samples.shape)
    scaled = samples.astype(np.float64) / peak
    return scaled if scaled.min() < 0 else 2 * scaled - 1


def windows(samples: NDArray[np.float64]) -> FloatArray:
    """Cut into 10 s windows, padded with zeros, and round to 16 bit as NVIDIA's code does.

    What lies after 120 s is left out.

    Returns:
        float32, shape (n_windows, 160000), 1 to 12 windows.
    """
    kept = samples[: MAX_WINDOWS * WINDOW_SAMPLES]
    count = max(1, -(-kept.size // WINDOW_SAMPLES))
    flat = np.zeros(count * WINDOW_SAMPLES, np.float32)
    flat[: kept.size] = int16_codes(kept) / _INT16_SCALE
    return flat.reshape(count, WINDOW_SAMPLES)


def int16_codes(samples: NDArray[np.float64]) -> NDArray[np.int16]:
    """Return 16-bit codes of samples in -1..1, truncated toward zero, full scale 32767."""
    return np.trunc(np.clip(samples, -1, 1) * _INT16_SCALE).astype(np.int16)


def log_mel(waveforms: Tensor, *, mel_bins: int) -> Tensor:
    """Return log-mel power spectra, decibels.

    Periodic Hann window of 1024, hop 160, centred with reflection, power 2, HTK mel bands of 50-8000 Hz without
    normalisation, floor -100 dB and no other limit. `waveforms` is float32, shape (n_windows, n_samples).

    Returns:
        float32, shape (n_windows, n_samples // 160 + 1, mel_bins), on the same device.
    """
    import torch

    spectrum = torch.stft(
        waveforms,
        _FFT_SAMPLES,
        hop_length=_HOP_SAMPLES,
        window=torch.hann_window(_FFT_SAMPLES, device=waveforms.device),
        center=True,
        pad_mode="reflect",
        return_complex=True,
    )
    power = spectrum.abs().square().transpose(1, 2)
    mel = power @ _mel_filters(mel_bins).to(waveforms.device)
    return 10 * mel.clamp(min=_POWER_FLOOR).log10()


def _mel_filters(mel_bins: int) -> Tensor:
    """Build triangular HTK mel filters, float32, shape (513, mel_bins); O'Shaughnessy's scale, peaks of 1."""
    import torch

    filters = librosa_module("librosa.filters").mel(
        sr=SAMPLE_RATE_HZ, n_fft=_FFT_SAMPLES, n_mels=mel_bins, fmin=_LOWEST_HZ, fmax=_HIGHEST_HZ, htk=True, norm=None
    )
    return torch.from_numpy(np.ascontiguousarray(filters.T))
