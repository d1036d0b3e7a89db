"""Names of notes and keys: what another implementation, librosa, makes of each of them."""

from __future__ import annotations

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


@pytest.mark.parametrize("key", KEYS)
def test_a_key_spelled_and_read_back_is_itself(key: str) -> None:
    assert key_name(key) == key == KEYS[pitch_class(key.split(maxsplit=1)[0]) + (12 if key.endswith("minor") else 0)]


@pytest.mark.parametrize("mode", ["major", "minor"])
@pytest.mark.parametrize("tonic", [*TONICS, "E♭", "F♯", "Bbb", "C##"])
def test_any_spelling_of_a_key_is_read_as_the_key_of_that_pitch_and_mode(tonic: str, mode: Mode) -> None:
    name = key_name(f"{tonic} {mode}")
    assert name in KEYS
    assert (pitch_class(name.split()[0]), name.split()[1]) == (pitch_class(tonic), mode)


@pytest.mark.parametrize("text", ["", "C", "C dorian", "H major", "c major", "major", "C  major", "C major "])
def test_what_is_no_key_has_no_name(text: str) -> None:
    assert key_name(text) is None


@pytest.mark.parametrize("key", KEYS)
def test_no_key_of_the_same_pitch_has_fewer_accidentals(key: str) -> None:
    tonic, mode = key.split()
    same = [other for other in TONICS if pitch_class(other) == pitch_class(tonic)]
    assert all(abs(signature(tonic, mode)) <= abs(signature(other, mode)) for other in same)  # type: ignore[arg-type]


@pytest.mark.parametrize("key", KEYS)
def test_the_chords_of_a_key_use_each_letter_once(key: str) -> None:
    labels = chords_of(key, DIATONIC[key.split()[1]])
    assert sorted(label[0] for label in labels) == sorted("ABCDEFG")


@pytest.mark.parametrize("key", [*KEYS, None])
@pytest.mark.parametrize("quality", ["maj", "min7", "7", "dim7", "hdim7", "sus4", "5"])
def test_a_chord_keeps_its_pitch_and_quality_however_it_is_spelled(key: str | None, quality: str) -> None:
    for number, name in enumerate(PITCH_CLASSES):
        root, _, kept = chord_in_key(f"{name}:{quality}", key).partition(":")
        assert (pitch_class(root), kept) == (number, quality)
        assert len(root) <= 2
        assert chord_in_key(chord_in_key(f"{name}:{quality}", key), key) == f"{root}:{quality}"


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


@pytest.mark.parametrize("mode", ["major", "minor"])
@pytest.mark.parametrize("tonic", TONICS)
def test_a_key_spells_its_own_notes_as_librosa_does(tonic: str, mode: Mode) -> None:
    import librosa

    harte, notes = f"{tonic}:{mode[:3]}", spelled_notes(tonic, mode)
    theirs = librosa.key_to_notes(harte, unicode=False)
    assert all(notes[degree] == theirs[degree] for degree in librosa.key_to_degrees(harte))


@pytest.mark.parametrize("mode", ["major", "minor"])
@pytest.mark.parametrize("tonic", TONICS)
def test_a_signature_counts_the_signs_of_the_keys_own_notes(tonic: str, mode: Mode) -> None:
    import librosa

    harte = f"{tonic}:{mode[:3]}"
    notes = librosa.key_to_notes(harte, unicode=False)
    own = [notes[degree] for degree in librosa.key_to_degrees(harte)]
    assert signature(tonic, mode) == "".join(own).count("#") - "".join(own).count("b")


@pytest.mark.parametrize("note", [*TONICS, "F##", "Bbb"])
@pytest.mark.parametrize("octave", range(-1, 10))
def test_a_note_has_librosas_midi_number(note: str, octave: int) -> None:
    import librosa

    assert midi_number(f"{note}{octave}") == librosa.note_to_midi(f"{note}{octave}")
    assert pitch_class(note) == librosa.note_to_midi(note) % 12


def test_signs_may_be_printed_ones() -> None:
    assert [midi_number("E♭4"), midi_number("F♯3")] == [midi_number("Eb4"), midi_number("F#3")]


@pytest.mark.parametrize("text", ["", "H4", "C", "c4", "C4.5", "4"])
def test_what_is_no_note_with_an_octave_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no note with an octave"):
        midi_number(text)
