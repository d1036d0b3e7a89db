"""Ogg: the streams that are chained one after the other, and whether the last one ends (RFC 3533).

Pages belong here; packets and codecs do not.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from flamingo_bark_assets.audio.extent.found import Extent, View

_FIRST_PAGE = re.compile(rb"OggS\x00[\x02\x03\x06\x07]")
_AUDIO = (b"\x01vorbis", b"OpusHead", b"\x7fFLAC", b"Speex   ")
_OTHER = (b"\x80theora", b"fishead\0", b"BBCD\0", b"OVP80", b"\x80kate")
_LAST = 4
_HEAD_BYTES = 27
_LARGEST_PAGE = 65_307
_BLOCK = 1 << 20
_TAIL = 1 << 18


@dataclass(frozen=True, slots=True)
class _Page:
    """One page: where it begins and ends by its own header, its flags, its stream's number, its first bytes."""

    begin: int
    end: int
    flags: int
    stream: bytes
    body: bytes


def read_ogg(view: View, begin: int) -> Extent:
    """Read an Ogg file: where each of its chained streams lies, and whether the last page of the last one is there.

    A file without that page ends early, for instance as a download broke off; a recorded stream looks the same.
    """
    starts: list[_Page] = []
    follows = -1
    for page in _first_pages(view, begin):
        if page.begin != follows or not starts:
            starts.append(page)
        elif starts[-1].body.startswith(_OTHER):
            starts[-1] = _Page(starts[-1].begin, page.end, page.flags, page.stream, page.body)
        follows = page.end
    if not starts:
        return Extent(tells_length=True)
    borders = [begin, *(page.begin for page in starts[1:]), view.size]
    links = tuple(itertools.pairwise(borders)) if len(starts) > 1 else ()
    return Extent(tells_length=True, cut=_cut(view, starts[-1]), links=links)


def _first_pages(view: View, begin: int) -> Iterator[_Page]:
    """Give the pages with which a stream of a known kind begins, in the order of the file."""
    at = begin
    while at < view.size:
        block = view.at(at, _BLOCK)
        for match in _FIRST_PAGE.finditer(block):
            page = _page(view, at + match.start())
            if page is not None and page.body.startswith((*_AUDIO, *_OTHER)):
                yield page
        if len(block) < _BLOCK:
            return
        at += len(block) - 5  # a page's first six bytes may lie across the border


def _page(view: View, at: int) -> _Page | None:
    head = view.at(at, _HEAD_BYTES + 255 + 8)
    if len(head) < _HEAD_BYTES or len(head) < (start := _HEAD_BYTES + head[26]):
        return None
    length = start + sum(head[_HEAD_BYTES:start])
    return _Page(at, at + length, head[5], head[14:18], head[start : start + 8])


def _cut(view: View, first: _Page) -> str | None:
    """Say how the stream that begins with a page is cut off; its last page stands in the last bytes of the file."""
    begin = max(first.begin, view.size - _TAIL)
    tail = view.at(begin, _TAIL)
    at = tail.rfind(b"OggS\0")
    while at >= 0:
        page = _page(view, begin + at)
        if page is None:
            return "its last page is cut"
        if page.stream == first.stream:
            if page.end > view.size:
                return "its last page is cut"
            return None if page.flags & _LAST else "the page that ends its stream is missing"
        at = tail.rfind(b"OggS\0", 0, at)
    return None
