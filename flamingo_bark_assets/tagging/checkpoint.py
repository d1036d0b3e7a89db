"""Read the variables of a TensorFlow checkpoint (an index table and one data shard) without TensorFlow.

The file format belongs here; which variables a network has does not. Formats: LevelDB's table_format.md for the index,
TensorFlow's tensor_bundle.proto for its entries.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.errors import FileFault

Floats = NDArray[np.float32]

_MAGIC = struct.pack("<Q", 0xDB4775248B80FB57)
_FOOTER_BYTES = 48
_MAX_VARINT_BITS = 63
# Fields of BundleEntryProto, by number.
_DTYPE, _SHAPE, _SHARD, _OFFSET, _SIZE = 1, 2, 3, 4, 5
_FLOAT32 = 1


def read_checkpoint(index: bytes, data: bytes) -> dict[str, Floats]:
    """Return the float32 variables of a checkpoint by name.

    Raises:
        FileFault: the index is no table, is compressed, or names what the data does not hold.
    """
    try:
        return {key.decode(): _variable(value, data) for key, value in _table(index) if key}
    except (IndexError, ValueError, struct.error, UnicodeDecodeError) as error:
        raise FileFault(f"is no checkpoint that can be read: {error}") from error


def _variable(entry: bytes, data: bytes) -> Floats:
    fields = dict(_fields(entry))
    shape = tuple(dict(_fields(size)).get(1, 0) for n, size in _fields(fields.get(_SHAPE, b"")) if n == 2)
    start, size = fields.get(_OFFSET, 0), fields.get(_SIZE, 0)
    if fields.get(_DTYPE) != _FLOAT32 or fields.get(_SHARD, 0) or start + size > len(data):
        raise ValueError("a variable is not float32, or lies outside the one shard")
    return np.frombuffer(data[start : start + size], "<f4").reshape(shape)


def _table(table: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Give keys and values of a table: its footer names the block of blocks, that one each block of entries."""
    footer = table[-_FOOTER_BYTES:]
    if len(footer) < _FOOTER_BYTES or not footer.endswith(_MAGIC):
        raise ValueError("it does not end as a table does")
    at = _varint(footer, _varint(footer, 0)[1])[1]
    for _, handle in _entries(_block(table, footer[at:])):
        yield from _entries(_block(table, handle))


def _block(table: bytes, handle: bytes) -> bytes:
    start, at = _varint(handle, 0)
    size, _ = _varint(handle, at)
    if table[start + size] != 0:
        raise ValueError("a block is compressed")
    return table[start : start + size]


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Give the entries of a block; each key shares its beginning with the one before it."""
    restarts = struct.unpack("<I", block[-4:])[0]
    end, at, key = len(block) - 4 - 4 * restarts, 0, b""
    while at < end:
        shared, at = _varint(block, at)
        own, at = _varint(block, at)
        size, at = _varint(block, at)
        key = key[:shared] + block[at : at + own]
        yield key, block[at + own : at + own + size]
        at += own + size


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Give number and value of each field of a protocol buffer message; checksums (fixed32) are passed over."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        if tag & 7 == 0:
            value, at = _varint(message, at)
            yield tag >> 3, value
        elif tag & 7 == 2:
            size, at = _varint(message, at)
            yield tag >> 3, message[at : at + size]
            at += size
        elif tag & 7 == 5:
            at += 4
        else:
            raise ValueError("an entry holds a field of an unknown kind")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at
        if shift > _MAX_VARINT_BITS:
            raise ValueError("a number has no end")
