"""Changes by hand: whole steps, refused where somebody was faster, undone to the byte, whatever is killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from flamingo_bark_assets.errors import LibraryError
from flamingo_bark_assets.library import journal, song_changes
from flamingo_bark_assets.library.journal import read_journal, read_journal_from, recent_steps
from flamingo_bark_assets.library.judgements import Place
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.library.song_changes import Outcome, change_songs, redo, undo
from flamingo_bark_assets.library.song_toml_edits import Edit, Value, write_edit

WRITTEN = """# mine
title = "Old"   # as on the sleeve
unknown = [1, nan]
genres = [ 'dub',  'house' ]   # spaced as I like it
licence = "CC0-1.0" # a comment that goes with its key

[edits.mix]  # by hand
caption = "z"
"""


@pytest.fixture
def paths(tmp_path: Path) -> DataPaths:
    """Three songs: with a song.toml, without, and with a broken one."""
    paths = DataPaths(tmp_path / "data")
    for song_id in ("full", "bare", "broken"):
        (paths.songs / song_id).mkdir(parents=True)
    (paths.songs / "full/song.toml").write_text(WRITTEN)
    (paths.songs / "broken/song.toml").write_text("title = ")
    return paths


def toml(paths: DataPaths, song_id: str) -> bytes | None:
    path = paths.songs / song_id / "song.toml"
    return path.read_bytes() if path.exists() else None


def change(paths: DataPaths, song_id: str, by: str = "maria", **values: Value) -> Outcome:
    """Change keys of one song."""
    return change_songs(paths, {song_id: {(key,): value for key, value in values.items()}}, by=by, label="edit")


def python(paths: DataPaths, code: str, *, status: int = 0) -> str:
    """Run code in a process of its own, with `paths` and what this test imports."""
    head = (
        "import os, signal, sys\nfrom pathlib import Path\n"
        "from flamingo_bark_assets.library import journal, song_changes\n"
        "from flamingo_bark_assets.library.layout import DataPaths\n"
        "from flamingo_bark_assets.library.song_changes import change_songs, redo, undo\n"
        "paths = DataPaths(Path(sys.argv[1]))\n"
    )
    command = [sys.executable, "-c", head + textwrap.dedent(code), str(paths.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == status, done.stderr
    return done.stdout


# One change ---------------------------------------------------------------------------------------------------------


def test_comments_order_and_unknown_keys_stay(paths: DataPaths) -> None:
    outcome = change(paths, "full", title="New")
    assert outcome.entry is not None
    assert [(each.song_id, each.place, each.before, each.after) for each in outcome.entry.changes] == [
        ("full", ("title",), "Old", "New")
    ]
    assert toml(paths, "full") == WRITTEN.replace('"Old"', '"New"').encode()


def test_a_change_that_changes_nothing_is_no_step(paths: DataPaths) -> None:
    assert change(paths, "full", title="Old") == Outcome(None)
    assert not paths.journal.exists()


def test_a_value_that_may_not_stand_there_changes_no_song(paths: DataPaths) -> None:
    values: dict[str, dict[Place, Value]] = {"bare": {("title",): "New"}, "full": {("title",): "a\nb"}}
    with pytest.raises(LibraryError, match="song 'full': title"):
        change_songs(paths, values, by="maria", label="edit")
    assert toml(paths, "bare") is None


@pytest.mark.parametrize("song_id", ["../bare", "nobody", "broken", ""])
def test_a_song_that_cannot_be_changed_is_named_and_stops_no_other(paths: DataPaths, song_id: str) -> None:
    values: dict[str, dict[Place, Value]] = {song_id: {("title",): "New"}, "bare": {("title",): "New"}}
    outcome = change_songs(paths, values, by="maria", label="edit")
    assert len(outcome.faults) == 1
    assert repr(song_id)[1:-1] in outcome.faults[0]
    assert toml(paths, "bare") == b'title = "New"\n'


def test_a_place_that_is_locked_is_told_and_left_alone_and_the_others_are_not(paths: DataPaths) -> None:
    (paths.songs / "full/song.toml").write_text('locked = ["licence", "edits.mix"]\nlicence = "CC0-1.0"\n')
    values: dict[Place, Value] = {("licence",): "MIT", ("title",): "New", ("edits", "mix", "mood"): "warm"}
    outcome = change_songs(paths, {"full": values}, by="maria", label="edit")
    assert outcome.locked == (("full", ("licence",)), ("full", ("edits", "mix", "mood")))
    assert toml(paths, "full") == b'locked = ["licence", "edits.mix"]\nlicence = "CC0-1.0"\ntitle = "New"\n'


def test_what_is_unlocked_in_the_same_step_is_changed(paths: DataPaths) -> None:
    (paths.songs / "full/song.toml").write_text('locked = ["licence"]\n')
    assert change(paths, "full", locked=None, licence="MIT").locked == ()
    assert toml(paths, "full") == b'licence = "MIT"\n'


# Somebody was faster ------------------------------------------------------------------------------------------------


def test_a_stale_song_is_told_and_left_alone_and_the_others_are_changed(paths: DataPaths) -> None:
    values: dict[str, dict[Place, Value]] = {"full": {("title",): "Mine"}, "bare": {("title",): "Mine"}}
    seen: dict[str, dict[Place, Value]] = {"full": {("title",): "Older"}, "bare": {("title",): None}}
    outcome = change_songs(paths, values, expected=seen, by="maria", label="edit")
    assert [(each.song_id, each.place, each.expected, each.now) for each in outcome.stale] == [
        ("full", ("title",), "Older", "Old")
    ]
    assert toml(paths, "full") == WRITTEN.encode()
    assert toml(paths, "bare") == b'title = "Mine"\n'


def test_a_place_that_is_only_looked_at_makes_a_song_stale_too(paths: DataPaths) -> None:
    seen: dict[str, dict[Place, Value]] = {"full": {("licence",): "MIT"}}
    outcome = change_songs(paths, {"full": {("title",): "Mine"}}, expected=seen, by="maria", label="edit")
    assert [(each.place, each.now) for each in outcome.stale] == [(("licence",), "CC0-1.0")]
    assert toml(paths, "full") == WRITTEN.encode()


def test_who_wants_what_stands_there_already_is_not_stale(paths: DataPaths) -> None:
    seen: dict[str, dict[Place, Value]] = {"full": {("title",): "Older"}}
    assert change_songs(paths, {"full": {("title",): "Old"}}, expected=seen, by="maria", label="edit") == Outcome(None)


def test_a_step_over_many_songs_tells_how_far_it_is(tmp_path: Path) -> None:
    paths = DataPaths(tmp_path / "data")
    songs = [f"song-{number}" for number in range(50)]
    for song_id in songs:
        (paths.songs / song_id).mkdir(parents=True)
    told: list[tuple[str, int, int]] = []
    change_songs(
        paths, {song_id: {("licence",): "MIT"} for song_id in songs}, by="maria", label="x",
        tell=lambda stage, done, of: told.append((stage, done, of)),
    )  # fmt: skip
    assert told == [(stage, done, 50) for stage in ("reading", "writing") for done in (0, 20, 40)]


def test_two_processes_at_once_take_turns_and_no_step_is_lost(paths: DataPaths) -> None:
    code = """
        for number in range(15):
            key = sys.argv[0] + NAME
            change_songs(paths, {"bare": {("edits", "prompts", f"{NAME}{number}"): "x"}}, by=NAME, label=str(number))
    """
    running = [
        subprocess.Popen([
            sys.executable, "-c",
            "import sys\nfrom pathlib import Path\nfrom flamingo_bark_assets.library.layout import DataPaths\n"
            "from flamingo_bark_assets.library.song_changes import change_songs\n"
            f"paths = DataPaths(Path({str(paths.root)!r}))\nNAME = {name!r}\n" + textwrap.dedent(code),
        ])
        for name in ("maria", "jo")
    ]  # fmt: skip
    assert [process.wait(60) for process in running] == [0, 0]
    entries = list(read_journal(paths))
    assert [[each.label for each in entries if each.by == name] for name in ("maria", "jo")] == [
        [str(number) for number in range(15)]
    ] * 2
    assert (toml(paths, "bare") or b"").count(b'"x"') == 30


def test_of_two_who_saw_the_same_only_the_first_is_written(paths: DataPaths) -> None:
    code = """
        seen = {"full": {("title",): "Old"}}
        outcome = change_songs(paths, {"full": {("title",): f"by {os.getpid()}"}}, expected=seen, by="x", label="x")
        print(len(outcome.stale))
    """
    assert [python(paths, code).strip() for _ in range(2)] == ["0", "1"]


# Undo and redo ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        None, b"", WRITTEN.encode(), WRITTEN.replace("\n", "\r\n").encode(), b"\xef\xbb\xbf" + WRITTEN.encode(),
        b'title = "a" # no line end', b'edits.mix.caption = "z"\nlicence = """\nlong\\\n name"""\n',
        b'review = {state = "accepted", at = 2026-11-30T01:00:00Z}\n',
    ],
    ids=["none", "empty", "comments", "crlf", "mark", "no-end", "dotted", "inline"],
)  # fmt: skip
def test_an_undone_step_leaves_each_file_as_it_was_to_the_byte(paths: DataPaths, text: bytes | None) -> None:
    path = paths.songs / "full/song.toml"
    path.unlink()
    if text is not None:
        path.write_bytes(text)
    values: dict[Place, Value] = {
        ("genres",): ["techno"], ("licence",): None, ("title",): "New", ("edits", "mix", "mood"): "warm",
        ("review",): {"state": "excluded", "reason": "not ours"},
    }  # fmt: skip
    change_songs(paths, {"full": values, "bare": {("title",): "New"}}, by="maria", label="edit")
    changed = toml(paths, "full")
    assert changed != text
    undo(paths, "maria")
    assert toml(paths, "full") == text
    assert toml(paths, "bare") is None
    redo(paths, "maria")
    assert toml(paths, "full") == changed
    undo(paths, "maria")
    assert toml(paths, "full") == text


def test_undo_and_redo_go_on_in_another_process(paths: DataPaths) -> None:
    for title in ("one", "two", "three"):
        change(paths, "bare", title=title)
    python(paths, "undo(paths, 'maria'); undo(paths, 'maria')")
    assert toml(paths, "bare") == b'title = "one"\n'
    python(paths, "redo(paths, 'maria')")
    assert toml(paths, "bare") == b'title = "two"\n'
    change(paths, "bare", title="other")
    with pytest.raises(LibraryError, match="nothing to do again"):
        redo(paths, "maria")
    python(paths, "undo(paths, 'maria'); undo(paths, 'maria'); undo(paths, 'maria')", status=0)
    assert toml(paths, "bare") is None
    with pytest.raises(LibraryError, match="nothing to undo"):
        undo(paths, "maria")


def test_everybody_undoes_their_own_steps(paths: DataPaths) -> None:
    change(paths, "bare", title="maria's")
    change(paths, "full", by="jo", title="jo's")
    undo(paths, "maria")
    assert toml(paths, "bare") is None
    assert b"jo's" in (toml(paths, "full") or b"")


def test_what_was_changed_since_is_not_undone_but_told(paths: DataPaths) -> None:
    values: dict[str, dict[Place, Value]] = {song_id: {("title",): "New"} for song_id in ("full", "bare")}
    change_songs(paths, values, by="maria", label="titles")
    change(paths, "full", by="jo", title="Newer")
    outcome = undo(paths, "maria")
    assert [(each.song_id, each.now) for each in outcome.stale] == [("full", "Newer")]
    assert toml(paths, "bare") is None


def test_another_key_that_came_since_stays_when_a_step_is_undone(paths: DataPaths) -> None:
    change(paths, "full", title="New", custom_tag="zxq")
    change(paths, "full", by="jo", artist="Jo")
    undo(paths, "maria")
    assert toml(paths, "full") == WRITTEN.replace("goes with its key\n", 'goes with its key\nartist = "Jo"\n').encode()


# The journal --------------------------------------------------------------------------------------------------------


def test_a_kill_between_journal_and_writing_leaves_whole_files_and_a_step_that_can_be_undone(paths: DataPaths) -> None:
    code = """
        written = song_changes.write_edit
        def write_edit(edit):
            if edit.song_id == "full":
                os.kill(os.getpid(), signal.SIGKILL)
            written(edit)
        song_changes.write_edit = write_edit
        song_changes._WRITERS = 1
        change_songs(paths, {"bare": {("title",): "New"}, "full": {("title",): "New"}}, by="maria", label="titles")
    """
    python(paths, code, status=-signal.SIGKILL)
    assert toml(paths, "bare") == b'title = "New"\n'
    assert toml(paths, "full") == WRITTEN.encode()
    outcome = undo(paths, "maria")
    assert (outcome.stale, outcome.faults) == ((), ())
    assert toml(paths, "bare") is None
    assert toml(paths, "full") == WRITTEN.encode()


def test_what_a_killed_writer_has_left_beside_a_song_goes_with_the_next_change(paths: DataPaths) -> None:
    python(paths, "from flamingo_bark_assets.files.atomic import temporary_path as t; t(paths.songs / 'bare').touch()")
    assert len(list((paths.songs / "bare").iterdir())) == 1
    change(paths, "bare", title="New")
    assert [path.name for path in (paths.songs / "bare").iterdir()] == ["song.toml"]


def test_a_line_that_a_kill_has_cut_is_passed_over_and_does_not_spoil_the_next(paths: DataPaths) -> None:
    change(paths, "bare", title="one")
    with paths.journal.open("ab") as file:
        file.write(b'{"id": "half')
    change(paths, "bare", title="two")
    assert [entry.changes[0].after for entry in read_journal(paths)] == ["one", "two"]
    undo(paths, "maria")
    assert toml(paths, "bare") == b'title = "one"\n'


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b"{}",
        b"null",
        b'"x"',
        b'{"changes": 3}',
        b'{"changes": [{}]}',
        b'{"changes": []}',
        b"\xff\xfe",
        b"[" * 5000,
    ],
)
def test_lines_of_somebody_else_are_passed_over(paths: DataPaths, line: bytes) -> None:
    paths.journal.parent.mkdir(parents=True)
    paths.journal.write_bytes(line + b"\n")
    change(paths, "bare", title="one")
    assert [entry.changes[0].after for entry in read_journal(paths)] == ["one"]


def test_a_journal_beyond_its_bound_forgets_its_older_half_and_never_the_last_step(
    paths: DataPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "_MOST_BYTES", 4000)
    for number in range(20):
        change(paths, "bare", title=f"{number}")
    assert paths.journal.stat().st_size <= 4000
    assert [entry.changes[0].after for entry in read_journal(paths)][-1] == "19"
    values: dict[Place, Value] = {("attribution",): "long " * 300, ("title",): "x" * 400, ("artist",): "y" * 400}
    change_songs(paths, {"full": values, "bare": values}, by="maria", label="long")
    assert [entry.label for entry in read_journal(paths)] == ["long"]
    undo(paths, "maria")
    assert toml(paths, "full") == WRITTEN.encode()


def test_the_steps_of_a_song_are_told_the_newest_first_without_those_of_others(paths: DataPaths) -> None:
    values: dict[str, dict[Place, Value]] = {song_id: {("title",): "New"} for song_id in ("full", "bare")}
    change_songs(paths, values, by="maria", label="titles")
    change(paths, "bare", artist="Jo")
    steps = recent_steps(paths, song_id="bare")
    assert [[(each.song_id, each.place) for each in step.changes] for step in steps] == [
        [("bare", ("artist",))], [("bare", ("title",))]
    ]  # fmt: skip


def test_only_what_is_new_is_read_of_a_journal_that_was_read_before(paths: DataPaths) -> None:
    change(paths, "bare", title="one")
    first, position, is_anew = read_journal_from(paths, None)
    assert ([entry.changes[0].after for entry in first], is_anew) == (["one"], True)
    change(paths, "bare", title="two")
    with paths.journal.open("ab") as file:
        file.write(b'{"id": "being written')
    second, position, is_anew = read_journal_from(paths, position)
    assert ([entry.changes[0].after for entry in second], is_anew) == (["two"], False)
    paths.journal.replace(paths.journal.with_suffix(".old"))
    change(paths, "bare", title="three")
    third, _, is_anew = read_journal_from(paths, position)
    assert ([entry.changes[0].after for entry in third], is_anew) == (["three"], True)


def test_a_step_of_the_first_form_without_texts_is_undone_place_by_place(paths: DataPaths) -> None:
    change(paths, "full", title="New")
    (line,) = paths.journal.read_text().splitlines()
    said = json.loads(line)
    del said["patches"]
    paths.journal.write_text(json.dumps(said) + "\n")
    undo(paths, "maria")
    assert toml(paths, "full") == WRITTEN.encode()


def test_files_that_cannot_be_written_are_told_and_the_others_are(
    paths: DataPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_some(edit: Edit) -> None:
        if edit.song_id == "full":
            raise LibraryError("song 'full': song.toml was changed meanwhile; edit it again")
        write_edit(edit)

    monkeypatch.setattr(song_changes, "write_edit", write_some)
    values: dict[str, dict[Place, Value]] = {song_id: {("title",): "New"} for song_id in ("full", "bare")}
    outcome = change_songs(paths, values, by="maria", label="titles")
    assert outcome.faults == ("song 'full': song.toml was changed meanwhile; edit it again",)
    assert toml(paths, "bare") == b'title = "New"\n'
