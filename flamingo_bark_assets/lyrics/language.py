"""The language of sung words, where there are enough real words to tell.

Telling the language belongs here; which trainers want it, and how they write it, does not.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from flamingo_bark_assets.claims.lexicon import words as word_set
from flamingo_bark_assets.record import Measurement

METHOD = "py3langid"
MIN_WORDS = 12
MIN_DIFFERENT_WORDS = 8
MIN_PROBABILITY = 0.8
_MAX_CHARACTERS = 20_000

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_STRETCHED = re.compile(r"(.)\1+")
# Sung in any language; written with each run of a letter as one: "ooooh" is "oh", "hmmm" is "hm".
_VOCABLES = word_set(
    "a ah aha ai ay ba bap bam bop bum da dah dam de dee di dip do dob dom du dub dum e eh ey ha hah hala he hey hi ho "
    "hoh hm hu huh la lah lala le li lo lu m mh mhm mn na nah nana ne no nu o oh ohoh oi ow pa pap po ra ram ro sha "
    "shalala she shu ta ti to tra tralala tu u uh uhuh um w wa wah we wo woh woah wohoh whoa ya yah ye yea yeah yeh yo "
    "yu yup"
)
# Written without spaces: a word is taken to have two letters.
_SPACELESS = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")


def language_of(lines: Sequence[str], stated: str | None = None) -> Measurement[str]:
    """Tell the language of sung words.

    Args:
        lines: the lines of the song; each is counted once, however often it returns.
        stated: ISO 639-1 code that the owner of the song states, which is not doubted.

    Returns:
        The ISO 639-1 code; unknown where there are too few words that are no vocables such as "la la", or where
        neither language nor halves of the text are clear.
    """
    if stated is not None:
        return Measurement.of(stated, method="song.toml", confidence=1.0)
    unique = list(dict.fromkeys(lines))
    words = [word for line in unique for word in real_words(line)]
    count, different = _count(words), _count(sorted(set(words)))
    if count < MIN_WORDS or different < MIN_DIFFERENT_WORDS:
        reason = (
            f"{count} words that belong to a language, {different} of them different; {MIN_WORDS} and "
            f"{MIN_DIFFERENT_WORDS} are needed to tell which"
        )
        return Measurement.unknown(reason if unique else "there are no words", method=METHOD)
    language, probability = _classified(words)
    half = len(words) // 2
    others = {_classified(part)[0] for part in (words[:half], words[half:])} if count >= 2 * MIN_WORDS else {language}
    if others != {language}:
        reason = f"the words look like {language} as a whole and like {' and '.join(sorted(others))} by halves"
        return Measurement.unknown(reason, method=METHOD)
    if probability < MIN_PROBABILITY:
        reason = (
            f"the words look like {language} with a probability of {probability:.2f}; {MIN_PROBABILITY:g} is needed"
        )
        return Measurement.unknown(reason, method=METHOD)
    return Measurement.of(language, method=METHOD, confidence=probability)


def real_words(line: str) -> list[str]:
    """Return the words of a line that are no vocables, in lower case."""
    words = _WORD.findall(unicodedata.normalize("NFC", line).casefold())
    return [word for word in words if _STRETCHED.sub(r"\1", word) not in _VOCABLES]


def _count(words: Sequence[str]) -> int:
    """Count words; of a script without spaces by its letters."""
    spaceless = sum(len(_SPACELESS.findall(word)) for word in words)
    spaced = sum(1 for word in words if not _SPACELESS.search(word))
    return spaced + spaceless // 2


def _classified(words: Sequence[str]) -> tuple[str, float]:
    language, probability = _identifier().classify(" ".join(words)[:_MAX_CHARACTERS])
    return str(language), float(probability)


@functools.cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    # Trainers know the languages of ISO 639-1 only; Esperanto and Latin are mostly nonsense taken for a language.
    identifier.set_languages([label for label in identifier.labels if len(label) == 2 and label not in {"eo", "la"}])
    return identifier
