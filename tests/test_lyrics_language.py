"""The language of sung words is told on enough real words only; "la la la" is none."""

from __future__ import annotations

import pytest

from flamingo_bark_assets.lyrics.language import language_of, real_words

# Traditional songs.
SONGS = {
    "en": "Row, row, row your boat gently down the stream\nMerrily merrily merrily merrily life is but a dream\n"
    "Early one morning just as the sun was rising\nI heard a maiden singing in the valley below",
    "de": "Kein schöner Land in dieser Zeit\nals hier das unsre weit und breit\nwo wir uns finden wohl unter Linden\n"
    "zur Abendzeit",
    "fr": "Au clair de la lune mon ami Pierrot\nPrête-moi ta plume pour écrire un mot\nMa chandelle est morte je n'ai "
    "plus de feu",
    "es": "Ya se van los pastores a la Extremadura\nya se queda la sierra triste y oscura\n"
    "ya se van los pastores ya se van",
    "it": "Santa Lucia sul mare luccica l'astro d'argento\nplacida è l'onda prospero è il vento\nvenite all'agile "
    "barchetta mia",
    "sv": "Vem kan segla förutan vind\nvem kan ro utan åror\nvem kan skiljas från vännen sin\nutan att fälla tårar",
    "pl": "Szła dzieweczka do laseczka\ndo zielonego\nnapotkała myśliweczka bardzo szwarnego\n"
    "myśliweczku bardzom ci rada\n"
    "dałabym ci chleba z masłem alem już zjadła",
    "ja": "さくら さくら\nやよいの空は 見わたす限り\nかすみか雲か 匂いぞ出ずる",
    "ru": "Во поле берёза стояла\nво поле кудрявая стояла\nнекому берёзу заломати\nнекому кудряву заломати\n"
    "я пойду в лес погуляю белую берёзу заломаю",
}  # fmt: skip


@pytest.mark.parametrize("language", SONGS)
def test_the_language_of_a_verse_is_told(language: str) -> None:
    told = language_of(SONGS[language].splitlines())
    assert told.value == language, told
    assert (told.confidence or 0.0) >= 0.8


@pytest.mark.parametrize(
    "text",
    ["la la la la\n" * 12, "Ooooh yeah\nNa na na naaa hey hey\n" * 6, "hmmm\nda da dum\nsha la la\n" * 9, "",
     "♪ ♪", "1 2 3 4",
     "Thank you baby", "\u0bf5\u202e" * 40],
)  # fmt: skip
def test_vocables_and_a_few_words_are_no_language(text: str) -> None:
    told = language_of(text.splitlines())
    assert told.value is None
    assert told.reason


def test_a_chorus_that_returns_does_not_make_few_words_many() -> None:
    assert language_of(["I love you so"] * 30).value is None


def test_two_languages_are_none() -> None:
    told = language_of([*SONGS["de"].splitlines(), *SONGS["fr"].splitlines()])
    assert told.value is None
    assert "by halves" in (told.reason or "")


def test_what_the_owner_states_is_not_doubted() -> None:
    told = language_of(["la la la"], "cy")
    assert (told.value, told.method, told.confidence) == ("cy", "song.toml", 1.0)


def test_vocables_are_known_however_long_they_are_held() -> None:
    assert real_words("Ooooh, la-la laaaa, hmmmm yeaaah DON'T go!") == ["don't", "go"]
