"""Leaks between splits: a song, a group of duplicates, an artist or a sound that stands in two of them.

Who shares a split belongs here; where each layout keeps its splits does not.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from flamingo_bark_assets.exports.interface import SPLITS
from flamingo_bark_assets.verification.findings import Findings
from flamingo_bark_assets.verification.provenance import ClipFacts, Provenance


@dataclass(slots=True)
class Splits:
    """Remembers the first split of each song, group, artist and sound."""

    findings: Findings
    provenance: Provenance
    _first: dict[tuple[str, str | bytes], tuple[str, str, int | None]] = field(default_factory=dict)

    def add(
        self, split: str, file: str, row: int | None, *, clip: ClipFacts | None, name: str,
        sound: str | bytes | None = None,
    ) -> None:  # fmt: skip
        """Take in one row of a split.

        Args:
            split: train, validation or test.
            file: the list, table or shard.
            row: the row.
            clip: what the papers say of its clip; None where they say nothing.
            name: base name of its clip.
            sound: path of its sound file in the export, or the digest of its bytes; None where it has none of its own.
        """
        if clip is not None and clip.split in SPLITS and clip.split != split:
            self.findings.add("wrong_split", file, row, f"{name}: its song belongs to {clip.split}; here it stands in "
                              f"{split}, so that held-out figures lie")  # fmt: skip
        song = clip.song_id if clip is not None else name.partition("__")[0] if "__" in name else None
        keys: list[tuple[str, str | bytes]] = []
        if song is not None:
            keys.append(("song", song))
        if clip is not None:
            keys.append(("group of duplicates", clip.group))
            if self.provenance.by_artist and clip.artist:
                keys.append(("artist", clip.artist))
        digest = self.provenance.checksums.get(sound) if isinstance(sound, str) else sound
        if digest is not None:
            keys.append(("sound", digest))
        for key in keys:
            seen_split, seen_file, seen_row = self._first.setdefault(key, (split, file, row))
            if seen_split != split:
                what = f"the {key[0]} {key[1]}" if isinstance(key[1], str) else "the same sound"
                told = f"{what} stands in {split} and in {seen_split}; held-out figures lie"
                self.findings.add("leak", file, row, f"{name}: {told} ({seen_file}, row {seen_row})")
                self.findings.add("leak", seen_file, seen_row, told)
                break
