"""How long captioning will take and how far it is: a trial, lines in the log, and what a Ctrl-C leaves."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from flamingo_bark_assets.captioning.interface import Captions
from flamingo_bark_assets.captioning.model_captioner import ModelCaptioner
from flamingo_bark_assets.captioning.progress import CaptioningProgress, in_words
from flamingo_bark_assets.inference.calibration import Speed, try_speed
from flamingo_bark_assets.inference.interface import Clip, Decoding, ModelIdentity, Query, Reply
from flamingo_bark_assets.inference.reply_cache import AnswerCache, AnswerKey
from flamingo_bark_assets.inference_settings import InferenceSettings, ModelCandidate
from flamingo_bark_assets.settings import PromptSettings, TaggingSettings
from tests.captioning_models import ParrotModel
from tests.evidence import make_evidence
from tests.signals import as_signal, music

RATE_HZ = 16_000
SOUND_S, STEP_S = 0.5, 0.25
"""Of the model below: seconds for a second of sound, and for each token after the first."""


class Timed(ParrotModel):
    """A model that takes a known time, on a clock of its own, for each clip and each token of a batch."""

    def __init__(self, *, sound_sent_to: str | None = None) -> None:
        super().__init__(identity=ModelIdentity("m", "audio-flamingo-2", "r", None, "float32", sound_sent_to))
        self.now = 0.0

    def infer(self, queries: Sequence[Query]) -> list[Reply]:
        super().infer(queries)
        sounds = {query.clip.samples.tobytes(): query.clip.samples.size / RATE_HZ for query in queries}
        tokens = max(query.decoding.max_new_tokens for query in queries)
        self.now += SOUND_S * sum(sounds.values()) + STEP_S * (tokens - 1)
        return [Reply("words", query.decoding.max_new_tokens, -0.5, truncated=False) for query in queries]


def song(number: int) -> list[Query]:
    """Two questions about 20 s and one about 10 s."""
    mix, stem = (Clip(np.full(length * RATE_HZ, number, np.float32), RATE_HZ) for length in (20, 10))
    return [Query(clip, prompt, Decoding(max_new_tokens=41)) for clip, prompt in ((mix, "a"), (mix, "b"), (stem, "c"))]


def describe(progress: CaptioningProgress, model: Timed, cache: AnswerCache, queries: Sequence[Query]) -> None:
    with progress.song(model, cache, queries, 8) as answered:
        cache.ask(model, queries, batch_size=8, on_reply=answered)


@pytest.fixture
def model() -> Timed:
    return Timed()


@pytest.fixture
def cache(tmp_path: Path) -> AnswerCache:
    return AnswerCache(tmp_path / "answers")


def test_a_trial_finds_how_fast_a_model_is(model: Timed) -> None:
    speed = try_speed(model, song(1), 8, clock=lambda: model.now)
    assert speed.sound_s == pytest.approx(SOUND_S)
    assert speed.step_s == pytest.approx(STEP_S)
    assert speed.batch_size == 3


def test_the_time_of_a_song_counts_each_clip_once_and_each_batch_by_its_longest_reply() -> None:
    speed = Speed(sound_s=2.0, step_s=1.0, batch_size=2)
    assert speed.song_s(song(1)) == pytest.approx(2.0 * 30 + 0.7 * (41 + 41))


def test_before_the_first_song_it_is_said_how_long_all_will_take(model: Timed, cache: AnswerCache) -> None:
    told: list[str] = []
    progress = CaptioningProgress(10, told.append, clock=lambda: model.now)
    describe(progress, model, cache, song(1))
    trial_s = 30 * SOUND_S + 0.7 * 41 * STEP_S
    assert told[0] == (
        f"captioning takes about {round(trial_s)} s a song on this machine, {in_words(10 * trial_s)} for 10 songs "
        "(a trial: 5 s for 10 s of sound and 0.25 s a token of 3 answers at once)"
    )
    first_s = 30 * SOUND_S + 40 * STEP_S
    assert told[1] == (
        f"captioning takes about {round(first_s)} s a song on this machine, {in_words(9 * first_s)} for 9 songs "
        "(as the first song took)"
    )
    describe(progress, model, cache, song(2))
    assert len([line for line in told if "on this machine" in line]) == 2


def test_progress_counts_answers_and_is_told_now_and_then(model: Timed, cache: AnswerCache) -> None:
    told: list[str] = []
    progress = CaptioningProgress(100, told.append, clock=lambda: model.now, every_s=60.0)
    for number in range(9):
        describe(progress, model, cache, song(number))
    counted = [line for line in told if line.startswith("captioning: ")]
    # 25 s a song: a line at the first answers of every third song.
    assert [line.split(";")[0] for line in counted] == [
        "captioning: 10 answers, 3 of 100 songs", "captioning: 19 answers, 6 of 100 songs",
    ]  # fmt: skip
    assert counted[0].endswith(f"about {in_words(97 * 25.0)} left")


def test_while_all_songs_are_asked_ahead_the_rest_is_told_by_the_answers(model: Timed, cache: AnswerCache) -> None:
    told: list[str] = []
    progress = CaptioningProgress(10, told.append, clock=lambda: model.now, every_s=60.0)
    progress.estimate(model, song(0), 8)
    for number in range(4):  # 25 s for the three answers of a song, 75 s for nine
        cache.ask(model, song(number), batch_size=8, on_reply=progress.answered)
    counted = [line for line in told if line.startswith("captioning: ")]
    assert counted == [f"captioning: 7 answers of about 30; about {in_words(75 / 7 * 23)} left"]


def test_a_song_whose_answers_are_kept_is_not_timed(model: Timed, cache: AnswerCache) -> None:
    cache.ask(model, song(1), batch_size=8)
    model.asked.clear()
    told: list[str] = []
    describe(CaptioningProgress(2, told.append, clock=lambda: model.now), model, cache, song(1))
    assert told == model.asked == []


def test_a_run_that_nobody_counts_tries_nothing(model: Timed, cache: AnswerCache) -> None:
    describe(CaptioningProgress(), model, cache, song(1))
    assert len(model.asked) == 3


def test_a_server_is_sent_no_noise(cache: AnswerCache) -> None:
    model, told = Timed(sound_sent_to="http://127.0.0.1:1"), list[str]()
    describe(CaptioningProgress(5, told.append, clock=lambda: model.now), model, cache, song(1))
    assert len(model.asked) == 3
    assert [line.endswith("(as the first song took)") for line in told] == [True]


def test_the_log_holds_the_estimate_for_the_command_line(
    model: Timed, cache: AnswerCache, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "flamingo_bark_assets.captioning.progress"):
        describe(CaptioningProgress(3, clock=lambda: model.now), model, cache, song(1))
    assert [record.__dict__["estimate"].songs for record in caplog.records] == [3, 2]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 s"), (40, "40 s"), (119, "119 s"), (150, "2 min 30 s"), (3594, "59 min 50 s"), (3599, "1 h"),
        (3 * 3600, "3 h"), (11_400, "3 h 10 min"), (47.9 * 3600, "47 h 50 min"), (52 * 3600, "2 d 4 h"),
    ],
)  # fmt: skip
def test_a_duration_is_told_in_two_figures(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


PROGRAM = """
import os, signal, sys
from pathlib import Path

