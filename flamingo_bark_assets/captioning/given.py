"""Words of sidecars held against the measurements: their facts and captions checked, one caption put in its place.

Checking and placing given words belongs here; which of them hold is decided in `audio.given_words`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import cast

from flamingo_bark_assets.audio.song_metadata import SidecarField
from flamingo_bark_assets.captioning.edits import HUMAN
from flamingo_bark_assets.captioning.interface import Answer, Captions, GivenClaim
from flamingo_bark_assets.claims.checking import check_claims
from flamingo_bark_assets.claims.model import Claim
from flamingo_bark_assets.claims.rewriting import rewrite
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.library.sidecar_facts import FactField, claim_of
from flamingo_bark_assets.text import clean_text

NOT_READ = "what it states cannot be read"
_PLACE = ("mix", "caption")


def apply_given_words(captions: Captions, evidence: Evidence, min_confidence: float) -> Captions:
    """Check what the sidecars of a song claim, and put their caption in the place of the captioner's.

    The given caption goes before the answer of a captioning model where the merge policy says so, and else only where
    none answered. What of it contradicts the measurements leaves it, as it leaves a model's; where nothing is left, the
    captioner's answer stays. Its source is `human`, its captioner the sidecar. Below `min_confidence`, 0 to 1, a
    measurement proves nothing.

    Returns:
        The same captions where there are no sidecars, or where nothing can be told of the song.
    """
    metadata = evidence.metadata
    if captions.unusable is not None or not metadata.sidecar_fields:
        return captions
    checked = tuple(row for field in metadata.sidecar_fields for row in _checked(field, evidence, min_confidence))
    captions = dataclasses.replace(captions, given_claims=checked)
    given = metadata.given_caption
    if given is None or (_is_by_model(captions) and not metadata.given_caption_first):
        return captions
    claims = check_claims("mix", "caption", given, evidence, min_confidence)
    text = rewrite(given, claims)
    if not text:
        return captions
    answer = Answer(
        part="mix", question="caption", text=text, source=HUMAN, captioner=metadata.given_caption_source or HUMAN,
        is_fallback=False, raw_text=given,
    )  # fmt: skip
    return _with_caption(captions, answer, claims)


def _is_by_model(captions: Captions) -> bool:
    return any((a.part, a.question) == _PLACE and a.text and a.source == "model" for a in captions.answers)


def _with_caption(captions: Captions, caption: Answer, claims: tuple[Claim, ...]) -> Captions:
    others = tuple(answer for answer in captions.answers if (answer.part, answer.question) != _PLACE)
    # It is the first question about the first part.
    return dataclasses.replace(
        captions,
        answers=(caption, *others),
        claims=(*claims, *(claim for claim in captions.claims if (claim.part, claim.question) != _PLACE)),
    )


def _checked(field: SidecarField, evidence: Evidence, min_confidence: float) -> Iterator[GivenClaim]:
    """Check the claims of one field; a fact that cannot be read is a claim that cannot be checked."""
    if field.field == "caption":
        text: str | None = clean_text(field.text)
    elif field.role == "claim":
        is_mark = field.field == "lyrics"
        text = "instrumental" if is_mark else claim_of(cast(FactField, field.field), field.text)
    else:
        return
    claims = check_claims("mix", "caption", text, evidence, min_confidence)
    if not claims and field.field != "caption":
        yield GivenClaim(
            file=field.file, number=field.number, claim=0, field=field.field or "", said=field.text,
            verdict="unverifiable", note=NOT_READ,
        )  # fmt: skip
    for claim in claims:
        yield GivenClaim(
            file=field.file, number=field.number, claim=claim.claim, field=field.field or "",
            said=claim.said if field.field == "caption" else field.text, kind=claim.kind, claimed=claim.claimed,
            measured=claim.measured, measured_number=claim.measured_number, unit=claim.unit, verdict=claim.verdict,
            note=claim.note, method=claim.method, confidence=claim.confidence,
        )  # fmt: skip
