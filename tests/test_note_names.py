"""Names of notes and keys: what another implementation, librosa, makes of each of them."""

from __future__ import annotations

from itertools import product

import pytest

from flamingo_bark_assets.note_names import (
    KEYS,
    PITCH_CLASSES,
    Mode,
    chord_in_key,
    key_name,
    midi_number,
    pitch_class,
    signature,
    spelled_notes,
)

MODES: tuple[Mode, ...] = ("major", "minor")
TONICS = [letter + sign for letter in "CDEFGAB" for sign in ("", "#", "b")]

pytestmark = pytest.mark.usefixtures("peer")

# The triads on the seven notes of a key, by their roots above the tonic.
DIATONIC: dict[str, tuple[tuple[int, str], ...]] = {
    "major": ((0, "maj"), (2, "min"), (4, "min"), (5, "maj"), (7, "maj"), (9, "min"), (11, "dim")),
    "minor": ((0, "min"), (2, "dim"), (3, "maj"), (5, "min"), (7, "min"), (8, "maj"), (10, "maj")),
}


def chords_of(key: str, chords: tuple[tuple[int, str], ...]) -> list[str]:
    tonic = pitch_class(key.split(maxsplit=1)[0])
    return [chord_in_key(f"{PITCH_CLASSES[(tonic + step) % 12]}:{quality}", key) for step, quality in chords]


