"""Uploads by tus to a real studio: cut connections, kills, two writers, limits and hostile names."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from flamingo_bark_assets.cli import main
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.settings import StudioSettings
from flamingo_bark_assets.studio.adding.upload_names import MAX_NAME_BYTES, safe_path
from flamingo_bark_assets.studio.adding.upload_routes import MOST_PIECES
from flamingo_bark_assets.studio.adding.uploads import UploadRefused, Uploads
from tests.studio import RunningStudio, running_studio
from tests.uploading import PIECE, TUS, append, ask, begin, begin_piece, head, new_batch, send

MIB = 1024**2


@pytest.fixture
def studio(shared_studio: RunningStudio) -> RunningStudio:
    return shared_studio


@pytest.fixture
def limits(studio: RunningStudio) -> Iterator[Callable[[str], None]]:
    """Set limits for one test."""

    def set_limits(text: str) -> None:
        (studio.data / "settings.toml").write_text(f"[studio]\n{text}\n")

    yield set_limits
    set_limits("")


def stored(studio: RunningStudio, batch: str) -> list[str]:
    files = studio.data / "uploads" / batch / "files"
    return sorted(str(path.relative_to(files)) for path in files.rglob("*") if path.is_file())


def when(holds: Callable[[], bool]) -> None:
    for _ in range(400):
        if holds():
            return
        time.sleep(0.02)
    raise AssertionError("it never came")


def test_40_mb_arrive_whole_through_six_cut_connections_in_bounded_memory(studio: RunningStudio) -> None:
    data = os.urandom(40 * MIB)
    place = begin(studio, batch := new_batch(), "long.wav", len(data)).headers["location"]
    server = psutil.Process(studio.process.pid)
    before, peak = server.memory_info().rss, 0
    for _ in range(6):
        offset = head(studio, place).offset
        connection = begin_piece(studio, place, offset, len(data) - offset, data[offset : offset + 6 * MIB + 12345])
        connection.close()
        when(lambda offset=offset: head(studio, place).offset > offset)  # type: ignore[misc]
        peak = max(peak, server.memory_info().rss)
        when(lambda: append(studio, place, head(studio, place).offset, b"").status == 204)
    offset = head(studio, place).offset
    assert 0 < offset < len(data)
    assert append(studio, place, offset, data[offset:]).offset == len(data)
    peak = max(peak, server.memory_info().rss)
    file = studio.data / "uploads" / batch / "files/long.wav"
    assert hashlib.sha256(file.read_bytes()).digest() == hashlib.sha256(data).digest()
    assert peak - before < 40 * MIB


def test_a_piece_that_a_kill_cuts_off_goes_on_with_another_server(studio: RunningStudio) -> None:
    data = os.urandom(3 * MIB)
    with running_studio(studio.home, studio.data) as killed:
        place = begin(killed, batch := new_batch(), "song.wav", len(data)).headers["location"]
        with begin_piece(killed, place, 0, len(data), data[: 2 * MIB]):
            when(lambda: head(killed, place).offset >= MIB)
            killed.process.kill()
            killed.process.wait()
    offset = head(studio, place).offset
    assert MIB <= offset <= 2 * MIB
    assert append(studio, place, offset, data[offset:]).status == 204
    assert (studio.data / "uploads" / batch / "files/song.wav").read_bytes() == data


def test_a_file_whose_last_byte_came_before_a_kill_is_made_whole_when_it_is_asked_for(studio: RunningStudio) -> None:
    place = begin(studio, batch := new_batch(), "a.wav", 4).headers["location"]
    upload_id = place.rpartition("/")[2]
    (studio.data / "uploads" / batch / "open" / f"{upload_id}.part").write_bytes(b"abcd")
    assert head(studio, place).offset == 4
    assert stored(studio, batch) == ["a.wav"]


def test_the_offset_is_the_length_on_the_disk_and_another_is_refused(studio: RunningStudio) -> None:
    place = begin(studio, batch := new_batch(), "a.wav", 10).headers["location"]
    assert append(studio, place, 0, b"12345").offset == 5
    for wrong in (0, 4, 6, 10):
        answer = append(studio, place, wrong, b"xx")
        assert (answer.status, answer.offset) == (409, 5)
    part = studio.data / "uploads" / batch / "open" / f"{place.rpartition('/')[2]}.part"
    part.write_bytes(b"123")
    assert head(studio, place).offset == 3
    assert append(studio, place, 5, b"67890").status == 409
    assert part.read_bytes() == b"123"


def test_of_two_writers_the_second_is_told_to_wait(studio: RunningStudio) -> None:
    place = begin(studio, batch := new_batch(), "a.wav", 2 * MIB).headers["location"]
    with begin_piece(studio, place, 0, 2 * MIB, bytes(MIB)):
        when(lambda: head(studio, place).offset > 0)
        answer = append(studio, place, MIB, b"x" * MIB)
        assert answer.status == 423
        assert "another piece" in answer.told["error"]
        assert ask(studio, "DELETE", place, headers=TUS).status == 423
        assert head(studio, place).status == 200
    when(lambda: append(studio, place, MIB, b"y" * MIB).status == 204)
    assert (studio.data / "uploads" / batch / "files/a.wav").read_bytes() == bytes(MIB) + b"y" * MIB


def test_of_many_pieces_at_a_time_those_beyond_the_bound_are_told_to_come_again(studio: RunningStudio) -> None:
    batch = new_batch()
    places = [begin(studio, batch, f"{number}.wav", 1000).headers["location"] for number in range(MOST_PIECES + 1)]
    *sent, last = places

    def send_a_byte() -> int:
        return append(studio, last, head(studio, last).offset, b"x").status

    with ExitStack() as connections:
        for place in sent[1:]:
            connections.enter_context(begin_piece(studio, place, 0, 1000, b"12345"))
        with begin_piece(studio, sent[0], 0, 1000, b"12345"):
            when(lambda: send_a_byte() == 503)
        when(lambda: send_a_byte() == 204)
    for place in places:
        when(lambda place=place: ask(studio, "DELETE", place, headers=TUS).status == 204)  # type: ignore[misc]


def test_more_than_was_declared_is_refused_and_what_was_there_stays(studio: RunningStudio) -> None:
    place = begin(studio, batch := new_batch(), "a.wav", 4).headers["location"]
    append(studio, place, 0, b"ab")
    assert append(studio, place, 2, b"cdefgh").status == 413
    assert head(studio, place).offset == 2
    assert append(studio, place, 2, b"cd").status == 204
    assert append(studio, place, 4, b"").status == 204  # The answer to the last piece may have been lost.
    assert append(studio, place, 2, b"cd").status == 409
    assert stored(studio, batch) == ["a.wav"]


def test_an_upload_that_is_removed_is_gone(studio: RunningStudio) -> None:
    begun, whole = begin(studio, batch := new_batch(), "a.wav", 4).headers["location"], send(studio, batch, "b", b"b")
    for place in (begun, whole):
        assert ask(studio, "DELETE", place, headers=TUS).status == 204
        assert head(studio, place).status == 404
        assert append(studio, place, 0, b"abcd").status == 404
    assert stored(studio, batch) == []
    assert begin(studio, batch, "a.wav", 4).status == 201


def test_the_protocol_is_told_and_other_ways_to_speak_are_refused(studio: RunningStudio) -> None:
    told = ask(studio, "OPTIONS", "/api/uploads")
    assert (told.status, told.headers["tus-version"], told.headers["tus-resumable"]) == (204, "1.0.0", "1.0.0")
    assert told.headers["tus-extension"] == "creation,termination"
    assert int(told.headers["tus-max-size"]) == 4 * 1024**3
    place = begin(studio, new_batch(), "a.wav", 4).headers["location"]
    other = ask(studio, "HEAD", place, headers={"Tus-Resumable": "0.2.2"})
    assert (other.status, other.headers["tus-version"]) == (412, "1.0.0")
    assert ask(studio, "HEAD", place).status == 412
    assert head(studio, place).headers["cache-control"] == "no-store"
    assert ask(studio, "PATCH", place, b"abcd", {**TUS, "Upload-Offset": "0"}).status == 415
    for offset in ("", "-1", "1.5", "0x1", "٣", "9" * 30):
        assert (
            ask(studio, "PATCH", place, b"a", {**PIECE, "Upload-Offset": offset.encode().decode("latin-1")}).status
            == 400
        )
    by_post = {**PIECE, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert ask(studio, "POST", place, b"abcd", by_post).status == 204


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Upload-Length": "4"}, 400),  # no name
        ({"Upload-Length": "4", "Upload-Metadata": "filename !!!"}, 400),
        ({"Upload-Length": "4", "Upload-Metadata": "filename /////w=="}, 400),  # no UTF-8
        ({"Upload-Length": "-4", "Upload-Metadata": "filename YQ=="}, 400),
        ({"Upload-Length": "1e9", "Upload-Metadata": "filename YQ=="}, 400),
        ({"Upload-Metadata": "filename YQ=="}, 400),
        ({"Upload-Defer-Length": "1", "Upload-Metadata": "filename YQ=="}, 400),
        ({"Upload-Length": "4", "Upload-Metadata": "filename YQ==,batch Li4vLi4="}, 404),  # ../..
    ],
)
def test_an_upload_that_is_declared_wrongly_is_refused(
    studio: RunningStudio, headers: dict[str, str], status: int
) -> None:
    answer = ask(studio, "POST", "/api/uploads", headers={**TUS, **headers})
    assert answer.status == status
    assert answer.told["error"]
    assert answer.told["to_do"]


def test_places_that_lead_elsewhere_are_not_there(studio: RunningStudio) -> None:
    for place in ("..%2f..", "%2e%2e/%2e%2e", f"{new_batch()}/..%2fx", f"{new_batch()}/{new_batch()}", "x/y"):
        assert head(studio, f"/api/uploads/{place}").status in {404, 405}


def test_10_gb_are_refused_before_a_byte_is_sent(studio: RunningStudio) -> None:
    answer = begin(studio, batch := new_batch(), "huge.wav", 10 * 10**9)
    assert answer.status == 413
    assert "9.3 GiB; at most 4.0 GiB" in answer.told["error"]
    assert "max_file_bytes" in answer.told["to_do"]
    assert not (studio.data / "uploads" / batch).exists()


def test_of_1000_uploads_no_more_are_begun_than_may_be_open(
    studio: RunningStudio, limits: Callable[[str], None]
) -> None:
    limits("max_open_uploads = 40")
    batch = new_batch()
    answers = [begin(studio, batch, f"{number}.wav", 1) for number in range(60)]
    begun = [answer for answer in answers if answer.status == 201]
    assert {answer.status for answer in answers} == {201, 429}
    assert 0 < len(begun) <= 40
    assert "max_open_uploads" in answers[-1].told["to_do"]
    assert append(studio, begun[0].headers["location"], 0, b"x").status == 204
    assert begin(studio, batch, "another.wav", 1).status == 201
    assert ask(studio, "DELETE", f"/api/batches/{batch}").status == 200


def test_all_open_uploads_together_have_a_limit(studio: RunningStudio, limits: Callable[[str], None]) -> None:
    limits("max_open_bytes = 209715200")
    batch = new_batch()
    assert begin(studio, batch, "a.wav", 150 * MIB).status == 201
    answer = begin(studio, batch, "b.wav", 60 * MIB)
    assert answer.status == 413
    assert "max_open_bytes" in answer.told["to_do"]
    ask(studio, "DELETE", f"/api/batches/{batch}")


def test_a_full_disk_is_told_before_and_while_it_fills_and_nothing_is_lost(
    studio: RunningStudio, limits: Callable[[str], None]
) -> None:
    place = begin(studio, batch := new_batch(), "a.wav", 2 * MIB).headers["location"]
    append(studio, place, 0, bytes(MIB))
    limits("min_free_bytes = 4000000000000000")
    for answer in (begin(studio, batch, "b.wav", 1), append(studio, place, MIB, bytes(MIB))):
        assert answer.status == 507
        assert "min_free_bytes" in answer.told["to_do"]
    assert head(studio, place).offset == MIB
    limits("")
    assert append(studio, place, MIB, bytes(MIB)).status == 204


def test_what_the_disk_refuses_is_told_with_what_to_do(tmp_path: Path) -> None:
    paths = DataPaths(tmp_path)
    uploads = Uploads(paths, lambda: StudioSettings(min_free_bytes=0))
    upload = uploads.create(batch := new_batch(), 1, "a/b.wav")
    (uploads.files(batch) / "a").write_text("in the way")
    with uploads.writing(upload, 0) as writer:
        writer.write(b"x")
        with pytest.raises(UploadRefused, match="cannot be written: File exists") as refused:
            writer.finish()
    assert (refused.value.status, refused.value.to_do[:23]) == (507, "Something else stands i")
    (uploads.files(batch) / "a").unlink()
    assert uploads.find(batch, upload.upload_id).is_whole  # the byte that came is not lost


def test_where_no_uploads_can_lie_none_is_begun(tmp_path: Path) -> None:
    paths = DataPaths(tmp_path)
    paths.uploads.write_text("in the way")
    with pytest.raises(UploadRefused, match="cannot be written") as refused:
        Uploads(paths, lambda: StudioSettings(min_free_bytes=0)).create(new_batch(), 1, "a.wav")
    assert refused.value.status == 507


HOSTILE = [
    "../../../etc/passwd",
    "..\\..\\windows\\system32\\config.wav",
    "/etc/passwd",
    "a/../../b.wav",
    "a/./b.wav",
    "....//....//x.wav",
    "nul\0byte.wav",
    "line\nbreak.wav",
    "tab\tand\x1bescape.wav",
    "CON.wav",
    "nul",
    "com1.mp3",
    "trailing dot..",
    "trailing space /x ",
    "C:\\Users\\x\\song.wav",
    'quote".wav',
    "<script>alert(1)<script>.wav",
    "<img src=x onerror=alert(1)>.wav",
    "{{ 7 * 7 }}.wav",
    "a|b?c*d.wav",
    "gpj\u202e3pm.wav",
    "zero\u200bwidth\ufeff.wav",
    "soft\u00adhyphen.wav",
    "line\u2028separator.wav",
    "\u2066isolate\u2069.wav",
    "x" * 255 + ".wav",
    "é" * 250 + ".flac",
    "𝄞" * 100,
    "a" * 50 + "." + "b" * 240,
    ".tmp-000000000000-1-1-000000000000.tmp",
    ".lock",
    "~/.ssh/id",
    "$(touch x).wav",
    "-rf.wav",
    "%2e%2e%2fx.wav",
    "e\u0301.wav",
    "…",
]


@pytest.mark.parametrize("given", HOSTILE)
def test_a_hostile_name_stays_in_its_batch_and_its_words_are_kept(studio: RunningStudio, given: str) -> None:
    send(studio, batch := new_batch(), given, b"hello")
    files = studio.data / "uploads" / batch / "files"
    (name,) = stored(studio, batch)
    assert (files / name).resolve().is_relative_to(files.resolve())
    assert (files / name).read_bytes() == b"hello"
    for part in Path(name).parts:
        assert len(part.encode()) <= MAX_NAME_BYTES
        assert part.strip(". ")
        assert not set(part) & set('\0\n\t\x1b\u202e\u200b\ufeff\u00ad\u2028\u2066<>:"|?*\\')
    told = studio.ask("GET", f"/api/batches/{batch}")[1]
    assert told["given"].get(name, name) == given


def test_names_that_are_no_names_or_too_long_are_refused(studio: RunningStudio) -> None:
    for given in ("/", "./.", "a/" * 40 + "b.wav", "x" * 5000):
        assert safe_path(given) is None
        assert begin(studio, new_batch(), given, 1).status == 400


def test_two_names_that_become_one_are_two_files_and_one_name_twice_is_refused(studio: RunningStudio) -> None:
    batch = new_batch()
    for given in ("a:b.wav", "a?b.wav", "a_b.wav"):
        send(studio, batch, given, given.encode())
    assert stored(studio, batch) == ["a_b (2).wav", "a_b (3).wav", "a_b.wav"]
    assert begin(studio, batch, "a?b.wav", 1).status == 409
    assert begin(studio, batch, "a_b.wav/c.wav", 1).status == 409


def test_clean_and_a_new_upload_remove_what_nobody_has_gone_on_with(studio: RunningStudio) -> None:
    old, new = new_batch(), new_batch()
    for batch in (old, new):
        send(studio, batch, "a.wav", b"a")
    before = time.time() - 25 * 3600
    folder = studio.data / "uploads" / old
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (before, before))
    shown = CliRunner().invoke(main, ["--data", str(studio.data), "clean", "--dry-run"])
    assert "uploads that nobody has gone on with" in shown.output
    assert folder.exists()
    begin(studio, new, "b.wav", 1)
    assert not folder.exists()
    assert stored(studio, new) == ["a.wav"]
