"""Precision and recall of the claims that are found in the table of sentences, kind by kind.

python -m tests.benchmarks.claims [plain | traps | held-out | held-out-later] [--errors]
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence

from flamingo_bark_assets.claims.finding import find_claims
from tests.claim_sentences import HELD_OUT, HELD_OUT_LATER, PLAIN, SENTENCES, TRAPS, Sentence

_SETS: dict[str, tuple[Sentence, ...]] = {
    "plain": PLAIN,
    "traps": TRAPS,
    "held-out": HELD_OUT,
    "held-out-later": HELD_OUT_LATER,
}


def labels(text: str) -> frozenset[str]:
    """Give the claims of a text as the table writes them."""
    return frozenset(f"{'not ' if claim.negated else ''}{claim.kind} {claim.value}" for claim in find_claims(text))


def main(arguments: Sequence[str]) -> None:
    """Print one line a kind, then all kinds together."""
    chosen = [name for name in arguments if name in _SETS]
    sentences = tuple(s for name in chosen for s in _SETS[name]) or SENTENCES
    right, found, expected = Counter[str](), Counter[str](), Counter[str]()
    wrong: list[tuple[Sentence, frozenset[str]]] = []
    for sentence in sentences:
        got = labels(sentence.text)
        found.update(map(_kind, got))
        expected.update(map(_kind, sentence.claims))
        right.update(map(_kind, got & sentence.claims))
        if got != sentence.claims:
            wrong.append((sentence, got))
    print(f"{'kind':14} {'expected':>8} {'found':>6} {'right':>6} {'precision':>9} {'recall':>7}")
    for kind in sorted(expected.keys() | found.keys()):
        _print_row(kind, right[kind], found[kind], expected[kind])
    _print_row("all", right.total(), found.total(), expected.total())
    print(f"sentences: {len(sentences)}, of them traps {sum(s.is_trap for s in sentences)}; wrong: {len(wrong)}")
    if "--errors" in arguments:
        _print_errors(wrong)


def _kind(label: str) -> str:
    return label.removeprefix("not ").split()[0]


def _print_row(kind: str, right: int, found: int, expected: int) -> None:
    precision = f"{right / found:.3f}" if found else "-"
    recall = f"{right / expected:.3f}" if expected else "-"
    print(f"{kind:14} {expected:8} {found:6} {right:6} {precision:>9} {recall:>7}")


def _print_errors(wrong: Iterable[tuple[Sentence, frozenset[str]]]) -> None:
    for sentence, got in wrong:
        print(f"\n{sentence.text}")
        print(f"  missed: {sorted(sentence.claims - got)}; too many: {sorted(got - sentence.claims)}")


if __name__ == "__main__":
    main(sys.argv[1:])
