"""What texts and fields claim of a clip, held against what was measured inside it.

The judgement belongs here; finding claims in a text stands in the package `claims`.
"""

from __future__ import annotations

import re

from flamingo_bark_assets.claims.finding import find_claims
from flamingo_bark_assets.claims.lexicon import INSTRUMENT_KIND
from flamingo_bark_assets.claims.limits import TEMPO_TOLERANCE
from flamingo_bark_assets.claims.model import FoundClaim
from flamingo_bark_assets.claims.tonality import compare_keys
from flamingo_bark_assets.parts import KINDS, SUM_KINDS, StemKind, kinds_within, sums_of
from flamingo_bark_assets.verification.findings import Findings
from flamingo_bark_assets.verification.provenance import ClipFacts

_DUPLE = frozenset({"2/4", "4/4", "2/2", "duple"})
_TRIPLE = frozenset({"3/4", "3/8", "3/2", "triple", "6/8", "9/8", "12/8", "compound"})
_CHORDS_BEFORE = re.compile(r"\bplaying mainly\b|\bchords?\b", re.IGNORECASE)
_KEY_BEFORE = re.compile(r"\b(?:in|key of|key:)\s*$", re.IGNORECASE)
# A singer who asks for a guitar, or for C minor, states nothing of the sound.
_SUNG = re.compile("♪[^♪]*♪?")


def check_text_claims(findings: Findings, file: str, row: int | None, text: str, clip: ClipFacts) -> None:
    """Check each claim of a text against the measurements of its clip; what nobody measured, or is sung, stays open."""
    text = _SUNG.sub(lambda sung: " " * len(sung[0]), text)
    for claim in find_claims(text):
        said = text[claim.start : claim.end]
        if claim.kind == "tempo":
            _check_tempo(findings, file, row, claim, said, clip)
        elif claim.kind == "key" and clip.key is not None and not claim.negated:
            if compare_keys(claim.value, clip.key) in {"parallel", "other"} and not _is_chord(text, claim.value_start):
                findings.add("claim_key", file, row, f"{clip.name}: the text says {said!r}; measured inside: "
                             f"{clip.key}")  # fmt: skip
        elif claim.kind == "metre" and clip.metre is not None and not claim.negated:
            check_metre_claim(findings, file, row, claim.value, clip)
        elif claim.kind == "instrument":
            _check_instrument(findings, file, row, claim, said, clip)
        elif claim.kind == "vocals":
            _check_voice(findings, file, row, claim, said, clip)


def _is_chord(text: str, start: int) -> bool:
    """Tell whether what reads like a key stands in a list of chords: 'playing mainly G major, A major'."""
    head = re.split(r"[.!?]\s", text[:start])[-1]
    return _CHORDS_BEFORE.search(head) is not None and _KEY_BEFORE.search(head) is None


def check_metre_claim(findings: Findings, file: str, row: int | None, claimed: str, clip: ClipFacts) -> None:
    """Check a metre; duple and triple exclude each other, what only differs in writing does not."""
    if clip.metre is None:
        return
    if (claimed in _DUPLE and clip.metre in _TRIPLE) or (claimed in _TRIPLE and clip.metre in _DUPLE):
        findings.add("claim_metre", file, row, f"{clip.name}: {claimed} is said; measured: {clip.metre}")


def check_tempo_field(findings: Findings, file: str, row: int | None, bpm: float, clip: ClipFacts) -> None:
    """Check a tempo that stands in a field: the grid's tempo, not its half or double."""
    if clip.tempo_bpm is not None and abs(bpm / clip.tempo_bpm - 1) > TEMPO_TOLERANCE:
        findings.add("claim_tempo", file, row, f"{clip.name}: {bpm:g} BPM is stated; measured inside: "
                     f"{clip.tempo_bpm:.1f} BPM")  # fmt: skip


def check_key_field(findings: Findings, file: str, row: int | None, key: str, clip: ClipFacts) -> None:
    """Check a key that stands in a field."""
    if clip.key is not None and compare_keys(key, clip.key) not in {"same", None}:
        findings.add("claim_key", file, row, f"{clip.name}: {key} is stated; measured inside: {clip.key}")


def _check_tempo(findings: Findings, file: str, row: int | None, claim: FoundClaim, said: str, clip: ClipFacts) -> None:
    if clip.tempo_bpm is None or claim.numbers is None or claim.negated:
        return
    low, high = claim.numbers
    if not low * (1 - TEMPO_TOLERANCE) <= clip.tempo_bpm <= high * (1 + TEMPO_TOLERANCE):
        findings.add("claim_tempo", file, row, f"{clip.name}: the text says {said!r}; measured inside: "
                     f"{clip.tempo_bpm:.1f} BPM")  # fmt: skip


def _check_instrument(
    findings: Findings, file: str, row: int | None, claim: FoundClaim, said: str, clip: ClipFacts
) -> None:
    state = _state(INSTRUMENT_KIND[claim.value], clip)
    if state == "silent" and not claim.negated:
        findings.add("claim_instrument", file, row, f"{clip.name}: the text says {said!r}; no such stem sounds in it "
                     f"({clip.sounding or 'nothing'} does)")  # fmt: skip
    if state == "sounds" and claim.negated and claim.value in KINDS[INSTRUMENT_KIND[claim.value]].proves:
        findings.add("claim_instrument", file, row, f"{clip.name}: the text denies it ({said!r}), and it sounds")


def _check_voice(findings: Findings, file: str, row: int | None, claim: FoundClaim, said: str, clip: ClipFacts) -> None:
    state = _state("vocals", clip)
    if state == "silent" and not claim.negated:
        findings.add("claim_voice", file, row, f"{clip.name}: the text says {said!r}; no voice sounds in it")
    if state == "sounds" and claim.negated:
        findings.add("claim_voice", file, row, f"{clip.name}: the text says {said!r}; a voice sounds in it")


def has_voice(clip: ClipFacts) -> bool | None:
    """Tell whether a voice sounds in a clip; None where nobody knows."""
    state = _state("vocals", clip)
    return None if state == "unknown" else state == "sounds"


def _state(kind: StemKind, clip: ClipFacts) -> str:
    """Tell what the stems of a kind do in a clip: sounds, silent or unknown.

    An instrument that has a stem in some songs is sought in the one that holds it in others. Nobody knows what is in a
    sum, as an instrumental, nor what a mix holds beside it.
    """
    kinds = set(kinds_within(kind))
    if (whole := KINDS[kind].part_of) is not None:
        kinds.add(whole)
    if clip.kinds and not kinds & set(clip.kinds):
        return "silent" if set(sums_of(kind)).isdisjoint(clip.kinds) else "unknown"
    if not clip.sounding:
        return "unknown"
    if kinds & set(clip.sounding):
        return "sounds"
    return "silent" if set(SUM_KINDS).isdisjoint(clip.sounding) else "unknown"
