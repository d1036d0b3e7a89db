"""Facts said anew in the product's own sentences: what a sentence that had to go claimed and nothing contradicts.

The wording of a fact belongs here; which facts are left to say, and where, does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flamingo_bark_assets.claims.model import ClaimKind
from flamingo_bark_assets.descriptions.wording import listed

Statement = tuple[ClaimKind, str, bool, bool]
"""Kind, value, whether denied, whether said of a part of the song only: `FoundClaim.statement`."""

_OF_MIX: frozenset[ClaimKind] = frozenset({"loudness", "brightness", "timbre"})
_WHOLE: dict[tuple[str, str], str] = {
    ("dynamics", "compressed"): "The mix is compressed.",
    ("dynamics", "dynamic"): "The dynamic range is wide.",
    ("stereo", "stereo"): "The mix is in stereo.",
    ("stereo", "mono"): "The recording is in mono.",
    ("stereo", "wide"): "The stereo image is wide.",
    ("stereo", "narrow"): "The stereo image is narrow.",
    ("swing", "swung"): "The rhythm is swung.",
    ("swing", "straight"): "The groove has a straight feel.",
    ("syncopation", "syncopated"): "The rhythm is syncopated.",
    ("modulation", "changes"): "It modulates.",
    ("course", "builds"): "It builds up.",
    ("course", "fades in"): "It fades in.",
    ("course", "fades out"): "It fades out.",
    ("kick_pattern", "four on the floor"): "The beat is four on the floor.",
    ("pace", "driving"): "It has a driving beat.",
}
_SEXES = ("male", "female")


def restate(statements: Iterable[Statement]) -> list[str]:
    """Say facts in sentences of their own, those of one sort together; what has no such sentence is left out."""
    plain = [(kind, value) for kind, value, negated, is_local in statements if not negated and not is_local]
    denied = [(kind, value) for kind, value, negated, is_local in statements if negated and not is_local]

    def of(*kinds: str, among: Sequence[tuple[str, str]] = plain) -> list[str]:
        return [value for kind, value in among if kind in kinds]

    beats, course, absent = of("steadiness"), of("course"), of("instrument", among=denied)
    sentences = [
        *(f"The tempo is {bpm} BPM." for bpm in of("tempo") if not of("key", "metre")),
        _sentence("The music is", [*map(_key, of("key")), *(f"in {m} time" for m in of("metre")),
                                   *(f"at {bpm} BPM" for bpm in of("tempo") if of("key", "metre"))]),
        _sentence("The tempo is", [pace for pace in of("pace") if pace != "driving"]),
        _sentence("The beat is", beats if len(beats) == 1 else ()),
        _sentence("The mix is", of(*_OF_MIX)),
        _sentence("The recording is", of("fidelity", "noise")),
        *(_WHOLE[fact] for fact in plain if fact in _WHOLE),
        *(_entry(value.removesuffix(" enter")) for value in course if value.endswith(" enter")),
        _sentence("The chords include", of("chord")),
        _sentence("The instruments include", [name for name in of("instrument") if f"{name} enter" not in course]),
        _sentence(_none_of(absent), absent, joiner="or"),
        *_voices(of("vocals"), of("singer"), of("register"), of("range")),
        "There are no vocals." if of("vocals", among=denied) else "",
    ]  # fmt: skip
    return [sentence for sentence in sentences if sentence]


def _sentence(head: str, values: Sequence[str], joiner: str = "and") -> str:
    said = listed(list(dict.fromkeys(values)))
    return f"{head} {said if joiner == 'and' else said.replace(' and ', f' {joiner} ')}." if values else ""


def _none_of(instruments: Sequence[str]) -> str:
    """Begin a denial as its first noun asks for it: 'There are no drums', 'There is no bass'."""
    return "There are no" if instruments and _is_plural(instruments[0]) else "There is no"


def _entry(instrument: str) -> str:
    return f"The {instrument} {'enter' if _is_plural(instrument) else 'enters'} later."


def _is_plural(instrument: str) -> bool:
    return instrument.endswith("s") and not instrument.endswith("ss")


def _key(key: str) -> str:
    if key in {"major", "minor"}:
        return f"in a {key} key"
    return f"in {key}" if " " in key else f"in the key of {key}"


def _voices(
    vocals: Sequence[str], singers: Sequence[str], registers: Sequence[str], ranges: Sequence[str]
) -> list[str]:
    sexes = [sex for sex in _SEXES if sex in singers]
    types = [singer for singer in singers if singer not in _SEXES]
    said = []
    if sexes or (vocals and not types):
        said.append(f"There are {listed(sexes)} vocals." if sexes else "There are vocals.")
    said += [f"There is a {singer} voice." for singer in types]
    said += [f"The voice is in a {register} register." for register in registers]
    said += [f"The vocal range is {extent}." for extent in ranges]
    return said
