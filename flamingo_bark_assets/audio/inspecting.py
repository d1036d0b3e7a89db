"""A look into the files of a song before it is added: do they sound, what is the mix called, which stems does it hold.

What is looked at for whom belongs here; decoding stands in `decode`, adding in `library.batch`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from flamingo_bark_assets.audio.decode import open_blocks
from flamingo_bark_assets.audio.stem_container import EXTRACTED_SUFFIX, extract_stem, read_stem_names
from flamingo_bark_assets.audio.tags import read_tags
from flamingo_bark_assets.files.opening import shown
from flamingo_bark_assets.library.batch import Inspected
from flamingo_bark_assets.library.importing import Stem
from flamingo_bark_assets.library.recognising import FoundSong


def inspector(max_duration_s: float, *, whole: bool = False) -> Callable[[FoundSong], Inspected]:
    """Make the function that looks into a song.

    Args:
        max_duration_s: longest sound that is decoded.
        whole: decode mix and stems to their ends, in constant memory; else only the begin of the mix.
    """

    def inspect(song: FoundSong) -> Inspected:
        """Look into a song.

        Raises:
            AudioFault: one of its files cannot be decoded.
        """
        notes: list[str] = []
        if whole:
            for path in (song.mix, *(stem.path for stem in song.stems)):
                notes += probe(path, max_duration_s)
        else:
            next(open_blocks(song.mix, max_duration_s=max_duration_s).blocks(), None)
        title = artist = None
        if song.named_by_folder and song.says.title is None:
            tags = read_tags(song.mix)
            title, artist = tags.title, tags.artist
        stems: list[Stem] = []
        if song.is_container and not song.stems:
            probed = max_duration_s if whole else None
            for number, name in enumerate(read_stem_names(song.mix)):
                called = f"{number + 1} {name or 'stem'}{EXTRACTED_SUFFIX}"
                stems.append(Stem(called, song.mix, partial(_take_out, song.mix, number, probed)))
                if name is None:
                    notes.append(f"its stem {number + 1} has no name; call {called!r} in the song's folder what it is")
        return Inspected(title, artist, tuple(stems), tuple(notes))

    return inspect


def probe(path: Path, max_duration_s: float) -> tuple[str, ...]:
    """Decode a file to its end, block by block, and say what is odd about it, a sentence each.

    Raises:
        AudioFault: it cannot be decoded.
    """
    source = open_blocks(path, max_duration_s=max_duration_s)
    n_samples = sum(block.shape[1] for block in source.blocks())
    return tuple(f"{shown(path.name)}: {oddity}" for oddity in source.oddities(n_samples))


def _take_out(mix: Path, number: int, probed_s: float | None, target: Path) -> None:
    """Write a stem of a container, and decode it if asked.

    Raises:
        AudioFault: it cannot be taken out or decoded.
    """
    extract_stem(mix, number, target)
    if probed_s is not None:
        for _ in open_blocks(target, max_duration_s=probed_s).blocks():
            pass
