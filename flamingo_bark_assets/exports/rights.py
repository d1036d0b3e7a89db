"""What licences allow: whether songs and the texts of captioning models may be used commercially.

Reading licence names belongs here; who states them does not. Not legal advice: unknown words allow nothing.
"""

from __future__ import annotations

import re

_SEPARATORS = re.compile(r"[\s_/]+|-+")
# The whole text: of an address among other words nobody knows what it is said of.
_CC_URL = re.compile(
    r"<?(?:https?://)?(?:www\.)?creativecommons\.org/(?:licenses|publicdomain)/([a-z-]+)(?:/(\d\.\d))?(?:/[a-z._/-]*)?>?"
)
_CC = re.compile(
    r"cc-?(?P<kind>by(?:-(?:nc|nd|sa))*|0|zero)(?:-(?P<version>\d\.\d))?(?:-(?:international|unported|universal))?"
)
_NORMAL_CC = re.compile(r"cc0(?:-\d\.\d)?|cc-by(?:-(?:nc|nd|sa))*(?:-\d\.\d)?")
_WORDS = (
    ("creative-commons", "cc"),
    ("public-domain-dedication", "0"),
    ("attribution", "by"),
    ("noncommercial", "nc"),
    ("non-commercial", "nc"),
    ("sharealike", "sa"),
    ("share-alike", "sa"),
    ("noderivatives", "nd"),
    ("no-derivatives", "nd"),
    ("noderivs", "nd"),
)
_PERMISSIVE = frozenset(
    {
        "apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "isc", "unlicense", "wtfpl", "pddl-1.0", "odc-by-1.0",
        "public-domain", "pd", "publicdomain",
    }
)  # fmt: skip


def normal_licence(text: str) -> str:
    """Return a licence as a lower-case identifier: 'Creative Commons Attribution 4.0' is ``cc-by-4.0``."""
    plain = text.strip().casefold()
    if match := _CC_URL.fullmatch(plain):
        kind = {"zero": "cc0", "mark": "public-domain"}.get(match[1], f"cc-{match[1]}")
        return kind if kind == "public-domain" else "-".join(filter(None, (kind, match[2])))
    name = "-".join(part for part in _SEPARATORS.split(plain.replace("(", " ").replace(")", " ")) if part)
    for words, short in _WORDS:
        name = name.replace(words, short)
    match = _CC.fullmatch(name.removesuffix("-licence").removesuffix("-license"))
    if match:
        kind = match["kind"].replace("zero", "0")
        return "-".join(filter(None, ("cc0" if kind == "0" else f"cc-{kind}", match["version"])))
    return name


def why_not_commercial(licence: str | None, also_allowed: frozenset[str] = frozenset()) -> str | None:
    """Say why a licence does not allow to train a commercial model; None where it does.

    Args:
        licence: as its owner states it.
        also_allowed: further licences, as `normal_licence` writes them, that the user says allow it.
    """
    if licence is None or not licence.strip():
        return "no licence is stated"
    name = normal_licence(licence)
    if name in also_allowed or name in _PERMISSIVE:
        return None
    if _NORMAL_CC.fullmatch(name):
        parts = name.split("-")
        if "nc" in parts:
            return f"its licence, {licence.strip()[:80]!r}, does not allow commercial use"
        if "nd" in parts:
            return f"its licence, {licence.strip()[:80]!r}, does not allow adaptations"
        return None
    return f"its licence, {licence.strip()[:80]!r}, is not known to allow commercial use"
