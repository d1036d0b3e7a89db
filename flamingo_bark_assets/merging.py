"""Which given words go before others where several sources give some: the policies by which sidecars are merged.

The policies belong here; putting words together stands in `audio.given_words`.
"""

from __future__ import annotations

from typing import Literal, get_args

Merge = Literal["fill", "captions", "lyrics", "all"]
"""`fill`: sidecars give what neither song.toml, the tags of the file nor a captioning model gives; `captions`: their
captions go before a model's; `lyrics`: their lyrics go before those of the file's tags; `all`: all that they give goes
first. What song.toml says goes before everything in each."""
MERGES: tuple[Merge, ...] = get_args(Merge)

WordField = Literal["title", "artist", "genre", "lyrics", "caption", "custom_tag"]
WORD_FIELDS: tuple[WordField, ...] = get_args(WordField)


def sidecar_first(field: WordField, merge: Merge) -> bool:
    """Tell whether a sidecar's word goes before those of tags and models."""
    return merge == "all" or (merge, field) in {("captions", "caption"), ("lyrics", "lyrics")}
