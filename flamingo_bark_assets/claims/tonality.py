"""Keys compared: the same, relative, parallel or of the same notes.

Music theory of keys belongs here; how sure a measured key is does not.
"""

from __future__ import annotations

import re
from typing import Literal

from flamingo_bark_assets.note_names import pitch_class

Relation = Literal["same", "relative", "mode", "parallel", "other"]

# Semitones from the tonic of a mode up to the tonic of the major key with the same notes.
_TO_MAJOR = {
    "major": 0, "ionian": 0, "dorian": 10, "phrygian": 8, "lydian": 7, "mixolydian": 5, "minor": 3, "aeolian": 3,
    "locrian": 1,
}  # fmt: skip
_PLAIN = {"ionian": "major", "aeolian": "minor"}
_THIRDS = {"dorian": "minor", "phrygian": "minor", "locrian": "minor", "lydian": "major", "mixolydian": "major"}
_KEY = re.compile(r"(?P<tonic>[A-G])(?P<sign>[#b]?)(?: (?P<mode>\w+))?")


def compare_keys(claimed: str, measured: str) -> Relation | None:
    """Say how a claimed key stands to a measured one.

    Args:
        claimed: 'D major', 'Bb minor', 'D dorian', a tonic alone ('D') or a mode alone ('minor').
        measured: tonic and mode, major or minor, for instance 'F# minor'.

    Returns:
        same (also enharmonically); relative (same notes, other tonic); mode (a church mode whose tonic and third, or
        whose notes, are the measured key's); parallel (same tonic, other mode); other. None where one cannot be
        read, and for a church mode that fits neither way, as the measurement knows major and minor only.
    """
    found = _read(measured)
    if found is None or found[1] not in {"major", "minor"}:
        return None
    if claimed in {"major", "minor"}:
        return "same" if claimed == found[1] else "other"
    said = _read(claimed)
    if said is None or (said[1] is not None and said[1] not in _TO_MAJOR):
        return None
    if said[1] is None:
        relations = [_of_plain((said[0], mode), found) for mode in ("major", "minor")]
        return "same" if "same" in relations else "relative" if "relative" in relations else "other"
    if said[1] in _THIRDS:
        fits = said[0] == found[0] and _THIRDS[said[1]] == found[1]
        return "mode" if fits or _major_of(said) == _major_of(found) else None
    return _of_plain((said[0], said[1]), found)


def _of_plain(said: tuple[int, str | None], found: tuple[int, str | None]) -> Relation:
    if said == found:
        return "same"
    if _major_of(said) == _major_of(found):
        return "relative"
    return "parallel" if said[0] == found[0] else "other"


def _read(key: str) -> tuple[int, str | None] | None:
    match = _KEY.fullmatch(key)
    if match is None:
        return None
    mode = match["mode"]
    return pitch_class(match["tonic"] + match["sign"]), _PLAIN.get(mode, mode)


def _major_of(key: tuple[int, str | None]) -> int:
    return (key[0] + _TO_MAJOR[key[1] or "major"]) % 12
