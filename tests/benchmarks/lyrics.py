"""How well plain lines are placed where they are sung: against true sung phrases, with words made up for them.

python -m tests.benchmarks.lyrics [CORPUS...]

A corpus is a folder of songs in the format of `../shared/corpus`. Nobody wrote words for these songs: a line is made
for each true phrase, of as many syllables as fit its length (give or take 15 %), and the pipeline is given the lines
without times. Then one line is missing, or the words of two phrases stand in one line, as lyrics are written. Last come
made songs in which a line has a breath inside and another phrase was missed, so that the counts are equal by chance.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from flamingo_bark_assets.audio.song_metadata import SongMetadata
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.lyrics.phrases import Span
from flamingo_bark_assets.lyrics.records import SongLyrics
from flamingo_bark_assets.lyrics.sharing import share_out
from flamingo_bark_assets.pipeline import SongWork, run_step
from flamingo_bark_assets.steps import STEP_NAMED
from tests.benchmarks.corpora import copied_song, songs_of
from tests.test_lyrics_sharing import a_song, with_a_breath_and_a_phrase_missed

MADE_SONGS = 1000
NEAR_S = 0.3
SYLLABLE_S = 0.3
_STEPS = ("raw_song", "song_metadata", "stems", "song_features", "vocal_features", "song_lyrics")
_SYLLABLES = ("la", "ti", "no", "ve", "mu", "ra")


@dataclass
class Tally:
    """Lines of one way of writing: all, those near their true start, those for clips, and of these the wrong ones."""

    lines: int = 0
    near: int = 0
    for_clips: int = 0
    wrong_in_clips: int = 0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, nargs="*")
    tallies: dict[str, Tally] = {}
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        paths = DataPaths(Path(folder) / "data")
        for source in songs_of(parser.parse_args().corpus):
            work = _work(paths, source)
            truth = json.loads((source / "truth.json").read_text(encoding="utf-8"))
            sung = [Span(*phrase) for phrase in (truth.get("vocals") or {}).get("active", [])]
            for way, lines in _ways(sung, rng):
                _compare(_lyrics(work, lines), lines, tallies.setdefault(way, Tally()))
            print(f"{work.song_id}: {len(sung)} phrases")
    for way, tally in tallies.items():
        print(
            f"{way}: {tally.near} of {tally.lines} lines begin within {NEAR_S} s of the truth; {tally.for_clips} are "
            f"for clips, {tally.wrong_in_clips} of them wrong"
        )
    right, chance = _taken_for_clear(rng)
    print(f"made songs taken for one phrase a line: {right} of {MADE_SONGS} that are, {chance} that are not")


def _work(paths: DataPaths, source: Path) -> SongWork:
    work = copied_song(paths, source)
    for step in _STEPS:
        run_step(STEP_NAMED[step], work)
    return work


def _ways(sung: Sequence[Span], rng: np.random.Generator) -> Iterator[tuple[str, list[tuple[str, float]]]]:
    """Give the words in several ways of writing: each line with its true start."""
    lines = [(_words(span, rng), span.start_s) for span in sung]
    yield "one line a phrase", lines
    if len(lines) > 3:
        gone = int(rng.integers(len(lines)))
        yield "one line missing", lines[:gone] + lines[gone + 1 :]
        first = int(rng.integers(len(lines) - 1))
        both = (f"{lines[first][0]} {lines[first + 1][0]}", lines[first][1])
        yield "two phrases in one line", [*lines[:first], both, *lines[first + 2 :]]


def _words(span: Span, rng: np.random.Generator) -> str:
    count = max(1, round(span.duration_s / SYLLABLE_S * rng.lognormal(0.0, 0.15)))
    return " ".join(_SYLLABLES[int(i)] for i in rng.integers(len(_SYLLABLES), size=count))


def _lyrics(work: SongWork, lines: Sequence[tuple[str, float]]) -> SongLyrics:
    metadata = work.result(SongMetadata)
    work.keep(replace(metadata, lyrics="\n".join(text for text, _ in lines), lyrics_source="song.toml"))
    made = run_step(STEP_NAMED["song_lyrics"], work)
    assert isinstance(made, SongLyrics)
    return made


def _taken_for_clear(rng: np.random.Generator) -> tuple[int, int]:
    """Count made songs whose alignment is clear: as they are, and with counts that are equal by chance."""
    right = chance = 0
    for _ in range(MADE_SONGS):
        lines, sung = a_song(rng)
        right += share_out(lines, sung).is_clear
        chance += share_out(lines, with_a_breath_and_a_phrase_missed(rng, sung)).is_clear
    return right, chance


def _compare(lyrics: SongLyrics, lines: Sequence[tuple[str, float]], tally: Tally) -> None:
    for line, (_, start_s) in zip(lyrics.lyrics_lines, lines, strict=True):
        near = line.start_s is not None and abs(line.start_s - start_s) <= NEAR_S
        tally.lines += 1
        tally.near += near
        tally.for_clips += line.for_clips
        tally.wrong_in_clips += line.for_clips and not near


if __name__ == "__main__":
    main()
