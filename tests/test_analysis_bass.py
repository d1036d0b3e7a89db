"""What the measurements of the bass stem promise."""

from __future__ import annotations

import warnings

import mir_eval
import numpy as np
import pytest
from numpy.typing import NDArray

from flamingo_bark_assets.analysis.bass import analyse_bass
from flamingo_bark_assets.analysis.bassline.notes import Notes
from flamingo_bark_assets.analysis.bassline.relations import chord_tones, relate
from flamingo_bark_assets.analysis.features.bass import BassFeatures
from flamingo_bark_assets.analysis.features.drums import DrumFeatures, DrumHit
from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.analysis.features.tonality import Chord
from flamingo_bark_assets.analysis.frontend.view import AudioView
from tests import music
from tests.pitch_synthesis import bass_line, harmonic_tone

# Onset and length in seconds, MIDI note: repeated pitches, steps, an octave, short and long notes.
LINE = (
    (0.5, 0.45, 40), (1.0, 0.45, 40), (1.5, 0.2, 43), (2.0, 0.95, 45), (3.0, 0.2, 38), (3.25, 0.2, 38),
    (3.5, 0.4, 50), (4.0, 0.9, 33), (5.5, 0.45, 47), (6.0, 1.4, 35),
)  # fmt: skip
DURATION_S = 8.0


def view_of(samples: NDArray[np.floating]) -> AudioView:
    return music.view_of(music.scaled(samples))


def bass_of(samples: NDArray[np.floating], **others: SongFeatures | DrumFeatures | None) -> BassFeatures:
    return analyse_bass("s", view_of(samples), energy_share=music.SHARE, **others)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def line() -> BassFeatures:
    return bass_of(bass_line(LINE, DURATION_S))


@pytest.mark.parametrize("midi", [26, 33, 45, 60])
def test_f0_of_a_held_note(midi: int) -> None:
    features = bass_of(music.tone(music.midi_hz(midi), 2.0))
    assert features.f0_median_hz.value == pytest.approx(music.midi_hz(midi), rel=0.01)
    assert (features.f0_median_hz.confidence or 0.0) > 0.8
    assert features.note_count.value == 1


def test_a_line_has_its_notes_at_their_times_and_pitches(line: BassFeatures) -> None:
    truth, found = np.array(LINE), line.bass_notes
    precision, recall, f_measure, _ = mir_eval.transcription.precision_recall_f1_overlap(
        np.stack([truth[:, 0], truth[:, 0] + truth[:, 1]], axis=1),
        440.0 * 2.0 ** ((truth[:, 2] - 69.0) / 12.0),
        np.array([[note.onset_s, note.offset_s] for note in found]),
        np.array([note.f0_hz for note in found]),
        offset_ratio=0.2,
    )
    assert (precision, recall, f_measure) == (1.0, 1.0, 1.0)


def test_a_note_ends_where_it_is_released_not_where_it_has_died_away(line: BassFeatures) -> None:
    ends = [onset_s + held_s for onset_s, held_s, _ in LINE]
    assert [note.offset_s for note in line.bass_notes] == pytest.approx(ends, abs=0.06)


def test_range_register_and_lengths_follow_from_the_notes(line: BassFeatures) -> None:
    assert line.f0_low_hz.value == pytest.approx(music.midi_hz(33), rel=0.02)
    assert line.f0_high_hz.value == pytest.approx(music.midi_hz(50), rel=0.02)
    assert line.pitch_range_semitones.value == pytest.approx(np.percentile([n[2] for n in LINE], 95) - 33.9, abs=0.5)
    assert line.register.value == "low"
    assert line.sustain_s.value == pytest.approx(0.45, abs=0.05)


@pytest.mark.parametrize(("midi", "word"), [(29, "sub"), (33, "low"), (40, "low"), (41, "middle"), (55, "high")])
def test_register_is_a_word_for_the_median_note(midi: int, word: str) -> None:
    line = bass_line([(0.2 + 0.5 * i, 0.4, midi) for i in range(4)], 2.5)
    assert bass_of(line).register.value == word


@pytest.mark.parametrize(("held_s", "legato"), [(0.1, 0.2), (0.48, 0.96)])
def test_legato_is_the_part_of_the_interval_that_is_held(held_s: float, legato: float) -> None:
    features = bass_of(bass_line([(0.2 + 0.5 * i, held_s, 36 + i) for i in range(8)], 4.5))
    assert features.legato.value == pytest.approx(legato, abs=0.12)


