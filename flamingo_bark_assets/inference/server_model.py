"""A model behind a server of the user's own: questions with sound as OpenAI-compatible `chat/completions`.

What is asked and how an answer is read belong here; sending stands in `server_client`.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import logging
import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from http import HTTPStatus
from typing import Any

import numpy as np
import soundfile

from flamingo_bark_assets.inference.catalogue import ModelError
from flamingo_bark_assets.inference.interface import Clip, ModelIdentity, Query, Reply
from flamingo_bark_assets.inference.server_client import ServerClient, ServerFault
from flamingo_bark_assets.inference_settings import SERVER_PREFIX, InferenceSettings, ServerSettings

_log = logging.getLogger(__name__)

_NO_LIST = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})
_MAX_NAMED = 5
# Servers put it before an answer where they do not part reasoning from it.
_END_OF_REASONING = "</think>"


def load_server_model(server: ServerSettings, settings: InferenceSettings) -> ServerModel:
    """Look whether a server is there and serves the model.

    No sound is sent yet. A server that lists no models is taken at the user's word.

    Raises:
        ModelError: it is on another machine and the settings say offline, or the variable of its API key is not set.
        ServerFault: it cannot be reached, or serves other models.
    """
    name = f"{SERVER_PREFIX}{server.name}"
    if settings.offline and not server.is_loopback:
        raise ModelError(f"{name}: {server.host} is another machine, and offline; set offline to false to ask it")
    client = ServerClient(server, _api_key(name, server))
    served = _served(client)
    if served and server.model not in served:
        listed = ", ".join(map(repr, list(served)[:_MAX_NAMED]))
        raise ServerFault(f"{name} at {server.base_url}: serves {client.without_key(listed)}, not {server.model!r}")
    _log.warning("sound leaves this process: %s is sent segments of each song: %s", name, server.sound_goes_to)
    return ServerModel(server, client, _revision(server, served.get(server.model)))


class ServerModel:
    """A `CaptioningModel` behind a server, which is asked the questions of a batch at the same time."""

    def __init__(self, server: ServerSettings, client: ServerClient, revision: str) -> None:
        self._server = server
        self._client = client
        self._identity = ModelIdentity(
            model_id=server.model,
            family="server",
            revision=revision,
            licence=server.licence,
            dtype="unknown",
            sound_sent_to=server.sound_goes_to,
        )

    @property
    def identity(self) -> ModelIdentity:
        """Which model it is, as the user and the server name it."""
        return self._identity

    @property
    def sample_rate_hz(self) -> int:
        """The rate at which sound is sent."""
        return self._server.sample_rate_hz

    @property
    def max_clip_s(self) -> float:
        """The longest clip that is sent."""
        return self._server.max_clip_s

    def infer(self, queries: Sequence[Query]) -> list[Reply]:
        """Answer queries, all at the same time.

        Raises:
            ServerFault: one of them is not answered; the others' answers are lost, and nothing more can be asked.
        """
        if not queries:
            return []
        with ThreadPoolExecutor(len(queries), thread_name_prefix=f"server-{self._server.name}") as threads:
            asked = [threads.submit(self._ask, query) for query in queries]
            try:
                for one in as_completed(asked):
                    one.result()
            except BaseException:  # a Ctrl-C too must not wait for pauses and further attempts
                self._client.stop()
                threads.shutdown(wait=False, cancel_futures=True)
                raise
        return [one.result() for one in asked]

    def _ask(self, query: Query) -> Reply:
        answer = self._client.post("/chat/completions", _question(self._server, query))
        try:
            return _reply(answer, self._client)
        except _NoAnswer as problem:
            raise ServerFault(f"{SERVER_PREFIX}{self._server.name} at {self._server.base_url}: {problem}") from problem


class _NoAnswer(Exception):
    """The JSON object is no chat completion; the message is a clause."""


def _question(server: ServerSettings, query: Query) -> Mapping[str, Any]:
    """Return the body of a request: OpenAI's part `input_audio` as WAV, which vLLM and llama.cpp take too."""
    decoding = query.decoding
    sound = base64.b64encode(_wav(query.clip)).decode("ascii")
    content = [
        {"type": "text", "text": query.prompt},
        {"type": "input_audio", "input_audio": {"data": sound, "format": "wav"}},
    ]
    return {
        "model": server.model,
        "messages": [{"role": "user", "content": content}],
        "max_tokens": decoding.max_new_tokens,
        "temperature": decoding.temperature if decoding.do_sample else 0.0,
        **({"top_p": decoding.top_p, "seed": decoding.seed} if decoding.do_sample else {}),
        # Not of OpenAI's interface, but vLLM and llama.cpp take them: sent only where the user sets them.
        **({"top_k": decoding.top_k} if decoding.do_sample and decoding.top_k else {}),
        **({"repetition_penalty": decoding.repetition_penalty} if decoding.repetition_penalty != 1.0 else {}),
        # llama.cpp would send twenty alternatives of each token unless it is asked for fewer.
        **({"logprobs": True, "top_logprobs": 1} if server.log_probabilities else {}),
        "stream": False,
    }


