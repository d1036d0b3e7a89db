"""A file beside songs that states their licence: what it says in so few words that nothing must be interpreted.

Reading such a file belongs here; what a licence allows does not.
"""

from __future__ import annotations

import re
from pathlib import Path

from flamingo_bark_assets.errors import FileFault
from flamingo_bark_assets.files.opening import read_text
from flamingo_bark_assets.text import printable

_MAX_BYTES = 256 * 1024
_LONGEST = 200  # as in song.toml
_CREATIVE_COMMONS = re.compile(r"https?://creativecommons\.org/(?:licenses|publicdomain)/[a-z-]+/\d\.\d", re.IGNORECASE)


def read_licence(path: Path) -> str | None:
    """Return the licence that a file states: its only line, or the one Creative Commons licence that it links to.

    None where it says more than that, so that a person has to say which licence it is, and where it cannot be read.
    """
    try:
        text = read_text(path, max_bytes=_MAX_BYTES, within=path.parent)
    except FileFault:
        return None
    lines = [" ".join(printable(line).split()) for line in text.splitlines() if line.strip()]
    if len(lines) == 1 and len(lines[0]) <= _LONGEST:
        return lines[0]
    links = {match[0].lower() for match in _CREATIVE_COMMONS.finditer(text)}
    return f"{links.pop()}/" if len(links) == 1 else None
