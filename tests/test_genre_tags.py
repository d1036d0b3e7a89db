"""Genres, titles and artists out of tags as taggers of the world write them: numbers, junk, old code pages."""

from __future__ import annotations

import functools
import io
import tempfile
import zlib
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flamingo_bark_assets.audio.code_pages import MIN_CONFIDENCE, Repair, repair_texts
from flamingo_bark_assets.audio.id3 import id3_genre
from flamingo_bark_assets.audio.id3_sizes import id3v2_bytes
from flamingo_bark_assets.audio.song_metadata import describe_metadata
from flamingo_bark_assets.audio.tags import Tags, read_tags
from flamingo_bark_assets.genre_names.reading import id3v1_genres, read_genre_field, why_no_genre
from flamingo_bark_assets.library.layout import SongFiles
from flamingo_bark_assets.library.song_toml import SongInfo
from flamingo_bark_assets.text import clean_genres
from tests import id3_tags
from tests.signals import music, write_audio, write_wav, write_with_av
from tests.watchdog import ends

MEGABYTE = 1 << 20
VERSIONS = pytest.mark.parametrize("version", [2, 3, 4])
GENRES_WITH_DIGITS = ("80s", "2-Step", "8-bit chiptune", "90s Dance", "4 Beat")


@functools.cache
def _sound(ending: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a.{ending}"
        if ending == "mp3":
            write_with_av(path, music(0.3), codec="libmp3lame", container="mp3")
        else:
            write_audio(path, music(0.3))
        return _without_tag(path.read_bytes())


def _without_tag(data: bytes) -> bytes:
    """Leave out the tag that the encoder writes first: FFmpeg reads those at the end only where there is none."""
    return data[id3v2_bytes(data) :]


def _tags(tmp_path: Path, data: bytes, ending: str = "mp3") -> Tags:
    path = tmp_path / f"a.{ending}"
    path.write_bytes(data)
    return read_tags(path)


def _mp3(tmp_path: Path, *frames: bytes, version: int = 3, **how: bool | int) -> Tags:
    return _tags(tmp_path, id3_tags.tag(version, frames, **how) + _sound("mp3"))  # type: ignore[arg-type]


# Where the genre stands


@VERSIONS
@pytest.mark.parametrize("encoding", [0, 1, 3])
def test_a_genre_that_begins_with_digits_is_itself_in_every_version(
    tmp_path: Path, version: int, encoding: int
) -> None:
    for genre in GENRES_WITH_DIGITS:
        frame = id3_tags.text_frame(version, "genre", genre, encoding)
        assert _mp3(tmp_path, frame, version=version) == Tags(genres=(genre,))


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("genre", GENRES_WITH_DIGITS[:3])
def test_an_extended_header_hides_no_genre(tmp_path: Path, version: int, genre: str) -> None:
    frame = id3_tags.text_frame(version, "genre", genre)
    assert _mp3(tmp_path, frame, version=version, extended=True, padding=64).genres == (genre,)


@VERSIONS
@pytest.mark.parametrize("size", [1_200_000, 9 * MEGABYTE, 20 * MEGABYTE])
def test_a_large_cover_hides_no_genre(tmp_path: Path, version: int, size: int) -> None:
    if version == 2:
        size = min(size, (1 << 24) - 64)  # Three bytes of size.
    frames = (id3_tags.picture(version, size), id3_tags.text_frame(version, "genre", "2-Step"))
    assert _mp3(tmp_path, *frames, version=version).genres == ("2-Step",)


@pytest.mark.parametrize("version", [2, 3])
def test_an_unsynchronised_tag_hides_no_genre(tmp_path: Path, version: int) -> None:
    frames = (
        id3_tags.frame(version, "picture", b"\0JPG\x03\0" + b"\xff\xe0\xff\0" * 400),
        id3_tags.text_frame(version, "genre", "80s", 1),
    )
    assert _mp3(tmp_path, *frames, version=version, unsynchronised=True).genres == ("80s",)


def test_a_compressed_frame_is_read(tmp_path: Path) -> None:
    body = b"\x0080s"
    frame = id3_tags.frame(3, "genre", len(body).to_bytes(4, "big") + zlib.compress(body), flags=b"\0\x80")
    assert _mp3(tmp_path, frame).genres == ("80s",)


def test_sizes_as_itunes_wrote_them_are_read(tmp_path: Path) -> None:
    title = id3_tags.text_frame(4, "title", "x" * 300, plain_size=True)
    assert _mp3(tmp_path, title, id3_tags.text_frame(4, "genre", "80s"), version=4).genres == ("80s",)


@pytest.mark.parametrize(("ending", "put"), [("wav", id3_tags.in_wav), ("aiff", id3_tags.in_aiff)])
def test_a_tag_in_a_chunk_is_read(tmp_path: Path, ending: str, put: object) -> None:
    assert callable(put)
    data = put(_sound(ending), id3_tags.tag(3, [id3_tags.text_frame(3, "genre", "80s")]))
    assert _tags(tmp_path, data, ending).genres == ("80s",)


def test_ape_riff_and_id3v1_give_their_genres(tmp_path: Path) -> None:
    mp3 = _sound("mp3")
    wavpack = write_with_av(tmp_path / "b.wv", music(0.3), codec="wavpack", container="wv").read_bytes()
    tag = id3_tags.ape({"Title": b"T", "Genre": b"80s"})
    assert _tags(tmp_path, wavpack[: wavpack.find(b"APETAGEX")] + tag, "wv") == Tags("T", None, ("80s",))
    assert _tags(tmp_path, mp3 + id3_tags.id3v1(b"T", b"A", 17)).genres == ("Rock",)
    wav = id3_tags.riff_info(_sound("wav"), {b"INAM": b"T", b"IART": b"A", b"IGNR": b"2-Step"})
    assert _tags(tmp_path, wav, "wav") == Tags("T", "A", ("2-Step",))


def test_a_genre_is_found_in_a_file_of_any_bytes_or_not_at_all() -> None:
    tag = id3_tags.tag(4, [id3_tags.picture(4, 300), id3_tags.text_frame(4, "genre", "80s")])
    for cut in range(len(tag)):
        assert id3_genre(io.BytesIO(tag[:cut])) in {None, "", "8", "80", "80s"}
    for at in range(len(tag)):
        for byte in (0, 0x7F, 0xFF):
            id3_genre(io.BytesIO(tag[:at] + bytes([byte]) + tag[at + 1 :]))


# Numbers


def test_the_table_of_id3v1_is_ffmpegs() -> None:
    names = []
    for number in range(len(id3v1_genres())):
        data = id3_tags.tag(3, [id3_tags.text_frame(3, "genre", f"({number})")]) + _sound("mp3")
        with av.open(io.BytesIO(data)) as container:
            names.append(container.metadata["genre"])
    differing = {n: name for n, name in enumerate(names) if name != id3v1_genres()[n]}
    assert list(differing) == [133]
    assert len(names) == 192


@pytest.mark.parametrize(
    ("field", "genres"),
    [
        ("17", ("Rock",)), ("(17)", ("Rock",)), ("(17)(18)", ("Rock", "Techno")), ("(17)Rock", ("Rock",)),
        ("(4)Eurodisco", ("Disco", "Eurodisco")), ("RX", ("Remix",)), ("CR", ("Cover",)),
        ("(RX)(CR)", ("Remix", "Cover")),
        ("((I think)", ("(I think)",)), ("17;Jazz", ("Rock", "Jazz")), ("17\x008\x00Mine", ("Rock", "Jazz", "Mine")),
        ("(62)", ("Pop/Funk",)), ("0", ("Blues",)), ("191", ("Psybient",)),
        ("192", ()), ("(255)", ()), ("(12)", ()), ("1999", ()), ("٣", ()),
        ("(17", ()), ("17th century", ("17th century",)),
    ],
)  # fmt: skip
def test_only_a_whole_number_is_a_number_of_the_table(field: str, genres: tuple[str, ...]) -> None:
    assert read_genre_field(field).names == genres


@VERSIONS
def test_a_number_keeps_the_raw_text_beside(tmp_path: Path, version: int) -> None:
    (note,) = _mp3(tmp_path, id3_tags.text_frame(version, "genre", "(17)"), version=version).notes
    assert (note.field, note.raw, note.text, note.encoding) == ("genre", "(17)", "Rock", None)
    assert note.reason == "17 is 'Rock' in ID3's table"


# What names no genre

JUNK = (
    "www.freemp3-example.invalid", "http://example.com/rock", "https://t.me/x", "music-site.ru", "me@example.org",
    "MP3",
    "mp3", "<No Genre>", "No Genre", "default", "Default", "Other", "Unknown", "[unknown]", "(Unknown)", "genre",
    "Genre",
    "Misc", "N/A", "n/a", "none", "-", "???", "...", "320 kbps", "128kbps VBR", "44.1 kHz", "255", "2007", "Blank",
    "Audiograbber", "EAC", "ripped by someone", "Encoded by LAME", "YouTube", "Unbekannt", "Inconnu", "Desconocido",
    "Sconosciuto", "Nieznany", "Неизвестно", "その他", "未知", "알 수 없음", "Podcast.example.com",
)  # fmt: skip


@pytest.mark.parametrize("junk", JUNK)
def test_junk_is_no_genre_and_is_kept_raw_with_the_reason(tmp_path: Path, junk: str) -> None:
    found = _mp3(tmp_path, id3_tags.text_frame(4, "genre", junk, 3), version=4)
    assert found.genres == ()
    (note,) = found.notes
    assert (note.field, note.raw, note.text) == ("genre", junk, None)
    assert note.reason
    assert clean_genres(junk) == []


def test_of_a_field_only_what_is_junk_is_left_out() -> None:
    found = read_genre_field("Rock;MP3/www.example.com/a/b;Jazz, Other")
    assert found.names == ("Rock", "Jazz")
    assert len(found.left_out) == 3


@pytest.mark.parametrize(
    "genre",
    [
        "R&B", "Hip-Hop", "80s", "Drum & Bass", "Música", "J-Pop", "摇滚", "Русский рок", "Rock'n'Roll", "Nu.me tal",
        "D.I.Y.",
        "Math Rock", "5.1 Surround Jazz", "Lo-Fi", "Max Richter", "St. Co", "G-Funk", "House music", "Kuduro", "MPB",
    ],
)  # fmt: skip
def test_what_may_be_a_genre_stays(genre: str) -> None:
    assert why_no_genre(genre) is None


# Old code pages

REPAIRED = [
    ("Русский рок", "cp1251"), ("Рок", "cp1251"), ("Поп", "cp1251"), ("РОК", "cp1251"), ("Шансон", "cp1251"),
    ("Українська музика", "cp1251"), ("Русский рок", "koi8-r"), ("Рок", "koi8-r"), ("Русский рок", "cp866"),
    ("Música", "utf-8"), ("Русский рок", "utf-8"), ("摇滚", "utf-8"), ("Chanson française", "utf-8"),
    ("ロック", "utf-8"),
    ("ロック", "cp932"), ("アニメソング", "cp932"), ("邦楽", "cp932"), ("J-POP 邦楽", "cp932"), ("ロック", "euc_jp"),
    ("摇滚", "gbk"), ("流行音乐", "gbk"), ("华语流行", "gbk"), ("搖滾", "big5"), ("國語流行", "big5"),
    ("발라드", "euc_kr"), ("록", "euc_kr"), ("한국 영화 음악", "euc_kr"), ("Ροκ", "cp1253"),
    ("Ελληνική μουσική", "cp1253"),
    ("רוק ישראלי", "cp1255"), ("موسيقى عربية", "cp1256"), ("ลูกทุ่ง", "cp874"), ("Poezja śpiewana", "cp1250"),
    ("disco polo łódź", "cp1250"), ("Polska muzyka współczesna", "cp1250"), ("Rock ’n’ Roll", "cp1252"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "encoding"), REPAIRED)
@VERSIONS
def test_a_text_of_another_encoding_is_told_with_its_name_and_confidence(
    tmp_path: Path, version: int, text: str, encoding: str
) -> None:
    found = _mp3(tmp_path, id3_tags.text_frame(version, "genre", text.encode(encoding)), version=version)
    assert found.genres == (text,)
    (note,) = found.notes
    assert (note.encoding, note.text) == (encoding, text)
    assert note.raw != text
    assert note.encoding_confidence is not None
    assert note.encoding_confidence >= MIN_CONFIDENCE


LATIN = (
    "Música", "Chanson française", "Électronique", "Ópera", "Années 80", "Björk & Sigur Rós", "À la carte", "ÉTÉ",
    "ação",
    "Canción de autor", "¿Qué será?", "Þungarokk", "«CAFÉ»", "Mädchen für Käthe", "Ñu metal", "øl", "Blå", "Straße",
    "São João", "Œuvre", "Dvořák", "Žižkov", "m³", "Größe", "Åland", "Ça ira", "È vero", "Año", "Fête forêt", "Noël",
)  # fmt: skip


@pytest.mark.parametrize("text", LATIN)
def test_a_text_in_latin_letters_stays_as_it_is(text: str) -> None:
    assert repair_texts([text]) == [Repair(text)]


@pytest.mark.parametrize("text", [*(text for text, _ in REPAIRED), "Рок 80-х", "한국", "日本語 ポップ"])
def test_a_text_that_was_stored_rightly_stays_as_it_is(tmp_path: Path, text: str) -> None:
    assert _mp3(tmp_path, id3_tags.text_frame(4, "genre", text, 3), version=4) == Tags(genres=(text,))


def test_a_text_that_cannot_be_told_with_certainty_is_null_with_both_readings(tmp_path: Path) -> None:
    raw = "청춘".encode("euc_kr")  # In GBK two characters as frequent.
    found = _mp3(tmp_path, id3_tags.text_frame(3, "genre", raw))
    assert found.genres == ()
    (note,) = found.notes
    assert (note.text, note.encoding) == (None, None)
    assert "gbk" in note.reason
    assert "euc_kr" in note.reason


def test_the_other_tags_of_the_file_help_to_tell(tmp_path: Path) -> None:
    texts = {"genre": "청춘", "title": "사랑해", "artist": "아이유"}
    alone = repair_texts([texts["genre"].encode("euc_kr").decode("latin-1")])
    frames = [id3_tags.text_frame(3, field, text.encode("euc_kr")) for field, text in texts.items()]
    assert alone[0].text is None
    found = _mp3(tmp_path, *frames)
    assert (found.title, found.artist, found.genres) == ("사랑해", "아이유", ("청춘",))


def test_a_latin_name_beside_a_repaired_genre_stays_as_it_is(tmp_path: Path) -> None:
    frames = [
        id3_tags.text_frame(3, "artist", "Beyoncé"), id3_tags.text_frame(3, "genre", "Русский рок".encode("cp1251")),
    ]  # fmt: skip
    found = _mp3(tmp_path, *frames)
    assert (found.artist, found.genres) == ("Beyoncé", ("Русский рок",))


@pytest.mark.parametrize(("text", "encoding"), [("Русский рок", "cp1251"), ("ロック", "cp932"), ("Música", "latin-1")])
def test_tags_without_a_named_encoding_are_told_too(tmp_path: Path, text: str, encoding: str) -> None:
    raw = text.encode(encoding)
    wav = id3_tags.riff_info(_sound("wav"), {b"IGNR": raw})
    assert _tags(tmp_path, wav, "wav").genres == (text,)
    assert _tags(tmp_path, _sound("mp3") + id3_tags.id3v1(raw, b"", 255)).title == text


def test_mojibake_that_was_stored_as_unicode_is_told_too(tmp_path: Path) -> None:
    path = write_with_av(
        tmp_path / "a.flac", music(0.3), codec="flac", tags={"genre": "Ðóññêèé ðîê", "title": "MÃºsica â€“ dÃ­a"}
    )
    found = read_tags(path)
    assert (found.title, found.genres) == ("Música – día", ("Русский рок",))


@given(st.lists(st.text(max_size=300), max_size=4))
def test_any_texts_are_read_without_a_surrogate_left(texts: list[str]) -> None:
    for repair in repair_texts([text.encode("utf-8", "replace").decode("utf-8") for text in texts]):
        assert repair.text is not None or repair.reason
        (repair.text or "").encode("utf-8")


@given(st.binary(max_size=400))
def test_any_bytes_of_a_tag_are_read_without_a_surrogate_left(raw: bytes) -> None:
    (repair,) = repair_texts([raw.decode("utf-8", "surrogateescape")])
    (repair.text or "").encode("utf-8")
    read_genre_field(repair.text or "")


def test_a_huge_hostile_tag_is_read_and_bounded(tmp_path: Path) -> None:
    for body in ("Ð" * 2_000_000, ";" * 2_000_000, "(17)" * 500_000, "www." * 500_000, "a.b" * 600_000 + "@"):
        with ends():
            found = _mp3(tmp_path, id3_tags.text_frame(3, "genre", body.encode("latin-1")))
        assert len(found.genres) <= 20


# What is stored


def test_the_raw_tag_stands_beside_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    genre = id3_tags.text_frame(3, "genre", "Русский рок".encode("cp1251"))
    path.write_bytes(id3_tags.tag(3, [genre]) + _sound("mp3"))
    found = describe_metadata(SongFiles("song-1", path, (), SongInfo()))
    assert (found.genre_tags, found.genre_source) == ("Русский рок", "file_tags")
    (note,) = found.tag_notes
    assert (note.field, note.raw, note.text, note.encoding) == ("genre", "Ðóññêèé ðîê", "Русский рок", "cp1251")
    assert note.reason == "its bytes are of cp1251"


def test_a_file_whose_tags_say_what_they_mean_has_no_notes(tmp_path: Path) -> None:
    path = write_with_av(tmp_path / "a.flac", music(0.3), codec="flac", tags={"genre": "Rock", "title": "Été"})
    assert read_tags(path).notes == ()
    assert read_tags(write_wav(tmp_path / "b.wav", music(0.3))).notes == ()


# What people, shops and sites write into fields


@pytest.mark.parametrize(
    ("field", "genres"),
    [
        ("R&amp;B", ("R&B",)),
        ("<b>Rock</b>", ("Rock",)),
        ("<script>alert(1)</script>", ()),
        ("<img src=x onerror=alert(1)>", ()),
        ("<No Genre>", ()),
        ("Rock [www.site.invalid]", ("Rock",)),
        ("Rock (http://site.invalid/x)", ("Rock",)),
        ("t.me/somebody", ()),
        ("@somebody", ()),
        ("1/2 step", ("2 step",)),
        ("20/24", ("Alternative", "Soundtrack")),
        ("V/A", ()),
        ("n.a.", ()),
        ("Your Genre Here", ()),
    ],
)
def test_a_field_gives_the_genres_it_names_and_no_other(field: str, genres: tuple[str, ...]) -> None:
    assert read_genre_field(field).names == genres


def test_titles_lose_the_marks_of_web_pages(tmp_path: Path) -> None:
    title = id3_tags.text_frame(4, "title", "Rock &amp; <i>Roll</i>", 3)
    assert _mp3(tmp_path, title, version=4).title == "Rock & Roll"


@pytest.mark.parametrize("text", ["80’s", "Rock ’n’ Roll", "††† (Crosses)", "A × B", "50 ¢", "Love…", "A – B"])
def test_signs_beside_latin_words_are_what_they_are(text: str) -> None:
    found = repair_texts([text, text.encode("cp1252").decode("latin-1")])
    assert [repair.text for repair in found] == [text, text]
    assert found[0] == Repair(text)


def test_utf8_that_was_taken_for_latin_twice_is_told() -> None:
    twice = "Música".encode().decode("latin-1").encode().decode("latin-1")
    assert repair_texts([twice])[0].text == "Música"


def test_a_thai_genre_is_no_russian_word() -> None:
    assert repair_texts(["หมอลำ".encode("cp874").decode("latin-1")])[0].text == "หมอลำ"


def test_of_several_genre_frames_each_counts_and_an_empty_one_hides_none(tmp_path: Path) -> None:
    frames = [id3_tags.text_frame(3, "genre", text) for text in ("", "Rock", "Pop")]
    assert _mp3(tmp_path, *frames).genres == ("Rock", "Pop")
