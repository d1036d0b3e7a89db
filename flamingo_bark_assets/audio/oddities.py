"""What is said of a sound file that could be decoded though something is wrong with it: that it is cut off, and notes.

The sentences belong here; what they are drawn from is found in `extent` and `joining`.
"""

from __future__ import annotations

from collections.abc import Sequence

from flamingo_bark_assets.audio.extent.found import Extent
from flamingo_bark_assets.audio.joining import FormatChange, describe_changes

_LOSSLESS = ("pcm", "flac", "alac", "tta", "wavpack", "/ape")
_LOSSLESS_TOLERANCE_S = 0.005  # Matroska counts in milliseconds
_LOSSY_TOLERANCE_S = 0.25


def oddities_of(truncated: str | None, notes: tuple[str, ...]) -> tuple[str, ...]:
    """Put before the notes on a file that it is cut off, where it is."""
    return notes if truncated is None else (f"truncated: {truncated}", *notes)


def describe_cut(extent: Extent, file_format: str, *, declared_s: float | None, decoded_s: float) -> str | None:
    """Say in a clause how it is known that a file, which gave `decoded_s`, is cut off; None where nothing shows it.

    Without a reason in the file's own structure it is cut where sound is missing: a few samples are enough where the
    coding is lossless, of others encoders and decoders leave out some.
    """
    if declared_s is None:
        return f"{extent.cut}; how much of the sound is missing is not known" if extent.cut is not None else None
    missing_s = declared_s - decoded_s
    if extent.cut is not None:
        return f"{extent.cut}; {_lacks(missing_s, declared_s)}"
    lossless = any(name in file_format.lower() for name in _LOSSLESS)
    tolerance_s = _LOSSLESS_TOLERANCE_S if lossless else _LOSSY_TOLERANCE_S
    return _lacks(missing_s, declared_s) if missing_s > tolerance_s else None


def _lacks(missing_s: float, declared_s: float) -> str:
    if missing_s <= 0.0:
        return f"all of the {declared_s:.1f} s that its header declares can be decoded"
    return f"of the {declared_s:.1f} s that its header declares the last {missing_s:.3g} s cannot be decoded"


def describe_notes(
    extent: Extent, changes: Sequence[FormatChange], *, sample_rate_hz: int, channels: int
) -> tuple[str, ...]:
    """Say in a clause each what is odd about a file whose beginning has that rate and those channels."""
    notes = []
    if extent.unfinished is not None:
        notes.append(f"{extent.unfinished}, which were read to the end of the file")
    if extent.links:
        notes.append(f"it is a chain of {len(extent.links)} Ogg streams, which were read one after the other")
    if changes:
        notes.append(describe_changes(sample_rate_hz, channels, changes))
    return tuple(notes)
