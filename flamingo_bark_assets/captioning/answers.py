"""What a model's reply to one of the fixed questions says: a clean text or a list of labels, or why neither.

Refusals, loops and cut-off sentences are dealt with here, markup in `plain_replies`; whether it is true is not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from flamingo_bark_assets.captioning.genres import MAX_LIST_WORDS, named_genres
from flamingo_bark_assets.captioning.plain_replies import Flag, joined, plain_lines, without_echo, without_opening
from flamingo_bark_assets.inference.vocabulary import Vocabulary, VocabularyName, load_vocabulary
from flamingo_bark_assets.parts import Question

MAX_TEXT_CHARACTERS = 2000
MAX_LABELS = 12
MAX_LABEL_WORDS = 4
MAX_LABEL_CHARACTERS = 40

NOTHING_SAID = "the model said nothing"
REFUSED = "the model refused to answer"
NO_WORDS = "the reply holds no readable words"
NONSENSE = "the reply is nonsense"
UNFINISHED = "the reply was cut off before its first sentence or clause ended"
NO_LABELS = "the reply names no label"
NO_GENRE = "the reply names no known genre"

_MAX_PASSES = 8
_LONGEST_LOOP_WORDS = 12
_REPEATS_OF_ONE, _REPEATS_OF_MORE = 4, 3  # times that a word, or several words, are said in a row to make a loop
_MIN_JUDGED_WORDS = 8
_MIN_NONSENSE_WORDS = 25
_MIN_FUNCTION_SHARE = 0.06
_MAX_PART_CHARACTERS = 300

_REFUSAL = re.compile(
    r"(?:(?:i['’]m|i am|we are|we['’]re) (?:very |so |really )?sorry\b|sorry\b|i apologi[sz]e\b|my apologies\b|"
    r"as an ai\b|as a (?:large )?language model\b|unfortunately,? i\b|"
    r"(?:i|we) (?:can(?:['’]t|not| not)|could(?:n['’]t| not)|am (?:not able|unable)|"
    r"do(?:n['’]t| not) (?:have|hear|know))\b|"
    r"i['’]m (?:unable|not able)\b|(?:it is|it['’]s) (?:not possible|impossible) (?:to|for me)\b|"
    r"unable to\b|cannot (?:determine|answer|process)\b|(?:please )?(?:provide|upload|share) (?:the|an?|your|me)\b|"
    r"(?:there is )?no audio\b)",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<![.!?])[.!?]++[\"'”’)]{0,2}(?=\s|$)|[。！？]")
_ABBREVIATED = re.compile(r"(?:^|[\s(])(?:approx|ca|e\.g|i\.e|vs|feat|ft|mr|mrs|dr|st)$", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_CLAUSE_END = re.compile(r"[,;:](?=\s)")
_LABEL_BORDER = re.compile(
    r"[,;|/•·\n、，；:]|\s[-–—]\s|[.!?](?=\s|$)|\s(?:and|or|as well as|with (?:elements|a hint|hints|influences) of|"
    r"with|featuring|including|such as|plus|along with|mixed with|but)(?=\s)|^(?:and|or)(?=\s)|\s&\s",
    re.IGNORECASE,
)
# Names of genres that hold a word at which lists are parted.
_WHOLE_NAMES = re.compile(
    r"\b(?:drum|rhythm|rock|country|call|song|stomp)(?: and | & | n | ['’]n['’] )(?:bass|blues|roll|western|"
    r"response|dance|clap)\b|\bsinger/songwriter\b",
    re.IGNORECASE,
)
_LEAD_IN = re.compile(
    r"^.*\b(?:is|are|be|includes?|contains?|features?|seems|appears|as|has|have|plays?|hear)\s+(?:to be\s+)?",
    re.IGNORECASE,
)
_FILLERS = re.compile(
    r"^(?:(?:a|an|the|also|both|mostly|mainly|primarily|probably|likely|some|it|this|very|etc)\b\s*)++", re.IGNORECASE
)
_TRAILING = re.compile(r"\s+(?:genre|vibe|music|in nature|etc|too|style|mood)$", re.IGNORECASE)
_PARENTHESIS = re.compile(r"\([^()]{0,100}\)")
_NEGATED = re.compile(r"(?:.*\s)?(?:no|not|without|neither|nor|never|isn['’]t|absence|lack|lacks)\s", re.IGNORECASE)
_QUOTES = " \t\"'`“”‘’«»„.,;:!?()[]{}<>*_~-–—=+#\\|"
_PLACEHOLDERS = frozenset(
    {
        "unknown", "none", "n/a", "na", "null", "nan", "other", "various", "unclear", "unspecified", "undefined",
        "song", "audio", "yes", "no", "etc", "and", "or", "the", "true", "false", "answer", "caption", "text", "n",
    }
)  # fmt: skip
_VOCABULARY_OF: dict[Question, VocabularyName] = {"genre": "genre", "mood": "mood", "instruments": "instrument"}
_HEADINGS = (
    "genre",
    "genres",
    "mood",
    "moods",
    "instrument",
    "instruments",
    "theme",
    "themes",
    "labels",
    "tags",
    "music",
)
_ENGLISH = frozenset(
    [
        "the", "a", "an", "and", "of", "in", "is", "it", "to", "with", "this", "that", "are", "by", "on", "as", "for",
        "has", "at", "be", "from", "its", "there", "song", "music", "track", "over", "no", "features", "which", "while",
    ]
)  # fmt: skip
# Short words of other languages in Latin letters that English does not have.
_FOREIGN = frozenset(
    [
        "der", "die", "das", "und", "ist", "ein", "eine", "mit", "von", "nicht", "im", "el", "la", "los", "las", "una",
        "con", "que", "es", "por", "para", "le", "les", "des", "est", "une", "et", "avec", "dans", "du", "il", "di",
        "che", "per", "uma", "com", "em", "os", "een", "het", "van", "och", "som", "med", "på", "je", "się", "jest",
    ]
)  # fmt: skip
_LOOSE_ENDS = frozenset(
    ["a", "an", "the", "and", "or", "with", "of", "in", "at", "by", "to", "is", "are", "its", "as", "but", "while"]
)


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """What can be used of a reply.

    Attributes:
        text: one line without control characters; None where nothing usable was said, and for lists of labels.
        labels: different labels in small letters, in their order; empty for texts.
        reason: why there is neither text nor label; None where there is.
        flags: what was found and dealt with, sorted: echo (of the prompt), json, negation (denied labels were left
            out), not_english, repetition, too_long, truncated.
    """

    text: str | None = None
    labels: tuple[str, ...] = ()
    reason: str | None = None
    flags: tuple[Flag, ...] = ()


def parse_text(reply: str, *, prompt: str | None = None, truncated: bool = False) -> ParsedAnswer:
    """Read a caption or description out of a reply.

    Markup, prompt echoes, roles ('Assistant:'), openings ('Sure, here is:'), quotation marks and special tokens are
    taken off; a loop is cut where it begins to repeat; an unfinished last sentence is dropped. A text in another
    language is kept and flagged. Time grows in proportion to the length of the reply, of which the first
    `plain_replies.MAX_REPLY_CHARACTERS` are read. `prompt` is what the model was asked, to know an echo of it;
    `truncated` whether its token limit cut the reply off.

    Returns:
        A text of at most `MAX_TEXT_CHARACTERS`, never longer than the reply, or None with the reason. Reading the
        text once more gives the same text.
    """

    def read(said: str) -> ParsedAnswer:
        return _text_of(said, prompt, truncated)

    return _settled(reply, read, lambda parsed: parsed.text or "")


def parse_labels(
    reply: str,
    *,
    question: Question | None = None,
    prompt: str | None = None,
    truncated: bool = False,
    limit: int = MAX_LABELS,
    genres: Vocabulary | None = None,
) -> ParsedAnswer:
    """Read genres, moods or instruments out of a reply.

    Lists in any form are read: one a line, numbered, with bullets, as JSON, parted by commas, 'and' or '/', or as a
    sentence ('The genre is rock with elements of jazz.'). What is denied ('no drums') is no label. The last label of a
    truncated reply is left out. `limit` is at least 1. Of a question for the genre only known genres are labels, in any
    form of reply (`named_genres`; `genres` are known beside the shipped ones); of one for moods or instruments, prose
    gives only terms of their vocabulary. Which question it is says `question`, else the one that `prompt` names.

    Returns:
        Labels of at most `MAX_LABEL_WORDS` words and `MAX_LABEL_CHARACTERS` characters, or none with the reason.
        Reading the labels, joined by ', ', once more gives the same labels.
    """
    asked = _VOCABULARY_OF.get(question) if question is not None else _asked_by(prompt)
    if asked == "genre":
        return _genres_of(reply, prompt, limit, genres)
    first = _labels_of(reply, prompt, truncated, limit)
    if asked is not None and len(_WORD.findall(reply)) > MAX_LIST_WORDS:
        known = load_vocabulary(asked)
        kept = tuple(label for label in first.labels if known.matching(label))
        first = replace(first, labels=kept, reason=first.reason if kept or first.reason else NO_LABELS)
    if not first.labels:
        return first

    def read(said: str) -> ParsedAnswer:
        return _labels_of(said, None, False, limit)

    settled = _settled(", ".join(first.labels), read, lambda parsed: ", ".join(parsed.labels))
    return replace(settled, flags=tuple(sorted({*first.flags, *settled.flags})))


def _settled(reply: str, read: Callable[[str], ParsedAnswer], written: Callable[[ParsedAnswer], str]) -> ParsedAnswer:
    """Read a reply, and what was read of it, until nothing changes any more: what is hidden in markup is found too."""
    flags: set[Flag] = set()
    said = reply
    for _ in range(_MAX_PASSES):
        parsed = read(said)
        flags.update(parsed.flags)
        if parsed.reason is not None or written(parsed) == said:
            return replace(parsed, flags=tuple(sorted(flags)))
        said = written(parsed)
    return ParsedAnswer(reason=NONSENSE, flags=tuple(sorted(flags)))


def _text_of(reply: str, prompt: str | None, truncated: bool) -> ParsedAnswer:
    flags: set[Flag] = set()
    text = joined(plain_lines(reply, flags), len(reply))
    text = without_opening(without_echo(text, prompt, flags))
    reason = problem_of(text, flags)
    if reason is None:
        text, is_cut = without_loop(text, flags)
        if len(text) > MAX_TEXT_CHARACTERS:
            text, is_cut = text[:MAX_TEXT_CHARACTERS], True
            flags.add("too_long")
        text = _finished(text, flags, is_cut=is_cut or truncated)
        reason = UNFINISHED if not text else NO_WORDS if not _WORD.search(text) else None
    return ParsedAnswer(text=None if reason else text, reason=reason, flags=tuple(sorted(flags)))


def _asked_by(prompt: str | None) -> VocabularyName | None:
    """Return the one vocabulary that a prompt asks for; None where it names none of them, or several."""
    named = [name for name in _VOCABULARY_OF.values() if name in (prompt or "").lower()]
    return named[0] if len(named) == 1 else None


def _genres_of(reply: str, prompt: str | None, limit: int, known: Vocabulary | None) -> ParsedAnswer:
    flags: set[Flag] = set()
    text = without_opening(without_echo("\n".join(plain_lines(reply, flags)), prompt, flags))
    reason = problem_of(text, flags)
    labels = named_genres(text, known) if reason in {None, NONSENSE} else []
    if labels or reason is None:
        reason = None if labels else NO_GENRE
    if len(labels) > limit:
        flags.add("too_long")
    return ParsedAnswer(labels=tuple(labels[: max(1, limit)]), reason=reason, flags=tuple(sorted(flags)))


def _labels_of(reply: str, prompt: str | None, truncated: bool, limit: int) -> ParsedAnswer:
    flags: set[Flag] = set()
    lines = plain_lines(reply, flags)
    text = without_opening(without_echo("\n".join(lines), prompt, flags))
    reason = problem_of(text, flags)
    labels: list[str] = []
    # What is nonsense as a text may still be a list.
    if reason in {None, NONSENSE}:
        labels = _different_labels(text, flags, is_cut=truncated)
        reason = None if labels else NO_LABELS
    if len(labels) > limit:
        flags.add("too_long")
    return ParsedAnswer(labels=tuple(labels[: max(1, limit)]), reason=reason, flags=tuple(sorted(flags)))


def problem_of(text: str, flags: set[Flag]) -> str | None:
    """Say why nothing can be used of a text; None where something can. A foreign language is flagged."""
    if not text:
        return NOTHING_SAID
    if _REFUSAL.match(text):
        return REFUSED
    found = [word.lower() for word in _WORD.findall(text)]
    if not found:
        return NO_WORDS
    letters = sum(len(word) for word in found)
    latin = sum(character < "ɐ" for word in found for character in word)
    english, foreign = (sum(word in known for word in found) for known in (_ENGLISH, _FOREIGN))
    if latin < 0.7 * letters or (len(found) >= _MIN_JUDGED_WORDS and foreign > english):
        flags.add("not_english")
        return None
    is_list = text.count(",") + text.count("\n") > len(found) / 5
    too_few = english + foreign < _MIN_FUNCTION_SHARE * len(found)
    return NONSENSE if len(found) >= _MIN_NONSENSE_WORDS and too_few and not is_list else None


def without_loop(text: str, flags: set[Flag]) -> tuple[str, bool]:
    """Cut a text where it begins to repeat itself, by words or by whole sentences; also whether it was cut."""
    cut = min(_loop_of_words(text), _loop_of_sentences(text))
    if cut >= len(text):
        return text, False
    flags.add("repetition")
    return text[:cut].rstrip(), True


def _loop_of_words(text: str) -> int:
    """Return the offset behind the first of several equal runs of words; the text's length where there is no loop."""
    found = list(re.finditer(r"\S+", text))
    said = [match.group().lower().strip(".,;:!?") for match in found]
    cut = len(text)
    for period in range(1, _LONGEST_LOOP_WORDS + 1):
        needed = period * ((_REPEATS_OF_ONE if period == 1 else _REPEATS_OF_MORE) - 1)
        run = 0
        for i in range(period, len(said)):
            run = run + 1 if said[i] == said[i - period] else 0
            if run == needed:
                cut = min(cut, found[i - run].end())
                break
    return cut


