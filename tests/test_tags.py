"""Tags: what file and owner say about a song is read, cleaned and attributed; nothing is made up."""

from __future__ import annotations

from pathlib import Path

import pytest

from flamingo_bark_assets.audio.decode import decode
from flamingo_bark_assets.audio.raw_song import describe_song
from flamingo_bark_assets.audio.recording import RawSong
from flamingo_bark_assets.audio.song_metadata import SongMetadata, describe_metadata
from flamingo_bark_assets.audio.tags import Tags, read_tags
from flamingo_bark_assets.library.layout import SongFiles
from flamingo_bark_assets.library.song_toml import SongInfo
from flamingo_bark_assets.lyrics.reading import read_lyrics
from tests.id3_tags import frame, tag
from tests.signals import measure_quality, music, silence, write_m4a, write_wav, write_with_av

WAVE = music(1.0)
CODECS = {"mp3": "libmp3lame", "flac": "flac", "m4a": "aac", "wav": "pcm_s16le"}


def tagged(path: Path, **tags: str) -> Path:
    ending = path.suffix[1:]
    container = "mp4" if ending == "m4a" else ending
    return write_with_av(path, WAVE, codec=CODECS[ending], container=container, tags=tags)


@pytest.mark.parametrize(
    ("said", "code"), [("eng", "en"), ("DEU", "de"), ("ger", "de"), ("pt-BR", "pt"), ("English", None)]
)
def test_a_language_of_three_letters_is_that_of_two(tmp_path: Path, said: str, code: str | None) -> None:
    assert metadata(tagged(tmp_path / "a.flac", language=said), SongInfo()).language == code


@pytest.mark.parametrize("version", [2, 3, 4])
@pytest.mark.parametrize("encoding", [0, 1, 2, 3])
def test_synchronised_lyrics_are_read_with_their_times(tmp_path: Path, version: int, encoding: int) -> None:
    name = ("latin-1", "utf-16", "utf-16-be", "utf-8")[encoding]
    zero = b"\0" * (2 if encoding in (1, 2) else 1)

    def frame_of(*said: tuple[int, str]) -> bytes:
        texts = [text.encode(name) + zero + time_ms.to_bytes(4, "big") for time_ms, text in said]
        return frame(version, "timed", bytes([encoding]) + b"eng\x02\x01" + zero + b"".join(texts))

    path = tagged(tmp_path / "a.mp3")
    sound = path.read_bytes()
    for lines, expected in (
        (((256, "Été is"), (61_500, "over now")), [(0.256, "Été is"), (61.5, "over now")]),
        (((256, "Ov"), (300, "er "), (400, "now"), (900, "\nAgain")), [(0.256, "Over now"), (0.9, "Again")]),
    ):
        path.write_bytes(tag(version, [frame_of(*lines)]) + sound)
        read = read_lyrics(read_tags(path).lyrics, 90.0)
        assert [(line.start_s, line.text) for line in read.lines] == expected
    for cut in range(6, 40, 3):
        damaged = frame(version, "timed", (bytes([encoding]) + b"eng\x02\x01" + zero + b"abc")[:cut])
        path.write_bytes(tag(version, [damaged]) + sound)
        assert read_tags(path).lyrics is None


def genres_of(tmp_path: Path, genre: str) -> tuple[str, ...]:
    return read_tags(tagged(tmp_path / "a.mp3", genre=genre)).genres


@pytest.mark.parametrize("ending", CODECS)
def test_tags_are_read_from_every_format(tmp_path: Path, ending: str) -> None:
    path = tagged(tmp_path / f"a.{ending}", title="Été", artist="The Band", genre="Rock")
    assert read_tags(path) == Tags("Été", "The Band", ("Rock",))


@pytest.mark.parametrize("ending", ["mp3", "flac", "m4a"])
def test_lyrics_of_the_file_keep_their_lines_and_no_control_characters(tmp_path: Path, ending: str) -> None:
    path = tagged(tmp_path / f"a.{ending}", lyrics="[00:01.00] Été\r\nsecond\x07 line\n\n")
    assert read_tags(path).lyrics == "[00:01.00] Été\nsecond line"
    found = metadata(path, SongInfo())
    assert (found.lyrics, found.lyrics_source) == ("[00:01.00] Été\nsecond line", "file_tags")


