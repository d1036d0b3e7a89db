"""Sidecars read: every form that tools write, every encoding, and files that mean harm."""

from __future__ import annotations

import codecs
import json
import os
from pathlib import Path

import pytest

from flamingo_bark_assets.errors import LibraryError
from flamingo_bark_assets.exports.interface import ExportOptions, base_name
from flamingo_bark_assets.exports.run import export
from flamingo_bark_assets.exports.targets.ace_step import AceStep
from flamingo_bark_assets.exports.targets.audiocraft import AudioCraft
from flamingo_bark_assets.exports.vocabulary import key_name, metre_number, whole_bpm
from flamingo_bark_assets.library.layout import DataPaths, find_song
from flamingo_bark_assets.library.sidecar_facts import claim_of, is_no_words, says_instrumental
from flamingo_bark_assets.library.sidecar_names import SidecarFile, sidecar_ending
from flamingo_bark_assets.library.sidecar_sources import sidecars_beside, stored_name
from flamingo_bark_assets.library.sidecars import MAX_SIDECAR_BYTES, Sidecar, read_sidecars
from tests.export_songs import made_source
from tests.watchdog import ends

SIDE_STEP = (
    "caption: Slow dub: with echo\ngenre: dub, reggae\nbpm: 72\nkey: F# minor\nsignature: 4\nis_instrumental: false\n"
    "custom_tag: zzdub\nlyrics:\n[Verse]\nHold on\n\nKey: to my heart\nGenre: my life\n"
)
LYRICS = "[Verse]\nHold on\n\nKey: to my heart\nGenre: my life"


def read(folder: Path, name: str, content: str | bytes, song_id: str = "song") -> Sidecar:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    (sidecar,) = read_sidecars([SidecarFile(name, path)], song_id)
    return sidecar


def fields(sidecar: Sidecar) -> list[tuple[str | None, str]]:
    assert sidecar.problems == ()
    return [(said.field, said.text) for said in sidecar.said]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("song.txt", "A slow\ndub  track.\n", [("caption", "A slow dub track.")]),
        ("song.caption.txt", "caption: is part of it", [("caption", "caption: is part of it")]),
        ("song_prompt.txt", "dub, slow, echo", [("caption", "dub, slow, echo")]),
        ("song.lyrics.txt", "one\r\ntwo\r\n\r\nthree", [("lyrics", "one\ntwo\n\nthree")]),
        ("song_lyrics.txt", "bpm: 3", [("lyrics", "bpm: 3")]),
        ("song.txt", "[Verse]\none\n[Chorus]\ntwo", [("lyrics", "[Verse]\none\n[Chorus]\ntwo")]),
        ("song.txt", "[00:01.00]one\n[00:02.00]two", [("lyrics", "[00:01.00]one\n[00:02.00]two")]),
        (
            "song.lrc", "[ti:Home]\n[ar:Me]\n[00:01.00]one",
            [("lyrics", "[ti:Home]\n[ar:Me]\n[00:01.00]one"), ("title", "Home"), ("artist", "Me")],
        ),
        (
            "song.txt", SIDE_STEP,
            [
                ("caption", "Slow dub: with echo"), ("genre", "dub, reggae"), ("bpm", "72"), ("key", "F# minor"),
                ("signature", "4"), ("is_instrumental", "false"), ("custom_tag", "zzdub"), ("lyrics", LYRICS),
            ],
        ),
        # Lyrics first: they end with the next field that is one, and a caption may go on for lines.
        (
            "song.txt", "lyrics: one\nKey: to my heart\ntwo\nbpm: 120\ncaption: a\n  b\nMood: dark",
            [("lyrics", "one\nKey: to my heart\ntwo"), ("bpm", "120"), ("caption", "a b"), (None, "dark")],
        ),
        ("song.txt", "bpm: 90\nsome more\ncaption: x", [("bpm", "90"), (None, "some more"), ("caption", "x")]),
        ("song.txt", "Note: this is a song about rain.", [("caption", "Note: this is a song about rain.")]),
        (
            "song.txt",
            "zz <CAPTION>\na < b İ\n</CAPTION>\n<LYRICS>\none\ntwo\n</lyrics><BPM>99</BPM><MOOD>dark</MOOD>",
            [("caption", "a < b İ"), ("lyrics", "one\ntwo"), ("bpm", "99"), (None, "dark"), (None, "zz")],
        ),
        ("song.txt", "<BPM>9 <CAPTION>x</CAPTION>", [("caption", "x"), (None, "<BPM>9")]),
        ("song.txt", "<LYRICS>\nnever closed", [("caption", "<LYRICS> never closed")]),
        (
            "song.json", '{"caption": "a", "bpm": 120, "keyscale": "C major", "timesignature": "4", "id": "x", '
            '"is_instrumental": true, "moods": ["dark", "slow"], "prompt_override": null, "labels": {"a": [1]}}',
            [
                ("caption", "a"), ("bpm", "120"), ("key", "C major"), ("signature", "4"), (None, "x"),
                ("is_instrumental", "true"), (None, "dark, slow"), (None, '{"a": [1]}'),
            ],
        ),
        ("song.json", '{"lyrics": ["one", "two"], "bpm": NaN}', [("lyrics", "one\ntwo"), ("bpm", "NaN")]),
        ("song.json", '{"caption": "\\ud800a\\u202e\\u0007b", "caption": "c"}', [("caption", "a b"), ("caption", "c")]),
        (
            "song.metadata.csv", 'File, BPM,Key,caption,Camelot\nMy Tune.wav,128,F# minor,"slow, dark",8A\n',
            [(None, "My Tune.wav"), ("bpm", "128"), ("key", "F# minor"), ("caption", "slow, dark"), (None, "8A")],
        ),
        ("song.metadata.csv", "file,bpm,key\n\nsong.wav,90\n", [(None, "song.wav"), ("bpm", "90")]),
        (
            "song.metadata.csv", "file,bpm\nother.wav,1\n./Song.wav,2\nx/Song.wav.bak,3\n",
            [(None, "./Song.wav"), ("bpm", "2")],
        ),
        ("song.txt", "", []),
        ("song.json", "{}", []),
    ],
)  # fmt: skip
def test_each_form_is_read(tmp_path: Path, name: str, text: str, expected: list[tuple[str | None, str]]) -> None:
    assert fields(read(tmp_path, name, text)) == expected


