"""Loading Audio Flamingo 2: released tensors into the network, once more from a converted copy.

Filling the network belongs here; finding tensors stands in `release`, their names in `keys`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from flamingo_bark_assets.files.atomic import remove_leftovers, replacing
from flamingo_bark_assets.inference.audio_flamingo_2.configuration import CheckpointError, Shape, read_configuration
from flamingo_bark_assets.inference.audio_flamingo_2.keys import (
    EMBEDDING,
    OUTPUT_EMBEDDING,
    RELEASED_EMBEDDING,
    RELEASED_OUTPUT_EMBEDDING,
    Assignment,
    plan_keys,
)
from flamingo_bark_assets.inference.audio_flamingo_2.release import (
    Release,
    Stored,
    fingerprint,
    open_release,
    read_base_config,
    read_tensors,
)

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from flamingo_bark_assets.inference.audio_flamingo_2.network import AudioFlamingo2Network

DType = Literal["bfloat16", "float16", "float32"]

_log = logging.getLogger(__name__)

# Changes when our names or types change: older converted copies are then left alone.
_CONVERSION = "1"
# Computed by `compute_buffers`, or with a layer of 8 bits.
_COMPUTED = (
    "relative_position_index", "num_batches_tracked", "rotary_emb.inv_freq", "rotary_emb.original_inv_freq", ".scales",
)  # fmt: skip
# Decibels and angles need more than the 8 or 11 bits of the halves, and cost nothing.
_ALWAYS_FLOAT32 = ("audio_encoder.audio_encoder.batch_norm.", "audio_transformer.inverse_frequencies")
_INT8_PARTS = ("language_model.", "cross_attention.")
_KEPT_BESIDE_INT8 = ("embed_tokens.weight", "key_value.weight")
_STORED_TYPES: dict[DType, str] = {"bfloat16": "BF16", "float16": "F16", "float32": "F32"}
_DISK_MARGIN_BYTES = 1 << 20


def load_network(
    path: Path,
    *,
    base_lm_path: Path | None = None,
    dtype: DType = "bfloat16",
    device: str = "cpu",
    cache_folder: Path | None = None,
    is_int8: bool = False,
) -> AudioFlamingo2Network:
    """Load a checkpoint in the released layout.

    The network is built without random numbers and filled tensor by tensor, so memory holds the weights once. The base
    model's configuration is read from `base_lm_path` or, without it, from `path` itself. In `cache_folder` a converted
    copy in bfloat16 or float16 is kept, which loads instead of the float32 files. With `is_int8`, on a CPU, the large
    weights of the bfloat16 model are quantised as they are read.

    Raises:
        CheckpointError: the checkpoint is of the old revision, incomplete, broken or of another base model.
    """
    from flamingo_bark_assets.inference.audio_flamingo_2.network import build_on_meta

    release = open_release(path)
    base_config = read_base_config(path, base_lm_path)
    configuration = read_configuration(release.shapes, base_config)
    network = build_on_meta(configuration, is_int8=is_int8)
    shapes = shapes_of(network)
    has_own_head = is_int8 and configuration.ties_embeddings
    plan = plan_keys(shapes, release.shapes, tied=configuration.ties_embeddings)
    copy = _converted_path(cache_folder, release, base_config, dtype) if cache_folder and dtype != "float32" else None
    if copy is not None and copy.is_file():
        try:
            tensors = _converted_tensors(copy, shapes, dtype, has_own_head=has_own_head)
            fill(network, tensors, dtype=dtype, device=device, is_mapped=True)
        except CheckpointError as error:
            _log.warning("the converted copy is broken and is made again: %s", error)
        else:
            return network
    if configuration.ties_embeddings:
        _warn_if_embeddings_differ(release)
    is_copied = copy is not None and _write_copy(copy, _released_tensors(release, plan, dtype), shapes, dtype)
    tensors = (
        _converted_tensors(copy, shapes, dtype, has_own_head=has_own_head)
        if copy is not None and is_copied
        else _released_tensors(release, plan, dtype)
    )
    fill(network, tensors, dtype=dtype, device=device, is_mapped=is_copied)
    return network


def fill(
    network: AudioFlamingo2Network,
    tensors: Iterable[tuple[str, Tensor]],
    *,
    dtype: DType,
    device: str,
    is_mapped: bool = False,
) -> None:
    """Give a network that was built on the meta device its weights, each copied before the next is asked for.

    `tensors` gives our name and value of each of `saved_tensors`. Where they are mapped from a file that is ours, those
    that need no change stay in it: the system reads them when they are used and may let go of them again.

    Raises:
        CheckpointError: a tensor was not given.
    """
    import torch

    from flamingo_bark_assets.inference.audio_flamingo_2.network import compute_buffers, tie_embeddings

    is_int8 = _is_int8(network)
    for name, tensor in tensors:
        _put(network, name, tensor.to(device, _dtype_of(name, dtype, is_int8=is_int8), copy=not is_mapped))
    compute_buffers(network, torch.device(device))
    if network.configuration.ties_embeddings:
        tie_embeddings(network)
    everything = [*network.named_parameters(), *network.named_buffers()]
    unfilled = [name for name, tensor in everything if tensor.is_meta]
    if unfilled:
        raise CheckpointError(f"{len(unfilled)} tensors of the network were not filled: {', '.join(unfilled[:5])}")


def saved_tensors(network: AudioFlamingo2Network) -> dict[str, Tensor]:
    """Return every parameter and buffer that must be filled, by name; a tied one once."""
    named = [*network.named_parameters(), *network.named_buffers()]
    return {name: tensor for name, tensor in named if not name.endswith(_COMPUTED)}


def shapes_of(network: AudioFlamingo2Network) -> dict[str, Shape]:
    """Return shape of each of `saved_tensors`."""
    return {name: tuple(tensor.shape) for name, tensor in saved_tensors(network).items()}


def _released_tensors(release: Release, plan: Iterable[Assignment], dtype: DType) -> Iterator[tuple[str, Tensor]]:
    """Yield our name and value of each tensor, in the order of the files; each released tensor is read once."""
    targets: dict[Stored, list[Assignment]] = {}
    for entry in plan:
        targets.setdefault(release.tensors[entry.source], []).append(entry)
    for stored, tensor in read_tensors(targets):
        if not tensor.is_floating_point():
            raise CheckpointError(f"{stored.path}: {stored.name} holds {tensor.dtype}, not floating-point numbers")
        for entry in targets[stored]:
            part = tensor.chunk(entry.parts)[entry.part] if entry.parts > 1 else tensor
            yield entry.target, part.to(_dtype_of(entry.target, dtype))


def _converted_tensors(
    copy: Path, shapes: Mapping[str, Shape], dtype: DType, *, has_own_head: bool = False
) -> Iterator[tuple[str, Tensor]]:
    """Yield name and value of each tensor of a converted copy; one that is kept keeps its part of the file open.

    With `has_own_head` the embedding comes twice, first as that of the output: what is read of it then is let go again.
    """
    names = sorted(shapes, key=lambda name: name.startswith(_INT8_PARTS) and not name.endswith(_KEPT_BESIDE_INT8))
    asked = [*([EMBEDDING] if has_own_head else []), *names]
    for place, (stored, tensor) in enumerate(read_tensors([Stored(copy, name, shapes[name]) for name in asked])):
        if tuple(tensor.shape) != stored.shape or tensor.dtype != _dtype_of(stored.name, dtype):
            raise CheckpointError(f"{copy}: {stored.name} has another shape or type")
        yield OUTPUT_EMBEDDING if has_own_head and not place else stored.name, tensor


def _write_copy(copy: Path, tensors: Iterable[tuple[str, Tensor]], shapes: Mapping[str, Shape], dtype: DType) -> bool:
    """Write the converted weights, one in memory at a time; False where they cannot be kept, which is no fault.

    The format is safetensors': a header with the place of each tensor, then their bytes.
    """
    import torch

    header: dict[str, Any] = {}
    end = 0
    for name, shape in shapes.items():
        is_float32 = _dtype_of(name, dtype) == torch.float32
        start, end = end, end + math.prod(shape) * (4 if is_float32 else 2)
        stored = _STORED_TYPES["float32" if is_float32 else dtype]
        header[name] = {"dtype": stored, "shape": shape, "data_offsets": [start, end]}
    written = json.dumps(header).encode()
    written += b" " * (-len(written) % 8)
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(copy.parent, recursive=False)  # a copy that a kill cut short takes gigabytes
        free, needed = shutil.disk_usage(copy.parent).free, end + _DISK_MARGIN_BYTES
        if free < needed:
            _log.warning(
                "no converted copy is kept: %s has %d MB free, %d needed", copy.parent, free >> 20, needed >> 20
            )
            return False
        with replacing(copy) as temporary, temporary.open("wb") as file:
            file.write(len(written).to_bytes(8, "little") + written)
            for name, tensor in tensors:
                file.seek(8 + len(written) + header[name]["data_offsets"][0])
                file.write(tensor.contiguous().flatten().view(torch.uint8).numpy().data)
            file.truncate(8 + len(written) + end)
    except OSError as error:
        _log.warning("no converted copy is kept: %s: %s", copy, error)
        return False
    return True


def _converted_path(cache_folder: Path, release: Release, base_config: Mapping[str, Any], dtype: DType) -> Path:
    """Name the copy after all that it depends on: contents, sizes and times of the files, and the base config."""
    times = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in release.files]
    source = json.dumps([_CONVERSION, fingerprint(release), times, base_config], sort_keys=True)
    return cache_folder / f"audio-flamingo-2-{hashlib.sha256(source.encode()).hexdigest()[:32]}-{dtype}.safetensors"


def _warn_if_embeddings_differ(release: Release) -> None:
    both = [release.tensors.get(name) for name in (RELEASED_OUTPUT_EMBEDDING, RELEASED_EMBEDDING)]
    if None in both:
        return
    digests = {_digest(tensor) for _, tensor in read_tensors(stored for stored in both if stored is not None)}
    if len(digests) > 1:
        _log.warning("%s: lm_head.weight and embed_tokens.weight differ; lm_head.weight is taken", release.folder)


def _digest(tensor: Tensor) -> bytes:
    """Digest a tensor's values, in pieces so that the copy of none but a piece is held."""
    import torch

    digest = hashlib.blake2b()
    for piece in torch.split(tensor.flatten(), 1 << 22):
        digest.update(piece.float().numpy().tobytes())
    return digest.digest()


def _put(network: AudioFlamingo2Network, name: str, tensor: Tensor) -> None:
    from torch import nn

    from flamingo_bark_assets.inference.quantisation import Int8Linear

    owner_name, _, leaf = name.rpartition(".")
    owner = network.get_submodule(owner_name)
    if isinstance(owner, Int8Linear) and leaf == "weight":
        owner.take(tensor)
        return
    is_parameter = leaf in owner._parameters
    setattr(owner, leaf, nn.Parameter(tensor, requires_grad=False) if is_parameter else tensor)


def _is_int8(network: AudioFlamingo2Network) -> bool:
    from flamingo_bark_assets.inference.quantisation import Int8Linear

    return isinstance(network.language_model.lm_head, Int8Linear)


def _dtype_of(name: str, dtype: DType, *, is_int8: bool = False) -> torch.dtype:
    """Return the type of a tensor in memory; beside layers in 8 bits, hidden states and what is small are float32."""
    import torch

    if is_int8 and name.startswith(_INT8_PARTS) and not name.endswith(_KEPT_BESIDE_INT8):
        return torch.float32
    found: torch.dtype = getattr(torch, "float32" if name.startswith(_ALWAYS_FLOAT32) else dtype)
    return found
