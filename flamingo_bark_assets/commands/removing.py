"""`flamingo-bark remove`: a song and all that was made from it.

Telling it belongs here; removing stands in `library.importing`.
"""

from __future__ import annotations

import click

from flamingo_bark_assets.commands.choosing import SONG
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.terminal import console


@click.command()
@click.argument("song_id", type=SONG)
@click.pass_obj
def remove(paths: DataPaths, song_id: str) -> None:
    """Remove a song and all that was made from it."""
    from flamingo_bark_assets.library.importing import remove_song

    remove_song(paths, song_id)
    console.note("removed {}; the sensor of `make ui` removes its partition", song_id)
