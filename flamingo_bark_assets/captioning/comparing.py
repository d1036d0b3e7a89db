"""Several captioners asked the same questions about the same songs, their claims checked alike.

Asking one by its name and adding up verdicts belong here; finding songs and showing answers do not.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flamingo_bark_assets.captioning.interface import Captioner, Captions
from flamingo_bark_assets.captioning.measured import IDENTITY, MeasuredCaptioner
from flamingo_bark_assets.captioning.model_answers import UNCHECKED
from flamingo_bark_assets.captioning.model_captioner import ModelCaptioner
from flamingo_bark_assets.claims.checking import check_claims
from flamingo_bark_assets.claims.model import Claim
from flamingo_bark_assets.errors import FlamingoBarkError
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.inference.vocabulary import TAGGED_SOURCE
from flamingo_bark_assets.inference_settings import InferenceSettings, ModelCandidate
from flamingo_bark_assets.parts import PARTS, QUESTIONS, Part
from flamingo_bark_assets.settings import PromptSettings, TaggingSettings

if TYPE_CHECKING:
    from flamingo_bark_assets.audio.signal import Sound


@dataclass(frozen=True, slots=True)
class Compared:
    """What one captioner says of one song.

    Attributes:
        name: the captioner, as it was asked for.
        song_id: the song.
        captions: its answers, with every claim checked; None where they could not be had.
        reason: why not; None where they could.
        sound_sent_to: where sound was sent for it, in words; None where it stayed in this process.
    """

    name: str
    song_id: str
    captions: Captions | None
    reason: str | None = None
    sound_sent_to: str | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """The verdicts on all claims of one captioner.

    Attributes:
        name: the captioner, as it was asked for.
        songs: songs that it answered for.
        answers: its answers that hold a text.
        agree: claims that agree with the measurements.
        conflict: claims that contradict them.
        unverifiable: claims that nothing measured can judge.
    """

    name: str
    songs: int
    answers: int
    agree: int
    conflict: int
    unverifiable: int

    @property
    def conflict_share(self) -> float | None:
        """Share of conflicts among the claims that can be judged; None where there is no such claim."""
        judged = self.agree + self.conflict
        return self.conflict / judged if judged else None


def captioner_named(
    name: str, inference: InferenceSettings, prompts: PromptSettings, cache_folder: Path
) -> MeasuredCaptioner | ModelCaptioner:
    """Return the captioner of a name: `measured`, `tagged`, or whatever may stand as a model in the chain.

    A model of the configured chain is taken with what the chain says of it. Whether it can be had shows when it is
    asked.
    """
    if name == IDENTITY.name:
        return MeasuredCaptioner(prompts)
    if name == TAGGED_SOURCE:
        nobody = inference.model_copy(update={"chain": ()})
        return ModelCaptioner(nobody, prompts, cache_folder, TaggingSettings(enabled=True), asks_clap=False)
    in_chain = (candidate for candidate in inference.chain if candidate.model.casefold() == name.casefold())
    candidate = next(in_chain, None) or ModelCandidate(model=name)
    alone = inference.model_copy(update={"chain": (candidate,)})
    return ModelCaptioner(alone, prompts, cache_folder, TaggingSettings(enabled=False), asks_clap=False)


def ask(
    name: str, captioner: Captioner, evidence: Evidence, audio: Callable[[Part], Sound], min_claim_confidence: float
) -> Compared:
    """Ask a captioner about one song; what another one wrote in its place is not taken for its answer."""
    if evidence.untellable:
        return Compared(name, evidence.song_id, None, f"nothing can be said of the song: {evidence.untellable}")
    try:
        captions = captioner.describe(evidence, audio)
    except FlamingoBarkError as error:
        return Compared(name, evidence.song_id, None, str(error))
    sent_to = next((c.sound_sent_to for c in captions.candidates if c.sound_sent_to), None)
    skipped = next((c.reason for c in captions.candidates if c.outcome == "skipped"), None)
    if skipped is not None:
        return Compared(name, evidence.song_id, None, skipped, sent_to)
    if name == TAGGED_SOURCE:  # what it was not sure of was measured
        own = tuple(answer for answer in captions.answers if answer.source == TAGGED_SOURCE)
        captions = dataclasses.replace(captions, answers=own)
    checked = captions if captions.claims else _checked(captions, evidence, min_claim_confidence)
    return Compared(name, evidence.song_id, checked, None, sent_to)


def tally(name: str, compared: Sequence[Compared]) -> Tally:
    """Add up what one captioner said of all songs."""
    own = [one.captions for one in compared if one.name == name and one.captions is not None]
    verdicts = Counter(claim.verdict for captions in own for claim in captions.claims)
    answers = sum(answer.text is not None for captions in own for answer in captions.answers)
    return Tally(name, len(own), answers, verdicts["agree"], verdicts["conflict"], verdicts["unverifiable"])


def places(compared: Sequence[Compared]) -> list[tuple[str, str]]:
    """Return every part and question that one of several captioners was asked about a song, in their order."""
    asked = {(a.part, a.question) for one in compared if one.captions for a in one.captions.answers}
    return [(part, question) for part in PARTS for question in QUESTIONS if (part, question) in asked]


def _checked(captions: Captions, evidence: Evidence, min_confidence: float) -> Captions:
    """Check the claims of a captioner that leaves that to others, as the measured one does."""
    parts: dict[str, Part] = {part: part for part in PARTS}
    claims: list[Claim] = []
    for answer in captions.answers:
        question = next(question for question in QUESTIONS if question == answer.question)
        if answer.text is not None and question not in UNCHECKED:
            claims += check_claims(parts[answer.part], question, answer.text, evidence, min_confidence)
    return dataclasses.replace(captions, claims=tuple(claims))
