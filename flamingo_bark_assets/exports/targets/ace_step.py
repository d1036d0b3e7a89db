"""ACE-Step 1.5: ``dataset.json`` for its own trainer, and the sidecars of ai-toolkit and Side-Step.

Which clips go in and where their files stand belongs here; spelling and cutting stand in `vocabulary`.

All three read another ``X.txt`` beside the sound, so that each has a folder: ``audio/<split>`` with ACE-Step's own
``X.caption.txt`` and ``X.lyrics.txt``, ``ai-toolkit/<split>`` and ``side-step/<split>`` with links to the same sound.
Base names differ between the folders, because Side-Step keys captions by them.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
import shlex
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import ClassVar

from flamingo_bark_assets.clips.records import INSTRUMENTAL, MIX, Clip
from flamingo_bark_assets.exports.interface import (
    SPLITS,
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
from flamingo_bark_assets.exports.papers import README, readme
from flamingo_bark_assets.exports.rendering import rendered
from flamingo_bark_assets.exports.targets.ace_step_sidecars import (
    AI_TOOLKIT,
    NO_VOICE,
    SIDE_STEP,
    ai_toolkit_config,
    ai_toolkit_text,
    genre_line,
    language_code,
    side_step_text,
    whole_seconds,
)
from flamingo_bark_assets.exports.targets.places import absolute_folder
from flamingo_bark_assets.exports.vocabulary import (
    clean_line,
    clean_lines,
    cut_lines,
    cut_text,
    estimated_tokens,
    followed,
    key_and_metre,
    key_name,
    metre_number,
    told_cut,
    whole_bpm,
)
from flamingo_bark_assets.exports.weights import ratio_error, whole_repeats

SAMPLE_RATE_HZ = 48_000
CHANNELS = 2
# The trainer reads the first 240 s; its vocabulary of durations begins at 10 s.
MIN_DURATION_S, MAX_DURATION_S = 10.0, 240.0
# The prompt is cut at 256 tokens, of which the template with its metadata takes up to 64; lyrics at 512, with a header
# of 12 in newer code. The rest of the reserves is for what the estimate of tokens may fall short of.
PROMPT_TOKENS, PROMPT_RESERVE = 256, 80
LYRICS_TOKENS, LYRICS_RESERVE = 512, 64
# Estimates of tokens fell short by up to a fifth in some languages: above it the trainer may cut what was not cut here.
SURE_LYRICS_TOKENS = 375
WORDS_UNKNOWN = "[Vocals]"
"""Lyrics of a clip whose voice sounds and whose words nobody knows: the trainer takes empty ones for no voice."""
_OPEN_TAGS = re.compile(r"(?:\n\[\w+\])+\Z")
# Each copy of a clip is encoded and kept by the trainer like a clip: a coarser ratio costs less than it spoils.
RATIO_TOLERANCE, MOST_COPIES = 0.06, 6


class AceStep(Target):
    """See the module."""

    NAME: ClassVar[str] = "ace-step"
    TITLE: ClassVar[str] = "ACE-Step 1.5: songs with captions and lyrics"
    AUDIENCE: ClassVar[str] = (
        "For LoRA training of ACE-Step 1.5 on your own songs, with its own trainer, Side-Step or ai-toolkit: where "
        "most people train on their own songs in 2026. Whole songs, and the same without the voice."
    )
    PINS: ClassVar[Mapping[str, str]] = {
        "ACE-Step-1.5": "1.5.0 (f30aee4, 8 February 2026)",
        "Side-Step": "1.1.2-beta (ecd13bd, 19 April 2026)",
        "ai-toolkit": "27a03a9 (21 August 2026)",
    }
    VIEWS: ClassVar[tuple[str, ...]] = ("full",)
    REPEATS_SONGS: ClassVar[bool] = True

    def repeats(self, weights: Collection[float]) -> Mapping[float, int]:
        """Return how many times each clip stands in the dataset, under another name each."""
        return whole_repeats(weights, tolerance=RATIO_TOLERANCE, most=MOST_COPIES)

    def write_unit(
        self, songs: Sequence[tuple[ExportSong, Renderer]], writer: UnitWriter, options: ExportOptions
    ) -> Iterator[ExportedClip]:
        """Write sound and sidecars of each clip once; its repeats are linked with the index."""
        absolute_folder(self, options)
        for song, renderer in songs:
            genres = tuple(filter(None, map(clean_line, song.genres)))
            wordless = {
                clip.number for clip in _clips(song, options) if clip.source == MIX and _is_wordless(song, clip)
            }
            for clip in _clips(song, options):
                reason = _why_not(song, clip, wordless)
                if reason is not None:
                    writer.note(Note(song.song_id, clip.clip, "left_out", f"{song.song_id}, {clip.clip}: {reason}"))
                    continue
                sound = rendered(song, clip, renderer, writer, sample_rate_hz=SAMPLE_RATE_HZ, channels=CHANNELS)
                if sound is None:
                    continue
                name = base_name(song.song_id, clip)
                audio = writer.audio(f"audio/{song.split}/{name}.flac", sound)
                exported = ExportedClip(
                    name, song.song_id, song.title, song.artist, genres, song.group, song.split, clip,
                    {"audio": audio}, _caption(song, clip, options, writer), _lyrics(song, clip, writer),
                    clip.captioner, sound.gain_db, custom_tag=_trainers_tag(song, options),
                )  # fmt: skip
                yield dataclasses.replace(exported, files=_sidecars(exported, audio, writer, options))

    def write_index(self, clips: ReadClips, writer: IndexWriter, summary: Summary) -> None:
        """Write one ``dataset.json`` a split, the repeats of its clips, and a config of ai-toolkit."""
        folder = absolute_folder(self, summary.options)
        rows: Counter[Split] = Counter()
        sung: set[Split] = set()
        repeats: dict[float, int] = {}
        for clip in clips():
            rows[clip.split] += clip.repeats
            if clip.lyrics is not None:
                sung.add(clip.split)
            if clip.split == "train":
                weight = clip.clip.training_weight  # the least, which no song's own repeats have multiplied
                repeats[weight] = min(clip.repeats, repeats.get(weight, clip.repeats))
        _note_ratio(repeats, writer)
        for split in filter(rows.__getitem__, SPLITS):
            # Each copy is linked as its row is written.
            copies = (copy for clip in clips() if clip.split == split for copy in _copies(clip, writer))
            tables = _Tables(io.StringIO(newline=""))
            metadata = _metadata(summary.options, rows[split], split not in sung)
            samples = _rows(copies, tables, folder, summary.options)
            writer.lines(dataset_file(split), _json_lines(metadata, samples))
            writer.data(f"audio/{split}/metadata.csv", tables.file.getvalue().encode())
        writer.data("ai-toolkit.yaml", ai_toolkit_config(folder, summary.options).encode())
        writer.data(README, readme(self, summary, folder).encode())

    def command(self, folder: Path) -> str:
        """Return the commands of the three trainers; one of them is enough."""
        place = {
            name: shlex.quote(str(folder / name)) for name in ("dataset.json", "side-step/train", "ai-toolkit.yaml")
        }
        trainer = "python -m acestep.training_v2.cli.train_fixed"
        return (
            "# ACE-Step 1.5, in its folder (or `uv run acestep`, tab LoRA Training, Load Existing Dataset). Newer\n"
            "# code refuses whatever is not below the folder that it is started in: export to a place below it.\n"
            f"{trainer} --checkpoint-dir ./checkpoints --model-variant turbo --preprocess \\\n"
            f"    --dataset-json {place['dataset.json']} --tensor-output ./tensors \\\n"
            "    --dataset-dir ./tensors --output-dir ./lora\n"
            f"{trainer} --checkpoint-dir ./checkpoints --model-variant turbo \\\n"
            "    --dataset-dir ./tensors --output-dir ./lora\n"
            "# or Side-Step:\n"
            f"sidestep preprocess --audio-dir {place['side-step/train']} --output ./tensors\n"
            "sidestep train --dataset-dir ./tensors --output-dir ./lora\n"
            "# or ai-toolkit, in its folder:\n"
            f"python run.py {place['ai-toolkit.yaml']}\n"
            "# Never train on the held-out songs: dataset_validation.json, dataset_test.json and the folders\n"
            "# validation and test; none of the three takes a validation set."
        )


def dataset_file(split: Split) -> str:
    """Name the list of a split."""
    return "dataset.json" if split == "train" else f"dataset_{split}.json"


def _clips(song: ExportSong, options: ExportOptions) -> list[Clip]:
    view = options.view or AceStep.VIEWS[0]
    return [clip for clip in song.clips_of(view) if clip.source in {MIX, INSTRUMENTAL}]


def _why_not(song: ExportSong, clip: Clip, wordless_mixes: Collection[int]) -> str | None:
    if not MIN_DURATION_S <= clip.duration_s <= MAX_DURATION_S + 0.01:
        return f"{clip.duration_s:.1f} s; the trainer reads {MIN_DURATION_S:g} to {MAX_DURATION_S:g} s"
    if clip.source == INSTRUMENTAL and clip.number in wordless_mixes:
        return "the mix at this place has no voice either"
    if clip.source == MIX and clip.is_sung is None and _words(song, clip) is None:
        return (
            "nothing tells whether somebody sings: neither lyrics nor a vocals stem are known, and without lyrics the "
            "trainer takes it for instrumental"
        )
    return None


def _words(song: ExportSong, clip: Clip) -> str | None:
    """Return the words that are sung inside; those of the song where the clip is all of it."""
    is_whole = clip.start_s <= 1.0 and clip.end_s >= song.duration_s - 1.0
    return clean_lines(clip.structured_lyrics or clip.lyrics or (song.lyrics if is_whole else None) or "") or None


def _is_wordless(song: ExportSong, clip: Clip) -> bool:
    """Tell whether a clip is known to be without a voice."""
    if not clip.holds_voice:
        return True
    return _words(song, clip) is None and clip.is_sung is False


def _lyrics(song: ExportSong, clip: Clip, writer: UnitWriter) -> str | None:
    """Return what the trainer reads as sung; None without a voice."""
    if _is_wordless(song, clip):
        return None
    words = _words(song, clip)
    if words is None:
        writer.note(
            Note(
                song.song_id, clip.clip, "lyrics_unknown",
                f"{song.song_id}, {clip.clip}: a voice sounds and its words are not known; it is written as "
                f"{WORDS_UNKNOWN}",
            )
        )  # fmt: skip
        return WORDS_UNKNOWN
    kept, left = cut_lines(words, LYRICS_TOKENS - LYRICS_RESERVE)
    if left:  # A section tag of which no line is left would end the song with an empty section.
        kept = _OPEN_TAGS.sub("", kept) or kept
    _note_cut(song, clip, "lyrics_cut", left, LYRICS_TOKENS - LYRICS_RESERVE, "lyrics", writer)
    if (tokens := estimated_tokens(kept)) > SURE_LYRICS_TOKENS:
        message = (
            f"{song.song_id}, {clip.clip}: its lyrics are estimated at {tokens} tokens; in languages with long words "
            f"they may be more than the {LYRICS_TOKENS} that the trainer reads, and it cuts the end in silence"
        )
        writer.note(Note(song.song_id, clip.clip, "lyrics_near_limit", message))
    return kept


def _caption(song: ExportSong, clip: Clip, options: ExportOptions, writer: UnitWriter) -> str:
    """Return the text of a clip; key and metre are said last, as ai-toolkit drops their fields in silence."""
    tag = _trainers_tag(song, options)
    budget = PROMPT_TOKENS - PROMPT_RESERVE - estimated_tokens(f"{tag}, {key_and_metre(clip)}")
    text = clip.text if tag else song.tagged(clip.text, options)
    kept, left = cut_text(clean_line(text), budget)
    _note_cut(song, clip, "text_cut", left, budget, "the prompt", writer)
    return followed(kept, key_and_metre(clip, kept))


def _trainers_tag(song: ExportSong, options: ExportOptions) -> str:
    """Return the custom tag that the trainer puts in; '' where it stands in the caption: it knows one position."""
    tag = song.tag(options)
    return clean_line(tag.word) if tag and tag.position == options.tag_position else ""


def _note_cut(song: ExportSong, clip: Clip, rule: str, left: str, budget: int, reader: str, writer: UnitWriter) -> None:
    if left:
        message = f"{song.song_id}, {clip.clip}: {told_cut(left, budget, f'{reader} may have')}"
        writer.note(Note(song.song_id, clip.clip, rule, message))


def _sidecars(clip: ExportedClip, audio: FileEntry, writer: UnitWriter, options: ExportOptions) -> dict[str, FileEntry]:
    beside = audio.path.removesuffix(".flac")
    files = {"audio": audio, "caption": writer.data(f"{beside}.caption.txt", clip.text.encode())}
    if clip.lyrics is not None:  # A file of lyrics tells ACE-Step that somebody sings.
        files["lyrics"] = writer.data(f"{beside}.lyrics.txt", clip.lyrics.encode())
    for folder, sidecar in ((AI_TOOLKIT, ai_toolkit_text), (SIDE_STEP, side_step_text)):
        path = f"{folder}/{clip.split}/{clip.name}-{folder}"
        files[f"{folder}_audio"] = writer.copy(f"{path}.flac", audio.path)
        files[f"{folder}_text"] = writer.data(f"{path}.txt", sidecar(clip, options).encode())
    if whole_bpm(clip.clip.tempo_bpm) is None:
        message = f"{clip.song_id}, {clip.clip.clip}: its tempo is not known, and ai-toolkit puts 120 BPM in its place"
        writer.note(Note(clip.song_id, clip.clip.clip, "tempo_unknown", message))
    return files


def _copies(clip: ExportedClip, writer: IndexWriter) -> Iterator[ExportedClip]:
    """Give a clip as often as it is repeated, with its files linked under a name of their own each time."""
    yield clip
    for number in range(2, clip.repeats + 1):
        name = f"{clip.name}-{number}"
        files = {
            role: writer.link(str(PurePosixPath(entry.path).with_name(_renamed(entry, clip.name, name))), entry)
            for role, entry in clip.files.items()
        }
        yield dataclasses.replace(clip, name=name, files=files)


def _renamed(entry: FileEntry, old: str, new: str) -> str:
    return new + PurePosixPath(entry.path).name.removeprefix(old)


@dataclasses.dataclass(slots=True)
class _Tables:
    """The table beside the sounds of a split, for ACE-Step's scan of a folder, which has no file for tempo and key."""

    file: io.StringIO

    def add(self, name: str, clip: Clip) -> None:
        rows = csv.writer(self.file, lineterminator="\n")
        if not self.file.tell():
            rows.writerow(["file", "bpm", "key"])
        rows.writerow([name, whole_bpm(clip.tempo_bpm) or "", key_name(clip.key) or ""])


