"""Songs that have come to rest are packed, and can be read, changed and removed at every moment of it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.errors import StorageError
from flamingo_bark_assets.storage import feature_store, packs
from flamingo_bark_assets.storage.feature_store import FeatureStore
from tests.evidence import make_evidence

SONGS = [f"song-{number}" for number in range(6)]


def put(store: FeatureStore, song_id: str, tempo_bpm: float = 120.0) -> None:
    evidence = make_evidence(song_id, song={"tempo_bpm": tempo_bpm})
    for record in (evidence.raw_song, evidence.song, evidence.drums):
        store.write(record)


def pack(store: FeatureStore) -> int:
    return store.pack(lambda _: nullcontext(True), at_least=1)


def tempo(store: FeatureStore, song_id: str) -> float | None:
    return store.read(SongFeatures, song_id).tempo_bpm.value


def is_whole(store: FeatureStore, song_id: str) -> bool:
    try:
        file = store.open(song_id)
        return file is not None and len(file.results()) == 3
    except StorageError:
        return False


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    """A store of `SONGS`, each of a tempo of its own."""
    store = FeatureStore(tmp_path / "features")
    for number, song_id in enumerate(SONGS):
        put(store, song_id, 100.0 + number)
    return store


def test_a_packed_song_is_read_as_before_and_has_no_file_of_its_own(store: FeatureStore) -> None:
    before = {song_id: (store.read(SongFeatures, song_id), store.token(song_id)) for song_id in SONGS}
    assert pack(store) == len(SONGS)
    assert {song_id: (store.read(SongFeatures, song_id), store.token(song_id)) for song_id in SONGS} == before
    assert not any(store.path(song_id).exists() for song_id in SONGS)
    assert sorted(path.name for path in store.packs.folder.glob("[!.]*")) == ["000001.json", "000001.pack"]
    assert store.song_ids() == SONGS


def test_few_songs_are_not_packed(store: FeatureStore) -> None:
    assert store.pack(lambda _: nullcontext(True), at_least=len(SONGS) + 1) == 0
    assert store.path(SONGS[0]).exists()


def test_a_packed_song_that_is_changed_is_its_new_self_and_keeps_its_other_results(store: FeatureStore) -> None:
    pack(store)
    drums = make_evidence(SONGS[1]).drums
    store.write(make_evidence(SONGS[1], song={"tempo_bpm": 77.0}).song)
    assert tempo(store, SONGS[1]) == 77.0
    assert store.read(type(drums), SONGS[1]) == drums
    assert pack(store) == 1
    assert (tempo(store, SONGS[1]), tempo(store, SONGS[2])) == (77.0, 102.0)


def test_a_song_that_is_removed_is_in_no_pack_and_can_come_back(store: FeatureStore) -> None:
    pack(store)
    store.remove([SONGS[0]])
    assert store.token(SONGS[0]) is None
    with pytest.raises(StorageError, match="no song_features yet"):
        store.read(SongFeatures, SONGS[0])
    put(store, SONGS[0], 55.0)
    assert tempo(store, SONGS[0]) == 55.0


def test_a_pack_of_which_little_counts_any_more_is_written_anew(store: FeatureStore) -> None:
    pack(store)
    for number, song_id in enumerate(SONGS[:2]):
        put(store, song_id, 60.0 + number)
    assert pack(store) == 2
    for number, song_id in enumerate(SONGS[:4]):
        put(store, song_id, 60.0 + number)
    assert pack(store) == len(SONGS)
    assert [path.name for path in store.packs.folder.glob("*.pack")] == ["000003.pack"]
    assert [tempo(store, song_id) for song_id in SONGS] == [60.0, 61.0, 62.0, 63.0, 104.0, 105.0]


def test_a_song_that_is_being_made_stays_as_it_is(store: FeatureStore) -> None:
    @contextmanager
    def guarded(song_id: str) -> Iterator[bool]:
        if song_id == SONGS[2]:
            put(store, song_id, 33.0)  # made anew between being packed and being cleared away
        yield song_id != SONGS[3]

    store.pack(guarded, at_least=1)
    assert tempo(store, SONGS[2]) == 33.0
    assert [store.path(song_id).exists() for song_id in SONGS[:4]] == [False, False, True, True]


def test_a_process_that_knows_the_packs_sees_those_of_another(store: FeatureStore) -> None:
    pack(store)
    assert tempo(store, SONGS[0]) == 100.0
    script = (
        "import sys; from contextlib import nullcontext; from pathlib import Path\n"
        "from flamingo_bark_assets.storage.feature_store import FeatureStore\n"
        "from tests.test_packs import put\n"
        "store = FeatureStore(Path(sys.argv[1])); put(store, 'song-0', 44.0)\n"
        "store.pack(lambda _: nullcontext(True), at_least=1)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(store.folder)], check=True)
    assert not store.path(SONGS[0]).exists()
    assert tempo(store, SONGS[0]) == 44.0


HALTED = """
import os, sys; from contextlib import nullcontext; from pathlib import Path
from flamingo_bark_assets.storage.feature_store import FeatureStore
really_replace, really_unlink = Path.replace, Path.unlink
def replace(self, target):
    if sys.argv[2] == f"before {Path(target).name}":
        os.kill(os.getpid(), 9)
    really_replace(self, target)
    if sys.argv[2] == f"after {Path(target).name}":
        os.kill(os.getpid(), 9)
