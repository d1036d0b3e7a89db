"""The language of a text, as far as claims need it: English is read, of others only the name is told.

Telling languages by script and by their commonest words belongs here; what a text claims does not. Sung words are told
by py3langid (`lyrics.language`), which knows ten times as many languages; here it would cost every process that reads a
claim 0.8 s of CPU to load, and each text five times the time, to learn no more than that it is not English.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from flamingo_bark_assets.claims.lexicon import words

# A tenth and more of any text are such words; those that are English too are left out.
_COMMON: Mapping[str, frozenset[str]] = {
    "English": words("the and of with is it this that by from has for as its are at an on to be there which"),
    "German": words("der die das und ist mit ein eine von dem den einem einer im auf nicht ohne zum wird sind auch"),
    "French": words("le la les et est avec une des du dans un pour sur qui au cette sont ce aux"),
    "Spanish": words("el los las y es con una del en por para que un se su al está sin como más este"),
    "Italian": words("il gli e è con una della di un che nel del sono al dei questa senza la brano le"),
    "Portuguese": words("o os e é com uma da em um para que na dos das ao sem esta são"),
    "Dutch": words("de het een en van op voor dat niet zijn wordt bij aan uit zonder deze ook"),
    "Swedish": words("och det en är med som av på för inte ett till utan har från sig"),
    "Polish": words("w na z jest się że nie o jak po przez oraz bez dla tym utwór są"),
    "Turkish": words("ve bir bu ile için da de çok olan daha gibi en şarkı olarak ama"),
}
_LANGUAGES_OF: Mapping[str, tuple[str, ...]] = {
    word: tuple(language for language, common in _COMMON.items() if word in common)
    for word in frozenset().union(*_COMMON.values())
}
_SCRIPTS: Mapping[str, re.Pattern[str]] = {
    "Japanese": re.compile(r"[\u3040-\u30ff]"),
    "Korean": re.compile(r"[\uac00-\ud7af]"),
    "Chinese": re.compile(r"[\u4e00-\u9fff]"),
    "Russian or another language in Cyrillic letters": re.compile(r"[\u0400-\u04ff]"),
    "Greek": re.compile(r"[\u0370-\u03ff]"),
    "Arabic": re.compile(r"[\u0600-\u06ff]"),
    "Hebrew": re.compile(r"[\u0590-\u05ff]"),
    "Hindi": re.compile(r"[\u0900-\u097f]"),
    "Thai": re.compile(r"[\u0e00-\u0e7f]"),
}
_LETTERS = re.compile(r"[^\W\d_]")
_WORDS = re.compile(r"[^\W\d_]+")
_ENOUGH_WORDS = 6
_ENOUGH_COMMON = 3
_LEAST_SHARE = 0.15
_READ_CHARACTERS = 1000


def unread_language(text: str) -> str | None:
    """Name the language of a text that is not English; None for English and where too little tells."""
    head = text[:_READ_CHARACTERS]
    if not head.isascii():
        letters = len(_LETTERS.findall(head))
        for language, script in _SCRIPTS.items():
            # Japanese is told by kana, which stand between many Chinese characters.
            if 2 * len(script.findall(head)) > letters * (0.3 if language == "Japanese" else 1.0):
                return language
    spoken = [word.lower() for word in _WORDS.findall(head)]
    if len(spoken) < _ENOUGH_WORDS:
        return None
    counts = dict.fromkeys(_COMMON, 0)
    for word in spoken:
        for language in _LANGUAGES_OF.get(word, ()):
            counts[language] += 1
    best = max(counts, key=lambda language: counts[language])
    if (
        best == "English"
        or counts[best] < max(_ENOUGH_COMMON, _LEAST_SHARE * len(spoken))
        or counts[best] <= 2 * counts["English"]
    ):
        return None
    return best
