"""A song's stems from a separator: whether to ask one, what it is told, and what its answer is worth.

The order of things and the decision what a song's record says belong here; processes, names and files stand beside it.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout

from flamingo_bark_assets.audio.decode import decode
from flamingo_bark_assets.audio.recording import RawSong
from flamingo_bark_assets.errors import AudioFault, SeparationError
from flamingo_bark_assets.files.atomic import writes_named
from flamingo_bark_assets.library.layout import DataPaths, SongFiles
from flamingo_bark_assets.separation.command import Ended, run_program
from flamingo_bark_assets.separation.kept import Kept, Source, find_kept, forget, keep, scratch_folder
from flamingo_bark_assets.separation.layouts import FoundStem, find_stems
from flamingo_bark_assets.separation.records import SeparatedStems
from flamingo_bark_assets.separation_settings import INPUT, MODEL, OUTPUT, PASSED_ON, SeparationSettings
from flamingo_bark_assets.text import printable, short_line

READING_VERSION = "1"
"""Of what is done with a separator's output; raise it when the same output gives other stems, so that none of before is
taken again; and `SEPARATION_VERSION` in `steps`, so that songs are due."""

MAX_LENGTH_DIFFERENCE_S = 1.0
"""Separators keep the length to the sample, in lossy files to some 0.1 s; more is another sound or half of it."""

_VERSION_TIME_S = 60.0  # a program that imports torch first takes ten seconds to say who it is
_LONGEST_VERSION = 80
_SLOT_S = 0.5
_PLACE = re.compile("|".join(re.escape(place) for place in (INPUT, OUTPUT, MODEL)))

Tell = Callable[[str], None]


def separate_song(
    files: SongFiles,
    raw: RawSong,
    settings: SeparationSettings,
    paths: DataPaths,
    *,
    tell: Tell = lambda line: None,
) -> SeparatedStems:
    """Separate a song that has no stems of its own, where the settings ask for it.

    What was separated from the same mix by the same command and model is taken again. A separator that fails, hangs or
    leaves no fit stems is the fault of that song, and stands in its record.

    Args:
        files: the song's files.
        raw: what is known of its mix.
        settings: whether and by what.
        paths: the data folder.
        tell: is told now and then how far the separator is.

    Raises:
        WriteError: the disk refuses.
    """
    song_id = files.song_id
    if files.stems:
        forget(paths, song_id)
        return SeparatedStems(song_id=song_id, unusable=raw.unusable, outcome="given")
    if files.mix is None or raw.unusable is not None or raw.content_sha256 is None:
        reason = raw.unusable or f"{song_id}: there is no song file"
        return SeparatedStems(song_id=song_id, unusable=reason, outcome="unusable", reason=reason)
    if not settings.enabled:
        reason = "[separation] is not enabled in settings.toml"
        return SeparatedStems(song_id=song_id, outcome="off", reason=reason)
    source = _source(raw.content_sha256, settings)
    record = SeparatedStems(
        song_id=song_id,
        outcome="failed",
        separator=settings.separator,
        command=json.dumps(source.command, ensure_ascii=False),
        model=source.model,
        model_licence=settings.model_licence,
        input_sha256=source.input_sha256,
    )
    try:
        kept = find_kept(paths, song_id, source) or _separated(files.mix, raw, source, settings, paths, tell)
    except SeparationError as error:
        # A message may name the program, or files as the separator named them.
        reason = printable(f"{song_id}: {settings.separator}: {error} [{error.code}]")
        return replace(record, reason=reason)
    return replace(record, outcome="separated", version=kept.version, separated_files=kept.files)


def found_program(settings: SeparationSettings) -> str | None:
    """Return where the separator's program is; None where it is nowhere."""
    # Path.expanduser raises where this user has no home; here such a program is not there.
    return shutil.which(os.path.expanduser(settings.template[0]))  # noqa: PTH111


def _source(input_sha256: str, settings: SeparationSettings) -> Source:
    command, model = settings.template, settings.model_name
    key = json.dumps([input_sha256, command, model, READING_VERSION], ensure_ascii=False)
    return Source(hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest(), input_sha256, command, model)


