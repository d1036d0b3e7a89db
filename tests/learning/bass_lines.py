"""Random bass lines with exactly known notes, from sound sources that no judged corpus uses.

Making sound to learn from belongs here; what is learned from it does not. The lines are random walks over random
rhythms, in no style; a third is played by FluidSynth from TimGM6mb or the OPL-3 bank, the rest by the small
synthesisers below. Equaliser, saturation, reverb, noise, and the bleed of drums and chords vary at random.
"""

from __future__ import annotations

import struct
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 44100
SOUND_FONTS = ("/usr/share/sounds/sf2/TimGM6mb.sf2", "/usr/share/sounds/sf2/OPL-3_FM_128M.sf2")
DRUM_FONT = "/usr/share/sounds/sf2/Black_Pearl_4_LV2.sf2"
_PROGRAMS = (32, 33, 34, 35, 36, 37, 38, 39, 43, 53, 57, 58, 70, 87)
_TICKS_PER_S = 1920.0

Samples = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Note:
    """One note: start and end in seconds, MIDI number with fraction, velocity 0 to 127."""

    onset_s: float
    offset_s: float
    midi: float
    velocity: int


def random_line(
    rng: np.random.Generator, duration_s: float, *, centre_midi: tuple[float, float] = (30.0, 46.0)
) -> list[Note]:
    """A bass line of random rhythm, articulation and pitch about a centre drawn from a range."""
    step_s = 60.0 / rng.uniform(60.0, 190.0) / rng.choice([1, 2, 2, 3, 4])
    rhythm = rng.choice([1, 1, 1, 2, 2, 3, 4, 6, 8], size=int(rng.integers(1, 9)))
    rest, repeat, octave = rng.choice([0.0, 0.1, 0.4]), rng.choice([0.1, 0.5, 0.9]), rng.choice([0.0, 0.1, 0.4])
    legato, spread, human_s = (
        rng.choice([0.4, 0.7, 0.9, 0.97, 1.0]),
        rng.uniform(2, 25),
        rng.choice([0.0, 0.006, 0.012]),
    )
    centre, cents = rng.uniform(*centre_midi), rng.uniform(-40, 40) * (rng.random() < 0.4)
    notes: list[Note] = []
    time_s, pitch, place = float(rng.uniform(0.1, 1.5)), round(centre), 0
    while time_s < duration_s - 1.5:
        length_s = max(step_s * int(rhythm[place % rhythm.size]), 0.09)
        place += 1
        if rng.random() > repeat:
            pitch += int(rng.choice([-12, 12])) if rng.random() < octave else int(rng.integers(-7, 8))
            pitch = int(np.clip(pitch, max(26, centre - 12), min(58 if centre <= 46 else 65, centre + 14)))
        if rng.random() >= rest:
            held = length_s * min(1.0, legato * rng.uniform(0.85, 1.05))
            onset_s = time_s + float(rng.normal(0.0, human_s))
            velocity = int(np.clip(rng.normal(95, spread), 30, 127))
            notes.append(Note(onset_s, onset_s + max(held, 0.06), pitch + cents / 100.0, velocity))
        time_s += length_s
    return [
        Note(n.onset_s, min(n.offset_s, following.onset_s), n.midi, n.velocity)
        for n, following in zip(notes, [*notes[1:], Note(duration_s, duration_s, 0, 0)], strict=True)
        if following.onset_s - n.onset_s > 0.05
    ]


def render(rng: np.random.Generator, notes: list[Note], duration_s: float) -> Samples:
    """The line by a random instrument, shape (n_samples,)."""
    choice = rng.random()
    if choice < 0.4:
        font = SOUND_FONTS[int(rng.random() < 0.25)]
        return play(font, int(rng.choice(_PROGRAMS)), notes, duration_s)
    voice = _plucked if choice < 0.65 else _synthesiser
    manner = {name: float(rng.random()) for name in ("a", "b", "c", "d", "e")}
    total = np.zeros(round((duration_s + 6.0) * RATE_HZ))
    for note in notes:
        sound = voice(rng, note, manner)
        start = round(note.onset_s * RATE_HZ)
        total[start : start + sound.size] += sound * (note.velocity / 127.0) ** 1.5
    return total[: round(duration_s * RATE_HZ)]


