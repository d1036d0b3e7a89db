"""Answers of models on disk, so that nothing is asked twice: one small JSON file an answer.

What makes two questions the same belongs here; asking in batches stands in `batching`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flamingo_bark_assets.files.atomic import write_text
from flamingo_bark_assets.inference.batching import infer_as_they_come, infer_in_batches
from flamingo_bark_assets.inference.interface import CaptioningModel, Clip, Decoding, ModelIdentity, Query, Reply

VERSION = 1
_MAX_FILE_BYTES = 4_000_000  # an answer takes a few kilobytes; a larger file is none of ours


@dataclass(frozen=True, slots=True)
class AnswerKey:
    """All that an answer depends on.

    Attributes:
        clip_sha256: digest of the clip's samples and rate; where it begins in the song does not count.
        family: of the model.
        model_id: hub id or path as configured.
        revision: of the weights.
        files: digest of the files that were loaded, as one commit may lie here whole or damaged; None for a server.
        dtype: of the weights in memory, with their quantisation.
        prompt: as the model reads it.
        decoding: canonical JSON; only of what changes something: of greedy decoding no seed, temperature or nucleus.
    """

    clip_sha256: str
    family: str
    model_id: str
    revision: str
    files: str | None
    dtype: str
    prompt: str
    decoding: str

    @classmethod
    def of(cls, query: Query, identity: ModelIdentity) -> AnswerKey:
        """Return the key of one query."""
        return cls(
            clip_sha256=clip_digest(query.clip),
            family=identity.family,
            model_id=identity.model_id,
            revision=identity.revision,
            files=identity.files,
            dtype=identity.dtype,
            prompt=query.prompt,
            decoding=decoding_json(query.decoding),
        )

    @property
    def digest(self) -> str:
        """SHA-256 of all fields, 64 hexadecimal digits."""
        return hashlib.sha256(json.dumps(dataclasses.asdict(self), sort_keys=True).encode()).hexdigest()


def clip_digest(clip: Clip) -> str:
    """Digest a clip's rate and samples: SHA-256, 64 hexadecimal digits."""
    digest = hashlib.sha256(f"{clip.sample_rate_hz} {clip.samples.size} ".encode())
    digest.update(np.ascontiguousarray(clip.samples, dtype="<f4").data)
    return digest.hexdigest()


def decoding_json(decoding: Decoding) -> str:
    """Return the decoding settings that matter, as canonical JSON."""
    values = dataclasses.asdict(decoding)
    if not decoding.do_sample:
        values = {name: values[name] for name in ("do_sample", "max_new_tokens", "repetition_penalty")}
    elif not decoding.top_k:
        del values["top_k"]
    if decoding.repetition_penalty == 1.0:
        del values["repetition_penalty"]
    return json.dumps(values, sort_keys=True)


@dataclass(frozen=True, slots=True)
class AnswerCache:
    """Answers under a folder, which several processes may share.

    Attributes:
        folder: where they are kept; it need not exist yet.
    """

    folder: Path

    def get(self, key: AnswerKey) -> Reply | None:
        """Return the kept answer; None where there is none or its file cannot be read as one."""
        path = self._path(key)
        try:
            if path.stat().st_size > _MAX_FILE_BYTES:
                return None
            content = json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError):
            return None
        if not isinstance(content, dict) or content.get("version") != VERSION:
            return None
        if content.get("key") != dataclasses.asdict(key):
            return None
        return _reply(content.get("reply"))

    def put(self, key: AnswerKey, reply: Reply) -> None:
        """Keep an answer, whole or not at all; one that is kept already is replaced.

        Raises:
            WriteError: the file cannot be written.
        """
        content = {"version": VERSION, "key": dataclasses.asdict(key), "reply": dataclasses.asdict(reply)}
        write_text(self._path(key), json.dumps(content, indent=1))

    def unanswered(self, model: CaptioningModel, queries: Sequence[Query]) -> list[Query]:
        """Return the queries that a model has not answered before."""
        return [query for query in queries if self.get(AnswerKey.of(query, model.identity)) is None]

    def ask(
        self,
        model: CaptioningModel,
        queries: Sequence[Query],
        *,
        batch_size: int,
        on_reply: Callable[[], None] | None = None,
    ) -> list[Reply]:
        """Answer queries, but ask only what has not been answered before.

        Each answer is kept as soon as its batch is done, so that what was interrupted goes on where it stopped;
        `on_reply` is called then.

        Raises:
            OutOfMemory: not even one clip fits into memory; what was answered before is kept.
            WriteError: an answer cannot be written.
        """
        keys = [AnswerKey.of(query, model.identity) for query in queries]
        known: dict[AnswerKey, Reply] = {}
        to_ask: dict[AnswerKey, int] = {}
        for i, key in enumerate(keys):
            if key in known or key in to_ask:
                continue
            kept = self.get(key)
            if kept is None:
                to_ask[key] = i
            else:
                known[key] = kept
        asked = list(to_ask)

        def keep(i: int, reply: Reply) -> None:
            self.put(asked[i], reply)
            known[asked[i]] = reply
            if on_reply is not None:
                on_reply()

        infer_in_batches(model, [queries[i] for i in to_ask.values()], batch_size, on_reply=keep)
        return [known[key] for key in keys]

    def answer_ahead(
        self,
        model: CaptioningModel,
        queries: Iterable[Query],
        *,
        batch_size: int,
        on_reply: Callable[[], None] | None = None,
    ) -> None:
        """Answer any number of queries, which are made only when there is room for them, and keep the answers.

        What has been answered before is left out. `on_reply` is called as soon as an answer is kept.

        Raises:
            OutOfMemory: not even one clip fits into memory; what was answered before is kept.
            WriteError: an answer cannot be written.
        """
        keys: dict[int, AnswerKey] = {}
        numbers = itertools.count()

        def new() -> Iterator[Query]:
            for query in queries:
                key = AnswerKey.of(query, model.identity)
                if key not in keys.values() and self.get(key) is None:
                    keys[next(numbers)] = key
                    yield query

        def keep(number: int, reply: Reply) -> None:
            self.put(keys.pop(number), reply)
            if on_reply is not None:
                on_reply()

        infer_as_they_come(model, new(), batch_size, on_reply=keep)

    def _path(self, key: AnswerKey) -> Path:
        digest = key.digest
        return self.folder / digest[:2] / f"{digest}.json"


def _reply(values: Any) -> Reply | None:
    """Return a reply from what stands in a file; None where it is none."""
    if not isinstance(values, dict) or set(values) != {field.name for field in dataclasses.fields(Reply)}:
        return None
    text, count, truncated, repeating = (values[name] for name in ("text", "token_count", "truncated", "repeating"))
    if not isinstance(text, str) or type(count) is not int or count < 0:
        return None
    if not isinstance(truncated, bool) or not isinstance(repeating, bool):
        return None
    mean = values["mean_log_probability"]
    if mean is not None and not (isinstance(mean, float) and math.isfinite(mean)):
        return None
    return Reply(text=text, token_count=count, mean_log_probability=mean, truncated=truncated, repeating=repeating)