def test_unknown_keys_are_kept_with_their_names(tmp_path: Path) -> None:
    sidecar = read(tmp_path, "song.txt", "caption: x\nMy Rating: 5\nurl: https://x.test/a")
    assert [(said.key, said.text) for said in sidecar.said] == [
        ("caption", "x"), ("My Rating", "5"), ("url", "https://x.test/a"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [
        codecs.BOM_UTF8 + "bpm: 90\ncaption: Café".encode(),
        "bpm: 90\ncaption: Café".encode("utf-16"),
        codecs.BOM_UTF16_BE + "bpm: 90\ncaption: Café".encode("utf-16-be"),
        "bpm: 90\ncaption: Café".encode("utf-32"),
        "bpm: 90\rcaption: Cafe\u0301".encode(),
    ],
)
def test_each_encoding_with_a_mark_is_read(tmp_path: Path, data: bytes) -> None:
    assert fields(read(tmp_path, "song.txt", data)) == [("bpm", "90"), ("caption", "Café")]


def test_what_is_not_utf_8_is_read_as_windows_1252_and_said_to_be(tmp_path: Path) -> None:
    sidecar = read(tmp_path, "song.txt", "Café “x”".encode("cp1252"))
    assert [said.text for said in sidecar.said] == ["Café “x”"]
    assert sidecar.problems == ("'song.txt': is not UTF-8 and was read as Windows-1252",)


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("song.txt", b"x" * (MAX_SIDECAR_BYTES + 1), "is larger than"),
        ("song.txt", b"\x89PNG\r\n\x00\x01", "is no text"),
        ("song.txt", "no mark".encode("utf-16-le"), "is no text"),
        ("song.txt", b"caf\x81", "neither UTF-8 nor Windows-1252"),
        ("song.txt", b"\xff\xfe\x00", "begins as UTF-16"),
        ("song.json", b"[" * 500_000, "nested too deeply"),
        ("song.json", b'{"a":' * 150_000, "nested too deeply"),
        ("song.json", b'{"bpm": ' + b"9" * 5000 + b"}", "is not valid JSON"),
        ("song.json", b"{'bpm': 9}", "is not valid JSON"),
        ("song.json", b'["a", "b"]', "holds no JSON object"),
        ("song.metadata.csv", b"file,bpm\n", "holds 0 rows, of which 0 name"),
        ("song.metadata.csv", b"file,bpm\nx.wav,1\ny.wav,2\n", "holds 2 rows, of which 0 name"),
        ("song.metadata.csv", b"file,bpm\nsong.wav,1\nsong.flac,2\n", "holds 2 rows, of which 2 name"),
        ("song.metadata.csv", b"file,caption\nsong.wav,slow, dark\n", "3 cells under 2 columns"),
        ("song.metadata.csv", b'file,caption\nsong.wav,"' + b"x" * 200_000, "is no CSV that can be read"),
        ("song.json", b'{"samples": [{"filename": "x.wav"}, {"filename": "y.wav"}]}', "none of which names a file"),
    ],
)
def test_a_hostile_file_is_a_fault_of_its_own(tmp_path: Path, name: str, data: bytes, told: str) -> None:
    sidecar = read(tmp_path, name, data)
    assert sidecar.said == ()
    assert told in str(sidecar.fault)
    assert name in sidecar.problems[0]