def _loop_of_sentences(text: str) -> int:
    known: set[str] = set()
    start = 0
    for end in [*sentence_ends(text), len(text)]:
        sentence = text[start:end].strip().lower()
        if sentence in known and len(sentence.split()) > 2:
            return start
        known.add(sentence)
        start = end
    return len(text)


def sentence_ends(text: str) -> list[int]:
    """Return the offset behind each sentence of a text that ends."""
    ends = (match for match in _SENTENCE_END.finditer(text))
    return [match.end() for match in ends if not _ABBREVIATED.search(text[max(0, match.start() - 8) : match.start()])]


def _finished(text: str, flags: set[Flag], *, is_cut: bool) -> str:
    """Drop an unfinished last sentence, or clause of the only one; '' where nothing else is left."""
    ends = sentence_ends(text)
    if ends and ends[-1] == len(text):
        return text
    last = _WORD.findall(text[-40:])
    if not is_cut and not text.endswith((",", ";", ":", "-")) and (not last or last[-1].lower() not in _LOOSE_ENDS):
        return text
    flags.add("truncated")
    if ends:
        return text[: ends[-1]]
    clauses = [match.start() for match in _CLAUSE_END.finditer(text)]
    if clauses:
        return text[: clauses[-1]] + "."
    # A loop that was cut off is whole up to there, but for a loose 'and'.
    kept = text.rstrip(" ,;:-")
    while "repetition" in flags and kept.rpartition(" ")[2].lower() in _LOOSE_ENDS:
        kept = kept.rpartition(" ")[0].rstrip(" ,;:-")
    return kept if "repetition" in flags and "truncated" in flags else ""