def test_the_owners_lyrics_go_before_those_of_the_file(tmp_path: Path) -> None:
    found = metadata(tagged(tmp_path / "a.mp3", lyrics="of the file"), SongInfo(lyrics="mine", language="en"))
    assert (found.lyrics, found.lyrics_source, found.language) == ("mine", "song.toml", "en")


@pytest.mark.parametrize(
    ("name", "tags"),
    [
        ("a.mp3", {"TBPM": "128", "TKEY": "F#m", "album": "Al", "track": "3/9", "date": "2020", "copyright": "C"}),
        (
            "a.flac",
            {"BPM": "128", "INITIALKEY": "F#m", "album": "Al", "track": "3/9", "date": "2020", "copyright": "C"},
        ),
    ],
)
def test_other_fields_are_read_and_tempo_and_key_are_claims(tmp_path: Path, name: str, tags: dict[str, str]) -> None:
    found = metadata(tagged(tmp_path / name, language="en", LICENSE="CC0-1.0", **tags), SongInfo())
    said = {field.field: (field.file, field.text, field.role) for field in found.sidecar_fields}
    assert said == {
        "bpm": ("file_tags", "128", "claim"), "key": ("file_tags", "F#m", "claim"),
        "album": ("file_tags", "Al", "kept"), "track": ("file_tags", "3/9", "kept"),
        "date": ("file_tags", "2020", "kept"), "copyright": ("file_tags", "C", "kept"),
        "language": ("file_tags", "en", "used"), "licence": ("file_tags", "CC0-1.0", "used"),
    }  # fmt: skip
    assert (found.licence, found.language) == ("CC0-1.0", "en")


def test_the_owner_goes_before_the_tags_and_a_tempo_of_0_is_none(tmp_path: Path) -> None:
    path = tagged(tmp_path / "a.flac", LICENSE="CC0-1.0", language="zxx", BPM="0")
    found = metadata(path, SongInfo(licence="CC-BY-4.0", language="de"))
    assert (found.licence, found.language) == ("CC-BY-4.0", "de")
    assert {field.field: field.role for field in found.sidecar_fields} == {"licence": "passed_over", "language": "kept"}
    assert metadata(path, SongInfo()).language is None


def test_the_tempo_of_an_mp4_is_read(tmp_path: Path) -> None:
    (tag,) = read_tags(tagged(tmp_path / "a.m4a", tmpo="128")).others
    assert (tag.field, tag.text) == ("bpm", "128")


def test_tags_of_an_ogg_stream_are_read(tmp_path: Path) -> None:
    path = write_with_av(
        tmp_path / "a.opus", music(1.0, rate_hz=48000), rate_hz=48000, codec="libopus", container="ogg",
        tags={"TITLE": "T", "Artist": "A", "genre": "Jazz"},
    )  # fmt: skip
    assert read_tags(path) == Tags("T", "A", ("Jazz",))


def test_genres_are_split_and_each_given_once(tmp_path: Path) -> None:
    assert genres_of(tmp_path, "Rock; Jazz/Pop, Soul;Rock; ;") == ("Rock", "Jazz", "Pop", "Soul")


@pytest.mark.parametrize("genre", ["80s", "90s Dance", "2-Step"])
def test_genres_that_begin_with_digits_stay_as_they_are(tmp_path: Path, genre: str) -> None:
    assert genres_of(tmp_path, genre) == (genre,)


def test_at_most_twenty_genres_of_500_characters(tmp_path: Path) -> None:
    tags = read_tags(tagged(tmp_path / "a.flac", genre=";".join(f"g{i}" * 200 for i in range(50)), title="x" * 9000))
    assert len(tags.genres) == 20
    assert max(map(len, tags.genres)) == 500
    assert tags.title == "x" * 500


