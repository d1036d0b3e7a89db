"""Names of notes and keys: what another implementation, librosa, makes of each of them."""

from __future__ import annotations

import pytest

from flamingo_bark_assets.note_names import Mode, midi_number, pitch_class, signature, spelled_notes

TONICS = [letter + sign for letter in "CDEFGAB" for sign in ("", "#", "b")]

pytestmark = pytest.mark.usefixtures("peer")


@pytest.mark.parametrize("mode", ["major", "minor"])
@pytest.mark.parametrize("tonic", TONICS)
def test_a_key_spells_its_notes_as_librosa_does(tonic: str, mode: Mode) -> None:
    import librosa

    assert list(spelled_notes(tonic, mode)) == librosa.key_to_notes(f"{tonic}:{mode[:3]}", unicode=False)


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