def _different_labels(text: str, flags: set[Flag], *, is_cut: bool) -> list[str]:
    parts = [part for line in text.split("\n") for part in _parts(line) if part.strip(_QUOTES)]
    if is_cut and len(parts) > 1:
        parts.pop()
        flags.add("truncated")
    labels: dict[str, None] = {}
    for part in parts:
        if _NEGATED.match(part[:_MAX_PART_CHARACTERS].strip(_QUOTES) + " "):
            flags.add("negation")
        elif label := _label(part):
            labels[label] = None
    if len(parts) > 3 * len(labels) > 0 and len(parts) > MAX_LABELS:
        flags.add("repetition")
    return list(labels)


def _parts(line: str) -> Iterator[str]:
    """Split a line at commas, 'and' and the like, but not inside names such as 'drum and bass'."""
    whole = [match.span() for match in _WHOLE_NAMES.finditer(line)]
    start = 0
    for border in _LABEL_BORDER.finditer(line):
        while whole and whole[0][1] <= border.start():
            whole.pop(0)
        if not (whole and whole[0][0] <= border.start() < whole[0][1]):
            yield line[start : border.start()]
            start = border.end()
    yield line[start:]


def _label(part: str) -> str | None:
    """Make a label of a part of a list; None where it is none."""
    if len(part) > _MAX_PART_CHARACTERS:
        return None
    text = _PARENTHESIS.sub(" ", part).strip(_QUOTES)
    text = _FILLERS.sub("", _LEAD_IN.sub("", text + " ")).strip(_QUOTES)
    text = " ".join(_TRAILING.sub("", text).strip(_QUOTES).lower().split())
    said = text.split()
    if not said or len(said) > MAX_LABEL_WORDS or len(text) > min(MAX_LABEL_CHARACTERS, len(part)):
        return None
    # U+FFFD stands for bytes that are no text: nobody's genre.
    if text in _PLACEHOLDERS or said[-1] in _HEADINGS or not _WORD.search(text) or "\ufffd" in text:
        return None
    return text
