"""Clips to audio embeddings, a batch at once, and the memory of what was encoded a moment ago.

Batching of sound belongs here; front end and network stand in modules of their own.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from flamingo_bark_assets.inference.audio_flamingo_2 import frontend
from flamingo_bark_assets.inference.interface import Clip

if TYPE_CHECKING:
    from torch import Tensor

    from flamingo_bark_assets.inference.audio_flamingo_2.network import AudioFlamingo2Network

_REMEMBERED_CLIPS = 16


class ClipEncoder:
    """Encodes clips, each once: several questions about one clip follow one another.

    Holds the embeddings of the last 16 clips, at most 6 MB each in float32. Not to be shared by threads.
    """

    def __init__(self, network: AudioFlamingo2Network) -> None:
        self._network = network
        self._remembered: OrderedDict[bytes, Tensor] = OrderedDict()

    def encode(self, clips: Sequence[Clip]) -> tuple[Tensor, Tensor, list[int]]:
        """Embed the distinct clips, shape (n_distinct, n_windows * tokens of a window, audio_width), padded at the end.

        Further return which windows are sound, bool, shape (n_distinct, n_windows), and the row of each clip.
        """
        keys = [_digest(clip) for clip in clips]
        distinct = dict(zip(keys, clips, strict=True))
        known = {key: self._remembered[key] for key in distinct if key in self._remembered}
        new = {key: clip for key, clip in distinct.items() if key not in known}
        known.update(zip(new, encode_clips(self._network, list(new.values())), strict=True))
        self._remembered.update(known)
        for key in distinct:
            self._remembered.move_to_end(key)
        while len(self._remembered) > _REMEMBERED_CLIPS:
            self._remembered.popitem(last=False)
        order = list(distinct)
        padded, window_mask = pad_windows([known[key] for key in order])
        return padded.flatten(1, 2), window_mask, [order.index(key) for key in keys]


def encode_clips(network: AudioFlamingo2Network, clips: Sequence[Clip]) -> list[Tensor]:
    """Embed clips as the audio transformer gives them.

    Clips may be silent and of any sample rate; what lies after 120 s is left out. One tensor a clip, shape (n_windows,
    tokens of a window, audio_width).

    Raises:
        ValueError: samples that are not finite.
    """
    import torch

    if not clips:
        return []
    waveforms = [waveform(clip) for clip in clips]
    # A Mac's GPU (mps) knows too few operations on complex numbers, and the spectra cost little.
    place = network.device if network.device.type == "cuda" else torch.device("cpu")
    embeddings = network.encode_windows(
        torch.cat([frontend.log_mel(w.to(place), mel_bins=network.mel_bins) for w in waveforms])
    )
    padded, window_mask = pad_windows(torch.split(embeddings, [len(w) for w in waveforms]))
    related = torch.unflatten(network.relate_windows(padded, window_mask), 1, padded.shape[1:3])
    return [clip[: len(w)] for clip, w in zip(related, waveforms, strict=True)]


def waveform(clip: Clip) -> Tensor:
    """Return windows of a clip, float32, shape (n_windows, 160000)."""
    import torch

    kept = clip.samples[: int(frontend.MAX_CLIP_S * clip.sample_rate_hz)]
    samples = frontend.normalise(frontend.to_model_rate(kept, clip.sample_rate_hz))
    return torch.from_numpy(frontend.windows(samples))


def pad_windows(clips: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Stack clips of different lengths.

    Returns:
        Padded with zeros at the end, shape (n_clips, n_windows, tokens of a window, audio_width), and which windows
        are none of the padding, bool, shape (n_clips, n_windows).
    """
    import torch

    padded = torch.nn.utils.rnn.pad_sequence(list(clips), batch_first=True)
    counts = torch.tensor([len(clip) for clip in clips], device=padded.device)
    return padded, torch.arange(padded.shape[1], device=padded.device)[None] < counts[:, None]


def _digest(clip: Clip) -> bytes:
    digest = hashlib.blake2b(str(clip.sample_rate_hz).encode())
    digest.update(clip.samples.tobytes())
    return digest.digest()