@pytest.mark.parametrize(
    "text",
    [
        "<caption>" * 100_000,
        "<LYRICS>" + "".join(f"<t{i}>" for i in range(100_000)) + "</LYRICS>",
        "".join(f"<t{i}>" for i in range(60_000)) + "</lyrics>" + "".join(f"</t{i}>" for i in range(30_000)),
        "caption: x\n" + "a: b\n" * 190_000,
        "lyrics: x\n" + "genre:\n" * 140_000,
        "[00:01.00" * 100_000,
        "caption: " + "a " * 500_000,
        "\n" * 1_000_000 + "x",
        " " * 1_000_000 + "x",
        " \n" * 500_000,
        "[chorus" * 140_000,
        "key" + " " * 1_000_000 + "x\ncaption: y",
    ],
)
def test_a_hostile_text_costs_no_more_than_its_size(tmp_path: Path, text: str) -> None:
    with ends():
        sidecar = read(tmp_path, "song.txt", text)
    assert len(sidecar.said) <= 200
    assert all(len(said.text) <= 50_000 for said in sidecar.said)


def test_links_that_leave_the_library_pipes_and_folders_are_not_opened(tmp_path: Path) -> None:
    folder = tmp_path / "songs" / "one"
    folder.mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    (folder / "song.txt").symlink_to(tmp_path / "secret")
    os.mkfifo(folder / "song.lrc")
    (folder / "song.json").mkdir()
    files = find_song(DataPaths(tmp_path), "one")
    told = [sidecar.fault for sidecar in read_sidecars(files.sidecars, "one")]
    assert told == ["is not a regular file", "is not a regular file", "is a symbolic link that leaves its folder"]


@pytest.mark.parametrize(
    ("name", "base", "ending"),
    [
        ("Song.TXT", "Song", ".txt"),
        ("a.b.caption.txt", "a.b", ".caption.txt"),
        ("Cafe\u0301.lrc", "Café", ".lrc"),
        ("song.txt", "Song", None),
        ("song2.txt", "song", None),
        ("song.txt.bak", "song", None),
        ("song.doc", "song", None),
        (".txt", "", ".txt"),
    ],
)
def test_a_sidecar_is_known_by_the_name_of_its_song(name: str, base: str, ending: str | None) -> None:
    assert sidecar_ending(name, base) == ending


