"""Whether stems are judged right, and the cause is named: 60 made songs, 30 good in odd ways and 30 truly wrong.

python -m tests.benchmarks.stem_truth [--seed 6000] [--only NAME]

Each song is written to disk and goes through the steps `raw_song` and `stems`. The verdict is right where a good song
passes with all its stems, and where of a wrong one every wrong stem is unfit, or the song; the cause is right where
what is said names the file and what is wrong with it, and where a good song is not said to have a fault. Limits were
chosen on seeds below 6000.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from flamingo_bark_assets.audio.recording import StemSet
from flamingo_bark_assets.captioning.measured import MeasuredCaptioner
from flamingo_bark_assets.library.layout import DataPaths, find_song
from flamingo_bark_assets.pipeline import SongWork, run_step
from flamingo_bark_assets.record import Measurement
from flamingo_bark_assets.settings import Settings
from flamingo_bark_assets.steps import STEP_NAMED
from flamingo_bark_assets.training.suitability import SONG, RuleResult, stem_set_rules
from tests.stem_songs import Case, cases

FIRST_SEED = 6000


class Outcome(NamedTuple):
    """What was said of one case."""

    verdict_right: bool
    cause_right: bool
    residual: Measurement[float]
    fitted: Measurement[float]
    said: str


def main() -> None:
    """Judge and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=FIRST_SEED, help="seed of the first song")
    parser.add_argument("--only", help="only cases whose name holds this")
    options = parser.parse_args()
    counts: Counter[str] = Counter()
    started = time.process_time()
    print(f"{'case':26}{'verdict':9}{'cause':7}{'residual':>9}{'fitted':>8}   what is said")
    for make in cases(options.seed):
        if options.only and options.only not in make.func.__name__:  # type: ignore[attr-defined]
            continue
        case = make()
        outcome = judged(case)
        counts["songs"] += 1
        counts["verdict"] += outcome.verdict_right
        counts["cause"] += outcome.cause_right
        print(
            f"{case.name:26}{'right' if outcome.verdict_right else 'WRONG':9}"
            f"{'right' if outcome.cause_right else 'WRONG':7}{_db(outcome.residual):>9}{_db(outcome.fitted):>8}   "
            f"{outcome.said}"
        )
    print(
        f"\nverdict right in {counts['verdict']} of {counts['songs']}, cause in {counts['cause']}; "
        f"{time.process_time() - started:.0f} CPU-s with making the songs"
    )


def judged(case: Case) -> Outcome:
    """Write a case and let the product judge it."""
    with tempfile.TemporaryDirectory() as folder:
        paths = DataPaths(Path(folder))
        case.write(paths.songs / "song")
        settings = Settings()
        work = SongWork(find_song(paths, "song"), paths, settings, MeasuredCaptioner())
        for step in ("raw_song", "stems"):
            run_step(STEP_NAMED[step], work)
        stems = work.result(StemSet)
    rules = stem_set_rules(stems, settings.thresholds)
    failed = [rule for rule in rules if not rule.passed]
    song_is_fit = not any(rule.subject == SONG for rule in failed)
    unfit = {rule.subject for rule in failed}
    if case.unfit:
        verdict_right = not song_is_fit or case.unfit <= unfit
        said = _said(stems, failed)
        cause_right = _named(said, case.causes)
    else:
        verdict_right = song_is_fit and not unfit
        said = _said(stems, failed)
        accused = failed or any(stem.doubt or stem.misnamed or stem.bleed or stem.rejected for stem in stems.stems)
        spared = case.causes or not any(stem.inverted or stem.offsets for stem in stems.stems)
        cause_right = not accused and bool(spared) and _named(said, case.causes)
    return Outcome(verdict_right, cause_right, stems.residual_db, stems.fitted_residual_db, said)


def _said(stems: StemSet, failed: list[RuleResult]) -> str:
    corrected = [f"{stem.file_name}: {stem.corrected}" for stem in stems.stems if stem.corrected]
    reasons = dict.fromkeys(rule.reason or rule.rule for rule in failed)
    return " | ".join([*reasons, *corrected])


def _named(said: str, causes: tuple[str, ...]) -> bool:
    return all(any(word in said for word in cause.split("|")) for cause in causes)


def _db(residual: Measurement[float]) -> str:
    return "-" if residual.value is None else f"{residual.value:.1f}"


if __name__ == "__main__":
    main()
