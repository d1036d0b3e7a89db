"""Music that people wrote for games, rendered with known beats and bars: a corpus of real compositions.

    python -m tests.benchmarks.game_music OUT [--jobs 2] [--length SECONDS]

The MIDI files come with Debian's packages `openttd-openmsx` (GPL-2), `freedoom` and `freedm` (BSD-3-clause),
`planetblupi-music-midi` (GPL-3+) and `simutrans-data` (Artistic-1.0), and are read where these are installed; nothing
learns from them. Each gives its beginning, a minute by itself, with stems after a little silence (`_game`) and 40 s of
the mix from anywhere (`_excerpt`), by a sound font and in a sound that no training has. Tempo and bars are those of the
files, which count some music at twice the beat that people would tap: music that does not name its time signature or
does not keep to its grid is left out. Needs the program `fluidsynth` and the package `mido`.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import functools
import io
import itertools
import json
import struct
import subprocess
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from flamingo_bark_assets.metres import METRES, is_compound
from tests.learning.record_sound import mastered, worn

Values = NDArray[np.float64]

_GAMES = Path("/usr/share/games")
_FOLDERS = (
    _GAMES / "openttd/baseset/openmsx",
    Path("/usr/share/planetblupi/music"),
    _GAMES / "planetblupi/music",
    _GAMES / "simutrans/music",
)
_WADS = tuple(_GAMES / "doom" / f"{name}.wad" for name in ("freedoom1", "freedoom2", "freedm"))
_FONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
_RATE_HZ = 44100
_EXCERPT_S = 40.0
_SILENCE_S = (0.1, 0.8)
_DRUMS = 9
_BASSES = range(32, 40)
# Of notes at random a sixth lies within a twelfth of a beat.
_NEAR_BEAT, _LEAST_ON_BEAT = 1.0 / 12.0, 0.3
_LEAST_NOTES = 200


def midi_files() -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each different file that is installed; files of one name are told apart by a number."""
    found = [(path.stem, path.read_bytes()) for folder in _FOLDERS for path in sorted(folder.glob("*.mid"))]
    for wad in _WADS:
        found += _lumps(wad.read_bytes()) if wad.is_file() else []
    seen: dict[str, list[bytes]] = {}
    for title, content in found:
        name = title.lower().replace(" ", "-").replace("_", "-")
        alike = seen.setdefault(name, [])
        if not any(content in contents for contents in seen.values()):
            alike.append(content)
            yield name if len(alike) == 1 else f"{name}-{len(alike)}", content


def _lumps(wad: bytes) -> list[tuple[str, bytes]]:
    """Return the MIDI files in an archive of the game Doom."""
    count, directory = struct.unpack_from("<ii", wad, 4)
    out = []
    for index in range(count):
        start, size, name = struct.unpack_from("<ii8s", wad, directory + 16 * index)
        if wad[start : start + 4] == b"MThd":
            out.append((name.rstrip(b"\0").decode(), wad[start : start + size]))
    return out


def make(out: Path, length_s: float, named: tuple[str, bytes]) -> bool | None:
    """Render one file; return whether its first note begins a bar, None where its bars cannot be trusted."""
    import mido

    name, content = named
    try:
        file = mido.MidiFile(file=io.BytesIO(content), clip=True)
    except (OSError, EOFError, ValueError, mido.midifiles.meta.KeySignatureError):
        return None
    bars = _bars(file)
    if bars is None:
        return None
    metre, beats_s, first, starts_with_a_bar = bars
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    stems = {part: wave for part, wave in _stems(file, float(beats_s[-1])).items() if np.abs(wave).max() > 1e-3}
    total = np.asarray(sum(stems.values()), np.float32)
    scale = 0.5 / max(float(np.abs(total).max()), 1e-6)
    size = round(length_s * _RATE_HZ)
    # As records do, it starts after a little silence.
    silence = np.zeros(round(float(rng.uniform(*_SILENCE_S)) * _RATE_HZ), np.float32)
    whole = {"mix": np.concatenate([silence, mastered(rng, total[:size] * scale)])}
    whole |= {part: np.concatenate([silence, wave[:size] * scale]) for part, wave in stems.items()}
    span = (-silence.size / _RATE_HZ, min(length_s, total.size / _RATE_HZ))
    _write(out / f"{name}_game", whole, metre, beats_s, first, span)
    start_s = float(rng.uniform(8.0, max(9.0, float(beats_s[-1]) - _EXCERPT_S)))
    piece = total[round(start_s * _RATE_HZ) :][: round(_EXCERPT_S * _RATE_HZ)] * scale
    sound = {"mix": worn(rng, mastered(rng, piece))}
    _write(out / f"{name}_excerpt", sound, metre, beats_s, first, (start_s, start_s + piece.size / _RATE_HZ))
    return starts_with_a_bar