@pytest.mark.parametrize(
    ("field", "text", "claim"),
    [
        ("bpm", "128", "128 BPM"), ("bpm", "127.98 bpm", "127.98 BPM"), ("bpm", "93,5", "93.5 BPM"),
        ("bpm", "fast", None), ("bpm", "0", None), ("bpm", "1e9", None), ("bpm", "-120", None),
        ("key", "F#m", "in F# minor"), ("key", "CM", "in C major"), ("key", "Cm", "in C minor"),
        ("key", "b♭ Major", "in Bb major"), ("key", "A minor", "in A minor"), ("key", "D dorian", "in D dorian"),
        ("key", "C", "in the key of C"), ("key", "8A", None), ("key", "A, E", None),
        ("signature", "4", "in 4/4 time"), ("signature", "6", "in 6/8 time"), ("signature", "7/8", "in 7/8 time"),
        ("signature", "5", None), ("signature", "common", None),
        ("is_instrumental", "True", "instrumental"), ("is_instrumental", "0", "with vocals"),
        ("is_instrumental", "maybe", None),
    ],
)  # fmt: skip
def test_a_fact_becomes_a_claim_that_can_be_checked(field: str, text: str, claim: str | None) -> None:
    assert claim_of(field, text) == claim  # type: ignore[arg-type]


def test_marks_in_place_of_lyrics_are_no_words() -> None:
    assert [is_no_words(text) for text in ("[Instrumental]", "[Vocals]", "", " [ ] ", "[Verse]\nla")] == [
        True, True, True, True, False,
    ]  # fmt: skip
    assert [says_instrumental(text) for text in ("[Instrumental]", "(inst)", "[Vocals]")] == [True, True, False]