def unlink(self, missing_ok=False):
    if sys.argv[2] == f"clearing {self.name}":
        os.kill(os.getpid(), 9)
    really_unlink(self, missing_ok=missing_ok)
Path.replace, Path.unlink = replace, unlink
FeatureStore(Path(sys.argv[1])).pack(lambda _: nullcontext(True), at_least=1)
"""


@pytest.mark.parametrize(
    "moment",
    ["before 000002.pack", "after 000002.pack", "after 000002.json", "clearing song-4.results", "clearing 000001.json",
     "clearing 000001.pack"],
)  # fmt: skip
def test_a_kill_while_songs_are_packed_loses_none_and_the_next_packing_repairs_it(
    store: FeatureStore, moment: str
) -> None:
    pack(store)
    for number, song_id in enumerate(SONGS[:5]):  # leaves so little of the pack that it is written anew
        put(store, song_id, 60.0 + number)
    killed = subprocess.run([sys.executable, "-c", HALTED, str(store.folder), moment], check=False)
    assert killed.returncode == -9
    expected = [60.0, 61.0, 62.0, 63.0, 64.0, 105.0]
    assert [tempo(store, song_id) for song_id in SONGS] == expected
    put(store, SONGS[0], 60.0)
    pack(store)
    assert [tempo(store, song_id) for song_id in SONGS] == expected
    indexed = {path.stem for path in store.packs.folder.glob("*.json")}
    assert {path.stem for path in store.packs.folder.glob("*.pack")} == indexed


def test_readers_never_miss_a_song_while_it_is_packed_and_made_anew(store: FeatureStore) -> None:
    done = threading.Event()
    seen: set[float | None] = set()
    faults: list[StorageError] = []

    def read() -> None:
        while not done.is_set():
            try:
                seen.update(tempo(store, song_id) for song_id in SONGS)
            except StorageError as error:
                faults.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(12):
            for number, song_id in enumerate(SONGS):
                put(store, song_id, 100.0 + number)
            pack(store)
    finally:
        done.set()
        reader.join()
    assert faults == []
    assert seen == {100.0 + number for number in range(len(SONGS))}


@pytest.mark.parametrize("file", ["000001.json", "000001.pack"])
def test_a_pack_that_is_lost_costs_its_songs_and_no_other(store: FeatureStore, file: str) -> None:
    pack(store)
    put(store, "other")
    (store.packs.folder / file).write_bytes(b"damaged")
    packs._catalogs.clear()
    assert tempo(store, "other") == 120.0
    with pytest.raises(StorageError, match=SONGS[0]):
        store.read(SongFeatures, SONGS[0])
    assert store.versions(SONGS[0]) == {}
    put(store, SONGS[0], 88.0)
    assert tempo(store, SONGS[0]) == 88.0


def test_a_byte_that_is_damaged_in_a_pack_costs_one_song(store: FeatureStore) -> None:
    pack(store)
    place = store.packs.places()[SONGS[3]]
    path = store.packs.folder / "000001.pack"
    contents = bytearray(path.read_bytes())
    contents[place.offset + place.length // 2] ^= 4
    path.write_bytes(contents)
    assert [song_id for song_id in SONGS if not is_whole(store, song_id)] == [SONGS[3]]


def test_packs_hold_no_more_songs_than_they_should(store: FeatureStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_store, "SONGS_A_PACK", 4)
    assert pack(store) == 6
    assert len(list(store.packs.folder.glob("*.pack"))) == 2
    assert [tempo(store, song_id) for song_id in SONGS] == [100.0 + number for number in range(6)]


@pytest.mark.parametrize("first", [(packs.Packs, "places"), (FeatureStore, "_unpacked")])
def test_a_song_that_is_packed_while_all_are_looked_at_is_not_taken_for_gone(
    store: FeatureStore, monkeypatch: pytest.MonkeyPatch, first: tuple[type, str]
) -> None:
    expected, look = store.tokens(), getattr(*first)

    def look_and_pack(self: object) -> object:
        seen = look(self)
        monkeypatch.undo()
        pack(store)
        return seen

    monkeypatch.setattr(*first, look_and_pack)
    assert store.tokens() == expected
    assert store.packed().keys() == set(SONGS)


def test_a_song_that_is_removed_while_it_is_packed_is_in_no_pack(
    store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = packs.Packs._write_index

    def remove_and_write(self: packs.Packs, number: int, index: packs._Index) -> None:
        monkeypatch.undo()
        remover = threading.Thread(target=store.remove, args=([SONGS[1]],))  # does not hold the lock
        remover.start()
        remover.join()
        write(self, number, index)

    monkeypatch.setattr(packs.Packs, "_write_index", remove_and_write)
    pack(store)
    assert store.song_ids() == [song_id for song_id in SONGS if song_id != SONGS[1]]


def test_where_no_song_can_be_read_no_pack_is_written(store: FeatureStore) -> None:
    for song_id in SONGS:
        store.path(song_id).write_bytes(b"damaged")
    assert pack(store) == 0
    assert list(store.packs.folder.glob("0*")) == []


def test_a_worn_pack_stays_while_a_song_of_it_cannot_be_read(
    store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(store)
    for song_id in SONGS[1:]:
        put(store, song_id, 77.0)
    with monkeypatch.context() as patched:
        patched.setattr(packs.Packs, "read", lambda *_: (_ for _ in ()).throw(OSError("too many open files")))
        assert pack(store) == 5
    assert tempo(store, SONGS[0]) == 100.0
    put(store, SONGS[1], 78.0)
    pack(store)
    assert not (store.packs.folder / "000001.pack").exists()
    assert [tempo(store, song_id) for song_id in SONGS] == [100.0, 78.0, *[77.0] * 4]


def test_a_pack_whose_index_is_damaged_is_neither_believed_nor_written_over(store: FeatureStore) -> None:
    pack(store)
    index = store.packs.folder / "000001.json"
    written = index.read_text()
    index.write_text(written.replace('"song-1"', '"song-0"'))
    packs._catalogs.clear()
    assert store.song_ids() == []
    put(store, "other")
    pack(store)
    index.write_text(written)
    packs._catalogs.clear()
    assert [tempo(store, song_id) for song_id in SONGS] == [100.0 + number for number in range(6)]


@pytest.mark.parametrize("left", [None, 5000])
def test_songs_of_a_pack_that_is_lost_or_cut_are_known_to_be_lost(store: FeatureStore, left: int | None) -> None:
    pack(store)
    path = store.packs.folder / "000001.pack"
    if left is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:left])
    packs._catalogs.clear()
    assert store.token(SONGS[5]) is None
    assert SONGS[5] not in store.tokens()


@pytest.mark.parametrize("folder", ["songs", "packs"])
def test_a_folder_that_cannot_be_read_is_not_taken_for_an_empty_one(
    store: FeatureStore, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    pack(store)
    packs._catalogs.clear()
    listed = os.listdir

    def listdir(path: Path) -> list[str]:
        if path == store.folder / folder:
            raise PermissionError(errno.EACCES, "Permission denied")
        return listed(path)

    monkeypatch.setattr(os, "listdir", listdir)
    with pytest.raises(StorageError, match=f"{folder} cannot be read: Permission denied"):
        store.tokens()
