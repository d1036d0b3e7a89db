"""Songs with stems by synthesis, and what people's hands and tools do to such stems, good and bad.

A song, its cases and what is true of each belong here; judging them stands in `benchmarks.stem_truth`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.signal import butter, fftconvolve, sosfilt, stft
from scipy.signal import istft as inverse_stft

from flamingo_bark_assets.audio.resample import resample
from flamingo_bark_assets.audio.signal import FloatArray
from tests import drums_synthesis
from tests.music import RATE_HZ, Samples, midi_hz, tone
from tests.signals import write_audio, write_with_av
from tests.voice_synthesis import sing

SECONDS = 16.0
KINDS = ("drums", "bass", "vocals", "other")
_KIND_OF_NAME = {"drums": "drums", "bass": "bass", "vocals": "vocals", "other": "harmonic"}
_LENGTH = round(SECONDS * RATE_HZ)

Stems = dict[str, FloatArray]
"""By name, each of shape (2, n_samples)."""


@dataclass(frozen=True, slots=True)
class Case:
    """A mix and stems, and what is right to say of them.

    Attributes:
        name: what was done.
        mix: shape (2, n_samples).
        stems: by name.
        unfit: kinds of stem that must not be trained on; empty for a song that is good.
        causes: words of which each must stand in what is said, or for a good song in what is corrected.
        ending: of the files of the stems.
        rate_hz: of the stems' files.
    """

    name: str
    mix: FloatArray
    stems: Stems
    unfit: frozenset[str] = frozenset()
    causes: tuple[str, ...] = ()
    ending: str = ".wav"
    rate_hz: int = RATE_HZ
    bit_depth: str = "PCM_16"

    def write(self, folder: Path) -> None:
        """Write the song's folder."""
        write_audio(folder / "song.wav", *self.mix, rate_hz=RATE_HZ)
        (folder / "stems").mkdir(exist_ok=True)
        for name, samples in self.stems.items():
            path = folder / "stems" / f"{name}{self.ending}"
            if self.ending == ".aac":
                write_with_av(path, *samples, rate_hz=self.rate_hz, codec="aac", container="adts")
            else:
                subtype = self.bit_depth if self.ending == ".wav" else None
                write_audio(path, *samples, rate_hz=self.rate_hz, subtype=subtype)


@functools.lru_cache(maxsize=4)
def song(seed: int, take: int = 0) -> Mapping[str, FloatArray]:
    """Play a song: drums, bass, a voice and chords of one score; another take is played by hand again.

    Scores of other seeds have other tempos, keys, chords, patterns and sounds.
    """
    score, hand = np.random.default_rng((seed, 0)), np.random.default_rng((seed, 1, take))
    beat_s = 60.0 / score.uniform(75.0, 150.0)
    key = int(score.integers(0, 12))
    roots = [int(root) for root in score.choice([0, 2, 4, 5, 7, 9], 4)]
    thirds = [4 if root in (0, 5, 7) else 3 for root in roots]
    bars = int(SECONDS / (4 * beat_s)) + 1
    parts = {name: np.zeros(_LENGTH) for name in KINDS}
    kit = {
        "kick": drums_synthesis.kick(score, RATE_HZ),
        "snare": drums_synthesis.snare(score, RATE_HZ),
        "hat": drums_synthesis.closed_hihat(score, RATE_HZ),
    }
    levels = {"kick": 0.9, "snare": score.uniform(0.4, 0.8), "hat": score.uniform(0.1, 0.35)}
    kicks = score.random(8) < 0.35
    formants = (score.uniform(450, 750), score.uniform(950, 1500), score.uniform(2300, 2700))
    melody = score.choice([0, 2, 4, 5, 7, 9, 12], (bars, 4))
    sung = score.random((bars, 4)) < 0.8
    timbre = int(score.integers(3, 9))

    def play(name: str, sound: Samples, at_s: float, level: float) -> None:
        at_s += float(hand.normal(0.0, 0.008))
        start = max(0, round(at_s * RATE_HZ))
        size = min(sound.size, _LENGTH - start)
        if size > 0:
            parts[name][start : start + size] += level * float(hand.uniform(0.85, 1.15)) * sound[:size]

    for bar in range(bars):
        root, third = key + roots[bar % 4], thirds[bar % 4]
        for step in range(8):
            at_s = (4 * bar + step / 2) * beat_s
            play("drums", kit["hat"], at_s, levels["hat"])
            if kicks[step] or step == 0:
                play("drums", kit["kick"], at_s, levels["kick"])
            if step in (2, 6):
                play("drums", kit["snare"], at_s, levels["snare"])
            if step % 2 == 0 or kicks[step]:
                play("bass", _note(36 + root % 12, 0.9 * beat_s, 4), at_s, 0.5)
        for interval in (0, third, 7):
            play("other", _note(60 + (root + interval) % 12, 4 * beat_s, timbre), 4 * bar * beat_s, 0.2)
        for beat in range(4):
            if sung[bar, beat]:
                wave = _sung(60 + key % 12 + int(melody[bar, beat]), 0.85 * beat_s, formants, hand)
                play("vocals", wave, (4 * bar + beat) * beat_s, 0.4)
    pans = {"drums": 0.0, "bass": 0.0, "vocals": 0.05, "other": score.uniform(-0.5, 0.5)}
    stereo = {name: np.stack([(1 - pans[name]) * part, (1 + pans[name]) * part]) for name, part in parts.items()}
    peak = float(np.abs(np.sum(list(stereo.values()), axis=0)).max())
    return {name: np.asarray(0.7 / peak * part, np.float32) for name, part in stereo.items()}