# What our own exports write is read back whole


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Exports of the two layouts that have sidecars, by their real code."""
    folder = tmp_path_factory.mktemp("exported")
    for name, target in (("ace", AceStep()), ("craft", AudioCraft())):
        export(target, made_source(1), folder / name, ExportOptions(folder=str(folder / name), custom_tag="zz"))
    return folder


def sidecars_of(folder: Path, base: str, tmp_path: Path) -> dict[str, list[tuple[str | None, str]]]:
    """Read every sidecar of an exported sound as if it had been added."""
    for path in folder.glob(f"{base}*"):
        if ending := sidecar_ending(path.name, base):
            (tmp_path / f"song{ending}").write_bytes(path.read_bytes())
    files = [SidecarFile(path.name, path) for path in tmp_path.iterdir()]
    return {sidecar.name: fields(sidecar) for sidecar in read_sidecars(files, "one")}


def rows_of(exported: Path) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads((exported / "ace/dataset.json").read_text())["samples"]
    return rows


def test_ace_steps_sidecars_come_back_whole(exported: Path, tmp_path: Path) -> None:
    assert len(rows_of(exported)) >= 2
    for number, row in enumerate(rows_of(exported)):
        (folder := tmp_path / str(number)).mkdir()
        found = sidecars_of(exported / "ace/audio/train", str(row["id"]), folder)
        lyrics = {} if row["is_instrumental"] else {"song.lyrics.txt": [("lyrics", row["lyrics"])]}
        assert found == {"song.caption.txt": [("caption", row["caption"])], **lyrics}


def test_side_steps_and_ai_toolkits_sidecars_come_back_whole(exported: Path, tmp_path: Path) -> None:
    for number, row in enumerate(rows_of(exported)):
        (side := tmp_path / f"{number}s").mkdir()
        (kit := tmp_path / f"{number}k").mkdir()
        facts = [("bpm", str(row["bpm"])), ("key", row["keyscale"]), ("signature", row["timesignature"])]
        assert sidecars_of(exported / "ace/side-step/train", f"{row['id']}-side-step", side) == {
            "song.txt": [
                ("caption", row["caption"]), ("genre", row["genre"]), *facts,
                ("is_instrumental", str(row["is_instrumental"]).lower()), ("custom_tag", "zz"),
                ("lyrics", row["lyrics"]),
            ]
        }  # fmt: skip
        assert sidecars_of(exported / "ace/ai-toolkit/train", f"{row['id']}-ai-toolkit", kit) == {
            "song.txt": [
                ("caption", f"zz, {row['caption']}"), ("lyrics", row["lyrics"]), *facts,
                (None, str(row["duration"])), ("language", "unknown"),
            ]
        }  # fmt: skip


def test_a_row_of_ace_steps_dataset_is_found_by_the_name_of_its_file(exported: Path, tmp_path: Path) -> None:
    data = (exported / "ace/dataset.json").read_bytes()
    for row in rows_of(exported):
        song_id = str(row["id"]).replace(".", "-")
        said = {one.key: one.text for one in read(tmp_path, "song.json", data, song_id).said}
        shown = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in row.items()}
        assert said == {key: text for key, text in shown.items() if row[key] not in {None, ""}}


def test_the_row_of_ace_steps_table_comes_back_for_each_sound(exported: Path, tmp_path: Path) -> None:
    for number, row in enumerate(rows_of(exported)):
        sound = exported / "ace/audio/train" / str(row["filename"])
        tables = [found for found in sidecars_beside(sound) if found.own_table is not None]
        assert [stored_name(found) for found in tables] == ["song.metadata.csv"]
        (folder := tmp_path / str(number)).mkdir()
        assert fields(read(folder, "song.metadata.csv", tables[0].contents())) == [
            (None, row["filename"]), ("bpm", str(row["bpm"])), ("key", row["keyscale"]),
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("file,bpm\nx.wav,1\nMy Tune.wav,2\n", "file,bpm\nMy Tune.wav,2\n"),
        ("\ufeffFILE;,file\r\n1,My Tune\r\n", "FILE;,file\n1,My Tune\n"),
        ('file,caption\n"My Tune.wav","a ""b"", c\nd"\n', 'file,caption\nMy Tune.wav,"a ""b"", c\nd"\n'),
        ("file,bpm\n./My Tune.wav,1\n./My Tune.wav,1\n", "file,bpm\n./My Tune.wav,1\n"),
        ("file,bpm\nelse/My Tune.wav,1\n/My Tune.wav,1\nmy tune.wav,1\nMy Tune.wav2,1\n", None),
        ("name,bpm\nMy Tune.wav,1\n", None),
        ("file;bpm\nMy Tune.wav;1\n", None),
        ("a,file\nx\n", None),
        ("", None),
    ],
)
def test_only_the_row_of_the_sound_is_kept_of_a_table(tmp_path: Path, text: str, kept: str | None) -> None:
    (tmp_path / "metadata.csv").write_bytes(text.encode())
    tables = sidecars_beside(tmp_path / "My Tune.wav")
    assert [found.contents().decode() for found in tables] == ([] if kept is None else [kept])


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b'file,x\n"' + b"x" * 200_000, "is no CSV that can be read"),
        (b"file,bpm\nMy Tune.wav,1\nMy Tune,2\n", "in 2 rows that differ"),
        (b"\x00\x01", "is no text"),
        (b"file\n" + b"x\n" * 8_400_000, "is larger than"),
    ],
)
def test_a_table_that_cannot_be_used_is_named(tmp_path: Path, data: bytes, told: str) -> None:
    (tmp_path / "metadata.csv").write_bytes(data)
    with pytest.raises(LibraryError, match=told) as refused:
        sidecars_beside(tmp_path / "My Tune.wav")
    assert "metadata.csv" in str(refused.value)


def test_a_table_that_leads_elsewhere_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("file,caption\nMy Tune.wav,secret\n")
    (folder := tmp_path / "inbox").mkdir()
    (folder / "metadata.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(LibraryError, match="symbolic link"):
        sidecars_beside(folder / "My Tune.wav")


def test_a_large_table_costs_no_more_than_its_size(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_bytes(b"file,bpm\n" + b"a,1\n" * 2_000_000 + b",,,,,,,\n" * 900_000)
    with ends():
        assert sidecars_beside(tmp_path / "My Tune.wav") == []


def test_audiocrafts_sidecars_come_back_whole(exported: Path, tmp_path: Path) -> None:
    song, _ = made_source(1).load("song-00")
    paths = sorted((exported / "craft/audio/train").glob("*.json"))
    assert len(paths) > 5
    for path in paths:
        row = json.loads(path.read_text())
        clip = next(clip for clip in song.clips if base_name("song-00", clip) == path.stem)
        said = {one.key: (one.field, one.text) for one in read(tmp_path, "song.json", path.read_bytes()).said}
        assert said == {
            "title": ("title", song.title), "artist": ("artist", song.artist), "genre": ("genre", "rock"),
            "key": ("key", key_name(clip.key)), "bpm": ("bpm", str(whole_bpm(clip.tempo_bpm))),
            "description": ("caption", row["description"]), "name": (None, path.stem),
            "instrument": (None, row["instrument"]),
        }  # fmt: skip
        assert metre_number(clip.metre) == "4"