def degrade(rng: np.random.Generator, line: Samples, notes: list[Note]) -> Samples:
    """The line as a recording or a separator would give it."""
    from scipy.signal import butter, fftconvolve, sosfilt

    sound = line / max(float(np.abs(line).max()), 1e-9)
    for _ in range(2):
        edge, gain = float(np.exp(rng.uniform(np.log(60), np.log(3000)))), 10.0 ** (rng.uniform(-14, 10) / 20.0)
        sound = sound + (gain - 1.0) * sosfilt(butter(1, edge, "highpass", fs=RATE_HZ, output="sos"), sound)
    if rng.random() < 0.25:
        sound = np.tanh(rng.uniform(1, 6) * sound / np.abs(sound).max())
    if rng.random() < 0.3:
        length = int(rng.uniform(0.1, 1.0) * RATE_HZ)
        tail = rng.normal(size=length) * 10.0 ** (-3.0 * np.arange(length) / length)
        wet = fftconvolve(sound, tail / np.sqrt((tail**2).sum()))[: sound.size]
        sound = sound + wet * 10.0 ** (rng.uniform(-30, -14) / 20.0)
    level = np.sqrt((sound**2).mean())
    if rng.random() < 0.6:
        others = _accompaniment(rng, notes, sound.size / RATE_HZ)[: sound.size]
        others *= level / max(np.sqrt((others**2).mean()), 1e-9)
        if rng.random() < 0.6:
            sound = _separated(rng, sound, others * 10.0 ** (rng.uniform(-6, 12) / 20.0))
        else:
            sound = sound + others * 10.0 ** (rng.uniform(-34, -12) / 20.0)
    return sound + rng.normal(0.0, level * 10.0 ** (rng.uniform(-80, -40) / 20.0), sound.size)


def play(font: str, program: int, notes: list[Note], duration_s: float, *, channel: int = 0) -> Samples:
    """Play the notes with FluidSynth, without its effects, in mono."""
    import soundfile

    with tempfile.TemporaryDirectory() as folder:
        midi, wav = Path(folder, "line.mid"), Path(folder, "line.wav")
        midi.write_bytes(_standard_midi_file(program, notes, channel))
        command = ["fluidsynth", "-niq", "-R", "0", "-C", "0", "-g", "0.5", "-r", str(RATE_HZ), "-T", "wav"]
        subprocess.run([*command, "-F", str(wav), font, str(midi)], check=True, capture_output=True)
        sound = soundfile.read(wav, dtype="float64", always_2d=True)[0].mean(axis=1)
    return np.pad(sound, (0, max(0, round(duration_s * RATE_HZ) - sound.size)))[: round(duration_s * RATE_HZ)]


def _standard_midi_file(program: int, notes: list[Note], channel: int) -> bytes:
    bend = 8192 + round((notes[0].midi - round(notes[0].midi)) * 4096.0) if notes else 8192
    events = [(0, bytes([0xC0 | channel, program])), (0, bytes([0xE0 | channel, bend & 127, bend >> 7]))]
    for n in notes:
        events.append((round(n.onset_s * _TICKS_PER_S), bytes([0x90 | channel, round(n.midi), n.velocity])))
        events.append((round(n.offset_s * _TICKS_PER_S) - 1, bytes([0x80 | channel, round(n.midi), 0])))
    track, now = b"", 0
    for tick, message in sorted(events, key=lambda event: event[0]):
        track += _variable_length(tick - now) + message
        now = tick
    track += b"\x00\xff\x2f\x00"
    header = b"MThd" + struct.pack(">IHHH", 6, 0, 1, 960)
    return header + b"MTrk" + struct.pack(">I", len(track)) + track


def _variable_length(value: int) -> bytes:
    digits = [value & 127]
    while value := value >> 7:
        digits.insert(0, value & 127 | 128)
    return bytes(digits)


def _plucked(rng: np.random.Generator, note: Note, manner: dict[str, float]) -> Samples:
    """A string: slightly inharmonic partials, each with its own decay, damped after the note's end."""
    hz = 440.0 * 2.0 ** ((note.midi - 69.0) / 12.0)
    held = note.offset_s - note.onset_s
    release_s = 0.01 + 0.15 * manner["a"] ** 2
    t = np.arange(round((held + 5.0 * release_s) * RATE_HZ)) / RATE_HZ
    place, slope, decay_s = 0.05 + 0.4 * manner["b"], 0.5 + 2.0 * manner["c"], 0.15 * 20.0 ** manner["d"]
    sound = np.zeros(t.size)
    for k in range(1, min(40, int(9000.0 / hz))):
        partial = k * hz * np.sqrt(1.0 + 3e-4 * manner["e"] * k * k)
        strength = np.sin(np.pi * k * place) / k**slope
        sound += strength * np.sin(2 * np.pi * partial * t + rng.uniform(0, 6.28)) * np.exp(-t * k**0.7 / decay_s)
    click = rng.normal(size=t.size) * np.exp(-t / 0.004) * 0.3 * manner["e"]
    envelope = np.minimum(t / 0.003, 1.0) * np.where(t > held, np.exp(-(t - held) / release_s), 1.0)
    return np.asarray((sound + click) * envelope)


