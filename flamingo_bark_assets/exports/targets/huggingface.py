"""The target of the Hugging Face Hub: an audio folder a split, with metadata, card and Croissant description.

Which files stand where belongs here; columns, card and description stand beside it.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from flamingo_bark_assets.clips.records import MIX, Clip
from flamingo_bark_assets.exports.interface import (
    ExportedClip,
    ExportOptions,
    ExportSong,
    FileEntry,
    IndexWriter,
    Note,
    ReadClips,
    Renderer,
    Split,
    Summary,
    Target,
    UnitWriter,
    base_name,
)
from flamingo_bark_assets.exports.papers import README
from flamingo_bark_assets.exports.parquet import ParquetColumn, write_parquet
from flamingo_bark_assets.exports.rendering import rendered
from flamingo_bark_assets.exports.targets.croissant import write_croissant
from flamingo_bark_assets.exports.targets.hub_card import Survey, description, hub_card, survey
from flamingo_bark_assets.exports.targets.hub_columns import AUDIO, FURTHER_SOUNDS, HubColumn, hub_columns

METADATA = "metadata.parquet"
CROISSANT = "croissant.json"
# What most songs are released in; 48 kHz would only resample them.
SAMPLE_RATE_HZ = 44_100
CHANNELS = 2


class HuggingFace(Target):
    """A dataset of one row a clip of the mix, with the stems of the same number beside it."""

    NAME = "huggingface"
    TITLE = "Audio folder of the Hugging Face Hub"
    AUDIENCE = (
        "For `datasets` and what is built on it: musicgen-dreamboothing, kits in the manner of Parler-TTS, anyone's "
        "own script. MusicGen was trained without voices: its column is `instrumental`. For Bark, all but vocals is "
        "outside the domain of its semantic tokens."
    )
    PINS: ClassVar[Mapping[str, str]] = {
        "datasets": "3.6.0 with soundfile; 5.2.0, which needs torchcodec and FFmpeg to load as well as to decode",
        "mlcroissant": "1.1.1",
        "musicgen-dreamboothing": "commit 04d84d9, read and not run",
    }
    VIEWS = ("30s",)

    def write_unit(
        self, songs: Sequence[tuple[ExportSong, Renderer]], writer: UnitWriter, options: ExportOptions
    ) -> Iterator[ExportedClip]:
        """Write the sounds of one song, each stem beside its mix."""
        view = options.view or self.VIEWS[0]
        for song, renderer in songs:
            mixes = song.clips_of(view, MIX)
            if not mixes:
                writer.note(Note(song.song_id, "", "left_out", f"{song.song_id}: no clip of the mix in view {view}"))
            for mix in mixes:
                row = _write_row(song, mix, renderer, writer, options)
                if row is not None:
                    yield row

    def write_index(self, clips: ReadClips, writer: IndexWriter, summary: Summary) -> None:
        """Write the metadata of each split that has clips, the card and the description."""
        counted = survey(clips)
        columns = hub_columns(counted.kinds)
        metadata = {split: _write_metadata(split, clips, columns, counted, writer) for split in counted.splits}
        writer.data(README, hub_card(counted, columns, summary).encode("utf-8", "replace"))
        writer.data(
            CROISSANT,
            write_croissant(
                name="Clips of songs with their stems",
                description=description(counted),
                licences=sorted(licence for licence in counted.licences if licence),
                columns=columns,
                metadata=metadata,
            ),
        )
        writer.note(
            Note("", "", "weights_unsupported", "No loader of this layout reads weights; the column `weight` has them.")
        )

    def command(self, folder: Path) -> str:
        """Return the command of musicgen-dreamboothing, with the settings that its own instructions give."""
        return (
            "python dreambooth_musicgen.py --use_lora --model_name_or_path facebook/musicgen-melody "
            "--model_revision refs/pr/14 "
            f"--dataset_name {shlex.quote(str(folder))} --dataset_config_name default --train_split_name train "
            "--target_audio_column_name audio --text_column_name text "
            # Its filter drops clips that are as long as the limit.
            "--min_duration_in_seconds 1.0 --max_duration_in_seconds 30.1 "
            "--output_dir ./musicgen-lora --do_train --fp16 --num_train_epochs 4 --per_device_train_batch_size 2 "
            "--gradient_accumulation_steps 8 --gradient_checkpointing --learning_rate 2e-4 --adam_beta1 0.9 "
            "--adam_beta2 0.99 --weight_decay 0.1 --guidance_scale 3.0 --pad_token_id 2048 "
            "--decoder_start_token_id 2048"
        )


def _write_row(
    song: ExportSong, mix: Clip, renderer: Renderer, writer: UnitWriter, options: ExportOptions
) -> ExportedClip | None:
    """Write the mix of one clip and all that sounds in the same seconds; None where the mix is refused."""
    # A folder a song: the Hub takes no more than 10,000 files in one.
    folder = f"{song.split}/{song.song_id}"
    sound = rendered(song, mix, renderer, writer, sample_rate_hz=SAMPLE_RATE_HZ, channels=CHANNELS)
    if sound is None:
        return None
    name = base_name(song.song_id, mix)
    files = {AUDIO: writer.audio(f"{folder}/{name}.flac", sound)}
    texts, gains_db = {}, {}
    separated_by: dict[str, None] = {}
    for part in _parts(song, mix):
        stem = rendered(song, part, renderer, writer, sample_rate_hz=SAMPLE_RATE_HZ, channels=CHANNELS)
        if stem is not None:
            files[part.source] = writer.audio(f"{folder}/{base_name(song.song_id, part)}.flac", stem)
            texts[part.source] = song.tagged(part.text, options)
            gains_db[part.source] = stem.gain_db
            if part.separator_credit:
                separated_by[part.separator_credit] = None
    return ExportedClip(
        name=name, song_id=song.song_id, title=song.title, artist=song.artist, genres=song.genres, group=song.group,
        split=song.split, clip=mix, files=files, text=song.tagged(mix.text, options), lyrics=mix.lyrics,
        captioner=mix.captioner, gain_db=sound.gain_db, texts=texts, gains_db=gains_db,
        separated_by=tuple(separated_by),
    )  # fmt: skip


def _parts(song: ExportSong, mix: Clip) -> list[Clip]:
    """Return the clips of stems and of their sum without the voice that have the number of a clip of the mix."""
    alike = {
        clip.source: clip
        for clip in song.clips_of(mix.view)
        if (clip.number, clip.start_s, clip.end_s) == (mix.number, mix.start_s, mix.end_s)
    }
    return [alike[sound] for sound in FURTHER_SOUNDS if sound in alike]


def _write_metadata(
    split: Split, clips: ReadClips, columns: Sequence[HubColumn], counted: Survey, writer: IndexWriter
) -> FileEntry:
    rows = ({column.name: column.read(clip) for column in columns} for clip in clips() if clip.split == split)
    # `datasets` before 4.8 takes names in a `string` for sounds and fails at a null among them; in a `large_string` it
    # leaves them alone. Later ones take both, and nulls.
    gaps = {f"{sound}_file_name" for sound in counted.kinds if counted.sounds[sound] < counted.total}
    file = [ParquetColumn(column.name, column.type, large=column.name in gaps) for column in columns]
    return writer.stream(f"{split}/{METADATA}", lambda place: write_parquet(place, file, rows))