def test_pitch_rows_cover_the_notes_with_their_pitch(line: BassFeatures) -> None:
    voiced = [row for row in line.bass_f0 if row.voiced]
    time_s = np.array([row.time_s for row in voiced])
    f0_hz = np.array([row.f0_hz for row in voiced])
    for onset_s, held_s, midi in LINE:
        inside = (time_s > onset_s + 0.06) & (time_s < onset_s + held_s - 0.03)
        assert inside.sum() > 0.8 * (held_s - 0.09) / 0.01
        assert np.median(np.abs(1200.0 * np.log2(f0_hz[inside] / music.midi_hz(midi)))) < 15.0


def test_a_pitch_that_is_guessed_is_less_sure_than_one_that_sounds(line: BassFeatures) -> None:
    guessed, sounding = ([row.confidence for row in line.bass_f0 if row.voiced is voiced] for voiced in (False, True))
    assert guessed, "the notes die away below the threshold of voicing"
    assert np.median(guessed) < 0.5 < np.median(sounding)


def test_a_pitch_struck_again_without_a_gap_is_a_new_note() -> None:
    features = bass_of(bass_line([(0.3 + 0.5 * i, 0.5, 33) for i in range(4)], 3.0))
    assert features.note_count.value == 4


def test_strength_follows_the_amplitude_of_the_notes() -> None:
    soft = 0.4 * bass_line([(1.0, 0.4, 36)], 2.0)
    loud = bass_line([(0.3, 0.4, 36)], 2.0)
    notes = bass_of(loud + soft).bass_notes
    assert [note.strength for note in notes] == pytest.approx([1.0, 0.4], abs=0.05)


@pytest.mark.parametrize(("amplitudes", "share"), [((1.0,), 1.0), ((1.0, 0.5), 0.8), ((0.5, 1.0), 0.2)])
def test_fundamental_strength_is_its_share_of_the_energy(amplitudes: tuple[float, ...], share: float) -> None:
    """Amplitudes 1 and 1/2 make powers 1 and 1/4: the fundamental has 1 / 1.25."""
    features = bass_of(harmonic_tone(82.4, 3.0, amplitudes))
    assert features.fundamental_strength.value == pytest.approx(share, abs=0.03)


def test_a_loudspeaker_without_lows_leaves_the_notes(line: BassFeatures) -> None:
    """A high-pass of 24 dB an octave at 150 Hz takes the fundamentals away."""
    from scipy.signal import butter, sosfilt

    thin = bass_of(sosfilt(butter(4, 150, "highpass", fs=music.RATE_HZ, output="sos"), bass_line(LINE, DURATION_S)))
    assert [note.midi for note in thin.bass_notes] == [note.midi for note in line.bass_notes]


def test_noise_has_no_notes() -> None:
    features = bass_of(music.noise(5.0))
    assert (features.voiced_fraction.value or 0.0) < 0.1
    assert all(note.confidence < 0.6 for note in features.bass_notes)


def test_gain_and_polarity_do_not_change_the_notes() -> None:
    sound = music.scaled(bass_line(LINE, DURATION_S), 0.9)
    one, other = (analyse_bass("s", music.view_of(x), energy_share=music.SHARE) for x in (sound, -0.1 * sound))
    assert [note.midi for note in other.bass_notes] == [note.midi for note in one.bass_notes]
    assert [note.onset_s for note in other.bass_notes] == pytest.approx([n.onset_s for n in one.bass_notes], abs=0.011)


def test_leading_silence_shifts_the_notes(line: BassFeatures) -> None:
    late = bass_of(np.concatenate([np.zeros(3 * music.RATE_HZ), bass_line(LINE, DURATION_S)]))
    onsets_s = [note.onset_s - 3.0 for note in late.bass_notes]
    assert onsets_s == pytest.approx([note.onset_s for note in line.bass_notes], abs=0.021)


def test_the_sample_rate_of_the_file_does_not_matter(line: BassFeatures) -> None:
    from scipy.signal import resample_poly

    sound = music.scaled(resample_poly(bass_line(LINE, DURATION_S), 160, 147))
    other = analyse_bass("s", music.view_of(sound, rate_hz=48000), energy_share=music.SHARE)
    assert [note.midi for note in other.bass_notes] == [note.midi for note in line.bass_notes]


