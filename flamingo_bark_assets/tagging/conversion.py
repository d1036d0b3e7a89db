"""Convert the published checkpoints of musicnn into the weights that this package ships.

``python -m flamingo_bark_assets.tagging.conversion WHEEL [FOLDER]`` writes them anew, byte for byte, from the wheel of
musicnn 0.1.0 (``pip download musicnn==0.1.0 --no-deps``). Reading the checkpoint's format stands in `checkpoint`.
"""

from __future__ import annotations

import hashlib
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.errors import FileFault
from flamingo_bark_assets.files.atomic import write_bytes
from flamingo_bark_assets.tagging.checkpoint import Floats, read_checkpoint
from flamingo_bark_assets.tagging.network import NETWORKS, NetworkName, weights_path

WHEEL_SHA256 = "f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa"
"""Of musicnn-0.1.0-py3-none-any.whl, as it lies on PyPI."""

_EPSILON = 1e-3  # of tf.layers.batch_normalization, which musicnn leaves at its default
_FOLDER: Mapping[NetworkName, str] = {"msd": "musicnn/MSD_musicnn", "mtt": "musicnn/MTT_musicnn"}
# TensorFlow numbers layers in the order in which musicnn/models.py makes them.
_CONVOLUTIONS = {
    "timbral_38": "conv2d",
    "timbral_67": "conv2d_1",
    "temporal_128": "conv2d_2",
    "temporal_64": "conv2d_3",
    "temporal_32": "conv2d_4",
    "middle_1": "conv2d_5",
    "middle_2": "conv2d_6",
    "middle_3": "conv2d_7",
}
_DENSE = {"hidden": "dense", "tags": "dense_1"}
_NORMALISED = ("input", *_CONVOLUTIONS, "pooled", "hidden")


def convert(variables: Mapping[str, Floats]) -> dict[str, NDArray[np.generic]]:
    """Return the weights of a network from the variables of its checkpoint.

    Kernels are float16 in torch's order, all else float32. A batch normalisation becomes a scale and a shift.

    Raises:
        FileFault: a variable is missing.
    """
    try:
        return dict(sorted(_converted(variables)))
    except KeyError as error:
        raise FileFault(f"the checkpoint has no variable {error}") from error


def _converted(variables: Mapping[str, Floats]) -> list[tuple[str, NDArray[np.generic]]]:
    weights: list[tuple[str, NDArray[np.generic]]] = []
    for name, layer in _CONVOLUTIONS.items():
        kernel = variables[f"{layer}/kernel"]  # (time, frequency or channels, 1, out)
        turned = kernel.transpose(3, 1, 0, 2)[..., 0] if name.startswith("middle") else kernel.transpose(3, 2, 0, 1)
        weights += [(f"{name}.kernel", _halved(turned)), (f"{name}.bias", variables[f"{layer}/bias"])]
    for name, layer in _DENSE.items():
        weights += [(f"{name}.kernel", _halved(variables[f"{layer}/kernel"].T))]
        weights += [(f"{name}.bias", variables[f"{layer}/bias"])]
    for number, name in enumerate(_NORMALISED):
        layer = "batch_normalization" + (f"_{number}" if number else "")
        gamma, beta, mean, variance = (
            variables[f"{layer}/{what}"].astype(np.float64)
            for what in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        scale = gamma / np.sqrt(variance + _EPSILON)
        weights += [(f"{name}.scale", scale.astype(np.float32))]
        weights += [(f"{name}.shift", (beta - mean * scale).astype(np.float32))]
    return weights


def _halved(kernel: Floats) -> NDArray[np.float16]:
    return np.ascontiguousarray(kernel, np.float16)


def convert_wheel(wheel: Path, folder: Path | None = None) -> list[Path]:
    """Write the weights of both networks into a folder, by default where the package reads them.

    Raises:
        FileFault: the file is not the wheel that was published.
        WriteError: a file cannot be written.
    """
    from safetensors.numpy import save

    try:
        data = wheel.read_bytes()
    except OSError as error:
        raise FileFault(f"{wheel.name}: cannot be read: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != WHEEL_SHA256:
        raise FileFault(f"{wheel.name}: is not the wheel of musicnn 0.1.0; get it by `pip download musicnn==0.1.0`")
    written = []
    with zipfile.ZipFile(wheel) as archive:
        for name in NETWORKS:
            index, shard = (archive.read(f"{_FOLDER[name]}/{file}") for file in (".index", ".data-00000-of-00001"))
            path = (folder or weights_path(name).parent) / weights_path(name).name
            write_bytes(path, save(convert(read_checkpoint(index, shard)), {"licence": "ISC"}))
            written.append(path)
    return written


if __name__ == "__main__":
    convert_wheel(Path(sys.argv[1]), *map(Path, sys.argv[2:3]))
