"""Results that are set aside as they were measured, while a corrected one stands in their place in the feature store.

Keeping them and telling whether they still hold belong here; correcting them does not.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from flamingo_bark_assets.errors import FileFault, LibraryError, StorageError
from flamingo_bark_assets.files.atomic import write_text
from flamingo_bark_assets.files.opening import read_text
from flamingo_bark_assets.record import Record
from flamingo_bark_assets.storage.feature_store import FeatureStore

R = TypeVar("R", bound=Record)

FOLDER = "measured"
_MAX_NOTE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class SetAside:
    """The folder of results that were set aside, below that of the feature store.

    Attributes:
        features: folder of the feature store.
    """

    features: Path

    @property
    def _store(self) -> FeatureStore:
        return FeatureStore(self.features / FOLDER)

    def read(self, cls: type[R], song_id: str, inputs: str) -> R | None:
        """Read a result that was made of these inputs; None where there is none, or it was damaged."""
        try:
            note = json.loads(read_text(self._note(cls, song_id), max_bytes=_MAX_NOTE_BYTES))
            if note != {"inputs": inputs, "version": self._store.versions(song_id).get(cls.TABLE)}:
                return None
            return self._store.read(cls, song_id)
        except (FileFault, LibraryError, OSError, StorageError, ValueError, RecursionError):
            return None

    def write(self, record: Record, inputs: str) -> None:
        """Set a result aside; the note that makes it count is written last.

        Raises:
            WriteError: it cannot be written.
        """
        self._store.write(record)
        note = {"inputs": inputs, "version": self._store.versions(record.song_id).get(record.TABLE)}
        write_text(self._note(type(record), record.song_id), json.dumps(note) + "\n")

    def _note(self, cls: type[Record], song_id: str) -> Path:
        return self.features / FOLDER / cls.TABLE / f"{song_id}.json"
