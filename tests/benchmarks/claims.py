"""How well claims are found and captions rewritten, in figures, for any file of labelled captions.

    python -m tests.benchmarks.claims [FILE...] [--errors] [--unread]

Without a file the captions in `tests/claim_captions` are read; of these the third marked `unread` is left out of
everything unless `--unread` asks for that third alone. A file holds one JSON object a line:

    text       the caption
    claims     what it claims, each `kind value`, or `not kind value` where it denies it
    source     optional: who wrote it; losses are told by source
    unread     optional: kept apart while rules are written
    measured   optional, for rewriting: made-up measurements, the arguments of `tests.evidence.make_evidence` (kinds,
               silent, song, raw_song, drums, bass, vocals ...); what is not given is unknown
    keep       optional: the claims that a good rewrite still makes; without it, those that nothing contradicts
    gone       optional: patterns that may not match the rewritten text

Kinds that no line of a file labels are not scored: its author did not look for them.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.audio.recording import RawSong
from flamingo_bark_assets.claims.checking import check_claims
from flamingo_bark_assets.claims.finding import find_claims
from flamingo_bark_assets.claims.rewriting import rewrite
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.record import columns_of
from tests.evidence import make_evidence

CAPTIONS = Path(__file__).parents[1] / "claim_captions"
_MIN_CONFIDENCE = 0.3
_LONG_WORDS = 200
_DENIAL = re.compile(
    r"\b(?:no|not|without|never|neither|nor|none|lacks?|lacking|free of|absen\w+|devoid|instrumental)\b|n't\b", re.I
)
_SHORT_WORDS = 40
# A crude reader, on purpose other than the rewriter's own check.
_BAD_END = re.compile(
    r"\b(?:a|an|the|with|without|at|in|of|and|or|but|by|over|from|to|as|for|its|his|her|is|are|has|have|very|that|which|"
    r"who|around|between|featuring|features?|includes?|explores?|keeps?|gives?|giving)[\s,]*[.!?]",
    re.I,
)
_BAD_PAIR = re.compile(
    r"\b(?:a|an|the) (?:a|an|the|of|and|or|at|in|is|are|that|which|giving|with|it)\b|"
    r"\b(?:with|of|in|at) (?:and|or|of|is|are)\b|\b(?:with|of|at) with\b|\bis (?:built|set|made) that\b|"
    r"\bdeliberately \w+ing\b|"
    r", ?[,.]|\(\s*\)|\b(\w+) \1\b|\ba [aeio]\w+|"
    r"\ban (?!hour|honest|[FMS]\b)[bcdfgklmnpqrstvwxyz]\w+",
    re.I,
)
_VERB = re.compile(
    r"(?:'s|\b(?:is|are|was|were|be|has|have|had|do|does|did|will|would|can|could|may|might|must|features?|plays?|sings?|"
    r"\w{2,}(?:s|ed|en|ing)|sung|built|set|made|sit|carry|drive|add|keep|lock|include|come|speak|share|answer|open|"
    r"draw|lean|move|follow|trade|supply|form|hold|go|stay|weave))\b",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Caption:
    """One labelled caption, as a line of a file gives it."""

    text: str
    claims: frozenset[str]
    source: str = ""
    unread: bool = False
    measured: Mapping[str, Any] | None = None
    keep: frozenset[str] | None = None
    gone: tuple[str, ...] = ()


@dataclass(slots=True)
class _Rewriting:
    """Counts over the captions that were rewritten."""

    captions: int = 0
    good: int = 0
    broken: list[str] = field(default_factory=list)
    standing: list[str] = field(default_factory=list)
    kept: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    losses: list[str] = field(default_factory=list)


def labels(text: str) -> frozenset[str]:
    """Give the claims of a text as the files write them."""
    return frozenset(f"{'not ' if claim.negated else ''}{claim.kind} {claim.value}" for claim in find_claims(text))


def read_captions(path: Path) -> tuple[Caption, ...]:
    """Read a file of labelled captions."""
    lines = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    return tuple(
        Caption(
            line["text"], frozenset(line["claims"]), line.get("source", ""), line.get("unread", False),
            line.get("measured"), frozenset(line["keep"]) if "keep" in line else None, tuple(line.get("gone", ())),
        )
        for line in lines
    )  # fmt: skip


def made_up(measured: Mapping[str, Any]) -> Evidence:
    """Make the measurements of a song of which all that is not given is unknown."""
    given: dict[str, Any] = {"kinds": (), **measured}
    for name, record in (("song", SongFeatures), ("raw_song", RawSong)):
        schema: Any = record
        nothing = {spec.name: None for spec in columns_of(schema) if spec.measured}
        given[name] = {**nothing, **given.get(name, {})}
    return make_evidence(**given)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.claims")
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--errors", action="store_true", help="print each caption that came out wrong")
    parser.add_argument("--unread", action="store_true", help="the kept third alone")
    options = parser.parse_args(arguments)
    files = options.files or sorted(CAPTIONS.glob("*.jsonl"))
    captions = [c for path in files for c in read_captions(path) if options.files or c.unread == options.unread]
    _print_finding(captions, errors=options.errors)
    if rewritten := [caption for caption in captions if caption.measured is not None]:
        _print_rewriting(rewritten, errors=options.errors)
    _print_time([caption.text for caption in captions])


def _print_finding(captions: Sequence[Caption], *, errors: bool) -> None:
    scored = {_kind(label) for caption in captions for label in caption.claims}
    right, found, expected = Counter[str](), Counter[str](), Counter[str]()
    wrong: list[tuple[Caption, frozenset[str]]] = []
    denials, denials_right = 0, 0
    for caption in captions:
        got = frozenset(label for label in labels(caption.text) if _kind(label) in scored)
        found.update(map(_kind, got))
        expected.update(map(_kind, caption.claims))
        right.update(map(_kind, got & caption.claims))
        if got != caption.claims:
            wrong.append((caption, got))
        if _DENIAL.search(caption.text) and len(caption.text.split()) <= _SHORT_WORDS:
            denials += 1
            denials_right += _denied(got) == _denied(caption.claims)
    print(f"{'kind':14} {'expected':>8} {'found':>6} {'right':>6} {'precision':>9} {'recall':>7}")
    for kind in sorted(scored):
        _print_row(kind, right[kind], found[kind], expected[kind])
    _print_row("all", right.total(), found.total(), expected.total())
    print(f"captions: {len(captions)}; wholly right: {len(captions) - len(wrong)}; denials right: {denials_right} of "
          f"{denials}")  # fmt: skip
    for caption, got in wrong if errors else ():
        print(f"\n{caption.text}")
        print(f"  missed: {sorted(caption.claims - got)}; too many: {sorted(got - caption.claims)}")


def _kind(label: str) -> str:
    return label.removeprefix("not ").split()[0]


def _denied(found: Iterable[str]) -> set[str]:
    return {label for label in found if label.startswith("not ")}


def _print_row(kind: str, right: int, found: int, expected: int) -> None:
    precision = f"{right / found:.3f}" if found else "-"
    recall = f"{right / expected:.3f}" if expected else "-"
    print(f"{kind:14} {expected:8} {found:6} {right:6} {precision:>9} {recall:>7}")


def _print_rewriting(captions: Sequence[Caption], *, errors: bool) -> None:
    counts = _Rewriting()
    for caption in captions:
        _rewrite(caption, counts)
    print(f"\nrewritten: {counts.captions}; good English with nothing true lost: {counts.good}; broken English: "
          f"{len(counts.broken)}; the false claim still stands or is implied: {len(counts.standing)}")  # fmt: skip
    for source in sorted(counts.kept):
        print(f"  {source or 'all':14} true claims lost: {counts.lost[source] / counts.kept[source]:6.1%} "
              f"of {counts.kept[source]}")  # fmt: skip
    for title, texts in (("broken", counts.broken), ("standing", counts.standing), ("lost", counts.losses)):
        for text in texts if errors else ():
            print(f"\n{title}: {text}")


def _rewrite(caption: Caption, counts: _Rewriting) -> None:
    evidence = made_up(caption.measured or {})
    claims = check_claims("mix", "description", caption.text, evidence, _MIN_CONFIDENCE)
    conflicts = {c.claimed_label for c in map(_Labelled, claims) if c.verdict == "conflict"}
    text = rewrite(caption.text, claims)
    after = labels(text)
    keep = caption.keep if caption.keep is not None else caption.claims - conflicts
    lost = keep - after
    left = [c for c in check_claims("mix", "description", text, evidence, _MIN_CONFIDENCE) if c.verdict == "conflict"]
    implied = [match.group() for pattern in caption.gone if (match := re.search(pattern, text, re.IGNORECASE))]
    broken = broken_english(text, caption.text)
    counts.captions += 1
    counts.kept[caption.source] += len(keep)
    counts.lost[caption.source] += len(lost)
    counts.good += not (lost or left or implied or broken)
    if lost:
        counts.losses.append(f"{sorted(lost)}\n  {caption.text}\n  -> {text}")
    if left or implied:
        counts.standing.append(f"{[c.said for c in left]} {implied}\n  {caption.text}\n  -> {text}")
    if broken:
        counts.broken.append(f"{broken}\n  {caption.text}\n  -> {text}")


@dataclass(frozen=True, slots=True)
class _Labelled:
    """A checked claim with the label that files give it."""

    claim: Any

    @property
    def verdict(self) -> str:
        return str(self.claim.verdict)

    @property
    def claimed_label(self) -> str:
        value = self.claim.claimed
        denied = value.startswith("not ")
        return f"{'not ' if denied else ''}{self.claim.kind} {value.removeprefix('not ')}"


def broken_english(text: str, original: str) -> list[str]:
    """Give the sentences that a rewrite made and that a crude reader takes for broken."""
    known = _sentences(original)
    # Where people write without verbs or capitals, a rewrite may.
    has_verbs = all(_VERB.search(sentence) for sentence in known)
    has_capitals = not any(sentence[:1].islower() for sentence in known)
    bodies = {*known, *map(_body, known)}
    return [s for s in _sentences(text) if bodies.isdisjoint({s, _body(s)}) and _is_broken(s, has_verbs, has_capitals)]


def _body(sentence: str) -> str:
    """Leave a label before a sentence out: '**Vocals** – ', 'Tempo: '."""
    return re.sub(r"^[*#\w /&]+(?::[*]*|[*]+ [–—-])\s*", "", sentence)


def _sentences(text: str) -> list[str]:
    return [s.strip() for line in text.splitlines() for s in re.split(r"(?<=[.!?])\s+", line) if s.strip()]


def _is_broken(sentence: str, has_verbs: bool, has_capitals: bool) -> bool:
    body = _body(sentence)
    is_list = not body.rstrip().endswith((".", "!", "?"))
    if re.search(r"\w+\.?$", body) is None or is_list:
        return bool(_BAD_PAIR.search(body))
    no_verb = has_verbs and len(body.split()) > 3 and not _VERB.search(body)
    is_small = has_capitals and body[:1].islower()
    return bool(_BAD_END.search(body) or _BAD_PAIR.search(body)) or no_verb or is_small


def _print_time(texts: Sequence[str]) -> None:
    long = [text for text in texts if len(text.split()) >= _LONG_WORDS]
    if not long:
        return
    find_claims(long[0])
    times = []
    for text in long:
        start = time.process_time()
        find_claims(f"{text} ")  # what was found in the same text is kept
        times.append((time.process_time() - start) / len(text.split()) * 300)
    print(f"\nfinding in a description of 300 words: median {statistics.median(times) * 1e3:.1f} ms, "
          f"most {max(times) * 1e3:.1f} ms")  # fmt: skip


if __name__ == "__main__":
    main()
