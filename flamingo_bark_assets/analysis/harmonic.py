"""Measurements of a stem that plays chords: guitar, piano, keys and others together, or all but the voice.

What makes `ChordalFeatures` belongs here; how chords and texture are found is in `analysis.tonality`.
"""

from __future__ import annotations

from typing import Any, TypeVar, cast

import numpy as np

from flamingo_bark_assets.analysis.features.harmonic import ChordalFeatures, InstrumentalFeatures
from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.analysis.features.stem import ActiveSegment
from flamingo_bark_assets.analysis.features.tonality import Chord
from flamingo_bark_assets.analysis.frontend.view import AudioView
from flamingo_bark_assets.analysis.stem import activity_rows, measure_stem
from flamingo_bark_assets.analysis.tonality.chord_model import NO_CHORD
from flamingo_bark_assets.analysis.tonality.chords import ChordSpan, chord_rows
from flamingo_bark_assets.analysis.tonality.measure import (
    CHORD_METHOD,
    MIN_CHORD_SHARE,
    MIN_TUNING_CONCENTRATION,
    Harmony,
    change_rate,
    read_harmony,
)
from flamingo_bark_assets.analysis.tonality.texture import mean_polyphony, measure_inharmonicity, measure_texture
from flamingo_bark_assets.note_names import chord_in_key
from flamingo_bark_assets.record import Measurement, events_of

_POLYPHONY_METHOD = "nnls-salience-peaks"
_SUSTAIN_METHOD = "hpss-note-spectrum"
_NOISE_METHOD = "octave-floor"
_INHARMONICITY_METHOD = "partial-regression"
_BRIGHTNESS_METHOD = "energy-above-1500hz"
_MANY = "drums and bass sound in it as well"
_TRIADS = ("maj", "min", "dim", "aug", "sus2", "sus4", "5")

C = TypeVar("C", bound=ChordalFeatures)


def analyse_harmonic(
    result: type[C],
    song_id: str,
    view: AudioView,
    *,
    energy_share: Measurement[float],
    song: SongFeatures | None = None,
) -> C:
    """Measure the stems of one kind that plays chords; all is unknown where their sum is silent or too short.

    Beats, tuning and the keys in which chords are spelled are those of `song`, where it is known. Of an instrumental,
    what drums and bass would change is unknown: how many notes sound together, the floor between partials,
    inharmonicity.
    """
    if view.unusable is not None:
        return result.of_unusable(song_id, view.unusable)
    cents = _cents(view, song)
    beats_s = np.array([beat.time_s for beat in song.beats]) if song is not None and song.beats else None
    harmony = read_harmony((view,), cents=cents, duration_s=view.duration_s, beats_s=beats_s)
    rows = events_of(result)
    return result(
        **vars(measure_stem(song_id, view, energy_share=energy_share, song=song)),
        **_chords(harmony, cast("type[Chord]", rows["chords"]), song),
        **_texture(view, harmony, cents, is_sum=issubclass(result, InstrumentalFeatures)),
        activity=activity_rows(view, cast("type[ActiveSegment]", rows["activity"])),
    )


def _cents(view: AudioView, song: SongFeatures | None) -> float:
    """Return the song's tuning where it is known, else the stem's own, else 0."""
    if song is not None and song.tuning_cents.value is not None:
        return song.tuning_cents.value
    return view.tuning.cents if view.tuning.concentration >= MIN_TUNING_CONCENTRATION else 0.0


def _chords(harmony: Harmony, row: type[Chord], song: SongFeatures | None) -> dict[str, Any]:
    segments = song.key_segments if song is not None else ()
    named = [span for span in harmony.spans if span.label != NO_CHORD]
    names = ("chord_count", "main_chords", "harmonic_rhythm_hz", "seventh_share")
    if not named or harmony.chord_share < MIN_CHORD_SHARE:
        return {name: Measurement.unknown("no chord is heard in most of it", method=CHORD_METHOD) for name in names}
    rate = change_rate(named)
    total_s = sum(span.duration_s for span in named)
    sevenths_s = sum(span.duration_s for span in named if span.label.split(":")[1] not in _TRIADS)
    values = (
        len({span.label for span in named}),
        _longest(named, song.key.value if song is not None else None),
        rate.value,
        sevenths_s / total_s,
    )
    return {
        **{
            name: Measurement.of(value, method=CHORD_METHOD, confidence=rate.confidence)
            for name, value in zip(names, values, strict=True)
        },
        "chords": chord_rows(row, harmony.spans, segments),
    }


def _longest(chords: list[ChordSpan], key: str | None) -> str:
    """Return the four labels that sound longest, longest first, spelled in the song's key."""
    total_s: dict[str, float] = {}
    for chord in chords:
        total_s[chord.label] = total_s.get(chord.label, 0.0) + chord.duration_s
    longest = sorted(total_s, key=lambda label: -total_s[label])[:4]
    return " ".join(chord_in_key(label, key) for label in longest)


def _texture(view: AudioView, harmony: Harmony, cents: float, *, is_sum: bool) -> dict[str, Any]:
    texture = measure_texture(view)
    reason = "no sound between 27 Hz and 4 kHz"
    sustain, noise_db, brightness = (
        (texture.sustain, texture.harmonic_to_noise_db, texture.brightness) if texture is not None else (None,) * 3
    )
    whole = {
        "sustain": _known(sustain, _SUSTAIN_METHOD, reason),
        "brightness": _known(brightness, _BRIGHTNESS_METHOD, reason),
    }
    if is_sum:
        methods = (_POLYPHONY_METHOD, _NOISE_METHOD, _INHARMONICITY_METHOD)
        notes, floor, stretched = (_known(None, method, _MANY) for method in methods)
        return {**whole, "polyphony": notes, "harmonic_to_noise_db": floor, "inharmonicity": stretched}
    clear = harmony.chord_share >= MIN_CHORD_SHARE
    count = mean_polyphony(harmony.salience) if clear else None
    stretch = measure_inharmonicity(view, harmony.salience, cents=cents)
    return {
        **whole,
        "polyphony": Measurement.of(count, method=_POLYPHONY_METHOD)
        if count is not None
        else Measurement.unknown(reason if clear else "no pitched sound", method=_POLYPHONY_METHOD),
        "harmonic_to_noise_db": _known(noise_db, _NOISE_METHOD, reason),
        "inharmonicity": Measurement.of(stretch, method=_INHARMONICITY_METHOD)
        if stretch is not None and clear
        else Measurement.unknown("too few notes have six clear partials", method=_INHARMONICITY_METHOD),
    }


def _known(value: float | None, method: str, reason: str) -> Measurement[float]:
    return Measurement.unknown(reason, method=method) if value is None else Measurement.exact(value, method=method)
