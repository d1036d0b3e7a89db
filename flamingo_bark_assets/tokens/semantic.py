"""Semantic tokens: the ninth layer of HuBERT on the raw wave, and a recurrent quantizer in its published layout.

Reading a quantizer's file and running both belong here; finding and loading models stand in `loading`.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.files.opening import file_problem
from flamingo_bark_assets.inference.catalogue import ModelError
from flamingo_bark_assets.text import short_line
from flamingo_bark_assets.tokens.frames import semantic_frames

SEMANTIC_IDS = 10_000
HUBERT_LAYER = 9
"""Layer whose output the published quantizers were trained on (their file names and model cards)."""

_MAX_FILE_BYTES = 2_000_000_000
_MAX_INFO_BYTES = 65_536
_LSTM_KEYS = tuple(
    f"lstm.{kind}_{way}_l{layer}" for layer in (0, 1) for kind in ("weight", "bias") for way in ("ih", "hh")
)
_LINEAR = (("fc",), ("intermediate", "fc"))  # by version


@dataclass(frozen=True, slots=True)
class Quantizer:
    """A two-layer LSTM and one (version 0) or two (version 1) linear layers without a function between them.

    Attributes:
        version: of the published layout.
        lstm: torch's LSTM.
        linear: the linear layers, in order.
    """

    version: int
    lstm: Any
    linear: tuple[Any, ...]

    @property
    def input_size(self) -> int:
        """Number of features a frame."""
        return int(self.lstm.input_size)

    def to(self, device: str) -> Quantizer:
        """Move it to a device."""
        return Quantizer(self.version, self.lstm.to(device), tuple(layer.to(device) for layer in self.linear))

    def tokens(self, features: Any) -> Any:
        """Return the likeliest token of each frame.

        Args:
            features: float32 tensor, shape (batch, frames, input_size).

        Returns:
            int64 tensor, shape (batch, frames).
        """
        import torch

        hidden, _ = self.lstm(features)
        found = []
        for row in hidden:  # ten thousand numbers a frame: of one sound at a time
            for layer in self.linear:
                row = layer(row)  # noqa: PLW2901 the layers follow one another
            found.append(row.argmax(dim=-1))
        return torch.stack(found)


def read_quantizer(path: Path) -> Quantizer:
    """Read a quantizer as it is published: a state dict by `torch.save`, nothing in it is run.

    Newer files tell their sizes and version in a JSON record ``<name>/.info`` of the archive; whether there is an
    ``intermediate`` layer decides all the same, and a record that says otherwise is refused.

    Raises:
        ModelError: it cannot be read, or is no such thing.
    """
    import torch

    if problem := file_problem(path):
        raise ModelError(f"{path}: {problem}")
    if path.stat().st_size > _MAX_FILE_BYTES:
        raise ModelError(f"{path}: is far too large for a quantizer; name another file")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a damaged file makes torch raise
        raise ModelError(f"{path}: cannot be read as weights: {short_line(str(error), 200)}; get it anew") from error
    version = _version(path, state)
    sizes = _sizes(path, state, version)
    if (told := _info(path)) is not None and any(told.get(name, size) != size for name, size in sizes.items()):
        raise ModelError(f"{path}: its .info record says other sizes than its weights have; get it anew")
    lstm = torch.nn.LSTM(sizes["input_size"], sizes["hidden_size"], num_layers=2, batch_first=True)
    lstm.load_state_dict({key.removeprefix("lstm."): state[key] for key in _LSTM_KEYS})
    linear = []
    for name in _LINEAR[version]:
        weights = {kind: state[f"{name}.{kind}"] for kind in ("weight", "bias") if f"{name}.{kind}" in state}
        outputs, inputs = weights["weight"].shape
        layer = torch.nn.Linear(inputs, outputs, bias="bias" in weights)
        layer.load_state_dict(weights)
        linear.append(layer)
    for part in (lstm, *linear):
        part.requires_grad_(False).eval()
    return Quantizer(version, lstm, tuple(linear))


def semantic_tokens(hubert: Any, quantizer: Quantizer, waves: NDArray[np.float32]) -> NDArray[np.int64]:
    """Turn waves of one length into semantic tokens.

    HuBERT-base normalises each channel of its first layer over time, so that padding with zeros changes every frame:
    only waves of equal length go together. The wave is taken as it is, without the usual normalisation, as the
    quantizers were trained.

    Args:
        hubert: transformers' HubertModel whose last layer is `HUBERT_LAYER`; see `loading`.
        quantizer: on the same device.
        waves: float32, shape (batch, samples), 16 kHz.

    Returns:
        Ids below `SEMANTIC_IDS`, shape (batch, semantic_frames(samples)).

    Raises:
        ModelError: the model gives another number of frames.
        ValueError: the waves are too short for one token.
    """
    import torch

    frames = semantic_frames(waves.shape[1])
    if not frames:
        raise ValueError(f"{waves.shape[1]} samples are too few for a semantic token")
    with torch.inference_mode():
        features = hubert(torch.from_numpy(waves).to(hubert.device)).last_hidden_state
        tokens = quantizer.tokens(features).cpu().numpy()
    if tokens.shape != (len(waves), frames):
        raise ModelError(
            f"HuBERT gives {tokens.shape[1]} frames for {waves.shape[1]} samples and Bark needs {frames}; "
            "use a HuBERT-base"
        )
    return np.asarray(tokens, dtype=np.int64)


def _version(path: Path, state: Any) -> int:
    keys = set(state) if isinstance(state, dict) else set()
    for version, names in enumerate(_LINEAR):
        weights = {*_LSTM_KEYS, *(f"{name}.weight" for name in names)}
        if weights <= keys <= weights | {f"{name}.bias" for name in names}:
            return version
    raise ModelError(f"{path}: holds other weights than a published quantizer of version 0 or 1; name another file")


def _sizes(path: Path, state: dict[str, Any], version: int) -> dict[str, int]:
    """Return the sizes that the weights have, checked against each other."""
    import torch

    tensors = all(isinstance(value, torch.Tensor) and value.is_floating_point() for value in state.values())
    if not tensors or not all(bool(torch.isfinite(value).all()) for value in state.values()):
        raise ModelError(f"{path}: holds what is no finite number; get it anew")
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    hidden, inputs = shapes["lstm.weight_hh_l0"][-1], shapes["lstm.weight_ih_l0"][-1]
    outputs, before = shapes["fc.weight"][0], shapes["fc.weight"][-1]
    wanted = {
        **{key: (4 * hidden,) if "bias" in key else (4 * hidden, hidden) for key in _LSTM_KEYS},
        "lstm.weight_ih_l0": (4 * hidden, inputs),
        "fc.weight": (outputs, before if version else hidden),
        "fc.bias": (outputs,),
        "intermediate.weight": (before, hidden),
        "intermediate.bias": (before,),
    }
    if wrong := sorted(key for key in shapes if shapes[key] != wanted[key]):
        raise ModelError(
            f"{path}: {wrong[0]} has the shape {shapes[wrong[0]]}, which fits no other weight; get it anew"
        )
    if outputs > SEMANTIC_IDS:
        raise ModelError(f"{path}: gives {outputs} different tokens and Bark knows {SEMANTIC_IDS}; name another file")
    return {"input_size": inputs, "hidden_size": hidden, "output_size": outputs, "version": version}


def _info(path: Path) -> dict[str, Any] | None:
    """Read the record that newer files carry; None where there is none, or none that can be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.count("/") == 1 and name.endswith("/.info")]
            if not names:
                return None
            with archive.open(names[0]) as file:
                told = json.loads(file.read(_MAX_INFO_BYTES))
    except (OSError, ValueError, RecursionError, zipfile.BadZipFile, NotImplementedError, RuntimeError):
        return None
    return told if isinstance(told, dict) else None
