"""What helps where the hub, or something before it, refuses: tokens, proxies, sign-in pages, certificates.

The line for each belongs here; asking the hub stands in `hub`.
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterator

RENEW = (
    "the hub refuses the access token (expired, revoked or mistyped), and with it even public models; renew it with "
    "`hf auth login`, or take it away: unset HF_TOKEN, `hf auth logout`"
)
LOG_IN = "the hub asks for an access token; `hf auth login` with one that may read this repository, and try again"
FINE_GRAINED = (
    "the access token is fine-grained and may not read this repository; allow it 'read access to public gated "
    "repositories' in its settings, or take a token of the kind read"
)
FORBIDDEN = (
    "the hub forbids it (403): the access token may not read this repository, or a filter of the network stands before "
    "the hub; take a token of the kind read, or another network"
)
PROXY = "a proxy asks for a login (407); put it into HTTPS_PROXY, as in http://USER:PASSWORD@HOST:PORT"
TOO_MANY = "the hub answers too many requests (429); wait some minutes, or `hf auth login`"
SIGN_IN_PAGE = (
    "something else than the hub answers, as a sign-in page of the network does; open any page in a browser, sign in "
    "there, and try again"
)
CERTIFICATE = (
    "the certificate is not trusted; where a company or school looks into traffic, set SSL_CERT_FILE to the file of "
    "its certificates"
)


def hub_advice(error: BaseException) -> str | None:
    """Say what to do about an error of asking the hub, in one line; None where nothing special is known."""
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError

    chain = list(_with_causes(error))
    if any(isinstance(one, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in str(one) for one in chain):
        return CERTIFICATE
    if any(re.search(r"\b407\b|proxy authentication", str(one), re.IGNORECASE) for one in chain):
        return PROXY
    if any(isinstance(one, json.JSONDecodeError) for one in chain):
        return SIGN_IN_PAGE
    if isinstance(error, HfHubHTTPError) and error.response is not None:
        said = f"{error} {getattr(error, 'server_message', None) or ''}".lower()
        return _of_status(error.response.status_code, said, is_gated=isinstance(error, GatedRepoError))
    return None


def _of_status(status: int, said: str, *, is_gated: bool) -> str | None:
    if status == 401:
        return _of_401(said, is_gated=is_gated)
    if status == 403 and "fine-grained" in said:
        return FINE_GRAINED
    if is_gated:
        return None
    return {403: FORBIDDEN, 407: PROXY, 429: TOO_MANY}.get(status)


def _of_401(said: str, *, is_gated: bool) -> str | None:
    from huggingface_hub import get_token

    if "invalid credentials" in said or "expired" in said or "invalid user token" in said:
        return RENEW
    if is_gated:
        return None
    # Without a token the hub answers so for a repository that is private or is not there, too.
    return RENEW if get_token() else None if "repository not found" in said else LOG_IN


def _with_causes(error: BaseException) -> Iterator[BaseException]:
    following: BaseException | None = error
    for _ in range(20):
        if following is None:
            return
        yield following
        following = following.__cause__ or following.__context__
