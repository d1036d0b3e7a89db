"""Adding songs to the library and removing them: whole or not at all, never twice, never from outside."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import FileLock

from flamingo_bark_assets.errors import LibraryError
from flamingo_bark_assets.library.importing import add_song, remove_song
from flamingo_bark_assets.library.layout import DataPaths, find_song, find_unlisted, list_song_ids
from flamingo_bark_assets.library.song_toml import SongInfo


@pytest.fixture
def paths(tmp_path: Path) -> DataPaths:
    return DataPaths(tmp_path / "data")


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def sound(folder: Path, name: str, content: bytes | None = None) -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_bytes(os.fsencode(name) if content is None else content)
    return path


def tree(folder: Path) -> list[str]:
    """All files and links below a folder, but the lock, relative to it."""
    files = [p.relative_to(folder) for p in folder.rglob("*") if p.is_symlink() or not p.is_dir()]
    return sorted(str(p) for p in files if p.name != ".lock")


def hidden_folders(paths: DataPaths) -> list[str]:
    return [p.name for p in paths.songs.iterdir() if p.name.startswith(".") and p.is_dir()]


# What is stored


def test_a_song_is_stored_with_stems_and_info(paths: DataPaths, inbox: Path) -> None:
    mix = sound(inbox, "My Song.WAV", b"mix")
    sound(inbox, "stems/01 - Drums.wav", b"drums")
    sound(inbox, "stems/LeadVocals.MP3", b"vocals")
    sound(inbox, "stems/notes.txt")
    sound(inbox, "stems/.hidden.wav")
    song = add_song(paths, mix, stems_dir=inbox / "stems", info=SongInfo(artist="A"))
    assert song == find_song(paths, "my-song")
    assert song.fault is None
    assert song.info == SongInfo(artist="A")
    assert [(s.kind, s.fault) for s in song.stems] == [("drums", None), ("vocals", None)]
    assert tree(paths.songs) == [
        "my-song/song.toml",
        "my-song/song.wav",
        "my-song/stems/01 - Drums.wav",
        "my-song/stems/LeadVocals.mp3",
    ]
    assert (paths.songs / "my-song" / "song.wav").read_bytes() == b"mix"
    assert (paths.songs / "my-song" / "stems" / "01 - Drums.wav").read_bytes() == b"drums"


def test_without_info_there_is_no_song_toml(paths: DataPaths, inbox: Path) -> None:
    add_song(paths, sound(inbox, "a.flac"))
    assert tree(paths.songs) == ["a/song.flac"]


def test_the_source_is_left_as_it_was(paths: DataPaths, inbox: Path) -> None:
    mix = sound(inbox, "a.wav", b"x")
    song = add_song(paths, mix)
    assert song.mix is not None
    song.mix.write_bytes(b"changed")
    assert mix.read_bytes() == b"x"


def test_the_id_comes_from_the_title_first_then_from_the_file_name(paths: DataPaths, inbox: Path) -> None:
    assert add_song(paths, sound(inbox, "track 01.wav"), info=SongInfo(title="Élan")).song_id == "elan"
    assert add_song(paths, sound(inbox, "track 02.wav")).song_id == "track-02"
    assert add_song(paths, sound(inbox, "音楽.wav")).song_id == "song"


def test_an_id_that_is_taken_by_another_song_gets_a_number(paths: DataPaths, inbox: Path) -> None:
    ids = [add_song(paths, sound(inbox, f"{n}/a.wav", bytes([n]))).song_id for n in range(3)]
    assert ids == ["a", "a-2", "a-3"]
    long = [add_song(paths, sound(inbox, f"{n}/{'x' * 120}.wav", bytes([9, n]))).song_id for n in range(2)]
    assert long == ["x" * 100, "x" * 98 + "-2"]


def test_an_explicit_id_is_used(paths: DataPaths, inbox: Path) -> None:
    assert add_song(paths, sound(inbox, "a.wav"), song_id="chosen_1").song_id == "chosen_1"


def test_the_mix_is_no_stem_where_it_lies_among_the_stems(paths: DataPaths, inbox: Path) -> None:
    mix = sound(inbox, "full mix.wav")
    sound(inbox, "bass.wav")
    song = add_song(paths, mix, stems_dir=inbox)
    assert [stem.name for stem in song.stems] == ["bass"]


def test_a_hard_link_shares_the_data(paths: DataPaths, inbox: Path) -> None:
    mix = sound(inbox, "a.wav")
    stem = sound(inbox, "stems/drums.wav")
    song = add_song(paths, mix, stems_dir=stem.parent, link=True)
    assert song.mix is not None
    assert song.stems[0].path is not None
    assert song.mix.samefile(mix)
    assert song.stems[0].path.samefile(stem)


def test_a_hard_link_that_cannot_be_made_becomes_a_copy(
    paths: DataPaths, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    mix = sound(inbox, "a.wav", b"x")
    song = add_song(paths, mix, link=True)
    assert song.mix is not None
    assert song.mix.read_bytes() == b"x"
    assert not song.mix.samefile(mix)


@pytest.mark.parametrize("link", [False, True])
def test_a_link_that_the_user_names_is_stored_as_a_regular_file(paths: DataPaths, inbox: Path, link: bool) -> None:
    real = sound(inbox, "real/take7.wav", b"x")
    sound(inbox, "real/stems/drums.wav")
    (inbox / "latest.wav").symlink_to(real)
    (inbox / "stems").symlink_to(inbox / "real" / "stems")
    song = add_song(paths, inbox / "latest.wav", stems_dir=inbox / "stems", link=link)
    assert song.song_id == "latest"
    assert song.mix is not None
    assert song.mix.read_bytes() == b"x"
    assert not any(p.is_symlink() for p in paths.songs.rglob("*"))


# Hostile names


@pytest.mark.parametrize(
    ("name", "song_id"),
    [
        ("-rf.wav", "rf"),
        ('it\'s "quoted".wav', "it-s-quoted"),
        ("new\nline.wav", "new-line"),
        ("Ünï çödé.wav", "uni-code"),
        ("  .wav", "song"),
        ("...a.wav.wav", None),
        ("$(touch x);`y`.wav", "touch-x-y"),
        ("x" * 251 + ".wav", "x" * 100),
        ("con.wav", "con"),
    ],
)
def test_odd_file_names_are_stored_or_refused(paths: DataPaths, inbox: Path, name: str, song_id: str | None) -> None:
    file = sound(inbox, name)
    if song_id is None:
        with pytest.raises(LibraryError, match="ending of a sound file"):
            add_song(paths, file)
    else:
        assert add_song(paths, file).song_id == song_id
        assert find_unlisted(paths) == []


def test_a_file_name_that_is_not_utf8_is_stored(paths: DataPaths, inbox: Path) -> None:
    file = sound(inbox, os.fsdecode(b"caf\xe9.wav"))
    assert add_song(paths, file).song_id == "caf"


@pytest.mark.parametrize("song_id", ["../evil", "..", "a/b", "", "A", "x" * 101, "a\n", "-a"])
def test_an_id_that_is_none_is_refused_and_nothing_is_written(paths: DataPaths, inbox: Path, song_id: str) -> None:
    with pytest.raises(LibraryError, match="not a song id"):
        add_song(paths, sound(inbox, "a.wav"), song_id=song_id)
    assert not paths.root.exists()


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("-drums.wav", "drums.wav"),
        ("song (Drums) 'x'.wav", "song (Drums) 'x'.wav"),
        ('"drums".wav', "drums.wav"),
        ("drums\nnew.wav", "drums_new.wav"),
        ("a\\b:drums?.wav", "a_b_drums.wav"),
        ("  drums é 音 .wav", "drums é 音.wav"),
        (os.fsdecode(b"drums\xff1.wav"), "drums_1.wav"),
        ("x" * 245 + " drums.wav", "x" * 245 + " drums.wav"),
    ],
)
def test_stem_names_are_cleaned_and_keep_their_kind(paths: DataPaths, inbox: Path, name: str, stored: str) -> None:
    sound(inbox, f"stems/{name}", b"x")
    (stem,) = add_song(paths, sound(inbox, "a.wav"), stems_dir=inbox / "stems").stems
    assert stem.path is not None
    assert stem.path.name == stored
    assert (stem.kind, stem.fault) == ("drums", None)


def test_a_stem_name_without_any_usable_character_is_stored(paths: DataPaths, inbox: Path) -> None:
    sound(inbox, "stems/???.wav")
    (stem,) = add_song(paths, sound(inbox, "a.wav"), stems_dir=inbox / "stems").stems
    assert stem.name == "stem"


def test_stems_that_would_take_one_name_are_refused_by_both_names(paths: DataPaths, inbox: Path) -> None:
    sound(inbox, "stems/a:drums.wav")
    sound(inbox, "stems/a?drums.wav")
    with pytest.raises(LibraryError, match="rename one") as caught:
        add_song(paths, sound(inbox, "a.wav"), stems_dir=inbox / "stems")
    assert "'a:drums.wav'" in str(caught.value)
    assert "'a?drums.wav'" in str(caught.value)


# Refusals


@pytest.mark.parametrize("name", ["a.txt", "a", ".wav", "a.wav.exe", ".hidden.wav"])
def test_a_file_that_is_no_sound_file_by_name_is_refused(paths: DataPaths, inbox: Path, name: str) -> None:
    with pytest.raises(LibraryError, match=r"ending of a sound file.*\.wav"):
        add_song(paths, sound(inbox, name))


def test_a_missing_file_a_folder_a_pipe_and_a_dead_link_are_refused(paths: DataPaths, inbox: Path) -> None:
    (inbox / "folder.wav").mkdir()
    os.mkfifo(inbox / "pipe.wav")
    (inbox / "dead.wav").symlink_to("none")
    (inbox / "loop.wav").symlink_to("loop.wav")
    for name in ["missing.wav", "folder.wav", "pipe.wav", "dead.wav", "loop.wav"]:
        with pytest.raises(LibraryError, match=name):
            add_song(paths, inbox / name)
    with pytest.raises(LibraryError, match="cannot be opened"):
        add_song(paths, inbox / "a\x00b.wav")
    assert not paths.root.exists()


def test_a_stems_folder_without_sound_is_refused(paths: DataPaths, inbox: Path) -> None:
    mix = sound(inbox, "a.wav")
    sound(inbox, "stems/readme.txt")
    sound(inbox, "stems/deeper/drums.wav")
    for folder, problem in [
        ("stems", "no sound file"),
        ("none", "no such stems folder"),
        ("a.wav", "no such"),
    ]:
        with pytest.raises(LibraryError, match=problem):
            add_song(paths, mix, stems_dir=inbox / folder)
    assert not paths.root.exists()


def test_a_stem_that_links_out_of_its_folder_is_refused(paths: DataPaths, inbox: Path) -> None:
    secret = sound(inbox, "secret.wav")
    sound(inbox, "stems/bass.wav")
    (inbox / "stems" / "drums.wav").symlink_to(secret)
    with pytest.raises(LibraryError, match=r"drums\.wav.*symbolic link"):
        add_song(paths, sound(inbox, "a.wav"), stems_dir=inbox / "stems")
    assert not paths.root.exists()


@pytest.mark.parametrize("link", [False, True])
def test_a_stem_that_links_within_its_folder_is_stored_as_a_file(paths: DataPaths, inbox: Path, link: bool) -> None:
    sound(inbox, "stems/bass_v2.wav", b"x")
    (inbox / "stems" / "bass.wav").symlink_to("bass_v2.wav")
    song = add_song(paths, sound(inbox, "a.wav"), stems_dir=inbox / "stems", link=link)
    assert song.stems[0].path is not None
    assert not song.stems[0].path.is_symlink()
    assert song.stems[0].path.read_bytes() == b"x"


def test_the_same_mix_is_refused_by_the_name_of_the_song_that_has_it(paths: DataPaths, inbox: Path) -> None:
    add_song(paths, sound(inbox, "first.wav", b"same"), song_id="holder")
    add_song(paths, sound(inbox, "other.wav", b"diff"))
    for song_id in [None, "new"]:
        with pytest.raises(LibraryError, match="the song 'holder' has the same mix"):
            add_song(paths, sound(inbox, "second.mp3", b"same"), song_id=song_id)
    assert list_song_ids(paths) == ["holder", "other"]


def test_mixes_of_one_size_that_differ_at_the_very_end_are_two_songs(paths: DataPaths, inbox: Path) -> None:
    long = bytes(600_000)
    add_song(paths, sound(inbox, "a.wav", long + b"1"))
    assert add_song(paths, sound(inbox, "b.wav", long + b"2")).song_id == "b"
    with pytest.raises(LibraryError, match="the song 'a' has the same mix"):
        add_song(paths, sound(inbox, "c.wav", long + b"1"))


def test_a_song_that_cannot_be_read_does_not_stop_an_import(paths: DataPaths, inbox: Path) -> None:
    (paths.songs / "broken" / "song.wav").mkdir(parents=True)
    outside = sound(inbox, "outside.wav", b"x")
    (paths.songs / "linked").mkdir()
    (paths.songs / "linked" / "song.wav").symlink_to(outside)
    (paths.songs / "dead").mkdir()
    (paths.songs / "dead" / "song.wav").symlink_to("none")
    assert add_song(paths, sound(inbox, "a.wav", b"x")).song_id == "a"


def test_an_id_that_is_taken_is_refused_and_the_song_there_is_kept(paths: DataPaths, inbox: Path) -> None:
    add_song(paths, sound(inbox, "a.wav", b"first"), song_id="one")
    (paths.songs / "empty").mkdir()
    for song_id in ["one", "empty"]:
        with pytest.raises(LibraryError, match=f"there is a song '{song_id}' already"):
            add_song(paths, sound(inbox, "b.wav", b"second"), song_id=song_id)
    assert (paths.songs / "one" / "song.wav").read_bytes() == b"first"
    assert tree(paths.songs / "empty") == []


# Whole or not at all


def test_an_error_half_way_leaves_nothing(paths: DataPaths, inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        assert list_song_ids(paths) == []
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("flamingo_bark_assets.library.importing.write_song_info", full)
    with pytest.raises(LibraryError, match=r"'a\.wav': cannot be added to .*songs: No space left on device; free"):
        add_song(paths, sound(inbox, "a.wav"), info=SongInfo(title="x"))
    assert tree(paths.songs) == []
    assert hidden_folders(paths) == []


def test_an_interrupt_leaves_nothing(paths: DataPaths, inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("flamingo_bark_assets.library.importing.write_song_info", interrupt)
    with pytest.raises(KeyboardInterrupt):
        add_song(paths, sound(inbox, "a.wav"), info=SongInfo(title="x"))
    assert hidden_folders(paths) == []


def test_a_killed_import_is_no_song_and_is_cleaned_up_by_the_next(paths: DataPaths, inbox: Path) -> None:
    mix = sound(inbox, "a.wav")
    sound(inbox, "stems/drums.wav")
    script = (
        "import os, sys; from pathlib import Path\n"
        "from flamingo_bark_assets.library import importing\n"
        "from flamingo_bark_assets.library.layout import DataPaths\n"
        "importing.sync_folder = lambda folder: os.kill(os.getpid(), 9)\n"
        "importing.add_song(DataPaths(Path(sys.argv[1])), Path(sys.argv[2]), stems_dir=Path(sys.argv[3]))\n"
    )
    arguments = [str(paths.root), str(mix), str(inbox / "stems")]
    killed = subprocess.run([sys.executable, "-c", script, *arguments], check=False)
    assert killed.returncode == -9
    assert len(hidden_folders(paths)) == 1
    assert list_song_ids(paths) == []
    assert find_unlisted(paths) == []
    assert add_song(paths, mix, stems_dir=inbox / "stems").fault is None
    assert hidden_folders(paths) == []


def test_the_staging_folder_of_another_import_that_is_still_copying_is_kept(paths: DataPaths, inbox: Path) -> None:
    mix = sound(inbox, "a.wav")
    script = (
        "import sys; from pathlib import Path\n"
        "from flamingo_bark_assets.library import importing\n"
        "from flamingo_bark_assets.library.layout import DataPaths\n"
        "really = importing._store\n"
        "def slowly(*args, **kwargs): print('copying', flush=True); sys.stdin.readline(); really(*args, **kwargs)\n"
        "importing._store = slowly\n"
        "importing.add_song(DataPaths(Path(sys.argv[1])), Path(sys.argv[2]))\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", script, str(paths.root), str(mix)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert other.stdout is not None
    assert other.stdout.readline() == "copying\n"
    add_song(paths, sound(inbox, "b.wav"))
    other.communicate("go on\n")
    assert other.returncode == 0
    assert list_song_ids(paths) == ["a", "b"]
    assert hidden_folders(paths) == []


def test_of_many_imports_of_one_mix_at_once_one_wins(paths: DataPaths, inbox: Path) -> None:
    files = [sound(inbox, f"{n}.wav", b"same") for n in range(6)]

    def attempt(file: Path) -> str | None:
        try:
            return add_song(paths, file).song_id
        except LibraryError as error:
            assert "has the same mix" in str(error)
            return None

    with ThreadPoolExecutor(6) as pool:
        added = [song_id for song_id in pool.map(attempt, files) if song_id]
    assert len(added) == 1
    assert list_song_ids(paths) == added


def test_imports_at_once_that_want_one_id_get_different_ones(paths: DataPaths, inbox: Path) -> None:
    files = [sound(inbox, f"{n}/a.wav", b"%d" % n) for n in range(6)]
    with ThreadPoolExecutor(6) as pool:
        ids = list(pool.map(lambda file: add_song(paths, file).song_id, files))
    assert sorted(ids) == ["a", "a-2", "a-3", "a-4", "a-5", "a-6"]


def test_an_import_does_not_finish_while_another_one_holds_the_library(
    paths: DataPaths, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flamingo_bark_assets.library.importing._LOCK_TIMEOUT_S", 0.05)
    paths.songs.mkdir(parents=True)
    with FileLock(paths.songs / ".lock"), pytest.raises(LibraryError, match="lock"):
        add_song(paths, sound(inbox, "a.wav"))
    assert list_song_ids(paths) == []


# Removing


def test_a_song_is_removed_with_everything_derived_from_it(paths: DataPaths, inbox: Path) -> None:
    for name in ["one.wav", "one-2.wav"]:
        add_song(paths, sound(inbox, name))
    for song_id in ["one", "one-2"]:
        sound(paths.features, f"songs/{song_id}.results")
        sound(paths.features, f"measured/songs/{song_id}.results")
        for name in ["bark_training_dataset_{}.json", "training_instructions_{}.md", "manifest_entry_{}.json"]:
            sound(paths.datasets, name.format(song_id))
    sound(paths.datasets, "manifest.jsonl")
    sound(paths.root, "warehouse.duckdb")
    remove_song(paths, "one")
    assert list_song_ids(paths) == ["one-2"]
    assert not [name for name in tree(paths.root) if "one" in name and "one-2" not in name]
    assert len(tree(paths.root)) == 1 + 2 + 3 + 2  # mix, tables, dataset, manifest and warehouse
    assert hidden_folders(paths) == []


@pytest.mark.parametrize("song_id", ["songs", "features", "exports"])
def test_a_song_named_like_a_folder_of_the_platform_does_not_take_it_along(
    paths: DataPaths, inbox: Path, song_id: str
) -> None:
    root = DataPaths(paths.root, datasets_folder=".")
    add_song(paths, sound(inbox, "other.wav"))
    add_song(paths, sound(inbox, "a.wav"), song_id=song_id)
    sound(paths.songs, f"bark_training_dataset_{song_id}.json")
    sound(paths.features, f"bark_training_dataset_{song_id}.json")
    sound(paths.root / "exports", "other.tar")
    remove_song(root, song_id)
    assert list_song_ids(paths) == ["other"]
    assert paths.features.exists()
    assert (paths.root / "exports" / "other.tar").exists()


def test_removing_what_is_not_there_is_an_error(paths: DataPaths) -> None:
    sound(paths.songs, "file", b"no song")
    for song_id in ["none", "file"]:
        with pytest.raises(LibraryError, match=f"there is no song '{song_id}'"):
            remove_song(paths, song_id)
    assert (paths.songs / "file").exists()


@pytest.mark.parametrize("song_id", ["../inbox", "..", ".", "", "a/../b"])
def test_nothing_outside_the_library_can_be_removed(paths: DataPaths, inbox: Path, song_id: str) -> None:
    sound(inbox, "precious.wav")
    with pytest.raises(LibraryError, match="not a song id"):
        remove_song(paths, song_id)
    assert tree(inbox) == ["precious.wav"]


def test_removing_a_song_that_is_a_link_keeps_what_it_leads_to(paths: DataPaths, inbox: Path) -> None:
    sound(inbox, "song.wav")
    paths.songs.mkdir(parents=True)
    (paths.songs / "one").symlink_to(inbox)
    (paths.features / "raw_song").mkdir(parents=True)
    (paths.features / "linked").symlink_to(inbox)
    sound(inbox, "one.parquet")
    remove_song(paths, "one")
    assert tree(inbox) == ["one.parquet", "song.wav"]
    assert tree(paths.songs) == []


def test_a_removal_that_was_cut_short_can_be_repeated(paths: DataPaths) -> None:
    sound(paths.features, "songs/one.results")
    remove_song(paths, "one")
    assert tree(paths.root) == []


def test_a_killed_removal_is_finished_by_the_next_import(paths: DataPaths, inbox: Path) -> None:
    add_song(paths, sound(inbox, "a.wav", b"x"))
    script = (
        "import os, sys; from pathlib import Path\n"
        "from flamingo_bark_assets.library import importing\n"
        "from flamingo_bark_assets.library.layout import DataPaths\n"
        "importing.delete_tree = lambda path: os.kill(os.getpid(), 9)\n"
        "importing.remove_song(DataPaths(Path(sys.argv[1])), 'a')\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(paths.root)], check=False).returncode == -9
    assert list_song_ids(paths) == []
    assert len(hidden_folders(paths)) == 1
    assert add_song(paths, sound(inbox, "a.wav", b"x")).song_id == "a"
    assert hidden_folders(paths) == []


# Disks that take no more


@pytest.fixture
def small_library(small_disk: Path) -> DataPaths:
    return DataPaths(small_disk / "data")


def test_a_full_disk_is_told_as_such_and_nothing_is_added(small_library: DataPaths, inbox: Path) -> None:
    mix = sound(inbox, "big.wav", bytes(4_000_000))
    with pytest.raises(LibraryError) as caught:
        add_song(small_library, mix)
    place = small_library.songs
    message = f"'big.wav': cannot be added to {place}: No space left on device; free some space and try again"
    assert str(caught.value) == message
    assert list_song_ids(small_library) == []
    assert hidden_folders(small_library) == []


def test_a_read_only_library_is_told_as_such_and_nothing_is_lost(small_library: DataPaths, inbox: Path) -> None:
    add_song(small_library, sound(inbox, "a.wav"))
    subprocess.run(["mount", "-o", "remount,ro", str(small_library.root.parent)], check=True)
    with pytest.raises(LibraryError, match=r"'b\.wav': cannot be added to .*: Read-only file system; let this user"):
        add_song(small_library, sound(inbox, "b.wav"))
    with pytest.raises(LibraryError, match=r"'a': cannot be removed from .*: Read-only file system; let this user"):
        remove_song(small_library, "a")
    assert list_song_ids(small_library) == ["a"]