def drums_with_kicks(*times_s: float) -> DrumFeatures:
    hits = tuple(
        DrumHit(hit=i, time_s=t, drum="kick" if i % 2 == 0 else "snare", strength=1.0, confidence=0.9)
        for i, t in enumerate(t for time_s in times_s for t in (time_s, time_s + 0.25))
    )
    made = DrumFeatures.of_unusable("s", "only its hits are given", drum_hits=hits)
    object.__setattr__(made, "unusable", None)
    return made


def test_kick_lock_counts_notes_with_a_kick_and_kicks_with_a_note() -> None:
    line = bass_line([(0.5 * i + 0.5, 0.4, 36) for i in range(8)], 5.0)
    drums = drums_with_kicks(0.5, 1.5, 2.5, 3.5, 4.8)
    features = bass_of(line, drums=drums)
    assert features.kick_lock.value == pytest.approx(4 / 8)
    assert features.kick_support.value == pytest.approx(4 / 5)


def test_relations_are_unknown_without_drums_and_chords(line: BassFeatures) -> None:
    for relation in (line.kick_lock, line.kick_support, line.root_share, line.third_share, line.fifth_share):
        assert relation.value is None
        assert relation.reason


def notes_at(*rows: tuple[float, float, int]) -> Notes:
    onset_s, offset_s, midi = np.array(rows, float).T
    ones = np.ones(onset_s.size)
    return Notes(onset_s, offset_s, 440.0 * 2.0 ** ((midi - 69.0) / 12.0), ones, ones, ones)


def test_chord_tones_are_weighed_by_the_time_they_sound() -> None:
    notes = notes_at((0.0, 2.0, 36), (2.0, 3.0, 43), (3.0, 4.0, 40), (4.0, 5.0, 45), (5.0, 6.0, 47))
    chords = [
        Chord(chord=0, start_s=0.0, end_s=4.0, label="C:maj7", confidence=0.8),
        Chord(chord=1, start_s=4.0, end_s=6.0, label="A:min", confidence=0.8),
    ]
    relations = relate(notes, confidence=1.0, kicks=None, chords=chords)
    assert relations.root_share.value == pytest.approx(3 / 6)
    assert relations.fifth_share.value == pytest.approx(1 / 6)
    assert relations.third_share.value == pytest.approx(1 / 6)
    assert relations.root_share.confidence == pytest.approx(0.8)


def test_a_note_that_outlasts_its_chord_counts_for_both() -> None:
    chords = [
        Chord(chord=0, start_s=0.0, end_s=1.0, label="C:maj", confidence=1.0),
        Chord(chord=1, start_s=1.0, end_s=3.0, label="N", confidence=1.0),
        Chord(chord=2, start_s=3.0, end_s=4.0, label="F:maj", confidence=1.0),
    ]
    relations = relate(notes_at((0.0, 4.0, 36)), confidence=1.0, kicks=None, chords=chords)
    assert relations.root_share.value == pytest.approx(0.5)
    assert relations.fifth_share.value == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("label", "tones"),
    [
        ("C:maj", (0, 4, 7)), ("A:min7", (9, 0, 4)), ("F#:dim", (6, 9, 0)), ("Bb:7", (10, 2, 5)), ("Eb", (3, 7, 10)),
        ("G:sus4", (7, -1, 2)), ("D:hdim7/b3", (2, 5, 8)), ("Cb:aug", (11, 3, 7)), ("E:5", (4, -1, 11)), ("N", None),
    ],
)  # fmt: skip
def test_chord_tones_of_harte_labels(label: str, tones: tuple[int, int, int] | None) -> None:
    assert chord_tones(label) == tones


@pytest.mark.parametrize("kind", ["full-scale noise", "constant", "1 Hz", "20 kHz", "half a second", "one click"])
def test_hostile_signals_give_values_or_reasons(kind: str) -> None:
    t = music.times(3.0)
    sound = {
        "full-scale noise": np.random.default_rng(0).uniform(-1, 1, t.size),
        "constant": np.ones(t.size),
        "1 Hz": np.sin(2 * np.pi * t),
        "20 kHz": np.sin(2 * np.pi * 20000 * t),
        "half a second": np.sin(2 * np.pi * 55 * t[: music.RATE_HZ // 2]),
        "one click": np.eye(1, t.size, 50000)[0],
    }[kind]
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        features = analyse_bass("s", music.view_of(sound), energy_share=music.SHARE)
    assert all(m.value is not None or m.reason for _, m in features.measurements())


def test_silence_is_unusable_with_a_reason() -> None:
    features = analyse_bass("s", music.view_of(np.zeros(music.RATE_HZ)), energy_share=music.SHARE)
    assert features.unusable
    assert features.note_count.value is None
