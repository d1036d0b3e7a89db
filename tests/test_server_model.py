"""A captioner behind a server: what is sent where, what an answer means, and every way in which it can fail."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from flamingo_bark_assets.audio.signal import Signal
from flamingo_bark_assets.captioning.interface import Captions
from flamingo_bark_assets.captioning.model_captioner import ModelCaptioner
from flamingo_bark_assets.errors import FlamingoBarkError
from flamingo_bark_assets.inference.catalogue import ModelError
from flamingo_bark_assets.inference.interface import Clip, Decoding, Reply
from flamingo_bark_assets.inference.loading import load_first
from flamingo_bark_assets.inference.server_client import MAX_ANSWER_BYTES, ServerClient, ServerFault
from flamingo_bark_assets.inference.server_model import ServerModel, load_server_model
from flamingo_bark_assets.inference_settings import InferenceSettings, ModelCandidate, ServerSettings
from flamingo_bark_assets.parts import QUESTIONS, Part
from flamingo_bark_assets.settings import PromptSettings
from tests.captioning_models import queries
from tests.chat_server import MODEL, Answer, Asked, ChatServer, chatting, said
from tests.evidence import make_evidence
from tests.hub import closed_port
from tests.signals import as_signal, music
from tests.watchdog import ends

SOUND = Clip(np.linspace(-0.5, 0.5, 800, dtype=np.float32), 16_000, 3.0)


@pytest.fixture
def chat() -> Iterator[ChatServer]:
    with chatting() as server:
        yield server


def server_at(base_url: str, **values: Any) -> ServerSettings:
    quick = {"first_pause_s": 0.0, "connect_timeout_s": 2.0, "timeout_s": 5.0}
    return ServerSettings(**{"name": "mine", "base_url": base_url, "model": MODEL, **quick, **values})


def settings_with(server: ServerSettings, **values: Any) -> InferenceSettings:
    chain = (ModelCandidate(model=f"server:{server.name}"),)
    return InferenceSettings(**{"servers": (server,), "chain": chain, **values})


def model_at(chat: ChatServer, **values: Any) -> ServerModel:
    server = server_at(chat.base_url, **values)
    return load_server_model(server, settings_with(server))


def asked_once(chat: ChatServer, decoding: Decoding = Decoding(), **values: Any) -> Reply:  # noqa: B008 frozen
    (reply,) = model_at(chat, **values).infer(queries([SOUND], ["what is the genre?"], decoding))
    return reply


def fault_of(chat: ChatServer, **values: Any) -> str:
    with pytest.raises(ServerFault) as raised:
        asked_once(chat, **values)
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith(f"server:mine at {chat.base_url}: ")
    return str(raised.value)


# What is sent


def test_the_sound_and_the_question_are_sent_as_one_message(chat: ChatServer) -> None:
    asked_once(chat)
    (asked,) = chat.asked
    samples, rate = asked.sound
    assert rate == 16_000
    assert np.allclose(samples, SOUND.samples, atol=1 / 32_768)
    assert asked.prompt == "what is the genre?"
    assert (asked.body["model"], asked.body["stream"]) == (MODEL, False)


def test_greedy_decoding_is_temperature_zero_and_sampling_is_sent_as_set(chat: ChatServer) -> None:
    asked_once(chat, Decoding(max_new_tokens=9))
    asked_once(chat, Decoding(do_sample=True, temperature=0.7, top_p=0.9, seed=5))
    greedy, sampled = (asked.body for asked in chat.asked)
    assert (greedy["max_tokens"], greedy["temperature"]) == (9, 0.0)
    assert {name: sampled[name] for name in ("temperature", "top_p", "seed")} == {
        "temperature": 0.7, "top_p": 0.9, "seed": 5,
    }  # fmt: skip


def test_log_probabilities_are_asked_for_unless_switched_off(chat: ChatServer) -> None:
    asked_once(chat)
    asked_once(chat, log_probabilities=False)
    assert [asked.body.get("logprobs") for asked in chat.asked] == [True, None]
    assert [asked.body.get("top_logprobs") for asked in chat.asked] == [1, None]


def test_no_sound_is_sent_to_see_whether_a_server_is_there(chat: ChatServer) -> None:
    model_at(chat)
    assert chat.asked == []


def test_the_questions_of_a_batch_are_asked_at_the_same_time_and_answered_in_their_order(chat: ChatServer) -> None:
    def slow_first(asked: Asked) -> Answer:
        answer = said(asked.prompt)
        answer.delay_s = 0.3 if asked.prompt == "0" else 0.2
        return answer

    chat.answer = slow_first
    prompts = [str(number) for number in range(4)]
    replies = model_at(chat).infer(queries([SOUND] * 4, prompts, Decoding()))
    assert [reply.text for reply in replies] == prompts
    assert chat.at_once == 4


# What an answer means


def test_an_answer_becomes_a_reply(chat: ChatServer) -> None:
    chat.in_turn(said("House, techno"))
    assert asked_once(chat) == Reply("House, techno", 7, -0.5, truncated=False)


def test_an_answer_cut_by_its_token_limit_is_known_as_such(chat: ChatServer) -> None:
    chat.in_turn(said("A house track with", finish_reason="length"))
    assert asked_once(chat).truncated


@pytest.mark.parametrize(
    "logprobs",
    [
        None, {}, [], {"content": None}, {"content": [{"logprob": "x"}]}, {"content": [None]},
        {"content": [{"logprob": -0.1}, {}]}, {"content": [{"logprob": 0.5}]}, {"content": [{"logprob": float("nan")}]},
    ],
)  # fmt: skip
def test_without_readable_log_probabilities_the_confidence_is_unknown(chat: ChatServer, logprobs: Any) -> None:
    answer = said("music")
    answer.body["choices"][0]["logprobs"] = logprobs
    chat.in_turn(answer)
    assert asked_once(chat).mean_log_probability is None


def test_reasoning_before_an_answer_is_no_part_of_it(chat: ChatServer) -> None:
    chat.in_turn(said("<think>It is fast. Maybe rock?</think>\n\nhouse"))
    assert asked_once(chat).text == "house"


def test_content_in_parts_is_joined(chat: ChatServer) -> None:
    chat.in_turn(said([{"type": "text", "text": "deep "}, {"type": "audio"}, {"type": "text", "text": "house"}]))
    assert asked_once(chat).text == "deep house"


@pytest.mark.parametrize("content", [None, ""])
def test_an_empty_answer_says_nothing(chat: ChatServer, content: str | None) -> None:
    chat.in_turn(said(content))
    assert asked_once(chat).text == ""


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>busy</html>"), (200, b""), (200, b"[1]"), (200, b"[" * 100_000), (500, b"oops"), (502, b""),
        (503, {"error": {"message": "Loading model"}}), (429, {"error": "slow down"}), (408, b""),
    ],
)  # fmt: skip
def test_what_may_pass_is_asked_again(chat: ChatServer, status: int, body: Any) -> None:
    chat.in_turn(Answer(status, body), Answer(status, body), said("house"))
    assert asked_once(chat).text == "house"
    assert len(chat.asked) == 3


def test_a_connection_that_breaks_off_is_asked_again(chat: ChatServer) -> None:
    chat.in_turn(Answer(drops=True), said("house"))
    assert asked_once(chat).text == "house"


# Faults


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(200, b"{"), "its answer is no JSON (asked 3 times)"),
        (Answer(200, b"[]"), "its answer is no JSON object (asked 3 times)"),
        (Answer(500, {"error": {"message": "CUDA\nerror"}}), "answers 500: CUDA error (asked 3 times)"),
        (Answer(429, {}), "answers 429 (asked 3 times)"),
        (Answer(drops=True), "broke off"),
    ],
)
def test_a_fault_that_does_not_pass_is_told_after_the_last_attempt(
    chat: ChatServer, answer: Answer, words: str
) -> None:
    chat.in_turn(answer)
    assert words in fault_of(chat)
    assert len(chat.asked) == 3


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(400, {"error": {"message": "audio is not supported"}}), "answers 400: audio is not supported"),
        (Answer(404, {"detail": "Not Found"}), "answers 404: Not Found"),
        (Answer(413, b"too large"), "answers 413"),
        (Answer(401, {"error": "no"}), "asks for an API key; set api_key_env"),
        (Answer(200, {"choices": []}), "its answer holds no choice"),
        (Answer(200, {"choices": [{"message": None}]}), "its answer holds no choice"),
        (Answer(200, {"error": "x"}), "its answer holds no choice"),
        (said({"a": 1}), "its answer is no text"),
        (said(7), "its answer is no text"),
        (Answer(200, b" " * (MAX_ANSWER_BYTES + 1)), f"its answer is larger than {MAX_ANSWER_BYTES} bytes"),
        (Answer(200, b" " * (MAX_ANSWER_BYTES + 1), states_length=False), "its answer is larger than"),
    ],
)
def test_a_fault_that_cannot_pass_is_told_at_once(chat: ChatServer, answer: Answer, words: str) -> None:
    chat.in_turn(answer)
    assert words in fault_of(chat)
    assert len(chat.asked) == 1


def test_a_compressed_answer_is_not_unpacked(chat: ChatServer) -> None:
    chat.in_turn(Answer(200, gzip.compress(b" " * 10**7), {"Content-Encoding": "gzip"}))
    assert "is no JSON" in fault_of(chat, attempts=1)


@pytest.mark.parametrize("place", ["http://127.0.0.1:1/v1/chat/completions", "http://example.org/x", "/elsewhere"])
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_never_followed(chat: ChatServer, status: int, place: str) -> None:
    chat.in_turn(Answer(status, b"", {"Location": place}))
    assert f"redirects to {place}, which is not followed" in fault_of(chat)
    assert len(chat.asked) == 1


def test_a_server_that_does_not_answer_is_given_up(chat: ChatServer) -> None:
    chat.in_turn(Answer(delay_s=0.6, body={}))
    with ends():
        assert "did not answer within 0.2 s (asked 2 times)" in fault_of(chat, timeout_s=0.2, attempts=2)


def test_pauses_grow_and_the_server_may_ask_for_longer_ones(chat: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(ServerClient, "_pause", lambda _, pause_s: pauses.append(pause_s))
    chat.in_turn(
        Answer(500), Answer(500), Answer(429, None, {"Retry-After": "30"}), Answer(503, None, {"Retry-After": "9999"}),
        Answer(503, None, {"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}), said("house"),
    )  # fmt: skip
    asked_once(chat, attempts=6, first_pause_s=1.0)
    assert pauses == [1.0, 2.0, 30.0, 60.0, 16.0]


def test_where_one_question_fails_for_good_the_others_do_not_pause_on(chat: ChatServer) -> None:
    chat.answer = lambda asked: Answer(400) if asked.prompt == "bad" else Answer(503)
    model = model_at(chat, first_pause_s=60)
    with ends(limit_s=50), pytest.raises(ServerFault, match="answers 400"):  # shorter than the pause
        model.infer(queries([SOUND] * 2, ["busy", "bad"], Decoding()))


def test_a_server_that_is_not_there_is_told_without_waiting(chat: ChatServer) -> None:
    server = server_at(f"{closed_port()}/v1", first_pause_s=60)
    with ends(limit_s=50), pytest.raises(ServerFault, match="cannot be reached"):  # shorter than the pause
        load_server_model(server, settings_with(server))


def test_a_server_that_serves_another_model_is_told_with_what_it_serves(chat: ChatServer) -> None:
    with pytest.raises(ServerFault, match=f"serves '{MODEL}', not 'other'"):
        model_at(chat, model="other")


@pytest.mark.parametrize("models", [Answer(404, {}), Answer(405), Answer(200, {}), Answer(200, {"data": [1, {}]})])
def test_a_server_that_lists_no_models_is_taken_at_the_users_word(chat: ChatServer, models: Answer) -> None:
    chat.models = models
    assert model_at(chat).identity.model_id == MODEL


# Keys, hosts and proxies


def test_an_api_key_comes_from_the_environment_and_is_told_to_nobody_else(
    chat: ChatServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("MY_KEY", "sk-secret")
    chat.in_turn(said("I know sk-secret"), Answer(400, {"error": {"message": "bad key sk-secret"}}))
    model = model_at(chat, api_key_env="MY_KEY")
    (reply,) = model.infer(queries([SOUND], ["?"], Decoding()))
    assert chat.asked[0].headers["Authorization"] == "Bearer sk-secret"
    assert reply.text == "I know ***"
    with pytest.raises(ServerFault) as raised:
        model.infer(queries([SOUND], ["?"], Decoding()))
    assert "bad key ***" in str(raised.value)
    assert "sk-secret" not in caplog.text + repr(model.identity)


def test_a_refused_key_is_told_by_its_variable(chat: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-secret")
    chat.in_turn(Answer(401, {"error": {"message": "sk-secret is wrong"}}))
    assert fault_of(chat, api_key_env="MY_KEY").endswith("refuses the API key of MY_KEY")


@pytest.mark.parametrize(("value", "words"), [(None, "is not set"), ("", "is not set"), ("a\nb", "holds no API key")])
def test_a_key_that_is_none_is_told_without_it(
    chat: ChatServer, monkeypatch: pytest.MonkeyPatch, value: str | None, words: str
) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("MY_KEY", value)
    with pytest.raises(ModelError, match=f"MY_KEY.*{words}"):
        model_at(chat, api_key_env="MY_KEY")


def test_proxies_of_the_environment_do_not_see_what_goes_to_this_machine(
    chat: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, closed_port())
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert asked_once(chat).text == "heard what is the genre?"


@pytest.mark.parametrize(
    "base_url",
    [
        "http://gpu.lan:8000/v1", "https://api.example.org/v1", "http://192.168.1.5/v1", "http://0.0.0.0:8000/v1",
        "http://[fe80::1]/v1", "http://127.1/v1", "http://2130706433/v1", "http://localhost.example.org/v1",
    ],
)  # fmt: skip
def test_another_host_is_refused_until_it_is_named(base_url: str) -> None:
    server = server_at(base_url)
    with pytest.raises(ValidationError, match=r"outside this machine; add that host to allow_hosts"):
        settings_with(server)
    assert settings_with(server, allow_hosts=(server.host,)).servers == (server,)


@pytest.mark.parametrize(
    "base_url", ["http://127.0.0.1:8000/v1", "http://127.8.9.1/", "http://[::1]:8000/v1", "https://LOCALHOST/v1"]
)
def test_this_machine_needs_no_naming(base_url: str) -> None:
    assert settings_with(server_at(base_url)).servers[0].is_loopback


@pytest.mark.parametrize(
    "base_url",
    [
        "", "127.0.0.1:8000", "ftp://127.0.0.1/v1", "file:///etc/passwd", "http://", "http://127.0.0.1:99999/v1",
        "http://user:word@127.0.0.1/v1", "http://127.0.0.1@example.org/v1", "http://127.0.0.1/v1?key=x",
        "http://127.0.0.1/v1#x", "http://127.0.0.1\\@example.org/", "http://127.0.0.1 /v1", "http://ünï.org/",
    ],
)  # fmt: skip
def test_an_address_that_is_none_or_holds_a_secret_is_refused(base_url: str) -> None:
    with pytest.raises(ValidationError):
        server_at(base_url)


def test_two_servers_of_one_name_and_a_chain_that_names_none_are_refused() -> None:
    server = server_at("http://127.0.0.1/v1")
    with pytest.raises(ValidationError, match="two servers have one name"):
        InferenceSettings(servers=(server, server))
    with pytest.raises(ValidationError, match="the chain names server:other"):
        InferenceSettings(servers=(server,), chain=(ModelCandidate(model="server:other"),))


def test_offline_another_machine_is_not_asked_but_this_one_is(chat: ChatServer) -> None:
    far = server_at("http://gpu.lan/v1")
    with pytest.raises(ModelError, match="another machine, and offline"):
        load_server_model(far, settings_with(far, allow_hosts=("gpu.lan",), offline=True))
    near = server_at(chat.base_url)
    assert load_server_model(near, settings_with(near, offline=True))


# Who it is


def test_the_identity_says_what_the_user_stated_and_where_sound_goes(chat: ChatServer) -> None:
    identity = model_at(chat, licence="Apache-2.0", revision="r7").identity
    assert (identity.model_id, identity.family, identity.revision) == (MODEL, "server", "r7")
    assert identity.licence == "Apache-2.0"
    assert identity.sound_sent_to == f"{chat.base_url}, on this machine, outside this process"


def test_a_licence_that_nobody_states_is_null(chat: ChatServer) -> None:
    assert model_at(chat).identity.licence is None


@pytest.mark.parametrize(
    ("loaded", "restarted", "other"),
    [
        ({"root": "a", "created": 1}, {"root": "a", "created": 2}, {"root": "b", "created": 1}),
        ({"meta": {"size": 7, "n_ctx": 1}}, {"meta": {"size": 7, "n_ctx": 2}}, {"meta": {"size": 8, "n_ctx": 1}}),
    ],
)
def test_another_model_behind_the_same_name_is_asked_anew_and_a_restarted_one_is_not(
    chat: ChatServer, loaded: dict[str, Any], restarted: dict[str, Any], other: dict[str, Any]
) -> None:
    revisions = []
    for facts in (loaded, restarted, other):
        chat.models = Answer(body={"data": [{"id": MODEL, **facts}]})
        revisions.append(model_at(chat).identity.revision)
    assert revisions[0] == revisions[1] != revisions[2]


def test_sound_that_leaves_the_machine_unencrypted_is_told_as_such() -> None:
    assert server_at("http://gpu.lan/v1").sound_goes_to == "http://gpu.lan/v1, outside this machine, unencrypted"
    assert server_at("https://gpu.lan/v1").sound_goes_to == "https://gpu.lan/v1, outside this machine"


# As a captioner of the chain


def sound(_: Part) -> Signal:
    return as_signal(music(3.0, rate_hz=16_000), rate_hz=16_000)


def described(chat: ChatServer, folder: Path, song_id: str = "song", **values: Any) -> Captions:
    settings = settings_with(server_at(chat.base_url, **values))
    return ModelCaptioner(settings, PromptSettings(), folder, asks_clap=False).describe(make_evidence(song_id), sound)


def test_it_is_named_in_every_answer_and_says_that_sound_was_sent(
    chat: ChatServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    captions = described(chat, tmp_path)
    assert (captions.captioner, captions.model_id, captions.is_fallback) == ("server", MODEL, False)
    assert {(a.captioner, a.model_id, a.licence) for a in captions.answers} == {("server", MODEL, None)}
    (candidate,) = captions.candidates
    assert (candidate.outcome, candidate.captioner) == ("answered", MODEL)
    assert candidate.sound_sent_to == f"{chat.base_url}, on this machine, outside this process"
    assert f"sound leaves this process: server:mine is sent segments of each song: {chat.base_url}" in caplog.text


def test_its_claims_are_checked_like_those_of_any_model(chat: ChatServer, tmp_path: Path) -> None:
    chat.answer = lambda asked: said("A house track at 95 BPM. It has a steady beat with drums and bass.")
    captions = described(chat, tmp_path)
    assert {(c.kind, c.verdict) for c in captions.claims if c.part == "mix"} >= {("tempo", "conflict")}
    assert "95" not in (captions.text("mix", "caption") or "")


def test_nothing_is_asked_twice(chat: ChatServer, tmp_path: Path) -> None:
    first = described(chat, tmp_path)
    count = len(chat.asked)
    assert count >= len(QUESTIONS)
    assert described(chat, tmp_path) == first
    assert len(chat.asked) == count


@pytest.mark.parametrize(
    "answer",
    [
        said("I cannot describe this audio."), said(None, refusal="Not for me, thanks."),
        said("I'm sorry, but I can't help with that."),
    ],
)  # fmt: skip
def test_a_refusal_is_no_text_and_has_the_reason(chat: ChatServer, tmp_path: Path, answer: Answer) -> None:
    chat.in_turn(answer)
    captions = described(chat, tmp_path)
    assert {(a.text, a.source, a.reason) for a in captions.answers} == {
        (None, "none", "the model refused to answer")
    }  # fmt: skip


def test_a_server_that_is_not_there_is_skipped_with_the_reason_and_the_named_fallback_writes(tmp_path: Path) -> None:
    chat = ChatServer(base_url=f"{closed_port()}/v1")
    captions = described(chat, tmp_path)
    assert (captions.captioner, captions.is_fallback) == ("measured", True)
    skipped, _tagged, answered = captions.candidates
    assert (skipped.captioner, skipped.outcome, skipped.sound_sent_to) == ("server:mine", "skipped", None)
    assert "cannot be reached" in (skipped.reason or "")
    assert answered.outcome == "answered"


def test_a_server_that_fails_on_the_way_gives_way_to_the_next_and_keeps_what_it_answered(
    chat: ChatServer, tmp_path: Path
) -> None:
    with chatting() as second:
        servers = (server_at(chat.base_url), server_at(second.base_url, name="second"))
        chain = tuple(ModelCandidate(model=f"server:{server.name}", batch_size=1) for server in servers)
        settings = InferenceSettings(servers=servers, chain=chain)
        chat.in_turn(said("one"), said("two"), Answer(500))
        captioner = ModelCaptioner(settings, PromptSettings(), tmp_path, asks_clap=False)
        captions = captioner.describe(make_evidence("first"), sound)
        count = len(chat.asked)
        later = captioner.describe(make_evidence("later"), sound)
        assert len(chat.asked) == count
    assert [c.outcome for c in captions.candidates] == ["skipped", "answered"]
    assert "answers 500" in (captions.candidates[0].reason or "")
    assert "while first was described" in (captions.candidates[0].reason or "")
    assert captions.candidates[0].sound_sent_to is not None
    assert {answer.raw_text for answer in captions.answers}.isdisjoint({"one", "two"})
    assert later.candidates == captions.candidates
    chat.answer = lambda asked: said("three")
    assert {a.raw_text for a in described(chat, tmp_path).answers} == {"one", "two", "three"}


def test_the_chain_goes_on_whatever_a_server_answers_when_it_is_looked_for(chat: ChatServer) -> None:
    for models in (Answer(500), Answer(200, b"{"), Answer(401), Answer(302, b"", {"Location": "http://x.org"})):
        chat.models = models
        loaded = load_first(settings_with(server_at(chat.base_url)))
        assert loaded.model is None
        assert chat.base_url in loaded.skipped[0].reason


def test_faults_of_servers_have_a_code_of_their_own() -> None:
    assert issubclass(ServerFault, FlamingoBarkError)
    assert ServerFault.code not in {ModelError.code, FlamingoBarkError.code}
