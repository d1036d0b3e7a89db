"""A song without stems is separated by a program of the user's, which may do whatever it likes to that song alone."""

from __future__ import annotations

import hashlib
import pwd
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from flamingo_bark_assets.audio.recording import RawSong, StemSet
from flamingo_bark_assets.captioning.measured import MeasuredCaptioner
from flamingo_bark_assets.errors import SeparationError
from flamingo_bark_assets.library.importing import remove_song
from flamingo_bark_assets.library.layout import DataPaths, find_song
from flamingo_bark_assets.library.orphans import remove_orphans
from flamingo_bark_assets.pipeline import SongWork, run_step
from flamingo_bark_assets.provenance.inputs import settings_versions
from flamingo_bark_assets.separation import command as commands
from flamingo_bark_assets.separation.command import MOST_LINES, Tail
from flamingo_bark_assets.separation.layouts import find_stems
from flamingo_bark_assets.separation.making import found_program
from flamingo_bark_assets.separation.records import SeparatedStems
from flamingo_bark_assets.separation_settings import TEMPLATES, SeparationSettings
from flamingo_bark_assets.settings import Settings
from flamingo_bark_assets.steps import STEP_NAMED
from tests import separated_songs
from tests.signals import write_audio
from tests.songs import write_song
from tests.watchdog import ends

SONG = "bare"
STEMS = ["bass.wav", "drums.wav", "other.wav", "vocals.wav"]


@pytest.fixture
def data(tmp_path: Path) -> DataPaths:
    paths = DataPaths(tmp_path / "data")
    write_song(paths.songs, SONG, stems=False)
    return paths


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return separated_songs.stand_in(tmp_path / "stand-in")


def work_on(data: DataPaths, separation: SeparationSettings) -> SongWork:
    settings = Settings(separation=separation)
    return SongWork(find_song(data, SONG), data, settings, MeasuredCaptioner(settings.prompts))


def separated(data: DataPaths, separation: SeparationSettings) -> SeparatedStems:
    work = work_on(data, separation)
    for step in ("raw_song", "separated_stems"):
        run_step(STEP_NAMED[step], work)
    return work.result(SeparatedStems)


def compared(data: DataPaths, separation: SeparationSettings) -> StemSet:
    work = work_on(data, separation)
    for step in ("raw_song", "separated_stems", "stems"):
        run_step(STEP_NAMED[step], work)
    return work.result(StemSet)


def left_of(data: DataPaths) -> list[str]:
    """Names of all that stands in the folder of separated stems, but for the locks."""
    return sorted(path.name for path in data.separated.iterdir() if path.name != ".slots")


def have_ended(script: Path) -> bool:
    """Whether the stand-in and all that it has started end, orphans too; a kill works a moment later."""
    deadline_s = time.monotonic() + 10
    while separated_songs.still_run(script) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    return not separated_songs.still_run(script)


@pytest.mark.parametrize("layout", ["demucs", "audio-separator"])
def test_the_stems_of_both_layouts_are_read_with_where_they_come_from(
    data: DataPaths, script: Path, layout: str
) -> None:
    made = separated(data, separated_songs.settings(script, layout=layout))
    assert made.outcome == "separated"
    assert [(file.file_name, file.kind) for file in made.separated_files] == [
        ("bass.wav", "bass"), ("drums.wav", "drums"), ("other.wav", "harmonic"), ("vocals.wav", "vocals"),
    ]  # fmt: skip
    folder = data.separated / SONG
    for file in made.separated_files:
        assert hashlib.sha256((folder / file.file_name).read_bytes()).hexdigest() == file.content_sha256
    mix = next((data.songs / SONG).glob("song.*"))
    assert made.input_sha256 == hashlib.sha256(mix.read_bytes()).hexdigest()
    assert (made.separator, made.model, made.model_licence) == ("stand-in", "bands", "CC0-1.0")
    assert made.command is not None and "{input}" in made.command
    assert sorted(path.name for path in folder.iterdir()) == sorted([*STEMS, "separation.json"])
    assert left_of(data) == [SONG]
    assert sorted(path.name for path in (data.songs / SONG).iterdir()) == [mix.name]


