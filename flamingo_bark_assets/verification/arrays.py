"""Arrays of tokens in NPZ files of others: no pickle, no bomb, no header that lies about its size.

Reading arrays safely belongs here; what the tokens must be stands in `tokens`.
"""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from flamingo_bark_assets.verification.findings import Findings

MAX_ARRAY_BYTES = 16 << 20
"""Eight codebooks of 64 bits for an hour are 17 MB; clips have seconds."""
_MAX_MEMBERS = 64


def read_arrays(
    findings: Findings, file: str, row: int | None, source: BinaryIO, keys: Sequence[str]
) -> dict[str, NDArray[np.generic]] | None:
    """Read some arrays of an NPZ file.

    Args:
        findings: where what is wrong goes.
        file: name of the file.
        row: its row, where the file is an archive.
        source: the opened file.
        keys: names of the arrays.

    Returns:
        The arrays that could be read; None, with a finding, where the file is no NPZ at all.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            if len(archive.infolist()) > _MAX_MEMBERS:
                findings.add("too_large", file, row, f"holds {len(archive.infolist())} arrays")
                return None
            return _read(findings, file, row, archive, keys)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError) as error:
        findings.add("unreadable", file, row, f"is no NPZ file that can be read ({error}); the trainer stops")
        return None


def _read(
    findings: Findings, file: str, row: int | None, archive: zipfile.ZipFile, keys: Sequence[str]
) -> dict[str, NDArray[np.generic]]:
    names = [info.filename for info in archive.infolist()]
    arrays: dict[str, NDArray[np.generic]] = {}
    for key in keys:
        member = f"{key}.npy"
        if names.count(member) != 1:
            problem = "is missing" if member not in names else "is there twice"
            findings.add("missing_key", file, row, f"the array {key!r} {problem}; the trainer stops")
            continue
        with archive.open(member) as stream:
            data = stream.read(MAX_ARRAY_BYTES + 1)
        if len(data) > MAX_ARRAY_BYTES:
            findings.add("too_large", file, row, f"the array {key!r} is larger than {MAX_ARRAY_BYTES} bytes")
            continue
        array = _array(findings, file, row, key, data)
        if array is not None:
            arrays[key] = array
    return arrays


def _array(findings: Findings, file: str, row: int | None, key: str, data: bytes) -> NDArray[np.generic] | None:
    stream = io.BytesIO(data)
    read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(npy.read_magic(stream))
    if read_header is None:
        findings.add("unreadable", file, row, f"the array {key!r} is of a form that NumPy writes for no numbers")
        return None
    shape, _, dtype = read_header(stream)
    if dtype.hasobject:
        findings.add("token_dtype", file, row, f"the array {key!r} holds Python objects; loading it runs code, and the "
                     "trainer refuses")  # fmt: skip
        return None
    if math.prod(shape) * dtype.itemsize != len(data) - stream.tell():
        findings.add("unreadable", file, row, f"the array {key!r} is cut short: its header says {shape}")
        return None
    stream.seek(0)
    array: NDArray[np.generic] = npy.read_array(stream, allow_pickle=False)
    return array
