"""Songs of two to four and a half minutes with the forms that songs have, to learn sections from.

    python -m tests.learning.whole_songs --seed 671 --songs 40 --out FOLDER

Composing a form and having it played belongs here; what is learned from it stands in `tests.learning.sections`.

MMA (Musical MIDI Accompaniment, GPL-2, the Debian package `mma`) plays the accompaniments in the grooves of its
standard library; its patterns are in no judged song. Form, progressions, melodies, tempo drift and variations are
drawn here, the sounds are TimGM6mb (GPL-2) and OPL-3 FM (CC BY-SA 4.0), the voice is that of
`tests.learning.synthesis`. Half of the mixes are treated as records and bootlegs are: driven into a limiter, in a
room, with noise. Only rendered sound is learned from, no sample is in the repository. Needs the programs mma and
fluidsynth, and the package mido.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from tests.learning.midi import Note, sounded
from tests.learning.songs import fit, normalised
from tests.learning.synthesis import RATE_HZ, Samples, coloured, voice

Rng = np.random.Generator
Values = NDArray[np.float64]

SOUND_FONTS = tuple(Path("/usr/share/sounds/sf2") / f"{n}.sf2" for n in ("TimGM6mb", "OPL-3_FM_128M"))
GROOVES = Path("/usr/share/mma/lib/stdlib")
_NOT_PLAYED = ("metronome", "none", "68", "128", "-54", "desert", "slowbroadway")
_MAJOR, _MINOR = ("C", "Dm", "Em", "F", "G", "Am", "Bb"), ("Cm", "Eb", "Fm", "Gm", "Ab", "Bb", "G7")
_MAJOR_ODDS, _MINOR_ODDS = (4.0, 1.3, 1.0, 3.0, 3.0, 2.5, 0.4), (4.0, 1.5, 2.5, 1.5, 2.5, 2.5, 1.0)
_SCALE = {True: (0, 2, 4, 5, 7, 9, 11), False: (0, 2, 3, 5, 7, 8, 10)}
# Intro, verse, pre-chorus, chorus, bridge, solo (instrumental over a verse or chorus), break, outro.
_FORMS = (
    ("IVCVCBCO", 5), ("IVVCVCBCC", 3), ("IVPCVPCBCO", 3), ("IVCVCSCO", 3), ("VCVCBCC", 2), ("IVVBVSBVO", 2),
    ("IVCVCKCO", 2), ("ICVCVCBCO", 2), ("IVVSVVO", 2), ("IVPCSVPCBPCCO", 1), ("IVCSVCSBCO", 1), ("VVBVVBVO", 1),
)  # fmt: skip
NAMES = {
    "I": "intro", "V": "verse", "P": "pre-chorus", "C": "chorus", "B": "bridge", "S": "instrumental", "K": "break",
    "O": "outro",
}  # fmt: skip


@dataclass(slots=True)
class Part:
    """One section.

    Attributes:
        kind: key of `NAMES`.
        bars: chords of each bar.
        groove: of MMA.
        volume: MMA's name of a level.
        drums: whether the drums play.
        sung: notes of the voice, by beat from the start of the section.
    """

    kind: str
    bars: list[str]
    groove: str
    volume: str
    drums: bool
    sung: list[tuple[float, float, int]]
    shift: int = 0


def make_song(seed: int, number: int, out: Path) -> str:
    """Compose, play and write one song, whose folder's name is returned."""
    rng = np.random.default_rng([seed, number])
    families = sorted(p for p in GROOVES.glob("*.mma") if not any(word in p.stem for word in _NOT_PLAYED))
    family = families[int(rng.integers(len(families)))]
    while not _grooves(family):
        family = families[int(rng.integers(len(families)))]
    beats = 3 if re.search(r"^\s*TimeSig 3", family.read_text(errors="replace"), re.M | re.I) else 4
    bpm = float(np.clip(np.exp(rng.normal(np.log(112), 0.28)), 60, 190))
    instrumental = bool(rng.random() < 0.3)
    parts = compose(rng, family, beats, bpm, instrumental)
    edges = np.concatenate([[0], np.cumsum([len(part.bars) * beats for part in parts])])
    ibi = 60.0 / bpm * (1.0 + _drift(rng, int(edges[-1]) + 16))
    grid = float(rng.uniform(0.1, 1.5)) + np.concatenate([[0.0], np.cumsum(ibi)])
    stems = play(rng, parts, beats, grid, instrumental)
    length = round((float(grid[edges[-1]]) + 2.0) * RATE_HZ)
    gains = {"drums": 0.9, "bass": 0.7, "other": 0.7, "vocals": 0.9}
    mixed = {
        name: fit(_levelled(wave), length) * np.float32(gains[name] * 10 ** (rng.normal(0, 2.0) / 20))
        for name, wave in stems.items()
    }
    mix = np.sum(list(mixed.values()), axis=0)
    mix, treatment = treated(rng, mix)
    folder = out / f"s{seed}_{number:03d}"
    folder.mkdir(parents=True, exist_ok=True)
    peak = float(np.abs(mix).max()) / 0.9
    soundfile.write(folder / "mix.wav", mix / peak, RATE_HZ, subtype="PCM_16")
    for name, wave in mixed.items():
        soundfile.write(folder / f"{name}.wav", np.clip(wave / peak, -1, 1), RATE_HZ, subtype="PCM_16")
    truth = {
        "id": folder.name, "style": family.stem, "beats": grid[: edges[-1] + 1].tolist(),
        "downbeats": grid[: edges[-1] + 1 : beats].tolist(), "duration": length / RATE_HZ, "treatment": treatment,
        "sections": [
            [float(grid[a]), float(grid[b]), NAMES[p.kind]] for a, b, p in zip(edges, edges[1:], parts, strict=False)
        ],
        "same": [part.kind if part.kind != "S" else part.groove for part in parts],
        "instrumental": instrumental, "bpm": bpm,
    }  # fmt: skip
    (folder / "truth.json").write_text(json.dumps(truth))
    return folder.name