def test_separated_stems_are_compared_with_the_mix_as_any_and_say_what_they_are(data: DataPaths, script: Path) -> None:
    stems = compared(data, separated_songs.settings(script))
    assert {(stem.file_name, stem.origin) for stem in stems.stems} == {(name, "separated") for name in STEMS}
    assert stems.residual_db.value is not None and stems.residual_db.value < -60.0


def test_off_by_default_the_song_has_no_stems_and_is_told_how_to_get_some(data: DataPaths) -> None:
    stems = compared(data, SeparationSettings())
    assert stems.unusable is not None
    assert stems.unusable.startswith("the song has no stems; put some into its folder stems/, or install a separator")
    assert "[separation]" in stems.unusable and "\n" not in stems.unusable


def test_a_song_with_stems_of_its_own_is_never_separated(data: DataPaths, script: Path) -> None:
    write_audio(data.songs / SONG / "stems" / "vocals.wav", np.zeros(100, np.float32))
    made = separated(data, separated_songs.settings(script))
    assert made == SeparatedStems(song_id=SONG, outcome="given")
    assert separated_songs.calls(script) == 0


def test_separated_stems_go_when_the_song_gets_stems_of_its_own(data: DataPaths, script: Path) -> None:
    separated(data, separated_songs.settings(script))
    write_audio(data.songs / SONG / "stems" / "vocals.wav", np.zeros(100, np.float32))
    separated(data, separated_songs.settings(script))
    assert left_of(data) == []


def test_what_was_separated_from_the_same_is_taken_again_and_from_anything_else_is_not(
    data: DataPaths, script: Path
) -> None:
    first = separated(data, separated_songs.settings(script))
    assert separated(data, separated_songs.settings(script)) == first
    renamed = separated(data, separated_songs.settings(script, model_licence="MIT"))
    assert (renamed.model_licence, separated_songs.calls(script)) == ("MIT", 1)
    separated(data, separated_songs.settings(script, model="other"))
    separated(data, separated_songs.settings(script, layout="audio-separator"))
    assert separated_songs.calls(script) == 3
    write_song(data.songs, SONG, stems=False, seed=7)
    separated(data, separated_songs.settings(script, layout="audio-separator"))
    assert separated_songs.calls(script) == 4
    assert left_of(data) == [SONG]


@pytest.mark.parametrize("name", ["vocals.wav", "separation.json"])
def test_damaged_stems_are_made_again(data: DataPaths, script: Path, name: str) -> None:
    first = separated(data, separated_songs.settings(script))
    file = data.separated / SONG / name
    file.write_bytes(b"\0" + file.read_bytes()[1:])
    assert separated(data, separated_songs.settings(script)) == first
    assert separated_songs.calls(script) == 2


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("fail", "ended with status 1; its last lines: Separating track"),
        ("fail", "CUDA out of memory [FB404]"),
        ("crash", "was ended by signal 11"),
        ("nothing", "left no sound file"),
        ("half", "cannot be used|lasts"),
        ("short", "bass.wav lasts 3.0 s, the mix 6.0 s"),
        ("silence", "all of its stems are digital silence"),
    ],
)
def test_a_separator_that_fails_is_the_fault_of_its_song_with_its_last_lines(
    data: DataPaths, script: Path, behaviour: str, reason: str
) -> None:
    made = separated(data, separated_songs.settings(script, behaviour))
    assert (made.outcome, made.unusable, made.separated_files) == ("failed", None, ())
    assert made.reason is not None and any(part in made.reason for part in reason.split("|"))
    assert made.reason.startswith(f"{SONG}: stand-in: ")
    assert left_of(data) == []
    stems = compared(data, separated_songs.settings(script, behaviour))
    assert stems.unusable is not None and stems.unusable.startswith("the song has no stems; separating it failed: ")


@pytest.mark.parametrize("behaviour", ["hang", "stubborn"])
def test_a_separator_that_hangs_is_ended_with_all_its_children(
    data: DataPaths, script: Path, behaviour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "_TIME_TO_END_S", 0.5)
    with ends():
        made = separated(data, separated_songs.settings(script, behaviour, time_limit_s=3))
    assert made.reason is not None
    assert "its time was up after 3 s" in made.reason and "12%|#2 | 23/187" in made.reason
    assert have_ended(script)
    assert left_of(data) == []


def test_a_child_that_a_separator_leaves_behind_ends_with_it(data: DataPaths, script: Path) -> None:
    assert separated(data, separated_songs.settings(script, "straggler")).outcome == "separated"
    assert have_ended(script)


