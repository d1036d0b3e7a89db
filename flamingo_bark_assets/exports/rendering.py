"""The sound of one clip on its way into an export: rendered, or left out with a note that says why.

What all layouts do with a clip belongs here; where its files stand does not.
"""

from __future__ import annotations

from flamingo_bark_assets.clips.records import Clip
from flamingo_bark_assets.clips.sound import ClipSound
from flamingo_bark_assets.errors import ClipRefused
from flamingo_bark_assets.exports.interface import ExportSong, Note, Renderer, UnitWriter


def rendered(
    song: ExportSong, clip: Clip, renderer: Renderer, writer: UnitWriter, *, sample_rate_hz: int, channels: int
) -> ClipSound | None:
    """Render a clip; where its sound cannot be trained on, note it and return None."""
    try:
        return renderer.render(clip, sample_rate_hz=sample_rate_hz, channels=channels)
    except ClipRefused as refused:
        writer.note(Note(song.song_id, clip.clip, refused.rule, f"{song.song_id}, {clip.clip}: {refused}"))
        return None
