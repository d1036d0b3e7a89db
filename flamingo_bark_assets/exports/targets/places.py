"""The place of an export in files that name it: layouts whose trainers read absolute paths only.

Only that place belongs here; names of files stand with each layout.
"""

from __future__ import annotations

from pathlib import Path

from flamingo_bark_assets.errors import ExportError
from flamingo_bark_assets.exports.interface import ExportOptions, Target
from flamingo_bark_assets.files.opening import is_unicode


def absolute_folder(target: Target, options: ExportOptions) -> Path:
    """Return where the files will stand.

    Raises:
        ExportError: nobody says where, or the name is not UTF-8, so that no file can name it.
    """
    folder = Path(options.folder)
    if not folder.is_absolute() or not is_unicode(options.folder):
        raise ExportError(f"{target.NAME}: its files name their absolute place in UTF-8; {options.folder!r} is none")
    return folder
