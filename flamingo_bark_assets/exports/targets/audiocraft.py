"""AudioCraft: manifests and sidecars for MusicGen, with the datasource config that names them.

Which clips go in and where their files stand belongs here; spelling and cutting stand in `vocabulary`.

Sound is mono at 32 kHz: what ``solver=musicgen/musicgen_base_32khz`` and its EnCodec read, which mean any channels.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from flamingo_bark_assets.clips.records import Clip
from flamingo_bark_assets.exports.interface import (
    SPLITS,
    ExportedClip,
    ExportOptions,
    ExportSong,
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
from flamingo_bark_assets.exports.papers import README, readme
from flamingo_bark_assets.exports.rendering import rendered
from flamingo_bark_assets.exports.targets.places import absolute_folder
from flamingo_bark_assets.exports.vocabulary import clean_line, cut_text, key_name, told_cut, whole_bpm
from flamingo_bark_assets.parts import KINDS, STEM_KINDS

SAMPLE_RATE_HZ = 32_000
CHANNELS = 1
# MusicGen's segments, and the least part of one that its config lets a sound fill (min_segment_ratio).
SEGMENT_S, MIN_FILLED = 30.0, 0.8
# Its T5 cuts nothing, but was trained on 512 tokens.
DESCRIPTION_TOKENS = 512
DSET = "dset/audio/flamingo_bark.yaml"


class AudioCraft(Target):
    """See the module."""

    NAME: ClassVar[str] = "audiocraft"
    TITLE: ClassVar[str] = "AudioCraft: clips with metadata for MusicGen"
    AUDIENCE: ClassVar[str] = (
        "For fine-tuning MusicGen with AudioCraft, whose code has not changed since March 2025 and is still used: "
        "clips of mixes, stems and sums of stems with description, key, tempo and genre. Mono at 32 kHz, as MusicGen "
        "reads."
    )
    PINS: ClassVar[Mapping[str, str]] = {"audiocraft": "1.3.0", "flashy": "0.0.2", "dora-search": "0.1.13"}
    VIEWS: ClassVar[tuple[str, ...]] = ("30s",)

    def write_unit(
        self, songs: Sequence[tuple[ExportSong, Renderer]], writer: UnitWriter, options: ExportOptions
    ) -> Iterator[ExportedClip]:
        """Write sound and sidecar of each clip that fills enough of a segment."""
        for song, renderer in songs:
            for clip in song.clips_of(options.view or self.VIEWS[0]):
                if clip.duration_s < MIN_FILLED * SEGMENT_S:
                    message = (
                        f"{song.song_id}, {clip.clip}: {clip.duration_s:.1f} s fill less than {MIN_FILLED:g} of the "
                        f"{SEGMENT_S:g} s that MusicGen reads"
                    )
                    writer.note(Note(song.song_id, clip.clip, "left_out", message))
                    continue
                sound = rendered(song, clip, renderer, writer, sample_rate_hz=SAMPLE_RATE_HZ, channels=CHANNELS)
                if sound is None:
                    continue
                name = base_name(song.song_id, clip)
                text = _description(song, clip, options, writer)
                beside = f"audio/{song.split}/{name}"
                files = {
                    "audio": writer.audio(f"{beside}.wav", sound),
                    # Its loader opens it in the encoding of the locale: ASCII is the same in all.
                    "sidecar": writer.data(f"{beside}.json", f"{json.dumps(_info(song, clip, name, text))}\n".encode()),
                }
                yield ExportedClip(
                    name, song.song_id, song.title, song.artist, song.genres, song.group, song.split, clip, files, text,
                    None, clip.captioner, sound.gain_db,
                )  # fmt: skip

    def write_index(self, clips: ReadClips, writer: IndexWriter, summary: Summary) -> None:
        """Write a manifest a split, and the datasource that names them."""
        folder = absolute_folder(self, summary.options)
        splits = [split for split in SPLITS if summary.clips[split]]
        for split in splits:
            writer.lines(
                f"{manifest_folder(split)}/data.jsonl",
                (json.dumps(_manifest_row(clip, folder)) for clip in clips() if clip.split == split),
            )
        writer.data(DSET, _datasource(folder, splits).encode())
        if "validation" not in splits:
            message = "no song is held out for validation: the datasource names the training songs in its place"
            writer.note(Note("", "", "no_validation", message))
        writer.data(README, readme(self, summary, folder).encode())

    def command(self, folder: Path) -> str:
        """Return the command of its trainer."""
        return (
            "# in the folder of audiocraft (pip install -e .), AUDIOCRAFT_TEAM=default set; MusicGen samples clips\n"
            "# evenly unless sample_on_weight says otherwise\n"
            f"cp {shlex.quote(str(folder / DSET))} config/dset/audio/\n"
            "dora run solver=musicgen/musicgen_base_32khz model/lm/model_scale=small \\\n"
            "    continue_from=//pretrained/facebook/musicgen-small conditioner=text2music \\\n"
            "    dset=audio/flamingo_bark dataset.batch_size=4 optim.updates_per_epoch=500 \\\n"
            "    +dataset.train.sample_on_weight=true"
        )


def manifest_folder(split: Split) -> str:
    """Name the folder of a split's manifest."""
    return f"egs/flamingo_bark/{split}"


def _description(song: ExportSong, clip: Clip, options: ExportOptions, writer: UnitWriter) -> str:
    text = clean_line(song.tagged(clip.text, options))
    kept, left = cut_text(text, DESCRIPTION_TOKENS)
    if left:
        message = f"{song.song_id}, {clip.clip}: {told_cut(left, DESCRIPTION_TOKENS, 'a description may have')}"
        writer.note(Note(song.song_id, clip.clip, "text_cut", message))
    return kept


def _info(song: ExportSong, clip: Clip, name: str, description: str) -> dict[str, object]:
    """Return the sidecar: a key that is missing stops the loader, an unknown value is null."""
    return {
        "title": clean_line(song.title or "") or None,
        "artist": clean_line(song.artist or "") or None,
        "key": key_name(clip.key),
        "bpm": whole_bpm(clip.tempo_bpm),
        "genre": ", ".join(filter(None, map(clean_line, song.genres))) or None,
        "moods": [],
        "keywords": [],
        "description": description,
        "name": name,
        "instrument": ", ".join(
            KINDS[kind].noun if KINDS[kind].sums else kind
            for kind in clip.sounding_kinds
            if kind in (clip.stem_kinds or STEM_KINDS)
        )
        or None,
    }


def _manifest_row(clip: ExportedClip, folder: Path) -> dict[str, object]:
    audio = clip.files["audio"]
    return {
        "path": str(folder / audio.path),
        "duration": audio.duration_s,
        "sample_rate": audio.sample_rate_hz,
        "amplitude": audio.peak,
        "weight": clip.clip.training_weight,
        "info_path": None,  # of sidecars in a ZIP only; others are found by the name of the sound
    }


def _datasource(folder: Path, splits: Sequence[Split]) -> str:
    """Return the config to put into AudioCraft's ``config/dset/audio``; JSON strings are YAML strings."""
    held_out: Split = "validation" if "validation" in splits else "train"
    evaluated: Split = "test" if "test" in splits else held_out
    stages: dict[str, Split] = {"train": "train", "valid": held_out, "evaluate": evaluated, "generate": held_out}
    lines = [f"  {stage}: {json.dumps(str(folder / manifest_folder(split)))}" for stage, split in stages.items()]
    head = f"# @package __global__\n\ndatasource:\n  max_sample_rate: {SAMPLE_RATE_HZ}\n  max_channels: {CHANNELS}\n"
    return head + "\n".join(lines) + "\n"
