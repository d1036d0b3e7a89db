"""song.toml: what may stand in it, and what the user is told when something else does."""

from __future__ import annotations

import copy
import dataclasses
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from flamingo_bark_assets.errors import LibraryError
from flamingo_bark_assets.library.judgements import Corrections, Review, SectionCorrection
from flamingo_bark_assets.library.song_toml import (
    Edits,
    PartEdits,
    SongInfo,
    describe_problem,
    read_song_info,
    write_song_info,
)
from flamingo_bark_assets.parts import PARTS

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
LINE = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=60)
LYRICS = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\n\r\t\"\\'"), max_size=80)
PART_EDITS = st.builds(
    PartEdits,
    caption=st.none() | LINE,
    description=st.none() | LINE,
    genre=st.none() | LINE,
    mood=st.none() | LINE,
    instruments=st.none() | LINE,
)
PROMPT_NAMES = st.sampled_from(["full_track", "stem:drums", "multi_instrument:drums+bass"]) | LINE.filter(str.strip)
EDITS = st.builds(
    Edits,
    **dict.fromkeys(PARTS, PART_EDITS),
    prompts=st.dictionaries(PROMPT_NAMES, LINE, max_size=3),
)
REVIEWS = st.builds(
    Review,
    state=st.none() | st.sampled_from(["accepted", "excluded"]),
    by=st.none() | LINE,
    at=st.none()
    | st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.just(UTC)).map(datetime.isoformat),
    reason=st.none() | LINE,
)
SECTIONS = st.lists(st.floats(0, 86_400), unique=True, max_size=5).flatmap(
    lambda starts: st.tuples(
        *(
            st.builds(SectionCorrection, start_s=st.just(s), label=st.sampled_from(["intro", 'a "b"']))
            for s in sorted(starts)
        )
    )
)
CORRECTIONS = st.builds(
    Corrections,
    tempo_bpm=st.none() | st.floats(20, 400),
    key=st.none() | st.sampled_from(["C major", "Bb minor", "F# minor"]),
    metre=st.none() | st.sampled_from(["2/4", "3/4", "4/4", "6/8"]),
    first_downbeat_s=st.none() | st.floats(0, 86_400),
    sections=SECTIONS,
    claims=st.dictionaries(LINE.filter(str.strip), st.sampled_from(["keep", "drop"]), max_size=3),
)
INFOS = st.builds(
    SongInfo,
    title=st.none() | LINE,
    artist=st.none() | LINE,
    licence=st.none() | LINE,
    attribution=st.none() | LINE,
    lyrics=st.none() | LYRICS,
    genres=st.lists(LINE.filter(str.strip), max_size=4).map(tuple),
    edits=st.just(Edits()) | EDITS,
    repeats=st.integers(1, 100),
    locked=st.lists(st.sampled_from(["title", "edits.mix", 'edits.prompts."stem:drums"', "review"])).map(tuple),
    review=REVIEWS,
    corrections=CORRECTIONS,
)


