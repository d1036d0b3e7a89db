"""Checksums of files: SHA-256, which everybody can compare, and XXH3, which takes a tenth of its time.

Computing them belongs here; where they are stated, and what a difference means, does not. XXH3 (128 bits) finds what
happened to a file by accident or by an editor. It proves nothing against somebody who wants two files to look alike.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from io import BufferedReader

import xxhash

_BLOCK_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class Digests:
    """Checksums of one file, hexadecimal.

    Attributes:
        sha256: SHA-256.
        xxh128: XXH3 of 128 bits.
    """

    sha256: str
    xxh128: str


def digests_of(file: BufferedReader) -> Digests:
    """Return both checksums of what is left of an open file, which is read once."""
    sha256, xxh128 = hashlib.sha256(), xxhash.xxh3_128()
    buffer = memoryview(bytearray(_BLOCK_BYTES))
    while size := file.readinto(buffer):
        sha256.update(buffer[:size])
        xxh128.update(buffer[:size])
    return Digests(sha256.hexdigest(), xxh128.hexdigest())


def xxh128_of(file: BufferedReader) -> str:
    """Return XXH3 of what is left of an open file, 128 bits, hexadecimal."""
    xxh128 = xxhash.xxh3_128()
    buffer = memoryview(bytearray(_BLOCK_BYTES))
    while size := file.readinto(buffer):
        xxh128.update(buffer[:size])
    return xxh128.hexdigest()
