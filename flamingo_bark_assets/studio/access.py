"""Who may use the studio: one-time links, the session cookie, a token for scripts, and a token in every form.

Secrets and the refusal of requests belong here; hosts and origins are checked by `defs.request_guard`.

The secret lies in DAGSTER_HOME and is this user's alone. All tokens are signed with it: a link with the start of the
server too, so that none outlives it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import time
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode

from flamingo_bark_assets.defs.request_guard import Application, Message, Receive, Scope, Send
from flamingo_bark_assets.errors import ConfigurationError, FileFault
from flamingo_bark_assets.files.atomic import replacing
from flamingo_bark_assets.files.opening import is_missing, read_text
from flamingo_bark_assets.studio.context import FORM_TOKEN

KEYS_FILE = ".studio.json"
LINK_PARAMETER = "token"
FORM_HEADER = "X-Form-Token"
_SESSION_S = 30 * 24 * 3600
_MAX_COOKIES = 4096
_READING = {"GET", "HEAD", "OPTIONS"}
_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


@dataclass(frozen=True, slots=True)
class Keys:
    """What tokens are signed with.

    Attributes:
        secret: of this DAGSTER_HOME, hexadecimal.
        start: of the server that was started last; links hold for it only.
    """

    secret: str
    start: str

    def sign(self, *said: str) -> str:
        """Return the signature of a text, hexadecimal."""
        return hmac.new(bytes.fromhex(self.secret), "\0".join(said).encode(), hashlib.sha256).hexdigest()

    @property
    def script_token(self) -> str:
        """What scripts send as ``Authorization: Bearer``."""
        return self.sign("script")

    def new_link_token(self) -> str:
        """Return a token that signs one browser in, once."""
        nonce = secrets.token_hex(16)
        return f"{nonce}.{self.sign('link', self.start, nonce)}"

    def new_session(self, now_s: float) -> str:
        """Return the value of a session's cookie."""
        session = f"{secrets.token_hex(16)}.{int(now_s)}"
        return f"{session}.{self.sign('session', session)}"

    def session_of(self, cookie: str, now_s: float) -> str | None:
        """Return the session of a cookie; None where it is not ours or too old."""
        session, _, signature = cookie.rpartition(".")
        begun = session.rpartition(".")[2]
        if not _same(signature, self.sign("session", session)) or not begun.isdecimal():
            return None
        return session if now_s - int(begun) < _SESSION_S else None

    def form_token(self, session: str) -> str:
        """Return what a session's changes must carry."""
        return self.sign("form", session)


def new_keys(home: Path) -> Keys:
    """Begin a start of the server: the secret stays, and is made where there is none; earlier links hold no more.

    Raises:
        ConfigurationError: the file of keys cannot be used.
        WriteError: it cannot be written.
    """
    found = read_keys(home)
    keys = Keys(found.secret if found else secrets.token_hex(32), secrets.token_hex(8))
    home.mkdir(parents=True, exist_ok=True)
    with replacing(home / KEYS_FILE) as temporary:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump({"secret": keys.secret, "start": keys.start}, file)
    return keys


def read_keys(home: Path) -> Keys | None:
    """Read the keys of the server that was started last; None where none ever was.

    Raises:
        ConfigurationError: the file of keys cannot be used.
    """
    path = home / KEYS_FILE
    if is_missing(path):
        return None
    try:
        said = json.loads(read_text(path, max_bytes=4096))
        keys = Keys(str(said["secret"]), str(said["start"]))
        if len(bytes.fromhex(keys.secret)) != 32:
            raise ValueError("its secret is not 32 bytes")
    except (FileFault, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{path}: cannot be used ({error}); delete it, and a new one is made") from error
    return keys


class AccessGuard:
    """ASGI middleware that lets in whoever has a token, and gives all answers their security headers."""

    def __init__(self, application: Application, keys: Keys, *, cookie: str, open_paths: tuple[str, ...]) -> None:
        """Stand in front of `application`.

        Args:
            application: what is guarded.
            keys: what tokens are signed with.
            cookie: name of the session's cookie; two servers on one host need two.
            open_paths: paths, or beginnings that end with a slash, that need no token.
        """
        self._application = application
        self._keys = keys
        self._cookie = cookie
        self._open = open_paths
        self._used: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, sign a browser in, or refuse."""
        if scope["type"] == "lifespan":
            await self._application(scope, receive, send)
            return
        answer = _with_headers(send)
        if scope["type"] != "http":  # there are no websockets
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        path, reads = scope["path"], scope["method"] in _READING
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        token = next((value for name, value in query if name == LINK_PARAMETER), None)
        if token is not None and scope["method"] == "GET" and self._takes(token):
            await self._sign_in(scope, query, answer)
            return
        state = scope.setdefault("state", {})
        if self._is_script(scope):
            state[FORM_TOKEN] = ""
        elif session := self._session(scope):
            state[FORM_TOKEN] = self._keys.form_token(session)
            if not reads and not _same(_header(scope, FORM_HEADER), state[FORM_TOKEN]):
                await _refuse(answer, 403, "the form token is missing or old; load the page again")
                return
        elif not any(path == each or (each.endswith("/") and path.startswith(each)) for each in self._open):
            if token is not None:
                await _refuse(answer, 401, "this link was used already, or is of an earlier start; " + _HOW_TO_GET_IN)
            else:
                await _refuse(answer, 401, "the studio needs a link with a token; " + _HOW_TO_GET_IN)
            return
        await self._application(scope, receive, answer)

    def _takes(self, token: str) -> bool:
        """Tell whether a link's token holds, which it does once."""
        nonce, _, signature = token.partition(".")
        if nonce in self._used or not _same(signature, self._keys.sign("link", self._keys.start, nonce)):
            return False
        self._used.add(nonce)
        return True

    async def _sign_in(self, scope: Scope, query: list[tuple[str, str]], send: Send) -> None:
        session = self._keys.new_session(time.time())
        rest = urlencode([(name, value) for name, value in query if name != LINK_PARAMETER])
        # One slash only: "//host" would be another host.
        where = "/" + quote(scope["path"].lstrip("/\\")) + (f"?{rest}" if rest else "")
        cookie = f"{self._cookie}={session}; HttpOnly; SameSite=Strict; Path=/; Max-Age={_SESSION_S}"
        headers = [(b"location", where.encode()), (b"set-cookie", cookie.encode()), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    def _is_script(self, scope: Scope) -> bool:
        scheme, _, token = _header(scope, "Authorization").partition(" ")
        return scheme.lower() == "bearer" and _same(token.strip(), self._keys.script_token)

    def _session(self, scope: Scope) -> str | None:
        said = _header(scope, "Cookie")[:_MAX_COOKIES]
        try:
            found = SimpleCookie(said).get(self._cookie)
        except CookieError:
            return None
        return self._keys.session_of(found.value, time.time()) if found else None


_HOW_TO_GET_IN = "`flamingo-bark studio --link` prints a new one"


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def _header(scope: Scope, name: str) -> str:
    wanted = name.lower().encode()
    return next((value.decode("latin-1") for key, value in scope["headers"] if key.lower() == wanted), "")


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = list(message.get("headers", ()))
            present = {name.lower() for name, _ in given}
            message["headers"] = [*given, *(each for each in _HEADERS if each[0] not in present)]
            if b"cache-control" not in present:
                message["headers"].append((b"cache-control", b"no-store"))
        await send(message)

    return sending


async def _refuse(send: Send, status: int, reason: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{reason}\n".encode()})