def song_toml(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "my-song" / "song.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def problem(path: Path) -> str:
    with pytest.raises(LibraryError) as caught:
        read_song_info(path)
    message = str(caught.value)
    assert "my-song" in message
    assert "song.toml" in message
    assert "\n" not in message
    return message


def read(path: Path) -> SongInfo:
    """What a file says that holds nothing wrong."""
    found = read_song_info(path)
    assert found.warnings == ()
    return found.info


def warning(path: Path) -> str:
    """The one warning about a file, which can be used all the same."""
    (message,) = read_song_info(path).warnings
    assert message.startswith("song 'my-song': song.toml: ")
    assert "\n" not in message
    return message


def test_every_field_is_read(tmp_path: Path) -> None:
    path = song_toml(
        tmp_path,
        'title = "Ænima"\nartist = "A"\nlicence = "CC-BY-4.0"\nattribution = "by A"\n'
        'lyrics = """\nla\nla"""\ngenres = ["rock", "blues"]\n',
    )
    assert read(path) == SongInfo(
        title="Ænima",
        artist="A",
        licence="CC-BY-4.0",
        attribution="by A",
        lyrics="la\nla",
        genres=("rock", "blues"),
    )


def test_a_missing_file_says_nothing(tmp_path: Path) -> None:
    assert read(tmp_path / "my-song" / "song.toml") == SongInfo()


def test_an_empty_file_and_empty_texts_say_nothing(tmp_path: Path) -> None:
    assert read(song_toml(tmp_path, "")) == SongInfo()
    assert read(song_toml(tmp_path, 'title = " "\nlyrics = ""')) == SongInfo()


def test_a_byte_order_mark_and_windows_line_ends_are_accepted(tmp_path: Path) -> None:
    path = song_toml(tmp_path, b'\xef\xbb\xbftitle = "x"\r\nartist = "y"\r\n')
    assert read(path) == SongInfo(title="x", artist="y")


def test_bad_toml_names_line_and_column(tmp_path: Path) -> None:
    assert "line 2, column 9" in problem(song_toml(tmp_path, 'title = "x"\nartist =\n'))


def test_toml_that_breaks_off_names_the_place_where_it_ends(tmp_path: Path) -> None:
    assert "line 2, column 10" in problem(song_toml(tmp_path, 'title = "x"\nartist = '))


def test_an_unknown_key_like_no_other_is_named_with_the_allowed_ones(tmp_path: Path) -> None:
    message = warning(song_toml(tmp_path, 'wave = "x"'))
    assert "unknown key 'wave'" in message
    keys = "title, artist, licence, attribution, lyrics, language, genres, sidecars, custom_tag, custom_tag_position"
    assert f"{keys}, edits" in message


@pytest.mark.parametrize(
    ("content", "unknown", "meant"),
    [
        ('titel = "x"', "titel", "title"),
        ('Title = "x"', "Title", "title"),
        ('license = "x"', "license", "licence"),
        ('genre = "x"', "genre", "genres"),
        ('[edit.mix]\ncaption = "x"', "edit", "edits"),
        ('[edits.drum]\ncaption = "x"', "edits.drum", "drums"),
        ('[edits.mix]\ncaptoin = "x"', "edits.mix.captoin", "caption"),
        ('[edits.prompt]\nfull_track = "x"', "edits.prompt", "prompts"),
        ('caption = "x"', "caption", "edits.mix.caption"),
        ('[edits.mix]\ntitle = "x"', "edits.mix.title", "title' before the first [table]"),
    ],
)
def test_an_unknown_key_is_named_with_the_one_that_was_meant(
    tmp_path: Path, content: str, unknown: str, meant: str
) -> None:
    message = warning(song_toml(tmp_path, content))
    assert f"unknown key '{unknown}'; did you mean '{meant}" in message
    assert message.endswith("? It is left out")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("title = 5", ["title", "string"]),
        ('genres = "rock"', ["genres", "list of texts"]),
        ('genres = ["rock", 7]', ["genres", "entry 2", "string"]),
        ('genres = [""]', ["genres", "entry 1"]),
        (f'title = "{"x" * 501}"', ["title", "500"]),
        ('genres = ["x"' + ', "x"' * 20 + "]", ["genres", "20"]),
        ("title = 2024-01-01", ["title", "string"]),
        ("[title]\nx = 1", ["title", "string"]),
        ('edits = "x"', ["edits:", "table", "[edits]"]),
        ('edits.mix = "x"', ["edits.mix:", "table", "[edits.mix]"]),
        ("edits.prompts = []", ["edits.prompts:", "table", "[edits.prompts]"]),
        (
            '[edits.theremin]\ncaption = "x"',
            ["'edits.theremin'", ", ".join((*PARTS, "prompts"))],
        ),
        (
            '[edits.mix]\nzzz = "x"',
            ["'edits.mix.zzz'", "caption, description, genre, mood, instruments"],
        ),
        ("[edits.mix]\nmood = 5", ["edits.mix.mood", "string"]),
        (f'[edits.bass]\ncaption = "{"x" * 501}"', ["edits.bass.caption", "500"]),
        (f'[edits.bass]\ndescription = "{"x" * 2001}"', ["edits.bass.description", "2000"]),
        (f'[edits.prompts]\n"stem:drums" = "{"x" * 2001}"', ['edits.prompts."stem:drums"', "2000"]),
        (f'[edits.prompts]\n{"x" * 101} = "a"', ["edits.prompts", "the key", "100"]),
        ("[edits.prompts]\n" + "".join(f'p{n} = "a"\n' for n in range(51)), ["edits.prompts", "50"]),
        ('[edits.prompts]\n"a\\u001bb" = "x"', ['edits.prompts."a\\u001bb", the key', "U+001B"]),
    ],
)
def test_a_bad_value_is_named_by_key_and_problem(tmp_path: Path, content: str, words: list[str]) -> None:
    message = warning(song_toml(tmp_path, content))
    for word in words:
        assert word in message