def test_control_characters_and_white_space_are_cleaned(tmp_path: Path) -> None:
    path = tagged(tmp_path / "a.flac", title="  a\x1b[31m\tb\n\u202ec\u200b  ", artist="\x01\x02")
    assert read_tags(path) == Tags("a[31m b c", None, ())


def test_a_file_without_tags_has_none(tmp_path: Path) -> None:
    assert read_tags(write_wav(tmp_path / "a.wav", WAVE)) == Tags()


def test_a_file_that_cannot_be_read_has_no_tags(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_bytes(b"ID3\x04\0\0\x7f\x7f\x7f\x7fTCON\xff\xff\xff\xff\0\0\x09x")
    (tmp_path / "b.mp3").write_text("no song")
    for path in (tmp_path / "a.mp3", tmp_path / "b.mp3", tmp_path / "none.mp3", tmp_path):
        assert read_tags(path) == Tags()


def describe(path: Path) -> RawSong:
    files = SongFiles("song-1", path, (), SongInfo())
    decoded = decode(path, max_duration_s=60)
    return describe_song(
        files, decoded, measure_quality(decoded.signal), (), fingerprint="f" * 32, content_sha256="0" * 64
    )


def metadata(path: Path, info: SongInfo | None = None) -> SongMetadata:
    return describe_metadata(SongFiles("song-1", path, (), info or SongInfo()))


def test_the_owners_words_win_over_the_files_field_by_field(tmp_path: Path) -> None:
    path = tagged(tmp_path / "a.mp3", title="File title", artist="File artist", genre="Rock")
    found = metadata(path, SongInfo(title="My title", licence="CC-BY-4.0", attribution="Me", lyrics="la"))
    assert (found.title, found.artist, found.genre_tags) == ("My title", "File artist", "Rock")
    assert found.tags_source == "song.toml and file tags"
    assert (found.licence, found.attribution, found.lyrics) == ("CC-BY-4.0", "Me", "la")


def test_the_source_of_the_tags_is_named(tmp_path: Path) -> None:
    bare = write_wav(tmp_path / "bare.wav", WAVE)
    full = tagged(tmp_path / "a.mp3", title="T")
    assert metadata(bare).tags_source is None
    assert metadata(full).tags_source == "file tags"
    assert metadata(full, SongInfo(title="Mine")).tags_source == "song.toml"
    assert metadata(bare, SongInfo(genres=("Folk", "Rock"))).genre_tags == "Folk; Rock"


def test_a_song_file_is_described(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a song.wav", WAVE, WAVE)
    found = describe(path)
    assert (found.song_id, found.file_name, found.file_format) == ("song-1", "a song.wav", "WAV/PCM_16")
    assert found.size_bytes == path.stat().st_size
    assert (found.sample_rate_hz.value, found.channels.value) == (44100, 2)
    assert found.duration_s.value == pytest.approx(1.0)
    assert found.declared_duration_s.value == pytest.approx(1.0)
    assert found.is_mono.value is True
    assert found.unusable is None


def test_a_format_that_declares_no_length_says_so(tmp_path: Path) -> None:
    path = write_with_av(tmp_path / "a.aac", WAVE, codec="aac")
    assert describe(path).declared_duration_s.reason == "aac/aac declares no length"


def test_what_is_odd_about_a_file_is_told(tmp_path: Path) -> None:
    whole = write_wav(tmp_path / "a.wav", WAVE)
    assert (describe(whole).truncated, describe(whole).file_notes) == (None, None)
    data = whole.read_bytes()
    whole.write_bytes(data[:-44100])
    assert (describe(whole).truncated or "").endswith("declares the last 0.5 s cannot be decoded")
    at = data.index(b"data") + 4
    whole.write_bytes(data[:at] + bytes(4) + data[at + 4 :])
    assert "its header was never finished" in (describe(whole).file_notes or "")


def test_a_silent_song_is_described(tmp_path: Path) -> None:
    found = describe(write_m4a(tmp_path / "a.m4a", silence(2.0)))
    assert found.silent_fraction.value == 1.0
    assert found.bandwidth_hz.value is None