def _separated(
    mix: Path,
    raw: RawSong,
    source: Source,
    settings: SeparationSettings,
    paths: DataPaths,
    tell: Tell,
) -> Kept:
    """Have a song separated.

    Raises:
        SeparationError: the separator cannot be started, failed, hung, or left no fit stems.
        WriteError: the disk refuses.
    """
    program = found_program(settings)
    if program is None:
        raise SeparationError(f"the program {settings.template[0]!r} is not there; install it, or name where it is")
    with _slot(paths, settings.at_most, tell), scratch_folder(paths) as scratch:
        output = scratch / "output"
        with writes_named(scratch):
            for folder in (output, scratch / "tmp"):
                folder.mkdir()
        environment = _environment(settings)
        version = _version(program, Path(program).stat().st_mtime_ns, scratch.parent, tuple(environment.items()))
        environment["TMPDIR"] = str(scratch / "tmp")
        places = {INPUT: str(mix.absolute()), OUTPUT: str(output), MODEL: source.model or ""}
        arguments = [_PLACE.sub(lambda match: places[match[0]], argument) for argument in source.command[1:]]
        tell(f"{settings.separator} begins")
        ended = _run([program, *arguments], scratch, environment, settings.time_limit_s, tell)
        if ended.status != 0:
            raise SeparationError(_told(ended, settings.time_limit_s))
        try:
            stems = find_stems(output, mix.stem)
            _check(stems, raw)
        except SeparationError as error:
            raise SeparationError(f"{error}{_last(ended)}") from error
        return keep(paths, raw.song_id, source, version, scratch, stems)


def _run(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], time_limit_s: float, tell: Tell
) -> Ended:
    try:
        return run_program(arguments, folder=folder, environment=environment, time_limit_s=time_limit_s, tell=tell)
    except (OSError, ValueError) as error:  # ValueError: a NUL in an argument
        raise SeparationError(f"cannot be started: {error}") from error


@functools.lru_cache(maxsize=8)
def _version(program: str, changed_ns: int, folder: Path, environment: tuple[tuple[str, str], ...]) -> str | None:
    """Ask a program who it is, once as long as it does not change; None where it does not say so."""
    ended = _run([program, "--version"], folder, dict(environment), _VERSION_TIME_S, lambda line: None)
    return short_line(ended.lines[-1], _LONGEST_VERSION) if ended.status == 0 and ended.lines else None


def _environment(settings: SeparationSettings) -> dict[str, str]:
    """Return what the separator may see: the variables that are named, so that no token or PYTHONPATH gets there."""
    seen = {name: os.environ[name] for name in (*PASSED_ON, *settings.environment) if name in os.environ}
    return {**seen, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}


def _told(ended: Ended, time_limit_s: float) -> str:
    if ended.status is None:
        return f"its time was up after {time_limit_s:g} s (`time_limit_s`), and it was ended{_last(ended)}"
    if ended.status > 128:
        return f"it was ended by signal {ended.status - 128}{_last(ended)}"
    return f"it ended with status {ended.status}{_last(ended)}"


def _last(ended: Ended) -> str:
    return f"; its last lines: {' / '.join(ended.lines)}" if ended.lines else "; it wrote nothing"


def _check(stems: Sequence[FoundStem], raw: RawSong) -> None:
    """Refuse what is no whole set of stems of the mix; what they are worth is judged as of any stems.

    Raises:
        SeparationError: a file cannot be decoded or has another length than the mix, or all of them are silent.
    """
    peak, mix_s = 0.0, raw.duration_s.value or 0.0
    for stem in stems:
        try:
            sound = decode(stem.path, max_duration_s=2.0 * mix_s + MAX_LENGTH_DIFFERENCE_S).signal
        except (AudioFault, OSError) as fault:
            raise SeparationError(f"its {stem.made_as} cannot be used: {fault}") from fault
        if abs(sound.duration_s - mix_s) > MAX_LENGTH_DIFFERENCE_S:
            raise SeparationError(f"its {stem.made_as} lasts {sound.duration_s:.1f} s, the mix {mix_s:.1f} s")
        peak = max(peak, *(float(abs(block).max(initial=0.0)) for block in sound.blocks()), 0.0)
    if peak == 0.0 and (raw.silent_fraction.value or 0.0) < 1.0:
        raise SeparationError("all of its stems are digital silence, and the mix is not")


@contextmanager
def _slot(paths: DataPaths, at_most: int, tell: Tell) -> Iterator[None]:
    """Wait until fewer than `at_most` separators run, over all processes of this machine.

    The operating system frees a slot when its process ends, however it ends.
    """
    folder = paths.separated / ".slots"
    with writes_named(folder):
        folder.mkdir(parents=True, exist_ok=True)
    locks = [FileLock(folder / f"{number}.lock", timeout=0) for number in range(at_most)]
    waits = False
    while True:
        for lock in locks:
            try:
                lock.acquire()
            except Timeout:
                continue
            try:
                yield
                return
            finally:
                lock.release()
        if not waits:
            waits = True
            tell(f"waits: {at_most} separators run already (`at_most`)")
        time.sleep(_SLOT_S)
