"""Asking a server of the user's own over HTTP: time-outs, retries, limits, and no place but the configured one.

Sending JSON and getting a JSON object back belongs here; what is asked and what an answer means stands in
`server_model`.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from flamingo_bark_assets.inference.catalogue import ModelError
from flamingo_bark_assets.inference_settings import ServerSettings
from flamingo_bark_assets.text import printable, short_line

if TYPE_CHECKING:
    import httpx2

_log = logging.getLogger(__name__)

MAX_ANSWER_BYTES = 2_000_000
"""An answer of 4096 tokens with their log-probabilities takes about half a megabyte."""
MAX_PAUSE_S = 60.0
_MAX_DETAIL_CHARACTERS = 200
# A request that had no effect, or none that is known of: the same question may be asked again.
_TRANSIENT = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS})


class ServerFault(ModelError):
    """A server cannot be reached, or does not answer as an OpenAI-compatible one does.

    Attributes:
        status: HTTP status of its answer; None where there was none.
    """

    code = "FB607"
    remedy = "Start the server, or correct its entry in [[inference.servers]]; the next candidate of the chain answers."

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class _Passing(Exception):
    """A fault that may be over at the next attempt.

    Args:
        problem: a clause.
        pause_s: the pause that the server asks for; None where it asks for none.
        status: HTTP status of the answer.
        is_unreachable: whether nothing was sent.
    """

    def __init__(
        self, problem: str, *, pause_s: float | None = None, status: int | None = None, is_unreachable: bool = False
    ) -> None:
        super().__init__(problem)
        self.pause_s = pause_s
        self.status = status
        self.is_unreachable = is_unreachable


class ServerClient:
    """One server; several threads may ask it at once.

    Redirects are never followed, so that nothing is sent to a host that the user has not named. What the environment
    says of proxies holds for other machines only.

    Args:
        server: where it is, and how patient to be.
        api_key: sent with each request; None for none.
    """

    def __init__(self, server: ServerSettings, api_key: str | None) -> None:
        import httpx2

        self._server = server
        self._key = api_key
        self._stopped = threading.Event()
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if api_key is not None:
            headers["Authorization"] = f"Bearer {api_key}"
        self._http = httpx2.Client(
            headers=headers,
            timeout=httpx2.Timeout(server.timeout_s, connect=server.connect_timeout_s),
            follow_redirects=False,
            trust_env=not server.is_loopback,
        )

    def get(self, path: str) -> Mapping[str, Any]:
        """Return the JSON object at a path below the base URL; a server that is not there is asked once.

        Raises:
            ServerFault: there is no such object to be had.
        """
        return self._ask("GET", path, None, keeps_calling=False)

    def post(self, path: str, question: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send a JSON object to a path below the base URL and return the JSON object that comes back.

        Raises:
            ServerFault: none came, however often it was asked.
        """
        return self._ask("POST", path, json.dumps(question).encode(), keeps_calling=True)

    def stop(self) -> None:
        """Let whoever waits to ask again give up; what is under way ends by itself."""
        self._stopped.set()

    def without_key(self, text: str) -> str:
        """Take the API key out of a text of the server's."""
        return text.replace(self._key, "***") if self._key else text

    def _ask(
        self, method: Literal["GET", "POST"], path: str, body: bytes | None, *, keeps_calling: bool
    ) -> Mapping[str, Any]:
        attempts = self._server.attempts
        for attempt in range(1, attempts + 1):
            try:
                return self._exchange(method, path, body)
            except _Passing as fault:
                is_last = attempt == attempts or self._stopped.is_set()
                if is_last or (fault.is_unreachable and not keeps_calling):
                    times = f" (asked {attempt} times)" if attempt > 1 else ""
                    raise ServerFault(self._told(f"{fault}{times}"), fault.status) from fault
                pause_s = self._server.first_pause_s * 2.0 ** (attempt - 1)
                pause_s = min(MAX_PAUSE_S, max(pause_s, fault.pause_s or 0.0))
                _log.info("%s", self._told(f"{fault}; asked again in {pause_s:g} s"))
            self._pause(pause_s)
        raise AssertionError("there is at least one attempt")

    def _pause(self, pause_s: float) -> None:
        self._stopped.wait(pause_s)

    def _exchange(self, method: Literal["GET", "POST"], path: str, body: bytes | None) -> Mapping[str, Any]:
        import httpx2

        headers = {"Content-Type": "application/json"} if body is not None else {}
        try:
            with self._http.stream(method, self._server.base_url + path, content=body, headers=headers) as response:
                data = self._body(response)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
            raise _Passing(f"cannot be reached: {self._plain(str(error))}", is_unreachable=True) from error
        except httpx2.TimeoutException as error:
            raise _Passing(f"did not answer within {self._server.timeout_s:g} s") from error
        except httpx2.HTTPError as error:
            raise _Passing(f"broke off: {self._plain(str(error)) or type(error).__name__}") from error
        self._check_status(response, data)
        try:
            answer = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise _Passing("its answer is no JSON", status=response.status_code) from error
        if not isinstance(answer, dict):
            raise _Passing("its answer is no JSON object", status=response.status_code)
        return answer

    def _body(self, response: httpx2.Response) -> bytes:
        """Read an answer within the limits of size and time, whatever length its header states."""
        ends_at = time.monotonic() + self._server.timeout_s
        data = bytearray()
        for piece in response.iter_raw():
            data += piece
            if len(data) > MAX_ANSWER_BYTES:
                raise ServerFault(
                    self._told(f"its answer is larger than {MAX_ANSWER_BYTES} bytes"), response.status_code
                )
            if time.monotonic() > ends_at:
                raise _Passing(f"did not finish its answer within {self._server.timeout_s:g} s")
        return bytes(data)

    def _check_status(self, response: httpx2.Response, data: bytes) -> None:
        status = response.status_code
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return
        if status < HTTPStatus.BAD_REQUEST:
            problem = (
                f"redirects to {self._plain(response.headers.get('location', 'nowhere'))}, which is not followed; "
                "base_url must name the place itself"
            )
        elif status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            key = self._server.api_key_env
            problem = f"refuses the API key of {key}" if key else "asks for an API key; set api_key_env"
        else:
            problem = f"answers {status}{self._detail(data)}"
        if status in _TRANSIENT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise _Passing(problem, pause_s=_seconds(response.headers.get("retry-after")), status=status)
        raise ServerFault(self._told(problem), status)

    def _detail(self, data: bytes) -> str:
        """Return what the server says of an error, as ': ...'; '' where it says nothing that can be read."""
        try:
            answer = json.loads(data)
        except (ValueError, RecursionError):
            return ""
        error = answer.get("error", answer) if isinstance(answer, dict) else None
        message = error.get("message", error.get("detail")) if isinstance(error, dict) else error
        return f": {self._plain(message)}" if isinstance(message, str) and message.strip() else ""

    def _plain(self, text: str) -> str:
        return short_line(printable(self.without_key(text)), _MAX_DETAIL_CHARACTERS)

    def _told(self, problem: str) -> str:
        return f"server:{self._server.name} at {self._server.base_url}: {problem}"


def _seconds(header: str | None) -> float | None:
    """Read Retry-After where it is given in seconds; a date is not read, as clocks differ."""
    return float(header) if header is not None and header.isascii() and header.isdigit() else None