@pytest.mark.parametrize("key", ["title", "artist", "licence", "attribution"])
@pytest.mark.parametrize(
    ("written", "code"), [("a\\nb", "U+000A"), ("a\\u001b[31mb", "U+001B"), ("a\\u2028b", "U+2028")]
)
def test_control_characters_are_refused_in_a_single_line(tmp_path: Path, key: str, written: str, code: str) -> None:
    message = warning(song_toml(tmp_path, f'{key} = "{written}"'))
    assert key in message
    assert code in message


def test_control_characters_are_refused_in_a_genre(tmp_path: Path) -> None:
    assert "U+0007" in warning(song_toml(tmp_path, 'genres = ["a\\u0007b"]'))


@pytest.mark.parametrize("key", ["caption", "description", "genre", "mood", "instruments"])
@pytest.mark.parametrize(
    ("written", "code"), [("a\\nb", "U+000A"), ("a\\u001b[31mb", "U+001B"), ("a\\u2028b", "U+2028")]
)
def test_control_characters_are_refused_in_an_edit(tmp_path: Path, key: str, written: str, code: str) -> None:
    message = warning(song_toml(tmp_path, f'[edits.drums]\n{key} = "{written}"'))
    assert f"edits.drums.{key}" in message
    assert code in message


def test_control_characters_are_refused_in_an_edited_prompt(tmp_path: Path) -> None:
    assert "U+000A" in warning(song_toml(tmp_path, '[edits.prompts]\nfull_track = "a\\nb"'))


def test_a_hostile_name_of_a_prompt_stays_on_one_line(tmp_path: Path) -> None:
    found = read_song_info(song_toml(tmp_path, '[edits.prompts]\n"a\\n\\u001b[31m" = 5'))
    assert found.info == SongInfo()
    for message in found.warnings:
        assert message.isprintable()


RIGHT: dict[str, Any] = {
    "title": "T",
    "artist": "A",
    "licence": "CC0-1.0",
    "attribution": "by A",
    "lyrics": "la\nla",
    "genres": ("rock", "blues"),
    "edits": {
        "mix": {"caption": "c", "description": "d", "genre": "g", "mood": "m", "instruments": "i"},
        "bass": {"caption": "b"},
        "prompts": {"full_track": "p", "stem:bass": "q"},
    },
}
PLACES: list[tuple[str, ...]] = [("title",), ("artist",), ("licence",), ("attribution",), ("lyrics",), ("genres",)]
PLACES += [("edits", "mix", key) for key in ("caption", "description", "genre", "mood", "instruments")]
PLACES += [("edits", "bass", "caption"), ("edits", "prompts", "full_track"), ("edits", "prompts", "stem:bass")]
TOO_LONG = json.dumps("x" * 50_001)
WRONG_VALUES = ["5", "nan", "true", "2024-01-01", "[[1]]", "{ x = 1 }", r'"a\u0000b"', TOO_LONG]


