"""A small OpenAI-compatible server on the loopback interface that answers, or fails, as it is told to.

Serving and recording belong here; what is expected of the client does not.
"""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import soundfile

from flamingo_bark_assets.audio.signal import FloatArray

MODEL = "tiny/audio-chat"


@dataclass
class Answer:
    """One HTTP answer.

    Attributes:
        status: HTTP status.
        body: JSON value, or bytes as they are sent.
        headers: further headers.
        delay_s: pause before it.
        states_length: whether Content-Length is sent and true; otherwise the connection ends the body.
        drops: close the connection without an answer.
    """

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    states_length: bool = True
    drops: bool = False


@dataclass
class Asked:
    """One request for a chat completion, as the server read it."""

    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def prompt(self) -> str:
        (text,) = [part["text"] for part in self._content if part["type"] == "text"]
        return str(text)

    @property
    def sound(self) -> tuple[FloatArray, int]:
        (part,) = [part["input_audio"] for part in self._content if part["type"] == "input_audio"]
        assert part["format"] == "wav"
        samples, rate = soundfile.read(io.BytesIO(base64.b64decode(part["data"], validate=True)), dtype="float32")
        return samples, rate

    @property
    def _content(self) -> list[dict[str, Any]]:
        (message,) = self.body["messages"]
        assert message["role"] == "user"
        content: list[dict[str, Any]] = message["content"]
        return content


@dataclass
class ChatServer:
    """What it was asked and how it answers.

    Attributes:
        base_url: its address.
        answer: gives the answer to each chat completion.
        models: answer to the list of models.
        asked: each request for a chat completion.
        at_once: most requests that were under way at one time.
    """

    base_url: str = ""
    answer: Callable[[Asked], Answer] = lambda asked: said(f"heard {asked.prompt}")
    models: Answer = field(default_factory=lambda: Answer(body={"data": [{"id": MODEL, "root": "tiny"}]}))
    asked: list[Asked] = field(default_factory=list)
    at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    under_way: int = 0

    def in_turn(self, *answers: Answer) -> None:
        """Give these answers one after the other, and the last one ever after."""
        waiting = list(answers)
        self.answer = lambda _: waiting.pop(0) if len(waiting) > 1 else waiting[0]


def said(text: Any, *, finish_reason: str = "stop", **message: Any) -> Answer:
    """A chat completion of one choice, with log-probabilities."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text, **message},
        "finish_reason": finish_reason,
        "logprobs": {"content": [{"token": "a", "logprob": -0.25}, {"token": "b", "logprob": -0.75}]},
    }
    return Answer(body={"object": "chat.completion", "choices": [choice], "usage": {"completion_tokens": 7}})


@contextmanager
def chatting() -> Iterator[ChatServer]:
    """Serve until the block ends."""
    chat = ChatServer()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"chat": chat}))
    chat.base_url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield chat
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    chat: ChatServer

    def do_GET(self) -> None:
        self._send(self.chat.models if self.path == "/v1/models" else Answer(404, {"error": "no such path"}))

    def do_POST(self) -> None:
        chat = self.chat
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.path == "/v1/chat/completions"
        with chat.lock:
            chat.asked.append(Asked(dict(self.headers), body))
            answer = chat.answer(chat.asked[-1])
            chat.under_way += 1
            chat.at_once = max(chat.at_once, chat.under_way)
        try:
            self._send(answer)
        finally:
            with chat.lock:
                chat.under_way -= 1

    def _send(self, answer: Answer) -> None:
        time.sleep(answer.delay_s)
        self.close_connection = not answer.states_length
        if answer.drops:
            self.close_connection = True
            return
        data = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.states_length:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        try:
            self.wfile.write(data)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the client has had enough

    def log_message(self, format: str, *args: Any) -> None:
        pass
