"""Songs that are broken in eight ways, and what must come of each: none of these is a crash, each has its reason.

Spoiling a song and what is expected of it belong here; what is done with the songs does not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.signals import music, silence, sine, write_wav
from tests.songs import RATE_HZ, tiny_stems, truncate


@dataclass(frozen=True)
class Fault:
    """One way in which a song is broken.

    Attributes:
        name: what it is called.
        spoil: breaks a song in its folder.
        says: words of the verdict's reasons.
    """

    name: str
    spoil: Callable[[Path], None]
    says: str


def _not_sound(folder: Path) -> None:
    (folder / "song.wav").write_text("dear diary, this is not a song at all\n" * 200)


def _empty(folder: Path) -> None:
    (folder / "song.wav").write_bytes(b"")


def _hostile_toml(folder: Path) -> None:
    (folder / "song.toml").write_bytes(b"title = \xff\x00[[[")


def _silent(folder: Path) -> None:
    write_wav(folder / "song.wav", silence(6.0, rate_hz=RATE_HZ), rate_hz=RATE_HZ)


def _short(folder: Path) -> None:
    write_wav(folder / "song.wav", music(1.0, rate_hz=RATE_HZ), rate_hz=RATE_HZ)


def _stems_of_another_song(folder: Path) -> None:
    stems = {
        "drums": tiny_stems(6.0, seed=9999, bpm=93.0)["drums"],
        "bass": sine(87.3, 6.0, level_dbfs=-18.0, rate_hz=RATE_HZ),
        "vocals": sine(587.3, 6.0, level_dbfs=-20.0, rate_hz=RATE_HZ),
        "other": music(6.0, rate_hz=RATE_HZ, seed=9999, level_dbfs=-15.0),
    }
    for name, samples in stems.items():
        write_wav(folder / "stems" / f"{name}.wav", samples, rate_hz=RATE_HZ)


def _folder_for_a_file(folder: Path) -> None:
    (folder / "song.wav").unlink()
    (folder / "song.wav").mkdir()


FAULTS = (
    Fault("truncated", lambda folder: truncate(folder / "song.wav"), "truncated"),
    Fault("not sound", _not_sound, "song.wav"),
    Fault("silent", _silent, "silent"),
    Fault("empty", _empty, "empty"),
    Fault("too short", _short, "at least"),
    Fault("stems of another song", _stems_of_another_song, "stem"),
    Fault("hostile song.toml", _hostile_toml, "song.toml"),
    Fault("a folder for a file", _folder_for_a_file, "song.wav"),
)
