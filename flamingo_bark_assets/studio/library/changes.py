"""What was changed by hand since the warehouse was published, as far as the library page shows it.

Reading changes out of the journal, and out of song.toml where the journal alone does not tell, belongs here; the rows
that they are laid over stand in `table`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flamingo_bark_assets.errors import FileFault
from flamingo_bark_assets.files.toml import read_toml
from flamingo_bark_assets.library.journal import ChangedPlace, Entry
from flamingo_bark_assets.library.judgements import Place
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.library.song_toml import SONG_TOML

PLACES: dict[str, Place] = {
    "title": ("title",), "artist": ("artist",), "genres": ("genres",), "genre": ("edits", "mix", "genre"),
    "mood": ("edits", "mix", "mood"), "licence": ("licence",), "attribution": ("attribution",),
    "custom_tag": ("custom_tag",), "lyrics": ("lyrics",), "repeats": ("repeats",),
    "review": ("review", "state"), "review_by": ("review", "by"), "review_at": ("review", "at"),
    "review_reason": ("review", "reason"),
    "tempo_bpm": ("corrections", "tempo_bpm"), "key": ("corrections", "key"),
}  # fmt: skip
"""The places of song.toml that the page shows, by the name that they have in its rows."""

CLAIMS: Place = ("corrections", "claims")
_MOST_FILES = 1000

Said = dict[str, Any]
"""Values of one song by the names of `PLACES`; None where song.toml says nothing."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One change of one place."""

    at_s: float
    before: Any
    after: Any


@dataclass(slots=True)
class Changes:
    """All changes of the journal that the page shows, by song and name, in their order."""

    steps: dict[str, dict[str, list[_Step]]] = field(default_factory=dict)
    decided: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, entries: Iterable[Entry]) -> None:
        """Take further steps of the journal."""
        for entry in entries:
            at_s = _seconds(entry.at)
            for change in entry.changes:
                self._add(change, at_s)

    def since(self, published_s: float, shown: Mapping[str, Said], paths: DataPaths) -> dict[str, Said]:
        """Return what stands in song.toml and is not in the warehouse yet, by song.

        The journal tells it of changes after the publication. An earlier change that the warehouse does not show either
        came too late for the run that was published, or was overwritten since by other means: song.toml tells.

        Args:
            published_s: when the warehouse was published, seconds since 1970.
            shown: what the warehouse shows of the songs of `steps`, by the names of `PLACES`.
            paths: the data folder.
        """
        laid: dict[str, Said] = {}
        unsure: dict[str, Said] = {}
        published_s = math.floor(published_s)  # the journal tells whole seconds
        for song_id, by_name in self.steps.items():
            for name, steps in by_name.items():
                later = [step for step in steps if step.at_s >= published_s]
                value = steps[-1].after
                if later and later[0].before != value:
                    laid.setdefault(song_id, {})[name] = value
                elif len(later) < len(steps) and value != shown.get(song_id, {}).get(name):
                    unsure.setdefault(song_id, {})[name] = value
        files = read_said(paths, list(unsure)[:_MOST_FILES])
        for song_id, values in unsure.items():
            for name, value in values.items():
                stands = files[song_id][name] if song_id in files else value
                # What is no longer there was seen by the run, or never was of song.toml: the warehouse knows better.
                if stands is not None and stands != shown.get(song_id, {}).get(name):
                    laid.setdefault(song_id, {})[name] = stands
        return laid

    def _add(self, change: ChangedPlace, at_s: float) -> None:
        place = change.place
        if place[: len(CLAIMS)] == CLAIMS or CLAIMS[: len(place)] == place:
            self._decide(change)
        for name, watched in PLACES.items():
            if watched[: len(place)] == place:
                rest = watched[len(place) :]
                before, after = (_value(name, _within(value, rest)) for value in (change.before, change.after))
                step = _Step(at_s, before, after)
                if step.before != step.after:
                    self.steps.setdefault(change.song_id, {}).setdefault(name, []).append(step)

    def _decide(self, change: ChangedPlace) -> None:
        decided = self.decided.setdefault(change.song_id, {})
        if len(change.place) > len(CLAIMS):
            decided[change.place[len(CLAIMS)]] = change.after
            return
        rest = CLAIMS[len(change.place) :]
        before, after = _within(change.before, rest) or {}, _within(change.after, rest) or {}
        decided |= {**dict.fromkeys(before), **after}


def read_said(paths: DataPaths, song_ids: Collection[str]) -> dict[str, Said]:
    """Read what song.toml of songs says at the places of the page; songs whose file cannot be read are left out."""
    found: dict[str, Said] = {}
    for song_id in song_ids:
        folder = paths.songs / song_id
        try:
            said = read_toml(folder / SONG_TOML, within=folder) if (folder / SONG_TOML).exists() else {}
        except (FileFault, OSError):
            continue
        found[song_id] = {name: _value(name, _within(said, place)) for name, place in PLACES.items()}
    return found


def _value(name: str, value: Any) -> Any:
    """Return a value as the rows show it: of lyrics whether there are any, None for what may not stand there."""
    match name:
        case "genres":
            return [str(each) for each in value] if isinstance(value, list) and value else None
        case "lyrics":
            return True if value else None
        case "repeats":
            return value if isinstance(value, int) and not isinstance(value, bool) else None
        case "tempo_bpm":
            return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
        case "review_at" if isinstance(value, datetime):
            return value.isoformat(timespec="seconds").replace("+00:00", "Z")
        case _:
            return value.strip() or None if isinstance(value, str) else None


def _within(value: Any, place: Place) -> Any:
    for name in place:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def _seconds(at: str) -> float:
    try:
        return datetime.fromisoformat(at).timestamp()
    except ValueError:
        return 0.0
