"""Rewrite a caption so that it claims nothing that the measurements contradict.

Correcting values and choosing among cuttings belong here; how a sentence can be cut stands in `cutting`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from flamingo_bark_assets.claims.cutting import cuttings
from flamingo_bark_assets.claims.finding import find_claims
from flamingo_bark_assets.claims.lexicon import FINITE_VERBS, PREPOSITIONS
from flamingo_bark_assets.claims.model import Claim, ClaimKind, FoundClaim
from flamingo_bark_assets.claims.tokens import Token, split_sentences
from flamingo_bark_assets.descriptions.wording import capitalised, figure, key_name

_Statement = tuple[ClaimKind, str, bool, bool]

_MAX_CUTS = 40
_SLOWEST_WHOLE_BPM = 30.0
_ARTICLE = re.compile(r"\b(?P<article>[Aa]n?) (?P<next>[\w#♯♭]+)")
_VOWEL_SOUND = re.compile(
    r"(?:[aeio]|u(?!ni|se|su)|8|1[18](?!\d)|hour|honest|[fhlmnrsx]\b)(?!ne\b|nce\b)", re.IGNORECASE
)
_KEY_VOWELS = "AEF"
# What a sentence may not look like after a cut: loose ends, or two words that never meet.
_LOOSE = re.compile(
    r"^\W*(?:and|or|but|nor|while|which|who|of)\b"
    r"|\b(?:a|an|the|with|without|at|in|of|and|or|but|by|over|is|are|has|have|featuring|features|feature|includes|"
    r"contains|its|very|quite|no|plus|for|from|to|as|both|between|not)\s*(?:[,.;:!?)]|$)"
    r"|\b(?:and|or|with|a|an|the|of|by)\s+(?:and|or|of|but|at|is|are|has|have)\b"
    r"|\b(?:is|are|has|have|features|includes)\s+(?:and|or|but|has|have|features|includes|of)\b"
    r"|[,;:]\s*[,;:]|\(\s*\)",
    re.IGNORECASE,
)


def rewrite(text: str, claims: Sequence[Claim]) -> str:
    """Take every conflicting claim out of a text, or put the measured value in its place.

    A single tempo and a key are corrected where they stand. Other claims are cut out: the adjective, the item of a
    list, the phrase, the clause or, where no shorter cut leaves a sentence that reads well and claims nothing new, the
    whole sentence. A sentence without a conflict stays as it is, to the character. In the new text no conflicting claim
    is found.
    """
    conflicts = [claim for claim in claims if claim.verdict == "conflict"]
    if not conflicts:
        return text
    pieces, behind = [], 0
    for sentence in split_sentences(text):
        inside = [claim for claim in conflicts if sentence.start <= claim.start_char < sentence.end]
        piece = text[sentence.start : sentence.end]
        if inside:
            piece = _rewritten(piece, inside, sentence.start)
        pieces.append((text[behind : sentence.start], piece))
        behind = sentence.end
    return _assembled(pieces, text[behind:])


def _assembled(pieces: Iterable[tuple[str, str]], rest: str) -> str:
    """Put sentences together again; one that is gone takes the space (or bullet) before it along."""
    text = ""
    for before, piece in pieces:
        if piece:
            text += (before if text or before.strip() else "") + piece
    return (text + rest).strip()


def _rewritten(sentence: str, conflicts: Sequence[Claim], offset: int) -> str:
    if len(conflicts) > _MAX_CUTS:
        return ""
    found = find_claims(sentence)
    wrong = {(claim.kind, claim.start_char - offset, claim.end_char - offset): claim for claim in conflicts}
    bad = {f.statement for f in found if (f.kind, f.start, f.end) in wrong}
    allowed = {f.statement for f in found} - bad
    draft = sentence
    for claim_found in sorted(found, key=lambda f: f.value_start, reverse=True):
        claim = wrong.get((claim_found.kind, claim_found.start, claim_found.end))
        value = _measured_value(claim_found, claim) if claim else None
        if claim is None or value is None:
            continue
        shown = draft[: claim_found.value_start] + _fitted(draft, claim_found, value) + draft[claim_found.value_end :]
        shown = _with_articles(shown, draft)
        statements = {f.statement for f in find_claims(shown)}
        new = replace(claim_found, value=value).statement
        if new in statements and statements <= {f.statement for f in find_claims(draft)} | {new}:
            draft = shown
            allowed.add(new)
    return _cut(draft, allowed)


def _measured_value(found: FoundClaim, claim: Claim) -> str | None:
    """Give the value to put in place of a claimed tempo or key; None where the claim has to go."""
    if found.negated or found.is_local or claim.measured is None:
        return None
    if found.kind == "tempo" and claim.measured_number:
        tempo = claim.measured_number
        return figure(tempo, 0 if tempo >= _SLOWEST_WHOLE_BPM else 1)
    if found.kind == "key":
        return claim.measured.split()[-1] if found.value in {"major", "minor"} else key_name(claim.measured)
    return None


def _fitted(text: str, found: FoundClaim, value: str) -> str:
    """Write the value so that it fits: 'between 85 and 90' becomes 'at 121', 'Minor key' stays large."""
    said = text[found.value_start : found.value_end]
    if said.lower().startswith(("between", "somewhere", "faster", "slower")):
        return f"at {value}"
    return capitalised(value) if said[:1].isupper() else value


def _cut(draft: str, allowed: set[_Statement]) -> str:
    """Cut until nothing is claimed but what is allowed; '' where only the whole sentence can go."""
    for _ in range(_MAX_CUTS):
        found = find_claims(draft)
        bad = [f for f in found if f.statement not in allowed]
        if not bad:
            return draft
        shorter = _shorter(draft, found, bad[0], allowed)
        if shorter is None:
            return ""
        draft = shorter
    return ""


def _shorter(draft: str, found: Sequence[FoundClaim], bad: FoundClaim, allowed: set[_Statement]) -> str | None:
    """Give the best cutting of one claim: the first that reads well and claims nothing new."""
    if bad.kind == "tempo" and bad.is_local:
        return None  # 'changes from 90 to 120 BPM' without the numbers still says that the tempo changes
    tokens = _tokens(draft)
    before = [f.statement for f in found]
    count = sum(statement not in allowed for statement in before)
    others = [f.start for f in found if f.statement in allowed]
    for cutting in cuttings(draft, tokens, bad, others):
        candidate = _tidied(cutting, draft)
        if not _reads_well(candidate, tokens):
            continue
        after = [f.statement for f in find_claims(candidate)]
        if set(after) <= set(before) and sum(statement not in allowed for statement in after) < count:
            return candidate
    return None


def _tokens(text: str) -> tuple[Token, ...]:
    return tuple(token for sentence in split_sentences(text) for token in sentence.tokens)


def _tidied(text: str, original: str) -> str:
    """Mend spaces, punctuation, articles and the first letter after a cut."""
    text = re.sub(r"\s{2,}", " ", text)
    text = re.sub(r"\s+([,.;:!?)])", r"\1", text)
    text = re.sub(r"\(\s+", "(", text)
    text = re.sub(r"[,;:]\s*([.!?]|$)", r"\1", text)
    text = _with_articles(text.lstrip(" ,;:-—"), original)
    return capitalised(text) if original[:1].isupper() else text


def _with_articles(text: str, original: str) -> str:
    """Choose 'a' or 'an' anew where the word behind it has changed."""
    known = {match.group().lower() for match in _ARTICLE.finditer(original)}

    def chosen(match: re.Match[str]) -> str:
        if match.group().lower() in known or (match["article"] == "A" and match["next"] in {"major", "minor"}):
            return match.group()
        word = match["next"]
        is_key = len(word.rstrip("#b♯♭")) == 1 and word[0].isupper()
        sounds = word[0] in _KEY_VOWELS if is_key else bool(_VOWEL_SOUND.match(word))
        return f"{match['article'][0]}{'n' if sounds else ''} {word}"

    return _ARTICLE.sub(chosen, text)


def _reads_well(text: str, original: Sequence[Token]) -> bool:
    tokens = _tokens(text)
    had_verb = any(token.lower in FINITE_VERBS for token in original)
    has_verb = any(token.lower in FINITE_VERBS for token in tokens)
    enough = len(tokens) >= (3 if had_verb else 2)
    looks_well = not _LOOSE.search(text) and text.count("(") == text.count(")")
    return enough and has_verb == had_verb and looks_well and _hanging(tokens) <= _hanging(original)


def _hanging(tokens: Sequence[Token]) -> set[tuple[str, str]]:
    """Find prepositions with nothing behind them, each with the word before it."""
    ends = (i for i in range(1, len(tokens)) if i + 1 == len(tokens) or tokens[i + 1].opens_clause)
    return {(tokens[i - 1].lower, tokens[i].lower) for i in ends if tokens[i].lower in PREPOSITIONS}