def as_toml(values: Any) -> str:
    """Any parsed TOML as an inline value; a `Raw` is put in as it is."""
    if isinstance(values, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {as_toml(value)}" for key, value in values.items()) + "}"
    if isinstance(values, tuple):
        return "[" + ", ".join(map(as_toml, values)) + "]"
    return values.text if isinstance(values, Raw) else json.dumps(values)


@dataclasses.dataclass(frozen=True)
class Raw:
    text: str


def with_value(place: tuple[str, ...], value: Any, *, instead: bool = True) -> tuple[dict[str, Any], dict[str, Any]]:
    """The right file with `value` at a place, and the same with nothing there."""
    wrong, without = copy.deepcopy(RIGHT), copy.deepcopy(RIGHT)
    for tree in (wrong, without):
        table: dict[str, Any] = tree
        for key in place[:-1]:
            table = table[key]
        if instead:
            del table[place[-1]]
        if tree is wrong:
            table[place[-1]] = value
    return wrong, without


def content_of(values: dict[str, Any]) -> str:
    return "".join(f"{json.dumps(key)} = {as_toml(value)}\n" for key, value in values.items())


@pytest.mark.parametrize("value", WRONG_VALUES, ids=lambda value: value[:12])
@pytest.mark.parametrize("place", PLACES, ids=".".join)
def test_a_wrong_value_costs_only_its_own_key(tmp_path: Path, place: tuple[str, ...], value: str) -> None:
    wrong, without = with_value(place, Raw(value))
    found = read_song_info(song_toml(tmp_path, content_of(wrong)))
    assert found.info == SongInfo.model_validate(without)
    assert place[-1] in found.warnings[0]


@pytest.mark.parametrize("table", [(), ("edits",), ("edits", "mix")], ids=".".join)
@pytest.mark.parametrize("key", ["titel", "captoin", "x", "a b", "ü", "", "x" * 10_000])
def test_an_unknown_key_costs_nothing_else(tmp_path: Path, table: tuple[str, ...], key: str) -> None:
    wrong, without = with_value((*table, key), "x", instead=False)
    found = read_song_info(song_toml(tmp_path, content_of(wrong)))
    assert found.info == SongInfo.model_validate(without)
    assert len(found.warnings[0]) < 300


@settings(max_examples=100, deadline=None)
@given(
    errors=st.dictionaries(st.sampled_from(PLACES), st.sampled_from(WRONG_VALUES), max_size=6),
    unknown=st.sets(st.text("abcxyz", min_size=1, max_size=5), max_size=4),
)
def test_any_number_of_errors_costs_only_what_is_wrong(
    tmp_path_factory: pytest.TempPathFactory, errors: dict[tuple[str, ...], str], unknown: set[str]
) -> None:
    wrong, right = copy.deepcopy(RIGHT), copy.deepcopy(RIGHT)
    for place, value in errors.items():
        for tree in (wrong, right):
            table: dict[str, Any] = tree
            for key in place[:-1]:
                table = table[key]
            del table[place[-1]]
            if tree is wrong:
                table[place[-1]] = Raw(value)
    found = read_song_info(
        song_toml(tmp_path_factory.mktemp("song"), content_of({**wrong, **dict.fromkeys(unknown, 1)}))
    )
    assert found.info == SongInfo.model_validate(right)
    assert len(found.warnings) == len(errors) + len(unknown)


def test_a_wrong_genre_costs_only_itself(tmp_path: Path) -> None:
    found = read_song_info(song_toml(tmp_path, 'genres = ["dub", 5, "a\\u0007b", "house", ""]'))
    assert found.info.genres == ("dub", "house")
    assert [message.split("genres, ")[1][:7] for message in found.warnings] == ["entry 2", "entry 3", "entry 5"]


def test_of_too_many_entries_the_first_are_used(tmp_path: Path) -> None:
    path = song_toml(tmp_path, f"genres = {[f'g{n}' for n in range(25)]}")
    assert read_song_info(path).info.genres == tuple(f"g{n}" for n in range(20))
    assert "the first 20 are used" in warning(path)


