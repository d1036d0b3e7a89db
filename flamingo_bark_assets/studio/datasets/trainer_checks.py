"""What each trainer needs of the dataset, counted: too few songs, no lyrics, no licence, no models of tokens.

Rules of trainers and their numbers belong here, read from the published warehouse; what an export writes, and the proof
that it loads, stand in `exports` and `verification`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from flamingo_bark_assets.clips.records import NOBODY_SINGS
from flamingo_bark_assets.exports.interface import ExportOptions, Target
from flamingo_bark_assets.exports.registry import TARGETS
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.settings import Settings
from flamingo_bark_assets.storage.warehouse import query
from flamingo_bark_assets.studio.datasets.facts import literal, songs_in
from flamingo_bark_assets.studio.kept import kept
from flamingo_bark_assets.text import number_of
from flamingo_bark_assets.tokens.catalogue import configured_models

State = Literal["good", "warn", "bad"]

FEW_SONGS = 10
"""Adapters for ACE-Step that their makers tell of were trained on 6 to 37 songs, that of its own tutorial on 13."""
ACE_STEP_LONGEST_S = 240.0
"""ACE-Step 1.5 trains on the first 240 s of a song."""
ACE_STEP_BPM = (30, 300)
"""Tempi that ACE-Step 1.5 has words for."""


_COUNTED: Mapping[str, tuple[str, str, str]] = {
    "no_licence": (
        "Licence",
        "without a licence: a commercial export leaves them out, and the dataset may not be given away.",
        "Every song has a licence.",
    ),
    "fallback": (
        "Words",
        "described without a captioning model, as none could be had: nothing is learned of how they sound in words.",
        "A captioning model or a person has described every song.",
    ),
    "no_tempo": ("Tempo", "without a sure tempo: the field stays empty.", "Every tempo is known."),
    "odd_tempo": (
        "Tempo range",
        f"outside {ACE_STEP_BPM[0]} to {ACE_STEP_BPM[1]} BPM, for which it has no words.",
        f"Every known tempo lies within {ACE_STEP_BPM[0]} to {ACE_STEP_BPM[1]} BPM.",
    ),
    "no_key": ("Key", "without a sure key: the field stays empty.", "Every key is known."),
    "long": (
        "Length",
        f"longer than the {ACE_STEP_LONGEST_S:g} s that it reads: they go in as several pieces.",
        f"No song is longer than the {ACE_STEP_LONGEST_S:g} s that it reads.",
    ),
    "unnamed": ("Title and artist", "without title or artist: the fields stay empty.", "Every song has both."),
}
"""What is counted of songs: the name of the check, what is said of those that lack it, and of none."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a trainer needs.

    Attributes:
        name: in two or three words.
        state: good; warn, where it trains worse; bad, where it does not train.
        says: a sentence with the numbers.
    """

    name: str
    state: State
    says: str


@dataclass(frozen=True, slots=True)
class Trainer:
    """One target, and how far the dataset is ready for it.

    Attributes:
        name: of the target.
        title: one line.
        audience: who trains what with it.
        views: of clips that it takes.
        takes_view: whether another view may take the place of the first.
        checks: what it needs.
    """

    name: str
    title: str
    audience: str
    views: tuple[str, ...]
    takes_view: bool
    checks: tuple[Check, ...]

    @property
    def state(self) -> State:
        """The worst of its checks."""
        states = {check.state for check in self.checks}
        return "bad" if "bad" in states else "warn" if "warn" in states else "good"


@dataclass(frozen=True, slots=True)
class _Clips:
    """Clips of one view and source in one split."""

    view: str
    source: str
    split: str
    clips: int
    songs: int
    hours: float


@dataclass(frozen=True, slots=True)
class _Numbers:
    """What the checks count."""

    clips: tuple[_Clips, ...]
    songs: Mapping[str, int]

    def of(self, views: tuple[str, ...], source: str, split: str | None = None) -> tuple[int, int, float]:
        """Return songs, clips and hours; of several views the fewest songs, and all clips."""
        found = [c for c in self.clips if c.view in views and c.source == source and split in {None, c.split}]
        songs = min((sum(c.songs for c in found if c.view == view) for view in views), default=0)
        return songs, sum(c.clips for c in found), sum(c.hours for c in found)


@dataclass(frozen=True, slots=True)
class Readiness:
    """How far the dataset is ready.

    Attributes:
        shared: what every trainer needs.
        trainers: each target with what it needs besides.
    """

    shared: tuple[Check, ...]
    trainers: tuple[Trainer, ...]


def readiness(paths: DataPaths, settings: Settings) -> Readiness:
    """Check what is published against the needs of every target.

    Raises:
        StorageError: the warehouse cannot be read, or there is none.
    """
    found = paths.warehouse.stat()
    views = tuple(sorted({view for target in TARGETS.values() for view in target.VIEWS}))
    numbers = _numbers(paths.warehouse, (found.st_ino, found.st_size, found.st_mtime_ns), views)
    shared = (_count(numbers, "no_licence"), _count(numbers, "fallback"))
    return Readiness(shared, _trainers(numbers, paths, settings))


def _trainers(numbers: _Numbers, paths: DataPaths, settings: Settings) -> tuple[Trainer, ...]:
    options = ExportOptions(tokens=configured_models(settings, paths))
    return tuple(
        Trainer(name, target.TITLE, target.AUDIENCE, target.VIEWS, target.TAKES_VIEW, (
            *_songs(target, numbers), *(check for rule in _OWN.get(name, ()) for check in rule(numbers, target)),
            *_models(target.requirements(options)),
        ))
        for name, target in TARGETS.items()
    )  # fmt: skip


def _models(missing: Sequence[str]) -> tuple[Check, ...]:
    told = "; ".join(each.removeprefix("tokens: ") for each in missing)
    return (Check("Models of tokens", "bad", f"{told}."),) if missing else ()


@kept
def _numbers(path: Path, _: tuple[int, int, int], views: tuple[str, ...]) -> _Numbers:
    begin = songs_in(path)
    clips = query(
        path,
        f"{begin} SELECT view, source, inside.split, count(*), count(DISTINCT song_id), sum(end_s - start_s) / 3600 "
        "FROM clips JOIN inside USING (song_id) WHERE source IN ('mix', 'vocals', 'instrumental') "
        f"AND view IN ({', '.join(map(literal, views))}) GROUP BY ALL",
    ).rows
    low, high = ACE_STEP_BPM
    counted = query(
        path,
        f"""{begin},
        words AS (
            SELECT song_id, bool_or(lyrics IS NOT NULL) AS has_lyrics,
                bool_and(lyrics IS NULL AND lyrics_reason = {literal(NOBODY_SINGS)}) AS is_silent
            FROM clips WHERE source = 'mix' GROUP BY song_id
        )
        SELECT count(*) AS songs,
            count(*) FILTER (has_lyrics) AS with_lyrics,
            count(*) FILTER (is_silent) AS without_voice,
            count(*) FILTER (NOT has_lyrics AND NOT is_silent) AS lyrics_missing,
            count(*) FILTER (coalesce(trim(licence), '') = '') AS no_licence,
            count(*) FILTER (coalesce(trim(song_metadata.title), '') = '' OR coalesce(trim(artist), '') = '')
                AS unnamed,
            count(*) FILTER (is_fallback) AS fallback,
            count(*) FILTER (tempo_bpm IS NULL) AS no_tempo,
            count(*) FILTER (tempo_bpm < {low} OR tempo_bpm > {high}) AS odd_tempo,
            count(*) FILTER (key IS NULL) AS no_key,
            count(*) FILTER (duration_s > {ACE_STEP_LONGEST_S}) AS long
        FROM inside LEFT JOIN words USING (song_id) LEFT JOIN song_metadata USING (song_id)
        LEFT JOIN flamingo_captions USING (song_id) LEFT JOIN song_features USING (song_id)
        LEFT JOIN raw_song USING (song_id)""",
    )
    return _Numbers(
        tuple(_Clips(view, source, split, n, songs, float(hours)) for view, source, split, n, songs, hours in clips),
        dict(zip(counted.columns, counted.rows[0], strict=True)),
    )


def _source(target: Target) -> str:
    return "vocals" if target.NAME.startswith("bark") else "mix"


def _songs(target: Target, numbers: _Numbers) -> tuple[Check, ...]:
    """Check what every trainer needs of its own view: songs to train on, and some to hold out."""
    views, source = target.VIEWS, _source(target)
    split = "train" if "train" in target.USED_SPLITS and len(target.USED_SPLITS) == 1 else None
    songs, _, _ = numbers.of(views, source, split)
    what = "the vocals" if source == "vocals" else "the mix"
    told = "; ".join(_told(numbers, view, source, split) for view in views)
    told = f"{'For training, of' if split else 'Of'} {what}: {told}"
    needed = f"; published fine-tunes begin at about {FEW_SONGS} songs" if songs < FEW_SONGS and split else ""
    state: State = "bad" if not songs else "warn" if songs < FEW_SONGS and split else "good"
    found = [Check("Songs", state, f"{told}{needed}.")]
    if split:
        held, held_clips, _ = numbers.of(views, source, "validation")
        found.append(
            Check("Held out", "good", f"{number_of(held, 'song')} with {number_of(held_clips, 'clip')} for validation.")
            if held
            else Check(
                "Held out", "warn", "No song is for validation, so that nothing shows when it begins to overfit."
            )
        )
    return tuple(found)


def _told(numbers: _Numbers, view: str, source: str, split: str | None) -> str:
    songs, clips, hours = numbers.of((view,), source, split)
    return f"{number_of(songs, 'song')}, {number_of(clips, 'clip')}, {hours:.2f} h in the view {view}"


def _count(numbers: _Numbers, name: str) -> Check:
    count, (called, lacking, complete) = numbers.songs[name], _COUNTED[name]
    return Check(called, "warn", f"{number_of(count, 'song')} {lacking}") if count else Check(called, "good", complete)


def _lyrics(numbers: _Numbers, target: Target) -> tuple[Check, ...]:
    missing, having, silent = (numbers.songs[name] for name in ("lyrics_missing", "with_lyrics", "without_voice"))
    told = f"{number_of(having, 'song')} with lyrics, {silent} without a voice"
    if missing:
        return (Check("Lyrics", "warn", f"{number_of(missing, 'song')} sung without lyrics; {told}."),)
    return (Check("Lyrics", "good", f"{told}; none is sung without lyrics."),)


def _ace_step(numbers: _Numbers, target: Target) -> tuple[Check, ...]:
    return tuple(_count(numbers, name) for name in ("no_tempo", "odd_tempo", "no_key", "long"))


def _audiocraft(numbers: _Numbers, target: Target) -> tuple[Check, ...]:
    return tuple(_count(numbers, name) for name in ("unnamed", "no_key"))


def _instrumental(numbers: _Numbers, target: Target) -> tuple[Check, ...]:
    songs, clips, _ = numbers.of(target.VIEWS, "instrumental")
    if not songs:
        return (Check("Instrumental", "warn", "No song has a sum without its voice, which MusicGen's kits train on."),)
    return (
        Check("Instrumental", "good", f"{number_of(songs, 'song')} with {number_of(clips, 'clip')} without voice."),
    )


_OWN: Mapping[str, tuple[Callable[[_Numbers, Target], tuple[Check, ...]], ...]] = {
    "ace-step": (_lyrics, _ace_step),
    "huggingface": (_instrumental,),
    "audiocraft": (_audiocraft,),
    "bark": (_lyrics,),
}
"""What single targets need besides."""
