"""How different the texts of a corpus are, and whether any contradicts its measurements.

python -m tests.benchmarks.texts FOLDER... [--cache FOLDER] [--show N]

A FOLDER is a song (a sound file named mix or song, its stems beside it), or holds songs, or holds sound files that are
songs without stems. With `--cache` what was measured is kept there, and read again the next time.

Two texts are compared once what differs by itself is masked: each number and note becomes `#`, each key or chord `KEY`,
each genre, mood and instrument that an answer names `TAG`, a list of masks of one sort a single one. Figures: how many
masked texts are distinct, the mean over all pairs of the Jaccard overlap of their sets of three successive words, and
the claims that `check_claims` takes for a conflict. `chosen` is what a song is trained on, one form each, as weights
have it; the other rows are each form alone.
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from pathlib import Path

from flamingo_bark_assets.captioning.interface import Captions
from flamingo_bark_assets.captioning.measured import MeasuredCaptioner
from flamingo_bark_assets.claims.checking import check_claims
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.library.layout import DataPaths, find_song
from flamingo_bark_assets.library.sound_names import AUDIO_SUFFIXES
from flamingo_bark_assets.pipeline import SongWork, run_step
from flamingo_bark_assets.prompts.forms import FORMS, Form
from flamingo_bark_assets.prompts.grammar import Choices
from flamingo_bark_assets.prompts.levels import Prompt, build_prompts, form_weights
from flamingo_bark_assets.settings import PromptSettings, Settings
from flamingo_bark_assets.steps import STEPS

_KEY = re.compile(
    r"\b[A-G](?:#|b)? (?:major|minor|diminished|augmented|suspended|dorian|phrygian|lydian|mixolydian|seventh)"
    r"(?: seventh)?(?!\w)",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\b\d+/\d+\b|\b\d+(?:\.\d+)?\b|\b[A-G](?:#|b)?\d\b")
_WORD = re.compile(r"#|\w+(?:-\w+)*")
_LIST = re.compile(r"\b(TAG|KEY)\b(?:(?:,|/| and|, and) \1\b)+")
_MASKED = ("genre", "mood", "instruments")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, write, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="+")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--show", type=int, default=0, help="print the chosen texts of the first songs")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        paths = DataPaths((options.cache or Path(scratch)).absolute())
        songs = [measured(paths, sources) for sources in find_sources(options.folder)]
    told = [(evidence, captions, prompts_of(evidence, captions)) for evidence, captions in songs]
    told = [song for song in told if song[2]]
    print(f"{len(songs)} songs, {len(told)} with texts")
    rows: dict[str, list[str]] = {"chosen": []}
    conflicts = dict.fromkeys(("chosen", *FORMS), 0)
    for evidence, captions, prompts in told:
        chosen = chosen_form(evidence.song_id)
        for prompt in (p for p in prompts if p.type == "full_track"):
            text = mask(prompt.combined_prompt, captions)
            wrong = len(list(contradictions(prompt, evidence)))
            for name in (prompt.form, *(["chosen"] if prompt.form == chosen else [])):
                rows.setdefault(name, []).append(text)
                conflicts[name] += wrong
    for name, texts in rows.items():
        print(
            f"{name:12} distinct {len(set(texts)):3} of {len(texts):3}, overlap {overlap(texts):.3f}, "
            f"conflicts {conflicts[name]}"
        )
    others = [(p, e) for e, _, prompts in told for p in prompts if p.type != "full_track"]
    print(f"stems and several: {len(others)} texts, conflicts {sum(len(list(contradictions(*o))) for o in others)}")
    for evidence, _, prompts in told[: options.show]:
        print(f"\n{evidence.song_id}")
        for prompt in prompts:
            print(f"  {prompt.prompt} ({prompt.form}): {prompt.combined_prompt}")


def find_sources(folders: Iterable[Path]) -> Iterator[list[Path]]:
    """Yield the sound files of each song, the mix first."""
    for folder in folders:
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in AUDIO_SUFFIXES)
        mixes = [path for path in files if path.stem in {"mix", "song"}]
        if mixes:
            stems = [path for path in files if path.stem not in {"mix", "song"} and not path.stem.startswith("sep_")]
            yield [mixes[-1], *stems]
        else:
            yield from ([path] for path in files)
            yield from find_sources(sorted(path for path in folder.iterdir() if path.is_dir()))


def measured(paths: DataPaths, sources: Sequence[Path]) -> tuple[Evidence, Captions]:
    """Measure one song, or read what was measured before."""
    mix, *stems = sources
    own = mix.parent.parent.name, mix.parent.name, "" if stems else mix.stem
    song_id = re.sub(r"[^a-z0-9]+", "-", "-".join(filter(None, own)).lower()).strip("-")[-60:].strip("-")
    folder, done = paths.songs / song_id, paths.root / "done" / song_id
    if not folder.exists():
        (folder / "stems").mkdir(parents=True)
        _copy(mix, folder / f"song{mix.suffix}")
        for stem in stems:
            _copy(stem, folder / "stems" / stem.name)
    work = SongWork(find_song(paths, song_id), paths, Settings(), MeasuredCaptioner())
    if not done.exists():
        for step in STEPS[: [step.name for step in STEPS].index("flamingo_captions")]:
            run_step(step, work)
        done.parent.mkdir(parents=True, exist_ok=True)
        done.touch()
    evidence = work.evidence()
    return evidence, MeasuredCaptioner().describe(evidence, work.audio)


def _copy(source: Path, target: Path) -> None:
    """Link a file where the disk allows it; the library follows no symbolic links out of a song's folder."""
    try:
        os.link(source, target)
    except OSError:
        target.write_bytes(source.read_bytes())


