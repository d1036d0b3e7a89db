"""What the tagger says of sounds whose style is known, how near it is to the original, and what it costs.

python -m tests.benchmarks.tagging [LABELS]

LABELS is a table with tabs and a head: ``file`` (below the table's folder), ``genres``, ``instruments``, ``moods``,
each the true terms parted by commas, as `tagging.vocabulary` spells them; an empty cell is not judged. A term that is
told is right where it is among them, else wrong; a term told of a sound whose cell is empty is undecidable.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from flamingo_bark_assets.audio.decode import decode
from flamingo_bark_assets.captioning.model_captioner import ModelCaptioner
from flamingo_bark_assets.library.importing import add_song
from flamingo_bark_assets.library.layout import DataPaths, find_song
from flamingo_bark_assets.pipeline import SongWork, run_all
from flamingo_bark_assets.settings import Settings, TaggingSettings
from flamingo_bark_assets.tagging.mel import log_mel
from flamingo_bark_assets.tagging.network import NETWORKS, Network
from flamingo_bark_assets.tagging.tagger import Tagger
from flamingo_bark_assets.tagging.vocabulary import TermKind
from tests.running import ROOT
from tests.test_tagging import REFERENCE, windows

MOST_S = 7200.0
KINDS: dict[str, TermKind] = {"genres": "genre", "instruments": "instrument", "moods": "mood"}


def main() -> None:
    """Print the largest difference from the original, the ratio of a song's cost, and the verdicts on told terms."""
    parser = argparse.ArgumentParser()
    parser.add_argument("labels", type=Path, nargs="?")
    arguments = parser.parse_args()
    mels = np.stack([log_mel(samples) for samples in windows().values()])
    for name in NETWORKS:
        original = np.array([REFERENCE[name][kind] for kind in windows()])
        print(
            f"{name}: largest difference from the original {np.abs(Network.load(name).tag(mels) - original).max():.4f}"
        )
    without_s, with_s = (_demo_cpu_s(enabled=enabled) for enabled in (False, True))
    print(
        f"all steps of the demo song: {without_s:.1f} CPU-s without, {with_s:.1f} with; ratio {with_s / without_s:.2f}"
    )
    if arguments.labels is not None:
        _judge(arguments.labels)


def _demo_cpu_s(*, enabled: bool) -> float:
    settings = Settings(tagging=TaggingSettings(enabled=enabled))
    with tempfile.TemporaryDirectory() as folder:
        paths = DataPaths(Path(folder) / "data")
        demo = ROOT / "data/demo"
        add_song(paths, demo / "song.mp3", stems_dir=demo / "stems", song_id="demo")
        captioner = ModelCaptioner(settings.inference, settings.prompts, paths.answers, settings.tagging)
        start = time.process_time()
        run_all(SongWork(find_song(paths, "demo"), paths, settings, captioner))
        return time.process_time() - start


def _judge(table: Path) -> None:
    tagger, verdicts = Tagger(), Counter[tuple[str, str]]()
    with table.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            sound = decode(table.parent / row["file"], max_duration_s=MOST_S).signal
            tags = tagger.tag(sound, tuple(KINDS.values()), TaggingSettings().windows)
            for column, kind in KINDS.items():
                told = [tag.term.label for tag in tags if tag.term.kind == kind and tag.is_sure]
                true = {term.strip() for term in (row.get(column) or "").split(",") if term.strip()}
                for label in told:
                    verdict = "undecidable" if not true else "right" if label in true else "wrong"
                    verdicts[column, verdict] += 1
                print(f"{row['file']}: {column} {', '.join(told) or '-'} (true: {', '.join(sorted(true)) or '?'})")
    for column in KINDS:
        counts = ", ".join(f"{verdicts[column, verdict]} {verdict}" for verdict in ("right", "wrong", "undecidable"))
        print(f"{column}: {counts}")


if __name__ == "__main__":
    main()