def test_there_are_24_keys_each_spelled_as_on_the_circle_of_fifths() -> None:
    """Kostka & Payne, Tonal Harmony, ch. 1; of the keys with six sharps or flats F# major and Eb minor."""
    assert KEYS[:12] == tuple(f"{t} major" for t in ["C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"])
    assert KEYS[12:] == tuple(f"{t} minor" for t in ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B"])


def test_any_spelling_of_a_key_is_read_as_the_key_of_that_pitch_and_mode() -> None:
    for tonic, mode in product([*TONICS, "E♭", "F♯", "Bbb", "C##"], MODES):
        name = key_name(f"{tonic} {mode}")
        assert name == KEYS[pitch_class(tonic) + (12 if mode == "minor" else 0)], tonic
        assert key_name(name) == name


@pytest.mark.parametrize("text", ["", "C", "C dorian", "H major", "c major", "major", "C  major", "C major "])
def test_what_is_no_key_has_no_name(text: str) -> None:
    assert key_name(text) is None


def test_no_key_of_the_same_pitch_has_fewer_accidentals() -> None:
    for key in KEYS:
        tonic, mode = key.split()
        same = [other for other in TONICS if pitch_class(other) == pitch_class(tonic)]
        signs = [abs(signature(other, mode)) for other in (tonic, *same)]  # type: ignore[arg-type]
        assert signs[0] == min(signs), key


def test_the_chords_of_a_key_use_each_letter_once() -> None:
    for key in KEYS:
        labels = chords_of(key, DIATONIC[key.split()[1]])
        assert sorted(label[0] for label in labels) == sorted("ABCDEFG"), key


def test_a_chord_keeps_its_pitch_and_quality_however_it_is_spelled() -> None:
    qualities = ("maj", "min7", "7", "dim7", "hdim7", "sus4", "5")
    for key, quality, (number, name) in product([*KEYS, None], qualities, enumerate(PITCH_CLASSES)):
        root, _, kept = chord_in_key(f"{name}:{quality}", key).partition(":")
        assert (pitch_class(root), kept) == (number, quality), key
        assert len(root) <= 2
        assert chord_in_key(f"{root}:{quality}", key) == f"{root}:{quality}", key


@pytest.mark.parametrize(
    ("key", "labels"),
    [
        # What theory books call each (Kostka & Payne, chs. 16, 21, 22): secondary dominants and their leading-tone
        # chords, borrowed chords, Neapolitan.
        ("Eb major", "Eb:maj F:min G:min Ab:maj Bb:7 C:min D:dim Db:maj Gb:maj A:dim7"),
        ("C major", "Bb:maj Eb:maj Ab:maj Db:maj7 F#:hdim7 C#:dim7 G#:dim7 A:7 E:7"),
        ("G major", "F:maj Bb:maj Eb:maj C#:dim A:7 D#:dim7"),
        ("A minor", "E:7 G#:dim7 Bb:maj D#:dim7 Eb:maj F#:dim B:7"),
        ("E minor", "B:7 D#:dim7 F:maj Bb:5 A#:hdim7 C#:dim"),
        ("D minor", "A:7 C#:dim7 Eb:maj Bb:maj G#:dim7"),
        ("C minor", "G:7 B:dim7 Db:maj Ab:maj F#:dim7"),
        ("C# minor", "G#:7 B#:dim7 D:maj A:maj"),
        ("F# minor", "C#:7 E#:dim7 G:maj F:maj"),
        ("E major", "D:maj G:maj C:maj F:maj D#:dim A#:dim"),
        ("Db major", "Gb:maj Ab:7 Bb:min Eb:min C:dim A:maj E:maj"),
        ("Eb minor", "Cb:maj Gb:maj Db:maj Ab:min Bb:7 D:dim7"),
        ("F# major", "B:maj C#:7 D#:min E#:dim A#:min"),
        (None, "Eb:maj Db:7 Bb:min G#:min F#:maj"),
    ],
)
def test_chords_are_spelled_by_what_they_are_in_the_key(key: str | None, labels: str) -> None:
    sharps = [f"{PITCH_CLASSES[pitch_class(each.split(':')[0])]}:{each.split(':')[1]}" for each in labels.split()]
    assert " ".join(chord_in_key(label, key) for label in sharps) == labels


def test_what_has_no_root_stays_and_what_stands_behind_it_too() -> None:
    assert [chord_in_key(label, "Eb major") for label in ("N", "X", "G#:maj7/3")] == ["N", "X", "Ab:maj7/3"]


@pytest.mark.parametrize(
    ("key", "note", "name"),
    [
        ("F major", 10, "Bb"), ("D minor", 1, "C#"), ("C major", 10, "Bb"), ("C major", 6, "F#"), ("A minor", 8, "G#"),
        ("B major", 10, "A#"), ("Eb minor", 11, "Cb"), ("F# minor", 5, "E#"), ("G# minor", 7, "G"),
    ],
)  # fmt: skip
def test_notes_outside_a_key_follow_the_harmonic_chromatic_scale(key: str, note: int, name: str) -> None:
    tonic, mode = key.split()
    assert spelled_notes(tonic, mode)[note] == name


def test_a_key_has_the_notes_and_the_signature_that_librosa_gives_it() -> None:
    import librosa

    for tonic, mode in product(TONICS, MODES):
        harte = f"{tonic}:{mode[:3]}"
        theirs, degrees = librosa.key_to_notes(harte, unicode=False), librosa.key_to_degrees(harte)
        own = [spelled_notes(tonic, mode)[degree] for degree in degrees]
        assert own == [theirs[degree] for degree in degrees]
        assert signature(tonic, mode) == "".join(own).count("#") - "".join(own).count("b"), harte


def test_a_note_has_librosas_midi_number() -> None:
    import librosa

    for note, octave in product([*TONICS, "F##", "Bbb"], range(-1, 10)):
        assert midi_number(f"{note}{octave}") == librosa.note_to_midi(f"{note}{octave}"), (note, octave)
        assert pitch_class(note) == librosa.note_to_midi(note) % 12


def test_signs_may_be_printed_ones() -> None:
    assert [midi_number("E♭4"), midi_number("F♯3")] == [midi_number("Eb4"), midi_number("F#3")]


@pytest.mark.parametrize("text", ["", "H4", "C", "c4", "C4.5", "4"])
def test_what_is_no_note_with_an_octave_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no note with an octave"):
        midi_number(text)