def _rows(
    clips: Iterator[ExportedClip], tables: _Tables, folder: Path, options: ExportOptions
) -> Iterator[dict[str, object]]:
    for clip in clips:
        audio = clip.files["audio"]
        file_name = PurePosixPath(audio.path).name
        tables.add(file_name, clip.clip)
        lyrics = clip.lyrics or NO_VOICE
        yield {
            "id": clip.name,
            "audio_path": str(folder / audio.path),
            "filename": file_name,
            "caption": clip.text,
            "genre": genre_line(clip),
            "lyrics": lyrics,
            "raw_lyrics": clean_lines(clip.clip.lyrics or "") or _known_words(clip),
            "formatted_lyrics": lyrics,
            "bpm": whole_bpm(clip.clip.tempo_bpm),
            "keyscale": key_name(clip.clip.key) or "",
            "timesignature": metre_number(clip.clip.metre) or "",
            "duration": whole_seconds(clip),
            "language": language_code(clip),
            "is_instrumental": clip.lyrics is None,
            "custom_tag": clip.custom_tag,
            "labeled": True,
            "prompt_override": None,
        }


def _known_words(clip: ExportedClip) -> str:
    return "" if clip.lyrics in {None, WORDS_UNKNOWN} else clip.lyrics or ""


def _metadata(options: ExportOptions, count: int, wordless: bool) -> dict[str, object]:
    return {
        "name": "flamingo-bark",
        "custom_tag": clean_line(options.custom_tag),
        "tag_position": options.tag_position,
        "num_samples": count,
        "all_instrumental": wordless,
        "genre_ratio": 0,
    }


def _json_lines(metadata: Mapping[str, object], rows: Iterator[dict[str, object]]) -> Iterator[str]:
    """Give a dataset as lines of one JSON object, a row a line, so that it is never held whole."""
    yield f'{{"metadata": {json.dumps(metadata, ensure_ascii=False)}, "samples": ['
    previous = None
    for row in rows:
        if previous is not None:
            yield f"{previous},"
        previous = json.dumps(row, ensure_ascii=False)
    yield f"{previous or ''}"
    yield "]}"


def _note_ratio(repeats: Mapping[float, int], writer: IndexWriter) -> None:
    """Note where the copies do not keep the ratio of the weights."""
    if (error := ratio_error(repeats)) > 0.01:
        shown = ", ".join(f"{weight:g} x {number}" for weight, number in sorted(repeats.items(), reverse=True))
        message = f"training weights become copies (weight x copies: {shown}); their ratio is off by {error:.0%}"
        writer.note(Note("", "", "weights_rounded", message))
