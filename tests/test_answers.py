"""What is read out of a model's replies, whatever they look like."""

from __future__ import annotations

import json
import random
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flamingo_bark_assets.captioning import answers
from flamingo_bark_assets.captioning.answers import parse_labels, parse_text
from flamingo_bark_assets.inference.vocabulary import Vocabulary

CAPTION = "A slow piano ballad with soft strings."
PROMPT = "Describe the music in a sentence."
WORDS = ["piano", "the", "a", "and", "drums", "song", "slow", "with", "is", "no", "very", "vocals", "in", "music"]
PIECES = st.sampled_from(
    ["- ", "1. ", "**", "_", "`", "```json\n", "\n", ", ", ". ", '"', "“", "”", "{", "}", "[", "]", ":", "A: ",
     "Sure, ",
     "Here is a caption: ", "I'm sorry", "\x00", "\u202e", "\ud800", "<|endofchunk|>", "</s>", "#", "* ", "(", ")", " ",
     "drum and bass", "R&B", "genre: ", "the genre is ", "ß", "İ", "日本", "é", "e\u0301", "...", "!", "?", "'", "~~",
     "|",
     *WORDS]
)  # fmt: skip
REPLIES = st.one_of(st.text(max_size=300), st.lists(PIECES, max_size=60).map("".join))


def test_a_plain_caption_is_kept_as_it_is() -> None:
    parsed = parse_text(CAPTION)
    assert (parsed.text, parsed.reason, parsed.flags) == (CAPTION, None, ())


@pytest.mark.parametrize(
    "reply",
    [
        f'"{CAPTION}"',
        f"“{CAPTION}”",
        f"**{CAPTION}**",
        f"- {CAPTION}",
        f"1. {CAPTION}",
        f"## Caption\n{CAPTION}".replace("## Caption\n", "Caption: "),
        f"```\n{CAPTION}\n```",
        f"Sure! Here is a caption of the audio: {CAPTION}",
        f"Assistant: {CAPTION}",
        f"<|im_start|>{CAPTION}<|endofchunk|></s>",
        f"  {CAPTION}\n\n\n",
        json.dumps({"caption": CAPTION, "confidence": 0.4}),
        f"[{json.dumps(CAPTION)}]",
        CAPTION.replace("piano", "*piano*").replace("soft", "__soft__"),
    ],
)
def test_markup_openings_quotes_and_tokens_are_taken_off(reply: str) -> None:
    assert parse_text(reply).text == CAPTION


def test_an_echo_of_the_prompt_is_taken_off_and_flagged() -> None:
    parsed = parse_text(f"{PROMPT.upper()} {CAPTION}", prompt=PROMPT)
    assert (parsed.text, parsed.flags) == (CAPTION, ("echo",))


def test_nothing_but_the_prompt_is_nothing() -> None:
    assert parse_text(PROMPT, prompt=PROMPT).reason == answers.NOTHING_SAID


@pytest.mark.parametrize(
    "reply",
    [
        "I'm sorry, but I cannot listen to audio.",
        "I am sorry, I can't help with that.",
        "Sorry, I did not hear anything.",
        "As an AI language model, I do not have ears.",
        "I cannot determine the genre.",
        "Unfortunately, I am unable to process the file.",
        '"I’m unable to analyse this clip."',
        "Please provide the audio file you want described.",
        "**I apologize**, the audio is missing.",
    ],
)
def test_a_refusal_is_no_answer(reply: str) -> None:
    assert parse_text(reply).reason == answers.REFUSED
    assert parse_labels(reply).reason == answers.REFUSED


def test_a_caption_about_being_sorry_is_no_refusal() -> None:
    caption = "The singer repeats the words I'm sorry over a soft piano."
    assert parse_text(caption).text == caption


@pytest.mark.parametrize("reply", ["", "   \n\t ", "\x00\x01", "\u200b", "</s>", "``` ```"])
def test_an_empty_reply_says_nothing(reply: str) -> None:
    assert parse_text(reply).reason == answers.NOTHING_SAID


@pytest.mark.parametrize("reply", ["12345 67890", "!!! ??? ...", "♪♫♪", "---- ====="])
def test_a_reply_without_words_is_no_answer(reply: str) -> None:
    assert parse_text(reply).reason == answers.NO_WORDS


