"""Claims that a fixed phrase makes: swing, modulation, builds and fades, the register and range of a voice.

One pattern a value belongs here; claims by adjective and noun stand in `manner`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from flamingo_bark_assets.claims.model import ClaimKind
from flamingo_bark_assets.claims.numbers import Figure

_FEEL = r"(?:feel|groove|rhythm|beat|pulse|time|eighths?|sixteenths?|8ths?|16ths?|notes|hi-?hats?)"
_VOICE = r"(?:register|falsetto|voices?|vocals?|vocalist|singer)"
_OF_RANGE = r"(?:end|part|reaches|half) of (?:his|her|their|the|its) (?:\w+ )?(?:range|register)\b"
_BECOMES = r"(?:get(?:s|ting)?|becom(?:es?|ing)|grow(?:s|ing)?)(?: \w+){0,2}"
_DENIED = r"(?:(?:never|often|does not|doesn't) )?"
_GOES = r"(?:song|track|piece|music|recording|tune|ballad|it) (?:moves|goes|plods)(?: along)?(?: very| quite| rather)?"
_LEANS = r"(?:leans?|leaning|weighted|skewed|louder|heavier|biased) (?:\w+ )?(?:to|towards?|on)"
_QUALITY = (
    r"(?:recording|audio|sound)(?: is| has| is of)(?: \w+)? (?:{0}) quality\b"
    r"|(?<=of )(?:{0}) quality\b"
    r"|quality of the (?:recording|audio|sound) is (?:very )?(?:{0})\b"
)
_PATTERNS: tuple[tuple[ClaimKind, str, str], ...] = (
    ("modulation", "changes", rf"modulat(?:es?|ed|ing|ions?)\b|(?:key|tonal) {_DENIED}(?:changes?|shifts?)\b"
     r"|(?:up|down)(?: by)? (?:a )?(?:whole|half)[- ](?:step|tone)\b|(?:up|down)(?: by)? a semitone\b"
     r"|key[- ]chang(?:e|ing)\b|chang(?:es|ing) key\b|key (?:cent(?:re|er) )?"
     r"(?:moves|lifts|goes|rises|steps|shifts) (?:up|down|from)"),
    ("swing", "swung", rf"swung\b|swing(?:ing)? (?:\d+/\d+ )?{_FEEL}|shuffle(?:d)? {_FEEL}"
     r"|(?:gentle|slight|light|heavy|subtle|strong|triplet|laid-back|no|any) swing\b"),
    ("swing", "straight", rf"straight (?:eighths?|sixteenths?|8ths?|16ths?|feel)\b|{_FEEL} (?:is|are) straight\b"),
    ("syncopation", "syncopated", r"syncopat(?:ed|ion|ions)\b"),
    ("tempo_change", "faster", rf"speed(?:s|ing)? up\b|accelerat(?:es?|ing|ion)\b|accelerando\b"
     rf"|{_BECOMES} (?:faster|quicker)\b|tempo (?:\w+ly )?(?:increases|rises|quickens|doubles|picks up)\b"
     r"|pick(?:s|ing) up (?:speed|the pace)\b"),
    ("tempo_change", "slower", r"slow(?:s|ing)? (?:down\b|to a crawl\b|to half )|decelerat(?:es?|ing|ion)\b"
     r"|drops? to half (?:the )?(?:speed|tempo)\b"
     rf"|ritardando\b|rallentando\b|{_BECOMES} slower\b|tempo (?:\w+ly )?(?:decreases|drops)\b"),
    ("tempo_change", "changes", rf"tempo {_DENIED}(?:changes?|shifts?|var(?:y|ies)|variations?)\b"
     r"|chang(?:es?|ing) (?:of |in |the )?tempo\b"),
    ("kick_pattern", "four on the floor", r"kick(?: drum)?(?: \w+)? on (?:every|each) (?:beat|quarter)\b"),
    ("course", "builds", r"build(?:s|ing)? (?:(?:up|\w+ly|in intensity),? )*(?:to|towards?|into)\b"
     r"|(?:gradually|slowly|steadily|energy|tension|intensity) builds?\b|builds? (?:up|in intensity)\b|build-?ups?\b"
     r"|crescendo(?:s|es)?\b|(?:slow|gradual|long|steady) build\b"),
    ("course", "fades in", r"fad(?:es?|ing)[- ]in\b"),
    ("course", "fades out", r"fad(?:es?|ing)[- ](?:out|away)\b|(?<=fades in )and out\b"
     r"|(?:ends?|closes|ending) (?:with|in|on) an? (?:\w+ )?fade\b|fades? (?:at|towards?) the (?:end|close)\b"
     r"|fad(?:es?|ing) (?:in)?to (?:silence|nothing|black)\b"),
    ("steadiness", "steady", r"steady as a (?:rock|clock)\b|(?:constant|steady|consistent) (?=\d{2,3} ?bpm)"
     r"|keep(?:s|ing)? (?:perfect|strict|exact|good|steady) time\b|metronomic(?:ally)?\b"
     rf"|(?:tempo|drum(?:mer|ming|s)|{_FEEL}) never (?:strays|wavers|drifts|falters|budges|drags|rushes)\b"),
    ("steadiness", "free", r"rubato\b|(?:tempo|pulse|rhythm) (?:constantly |slightly )?"
     r"(?:fluctuates|wavers|drifts|wobbles|wanders)\b"
     r"|(?:tempo|timing|rhythm) is all over the place\b|free[- ]flowing (?:tempo|rhythm|pulse|beat)\b"
     r"|(?<=in )free time\b"),
    ("pace", "slow", rf"on the slow(?:er)? side\b|(?<=played )(?:very |quite )?slowly\b|{_GOES} slowly\b"
     r"|pace of grave\b"),
    ("pace", "fast", r"on the fast(?:er)? side\b|(?<=played )(?:very |quite )?(?:fast|quickly|rapidly)\b"
     rf"|{_GOES} (?:fast|quickly|rapidly|briskly)\b"),
    ("dynamics", "dynamic", r"dynamics (?:swing|range|vary|shift|move|change) (?:very )?(?:widely|greatly|dramatically|"
     r"wildly)\b|(?:wide|dramatic|strong|big|large|stark|extreme|sharp) dynamic (?:contrasts?|swings?|shifts?|changes?|"
     r"variations?)\b|dynamics (?:are|were) (?:left|kept) (?:intact|untouched|alive)\b"),
    ("dynamics", "compressed", r"(?:heavy|strong|hard|aggressive|extreme|pumping|obvious|noticeable|audible|no|any"
     r"|without) (?:dynamic )?compression\b|compression is (?:very )?(?:heavy|strong|aggressive|extreme)\b"),
    ("fidelity", "hi-fi", _QUALITY.format("good|high|excellent|great")),
    ("fidelity", "lo-fi", _QUALITY.format("poor|bad|low|inferior|awful|terrible|horrible")),
    ("noise", "noisy", r"(?:tape |background |static )?hiss(?:es|ing|y)?\b"
     r"|(?:vinyl )?crackl(?:es?|ing|y)\b(?! (?:fire|wood|of))"
     r"|(?:of|no|any|some|little|audible|background|static|room|tape|surface|vinyl|wind|traffic|street) noise\b"
     r"|(?:of|no|any|some|audible) static\b(?! \w)|(?:is a|some|any|no|of|mains|electrical|tape) hum\b"),
    ("stereo", "narrow", r"(?:nearly|almost|close to) mono\b|mono-like\b"),
    ("stereo", "left", rf"{_LEANS} the left\b"),
    ("stereo", "right", rf"{_LEANS} the right\b"),
    ("range", "wide", r"(?:wide|broad|large|impressive) (?:vocal |voice )?range\b(?! of)"
     r"|(?<!dynamic )range is (?:very )?wide"),
    ("range", "narrow", r"(?:narrow|limited|small) (?:vocal |voice )range\b|(?<!dynamic )range is (?:very )?narrow"),
    ("register", "high", rf"(?:high(?:er)?|upper)(?:[- ](?:pitched|range))?,? (?:\w+ )?{_VOICE}\b"
     rf"|(?:high|upper|top) {_OF_RANGE}|sing(?:s|ing)? (?:very |really |quite )?high\b(?! and low)"
     r"|voice is (?:very |quite |rather )?high\b"),
    ("register", "low", rf"(?:low|lower|bottom|deep) {_OF_RANGE}"
     rf"|(?:low|deep|lower)(?:[- ]pitched)?,? (?:\w+ )?{_VOICE}\b|sing(?:s|ing)? (?:very |really |quite )?low\b"
     r"|voice is (?:very |quite |rather )?(?:deep|low)\b"),
    ("register", "middle", r"(?:mid|middle)(?:[- ]?range)?,? (?:\w+ )?(?:register|voice|vocals?)\b"),
)  # fmt: skip
_ANY = re.compile(
    rf"\b(?:{'|'.join(f'(?P<p{i}>{pattern})' for i, (_, _, pattern) in enumerate(_PATTERNS))})", re.IGNORECASE
)
_NOTES = re.compile(r"\b(?P<low>[A-G][#b♯♭]?[1-6]) (?:to|up to|through|and|-|–) (?P<high>[A-G][#b♯♭]?[1-6])\b")
_OF_VOICE = frozenset({"range", "register"})


def find_worded(text: str, start: int, end: int, *, has_voice: bool) -> Iterator[Figure]:
    """Find the claims of fixed phrases in one sentence; of a voice only where the sentence has one."""
    for match in _ANY.finditer(text, start, end):
        kind, value, _ = _PATTERNS[int((match.lastgroup or "p0")[1:])]
        if kind in _OF_VOICE and not has_voice:
            continue
        yield Figure(kind, value, match.start(), match.end(), match.start(), match.end())
    for match in _NOTES.finditer(text, start, end) if has_voice else ():
        yield Figure(
            "range", f"{match['low']} to {match['high']}", match.start(), match.end(), match.start(), match.end()
        )


def entries(sounding: Sequence[tuple[str, int, int]], text: str, end: int) -> Iterator[Figure]:
    """Find what is said to enter later: instruments, each with its offsets, before 'enter' or behind 'brings in'."""
    for name, first, last in sounding:
        if match := _ENTERS.match(text, last, end):
            yield Figure("course", f"{name} enter", first, match.end(), first, match.end())
        elif match := _BROUGHT_IN.search(text[max(0, first - _LONGEST_BRINGING) : first]):
            start = first - len(match[0])
            yield Figure("course", f"{name} enter", start, last, start, last)


_ENTERS = re.compile(
    r"(?:,? (?!before|after|until|while|as )(?:and |the |a |an )*[\w-]+(?: [\w-]+)?(?: and [\w-]+)?)?? "
    r"(?:gradually |slowly |then |finally |later |only |do(?:es)?(?:n['’]t| not) )?"
    r"(?:enters?|(?:come|kick|drop|creep|sneak|slip|crash|burst|swell|chime)(?:e?s)? in|"
    r"joins?(?= (?:in|at|for|later|halfway)\b|[.,;]|$)|arrives?|(?:appears?|starts?|begins?) (?:until|till|only)|"
    r"(?:is|are) (?:heard|used) (?:until|till))\b",
    re.IGNORECASE,
)
_BROUGHT_IN = re.compile(r"\b(?:brings? in|introduces?) (?:the |a |an )?(?:\w+ )?$", re.IGNORECASE)
_LONGEST_BRINGING = 40
