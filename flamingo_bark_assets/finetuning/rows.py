"""The rows of a Bark export as Bark is trained on them: list lines with their tokens.

Reading and refusing belong here; what a row becomes stands in `stages`.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.errors import FileFault, FinetuningError, LibraryError
from flamingo_bark_assets.files.opening import is_missing, open_regular, read_text
from flamingo_bark_assets.finetuning.stages import Stage

# Training and held-out list of each stage, as the serp-ai trainer names them.
LISTS: dict[Stage, tuple[str, str]] = {
    "semantic": ("train_valid.txt", "valid_valid.txt"),
    "coarse": ("train.txt", "valid.txt"),
}
_MAX_LIST_BYTES = 1 << 30
_MAX_TOKENS_BYTES = 1 << 26


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a list.

    Attributes:
        name: base name of its files.
        text: what Bark reads.
        tokens: the ``.npz`` with its tokens.
    """

    name: str
    text: str
    tokens: Path


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of one clip.

    Attributes:
        semantic: int64, shape (S,).
        coarse: int64, shape (2, T).
    """

    semantic: NDArray[np.int64]
    coarse: NDArray[np.int64]


def read_rows(folder: Path, stage: Stage) -> tuple[list[Row], list[Row]]:
    """Read the training and the held-out list of a stage.

    Raises:
        FinetuningError: the folder is no Bark export, a line is none, or tokens are missing.
    """
    training, held_out = (_read_list(folder, name) for name in LISTS[stage])
    if not training:
        raise FinetuningError(
            f"{folder / LISTS[stage][0]}: no row to train on; `flamingo-bark export --to bark` writes them"
        )
    missing = [row for row in (*training, *held_out) if is_missing(row.tokens)]
    if missing:
        raise FinetuningError(
            f"{folder}: {len(missing)} of {len(training) + len(held_out)} rows have no tokens, the first is "
            f"{missing[0].tokens.name}; `flamingo-bark export --to bark {folder}` says what is needed to make them"
        )
    return training, held_out


def read_tokens(path: Path) -> Tokens:
    """Read the tokens of one clip.

    Raises:
        FinetuningError: the file cannot be read, or holds other arrays than a clip's; names the file.
    """
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _MAX_TOKENS_BYTES:
                raise FinetuningError(f"{path}: far larger than the tokens of a clip; export it again")
            file.seek(0)
            with np.load(file, allow_pickle=False) as arrays:
                semantic, coarse = arrays["semantic"], arrays["coarse"]
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, LibraryError, FileFault) as error:
        raise FinetuningError(f"{path}: its tokens cannot be read: {error}; export it again") from error
    if (
        semantic.ndim != 1
        or coarse.ndim != 2
        or len(coarse) != 2
        or semantic.dtype.kind != "i"
        or coarse.dtype.kind != "i"
    ):
        raise FinetuningError(f"{path}: holds no tokens of a clip: {semantic.shape}, {coarse.shape}; export it again")
    return Tokens(semantic.astype(np.int64), coarse.astype(np.int64))


def _read_list(folder: Path, name: str) -> list[Row]:
    try:
        text = read_text(folder / name, max_bytes=_MAX_LIST_BYTES)
    except (FileFault, LibraryError) as fault:
        raise FinetuningError(f"{folder / name}: {fault}; `flamingo-bark export --to bark OUT` writes it") from fault
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line and number == text.count("\n") + 1:
            continue
        path, bar, words = line.partition("|")
        wav = Path(path)
        if not bar or wav.parent != Path("wavs") or wav.suffix != ".wav":
            raise FinetuningError(f"{folder / name}, line {number}: is not `wavs/NAME.wav|text`")
        rows.append(Row(wav.stem, words, folder / "tokens" / f"{wav.stem}.npz"))
    return rows