def _note(midi: int, seconds: float, harmonics: int) -> Samples:
    return tone(midi_hz(midi), seconds, harmonics=harmonics)


def _sung(midi: int, seconds: float, formants: tuple[float, ...], hand: np.random.Generator) -> Samples:
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    cents = 40.0 * np.sin(2 * np.pi * hand.uniform(4.5, 6.5) * t + hand.uniform(0, 6)) + hand.normal(0.0, 12.0)
    voice = sing(
        midi_hz(midi) * 2 ** (cents / 1200), formants, jitter=0.01, hnr_db=25.0, seed=int(hand.integers(1 << 30))
    )
    ramp = np.minimum(1.0, np.minimum(t, seconds - t) / 0.03)
    return np.asarray(voice.samples * np.clip(ramp, 0.0, 1.0))


def summed(stems: Mapping[str, FloatArray]) -> FloatArray:
    """Add up stems of one length."""
    return np.asarray(np.sum(list(stems.values()), axis=0), np.float32)


def late(samples: FloatArray, by: int) -> FloatArray:
    """Put silence before a sound, or cut its start off where `by` is negative."""
    return np.pad(samples, ((0, 0), (by, 0))) if by >= 0 else samples[:, -by:]


def residue(of: FloatArray, seed: int, level_db: float) -> FloatArray:
    """Return what a separator leaves of other sound: time-frequency bins of it by a smooth random mask."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    _, _, spectra = stft(of, RATE_HZ, nperseg=1024)
    mask = gaussian_filter(rng.standard_normal(spectra.shape[1:]), (6.0, 5.0))
    _, left = inverse_stft(spectra * np.clip(0.5 + 0.5 * mask / mask.std(), 0.0, 1.0), RATE_HZ, nperseg=1024)
    left = left[:, : of.shape[1]]
    left = np.pad(left, ((0, 0), (0, of.shape[1] - left.shape[1])))
    gain = 10 ** (level_db / 20) * np.sqrt(np.mean(of**2) / np.mean(left**2))
    return np.asarray(gain * left, np.float32)


def _good(name: str, stems: Stems, seed: int, *causes: str, **how: object) -> Case:
    return Case(name, summed(song(seed)), stems, frozenset(), causes, **how)  # type: ignore[arg-type]


def _each(seed: int, change: Callable[[FloatArray], FloatArray]) -> Stems:
    return {name: change(samples) for name, samples in song(seed).items()}


def _one(seed: int, name: str, change: Callable[[FloatArray], FloatArray]) -> Stems:
    return {**song(seed), name: change(song(seed)[name])}


def _pick(seed: int, *names: str) -> str:
    return names[seed % len(names)]


def all_late(seed: int) -> Case:
    """All stems late by one delay: that of MP3, or any."""
    by = (1105, 1024, 1 + seed * 7919 % 4000)[seed % 3]
    return _good("all late", _each(seed, lambda x: late(x, by)), seed, f"({by} samples) late")


def one_late(seed: int) -> Case:
    """One stem late, or early, by up to 0.1 s."""
    by, name = (300 + seed * 7919 % 4000) * (-1) ** seed, _pick(seed, "vocals", "drums")
    cause = f"{name}.wav", f"({abs(by)} samples) {'late' if by > 0 else 'early'}"
    return _good("one late", _one(seed, name, lambda x: late(x, by)), seed, *cause)


def padded(seed: int) -> Case:
    """Silence after the end of all or some stems, 0.3 to 2 s of it."""
    by = round((0.3 + seed * 37 % 170 / 100) * RATE_HZ)
    stems = _each(seed, lambda x: np.pad(x, ((0, 0), (0, by))))
    if seed % 2:
        stems["bass"] = song(seed)["bass"]
    return _good("padded", stems, seed)


def cut(seed: int) -> Case:
    """The tail of all or of some stems is cut off, 0.2 to 0.6 s of it."""
    by = round((0.2 + seed * 37 % 40 / 100) * RATE_HZ)
    stems = _each(seed, lambda x: x[:, :-by])
    if seed % 2:
        stems["vocals"] = song(seed)["vocals"]
    return _good("cut", stems, seed)


def inverted(seed: int) -> Case:
    """One stem in inverted polarity."""
    name = _pick(seed, "drums", "bass", "vocals", "other")
    return _good("inverted", _one(seed, name, lambda x: -x), seed, f"{name}.wav", "inverted polarity")


def normalised(seed: int) -> Case:
    """Each stem normalised to its peak."""
    stems = _each(seed, lambda x: np.asarray(0.98 * x / np.abs(x).max(), np.float32))
    return _good("normalised one by one", stems, seed, "normalised one by one")


def scaled(seed: int) -> Case:
    """One stem is quieter than in the mix."""
    name, db = _pick(seed, "bass", "drums", "other", "vocals"), 3.0 + seed % 6
    stems = _one(seed, name, lambda x: np.asarray(10 ** (-db / 20) * x, np.float32))
    return _good("one quieter", stems, seed, f"{name}.wav", f"{db:+.1f} dB")


def offset(seed: int) -> Case:
    """One stem with an offset."""
    name = _pick(seed, "bass", "other", "vocals")
    stems = _one(seed, name, lambda x: x + np.float32(0.02 + 0.01 * (seed % 4)))
    return _good("offset", stems, seed, f"{name}.wav", "offset")


def lossy(seed: int) -> Case:
    """Stems in a lossy file: Vorbis, MP3 with a gapless header, or AAC without one, which is late."""
    ending = (".ogg", ".mp3", ".aac")[seed % 3]
    return _good("lossy", _each(seed, lambda x: x), seed, *(("late",) if ending == ".aac" else ()), ending=ending)


def other_rate(seed: int) -> Case:
    """Stems at another rate than the mix."""
    rate_hz = (48_000, 32_000)[seed % 2]
    return _good("other rate", _each(seed, lambda x: resample(x, RATE_HZ, rate_hz)), seed, rate_hz=rate_hz)


def mono(seed: int) -> Case:
    """Mono stems of a stereo mix."""
    return _good("mono", _each(seed, lambda x: x.mean(axis=0, keepdims=True)), seed)


def soft_clipped(seed: int) -> Case:
    """A mix that was driven into a soft clipper."""
    drive = 1.5 + 0.5 * (seed % 3)
    mix = summed(song(seed))
    mix = np.asarray(0.9 * np.tanh(drive * mix / np.abs(mix).max()), np.float32)
    return Case("soft-clipped master", mix, dict(song(seed)))


def dry(seed: int) -> Case:
    """Stems without the reverberation that is in the mix."""
    rng = np.random.default_rng((seed, 2))
    t = np.arange(round(0.9 * RATE_HZ)) / RATE_HZ
    response = rng.normal(size=(2, t.size)) * np.exp(-t / rng.uniform(0.1, 0.25)) * (t > 0.015)
    sent = song(seed)["vocals"] + 0.5 * song(seed)["drums"] + 0.5 * song(seed)["other"]
    wet = fftconvolve(sent, response, axes=1)[:, :_LENGTH]
    mix = summed(song(seed))
    wet *= 10 ** (rng.uniform(-16.0, -11.0) / 20) * np.sqrt(np.mean(mix**2) / np.mean(wet**2))
    return Case("reverberation left out", np.asarray(mix + wet, np.float32), dict(song(seed)))


def foreign(seed: int) -> Case:
    """One stem of another song."""
    name = _pick(seed, "vocals", "drums", "other")
    stems = {**song(seed), name: song(seed + 1000)[name]}
    return Case("one of another song", summed(song(seed)), stems, _kinds(name), (f"{name}.wav",))


def all_foreign(seed: int) -> Case:
    """All stems of another song."""
    return Case("all of another song", summed(song(seed)), dict(song(seed + 1000)), _kinds(*KINDS), ("belong",))


def other_take(seed: int) -> Case:
    """One stem of another take of the song."""
    name = _pick(seed, "vocals", "drums", "vocals", "other")
    stems = {**song(seed), name: song(seed, 1)[name]}
    return Case("one of another take", summed(song(seed)), stems, _kinds(name), (f"{name}.wav",))


def all_other_take(seed: int) -> Case:
    """All stems of another take of the song."""
    return Case(
        "all of another take",
        summed(song(seed)),
        dict(song(seed, 1)),
        _kinds(*KINDS),
        ("of this song|to this song|another take",),
    )


def half_missing(seed: int) -> Case:
    """One stem that is silent, or ends, half-way through."""
    name, half = _pick(seed, "drums", "bass", "vocals", "other"), _LENGTH // 2
    if seed % 2:
        stems = _one(seed, name, lambda x: x[:, :half])
    else:
        stems = _one(seed, name, lambda x: np.where(np.arange(_LENGTH) < half, x, np.float32(0.0)))
    return Case("half missing", summed(song(seed)), stems, _kinds(name), (f"{name}.wav", "silent|shorter|missing"))


def swapped(seed: int) -> Case:
    """Drums and bass under each other's name."""
    stems = {**song(seed), "drums": song(seed)["bass"], "bass": song(seed)["drums"]}
    return Case("swapped", summed(song(seed)), stems, _kinds("drums", "bass"), ("swapped",))


