"""`flamingo-bark clean`: what can be removed and is missed by nobody.

Asking and telling belong here; which files nobody needs is decided in `library.orphans` and by their age.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from flamingo_bark_assets.commands.choosing import ask
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.terminal import console

_DAY_S = 86_400.0
_OF_SONGS = "files of songs that are gone"


@dataclass(frozen=True, slots=True)
class _Removable:
    """One kind of what can be removed.

    Attributes:
        what: in words.
        files: the files and folders.
    """

    what: str
    files: tuple[Path, ...]

    @property
    def bytes(self) -> int:
        """Size of all of them."""
        return sum(map(_bytes, self.files))


@click.command()
@click.option(
    "--caches-older-than", "days", type=click.FloatRange(0), metavar="DAYS",
    help="Also answers of models, tokens and previews that were kept so long ago; what still needs one makes it again.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def clean(paths: DataPaths, days: float | None, dry_run: bool, yes: bool) -> None:
    """Remove what ended processes have left half done, what was made of songs that are gone, and old uploads.

    Publication does the same now and then, but not in exports. Dagster's logs of old runs are forgotten by `purge`.
    """
    from flamingo_bark_assets.files.atomic import delete_tree, find_leftovers
    from flamingo_bark_assets.library.orphans import find_orphans, remove_made
    from flamingo_bark_assets.settings import load_settings
    from flamingo_bark_assets.studio.adding.uploads import find_old

    orphans = find_orphans(paths)
    leftovers = [*orphans.leftovers, *find_leftovers(paths.exports), *find_leftovers(paths.tokens)]
    found = [
        _Removable("temporary files of processes that have ended", tuple(dict.fromkeys(leftovers))),
        _Removable(_OF_SONGS, tuple(path for made in orphans.made.values() for path in made)),
        _Removable(
            "uploads that nobody has gone on with",
            tuple(find_old(paths.uploads, load_settings(paths.settings).studio.keep_hours)),
        ),
    ]
    if days is not None:
        old = time.time() - days * _DAY_S
        found += [
            _Removable(f"answers of models older than {days:g} days", tuple(_older(paths.answers, old))),
            _Removable(f"tokens of clips older than {days:g} days", tuple(_older(paths.tokens, old))),
            _Removable(f"previews for the studio older than {days:g} days", tuple(_older(paths.previews, old))),
        ]
    found = [kind for kind in found if kind.files]
    if orphans.problem:
        console.warn([orphans.problem])
    if not found:
        console.note("nothing to remove in {}", paths.root)
        return
    rows = [(kind.what, len(kind.files), f"{kind.bytes / 1e6:.1f} MB") for kind in found]
    console.table(("what", "files", "size"), rows)
    if dry_run:
        return
    ask("Remove them?", yes=yes)
    stuck = [path for kind in found if kind.what != _OF_SONGS for path in kind.files if not delete_tree(path)]
    stuck += remove_made(paths, orphans.made)  # A song may have been added again before the answer came.
    _tell_stuck(stuck)


def _tell_stuck(stuck: Sequence[Path]) -> None:
    if stuck:
        console.say("[red]cannot be removed:[/red] {}; let this user write there", ", ".join(map(str, stuck[:5])))
        sys.exit(1)
    console.note("removed")


def _older(folder: Path, time_s: float) -> Iterator[Path]:
    """Give the files of a cache that were written before a time, s since the epoch."""
    for path in _files(folder):
        try:
            if not path.name.startswith(".") and path.lstat().st_mtime < time_s:
                yield path
        except OSError:  # it was removed meanwhile
            continue


def _files(folder: Path) -> Iterable[Path]:
    return (Path(parent, name) for parent, _, names in os.walk(folder) for name in names)


def _bytes(path: Path) -> int:
    files = _files(path) if path.is_dir() and not path.is_symlink() else (path,)
    total = 0
    for file in files:
        try:
            total += file.lstat().st_size
        except OSError:
            continue
    return total