def test_a_loop_of_sentences_is_cut_to_the_first_of_them() -> None:
    parsed = parse_text(f"{CAPTION} " * 30)
    assert (parsed.text, parsed.flags) == (CAPTION, ("repetition",))


def test_a_loop_inside_a_sentence_leaves_the_sentences_before_it() -> None:
    parsed = parse_text(f"{CAPTION} The drums play" + " and the drums play" * 40)
    assert (parsed.text, parsed.flags) == (CAPTION, ("repetition", "truncated"))


def test_a_loop_in_the_only_sentence_is_cut_to_its_first_round() -> None:
    parsed = parse_text("a song with piano and drums" + " and drums" * 100)
    assert parsed.text == "a song with piano and drums"
    assert "repetition" in parsed.flags


def test_a_word_said_twice_is_no_loop() -> None:
    caption = "A very, very slow song with a bass line that goes boom boom."
    assert parse_text(caption).text == caption


def test_a_truncated_reply_loses_its_unfinished_sentence() -> None:
    parsed = parse_text(f"{CAPTION} The drums are play", truncated=True)
    assert (parsed.text, parsed.flags) == (CAPTION, ("truncated",))


def test_a_truncated_only_sentence_is_cut_at_its_last_clause() -> None:
    parsed = parse_text("A slow ballad with soft piano, warm strings, and a wo", truncated=True)
    assert parsed.text == "A slow ballad with soft piano, warm strings."


def test_a_truncated_reply_without_any_clause_is_no_answer() -> None:
    assert parse_text("The music of this", truncated=True).reason == answers.UNFINISHED


def test_a_sentence_that_ends_in_the_is_unfinished_even_if_nobody_says_so() -> None:
    assert parse_text(f"{CAPTION} It has the").text == CAPTION


def test_a_caption_without_a_full_stop_is_whole() -> None:
    assert parse_text("a slow piano ballad with soft strings").text == "a slow piano ballad with soft strings"


def test_a_decimal_or_an_abbreviation_ends_no_sentence() -> None:
    parsed = parse_text("The tempo is approx. 120.5 BPM. The key is", truncated=True)
    assert parsed.text == "The tempo is approx. 120.5 BPM."


@pytest.mark.parametrize(
    "reply",
    [
        "Dies ist ein ruhiges Lied mit einer akustischen Gitarre und einer Frau, die von der Liebe singt.",
        "Esta es una canción lenta con piano y la voz de una mujer que canta por amor.",
        "这是一首缓慢的钢琴曲，带有柔和的弦乐。",
        "Это медленная фортепианная баллада с мягкими струнными.",
    ],
)
def test_a_text_in_another_language_is_kept_and_flagged(reply: str) -> None:
    parsed = parse_text(reply)
    assert parsed.text == reply
    assert parsed.flags == ("not_english",)


def test_ten_thousand_tokens_of_nonsense_are_no_answer() -> None:
    generator = random.Random(4)
    letters = "abcdefghijklmnopqrstuvwxyz"
    reply = " ".join("".join(generator.choices(letters, k=generator.randint(2, 12))) for _ in range(10_000))
    assert parse_text(reply).reason == answers.NONSENSE
    assert parse_labels(reply).labels == ()


def test_a_very_long_text_is_cut_between_sentences() -> None:
    sentences = " ".join(f"The {n}th part of the song has a new theme in it." for n in range(1000))
    parsed = parse_text(sentences)
    assert parsed.text is not None
    assert len(parsed.text) <= answers.MAX_TEXT_CHARACTERS
    assert parsed.text.endswith("in it.")
    assert "too_long" in parsed.flags


def test_lines_become_sentences() -> None:
    parsed = parse_text("- A slow ballad\n- It has soft strings\n")
    assert parsed.text == "A slow ballad. It has soft strings"


@pytest.mark.parametrize(
    "reply",
    [
        "rock, jazz, blues",
        "Rock, Jazz and Blues.",
        "rock; jazz; blues",
        "rock / jazz / blues",
        "- rock\n- jazz\n- blues",
        "1. Rock\n2. Jazz\n3. Blues",
        "1) rock 2) jazz".replace(" 2)", "\n2)") + "\n3) blues",
        '["rock", "jazz", "blues"]',
        '{"genres": ["Rock", "Jazz", "Blues"]}',
        '```json\n["rock", "jazz", "blues"]\n```',
        "**Rock**, *jazz*, `blues`",
        '"rock", "jazz", "blues"',
        "The genre of this music is rock, with elements of jazz and blues.",
        "Genre: rock, jazz & blues",
        "Genres:\n* rock\n* jazz\n* blues",
        "The genres are rock, jazz, and blues.",
        "rock, ROCK, Rock, jazz, jazz., blues",
        "It is rock music. It features jazz and blues.",
    ],
)
def test_labels_are_read_out_of_lists_of_any_form(reply: str) -> None:
    assert parse_labels(reply).labels == ("rock", "jazz", "blues")