def bleed_only(seed: int) -> Case:
    """A stem of a song without it: what a separator leaves, -20 to -32 dB."""
    name, level_db = _pick(seed, "vocals", "drums", "vocals"), -20.0 - seed * 5 % 13
    rest = {other: samples for other, samples in song(seed).items() if other != name}
    mix = summed(rest)
    how = seed % 3
    if how == 0:
        left = residue(mix, seed, level_db)
    elif how == 1:
        left = np.asarray(10 ** (level_db / 20) * mix, np.float32)
    else:
        band = butter(2, [300.0, 4000.0], "band", fs=RATE_HZ, output="sos")
        left = np.asarray(10 ** (level_db / 20) * sosfilt(band, mix), np.float32)
    stems = {**rest, "other": rest["other"] - left if how == 0 else rest["other"], name: left}
    return Case("bleed only", mix, stems, _kinds(name), (f"{name}.wav", "left of the other"), bit_depth="PCM_24")


def clipped(seed: int) -> Case:
    """One stem that clips."""
    name = _pick(seed, "drums", "vocals", "bass", "other")
    stems = _one(seed, name, lambda x: np.clip(4.0 * x / np.abs(x).max(), -1.0, 1.0))
    return Case("clipped", summed(song(seed)), stems, _kinds(name), (f"{name}.wav", "clipped"))


