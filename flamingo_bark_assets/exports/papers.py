"""The papers of every export: what it is for, the command that trains from it, whom to credit.

Text over the whole export belongs here; the card of a hub stands with its target.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from flamingo_bark_assets.exports.interface import SPLITS, ReadClips, Summary, Target
from flamingo_bark_assets.text import printable

README = "README.md"
ATTRIBUTION = "ATTRIBUTION.md"


def readme(target: Target, summary: Summary, folder: Path = Path()) -> str:
    """Write what the export is for, what it holds, and the command that trains from it.

    Args:
        target: the layout.
        summary: what it holds.
        folder: where it stands, for a layout whose files name that place anyway.
    """
    rows = "".join(
        f"| {split} | {summary.songs[split]} | {summary.clips[split]} | {summary.hours[split]:.2f} |\n"
        for split in SPLITS
    )
    pins = "".join(f"- {name} {version}\n" for name, version in target.PINS.items())
    notes = "".join(f"- {rule}: {count}\n" for rule, count in summary.notes.items())
    return (
        f"# {target.TITLE}\n\n{target.AUDIENCE}\n\n"
        f"| split | songs | clips | hours |\n| --- | --- | --- | --- |\n{rows}\n"
        f"{_use(target, summary, folder)}\n\n"
        f"Check it first: `flamingo-bark verify FOLDER` replays what the trainer reads.\n\n"
        + (f"Seen with:\n\n{pins}\n" if pins else "")
        + (f"Noted (`provenance/notes.jsonl` has each):\n\n{notes}\n" if notes else "")
        + "Whom to credit stands in ATTRIBUTION.md. Where each clip comes from, and all that was measured inside it,\n"
        "stands in `provenance/clips.jsonl`; SHA-256 of every file in `provenance/checksums.sha256`.\n"
    )


def _use(target: Target, summary: Summary, folder: Path) -> str:
    told = use_of(target, summary)
    told = told[0].upper() + told[1:]
    return f"{told}:\n\n```sh\n{target.command(folder)}\n```" if can_be_used(target, summary) else f"{told}."


def use_of(target: Target, summary: Summary) -> str:
    """Say in a clause what the command of an export does and when, or why it can do nothing."""
    if not can_be_used(target, summary):
        kind = "" if target.USED_SPLITS == SPLITS else f" in {', '.join(target.USED_SPLITS)}"
        return f"you cannot {target.USE} yet: it holds no clip{kind}"
    if target.requirements(summary.options):
        return f"{target.USE}, once what is missing is there and it is exported again"
    return target.USE


def can_be_used(target: Target, summary: Summary) -> bool:
    """Tell whether there is a clip that the command of an export would read."""
    return any(summary.clips[split] for split in target.USED_SPLITS)


def attribution_lines(clips: ReadClips) -> Iterator[str]:
    """Give the lines of the attribution file: one a song, with title, artist, licence and credit line.

    A line before them names each separator that made stems of some songs.
    """
    yield "# Attribution"
    yield ""
    makers: dict[str, None] = {}
    for clip in clips():
        makers.update(dict.fromkeys(clip.separators))
    for maker in makers:
        yield f"Stems of some songs were separated from the mix by {printable(maker)}."
        yield ""
    last = None
    for clip in clips():
        if clip.song_id == last:
            continue
        last = clip.song_id
        title = printable(clip.title or clip.song_id)
        artist = f" by {printable(clip.artist)}" if clip.artist else ""
        licence = printable(clip.clip.licence) if clip.clip.licence else "no licence stated"
        credit = f": {printable(clip.clip.attribution)}" if clip.clip.attribution else ""
        yield " ".join(f"- {clip.song_id}: {title}{artist}, {licence}{credit}".split())