def _synthesiser(rng: np.random.Generator, note: Note, manner: dict[str, float]) -> Samples:
    """A bank of partials under a closing low-pass, with attack, decay, sustain and release, and a pitch drop."""
    hz = 440.0 * 2.0 ** ((note.midi - 69.0) / 12.0)
    held = note.offset_s - note.onset_s
    release_s, attack_s = 0.005 + 0.12 * manner["a"] ** 2, 0.002 + 0.05 * manner["b"] ** 3
    t = np.arange(round((held + 5.0 * release_s) * RATE_HZ)) / RATE_HZ
    drop = 1.0 + (0.5 * np.exp(-t / 0.02) if manner["c"] > 0.8 else 0.0)
    phase = 2 * np.pi * np.cumsum(hz * drop * np.ones(t.size)) / RATE_HZ + rng.uniform(0, 6.28)
    cutoff = hz * (1.2 + 12.0 * manner["d"] * np.exp(-t / (0.03 + 0.5 * manner["e"])))
    odd_only, slope = manner["c"] < 0.3, 0.6 + 1.4 * manner["e"]
    sound = np.zeros(t.size)
    for k in range(1, min(24, int(8000.0 / hz))):
        if odd_only and k % 2 == 0:
            continue
        sound += np.sin(k * phase) / k**slope / np.sqrt(1.0 + (k * hz / cutoff) ** 4)
    sustain, decay_s = manner["d"], 0.05 + manner["e"]
    envelope = np.minimum(t / attack_s, 1.0) * (sustain + (1.0 - sustain) * np.exp(-t / decay_s))
    return np.asarray(sound * envelope * np.where(t > held, np.exp(-(t - held) / release_s), 1.0))


def _separated(rng: np.random.Generator, line: Samples, others: Samples) -> Samples:
    """What a separator's imperfect ratio mask leaves of the line in the mix, and of the others."""
    from scipy.signal import istft, stft

    frame = int(rng.choice([1024, 2048, 4096, 8192]))
    spectra = [stft(sound.astype(np.float32), RATE_HZ, nperseg=frame)[2] for sound in (line, others)]
    power = rng.uniform(1.0, 2.0)
    wanted, unwanted = (np.abs(spectrum) ** power for spectrum in spectra)
    mask = wanted / (wanted + unwanted + 1e-9)
    # Errors come in patches of frequency and time.
    patch = (int(rng.integers(4, 24)), int(rng.integers(2, 12)))
    errors = rng.normal(0.0, rng.uniform(0.0, 0.6), (mask.shape[0] // patch[0] + 1, mask.shape[1] // patch[1] + 1))
    errors = np.repeat(np.repeat(errors, patch[0], axis=0), patch[1], axis=1)[: mask.shape[0], : mask.shape[1]]
    floor = 10.0 ** (rng.uniform(-46, -24) / 20.0)
    mask = floor + (1.0 - floor) * np.clip(mask * np.exp(errors), 0.0, 1.0)
    sound = np.asarray(istft(mask * (spectra[0] + spectra[1]), RATE_HZ, nperseg=frame)[1], np.float64)
    return np.pad(sound, (0, max(0, line.size - sound.size)))[: line.size]


def _accompaniment(rng: np.random.Generator, notes: list[Note], duration_s: float) -> Samples:
    """Drums, chords or both, some drums together with the bass."""
    kind = rng.random()
    total = np.zeros(round(duration_s * RATE_HZ))
    if kind < 0.75:
        step_s = float(rng.uniform(0.15, 0.6))
        hits = [
            Note(
                time_s, time_s + 0.1, int(rng.choice([35, 36, 38, 38, 42, 42, 46, 45, 49])), int(rng.integers(50, 120))
            )
            for time_s in np.arange(0.2, duration_s - 1.0, step_s)
        ]
        hits += [Note(n.onset_s, n.onset_s + 0.1, 36, 100) for n in notes if rng.random() < 0.4]
        total += play(DRUM_FONT, 0, hits, duration_s, channel=9)
    if kind > 0.5:
        chords: list[Note] = []
        for time_s in np.arange(0.2, duration_s - 2.5, float(rng.uniform(0.25, 2.5))):
            root = int(rng.integers(45, 66))
            chords += [Note(time_s, time_s + 0.5, root + step, 90) for step in (0, int(rng.integers(3, 5)), 7)]
        total += play(SOUND_FONTS[0], int(rng.choice([0, 4, 16, 25, 30, 48, 89])), chords, duration_s)
    return total
