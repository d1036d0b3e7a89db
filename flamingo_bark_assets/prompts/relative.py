"""What is told of a mix against the other songs of the library, and by which bins.

Comparing one song belongs here; where the edges of the bins come from stands in `library_scale`.
"""

from __future__ import annotations

from collections.abc import Iterator

from flamingo_bark_assets.descriptions.phrases import Speaker
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.prompts.facts import Fact
from flamingo_bark_assets.prompts.grammar import expand_all
from flamingo_bark_assets.prompts.library_scale import TOPICS, LibraryScale, Side, bin_name, least_confidence
from flamingo_bark_assets.prompts.phrasebook_relative import RELATIVE
from flamingo_bark_assets.record import Measurement
from flamingo_bark_assets.settings import PromptSettings

Bins = tuple[tuple[Fact, str], ...]
"""Facts, each with the name of the bin that it is told by."""

_OF_WHOLE_SONGS = frozenset({"dynamics"})
"""What a part of a song has less of than the whole, so that it is no measure of the part against whole songs."""


def relative_facts(evidence: Evidence, settings: PromptSettings, scale: LibraryScale, *, is_whole: bool) -> Bins:
    """Return the facts that set a mix apart from most songs of the library, each with the name of its bin.

    Args:
        evidence: what was measured of a song, or of a part of it.
        settings: the least confidences.
        scale: the edges of the bins.
        is_whole: whether a whole song was measured.
    """
    return tuple(_facts(evidence, settings, scale, is_whole=is_whole))


def told_bins(text: str, bins: Bins) -> str | None:
    """Return the names of the bins whose words stand in a text, joined by '; '; None where there are none."""
    lower = text.casefold()
    told = [name for fact, name in bins if any(words in lower for words in _all_words(fact))]
    return "; ".join(told) or None


def _facts(
    evidence: Evidence, settings: PromptSettings, scale: LibraryScale, *, is_whole: bool
) -> Iterator[tuple[Fact, str]]:
    for topic, edges in scale.items():
        if topic in _OF_WHOLE_SONGS and not is_whole:
            continue
        song = evidence.song
        measured: Measurement[float] = song.one_tempo_bpm if topic == "tempo" else getattr(song, TOPICS[topic][0])
        sure = Speaker(least_confidence(topic, settings)).trusts(measured)
        side: Side | None = edges.side(measured.value) if sure and measured.value is not None else None
        if side is not None:
            yield Fact(f"{topic} here", side), bin_name(topic, edges, side)


def _all_words(fact: Fact) -> list[str]:
    wording = RELATIVE[fact.topic, fact.value]
    return expand_all([*wording.clauses, *wording.nouns, *wording.tags])