def prompts_of(evidence: Evidence, captions: Captions) -> tuple[Prompt, ...]:
    """Write all prompts of a song."""
    return build_prompts(evidence, captions, PromptSettings()).prompts


def chosen_form(song_id: str) -> Form:
    """Choose the form of a song as its weights have it."""
    return Choices(song_id, "form").weighted(form_weights(PromptSettings()), "form")


def mask(text: str, captions: Captions) -> str:
    """Mask what differs by itself."""
    tags = [
        term.strip()
        for answer in captions.answers
        if answer.part == "mix" and answer.question in _MASKED and answer.text
        for term in re.split(r"[,;]", answer.text)
    ]
    masked = _NUMBER.sub("#", _KEY.sub("KEY", text))
    for tag in sorted(filter(None, tags), key=len, reverse=True):
        masked = re.sub(rf"(?<!\w){re.escape(tag)}(?!\w)", "TAG", masked, flags=re.IGNORECASE)
    return _LIST.sub(r"\1", masked)


def trigrams(text: str) -> frozenset[tuple[str, ...]]:
    """Return the runs of three successive words of a masked text; of a shorter one the words that it has."""
    words = [word.casefold() for word in _WORD.findall(text)]
    return frozenset(zip(words, words[1:], words[2:], strict=False)) or frozenset([tuple(words)])


def overlap(texts: Sequence[str]) -> float:
    """Return the mean Jaccard overlap of the trigrams of all pairs of texts; 0 for fewer than two."""
    sets = [trigrams(text) for text in texts]
    shares = [len(a & b) / len(a | b) for a, b in combinations(sets, 2)]
    return sum(shares) / len(shares) if shares else 0.0


def contradictions(prompt: Prompt, evidence: Evidence) -> Iterator[str]:
    """Yield what the claim checker finds in conflict with the measurements."""
    part = prompt.parts if prompt.type == "stem" else "mix"
    least = PromptSettings().min_claim_confidence
    for claim in check_claims(part, "caption", prompt.combined_prompt, evidence, least):  # type: ignore[arg-type]
        if claim.verdict == "conflict":
            yield f"{claim.kind}: {claim.said!r}, measured {claim.measured}"


if __name__ == "__main__":
    main()