@pytest.mark.parametrize(
    "name", ["drum and bass", "r&b", "rock and roll", "drum & bass", "hip-hop", "lo-fi", "rock 'n' roll"]
)
def test_names_that_hold_a_joining_word_stay_whole(name: str) -> None:
    assert parse_labels(f"{name}, techno").labels == (name, "techno")


def test_what_is_denied_is_no_label() -> None:
    parsed = parse_labels("piano, strings, no drums")
    assert (parsed.labels, parsed.flags) == (("piano", "strings"), ("negation",))


@pytest.mark.parametrize("reply", ["Unknown", "n/a", "None.", "The genre is unclear.", "Genre:", "music"])
def test_a_placeholder_is_no_label(reply: str) -> None:
    assert parse_labels(reply).reason == answers.NO_LABELS


def test_a_whole_sentence_is_no_label() -> None:
    parsed = parse_labels("The mood slowly builds up from a whisper towards something much larger than before.")
    assert parsed.reason == answers.NO_LABELS


def test_the_last_label_of_a_truncated_list_is_left_out() -> None:
    parsed = parse_labels("piano, drums, saxo", truncated=True)
    assert (parsed.labels, parsed.flags) == (("piano", "drums"), ("truncated",))


def test_a_loop_of_labels_gives_each_once() -> None:
    parsed = parse_labels("piano, drums, " * 200)
    assert (parsed.labels, parsed.flags) == (("piano", "drums"), ("repetition",))


def test_labels_are_limited() -> None:
    parsed = parse_labels(", ".join(f"style{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"), limit=3)
    assert (parsed.labels, parsed.flags) == (("stylea", "styleb", "stylec"), ("too_long",))


def test_a_broken_json_list_is_read_as_far_as_it_goes() -> None:
    assert parse_labels('["piano", "drums", "sax').labels == ("piano", "drums", "sax")


def test_deeply_nested_json_is_survived() -> None:
    assert parse_labels("[" * 19_000).labels == ()


@pytest.mark.parametrize(
    "reply",
    ["." * 40_000 + "a", "- " * 20_000, "(" * 40_000, "a " * 20_000, "*_" * 20_000, "is " * 13_000, "drum and " * 4000,
     "1. " * 13_000, "\n" * 40_000, '"' * 40_000, "[](" * 13_000, "no " * 13_000, "here is " * 5000, "x" * 1_000_000],
)  # fmt: skip
def test_hostile_replies_end(reply: str) -> None:
    for parsed in (parse_text(reply), parse_labels(reply), parse_text(reply, truncated=True)):
        assert (parsed.reason is None) == (parsed.text is not None or bool(parsed.labels))


@settings(max_examples=400, deadline=None)
@given(REPLIES, st.booleans(), st.one_of(st.none(), st.just(PROMPT), st.text(max_size=20)))
def test_a_text_is_clean_short_and_settled_whatever_was_said(reply: str, truncated: bool, prompt: str | None) -> None:
    parsed = parse_text(reply, prompt=prompt, truncated=truncated)
    assert (parsed.text is None) == (parsed.reason is not None)
    assert parsed.labels == ()
    if parsed.text is not None:
        assert parsed.text
        assert len(parsed.text) <= len(reply)
        assert not any(unicodedata.category(character).startswith("C") for character in parsed.text)
        assert parse_text(parsed.text, prompt=prompt, truncated=truncated).text == parsed.text


@settings(max_examples=400, deadline=None)
@given(REPLIES, st.booleans())
def test_labels_are_clean_short_and_settled_whatever_was_said(reply: str, truncated: bool) -> None:
    parsed = parse_labels(reply, truncated=truncated)
    assert bool(parsed.labels) == (parsed.reason is None)
    assert parsed.text is None
    assert len(set(parsed.labels)) == len(parsed.labels) <= answers.MAX_LABELS
    assert sum(map(len, parsed.labels)) <= len(reply)
    assert not any(unicodedata.category(c).startswith("C") for label in parsed.labels for c in label)
    if parsed.labels:
        assert parse_labels(", ".join(parsed.labels)).labels == parsed.labels


