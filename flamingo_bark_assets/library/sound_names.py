"""Sound files by their names: what is read as sound, and what is only told.

Endings of files belong here; which stem a name says stands in `stem_kinds`, what a song's files are in `layout`.
"""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

from flamingo_bark_assets.library.stem_kinds import kinds_in

NO_SOUND_ENDING = "has not the ending of a sound file"
# Endings of sound files that FFmpeg, through PyAV, has a demuxer for; others are not looked at.
AUDIO_SUFFIXES = frozenset(
    {
        ".wav",
        ".wave",
        ".w64",
        ".flac",
        ".mp3",
        ".mp2",
        ".ogg",
        ".oga",
        ".opus",
        ".m4a",
        ".mp4",
        ".aac",
        ".aif",
        ".aiff",
        ".aifc",
        ".wma",
        ".wv",
        ".caf",
        ".au",
        ".mka",
        ".webm",
    }
)
# Endings of other sound and video files: as stems they are told, and not left out without a word.
_UNREAD = (
    ".ac3 .eac3 .dts .thd .ape .tta .mpc .mp+ .ofr .ofs .tak .shn .dsf .dff .amr .awb .ra .rm .spx .m4b .m4r .m4p .mp1 "
    ".mpga .adts .3gp .mkv .mov .avi .wmv .flv .sd2 .sds .rex .rx2 .bwf .rf64 .snd .voc .8svx .iff .sf .vox .xm .mod "
    ".mogg"
)
_UNREAD_SUFFIXES = frozenset(_UNREAD.split())
# What lies beside sound under the same name and is none: analyses, pictures, texts, checksums.
_COMPANIONS = (
    ".asd .reapeaks .pkf .sfk .sfl .ovw .peak .wfm .txt .lrc .json .csv .tsv .xml .yaml .yml .toml .ini .md .pdf .log "
    ".cue .m3u .m3u8 .pls .jpg .jpeg .png .webp .gif .bmp .md5 .sha1 .sha256 .sfv .db .nfo .html .rtf .doc .docx .url "
    ".mid .midi .kar .part .tmp .crdownload"
)
_COMPANION_SUFFIXES = frozenset(_COMPANIONS.split())


def has_audio_suffix(name: str) -> bool:
    """Tell whether a file name is not hidden and has the ending of a sound file."""
    stem, dot, suffix = name.rpartition(".")
    return bool(stem) and not stem.startswith(".") and dot + suffix.lower() in AUDIO_SUFFIXES


def is_unread_stem(name: str) -> bool:
    """Tell whether a file in the stems folder is meant as a stem and has not the ending of a sound file that is read.

    Its ending is of another sound file ("1.ape"), or its name says a kind ("drums.xyz") and its ending is not one of
    what lies beside sound, such as pictures and texts.
    """
    stem, dot, suffix = name.rpartition(".")
    if name.startswith(".") or has_audio_suffix(name):
        return False
    ending = dot + suffix.lower()
    if stem and ending in _UNREAD_SUFFIXES:
        return True
    return ending not in _COMPANION_SUFFIXES and bool(kinds_in(stem or name))


def is_stem_file_name(name: str) -> bool:
    """Tell whether a file of this name in the stems folder is a stem, one that is read or one that is only told."""
    return has_audio_suffix(name) or is_unread_stem(name)


def stem_name(file_name: str) -> str:
    """Name a stem by its file: without the ending, lower case, one spelling of each letter."""
    # NFC: macOS hands over names taken apart, Linux as they were typed. Bytes outside UTF-8 become U+FFFD.
    text = os.fsencode(Path(file_name).stem).decode("utf-8", "replace")
    return unicodedata.normalize("NFC", text.lower())
