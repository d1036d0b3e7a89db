"""CLAP as a second opinion on a captioner: labels, fit, agreement, and what is said without it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from flamingo_bark_assets.audio.signal import Signal
from flamingo_bark_assets.captioning.interface import Captions
from flamingo_bark_assets.captioning.measured import MeasuredCaptioner
from flamingo_bark_assets.captioning.second_opinion import SecondOpinion
from flamingo_bark_assets.inference_settings import InferenceSettings, VocabularyFiles
from flamingo_bark_assets.parts import Part
from tests.evidence import make_evidence
from tests.hub import keep_off_the_network
from tests.signals import as_signal, music
from tests.test_clap import collapsed, save_tiny_clap

EVIDENCE = make_evidence(metadata={"genre_tags": "House"})


def sound(part: Part) -> Signal:
    seed = {"mix": 0, "drums": 1, "bass": 2, "vocals": 3, "harmonic": 4}[part]
    return as_signal(music(6.0, rate_hz=22050, seed=seed), rate_hz=22050)


def said() -> Captions:
    return MeasuredCaptioner().describe(EVIDENCE, sound)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_clap(tmp_path_factory.mktemp("clap"))


@pytest.fixture(scope="module")
def genres(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vocabulary") / "genres.txt"
    path.write_text("house\nrock\njazz\n")
    return path


@pytest.fixture(scope="module")
def compared(folder: Path, genres: Path) -> Captions:
    settings = InferenceSettings(clap=str(folder), vocabularies=VocabularyFiles(genre=genres), labels_per_vocabulary=3)
    return SecondOpinion(settings).on(said(), EVIDENCE, sound)


def test_every_part_gets_the_likeliest_terms_of_each_vocabulary(compared: Captions) -> None:
    clap = [label for label in compared.labels if label.source == "clap"]
    assert {(label.part, label.vocabulary) for label in clap} == {
        (part, name)
        for part in ("mix", "drums", "bass", "vocals", "harmonic")
        for name in ("genre", "mood", "instrument")
    }
    of_mix = [label for label in clap if (label.part, label.vocabulary) == ("mix", "genre")]
    assert math.fsum(label.probability or 0 for label in of_mix) == pytest.approx(1, abs=1e-5)


def test_the_captioners_own_labels_stand_beside_them_under_its_name(compared: Captions) -> None:
    (own,) = [label for label in compared.labels if label.source == "measured" and label.vocabulary == "genre"]
    assert (own.label.lower(), own.probability, own.rank) == ("house", None, 1)


def test_the_agreement_is_the_probability_of_what_was_said_and_weighs_the_confidence(compared: Captions) -> None:
    (genre,) = [a for a in compared.answers if (a.part, a.question) == ("mix", "genre")]
    (house,) = [
        label for label in compared.labels if (label.part, label.source, label.label) == ("mix", "clap", "house")
    ]
    assert genre.label_agreement == pytest.approx(house.probability, abs=1e-5)
    assert genre.confidence is None  # a file's tag has none of its own


def test_texts_get_the_similarity_of_sound_and_words(compared: Captions) -> None:
    (caption,) = [a for a in compared.answers if (a.part, a.question) == ("mix", "caption")]
    assert caption.audio_text_similarity is not None
    assert -1 <= caption.audio_text_similarity <= 1
    assert caption.confidence == said().answers[0].confidence


def test_the_same_song_gets_the_same_numbers(compared: Captions, folder: Path, genres: Path) -> None:
    settings = InferenceSettings(clap=str(folder), vocabularies=VocabularyFiles(genre=genres), labels_per_vocabulary=3)
    assert SecondOpinion(settings).on(said(), EVIDENCE, sound) == compared


def test_a_clap_that_knows_nothing_says_nothing(tmp_path: Path) -> None:
    folder = collapsed(save_tiny_clap(tmp_path / "clap"), "text")
    kept = SecondOpinion(InferenceSettings(clap=str(folder))).on(said(), EVIDENCE, sound)
    assert (kept.answers, kept.labels, kept.second_opinion) == (said().answers, said().labels, None)
    assert "unrelated texts have a mean cosine of" in (kept.second_opinion_reason or "")


def test_without_clap_the_captions_stay_and_the_reason_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = keep_off_the_network(monkeypatch)
    plain = SecondOpinion(InferenceSettings(cache_folder=tmp_path)).on(said(), EVIDENCE, sound)
    assert plain.answers == said().answers
    assert plain.second_opinion is None
    assert "laion/clap-htsat-unfused" in (plain.second_opinion_reason or "")
    assert attempts == []