def _kinds(*names: str) -> frozenset[str]:
    return frozenset(_KIND_OF_NAME[name] for name in names)


def rotated(seed: int, first: str, second: str) -> Case:
    """Two stems under each other's name."""
    parts = song(seed)
    stems = {**parts, first: parts[second], second: parts[first]}
    return Case(f"{first} and {second} swapped", summed(parts), stems, _kinds(first, second), ("swapped",))


def head_cut(seed: int) -> Case:
    """Half a second cut off the start of all stems."""
    return _good("head cut", _each(seed, lambda x: late(x, -22_050)), seed, "(22050 samples) early")


def late_beside_bleed(seed: int) -> Case:
    """All stems late by one delay, beside a stem that is only bleed, which seems to lie elsewhere."""
    case = bleed_only(3 * seed)
    stems = _delayed(case.stems, 1105)
    return Case("late beside bleed", case.mix, stems, case.unfit, (*case.causes, "late like all"), bit_depth="PCM_24")


def _delayed(stems: Stems, by: int) -> Stems:
    return {name: late(samples, by) for name, samples in stems.items()}


def holding_others(seed: int, name: str, *held: str, without: tuple[str, ...] = ()) -> Case:
    """A stem that holds other stems beside its own sound."""
    parts = song(seed)
    whole = summed({other: parts[other] for other in (name, *held)})
    stems = {other: samples for other, samples in {**parts, name: whole}.items() if other not in without}
    causes = (f"{name}.wav holds", *(f"{other}.wav" for other in held if other not in without))
    return Case(f"{name} holds {', '.join(held)}", summed(parts), stems, _kinds(name), causes)


def copied(seed: int, name: str, instead: str) -> Case:
    """A stem's file copied over another's."""
    stems = {**song(seed), instead: song(seed)[name]}
    return Case("copied", summed(song(seed)), stems, _kinds(instead), (f"{name}.wav", "holds the same sound as"))


GOOD: Mapping[Callable[[int], Case], int] = {
    all_late: 3, one_late: 3, padded: 3, cut: 3, inverted: 4, normalised: 3, scaled: 2, offset: 2, lossy: 3,
    other_rate: 1, mono: 1, soft_clipped: 1, dry: 1,
}  # fmt: skip
WRONG: Mapping[Callable[[int], Case], int] = {
    foreign: 4, all_foreign: 2, other_take: 4, all_other_take: 2, half_missing: 5, swapped: 4, bleed_only: 5,
    clipped: 4,
}  # fmt: skip
"""How many songs of each case make the 30 good and the 30 wrong ones."""


def cases(first_seed: int) -> list[Callable[[], Case]]:
    """Return makers of 60 cases, of which each has a song of its own."""
    makers = [make for group in (GOOD, WRONG) for make, count in group.items() for _ in range(count)]
    return [functools.partial(make, first_seed + index) for index, make in enumerate(makers)]