def _wav(clip: Clip) -> bytes:
    """Return a clip as a WAV file, 16 bits, one channel."""
    file = io.BytesIO()
    soundfile.write(file, np.clip(clip.samples, -1.0, 1.0), clip.sample_rate_hz, format="WAV", subtype="PCM_16")
    return file.getvalue()


def _reply(answer: Mapping[str, Any], client: ServerClient) -> Reply:
    """Read a chat completion.

    Raises:
        _NoAnswer: it holds none.
    """
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise _NoAnswer("its answer holds no choice")
    scores = _log_probabilities(choice.get("logprobs"))
    usage = answer.get("usage")
    count = usage.get("completion_tokens") if isinstance(usage, dict) else None
    return Reply(
        text=client.without_key(_text(message)),
        token_count=count if type(count) is int and count >= 0 else len(scores),
        mean_log_probability=math.fsum(scores) / len(scores) if scores else None,
        truncated=choice.get("finish_reason") == "length",
    )


def _text(message: Mapping[str, Any]) -> str:
    """Return the text of a message, without reasoning before it; a refusal as one that is known for it.

    Raises:
        _NoAnswer: its content is neither text nor parts of text.
    """
    content, refusal = message.get("content"), message.get("refusal")
    if not content:
        # The field itself says that it refuses, in whatever words.
        return f"I cannot answer. {refusal}" if isinstance(refusal, str) and refusal else ""
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
        content = "".join(part for part in parts if isinstance(part, str))
    if not isinstance(content, str):
        raise _NoAnswer("its answer is no text")
    return content.rpartition(_END_OF_REASONING)[2].strip()


def _log_probabilities(logprobs: Any) -> list[float]:
    """Return the log-probability of each token; none where one of them is no log-probability."""
    tokens = logprobs.get("content") if isinstance(logprobs, dict) else None
    if not isinstance(tokens, list):
        return []
    values = [token.get("logprob") if isinstance(token, dict) else None for token in tokens]
    scores = [float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    is_whole = len(scores) == len(values) and all(math.isfinite(score) and score <= 0.0 for score in scores)
    return scores if is_whole else []


def _served(client: ServerClient) -> dict[str, Mapping[str, Any]]:
    """Return what a server says of each model that it serves, by its name; nothing where it has no such list."""
    try:
        models = client.get("/models").get("data")
    except ServerFault as fault:
        if fault.status in _NO_LIST:
            return {}
        raise
    listed = models if isinstance(models, list) else []
    return {one["id"]: one for one in listed if isinstance(one, dict) and isinstance(one.get("id"), str)}


def _revision(server: ServerSettings, facts: Mapping[str, Any] | None) -> str:
    """Return the stated revision, else one that changes when another model stands behind the same name.

    vLLM names in `root` what it loaded, llama.cpp tells in `meta` how large it is, beside how it was started.
    """
    if server.revision is not None:
        return server.revision
    meta = (facts or {}).get("meta")
    size = [meta.get(key) for key in ("n_params", "size", "n_vocab")] if isinstance(meta, dict) else None
    told = [(facts or {}).get("root"), size]
    digest = hashlib.sha256(json.dumps([server.base_url, told], sort_keys=True).encode()).hexdigest()
    return f"unstated-{digest[:12]}"


def _api_key(name: str, server: ServerSettings) -> str | None:
    if server.api_key_env is None:
        return None
    key = os.environ.get(server.api_key_env, "").strip()
    if not key:
        raise ModelError(f"{name}: the environment variable {server.api_key_env} of its API key is not set")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ModelError(f"{name}: the environment variable {server.api_key_env} holds no API key")
    return key