def test_endless_errors_are_counted_and_not_all_told(tmp_path: Path) -> None:
    found = read_song_info(song_toml(tmp_path, "".join(f"x{n} = 1\n" for n in range(1000)) + 'title = "T"'))
    assert found.info == SongInfo(title="T")
    assert len(found.warnings) == 21
    assert found.warnings[-1] == "song 'my-song': song.toml: 980 more keys are left out"


def test_hand_edits_are_read(tmp_path: Path) -> None:
    path = song_toml(
        tmp_path,
        'title = "x"\n[edits.mix]\ncaption = "A waltz."\ngenre = "folk"\n[edits.drums]\ndescription = "Brushes."\n'
        'mood = "calm"\ninstruments = "snare drum"\n[edits.prompts]\nfull_track = "A slow waltz"\n'
        '"multi_instrument:drums+bass" = "Drums and bass"\n',
    )
    assert read(path).edits == Edits.model_validate(
        {
            "mix": {"caption": "A waltz.", "genre": "folk"},
            "drums": {"description": "Brushes.", "mood": "calm", "instruments": "snare drum"},
            "prompts": {"full_track": "A slow waltz", "multi_instrument:drums+bass": "Drums and bass"},
        }
    )


def test_empty_edits_are_no_edits(tmp_path: Path) -> None:
    path = song_toml(tmp_path, '[edits.mix]\ncaption = ""\nmood = " "\n[edits.prompts]\nfull_track = " "\n')
    assert read(path) == SongInfo()


def test_edits_are_written_as_tables_that_a_person_can_edit(tmp_path: Path) -> None:
    edits = Edits.model_validate({"mix": {"mood": "calm"}, "prompts": {"full_track": "a", "stem:bass": "b"}})
    info = SongInfo(title="x", edits=edits)
    write_song_info(tmp_path / "song.toml", info)
    assert (tmp_path / "song.toml").read_text() == (
        'title = "x"\n\n[edits.mix]\nmood = "calm"\n\n[edits.prompts]\nfull_track = "a"\n"stem:bass" = "b"\n'
    )


SECTION = '{{start_s = {}, label = "x"}}'
JUDGED = """
repeats = 2
locked = ["edits.mix.caption", 'edits.prompts."stem:drums"']
[review]
state = "excluded"
by = "maria"
at = 2026-11-30T01:00:00+01:00
reason = "duet"
[corrections]
tempo_bpm = 174
key = "Gb minor"
metre = "3/4"
first_downbeat_s = 0.31
sections = [{start_s = 0, label = "intro"}, {start_s = 10.5, label = "verse"}]
[corrections.claims]
"mix/caption/tempo/128" = "drop"
"""