def _bars(file: Any) -> tuple[str, Values, int, bool] | None:
    """Return metre, times of the beats in seconds, index of the first downbeat, and whether the music starts on one."""
    import mido

    merged = list(mido.merge_tracks(file.tracks))
    ticks = np.cumsum([message.time for message in merged])
    signatures = {
        (m.numerator, m.denominator): int(t) for m, t in zip(merged, ticks, strict=True) if m.type == "time_signature"
    }
    notes = ticks[[m.type == "note_on" and m.velocity > 0 for m in merged]]
    if len(signatures) != 1 or notes.size < _LEAST_NOTES:
        return None
    (numerator, denominator), since = next(iter(signatures.items()))
    metre = METRES.get(f"{numerator}/{denominator}")
    if metre is None or denominator not in {4, 8}:
        return None
    beat = round(file.ticks_per_beat * (1.5 if is_compound(metre.name) else metre.quarters_per_beat))
    place = ((notes - since) / beat) % 1.0
    if float((np.minimum(place, 1.0 - place) <= _NEAR_BEAT).mean()) < _LEAST_ON_BEAT:
        return None
    at = np.arange(since % beat, int(ticks[-1]), beat)
    first = round((since - at[0]) / beat) % metre.beats_per_bar
    bar = beat * metre.beats_per_bar
    into_bar = ((notes[0] - since + _NEAR_BEAT * beat) % bar) / beat
    return metre.name, _seconds(at, merged, ticks, file.ticks_per_beat), first, bool(into_bar <= 2.0 * _NEAR_BEAT)


def _seconds(at: NDArray[np.int64], merged: list[Any], ticks: NDArray[np.int64], per_quarter: int) -> Values:
    """Return times of ticks by the file's tempi."""
    known_ticks, known_s, tempo = [0], [0.0], 500_000
    for message, tick in zip(merged, ticks.tolist(), strict=True):
        if message.type == "set_tempo":
            known_s.append(known_s[-1] + (tick - known_ticks[-1]) * tempo / per_quarter / 1e6)
            known_ticks.append(tick)
            tempo = message.tempo
    last = max(int(ticks[-1]), known_ticks[-1]) + per_quarter
    known_s.append(known_s[-1] + (last - known_ticks[-1]) * tempo / per_quarter / 1e6)
    known_ticks.append(last)
    return np.interp(at, known_ticks, known_s)


def _stems(file: Any, length_s: float) -> dict[str, NDArray[np.float32]]:
    """Render drums, bass and the rest for themselves."""
    programs = {m.channel: m.program for m in itertools.chain(*file.tracks) if m.type == "program_change"}
    basses = {channel for channel, program in programs.items() if program in _BASSES and channel != _DRUMS}
    parts = {"drums": {_DRUMS}, "bass": basses, "other": set(range(16)) - basses - {_DRUMS}}
    size = round(length_s * _RATE_HZ)
    waves = {part: _rendered(file, channels) for part, channels in parts.items()}
    return {part: np.pad(wave[:size], (0, max(0, size - wave.size))) for part, wave in waves.items()}


def _rendered(file: Any, channels: set[int]) -> NDArray[np.float32]:
    import mido

    part = mido.MidiFile(ticks_per_beat=file.ticks_per_beat)
    for track in file.tracks:
        kept = mido.MidiTrack()
        for message in track:
            sounds = message.type != "note_on" or message.channel in channels
            kept.append(message if sounds else message.copy(velocity=0))
        part.tracks.append(kept)
    with tempfile.TemporaryDirectory() as folder:
        midi, wav = Path(folder) / "part.mid", Path(folder) / "part.wav"
        part.save(midi)
        command = ["fluidsynth", "-ni", "-q", "-g", "0.4", "-r", str(_RATE_HZ), "-F", str(wav), str(_FONT), str(midi)]
        subprocess.run(command, check=True, capture_output=True)
        samples, _ = soundfile.read(wav, dtype="float32", always_2d=True)
    return np.asarray(samples.mean(axis=1), np.float32)


def _write(
    folder: Path, sound: dict[str, Any], metre: str, beats_s: Values, first: int, span: tuple[float, float]
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for part, samples in sound.items():
        soundfile.write(folder / f"{part}.wav", samples, _RATE_HZ, subtype="PCM_16")
    inside = (beats_s >= span[0]) & (beats_s < span[1])
    bars = inside & ((np.arange(beats_s.size) - first) % METRES[metre].beats_per_bar == 0)
    bpm = 60.0 / float(np.median(np.diff(beats_s[inside])))
    truth = {
        "beats": (beats_s[inside] - span[0]).tolist(),
        "downbeats": (beats_s[bars] - span[0]).tolist(),
        "meter": {"signature": metre},
        "tempo": {"bpm": bpm},
        "style": "composed",
    }
    (folder / "truth.json").write_text(json.dumps(truth))


def main() -> None:
    """Render all files that are installed and say how many were kept."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--length", type=float, default=60.0, help="seconds of each piece from its beginning")
    options = parser.parse_args()
    files = list(midi_files())
    with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        made = list(pool.map(functools.partial(make, options.out, options.length), files))
    kept = [starts_with_a_bar for starts_with_a_bar in made if starts_with_a_bar is not None]
    told = f"{len(kept)} of {len(files)} files, of which {sum(kept)} start with a bar"
    print(told if files else "none of the packages is installed")


if __name__ == "__main__":
    main()
