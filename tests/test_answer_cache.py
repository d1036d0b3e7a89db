"""Answers on disk: the same question is asked once, another one again, and a broken file is no answer."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flamingo_bark_assets.inference.batching import OutOfMemory
from flamingo_bark_assets.inference.interface import Clip, Decoding, Query, Reply
from flamingo_bark_assets.inference.reply_cache import AnswerCache, AnswerKey, clip_digest
from tests.captioning_models import IDENTITY, ParrotModel, clip, queries, saying

GREEDY = Decoding()
SAMPLED = Decoding(do_sample=True)


def key(sound: Clip | None = None, prompt: str = "p", decoding: Decoding = GREEDY, **identity: str) -> AnswerKey:
    return AnswerKey.of(Query(sound or clip(1), prompt, decoding), dataclasses.replace(IDENTITY, **identity))


def files(cache: AnswerCache) -> list[Path]:
    return sorted(cache.folder.rglob("*.json"))


@pytest.fixture
def cache(tmp_path: Path) -> AnswerCache:
    return AnswerCache(tmp_path / "answers")


@pytest.mark.parametrize(
    "reply",
    [
        saying("a song"),
        Reply("", 0, None, False),
        Reply("naïve \u266b \ud800 \x00\n", 9, -3.25, True),
    ],
)
def test_a_kept_answer_comes_back_as_it_was(cache: AnswerCache, reply: Reply) -> None:
    cache.put(key(), reply)
    assert cache.get(key()) == reply


def test_an_empty_cache_has_no_answer(cache: AnswerCache) -> None:
    assert cache.get(key()) is None


@pytest.mark.parametrize(
    "other",
    [
        key(clip(2)),
        key(clip(1, n_samples=11)),
        key(Clip(np.full(10, 1, np.float32), 44_100)),
        key(prompt="P"),
        key(decoding=Decoding(max_new_tokens=5)),
        key(decoding=SAMPLED),
        key(decoding=Decoding(repetition_penalty=1.2)),
        key(model_id="other"),
        key(family="music-flamingo"),
        key(revision="r2"),
        key(files="other"),
        key(dtype="bfloat16"),
    ],
)
def test_another_question_has_another_answer(cache: AnswerCache, other: AnswerKey) -> None:
    cache.put(key(), saying("a song"))
    assert cache.get(other) is None


def test_where_in_the_song_a_clip_begins_does_not_matter() -> None:
    assert clip_digest(clip(1, start_s=30.0)) == clip_digest(clip(1))


def test_a_clip_that_is_a_view_of_every_second_sample_has_the_digest_of_its_copy() -> None:
    samples = np.arange(20, dtype=np.float32)
    assert clip_digest(Clip(samples[::2], 16_000)) == clip_digest(Clip(samples[::2].copy(), 16_000))


def test_the_seed_counts_where_it_is_sampled_and_only_there() -> None:
    assert key(decoding=dataclasses.replace(SAMPLED, seed=1)) != key(decoding=SAMPLED)
    assert key(decoding=dataclasses.replace(GREEDY, seed=1, temperature=0.5, top_p=0.5)) == key()


BROKEN: list[bytes] = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"version": 1}',
    b'{"version": 1, "reply": {"text": "a song"}}',
]


@pytest.mark.parametrize("content", BROKEN)
def test_a_broken_file_is_no_answer_and_is_written_again(cache: AnswerCache, content: bytes) -> None:
    cache.put(key(), saying("a song"))
    (path,) = files(cache)
    path.write_bytes(content)
    assert cache.get(key()) is None
    cache.put(key(), saying("another"))
    assert cache.get(key()) == saying("another")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("text", 5),
        ("text", None),
        ("token_count", True),
        ("token_count", -1),
        ("token_count", 1.5),
        ("mean_log_probability", float("nan")),
        ("mean_log_probability", float("-inf")),
        ("mean_log_probability", "0"),
        ("truncated", "no"),
        ("extra", 1),
    ],
)
def test_a_reply_of_the_wrong_kind_is_no_answer(cache: AnswerCache, field: str, value: Any) -> None:
    cache.put(key(), saying("a song"))
    (path,) = files(cache)
    content = json.loads(path.read_text())
    content["reply"][field] = value
    path.write_text(json.dumps(content))
    assert cache.get(key()) is None


def test_the_answer_of_another_question_under_this_name_is_none(cache: AnswerCache) -> None:
    cache.put(key(), saying("a song"))
    (mine,) = files(cache)
    cache.put(key(prompt="other"), saying("other"))
    (others,) = set(files(cache)) - {mine}
    mine.write_bytes(others.read_bytes())
    assert cache.get(key()) is None


def test_a_folder_in_the_place_of_an_answer_is_no_answer(cache: AnswerCache) -> None:
    (cache.folder / key().digest[:2] / f"{key().digest}.json").mkdir(parents=True)
    assert cache.get(key()) is None


def test_nothing_is_asked_twice(cache: AnswerCache) -> None:
    model = ParrotModel()
    first = cache.ask(model, queries([clip(1), clip(2)], ["p", "q"], GREEDY), batch_size=4)
    second = cache.ask(model, queries([clip(2), clip(1), clip(3)], ["q", "p", "r"], GREEDY), batch_size=4)
    assert [r.text for r in first] == ["p 1", "q 2"]
    assert [r.text for r in second] == ["q 2", "p 1", "r 3"]
    assert sorted(model.asked) == ["p", "q", "r"]


def test_the_same_question_twice_in_one_call_is_asked_once(cache: AnswerCache) -> None:
    model = ParrotModel()
    replies = cache.ask(model, queries([clip(1), clip(1, start_s=9.0)], ["p", "p"], GREEDY), batch_size=4)
    assert [r.text for r in replies] == ["p 1", "p 1"]
    assert model.asked == ["p"]


def test_what_was_answered_before_memory_ran_out_is_kept(cache: AnswerCache) -> None:
    class OnlyShort(ParrotModel):
        def infer(self, queries: Sequence[Query]) -> list[Reply]:
            if queries[0].prompt == "too much":
                raise MemoryError
            return super().infer(queries)

    clips, prompts = [clip(1, n_samples=20), clip(2)], ["p", "too much"]
    with pytest.raises(OutOfMemory):
        cache.ask(OnlyShort(), queries(clips, prompts, GREEDY), batch_size=1)
    model = ParrotModel()
    cache.ask(model, queries(clips, prompts, GREEDY), batch_size=1)
    assert model.asked == ["too much"]


def test_another_process_finds_the_answer(cache: AnswerCache) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from tests.captioning_models import *\n"
        "from flamingo_bark_assets.inference.reply_cache import AnswerCache\n"
        "from flamingo_bark_assets.inference.interface import Decoding\n"
        "AnswerCache(Path(sys.argv[1])).ask(ParrotModel(), queries([clip(1)], ['p'], Decoding()), batch_size=1)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(cache.folder)], check=True, cwd=Path(__file__).parent.parent)
    model = ParrotModel()
    assert [r.text for r in cache.ask(model, queries([clip(1)], ["p"], GREEDY), batch_size=1)] == ["p 1"]
    assert model.asked == []