def test_review_repeats_locks_and_corrections_are_read(tmp_path: Path) -> None:
    info = read(song_toml(tmp_path, JUDGED))
    assert (info.repeats, info.locked) == (2, ("edits.mix.caption", 'edits.prompts."stem:drums"'))
    assert info.review == Review(state="excluded", by="maria", at="2026-11-30T00:00:00Z", reason="duet")
    assert info.corrections == Corrections(
        tempo_bpm=174.0,
        key="F# minor",  # as the analysis spells it
        metre="3/4",
        first_downbeat_s=0.31,
        sections=(SectionCorrection(start_s=0.0, label="intro"), SectionCorrection(start_s=10.5, label="verse")),
        claims={"mix/caption/tempo/128": "drop"},
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("repeats = 0", ("repeats", "1")),
        ("repeats = 101", ("repeats", "100")),
        ("repeats = 1.5", ("repeats",)),
        ('locked = ["titel"]', ("locked, entry 1", "no place")),
        ('locked = ["edits.mix.caption.x"]', ("locked, entry 1", "no place")),
        ('locked = ["a b"]', ("locked, entry 1", "joined by dots")),
        ('locked = ["\\"\\\\x\\""]', ("locked, entry 1", "joined by dots")),
        ('review.state = "maybe"', ("review.state", "accepted", "excluded")),
        ('review.at = "2026-11-30"', ("review.at", "2026-11-30T01:00:00Z")),
        ('review.at = "9999-12-31T23:59:59-23:00"', ("review.at",)),
        ('review.by = "a\\u001b[2Jb"', ("review.by", "U+001B")),
        ('review.reason = "a\\nb"', ("review.reason", "U+000A")),
        ("corrections.tempo_bpm = 0", ("corrections.tempo_bpm", "20")),
        ("corrections.tempo_bpm = 401", ("corrections.tempo_bpm", "400")),
        ("corrections.tempo_bpm = nan", ("corrections.tempo_bpm", "finite")),
        ('corrections.key = "H major"', ("corrections.key", "F# minor")),
        ('corrections.metre = "5/3"', ("corrections.metre", "6/8")),
        ("corrections.first_downbeat_s = -1", ("corrections.first_downbeat_s", "0")),
        ("corrections.first_downbeat_s = inf", ("corrections.first_downbeat_s", "finite")),
        ('corrections.sections = [{start_s = 1, label = "a"}, {start_s = 1, label = "b"}]', ("sections", "section 2")),
        ('corrections.sections = [{start_s = 0, label = "a"}, {start_s = 1}]', ("sections", "entry 2", "whole list")),
        ('corrections.sections = [{start_s = 0, label = "a\\nb"}]', ("sections", "U+000A")),
        ('corrections.sections = [{start_s = 0, label = ""}]', ("sections", "label")),
        ("corrections.sections = [3]", ("sections, entry 1", "table")),
        ("corrections.sections = 3", ("sections", "list of tables")),
        (
            f"corrections.sections = [{', '.join(map(SECTION.format, range(201)))}]",
            ("201", "200"),
        ),
        ('corrections.claims = {"mix/caption/tempo/128" = "no"}', ("corrections.claims", "keep", "drop")),
        ('corrections.claims = {"a\\u001bb" = "keep"}', ("corrections.claims", "U+001B")),
    ],
)
def test_what_is_decided_wrongly_costs_only_its_key(tmp_path: Path, line: str, words: tuple[str, ...]) -> None:
    path = song_toml(tmp_path, f'title = "x"\n{line}\n')
    message = warning(path)
    for word in words:
        assert word in message
    assert read_song_info(path).info == SongInfo(title="x")


def test_lyrics_may_have_lines_but_no_terminal_controls(tmp_path: Path) -> None:
    assert read(song_toml(tmp_path, 'lyrics = "a\\n\\tb"')).lyrics == "a\n\tb"
    assert "U+0000" in warning(song_toml(tmp_path, 'lyrics = "a\\u0000b"'))


def test_a_file_that_is_not_utf8_is_refused_with_its_line(tmp_path: Path) -> None:
    message = problem(song_toml(tmp_path, b'artist = "x"\ntitle = "caf\xe9"'))
    assert "not UTF-8" in message
    assert "line 2" in message


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    assert "larger than" in problem(song_toml(tmp_path, b"#" * (1024 * 1024 + 1)))


@pytest.mark.parametrize(
    "content",
    [
        "a = " + "[" * 100_000,
        "a = " + "{b=" * 50_000,
        ".".join(["a"] * 500_000) + " = 1",
        " . ".join(['"\\""', "'b'"] * 60_000) + " = 1",
        "[" + ".".join(["a"] * 500_000) + "]",
        "x = {" + ".".join(["a"] * 500_000) + " = 1}",
        'title = "' + '\\"' * 500_000,
        'x = ["""a"""", {' + ".".join(["a"] * 500_000) + " = 1}]",
        "title = " + "1" * 10_000,
        "title = \x00",
        "a = 1\na = 2",
    ],
    ids=[
        "nested lists",
        "nested tables",
        "dotted key",
        "quoted key",
        "table",
        "inline table",
        "open string",
        "string that ends with a quote",
        "long number",
        "NUL",
        "double key",
    ],
)
def test_hostile_toml_is_refused(tmp_path: Path, content: str) -> None:
    problem(song_toml(tmp_path, content))


