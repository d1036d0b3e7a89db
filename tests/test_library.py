"""The song library on disk: identifiers, what is found in a song's folder, and when it counts as changed."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flamingo_bark_assets.errors import LibraryError
from flamingo_bark_assets.library.fingerprint import (
    edits_digest,
    info_digest,
    sha256_of,
    sound_digest,
    stat_signature,
)
from flamingo_bark_assets.library.ids import check_song_id, is_song_id, make_song_id
from flamingo_bark_assets.library.layout import DataPaths, SongFiles, StemFile, find_song, find_unlisted, list_song_ids
from flamingo_bark_assets.library.song_toml import Edits, SongInfo
from flamingo_bark_assets.library.stem_kinds import kinds_in
from flamingo_bark_assets.parts import STEM_KINDS, SUM_KINDS
from tests.songs import library_stamps


@pytest.fixture
def paths(tmp_path: Path) -> DataPaths:
    return DataPaths(tmp_path / "data")


def make_song(paths: DataPaths, song_id: str = "one", *, mix: str = "song.wav", stems: str = "") -> Path:
    """Make a song folder with empty-ish files; `stems` are file names separated by commas."""
    folder = paths.songs / song_id
    (folder / "stems").mkdir(parents=True)
    (folder / mix).write_bytes(b"mix of " + song_id.encode())
    for name in filter(None, stems.split(",")):
        (folder / "stems" / name).write_bytes(name.encode())
    return folder


def only_stem(song: SongFiles) -> StemFile:
    (stem,) = song.stems
    return stem


def fault_of(value: SongFiles | StemFile) -> str:
    assert value.fault is not None
    assert "\n" not in value.fault
    return value.fault


# Identifiers


@pytest.mark.parametrize(
    ("text", "song_id"),
    [
        ("My Song", "my-song"),
        ("Café del Mar", "cafe-del-mar"),
        ("Straße nach Ærø", "strasse-nach-aero"),
        ("01 - Don't  Stop!.", "01-don-t-stop"),
        ("keep_this-one", "keep_this-one"),
        ("../../etc/passwd", "etc-passwd"),
        ("-rf", "rf"),
        ("__init__", "init"),
        ("Ｆｕｌｌ １２", "full-12"),
        ("a\nb\x00c", "a-b-c"),
        ("東京 Nights", "nights"),
        ("x" * 300, "x" * 100),
        ("x" * 99 + " y", "x" * 99),
    ],
)
def test_a_text_becomes_a_slug(text: str, song_id: str) -> None:
    assert make_song_id(text, fallback="song") == song_id


@pytest.mark.parametrize("text", ["", "東京", "...", "--", "\udcff", "Кино"])
def test_a_text_without_latin_letters_or_digits_gives_the_fallback(text: str) -> None:
    assert make_song_id(text, fallback="song-7") == "song-7"


@given(st.text(st.characters()))
def test_every_text_gives_an_identifier(text: str) -> None:
    song_id = make_song_id(text, fallback="song")
    check_song_id(song_id)
    assert make_song_id(song_id, fallback="song") == song_id


def test_a_fallback_that_is_no_identifier_is_refused() -> None:
    with pytest.raises(LibraryError, match="not a song id"):
        make_song_id("東京", fallback="../x")


@pytest.mark.parametrize("song_id", ["a", "0", "my-song_2", "x" * 100])
def test_identifiers_are_accepted(song_id: str) -> None:
    check_song_id(song_id)


@pytest.mark.parametrize(
    "song_id",
    [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "a\\b",
        "A",
        "a b",
        "-a",
        "_a",
        ".a",
        "a.b",
        "é",
        "a\n",
        "a\x00",
        "x" * 101,
        "٣",
    ],
)
def test_what_is_no_identifier_is_refused_with_the_rule(song_id: str) -> None:
    with pytest.raises(LibraryError, match=r"is not a song id: use 1 to 100") as caught:
        check_song_id(song_id)
    assert "\n" not in str(caught.value)


def test_a_message_does_not_repeat_an_endless_identifier() -> None:
    with pytest.raises(LibraryError) as caught:
        check_song_id("x" * 1_000_000)
    assert len(str(caught.value)) < 300


# Finding a song


def test_mix_stems_and_info_are_found(paths: DataPaths) -> None:
    folder = make_song(paths, stems="vocals.mp3,Drums.WAV,bass.flac,other.ogg")
    (folder / "song.toml").write_text('title = "One"')
    song = find_song(paths, "one")
    assert song == SongFiles(
        song_id="one",
        mix=folder / "song.wav",
        stems=(
            StemFile("bass", "bass", folder / "stems" / "bass.flac"),
            StemFile("drums", "drums", folder / "stems" / "Drums.WAV"),
            StemFile("other", "harmonic", folder / "stems" / "other.ogg"),
            StemFile("vocals", "vocals", folder / "stems" / "vocals.mp3"),
        ),
        info=SongInfo(title="One"),
        fault=None,
        folder=folder,
    )


def test_a_song_without_a_stems_folder_has_no_stems_and_no_fault(paths: DataPaths) -> None:
    shutil.rmtree(make_song(paths) / "stems")
    song = find_song(paths, "one")
    assert song.stems == ()
    assert song.fault is None


def test_the_ending_of_the_mix_may_be_in_capitals(paths: DataPaths) -> None:
    folder = make_song(paths, mix="Song.MP3")
    assert find_song(paths, "one").mix == folder / "Song.MP3"


def test_hidden_files_and_files_that_are_no_sound_are_left_out(paths: DataPaths) -> None:
    folder = make_song(paths, stems="drums.wav,.bass.wav,._drums.wav,notes.txt,drums.mid,cover.png,a.json,wav")
    for name in ["song.txt", "song.json", ".song.mp3", "song.toml.bak", "mysong.wav", "song.old.wav"]:
        (folder / name).touch()
    song = find_song(paths, "one")
    assert song.mix == folder / "song.wav"
    assert song.fault is None
    assert only_stem(song).name == "drums"


def test_a_missing_song_is_a_fault(paths: DataPaths) -> None:
    song = find_song(paths, "none")
    assert song.mix is None
    assert song.folder is None
    assert "'none'" in fault_of(song)
    assert "does not exist" in fault_of(song)


def test_a_song_without_a_mix_is_a_fault(paths: DataPaths) -> None:
    (make_song(paths) / "song.wav").rename(paths.songs / "one" / "song.doc")
    song = find_song(paths, "one")
    assert song.mix is None
    for word in ["'one'", "song.<ext>", "song.doc"]:
        assert word in fault_of(song)


def test_two_mixes_are_a_fault_that_names_both(paths: DataPaths) -> None:
    (make_song(paths) / "song.mp3").touch()
    song = find_song(paths, "one")
    assert song.mix is None
    for word in ["'one'", "song.wav", "song.mp3"]:
        assert word in fault_of(song)


def test_a_broken_song_toml_costs_the_song_only_its_words(paths: DataPaths) -> None:
    folder = make_song(paths, stems="drums.wav")
    (folder / "song.toml").write_text("title = ")
    song = find_song(paths, "one")
    assert song.mix == folder / "song.wav"
    assert song.fault is None
    assert song.info == SongInfo()
    assert len(song.stems) == 1
    for word in ["'one'", "song.toml", "line 1"]:
        assert word in (song.info_fault or "")


def test_a_typo_in_song_toml_is_a_warning_and_the_other_keys_hold(paths: DataPaths) -> None:
    folder = make_song(paths)
    (folder / "song.toml").write_text('titel = "x"\nartist = "A"')
    song = find_song(paths, "one")
    assert (song.fault, song.info_fault) == (None, None)
    assert song.info == SongInfo(artist="A")
    (warning,) = song.info_warnings
    assert warning.startswith("song 'one': song.toml: unknown key 'titel'; did you mean 'title'?")


def test_a_fault_of_the_mix_and_one_of_song_toml_are_both_told(paths: DataPaths) -> None:
    folder = make_song(paths)
    (folder / "song.wav").unlink()
    (folder / "song.toml").write_text("x")
    song = find_song(paths, "one")
    assert "song.<ext>" in fault_of(song)
    assert "song.toml" in (song.info_fault or "")


def test_a_mix_that_is_a_folder_or_a_pipe_is_a_fault(paths: DataPaths) -> None:
    mix = make_song(paths) / "song.wav"
    mix.unlink()
    mix.mkdir()
    assert "not a regular file" in fault_of(find_song(paths, "one"))
    mix.rmdir()
    os.mkfifo(mix)
    assert "not a regular file" in fault_of(find_song(paths, "one"))
    assert find_song(paths, "one").mix is None


@pytest.mark.parametrize("song_id", ["../one", "", "One", "a/b"])
def test_looking_for_what_is_no_identifier_is_refused(paths: DataPaths, song_id: str) -> None:
    with pytest.raises(LibraryError, match="not a song id"):
        find_song(paths, song_id)


# Symbolic links


def test_a_mix_that_links_out_of_the_library_is_a_fault(paths: DataPaths, tmp_path: Path) -> None:
    (tmp_path / "secret.wav").touch()
    mix = make_song(paths) / "song.wav"
    mix.unlink()
    mix.symlink_to(tmp_path / "secret.wav")
    song = find_song(paths, "one")
    assert song.mix is None
    assert "symbolic link" in fault_of(song)
    assert "secret" not in fault_of(song)


def test_links_within_the_library_are_followed(paths: DataPaths) -> None:
    make_song(paths, "one", stems="drums.wav")
    two = make_song(paths, "two")
    (two / "stems" / "drums.wav").symlink_to("../../one/stems/drums.wav")
    assert find_song(paths, "two").stems == (StemFile("drums", "drums", two / "stems" / "drums.wav"),)


def test_a_library_may_itself_stand_behind_a_link(paths: DataPaths, tmp_path: Path) -> None:
    make_song(paths, stems="drums.wav")
    (tmp_path / "link").symlink_to(paths.root)
    song = find_song(DataPaths(tmp_path / "link"), "one")
    assert song.fault is None
    assert only_stem(song).fault is None


@pytest.mark.parametrize("target", ["nowhere.wav", "song.wav"])
def test_a_mix_that_links_nowhere_is_a_fault(paths: DataPaths, target: str) -> None:
    mix = make_song(paths) / "song.wav"
    mix.unlink()
    mix.symlink_to(target)
    assert "leads nowhere" in fault_of(find_song(paths, "one"))


def test_a_stem_that_links_out_of_the_library_is_not_opened(paths: DataPaths, tmp_path: Path) -> None:
    (tmp_path / "secret.wav").touch()
    (make_song(paths) / "stems" / "drums.wav").symlink_to(tmp_path / "secret.wav")
    stem = only_stem(find_song(paths, "one"))
    assert stem.path is None
    assert "drums.wav" in fault_of(stem)
    assert "symbolic link" in fault_of(stem)


def test_a_stems_folder_that_links_out_of_the_library_is_not_looked_into(paths: DataPaths, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "private-drums.wav").touch()
    folder = make_song(paths)
    (folder / "stems").rmdir()
    (folder / "stems").symlink_to(outside)
    stem = only_stem(find_song(paths, "one"))
    assert (stem.name, stem.kind, stem.path) == ("stems", None, None)
    assert "symbolic link" in fault_of(stem)


def test_a_song_folder_that_links_out_of_the_library_is_a_fault(paths: DataPaths, tmp_path: Path) -> None:
    make_song(DataPaths(tmp_path / "other"), "one")
    paths.songs.mkdir(parents=True)
    (paths.songs / "one").symlink_to(tmp_path / "other" / "songs" / "one")
    song = find_song(paths, "one")
    assert (song.mix, song.folder) == (None, None)
    assert "symbolic link" in fault_of(song)


# Stem names


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("drums", "drums|Drum|percussion|perc|kit|beat|beats|01 - Drums|DRUMS_2|song_name (Drums)|drums[1]"),
        ("drums", "Kick|hi-hat|HiHat|Bass Drum|drum-kit|drums and percussion|MyDrumLoop|drums2"),
        ("bass", "bass|Bassline|sub|bass_2|Bass Guitar|synth-bass|SubBass|02bass|5-string bass"),
        (
            "vocals",
            "vocals|vocal|vox|voice|lead_vocals|backing_vocals|singing|choir|Song (Vocals)|LeadVocals",
        ),
        ("vocals", "'vocals'|-vocals|vocals vocals|VOCALS.L|Müller – Vocals"),
        (
            "harmonic",
            "harmonic|other|keys|keyboard|keyboards|strings|synth|synths|organ|banjo|mandolin|ukulele",
        ),
        ("harmonic", "pad|pads|brass|woodwinds|chords|melody"),
        ("harmonic", "bass clarinet"),
        ("instrumental", "no_vocals|No Vocals|accompaniment|instrumental"),
        (
            "guitar",
            "guitar|guitars|Guitar 1|gtr|electric guitar|ElectricGuitar|electricguitar|12-string guitar",
        ),
        ("guitar", "EGTR|AGtr_L|Gitarre|guitarras|guitare|chitarra|ギター|吉他|гитара|rhythm guitar|Song - Guitar"),
        ("piano", "piano|Pianos|Electric Piano|ElectricPiano|EPiano|rhodes|Wurlitzer|Klavier|pianoforte|ピアノ|钢琴"),
        ("piano", "song_(piano)_htdemucs_6s|piano_left"),
    ],
)
def test_the_words_of_a_name_say_its_kind(kind: str, names: str) -> None:
    assert {name: kinds_in(name) for name in names.split("|")} == dict.fromkeys(names.split("|"), (kind,))


@pytest.mark.parametrize(
    "name",
    [
        "track 1", "drumming", "bassinet", "歌曲", "Tom Sawyer", "Oh Happy Day", "", "42", "no drums",
        "without bass",
    ],
)  # fmt: skip
def test_a_name_that_says_no_kind_has_none(name: str) -> None:
    assert kinds_in(name) == ()


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("drums and bass", ("bass", "drums")),
        ("Vocals - Drums", ("drums", "vocals")),
        ("DrumsAndVocals", ("drums", "vocals")),
        ("piano bass", ("bass", "piano")),
    ],
)
def test_a_name_that_says_several_kinds_gives_all_of_them(name: str, kinds: tuple[str, ...]) -> None:
    assert kinds_in(name) == kinds


@pytest.mark.parametrize("name", ["Piano+Strings", "guitar and piano", "other guitars", "guitars, keys"])
def test_parts_of_the_same_whole_are_that_whole_together(name: str) -> None:
    assert kinds_in(name) == ("harmonic",)


def test_a_separation_in_six_stems_is_six_kinds() -> None:
    names = ("drums", "bass", "other", "vocals", "guitar", "piano")
    assert {kind for name in names for kind in kinds_in(f"song_({name})_htdemucs_6s")} == set(STEM_KINDS) - set(
        SUM_KINDS
    )


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("song_(Instrumental)_Kim_Vocal_2", "instrumental"),
        ("song_(other)_vocals_mel_band_roformer", "harmonic"),
        ("All About That Bass_(Drums)", "drums"),
        ("Piano Song (Vocals)", "vocals"),
        ("Drum Song - Vocals", "vocals"),
        ("Beat It - Bass", "bass"),
        ("Keys to Love_drums", "drums"),
    ],
)
def test_the_title_before_a_stems_name_says_no_kind(name: str, kind: str) -> None:
    assert kinds_in(name) == (kind,)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("drums", "OH L|Overhead_R|Tom|Clap|HH|SD|Schlagzeug|bateria|batterie|ドラム|鼓|bassdrum"),
        ("bass", "808Bass|bajo|Bassguitar"),
        ("vocals", "song_voc|Stimme|ボーカル|вокал|BV|Harmony|Speech|narration|VOCALS_main|backingvocals"),
        ("harmonic", "Horns|Bells|Moog"),
        ("instrumental", "inst|伴奏"),
    ],
)
def test_names_that_studios_separators_and_other_languages_write(kind: str, names: str) -> None:
    assert {name: kinds_in(name) for name in names.split("|")} == dict.fromkeys(names.split("|"), (kind,))


@given(st.text(st.characters()))
def test_any_name_can_be_taken_apart(name: str) -> None:
    assert set(kinds_in(name)) <= set(STEM_KINDS)


def test_a_stem_of_no_kind_has_a_fault_that_says_what_to_do(paths: DataPaths) -> None:
    make_song(paths, stems="track 1.wav")
    stem = only_stem(find_song(paths, "one"))
    assert stem.kind is None
    for word in ["'track 1.wav'", "drums, bass, vocals, guitar, piano, harmonic"]:
        assert word in fault_of(stem)


def test_a_stem_of_two_kinds_has_a_fault_that_names_them(paths: DataPaths) -> None:
    make_song(paths, stems="drums+bass.wav")
    stem = only_stem(find_song(paths, "one"))
    assert stem.kind is None
    for word in ["'drums+bass.wav'", "bass, drums"]:
        assert word in fault_of(stem)


@pytest.mark.parametrize("second", ["drums.mp3", "DRUMS.wav"])
def test_two_files_for_one_stem_are_both_faults_that_name_both(paths: DataPaths, second: str) -> None:
    make_song(paths, stems=f"drums.wav,{second},bass.wav")
    bass, *both = find_song(paths, "one").stems
    assert bass.fault is None
    assert [stem.name for stem in both] == ["drums", "drums"]
    for stem in both:
        assert "'drums.wav'" in fault_of(stem)
        assert repr(second) in fault_of(stem)


def test_one_name_in_composed_and_decomposed_unicode_is_one_stem(paths: DataPaths) -> None:
    make_song(paths, stems="drums é.wav,drums e\u0301.mp3")
    first, second = find_song(paths, "one").stems
    assert first.name == second.name
    assert "same stem" in fault_of(first)


def test_several_stems_of_one_kind_are_fine(paths: DataPaths) -> None:
    make_song(paths, stems="drums.wav,percussion.wav")
    assert [(s.kind, s.fault) for s in find_song(paths, "one").stems] == [("drums", None), ("drums", None)]


@pytest.mark.parametrize(
    "name",
    [
        "drums é 音.wav",
        "drums 'n' \"x\".wav",
        "-drums.wav",
        "--drums=;$(ls).wav",
        " drums .wav",
        "%s drums{}.wav",
    ],
)
def test_odd_stem_names_work(paths: DataPaths, name: str) -> None:
    folder = make_song(paths, stems=name)
    stem = only_stem(find_song(paths, "one"))
    assert stem == StemFile(name.removesuffix(".wav"), "drums", folder / "stems" / name)


def test_a_stem_name_of_255_bytes_works(paths: DataPaths) -> None:
    name = "x" * 245 + " drums.wav"
    make_song(paths, stems=name)
    assert only_stem(find_song(paths, "one")).kind == "drums"


@pytest.mark.parametrize("name", ["drums\n.wav", "drums\x1b[31m.wav", "drums\u2028.wav"])
def test_a_stem_name_with_control_characters_is_refused(paths: DataPaths, name: str) -> None:
    make_song(paths, stems=name)
    stem = only_stem(find_song(paths, "one"))
    assert stem.path is None
    assert "control character" in fault_of(stem)
    assert "\x1b" not in fault_of(stem)


def test_a_stem_name_that_is_not_utf8_is_refused_and_can_be_stored_as_text(paths: DataPaths) -> None:
    folder = make_song(paths)
    Path(os.fsdecode(os.fsencode(folder / "stems") + b"/drums\xff.wav")).touch()
    stem = only_stem(find_song(paths, "one"))
    assert stem.path is None
    assert "not UTF-8" in fault_of(stem)
    assert stem.name.encode("utf-8") == "drums\ufffd".encode()
    fault_of(stem).encode("utf-8")


def test_a_stem_that_is_a_folder_is_refused(paths: DataPaths) -> None:
    (make_song(paths) / "stems" / "drums.wav").mkdir()
    stem = only_stem(find_song(paths, "one"))
    assert stem.path is None
    assert "not a regular file" in fault_of(stem)


def test_stems_that_are_no_folder_are_told(paths: DataPaths) -> None:
    folder = make_song(paths)
    (folder / "stems").rmdir()
    (folder / "stems").touch()
    assert "not a folder" in fault_of(only_stem(find_song(paths, "one")))


# Listing


def test_songs_are_listed_sorted_and_the_rest_is_reported(paths: DataPaths, tmp_path: Path) -> None:
    for song_id in ["b", "a", "10"]:
        make_song(paths, song_id)
    (paths.songs / ".tmp-1-x").mkdir()
    (paths.songs / "My Song").mkdir()
    (paths.songs / "new\nline").mkdir()
    (paths.songs / "loose").touch()
    (paths.songs / "outside").symlink_to(tmp_path)
    (paths.songs / "nowhere").symlink_to("none")
    (paths.songs / "alias").symlink_to("a")
    assert list_song_ids(paths) == ["10", "a", "alias", "b"]
    unlisted = find_unlisted(paths)
    assert [line.split("' ")[0] for line in unlisted] == [
        "'My Song",
        "'loose",
        r"'new\nline",
        "'nowhere",
        "'outside",
    ]
    for line, word in zip(unlisted, ["a-z", "not a folder", "a-z", "nowhere", "leaves"], strict=True):
        assert word in line


def test_a_library_that_does_not_exist_is_empty(paths: DataPaths) -> None:
    assert list_song_ids(paths) == []
    assert find_unlisted(paths) == []
    assert stat_signatures(paths) == {}


def test_a_library_that_is_no_folder_is_an_error(paths: DataPaths) -> None:
    paths.root.mkdir()
    paths.songs.touch()
    with pytest.raises(LibraryError, match="songs"):
        list_song_ids(paths)


# Digests


def fingerprint(song: SongFiles) -> str:
    """Digest what a measurement may depend on: sound and song.toml, hand edits aside."""
    return sound_digest(song) + info_digest(song)


def stat_signatures(paths: DataPaths) -> dict[str, str]:
    return {song_id: stamp.signature for song_id, stamp in library_stamps(paths).items()}


def test_sha256_is_that_of_the_contents(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")  # FIPS 180-2, appendix B.1.
    assert sha256_of(tmp_path / "f") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    (tmp_path / "big").write_bytes(bytes(3_000_000))
    assert sha256_of(tmp_path / "big") == hashlib.sha256(bytes(3_000_000)).hexdigest()


def test_hashing_what_cannot_be_read_names_the_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ["none", "pipe", ".."]:
        with pytest.raises(LibraryError, match=name):
            sha256_of(tmp_path / name)
    with pytest.raises(LibraryError, match="null byte"):
        sha256_of(tmp_path / "a\x00b")


def both(paths: DataPaths) -> tuple[str, str]:
    song = find_song(paths, "one")
    assert stat_signatures(paths)["one"] == stat_signature(song)
    return fingerprint(song), stat_signature(song)


def touch_later(path: Path) -> None:
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))


def test_an_unchanged_song_keeps_its_digests_anywhere(paths: DataPaths, tmp_path: Path) -> None:
    folder = make_song(paths, stems="drums.wav,bass.wav,track.wav")
    (folder / "song.toml").write_text('title = "x"')
    elsewhere = DataPaths(tmp_path / "elsewhere")
    shutil.copytree(paths.root, elsewhere.root)
    assert both(paths) == both(paths)
    assert both(paths)[0] == both(elsewhere)[0]


def test_files_that_do_not_belong_to_the_song_do_not_count(paths: DataPaths) -> None:
    folder = make_song(paths, stems="drums.wav")
    before = both(paths)
    for name in ["cover.png", ".hidden", "stems/notes.txt", "stems/.drums.flac"]:
        (folder / name).write_text("x")
    assert both(paths) == before


@pytest.mark.parametrize("file", ["song.wav", "stems/drums.wav", "song.toml"])
def test_changed_contents_change_both_digests(paths: DataPaths, file: str) -> None:
    folder = make_song(paths, stems="drums.wav")
    (folder / "song.toml").write_text('title = "x"')
    before = both(paths)
    (folder / file).write_bytes((folder / file).read_bytes().replace(b"x", b"yy") + b"\n#\n")
    after = both(paths)
    assert after[0] != before[0]
    assert after[1] != before[1]


@pytest.mark.parametrize("file", ["song.wav", "stems/drums.wav", "song.toml"])
def test_a_new_modification_time_changes_only_the_cheap_digest(paths: DataPaths, file: str) -> None:
    folder = make_song(paths, stems="drums.wav")
    (folder / "song.toml").write_text('title = "x"')
    before = both(paths)
    touch_later(folder / file)
    after = both(paths)
    assert after[0] == before[0]
    assert after[1] != before[1]


def test_renaming_adding_and_removing_files_changes_both_digests(paths: DataPaths) -> None:
    folder = make_song(paths, stems="drums.wav")
    seen = [both(paths)]
    (folder / "stems" / "drums.wav").rename(folder / "stems" / "perc.wav")
    seen.append(both(paths))
    (folder / "stems" / "bass.wav").touch()
    seen.append(both(paths))
    (folder / "song.wav").rename(folder / "song.mp3")
    seen.append(both(paths))
    (folder / "song.toml").write_text('title = "x"')
    seen.append(both(paths))
    shutil.rmtree(folder / "stems")
    seen.append(both(paths))
    assert len({fingerprint for fingerprint, _ in seen}) == len(seen)
    assert len({signature for _, signature in seen}) == len(seen)


def test_what_stands_in_place_of_a_mix_counts_only_where_there_is_none(paths: DataPaths) -> None:
    folder = make_song(paths)
    before = both(paths)
    (folder / "song.pdf").touch()
    assert both(paths) == before
    (folder / "song.wav").unlink()
    seen = both(paths)
    (folder / "song.pdf").rename(folder / "song.doc")
    after = both(paths)
    assert after[0] != seen[0]  # it is named in the reason
    assert after[1] != seen[1]


def test_swapping_two_stems_changes_the_fingerprint(paths: DataPaths) -> None:
    folder = make_song(paths, stems="drums.wav,bass.wav") / "stems"
    before = fingerprint(find_song(paths, "one"))
    (folder / "drums.wav").rename(folder / "x")
    (folder / "bass.wav").rename(folder / "drums.wav")
    (folder / "x").rename(folder / "bass.wav")
    assert fingerprint(find_song(paths, "one")) != before


def test_a_comment_in_song_toml_does_not_change_the_fingerprint(paths: DataPaths) -> None:
    folder = make_song(paths)
    (folder / "song.toml").write_text('title = "x"')
    before = fingerprint(find_song(paths, "one"))
    (folder / "song.toml").write_text('# mine\ntitle="x"')
    assert fingerprint(find_song(paths, "one")) == before


def test_a_hand_edit_changes_the_digest_of_edits_but_not_the_fingerprint(paths: DataPaths) -> None:
    folder = make_song(paths)
    before = fingerprint(find_song(paths, "one"))
    assert edits_digest(find_song(paths, "one").info) == ""
    digests = set()
    for edit in ['[edits.mix]\nmood = "a"', '[edits.mix]\nmood = "b"', '[edits.bass]\nmood = "a"']:
        (folder / "song.toml").write_text(edit)
        assert fingerprint(find_song(paths, "one")) == before
        digests.add(edits_digest(find_song(paths, "one").info))
    assert len(digests - {""}) == 3


def test_title_and_order_of_edits_do_not_change_the_digest_of_edits() -> None:
    one = SongInfo(title="x", edits=Edits(prompts={"full_track": "a", "stem:bass": "b"}))
    other = SongInfo(edits=Edits(prompts={"stem:bass": "b", "full_track": "a"}))
    assert edits_digest(one) == edits_digest(other) != edits_digest(SongInfo())


def test_repairing_a_broken_song_changes_both_digests(paths: DataPaths, tmp_path: Path) -> None:
    folder = make_song(paths, stems="drums.wav")
    (folder / "song.mp3").touch()
    (folder / "song.toml").write_text("x")
    (folder / "stems" / "bass.wav").symlink_to(tmp_path / "outside.wav")
    seen = [both(paths)]
    (folder / "song.mp3").unlink()
    seen.append(both(paths))
    (folder / "song.toml").write_text('title = "x"')
    seen.append(both(paths))
    (folder / "stems" / "bass.wav").unlink()
    seen.append(both(paths))
    assert find_song(paths, "one").fault is None
    assert len({fingerprint for fingerprint, _ in seen}) == 4
    assert len({signature for _, signature in seen}) == 4


def test_a_missing_song_has_digests(paths: DataPaths) -> None:
    song = find_song(paths, "none")
    assert len(fingerprint(song)) == 64
    assert len(stat_signature(song)) == 32


def test_a_file_outside_the_library_does_not_reach_the_digests(paths: DataPaths, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    folder = make_song(paths)
    (folder / "stems").rmdir()
    (folder / "stems").symlink_to(outside)
    before = both(paths)
    (outside / "drums.wav").write_bytes(b"secret")
    assert both(paths) == before


def test_all_songs_have_their_own_signature(paths: DataPaths) -> None:
    for song_id in ["b", "a"]:
        make_song(paths, song_id, stems="drums.wav")
    (paths.songs / "No Song").mkdir()
    signatures = stat_signatures(paths)
    assert list(signatures) == ["a", "b"]
    assert is_song_id("a")
    assert signatures == {song_id: stat_signature(find_song(paths, song_id)) for song_id in ["a", "b"]}