def test_a_flood_of_output_holds_no_separator_up(data: DataPaths, script: Path) -> None:
    assert separated(data, separated_songs.settings(script, "flood")).outcome == "separated"


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_flood_of_output_is_not_kept(end: bytes) -> None:
    tail = Tail()
    tracemalloc.start()
    for _ in range(8):
        tail.add(250_000 * b"x" + end)
    kept_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept_bytes < 100_000


def test_a_run_that_is_interrupted_ends_the_separator_and_leaves_nothing(
    data: DataPaths, script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Cancelled(BaseException):
        """As Dagster raises it into the code of an asset."""

    def cancel(line: str) -> None:
        if "12%" in line:
            raise Cancelled

    monkeypatch.setattr(commands, "_TELL_S", 0.2)
    work = work_on(data, separated_songs.settings(script, "hang"))
    work.tell = cancel
    run_step(STEP_NAMED["raw_song"], work)
    with pytest.raises(Cancelled):
        run_step(STEP_NAMED["separated_stems"], work)
    assert have_ended(script)
    assert left_of(data) == []


def test_stems_of_another_song_are_refused_as_any(data: DataPaths, script: Path) -> None:
    stems = compared(data, separated_songs.settings(script, "other song"))
    assert [stem.file_name for stem in stems.stems if stem.rejected is not None] == STEMS


def test_a_reason_is_one_printable_line_whatever_files_are_named(data: DataPaths, script: Path) -> None:
    reason = separated(data, separated_songs.settings(script, "hostile")).reason
    assert reason is not None and "bass.wav lasts 3.0 s" in reason
    assert reason.isprintable()


def test_a_program_in_the_home_of_a_user_who_has_none_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert found_program(SeparationSettings(program="~/demucs")) is None


def test_a_separator_that_is_not_there_is_said_so(data: DataPaths) -> None:
    made = separated(data, SeparationSettings(enabled=True, program="/nowhere/demucs"))
    assert made.reason == (
        f"{SONG}: demucs: the program '/nowhere/demucs' is not there; install it, or name where it is [FB404]"
    )


def test_a_separator_sees_no_secret_and_nothing_of_this_environment(
    data: DataPaths, script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HF_TOKEN", "PYTHONPATH", "VIRTUAL_ENV", "MY_LICENCE", "DAGSTER_HOME"):
        monkeypatch.setenv(name, "x")
    separated(data, separated_songs.settings(script, environment=["MY_LICENCE"]))
    seen = set(script.with_name("calls").read_text().split()[1:])
    assert {"PATH", "TMPDIR", "MY_LICENCE"} <= seen
    assert seen.isdisjoint({"HF_TOKEN", "PYTHONPATH", "VIRTUAL_ENV", "DAGSTER_HOME"})


def test_the_version_is_what_the_program_answers(data: DataPaths, script: Path) -> None:
    program = script.with_name("stand-in")
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {script} "$@"\n')
    program.chmod(0o755)
    asked = [str(program), "demucs", "fine", "{input}", "{output}", "{model}"]
    assert separated(data, separated_songs.settings(script, command=asked)).version == "stand-in 1.0"


def test_no_more_run_at_once_than_the_settings_say(data: DataPaths, script: Path) -> None:
    from flamingo_bark_assets.separation.making import _slot

    waited: list[str] = []

    class Waits(Exception):
        """Ends the wait."""

    def tell(line: str) -> None:
        waited.append(line)
        raise Waits

    with _slot(data, 2, tell), _slot(data, 2, tell), pytest.raises(Waits), _slot(data, 2, tell):
        pass
    assert waited == ["waits: 2 separators run already (`at_most`)"]
    with _slot(data, 1, tell):
        pass


def test_the_separated_stems_of_a_song_that_is_gone_go_with_it(data: DataPaths, script: Path) -> None:
    write_song(data.songs, "stays", stems=False)
    separated(data, separated_songs.settings(script))
    for path in (data.songs / SONG).iterdir():
        path.unlink()
    (data.songs / SONG).rmdir()
    assert remove_orphans(data).songs == (SONG,)
    assert left_of(data) == []


@pytest.mark.parametrize(
    ("made_as", "name"),
    [
        ("htdemucs/song/vocals.wav", "vocals.wav"),
        ("htdemucs/song/no_vocals.flac", "no_vocals.flac"),
        ("song_(Vocals)_model_bs_roformer_ep_317_sdr_12.9755.wav", "vocals.wav"),
        ("song_(Instrumental)_Kim_Vocal_2.wav", "instrumental.wav"),
        ("song_(No Drums)_htdemucs_ft.wav", "no drums.wav"),
        ("song_vocals.wav", "vocals.wav"),
        ("song.wav", "song.wav"),
        ("drums.WAV", "drums.wav"),
        ("song_(..)_x.wav", "stem.wav"),
    ],
)
def test_a_stem_is_named_by_the_layout_of_its_separator(tmp_path: Path, made_as: str, name: str) -> None:
    (tmp_path / made_as).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / made_as).write_bytes(b"x")
    (found,) = find_stems(tmp_path, "song")
    assert (found.file_name, found.made_as) == (name, made_as)


def test_a_link_is_no_stem(tmp_path: Path) -> None:
    (tmp_path / "vocals.wav").symlink_to("/etc/passwd")
    with pytest.raises(SeparationError, match="no regular file"):
        find_stems(tmp_path, "song")


def test_two_files_for_one_stem_are_refused(tmp_path: Path) -> None:
    for model in ("a", "b"):
        (tmp_path / f"song_(Vocals)_{model}.wav").write_bytes(b"x")
    with pytest.raises(SeparationError, match=r"two files that are the stem vocals\.wav"):
        find_stems(tmp_path, "song")


@pytest.mark.parametrize("separator", TEMPLATES)
def test_the_known_commands_have_places_for_input_output_and_model(separator: str) -> None:
    assert {"{input}", "{output}", "{model}"} <= set(SeparationSettings(separator=separator).template)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"separator": "mine"}, "give its `command`"),
        ({"command": ["x", "{input}"]}, "lack"),
        ({"command": ["{input}", "{output}"]}, "lack"),
        ({"command": ["./x", "{input}", "{output}"]}, "neither a name on PATH"),
        ({"command": ["x", "{input}", "{output}", "{model}"]}, "give `model`"),
        ({"command": ["x", "{input}", "{output}"], "program": "/x"}, "first entry of `command`"),
        ({"time_limit_s": 0}, "greater than 0"),
    ],
)
def test_settings_that_cannot_work_are_refused(values: dict[str, object], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        SeparationSettings.model_validate(values)


def test_the_last_lines_of_an_output_are_kept_whatever_it_holds() -> None:
    tail = Tail()
    tail.add(b"first\n" + 100 * b"a line\r" + b"\x1b[31mred\x1b[0m \xff\x00 tail" + 10_000 * b"x")
    assert len(tail.lines()) == MOST_LINES
    assert len(tail.lines()[-1]) == 300
    tail.add(b"\nend\n    ~~~~^^^^\n\n")
    assert tail.lines()[-1] == "end"
    assert all(line.isprintable() for line in tail.lines())


def test_the_record_of_an_unusable_mix_has_its_reason(data: DataPaths, script: Path) -> None:
    (data.songs / SONG / "song.wav").write_bytes(b"no sound")
    work = work_on(data, separated_songs.settings(script))
    for step in ("raw_song", "separated_stems"):
        run_step(STEP_NAMED[step], work)
    made = work.result(SeparatedStems)
    assert (made.outcome, made.unusable) == ("unusable", work.result(RawSong).unusable)


def test_songs_without_stems_are_due_once_the_separator_is_installed(data: DataPaths, tmp_path: Path) -> None:
    program = tmp_path / "demucs"
    settings = Settings(separation=SeparationSettings(enabled=True, program=str(program)))
    before = settings_versions(settings, data).separation
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert settings_versions(settings, data).separation != before


def test_while_separation_is_off_none_of_its_settings_makes_anything_due(data: DataPaths) -> None:
    versions = {
        settings_versions(Settings(separation=SeparationSettings(model=model)), data).separation
        for model in (None, "x")
    }
    assert len(versions) == 1


def test_removing_a_song_removes_its_separated_stems(data: DataPaths, script: Path) -> None:
    separated(data, separated_songs.settings(script))
    remove_song(data, SONG)
    assert left_of(data) == []