def test_dots_in_texts_are_no_dotted_keys(tmp_path: Path) -> None:
    dots = "a.b." * 5000
    path = song_toml(tmp_path, f'# {dots}\nlyrics = """\n{dots}\n\\"{dots}"""\nartist = \'{dots[:400]}\'\n')
    assert read(path) == SongInfo(lyrics=f'{dots}\n"{dots}', artist=dots[:400])


def test_a_link_that_leaves_the_folder_is_refused_unread(tmp_path: Path) -> None:
    secret = tmp_path / "secret.toml"
    secret.write_text('title = "secret"')
    (tmp_path / "my-song").mkdir()
    link = tmp_path / "my-song" / "song.toml"
    link.symlink_to(secret)
    message = problem(link)
    assert "symbolic link" in message
    assert "secret" not in message


def test_a_link_to_a_file_of_the_same_folder_is_read(tmp_path: Path) -> None:
    path = song_toml(tmp_path, 'title = "x"')
    path.rename(path.with_name("info.toml"))
    path.symlink_to("info.toml")
    assert read(path).title == "x"


def test_links_that_lead_nowhere_are_refused(tmp_path: Path) -> None:
    (tmp_path / "my-song").mkdir()
    path = tmp_path / "my-song" / "song.toml"
    path.symlink_to("none")
    assert "leads nowhere" in problem(path)
    path.unlink()
    path.symlink_to("song.toml")
    assert "leads nowhere" in problem(path)


def test_a_folder_or_pipe_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "my-song" / "song.toml"
    path.mkdir(parents=True)
    assert "not a regular file" in problem(path)
    path.rmdir()
    os.mkfifo(path)
    assert "not a regular file" in problem(path)


def test_a_hostile_folder_name_stays_on_one_line(tmp_path: Path) -> None:
    path = tmp_path / "evil\nname" / "song.toml"
    path.parent.mkdir()
    path.write_text("x")
    with pytest.raises(LibraryError) as caught:
        read_song_info(path)
    assert "\n" not in str(caught.value)


@settings(max_examples=150, deadline=None)
@given(info=INFOS)
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, info: SongInfo) -> None:
    path = tmp_path_factory.mktemp("song") / "song.toml"
    write_song_info(path, info)
    assert read(path) == info


@settings(max_examples=150, deadline=None)
@given(text=ANY_TEXT)
def test_any_text_is_either_refused_or_read_again(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    try:
        info = SongInfo(title=text, lyrics=text)
    except ValidationError:
        return
    path = tmp_path_factory.mktemp("song") / "song.toml"
    write_song_info(path, info)
    assert read(path) == info


@pytest.mark.parametrize(
    "lyrics", ['"""', 'a\n"""\nb', "\\", "a\\\nb\\n", "x\r\ny", "😀\n音", "a\n\\u0041", "'''", "# no comment"]
)
def test_lyrics_that_look_like_toml_are_read_again(tmp_path: Path, lyrics: str) -> None:
    write_song_info(tmp_path / "song.toml", SongInfo(lyrics=lyrics))
    assert read(tmp_path / "song.toml").lyrics == lyrics


def test_only_fields_that_are_set_are_written(tmp_path: Path) -> None:
    write_song_info(tmp_path / "song.toml", SongInfo(title='Say "Hi"'))
    assert (tmp_path / "song.toml").read_text() == 'title = "Say \\"Hi\\""\n'


def test_lines_of_lyrics_stay_lines_that_a_person_can_edit(tmp_path: Path) -> None:
    write_song_info(tmp_path / "song.toml", SongInfo(lyrics="one\ntwo"))
    assert (tmp_path / "song.toml").read_text() == 'lyrics = """\none\ntwo"""\n'


def test_text_that_is_not_unicode_is_refused() -> None:
    with pytest.raises(ValidationError):
        SongInfo(title="\ud800")


def test_a_wrong_field_given_in_python_is_described_in_one_line() -> None:
    with pytest.raises(ValidationError) as caught:
        SongInfo(title="a\nb")
    assert describe_problem(caught.value) == "title: holds the control character U+000A"
