"""Whether sound files with broken headers and tags end in a value or in a named fault: no crash, no hang, no flood.

python -m tests.benchmarks.fuzz_files [--cases 2000] [--seed 1] [--keep FOLDER]

Small real files of every container are made, tags and all, and bytes of their headers and tags are changed: flipped,
set to extreme sizes, cut out, repeated, replaced by hostile text, the end cut off. Each is read as `add` reads a mix,
its tags and its sound from end to end, in a process of its own that is watched. A failure is any exception but one of
ours, a crash of the process, more than 5 s of processor time (or 60 s of any time), or more than 1 GB. The case's
number and the seed make it again; `--keep` writes the files of failures. It ends with exit status 1 if there was one.
"""

from __future__ import annotations

import argparse
import multiprocessing
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from flamingo_bark_assets.audio.decode import decode
from flamingo_bark_assets.audio.tags import read_tags
from flamingo_bark_assets.errors import FlamingoBarkError
from tests import id3_tags
from tests.signals import music, write_audio, write_with_av

MAX_CPU_S = 5.0
MAX_WALL_S = 60.0
MAX_BYTES = 1_000_000_000
SOUND_S = 0.4
LONGEST_S = 3600.0

# Where headers and tags stand: at the start and at the end.
_HEAD_BYTES, _TAIL_BYTES = 600, 300
_TEXTS = (
    b"80s",
    b"\xd0\xf3\xf1\xf1",
    b"(255)(17)",
    b"\0\0\0\0",
    b"%s%n%x",
    b"../../etc",
    b"\x1b[2J",
    b"\xff\xfe\0\xd8",
    b"TCON",
)
_SIZES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x00FFFFFF, 0x10000000)
_TAGS = {"title": "Été", "artist": "Beyoncé", "genre": "80s", "lyrics": "one\ntwo"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one case.

    Attributes:
        number: of the case.
        container: name of the file that was changed.
        ended: "value", the code of a fault, or what failed.
        failed: whether that is a failure.
        cpu_s: processor time.
        peak_bytes: largest memory of the process up to then.
    """

    number: int
    container: str
    ended: str
    failed: bool
    cpu_s: float
    peak_bytes: int


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder for the files of failures")
    options = parser.parse_args()
    started = time.monotonic()
    outcomes = list(fuzz(options.cases, options.seed, keep=options.keep))
    for container in sorted({outcome.container for outcome in outcomes}):
        ended = Counter(outcome.ended for outcome in outcomes if outcome.container == container)
        print(f"{container:10}", ", ".join(f"{name} {count}" for name, count in ended.most_common()))
    failures = [outcome for outcome in outcomes if outcome.failed]
    for outcome in failures:
        print(f"FAILED case {outcome.number} of seed {options.seed} ({outcome.container}): {outcome.ended}")
    slowest = max(outcomes, key=lambda outcome: outcome.cpu_s)
    peak = max(outcome.peak_bytes for outcome in outcomes)
    print(
        f"{len(outcomes)} cases, {len(failures)} failures; slowest {slowest.cpu_s:.2f} CPU-s (case {slowest.number}, "
        f"{slowest.container}), peak {peak / 1e6:.0f} MB, {time.monotonic() - started:.0f} s in all"
    )
    sys.exit(1 if failures else 0)


def fuzz(cases: int, seed: int, *, keep: Path | None = None) -> Iterator[Outcome]:
    """Read so many changed files; give what became of each, in order."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        originals = make_originals(folder)
        names = sorted(originals)
        watched: _Watched | None = None
        for number in range(cases):
            rng = np.random.default_rng([seed, number])
            name = names[number % len(names)]
            path = folder / f"case.{name.rpartition('.')[2]}"
            path.write_bytes(changed(originals[name], rng))
            watched = watched or _Watched()
            outcome = watched.read(path, number, name)
            if watched.is_over:
                watched = None
            if outcome.failed and keep is not None:
                keep.mkdir(parents=True, exist_ok=True)
                (keep / f"{seed}-{number}-{path.name}").write_bytes(path.read_bytes())
            yield outcome
        if watched is not None:
            watched.end()


def make_originals(folder: Path) -> Mapping[str, bytes]:
    """Make one small file of each container, with tags."""
    wave = music(SOUND_S)
    wave_48k = music(SOUND_S, rate_hz=48_000)
    made: dict[str, Callable[[Path], Path]] = {
        "wav": lambda path: write_audio(path, wave, wave),
        "w64": lambda path: write_audio(path, wave, format="W64", subtype="PCM_16"),
        "rf64.wav": lambda path: write_audio(path, wave, format="RF64", subtype="PCM_24"),
        "float.wav": lambda path: write_audio(path, wave, format="WAVEX", subtype="FLOAT"),
        "adpcm.wav": lambda path: write_audio(path, wave, format="WAV", subtype="IMA_ADPCM"),
        "aiff": lambda path: write_audio(path, wave, wave),
        "au": lambda path: write_audio(path, wave, format="AU", subtype="PCM_16"),
        "caf": lambda path: write_audio(path, wave, format="CAF", subtype="PCM_16"),
        "flac": lambda path: write_with_av(path, wave, codec="flac", tags=_TAGS),
        "ogg": lambda path: write_audio(path, wave, format="OGG", subtype="VORBIS"),
        "opus": lambda path: write_with_av(
            path, wave_48k, rate_hz=48_000, codec="libopus", container="ogg", tags=_TAGS
        ),
        "mp3": lambda path: write_with_av(path, wave, wave, codec="libmp3lame", container="mp3", tags=_TAGS),
        "mp2": lambda path: write_with_av(path, wave, codec="mp2", container="mp2"),
        "aac": lambda path: write_with_av(path, wave, codec="aac", container="adts"),
        "m4a": lambda path: write_with_av(path, wave, codec="aac", container="mp4", tags=_TAGS),
        "alac.m4a": lambda path: write_with_av(path, wave, codec="alac", container="mp4", tags=_TAGS),
        "wv": lambda path: write_with_av(path, wave, codec="wavpack", container="wv", tags=_TAGS),
        "wma": lambda path: write_with_av(path, wave, codec="libmp3lame", container="asf", tags=_TAGS),
        "mka": lambda path: write_with_av(path, wave, codec="flac", container="matroska", tags=_TAGS),
        "webm": lambda path: write_with_av(
            path, wave_48k, rate_hz=48_000, codec="libopus", container="webm", tags=_TAGS
        ),
    }  # fmt: skip
    data = {name: make(folder / f"original.{name}").read_bytes() for name, make in made.items()}
    frames = [id3_tags.text_frame(3, "genre", b"\xd0\xf3\xf1\xf1\xea\xe8\xe9"), id3_tags.text_frame(3, "title", "a", 1)]
    tag = id3_tags.tag(3, [id3_tags.picture(3, 200), *frames], extended=True)
    old = id3_tags.tag(2, [id3_tags.text_frame(2, "genre", "80s")], unsynchronised=True)
    return data | {
        "id3.mp3": tag + data["mp3"],
        "id3v22.mp3": old + data["mp3"] + id3_tags.id3v1(b"T", b"A", 17),
        "ape.mp3": data["mp3"] + id3_tags.ape({"Title": b"T", "Genre": b"(17)"}),
        "id3.wav": id3_tags.in_wav(data["wav"], tag),
        "info.wav": id3_tags.riff_info(data["wav"], {b"IGNR": b"80s", b"INAM": b"\xd0\xf3\xf1"}),
        "id3.aiff": id3_tags.in_aiff(data["aiff"], tag),
    }


def changed(data: bytes, rng: np.random.Generator) -> bytes:
    """Change bytes of a file's headers and tags, in one to six places."""
    content = bytearray(data)
    for _ in range(rng.integers(1, 7)):
        at = _place(content, rng)
        match rng.integers(0, 8):
            case 0 | 1:
                content[at : at + 1] = rng.bytes(1)
            case 2:
                content[at : at + 1] = bytes([content[at] ^ (1 << int(rng.integers(0, 8)))])
            case 3 | 4:
                size = _SIZES[rng.integers(0, len(_SIZES))]
                length = int(rng.choice([2, 4, 8]))
                order = "big" if rng.integers(0, 2) else "little"
                content[at : at + length] = (size % (1 << 8 * length)).to_bytes(length, order)  # type: ignore[arg-type]
            case 5:
                text = _TEXTS[rng.integers(0, len(_TEXTS))]
                content[at : at + len(text)] = text
            case 6:
                length = int(rng.integers(1, 64))
                cut = bytes(content[at : at + length])
                content[at : at + length] = cut * int(rng.choice([0, 2, 50]))
            case _:
                if rng.integers(0, 4) == 0:
                    del content[int(rng.integers(1, len(content) + 1)) :]
                else:
                    content[at:at] = rng.bytes(int(rng.integers(1, 16)))
    return bytes(content)


def _place(content: bytearray, rng: np.random.Generator) -> int:
    end = max(1, len(content))
    where = rng.integers(0, 10)
    if where < 7:
        return int(rng.integers(0, min(end, _HEAD_BYTES)))
    return int(rng.integers(max(0, end - _TAIL_BYTES), end)) if where < 9 else int(rng.integers(0, end))


class _Watched:
    """A process that reads files, one after the other, and is ended when one of them takes too long."""

    def __init__(self) -> None:
        # A fork would begin with the memory of whoever asks, which may be more than any file may take.
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_read_files, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        self.is_over = False

    def read(self, path: Path, number: int, container: str) -> Outcome:
        """Read one file."""
        self._ours.send(path)
        if not self._ours.poll(MAX_WALL_S):
            self.end()
            return Outcome(number, container, f"no end after {MAX_WALL_S:g} s", True, MAX_WALL_S, 0)
        try:
            ended, failed, cpu_s, peak_bytes = self._ours.recv()
        except EOFError:
            self.end()
            return Outcome(number, container, f"the process died ({self._process.exitcode})", True, 0.0, 0)
        if cpu_s > MAX_CPU_S:
            ended, failed = f"{cpu_s:.1f} CPU-s", True
        if peak_bytes > MAX_BYTES:
            ended, failed = f"{peak_bytes / 1e6:.0f} MB", True
            self.end()  # The next case begins with a small process again.
        return Outcome(number, container, ended, failed, cpu_s, peak_bytes)

    def end(self) -> None:
        """End the process."""
        self.is_over = True
        self._ours.close()
        self._process.kill()
        self._process.join()


def _read_files(connection: Connection) -> None:
    while True:
        try:
            path = connection.recv()
        except EOFError:
            return
        started = time.process_time()
        ended, failed = _read(path)
        peak_bytes = _peak_bytes()
        connection.send((ended, failed, time.process_time() - started, peak_bytes))


def _read(path: Path) -> tuple[str, bool]:
    try:
        tags = read_tags(path)
        for text in (tags.title, tags.artist, tags.lyrics, *tags.genres, *(note.raw for note in tags.notes)):
            (text or "").encode("utf-8")
        sound = decode(path, max_duration_s=LONGEST_S).signal
        return ("value", False) if sound.n_samples >= 0 else ("negative length", True)
    except FlamingoBarkError as fault:
        return fault.code, False
    except BaseException as error:  # Whatever it is, it is what is looked for.
        return f"{type(error).__name__}: {error}"[:200], True


def _peak_bytes() -> int:
    """Return the largest memory of this process; getrusage may give that of the process that started it."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


if __name__ == "__main__":
    main()