def test_bytes_that_are_no_text_are_no_label() -> None:
    assert parse_labels("house, \ufffd\ufffd-l\ufffd").labels == ("house",)


GENRE = "What is the genre of this music?"
# In the form of published openings of Music Flamingo.
PROSE = {
    "This track is a relentless Hardstyle piece that joins the distorted kick of classic Hardstyle with the bright "
    "leads of Trance. It sits at 150 BPM and is rooted in E flat minor. The duration of the piece is 30.00 seconds.":
        ("hardstyle", "trance"),
    "This track is a smooth Deep House piece that leans toward a soulful, melodic side, mixing warm pads with a steady "
    "four-on-the-floor beat.": ("deep house",),
    "The track opens with lush ambient pads and soaring synth leads over a rock\u2011solid kick. At 120 BPM it is a "
    "modern pop song blending R&B with soul, in the key of C major; its duration is 30.00 seconds.":
        ("pop", "r&b", "soul"),
    "This piece is a Progressive House track rather than a techno one, lifted by wide supersaws and by a long and "
    "patient build-up to its drop at the end.": ("progressive house",),
    "Soaring leads, warm pads and a tender swing feel fill 30.00 seconds in the key of C major, while the drums, "
    "without any trap hi-hats, keep a steady four-on-the-floor pulse of 120 BPM.": (),
}  # fmt: skip


@pytest.mark.parametrize("reply", PROSE, ids=lambda reply: reply[:40])
def test_of_prose_the_sentence_that_names_the_genre_is_read_and_only_known_genres_are_labels(reply: str) -> None:
    parsed = parse_labels(reply, question="genre")
    assert parsed.labels == PROSE[reply]
    assert parsed.reason == (None if PROSE[reply] else answers.NO_GENRE)
    assert parse_labels(reply, prompt=GENRE) == parsed


@pytest.mark.parametrize(
    ("reply", "labels"),
    [
        ("House, Techno", ("house", "techno")),
        ("Hip-Hop/Rap", ("hip hop",)),
        ("Rock 'n' roll, DnB & lofi", ("rock and roll", "drum and bass", "lo-fi")),
        ("It is jazz, not rock.", ("jazz",)),
        ("A feel-good fusion of Afrobeats and Amapiano, with log drums and a swing rhythm.", ("afrobeats", "amapiano")),
        ("An energetic Trance-Progressive House track, rock-solid and bright.", ("trance", "progressive house")),
        ("soaring", ()),
        ("30.00 seconds", ()),
        ("key of c major", ()),
    ],
)
def test_a_list_of_genres_gives_their_known_names_and_nothing_else(reply: str, labels: tuple[str, ...]) -> None:
    assert parse_labels(reply, question="genre").labels == labels


def test_a_users_own_genres_are_known_too() -> None:
    own = Vocabulary("genre", ("hyperfolk", "zydeco"), "{}")
    assert parse_labels("Hyperfolk with a touch of jazz", question="genre", genres=own).labels == ("hyperfolk", "jazz")


def test_of_prose_moods_and_instruments_are_terms_of_their_vocabulary() -> None:
    reply = (
        "This track sits at 150 BPM, in the key of E flat minor, with piano, drums, soaring layers, a duration of "
        "30.00 seconds, tempo, key, and a long build of tension that does not let go."
    )
    assert parse_labels(reply, question="instruments").labels == ("piano", "drums")


@pytest.mark.parametrize(
    "reply",
    [f"<think>The bass is loud. It may be rock.</think>\n{CAPTION}", f"It may be rock.</think>{CAPTION}"],
)
def test_thinking_is_no_part_of_an_answer(reply: str) -> None:
    assert parse_text(reply).text == CAPTION


def test_a_thought_that_was_cut_off_is_no_answer() -> None:
    assert parse_text("<think>The bass is loud. It may be", truncated=True).reason == answers.NOTHING_SAID


def test_no_break_spaces_and_hyphens_become_plain_ones() -> None:
    said = "A four\u2011on\u2011the\u2010floor beat at 120\u202fBPM and\u00a0bass."
    assert parse_text(said).text == "A four-on-the-floor beat at 120 BPM and bass."