def compose(rng: Rng, family: Path, beats: int, bpm: float, instrumental: bool) -> list[Part]:
    """Draw form, grooves, progressions and melodies."""
    grooves = _grooves(family)
    intros = [g for g in grooves if "Intro" in g]
    endings = [g for g in grooves if "End" in g]
    mains = [g for g in grooves if g not in intros + endings and "Fill" not in g] or grooves
    form = _weighted(rng, _FORMS)
    bar_s = beats * 60.0 / bpm
    phrase = 8 if bar_s > 1.6 or rng.random() < 0.3 else 16
    if bar_s > 2.6 and rng.random() < 0.5:
        phrase = 4
    lengths = {
        "V": phrase * int(rng.choice([1, 2], p=[0.75, 0.25])), "C": phrase,
        "B": max(4, phrase // int(rng.choice([1, 2]))), "P": max(4, phrase // 2), "S": phrase, "K": max(2, phrase // 4),
        "I": max(2, phrase // int(rng.choice([1, 2, 2]))),
        "O": max(2, phrase // int(rng.choice([1, 2, 2, 4]))),
    }  # fmt: skip
    if rng.random() < 0.15:
        lengths["V"] += int(rng.choice([1, 2, 4]))
    if rng.random() < 0.1:
        lengths["C"] += int(rng.choice([1, 2]))
    major = bool(rng.random() < 0.6)
    chords = {kind: _progression(rng, lengths[kind], major) for kind in "VCBP"}
    if rng.random() < 0.2:  # a song of one progression
        chords["C"] = _cycled(chords["V"], lengths["C"])
    over = str(rng.choice(["V", "C"]))
    chords |= {"S": _cycled(chords[over], lengths["S"]), "K": _cycled(chords["V"], lengths["K"])}
    chords |= {"I": _cycled(chords["V" if rng.random() < 0.6 else "C"], lengths["I"])}
    chords |= {"O": _cycled(chords["C"], lengths["O"])}
    groove = {kind: str(rng.choice(mains)) for kind in "VCBP"}
    if rng.random() < 0.3:
        groove["C"] = groove["V"]
    groove |= {"S": groove[over], "K": groove["V"]}
    groove["I"] = str(rng.choice(intros)) if intros and rng.random() < 0.4 else groove["V"]
    groove["O"] = str(rng.choice(endings)) if endings and rng.random() < 0.4 and lengths["O"] <= 4 else groove["C"]
    levels = ("mp", "mf", "f")
    level = {
        "V": "mf",
        "C": _pick(rng, "f", "f", "mf"),
        "B": _pick(rng, *levels),
        "P": "mf",
        "S": _pick(rng, "mf", "f"),
    }
    level |= {"I": _pick(rng, *levels), "K": "mp", "O": _pick(rng, *levels)}
    quiet = {"K"} | ({"I"} if rng.random() < 0.3 else set()) | ({"B"} if rng.random() < 0.2 else set())
    lo = int(rng.integers(48, 62))
    melodies = {kind: _melody(rng, lengths[kind] * beats, beats, lo, major, chords[kind]) for kind in "VCBPS"}
    voiced = set("VCP") | ({"B"} if rng.random() < 0.7 else set())
    lifted = rng.random() < 0.08 and form.count("C") > 2
    parts: list[Part] = []
    for at, kind in enumerate(form):
        sung = melodies.get(kind, []) if (kind in voiced or (instrumental and kind == "S")) else []
        part = Part(kind, list(chords[kind]), groove[kind], level[kind], kind not in quiet, _varied(rng, sung))
        if kind in "VC" and kind in form[:at] and rng.random() < 0.3:  # played differently when it returns
            nearest = [g for g in mains if g.startswith(groove[kind][:6])] or mains
            part.groove = str(rng.choice(nearest))
        if kind == "V" and at == form.index("V") and rng.random() < 0.15:
            part.drums = False
        if rng.random() < 0.05:
            part.bars += part.bars[-1:] * int(rng.choice([1, 2]))
        if lifted and kind == "C" and at >= len(form) - 2:
            part.shift = 2
        parts.append(part)
    return parts


def _grooves(family: Path) -> list[str]:
    """Return the names of a family's grooves; macros make the names of some, which are left out."""
    found = re.findall(r"^\s*DefGroove\s+(\w+)", family.read_text(errors="replace"), re.M)
    return [groove for groove in found if len(groove) > 2]


def play(rng: Rng, parts: list[Part], beats: int, grid: Values, instrumental: bool) -> dict[str, Samples]:
    """Render drums, bass, other and vocals."""
    import mido

    key = int(rng.integers(-5, 7))
    lines = ["Tempo 120", f"Transpose {key}"]
    bar = 0
    for part in parts:
        lines += [f"Transpose {key + part.shift}", f"Groove {part.groove}", f"Volume {part.volume}"]
        lines += ["AllTracks Drum Off" if not part.drums else "AllTracks Drum On"]
        for chord in part.bars:
            bar += 1
            lines.append(f"{bar} {chord}")
    with tempfile.TemporaryDirectory() as folder:
        source, midi = Path(folder, "song.mma"), Path(folder, "song.mid")
        source.write_text("\n".join(lines) + "\n")
        done = subprocess.run(["mma", "-f", str(midi), str(source)], capture_output=True, text=True, check=False)
        if not midi.exists():
            raise RuntimeError(done.stdout + done.stderr)
        read = mido.MidiFile(midi)
        tracks: dict[str, list[Any]] = defaultdict(list)
        for track in read.tracks:
            name = track.name.lower()
            stem = "drums" if name.startswith("drum") else "bass" if name.startswith("bass") else "other"
            tracks[stem].append(track)
        font = SOUND_FONTS[int(rng.integers(len(SOUND_FONTS)))]
        room = bool(rng.random() < 0.5)
        stems = {}
        for stem, chosen in tracks.items():
            warped = mido.MidiFile(ticks_per_beat=960)
            for track in chosen:
                warped.tracks.append(_warped(mido, track, read.ticks_per_beat, grid))
            stems[stem] = _with_font(warped, font, room, Path(folder))
        starts = np.concatenate([[0], np.cumsum([len(part.bars) * beats for part in parts])])
        lead = [
            Note(_at(grid, start + b) + rng.normal(0, 0.012), _at(grid, start + b + d), note + key + part.shift, 90)
            for start, part in zip(starts, parts, strict=False)
            for b, d, note in part.sung
        ]
        lead = [
            note for note in sorted(lead, key=lambda n: n.start_s) if note.start_s > 0 and note.end_s > note.start_s
        ]
        if lead and instrumental:
            file = _melody_file(mido, lead, int(rng.choice([0, 11, 24, 26, 40, 56, 61, 65, 66, 71, 73, 80])))
            stems["other"] = _sum(stems.get("other"), 0.8 * _levelled(_with_font(file, font, room, Path(folder))))
        elif lead:
            stems["vocals"] = coloured(rng, voice(rng, lead, 0.0))
    return {name: wave for name, wave in stems.items() if float(np.abs(wave).max(initial=0.0)) > 1e-4}


def treated(rng: Rng, mix: Samples) -> tuple[Samples, list[str]]:
    """Half of the mixes as they are, the others limited, equalised and in a room, or with noise."""
    done: list[str] = []
    if rng.random() < 0.5:
        return mix, done
    if rng.random() < 0.4:
        mix = coloured(rng, mix)
        done.append("coloured")
    if rng.random() < 0.6:
        drive = float(rng.uniform(1.5, 5.0))
        mix = np.tanh(drive * mix / max(float(np.percentile(np.abs(mix), 99.5)), 1e-6)).astype(np.float32)
        done.append(f"limited {drive:.1f}")
    if rng.random() < 0.4:
        level = float(rng.uniform(-50, -24))
        rms = float(np.sqrt(np.mean(mix**2)))
        mix = mix + rng.normal(0, rms * 10 ** (level / 20), mix.size).astype(np.float32)
        done.append(f"noise {level:.0f} dB")
    return np.asarray(mix, np.float32), done


def _progression(rng: Rng, bars: int, major: bool) -> list[str]:
    chords, odds = (_MAJOR, _MAJOR_ODDS) if major else (_MINOR, _MINOR_ODDS)
    loop: list[str] = []
    for _ in range(int(rng.choice([2, 4, 4, 4, 8]))):
        drawn = [c for c in chords if not loop or c != loop[-1]]
        loop.append(str(rng.choice(drawn, p=normalised([odds[chords.index(c)] for c in drawn]))))
    found = _cycled(loop, bars)
    if bars >= 8 and rng.random() < 0.5:  # a turn at the end
        found[-1] = "G7"
    return found


def _melody(rng: Rng, beats: int, bar: int, lo: int, major: bool, chords: list[str]) -> list[tuple[float, float, int]]:
    scale = [lo + octave + step for octave in (0, 12) for step in _SCALE[major]]
    notes: list[tuple[float, float, int]] = []
    place, phrase = len(scale) // 2, 2 * bar
    rhythm: list[tuple[float, float]] = []
    for start in range(0, beats, phrase):
        if not rhythm or rng.random() < 0.35:
            rhythm, at = [], float(rng.choice([0.0, 0.5, 1.0]))
            while at < phrase - 1.0:
                length = float(rng.choice([0.5, 0.5, 1.0, 1.0, 1.5, 2.0]))
                if rng.random() < 0.88:
                    rhythm.append((at, length))
                at += length
        for at, length in rhythm:
            place = int(np.clip(place + rng.integers(-3, 4), 0, len(scale) - 1))
            if start + at < beats - 0.5:
                notes.append((start + at, 0.95 * length, scale[place]))
    return notes


def _varied(rng: Rng, notes: list[tuple[float, float, int]]) -> list[tuple[float, float, int]]:
    """The same line as a singer sings it another time."""
    changed = [
        (at, length, note + (int(rng.choice([-2, 2, 3])) if rng.random() < 0.1 else 0))
        for at, length, note in notes
        if rng.random() > 0.06
    ]
    return [(at + (0.5 if rng.random() < 0.05 else 0.0), length, note) for at, length, note in changed]


def _drift(rng: Rng, beats: int) -> Values:
    """A slow wander of the tempo and the uneven hand; none for a third of the songs."""
    kind, out, at = rng.random(), np.zeros(beats), 0.0
    if kind < 0.33:
        return out
    scale = 0.004 if kind < 0.8 else 0.012
    for beat in range(beats):
        at = 0.95 * at + float(rng.normal(0, scale))
        out[beat] = at
    return out


def _warped(mido: Any, track: Any, ticks: int, grid: Values) -> Any:
    warped, now, last = mido.MidiTrack(), 0, 0
    for message in track:
        now += message.time
        if message.is_meta:
            continue
        tick = max(last, round(1920 * _at(grid, now / ticks)))
        warped.append(message.copy(time=tick - last))
        last = tick
    return warped


def _melody_file(mido: Any, notes: list[Note], program: int) -> Any:
    file, track = mido.MidiFile(ticks_per_beat=960), mido.MidiTrack()
    events = [(n.start_s, "note_on", n) for n in notes] + [(n.end_s, "note_off", n) for n in notes]
    track.append(mido.Message("program_change", program=program, time=0))
    last = 0
    for time_s, kind, note in sorted(events, key=lambda e: (e[0], e[1])):
        tick = round(1920 * time_s)
        track.append(mido.Message(kind, note=note.midi, velocity=note.velocity, time=max(0, tick - last)))
        last = max(last, tick)
    file.tracks.append(track)
    return file


def _with_font(file: Any, font: Path, room: bool, folder: Path) -> Samples:
    midi = folder / "part.mid"
    file.save(midi)
    return sounded(midi, font, RATE_HZ, reverb=room)


def _at(grid: Values, beat: float) -> float:
    return float(np.interp(beat, np.arange(grid.size), grid))


def _levelled(wave: Samples) -> Samples:
    loud = np.abs(wave)[np.abs(wave) > 1e-4]
    return np.asarray(
        0.15 * wave / max(float(np.sqrt(np.mean(np.square(loud)))) if loud.size else 1.0, 1e-6), np.float32
    )


def _sum(one: Samples | None, other: Samples) -> Samples:
    if one is None:
        return other
    size = max(one.size, other.size)
    return fit(_levelled(one), size) + fit(other, size)


def _cycled(chords: list[str], bars: int) -> list[str]:
    return [chords[bar % len(chords)] for bar in range(bars)]


def _pick(rng: Rng, *options: str) -> str:
    return options[int(rng.integers(len(options)))]


def _weighted(rng: Rng, options: tuple[tuple[str, int], ...]) -> str:
    return str(rng.choice([name for name, _ in options], p=normalised([weight for _, weight in options])))


def main() -> None:
    """Make the songs asked for on the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--songs", type=int, default=40)
    parser.add_argument("--first", type=int, default=0, help="begin with the song of this number")
    asked = parser.parse_args()
    for number in range(asked.first, asked.songs):
        print(make_song(asked.seed, number, asked.out), flush=True)


if __name__ == "__main__":
    main()
