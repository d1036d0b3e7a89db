"""Songs of random styles with known beats and sections, to learn sections from.

    python -m tests.learning.random_styles --tool ../shared/corpus/tool --seed 650 --songs 40 --out FOLDER

Drawing style templates and having the song generator of --tool (not part of this repository, left unchanged) play them
belongs here; what is learned is in `tests.learning.sections` (seeds 661, --min-s 130 --max-s 230, and 8801, --min-s 40
--max-s 80).

No style of the generator is used and its sound fonts are replaced by TimGM6mb (GPL-2 samples), OPL-3 FM (CC BY-SA 4.0)
and AVL Black Pearl (CC BY-SA 3.0, drums); only rendered sound was learned from, no sample is in the repository. The
arranging of parts, the drum machines, synthesised basses and formant voices are the generator's own.

Needs the programs and packages of the generator: fluidsynth, mido, soundfile, scipy.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from multiprocessing import Pool
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import numpy as np

Rng = np.random.Generator
Pattern = dict[str, str]
T = TypeVar("T")

# The generator's names of sound fonts, by which kits name them too, and what is played instead.
SOUND_FONTS = {
    "fluid": "/usr/share/sounds/sf2/TimGM6mb.sf2",
    "muse": "/usr/share/sounds/sf2/OPL-3_FM_128M.sf2",
    "zep": "/usr/share/sounds/sf2/Black_Pearl_4_LV2.sf2",
}
_KITS = (
    "fluid:0", "fluid:8", "fluid:16", "fluid:24", "fluid:25", "fluid:40",
    "muse:0", "zep:None", "synth:808", "synth:909",
)  # fmt: skip
_METERS = {"4/4": 0.6, "3/4": 0.15, "6/8": 0.18, "2/4": 0.07}
_STEPS = {"4/4": 16, "3/4": 12, "6/8": 12, "2/4": 8}
_MODES = ("major", "minor", "dorian", "mixolydian", "jazz_major", "jazz_minor")
# General MIDI programs, from 0, one group for each of two accompaniments.
_HARMONIES = (
    [0, 1, 4], [24, 25, 27], [29, 30], [16, 18], [48, 49], [80, 81, 89], [11, 12, 46], [61, 62], [5, 7],
)  # fmt: skip
_LEADS = (66, 73, 40, 81, 22, 11, 56)
_DRIFTS = ("none", "live", "live", "rubato_light", "accel", "none", "rubato")
_COMPOUND_BASSES = ("walk68", "long", "walk68", "root1", None)
_COMPOUND_COMPS = (["arp6"], ["arp6", "pad"], ["organ", "stab6"], ["stab6"], ["pad"], ["arp6", "stab6"])
_TRIPLE_BASSES = ("root1", "walking", "long", "root1", None)
_TRIPLE_COMPS = (["waltz"], ["waltz", "pad"], ["arp8"], ["arp8", "pad"], ["pad"], ["strum"])
_DUPLE_BASSES = ("eighths", "long", "root1", "walking", "offbeat", "sub", "octave", "synth8", "rootfifth", None)
_DUPLE_COMPS = (
    ["strum"], ["pad"], ["arp8"], ["arp8", "pad"], ["stab", "pad"], ["organ", "stab"], ["stab16", "pad"],
    ["funk16", "pad"], ["skank", "organ"], ["power8"], ["bossa"], ["arp16", "pad"], ["pad", "strum"],
)  # fmt: skip
_SYNCOPATED_SNARES = ((0, 3, 6, 10, 12), (0, 3, 6, 10, 13), (3, 6, 10, 14), (2, 5, 8, 11, 14))
_EXTRA_SNARES = ((7,), (14,), (7, 9), (10,))
_VOCAL_SHARE = 0.75
# Sets the stream of lengths and voices apart from the generator's own streams of a song.
_STREAM = 650


@dataclass(frozen=True, slots=True)
class Bar:
    """The grid of a bar of drums: a sixteenth a step, and in 6/8 a sixth of a dotted quarter.

    Attributes:
        meter: 4/4, 3/4, 6/8 or 2/4.
        bpm: beats a minute; dotted quarters in 6/8.
    """

    meter: str
    bpm: float

    @property
    def compound(self) -> bool:
        """Whether a beat has three parts."""
        return self.meter == "6/8"

    @property
    def steps(self) -> int:
        """Steps a bar."""
        return _STEPS[self.meter]

    @property
    def beat_steps(self) -> int:
        """Steps a beat."""
        return 6 if self.compound else 4

    @property
    def beats(self) -> list[int]:
        """Steps on which beats fall."""
        return list(range(0, self.steps, self.beat_steps))

    def pattern(self, steps: Iterable[int], stroke: str = "x") -> str:
        """A bar with strokes (x normal, X accented, o ghost) at steps, counted around its end."""
        hit = {step % self.steps for step in steps}
        return "".join(stroke if step in hit else "." for step in range(self.steps))


@dataclass(frozen=True, slots=True)
class Template:
    """A style in the fields that the generator's `compose` reads, its names included.

    Attributes:
        bpm: least and greatest tempo.
        meter: as in `Bar`.
        modes: scales or sets of progressions.
        bass: figure of the bass; None for no bass.
        comp: figures of up to two accompaniments.
        harm: General MIDI programs of each.
        kits: sound font and program, or synthesiser, of the drums.
        drums: patterns at low, mid and high intensity; None for no drums.
        swing: what is swung (8 or 16) and the share of its first half.
        human: scatter of onsets in ms.
        drift: kind of tempo change.
        lead: General MIDI programs.
        vocal_p: share of songs with a voice.
    """

    bpm: tuple[float, float]
    meter: str
    modes: list[str]
    bass: str | None
    comp: list[str]
    harm: list[list[int]]
    kits: list[str | None]
    drums: dict[str, Pattern] | None
    swing: tuple[str, float] | None
    human: int
    drift: str
    lead: list[int]
    vocal_p: float


@dataclass(frozen=True, slots=True)
class Order:
    """What to make of each template.

    Attributes:
        tool: folder of the generator.
        out: folder for the songs.
        seed: of templates and songs.
        songs: how many.
        length_s: least and greatest length to compose.
        gm_voices: share of voices played by a sound font, the others being formant synthesis.
    """

    tool: Path
    out: Path
    seed: int
    songs: int
    length_s: tuple[float, float]
    gm_voices: float


def draw_templates(seed: int, count: int) -> dict[str, Template]:
    """Templates by style name, r000 onwards."""
    rng = np.random.default_rng(seed)
    return {f"r{number:03d}": draw_template(rng) for number in range(count)}


def draw_template(rng: Rng) -> Template:
    """One style, every decision at random."""
    meter = str(rng.choice(list(_METERS), p=list(_METERS.values())))
    bar = Bar(meter, _tempo(rng, meter))
    drums = _drums(rng, bar) if rng.random() < 0.86 else None
    swing = _swing(rng, bar)
    bass, comp = _accompaniment(rng, bar, swung=swing is not None)
    return Template(
        bpm=(bar.bpm * 0.97, bar.bpm * 1.03),
        meter=meter,
        modes=[_pick(rng, *_MODES)],
        bass=bass,
        comp=comp,
        harm=[_pick(rng, *_HARMONIES), _pick(rng, *_HARMONIES)],
        kits=[_pick(rng, *_KITS) if drums else None],
        drums=drums,
        swing=swing,
        human=_pick(rng, 0, 3, 6, 8, 10),
        drift=_pick(rng, *_DRIFTS) if rng.random() < 0.5 else _pick(rng, "none", "live"),
        lead=[_pick(rng, *_LEADS)],
        vocal_p=_VOCAL_SHARE,
    )


def _pick(rng: Rng, *options: T) -> T:
    return options[int(rng.integers(len(options)))]


def _tempo(rng: Rng, meter: str) -> float:
    """Beats a minute, log-normal about 108, 76 dotted quarters in 6/8 or 122 in 3/4."""
    if meter == "6/8":
        return _log_normal(rng, 76.0, 0.28, (46.0, 126.0))
    simple = _log_normal(rng, 108.0, 0.30, (58.0, 200.0))
    # The first draw is dropped in 3/4 as in the first version, so that a seed still draws its templates.
    return _log_normal(rng, 122.0, 0.28, (70.0, 190.0)) if meter == "3/4" else simple


def _log_normal(rng: Rng, median: float, spread: float, limits: tuple[float, float]) -> float:
    return float(np.clip(np.exp(rng.normal(np.log(median), spread)), *limits))


def _drums(rng: Rng, bar: Bar) -> dict[str, Pattern]:
    """Patterns at three intensities that share most of their parts."""
    kick, snare, hats = _kick(rng, bar, 1), _snare(rng, bar, 1), _hats(rng, bar, 1)
    low = hats
    if rng.random() >= 0.5:
        low = {} if rng.random() < 0.4 else kick | _hats(rng, bar, 0)
    mid = kick | snare | hats
    high = _kick(rng, bar, 2) if rng.random() < 0.6 else kick
    high = high | (_snare(rng, bar, 2) if rng.random() < 0.25 else snare)
    high = high | (_hats(rng, bar, 2) if rng.random() < 0.5 else hats)
    if rng.random() < 0.12:
        mid = hats | (snare if rng.random() < 0.5 else {})
    if rng.random() < 0.2:
        shaken = bar.pattern(range(0, bar.steps, _pick(rng, 1, 2) if bar.bpm < 140 else 2))
        high["B" if rng.random() < 0.5 else "A"] = shaken
    return {"low": low, "mid": mid, "high": high}


def _hats(rng: Rng, bar: Bar, level: int) -> Pattern:
    """What keeps time: hi-hat, ride, shaker, tambourine or crash in even steps, a ride figure, or open off-beats."""
    if bar.compound:
        step = _pick(rng, 2, 2, 2, 6, 1)
    else:
        step = _pick(rng, 4, 2, 2, 2, 1) if bar.bpm < 150 else _pick(rng, 4, 2, 2)
    step = max(step, 2) if level == 0 else step
    steps = range(0, bar.steps, step)
    piece = _pick(rng, "H", "H", "H", "R", "A", "B", "C" if step >= 4 else "R")
    strokes = {at: _pick(rng, "x", "x", "o") if at % bar.beat_steps else "x" for at in steps}
    if rng.random() < 0.2:
        left_out = {at for at in steps if rng.random() < 0.15 and at % bar.beat_steps}
        strokes = {at: stroke for at, stroke in strokes.items() if at not in left_out}
    pattern = "".join(strokes.get(at, ".") for at in range(bar.steps))
    ride_figure, open_hats = rng.random() < 0.12, rng.random() < 0.12
    if open_hats and not bar.compound:
        return {"O": bar.pattern(beat + 2 for beat in bar.beats)}
    if ride_figure and not bar.compound and piece in "RH":
        pattern = bar.pattern(bar.beats + [beat + 2 for beat in bar.beats[1::2]])
    return {piece: pattern}


def _kick(rng: Rng, bar: Bar, level: int) -> Pattern:
    """On every beat, syncopated, rolling or sparse in 4/4; about the first beat in other meters."""
    kind = rng.random()
    if bar.meter == "4/4":
        steps = _common_time_kick(rng, bar, level, kind)
    elif bar.meter == "2/4":
        steps = {0, 4} if kind < 0.5 else {0, 6} if kind < 0.7 else {0}
    else:
        odds = 0.25 if bar.compound else 0.18
        steps = {0} | {step for step in (4, 6, 8, 10) if rng.random() < odds}
    return {"K": bar.pattern(steps)}


def _common_time_kick(rng: Rng, bar: Bar, level: int, kind: float) -> set[int]:
    if kind < 0.2:
        return set(bar.beats)
    if kind < 0.75:
        steps = {0, 8} if rng.random() < 0.6 else {0}
        for step in (2, 3, 6, 7, 9, 10, 11, 13, 14, 15):
            odds = 0.12 + 0.08 * level + (0.08 if step in (6, 7, 10) else 0.0)
            if rng.random() < odds * (0.5 if step % 2 else 1.0):
                steps.add(step)
        return steps
    if kind < 0.82:
        return set(range(0, bar.steps, _pick(rng, 1, 2) if bar.bpm < 180 else 2))
    return {8} if kind < 0.9 else {0}


def _snare(rng: Rng, bar: Bar, level: int) -> Pattern:
    """Snare, clap or side stick: backbeat, half time, double time, syncopated or none, now and then ghosted."""
    piece, kind = _pick(rng, "S", "S", "S", "S", "L", "T"), rng.random()
    steps: Iterable[int]
    if bar.meter == "4/4":
        steps = _common_time_snare(rng, kind)
    elif bar.meter == "2/4":
        steps = _pick(rng, [4], [2, 6], [0, 3, 4, 6], [4, 6, 7])
    elif bar.compound:
        steps = _pick(rng, [6], [6], [6], [6, 10], [4, 10], [])
    else:
        steps = _pick(rng, [4, 8], [4, 8], [8], [6], [4], [])
    strokes = list(bar.pattern(steps, _pick(rng, "x", "X", "X")))
    if rng.random() < 0.3 * level:
        for step, stroke in enumerate(strokes):
            if stroke == "." and step % bar.beat_steps and rng.random() < 0.15:
                strokes[step] = "o"
    return {piece: "".join(strokes)}


def _common_time_snare(rng: Rng, kind: float) -> Iterable[int]:
    fixed = ((0.62, (4, 12)), (0.72, (8,)), (0.78, (2, 6, 10, 14)), (0.83, (0, 4, 8, 12)))
    for limit, steps in fixed:
        if kind < limit:
            return steps
    if kind < 0.9:
        return _pick(rng, *_SYNCOPATED_SNARES)
    return (4, 12, *_pick(rng, *_EXTRA_SNARES)) if kind < 0.95 else ()


def _swing(rng: Rng, bar: Bar) -> tuple[str, float] | None:
    """Which notes are swung and how far; never in 6/8, eighths above 80 BPM, sixteenths below 112."""
    if bar.compound:
        return None
    kind = rng.random()
    if kind < 0.18 and bar.bpm > 80:
        return "8", float(rng.uniform(0.56, 0.68))
    if kind < 0.30 and bar.bpm < 112:
        return "16", float(rng.uniform(0.53, 0.64))
    return None


def _accompaniment(rng: Rng, bar: Bar, *, swung: bool) -> tuple[str | None, list[str]]:
    """Figures of bass and accompaniments that the generator can play in a meter."""
    if bar.compound:
        return _pick(rng, *_COMPOUND_BASSES), _pick(rng, *_COMPOUND_COMPS)
    if bar.meter == "3/4":
        return _pick(rng, *_TRIPLE_BASSES), _pick(rng, *_TRIPLE_COMPS)
    whole = bar.meter == "4/4"
    four_beat = ("bossa", "funk", "sync", "reggae") if whole else ("long", "long", "eighths", "root1")
    last = "shuffle" if whole and swung else "eighths"
    return _pick(rng, *_DUPLE_BASSES, *four_beat, last), _pick(rng, *_DUPLE_COMPS)


def prepare_generator(order: Order) -> None:
    """Import the generator and give it our styles and sound fonts in place of its own, in this process only."""
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(order.tool.resolve()))
    styles, fonts = import_module("songtruth.styles").S, import_module("songtruth.render").SFS
    styles.clear()
    styles.update({name: asdict(template) for name, template in draw_templates(order.seed, order.songs).items()})
    fonts.clear()
    fonts.update(SOUND_FONTS)


def make_song(order: Order, number: int) -> str:
    """Compose, render and write a song into a folder of its id, which is returned; the generator is prepared."""
    render = import_module("songtruth.render")
    rng = np.random.default_rng([order.seed, number, _STREAM])
    length_s = float(rng.uniform(*order.length_s))
    song = import_module("songtruth.compose").compose(order.seed, number, f"r{number:03d}", dur=length_s)
    if song.vocal_kind is not None:
        song.vocal_kind = "gm" if rng.random() < order.gm_voices else "formant"
    folder = order.out / song.id
    render.render_song(song, str(folder), mp3=None, sep=False)
    (folder / "truth.json").write_text(json.dumps(song.truth | {"mix": "mix.wav", "loudness": None, "long": False}))
    return str(song.id)


def main() -> None:
    """Make the songs asked for on the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tool", type=Path, required=True, help="folder of the song generator, with songtruth in it")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--songs", type=int, default=40)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--min-s", type=float, default=38.0)
    parser.add_argument("--max-s", type=float, default=62.0)
    parser.add_argument("--gm-voices", type=float, default=0.3)
    asked = parser.parse_args()
    length_s = (asked.min_s, asked.max_s)
    order = Order(asked.tool, asked.out, asked.seed, asked.songs, length_s, asked.gm_voices)
    order.out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as cache:
        # Numba would otherwise keep compiled code in the generator's folder.
        os.environ["NUMBA_CACHE_DIR"] = cache
        with Pool(asked.jobs, initializer=prepare_generator, initargs=(order,)) as pool:
            for name in pool.imap(partial(make_song, order), range(order.songs)):
                print(name, flush=True)


if __name__ == "__main__":
    main()
