"""Replies to a question for genre, mood and instruments at once: each term goes where it belongs, or nowhere."""

from __future__ import annotations

import pytest

from flamingo_bark_assets.captioning.merged import parse_merged
from flamingo_bark_assets.inference.vocabulary import Vocabulary
from flamingo_bark_assets.parts import Question

PROMPT = "what are the genres, instruments, and mood/theme of the music?"
Labels = dict[Question, tuple[str, ...]]


def labels(reply: str, *, truncated: bool = False, genres: Vocabulary | None = None) -> Labels:
    parsed = parse_merged(reply, prompt=PROMPT, truncated=truncated, genres=genres)
    assert all(bool(one.labels) != bool(one.reason) for one in parsed.values())
    return {question: one.labels for question, one in parsed.items()}


def of(genre: str = "", mood: str = "", instruments: str = "") -> Labels:
    parts: dict[Question, str] = {"genre": genre, "mood": mood, "instruments": instruments}
    return {question: tuple(filter(None, said.split(", "))) for question, said in parts.items()}


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (
            "the genres are rock and pop, the instruments are guitar, drums and bass, and the mood is energetic.",
            of("rock, pop", "energetic", "guitar, drums, bass"),
        ),
        (
            "the genre of the music is electronic, the instruments are synthesizer and drum machine, and the "
            "mood/theme is energetic and dark.",
            of("electronic", "energetic, dark", "synthesizer, drum machine"),
        ),
        ("genres: jazz\ninstruments: saxophone\nmood: relaxing", of("jazz", "relaxing", "saxophone")),
        ("rock, pop, electric guitar, drums, energetic", of("rock, pop", "energetic", "electric guitar, drums")),
        ("**Genre:** folk\n- **Instruments:** banjo, fiddle\n- **Mood:** happy", of("folk", "happy", "banjo, fiddle")),
        (f"{PROMPT} rock, calm", of("rock", "calm")),
    ],
)
def test_terms_go_to_the_question_that_they_answer(reply: str, said: Labels) -> None:
    assert labels(reply) == said


def test_under_a_heading_of_its_own_an_unknown_mood_counts() -> None:
    assert labels("genre: rock, mood: road-trip")["mood"] == ("road-trip",)


def test_without_a_heading_what_is_in_no_list_of_terms_is_dropped() -> None:
    assert labels("rock, guitar, advertising, summer, film") == of("rock", "", "guitar")


@pytest.mark.parametrize("term", ["psychedelic", "meditative"])
def test_a_term_that_is_genre_and_mood_answers_neither(term: str) -> None:
    assert labels(f"{term}, guitar") == of("", "", "guitar")
    assert labels(f"the genre is {term}, guitar")["genre"] == (term,)


def test_the_longest_name_counts() -> None:
    assert labels("a drum and bass track with a kick drum") == of("drum and bass", "", "kick drum")


def test_a_quality_of_an_instrument_is_no_mood_of_the_music() -> None:
    assert labels("folk music with a warm bass, soft vocals, a gentle voice and bright synth pads") == of(
        "folk", "", "bass, vocals, synth pad"
    )


def test_what_is_denied_is_not_said() -> None:
    assert labels("a calm rock piece without drums; there are no vocals") == of("rock", "calm")


def test_a_genre_of_the_users_own_is_known() -> None:
    own = Vocabulary("genre", ("bardcore", "rock"), "{}")
    assert labels("bardcore, lute")["genre"] == ()
    assert labels("bardcore, lute", genres=own)["genre"] == ("bardcore",)


@pytest.mark.parametrize("reply", ["I'm sorry, I can't listen to audio.", "", "???", "the the the the the"])
def test_a_reply_that_says_nothing_gives_a_reason_for_each(reply: str) -> None:
    assert labels(reply) == of()


def test_of_a_loop_the_first_occurrence_counts() -> None:
    parsed = parse_merged("rock, guitar, happy, " + "sad, sad, " * 30)
    assert {question: one.labels for question, one in parsed.items()} == of("rock", "happy, sad", "guitar")
    assert all("repetition" in one.flags for one in parsed.values())


def test_the_term_in_which_a_reply_was_cut_off_is_left_out() -> None:
    assert labels("rock, happy, drum", truncated=True) == of("rock", "happy")
    assert labels("the genre is rock, the mood is sad, the instruments are guitar and bass", truncated=True) == of(
        "rock", "sad", "guitar"
    )


@pytest.mark.parametrize("said", [
    "The instrumentation is sparse.", "The track is typical of the genre.", "The instruments are well balanced.",
    "The mood is hard to tell.", "The theme is repeated throughout.", "The mood is created by a deep bass.",
])  # fmt: skip
def test_prose_about_a_question_is_no_list_of_answers(said: str) -> None:
    found = labels(said)
    assert found["genre"] == found["mood"] == ()
    assert set(found["instruments"]) <= {"bass"}


def test_of_a_sentence_about_the_mood_a_term_that_is_a_genre_too_is_the_mood() -> None:
    assert labels("the mood is psychedelic")["mood"] == ("psychedelic",)
    assert labels("the instruments are piano and a violin")["instruments"] == ("piano", "violin")
    assert labels("the genre of this music is deep house")["genre"] == ("deep house",)