from flamingo_bark_assets.inference import reply_cache
from tests.test_captioning_progress import describe_with_tiny_model

put, kept = reply_cache.AnswerCache.put, []

def put_and_stop(self, key, reply):
    put(self, key, reply)
    kept.append(key)
    if len(kept) == 3:
        os.kill(os.getpid(), signal.SIGINT)

reply_cache.AnswerCache.put = put_and_stop
describe_with_tiny_model(Path(sys.argv[1]))
"""


def describe_with_tiny_model(folder: Path) -> Captions:
    candidate = ModelCandidate(model=str(folder / "model"), dtype="float32", device="cpu", batch_size=2)
    settings = InferenceSettings(chain=(candidate,), max_new_tokens=4)
    captioner = ModelCaptioner(
        settings, PromptSettings(), folder / "answers", TaggingSettings(enabled=False), asks_clap=False
    )
    mix = as_signal(music(3.0, rate_hz=RATE_HZ), rate_hz=RATE_HZ)
    return captioner.describe(make_evidence(kinds=("drums",)), lambda part: mix)


def test_what_a_ctrl_c_leaves_is_not_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.tiny_audio_flamingo_2 import random_release, save_base, save_release

    model = save_release(tmp_path / "model", random_release())
    save_base(model / "base_lm")
    interrupted = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert interrupted.stderr.rstrip().endswith("KeyboardInterrupt")
    kept = set((tmp_path / "answers").rglob("*.json"))
    assert len(kept) == 3
    asked: list[AnswerKey] = []
    put = AnswerCache.put

    def noted(self: AnswerCache, key: AnswerKey, reply: Reply) -> None:
        asked.append(key)
        put(self, key, reply)

    monkeypatch.setattr(AnswerCache, "put", noted)
    captions = describe_with_tiny_model(tmp_path)
    assert (captions.captioner, len(captions.answers)) == ("audio-flamingo-2", 8)
    assert asked
    assert len(asked) == len(set((tmp_path / "answers").rglob("*.json")) - kept)
    asked.clear()
    assert describe_with_tiny_model(tmp_path) == captions
    assert asked == []
