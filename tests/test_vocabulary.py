"""Vocabularies: the shipped ones, the user's own files however bad, and which spellings are one term."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flamingo_bark_assets.errors import ConfigurationError
from flamingo_bark_assets.inference.vocabulary import (
    MAX_FILE_BYTES,
    MAX_LABEL_CHARACTERS,
    MAX_LABELS,
    VOCABULARY_NAMES,
    Label,
    Vocabulary,
    VocabularyName,
    agreement,
    load_vocabulary,
)

SMALL = Vocabulary("genre", ("hard rock", "hip hop", "house", "jazz", "r&b", "rock"), "This audio is a {} song.")


def row(label: str, probability: float | None, *, source: str = "clap", vocabulary: str = "genre") -> Label:
    return Label(part="mix", vocabulary=vocabulary, label=label, source=source, probability=probability, rank=1)


ROWS = [
    row("hip hop", 0.4), row("rock", 0.25), row("hard rock", 0.15), row("jazz", 0.1), row("house", 0.06),
    row("r&b", 0.04),
]  # fmt: skip


def written(folder: Path, content: str | bytes, name: str = "genres.txt") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(("name", "about"), [("genre", 150), ("mood", 100), ("instrument", 100)])
def test_a_shipped_vocabulary_has_about_as_many_terms_as_documented(name: VocabularyName, about: int) -> None:
    vocabulary = load_vocabulary(name)
    assert vocabulary.name == name
    assert 0.9 * about <= len(vocabulary.labels) <= 1.1 * about


@pytest.mark.parametrize("name", VOCABULARY_NAMES)
def test_no_line_of_a_shipped_vocabulary_is_lost_to_another_spelling(name: VocabularyName) -> None:
    path = Path(load_vocabulary.__code__.co_filename).parent / "vocabularies" / f"{name}s.txt"
    lines = path.read_text(encoding="utf-8").splitlines()
    terms = sorted(line for line in lines if line and not line.startswith("#"))
    assert list(load_vocabulary(name).labels) == terms


def test_a_term_stands_in_its_sentence() -> None:
    assert SMALL.sentences[3] == "This audio is a jazz song."


def test_the_order_of_a_file_does_not_matter(tmp_path: Path) -> None:
    first = load_vocabulary(written(tmp_path, "rock\njazz\n"))
    assert first == load_vocabulary(written(tmp_path, "jazz\nrock\n"))
    assert first.labels == ("jazz", "rock")


def test_comments_empty_lines_and_a_byte_order_mark_are_left_out(tmp_path: Path) -> None:
    path = written(tmp_path, "\ufeffrock\r\n# no genre\r\n\r\n  # nor this\r\n  free \t jazz  ")
    assert load_vocabulary(path).labels == ("free jazz", "rock")


def test_control_and_format_characters_are_stripped(tmp_path: Path) -> None:
    path = written(tmp_path, "ro\x07ck\nja\u200bzz\n\x00\n\u202epop\n")
    assert load_vocabulary(path).labels == ("jazz", "pop", "rock")


def test_of_different_spellings_the_first_is_kept(tmp_path: Path) -> None:
    assert load_vocabulary(written(tmp_path, "Hip-Hop\nhip hop\nHIPHOP\nrock\n")).labels == ("Hip-Hop", "rock")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"rock\n\xff\xfe\n", "UTF-8"),
        ("rock\n", "1 different terms"),
        ("", "0 different terms"),
        ("rock\n" + "x" * (MAX_LABEL_CHARACTERS + 1), "line 2"),
        ("rock\n---\n", "line 2"),
        ("rock\n" * (MAX_FILE_BYTES // 4), "larger than"),
        ("\n".join(f"genre {i}x" for i in range(MAX_LABELS + 1)), "2 to 2000"),
    ],
)
def test_a_bad_file_is_refused_by_its_name(tmp_path: Path, content: str | bytes, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem) as error:
        load_vocabulary(written(tmp_path, content))
    assert "genres.txt" in str(error.value)


def test_as_many_terms_as_allowed_are_read(tmp_path: Path) -> None:
    path = written(tmp_path, "\n".join(f"genre {i}x" for i in range(MAX_LABELS)))
    assert len(load_vocabulary(path).labels) == MAX_LABELS


def test_a_missing_file_a_folder_and_a_pipe_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "moods.txt")
    (tmp_path / "genres.txt").mkdir()
    for name in ("moods.txt", "genres.txt", "instruments.txt"):
        with pytest.raises(ConfigurationError, match=name):
            load_vocabulary(tmp_path / name)


def test_a_file_says_what_it_holds_by_its_name_or_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, "happy\nsad\n", "mine.txt")
    assert load_vocabulary(path, name="mood").name == "mood"
    assert load_vocabulary(written(tmp_path, "happy\nsad\n", "Moods.TXT")).name == "mood"
    with pytest.raises(ConfigurationError, match="say whether"):
        load_vocabulary(path)


def test_braces_in_a_term_are_only_text(tmp_path: Path) -> None:
    path = written(tmp_path, "{0.__class__} pop\nrock {}\n")
    assert load_vocabulary(path).sentences == (
        "This audio is a rock {} song.",
        "This audio is a {0.__class__} pop song.",
    )


@pytest.mark.parametrize(
    ("said", "term"),
    [
        ("Hip-Hop", "hip hop"), ("hiphop", "hip hop"), ("HIP HOP music", "hip hop"), ("rap", "hip hop"),
        ("a jazz song", "jazz"), ("Jázz", "jazz"), ("jazz.", "jazz"), ("R & B", "r&b"), ("RnB", "r&b"),
        ("rhythm and blues", "r&b"), ("hard-rock", "hard rock"), ("ＪＡＺＺ", "jazz"),
    ],
)  # fmt: skip
def test_other_spellings_mean_the_term(said: str, term: str) -> None:
    assert SMALL.matching(said) == {term}


@pytest.mark.parametrize(
    ("said", "term"),
    [
        ("synth-pop", "synthpop"), ("Rock'n'Roll", "rock and roll"), ("drum & bass", "drum and bass"),
        ("children's music", "children's music"), ("DnB", "drum and bass"), ("lofi", "lo-fi"),
    ],
)  # fmt: skip
def test_joined_shortened_and_possessive_spellings_mean_the_term(said: str, term: str) -> None:
    vocabulary = Vocabulary("genre", (term, "zydeco"), "{}")
    assert vocabulary.matching(said) == {term}


@pytest.mark.parametrize(
    ("said", "term"),
    [
        ("guitars", "acoustic guitar"), ("bass guitar", "electric bass"), ("bass", "electric bass"),
        ("brass", "brass section"), ("strings", "string section"), ("drum kit", "drums"), ("synths", "synthesizer"),
    ],
)  # fmt: skip
def test_what_listeners_call_an_instrument_means_the_shipped_term(said: str, term: str) -> None:
    assert term in load_vocabulary("instrument").matching(said)


def test_a_general_word_means_its_kinds_too_but_a_kind_not_the_general_word() -> None:
    assert SMALL.matching("rock") == {"rock", "hard rock"}
    assert SMALL.matching("hard rock") == {"hard rock"}


@pytest.mark.parametrize("said", ["", "music", "polka", "jazzy", "no", "{}", "ock", "I cannot tell"])
def test_what_is_not_in_the_vocabulary_means_nothing(said: str) -> None:
    assert SMALL.matching(said) == frozenset()


@given(st.text(max_size=400))
def test_any_text_means_terms_of_the_vocabulary_or_none(said: str) -> None:
    assert SMALL.matching(said) <= set(SMALL.labels)


def test_agreement_is_the_probability_of_what_was_said() -> None:
    assert agreement(ROWS, ["Hip-Hop", "jazz music"], SMALL) == pytest.approx(0.5)


def test_agreement_counts_the_kinds_of_what_was_said() -> None:
    assert agreement(ROWS, ["rock"], SMALL) == pytest.approx(0.4)


def test_agreement_counts_a_term_once_however_often_it_is_said() -> None:
    assert agreement(ROWS, ["rock", "Rock music", "hard rock"], SMALL) == pytest.approx(0.4)


def test_saying_everything_agrees_wholly() -> None:
    assert agreement(ROWS, SMALL.labels, SMALL) == pytest.approx(1.0)


@pytest.mark.parametrize("said", [[], ["polka"], ["", "???"]])
def test_there_is_no_agreement_on_what_is_not_in_the_vocabulary(said: list[str]) -> None:
    assert agreement(ROWS, said, SMALL) is None


def test_what_is_not_in_the_vocabulary_takes_nothing_from_what_is() -> None:
    assert agreement(ROWS, ["polka", "jazz"], SMALL) == pytest.approx(0.1)


def test_there_is_no_agreement_without_labels_of_clap() -> None:
    others = [row("jazz", 0.9, source="music-flamingo"), row("jazz", 0.9, vocabulary="mood"), row("jazz", None)]
    assert agreement([], ["jazz"], SMALL) is None
    assert agreement(others, ["jazz"], SMALL) is None


def test_a_term_that_was_cut_off_gives_a_lower_bound() -> None:
    assert agreement(ROWS[:2], ["jazz"], SMALL) == 0.0
