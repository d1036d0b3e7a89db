"""The forward pass of musicnn: from windows of log-mel to the probability of each of 50 tags.

Architecture: Pons and Serra, "musicnn: pre-trained convolutional neural networks for music audio tagging" (LBD of
ISMIR 2019, arXiv:1909.06654). The arithmetic belongs here; sound stands in `mel`, what tags mean in `vocabulary`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.errors import FileFault
from flamingo_bark_assets.threads import one_torch_thread

Floats = NDArray[np.float32]
NetworkName = Literal["msd", "mtt"]
NETWORKS: tuple[NetworkName, ...] = get_args(NetworkName)
"""Trained on the Million Song Dataset with tags of Last.fm, and on MagnaTagATune."""

N_TAGS = 50
BATCH = 2  # windows at once: the widest layer takes 9 MB a window, and more at once is no faster
_WEIGHTS = Path(__file__).parent / "weights"
_TIMBRAL = ("timbral_38", "timbral_67")
_TEMPORAL = {"temporal_128": 128, "temporal_64": 64, "temporal_32": 32}


def weights_path(name: NetworkName) -> Path:
    """Return where the converted weights of a network stand."""
    return _WEIGHTS / f"musicnn_{name}.safetensors"


class Network:
    """One network, its weights held as float32."""

    def __init__(self, weights: Mapping[str, Any]) -> None:
        self._weights = {name: tensor.float() for name, tensor in weights.items()}

    @classmethod
    def load(cls, name: NetworkName) -> Network:
        """Load a network that comes with the package.

        Raises:
            FileFault: the file of its weights is missing or damaged.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        path = weights_path(name)
        try:
            return cls(load_file(path))
        except (OSError, SafetensorError) as error:
            raise FileFault(f"{path.name}: cannot be read: {error}; install the package anew") from error

    def tag(self, windows: Floats) -> Floats:
        """Return the probability of each tag, shape (n_windows, 50), of log-mel of shape (n_windows, 187, 96)."""
        import torch

        tagged = [np.zeros((0, N_TAGS), np.float32)]
        with torch.inference_mode(), one_torch_thread():
            for start in range(0, len(windows), BATCH):
                batch = torch.from_numpy(np.ascontiguousarray(windows[start : start + BATCH], np.float32))
                tagged.append(torch.sigmoid(self._logits(batch)).numpy())
        return np.concatenate(tagged)

    def _logits(self, mel: Any) -> Any:
        import torch
        from torch.nn.functional import pad

        sound = self._normalised("input", mel[:, None])
        padded = pad(sound, (0, 0, 3, 3))
        front = [self._timbral(name, padded) for name in _TIMBRAL]
        front += [self._temporal(name, sound, length) for name, length in _TEMPORAL.items()]
        layers = [torch.cat(front, 1)]
        for number in (1, 2, 3):
            change = self._middle(f"middle_{number}", layers[-1])
            layers.append(change if number == 1 else change + layers[-1])
        features = torch.cat(layers, 1)
        # Maximum and mean of each feature stand next to each other.
        pooled = torch.stack([features.amax(2), features.mean(2)], 2).flatten(1)
        hidden = self._dense("hidden", self._normalised("pooled", pooled)).relu()
        return self._dense("tags", self._normalised("hidden", hidden))

    def _timbral(self, name: str, padded: Any) -> Any:
        from torch.nn.functional import conv2d

        found = conv2d(padded, self._weights[f"{name}.kernel"], self._weights[f"{name}.bias"]).relu_()
        return self._normalised(name, found).amax(3)

    def _temporal(self, name: str, sound: Any, length: int) -> Any:
        from torch.nn.functional import conv2d, pad

        # TensorFlow's "same" puts the odd one of an even kernel's zeros behind.
        padded = pad(sound, (0, 0, (length - 1) // 2, length // 2))
        found = conv2d(padded, self._weights[f"{name}.kernel"], self._weights[f"{name}.bias"]).relu_()
        return self._normalised(name, found).amax(3)

    def _middle(self, name: str, features: Any) -> Any:
        from torch.nn.functional import conv1d

        kernel, bias = self._weights[f"{name}.kernel"], self._weights[f"{name}.bias"]
        return self._normalised(name, conv1d(features, kernel, bias, padding=3).relu())

    def _normalised(self, name: str, values: Any) -> Any:
        """Apply batch normalisation, which is one scale and one shift a channel once training is over."""
        shape = (1, -1) + (1,) * (values.ndim - 2)
        return values * self._weights[f"{name}.scale"].view(shape) + self._weights[f"{name}.shift"].view(shape)

    def _dense(self, name: str, values: Any) -> Any:
        return values @ self._weights[f"{name}.kernel"].T + self._weights[f"{name}.bias"]
