"""How long captioning will take and how far it is: a trial, lines in the log, and what a Ctrl-C leaves."""

from __future__ import annotations

import dataclasses
import logging
import math
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
from flamingo_bark_assets.inference.audio_flamingo_2.frontend import WINDOW_S
from flamingo_bark_assets.inference.batching import InferenceFault
from flamingo_bark_assets.inference.calibration import Speed, try_speed
from flamingo_bark_assets.inference.catalogue import Family
from flamingo_bark_assets.inference.interface import Clip, Decoding, ModelIdentity, Query, Reply
from flamingo_bark_assets.inference.reply_cache import AnswerCache, AnswerKey
from flamingo_bark_assets.inference.sound_budgets import window_of
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

    def __init__(self, family: Family = "audio-flamingo-2", *, sound_sent_to: str | None = None) -> None:
        super().__init__(identity=ModelIdentity("m", family, "r", None, "float32", sound_sent_to))
        self.now = 0.0

    def infer(self, queries: Sequence[Query]) -> list[Reply]:
        super().infer(queries)
        sounds = {query.clip.samples.tobytes(): query.clip.samples.size / RATE_HZ for query in queries}
        tokens = max(query.decoding.max_new_tokens for query in queries)
        self.now += SOUND_S * sum(sounds.values()) + STEP_S * (tokens - 1)
        return [Reply("words", query.decoding.max_new_tokens, -0.5, truncated=False) for query in queries]


class Windowed(Timed):
    """A model that pads each clip to windows of 30 s, as Whisper's encoder does."""

    def infer(self, queries: Sequence[Query]) -> list[Reply]:
        replies = super().infer(queries)
        lengths_s = {query.clip.samples.tobytes(): query.clip.samples.size / RATE_HZ for query in queries}.values()
        self.now += SOUND_S * sum(math.ceil(length_s / 30) * 30 - length_s for length_s in lengths_s)
        return replies


def song(number: int) -> list[Query]:
    """Two questions about 20 s and one about 10 s."""
    mix, stem = (Clip(np.full(length * RATE_HZ, number, np.float32), RATE_HZ) for length in (20, 10))
    return [Query(clip, prompt, Decoding(max_new_tokens=41)) for clip, prompt in ((mix, "a"), (mix, "b"), (stem, "c"))]


def describe(progress: CaptioningProgress, model: Timed, cache: AnswerCache, queries: Sequence[Query]) -> None:
    song_id = f"{queries[0].clip.samples[0]:.0f}"
    with progress.song(song_id, model, cache, queries, 8) as answered:
        cache.ask(model, queries, batch_size=8, on_reply=answered)


@pytest.fixture
def model() -> Timed:
    return Timed()


@pytest.fixture
def cache(tmp_path: Path) -> AnswerCache:
    return AnswerCache(tmp_path / "answers")


def test_a_trial_finds_how_fast_a_model_is(model: Timed) -> None:
    speed = try_speed(model, song(1), 8, clock=lambda: model.now)
    assert speed.window_s == 10.0
    assert speed.encoding_s == pytest.approx(10.0 * SOUND_S)
    assert speed.step_s == pytest.approx(STEP_S)
    assert speed.batch_size == 3


def test_the_time_of_a_song_counts_each_clip_once_and_each_batch_by_its_longest_reply() -> None:
    speed = Speed(window_s=10.0, encoding_s=20.0, step_s=1.0, batch_size=2)
    assert speed.song_s(song(1)) == pytest.approx(20.0 * 3 + 0.7 * (41 + 41))


@pytest.mark.parametrize("family", ["audio-flamingo-3", "music-flamingo", "qwen2-audio"])
def test_where_clips_are_padded_to_windows_the_sound_of_a_song_is_told_as_it_takes(family: Family) -> None:
    model = Windowed(family)
    short = [dataclasses.replace(query, decoding=Decoding(max_new_tokens=1)) for query in song(1)]
    speed = try_speed(model, song(1), 8, clock=lambda: model.now)
    before = model.now
    model.infer(short)
    assert speed.song_s(short) - 0.7 * STEP_S == pytest.approx(model.now - before)


def test_the_window_of_audio_flamingo_2_is_its_frontends(model: Timed) -> None:
    assert window_of(model) == WINDOW_S


def test_before_the_first_song_it_is_said_how_long_all_will_take(model: Timed, cache: AnswerCache) -> None:
    told: list[str] = []
    progress = CaptioningProgress(10, told.append, clock=lambda: model.now)
    describe(progress, model, cache, song(1))
    # 30 s of sound, and seven tenths of 41 tokens: 22.2 s.
    assert told[0] == (
        "captioning takes about 22 s a song on this machine, 3 min 40 s for 10 songs "
        "(a trial: 5 s for 10 s of sound and 0.25 s a token of 3 answers at once)"
    )
    # All 41 tokens: 25 s.
    assert told[1] == (
        "captioning takes about 25 s a song on this machine, 3 min 40 s for 9 songs (as the first song took)"
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


def test_what_a_song_with_kept_answers_took_is_not_told_as_a_songs_time(model: Timed, cache: AnswerCache) -> None:
    cache.ask(model, song(1)[:2], batch_size=8)
    told: list[str] = []
    progress = CaptioningProgress(5, told.append, clock=lambda: model.now, every_s=math.inf)
    describe(progress, model, cache, song(1))
    assert [line.endswith("(as the first song took)") for line in told] == [False]
    describe(progress, model, cache, song(2))
    assert told[1] == ("captioning takes about 25 s a song on this machine, 75 s for 3 songs (as the first song took)")


def test_a_song_that_fails_is_counted_once_whoever_answers_then(model: Timed, cache: AnswerCache) -> None:
    told: list[str] = []
    progress = CaptioningProgress(10, told.append, clock=lambda: model.now, every_s=0.0)
    with pytest.raises(InferenceFault), progress.song("1", model, cache, song(1), 8):
        raise InferenceFault("no")
    describe(progress, model, cache, song(1))
    describe(progress, model, cache, song(2))
    counted = [line.split(";")[0] for line in told if line.startswith("captioning: ")]
    assert counted[-1] == "captioning: 6 answers, 1 of 10 songs"


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
def test_a_duration_is_told_in_steps_that_suit_it(seconds: float, words: str) -> None:
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
