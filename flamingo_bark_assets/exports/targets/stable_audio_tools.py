"""stable-audio-tools: a folder of sound a split, a dataset config each, and a module that gives each file its prompt.

Which clips go in and where their files stand belongs here; spelling and cutting stand in `vocabulary`.
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
from flamingo_bark_assets.exports.vocabulary import (
    clean_line,
    cut_text,
    estimated_tokens,
    followed,
    key_and_metre,
    tempo,
    told_cut,
)

SAMPLE_RATE_HZ = 44_100
CHANNELS = 2
# Its T5 conditioner cuts at 128 tokens in silence.
PROMPT_TOKENS = 128
PROMPTS = "prompts.json"
MODULE = "flamingo_bark_metadata.py"
# 30 s, rounded down to a multiple of the 2,048 samples of one latent frame: clips of 24 s fill .8 of it.
SAMPLE_SIZE = 1_320_960

_MODULE = '''\
"""Give stable-audio-tools the prompt of each sound of this export; standard library only.

The loader swallows errors of a single file and takes a random other one instead. So all files are looked at once,
here, before training starts, and a sound without a prompt stops it.
"""

import json
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROMPTS = json.loads((HERE / "prompts.json").read_text(encoding="utf-8"))


def check():
    """Raise RuntimeError where sounds and prompts do not match."""
    sounds = {path.name for split in ("train", "validation", "test") for path in (HERE / split).rglob("*.wav")}
    wrong = {
        "sounds without a prompt": sorted(name for name in sounds if not PROMPTS.get(name, "").strip()),
        "prompts without a sound": sorted(PROMPTS.keys() - sounds),
    }
    told = [f"{len(names)} {what}, the first is {names[0]}" for what, names in wrong.items() if names]
    if told:
        raise RuntimeError(f"{HERE}: {'; '.join(told)}; make the export again")


check()


def get_custom_metadata(info, audio):
    """Return the prompt of the sound at info["path"]; no other error than SystemExit stops the loader."""
    name = Path(info["path"]).name
    if name not in PROMPTS:
        raise SystemExit(f"{info['path']}: has no prompt in {HERE / 'prompts.json'}")
    return {"prompt": PROMPTS[name]}
'''


class StableAudioTools(Target):
    """See the module."""

    NAME: ClassVar[str] = "stable-audio-tools"
    TITLE: ClassVar[str] = "stable-audio-tools: clips with prompts"
    AUDIENCE: ClassVar[str] = (
        "For fine-tuning Stable Audio Open and its relatives with stable-audio-tools, active in 2026: clips of mixes, "
        "stems and sums of stems with a prompt each. It reads no weights: each clip is met once an epoch. Clips fill "
        f'at least .8 of 30 s: set "sample_size": {SAMPLE_SIZE} in the model config, as a longer one is filled up '
        "with silence."
    )
    PINS: ClassVar[Mapping[str, str]] = {"stable-audio-tools": "0.0.19"}
    VIEWS: ClassVar[tuple[str, ...]] = ("30s",)

    def write_unit(
        self, songs: Sequence[tuple[ExportSong, Renderer]], writer: UnitWriter, options: ExportOptions
    ) -> Iterator[ExportedClip]:
        """Write the sound of each clip."""
        for song, renderer in songs:
            for clip in song.clips_of(options.view or self.VIEWS[0]):
                sound = rendered(song, clip, renderer, writer, sample_rate_hz=SAMPLE_RATE_HZ, channels=CHANNELS)
                if sound is None:
                    continue
                name = base_name(song.song_id, clip)
                yield ExportedClip(
                    name, song.song_id, song.title, song.artist, song.genres, song.group, song.split, clip,
                    {"audio": writer.audio(f"{song.split}/{name}.wav", sound)}, _prompt(song, clip, options, writer),
                    None, clip.captioner, sound.gain_db,
                )  # fmt: skip

    def write_index(self, clips: ReadClips, writer: IndexWriter, summary: Summary) -> None:
        """Write the prompts, the module that reads them, and a config a split."""
        folder = absolute_folder(self, summary.options)
        writer.lines(PROMPTS, _prompt_lines(clips))
        writer.data(MODULE, _MODULE.encode())
        for split in SPLITS:
            if summary.clips[split]:
                writer.data(config_file(split), f"{json.dumps(_config(folder, split), indent=2)}\n".encode())
        if len({clip.clip.training_weight for clip in clips() if clip.split == "train"}) > 1:
            message = "stable-audio-tools reads no training weights: each clip is met once an epoch"
            writer.note(Note("", "", "weights_unsupported", message))
        writer.data(README, readme(self, summary, folder).encode())

    def command(self, folder: Path) -> str:
        """Return the command of its trainer."""
        configs = {split: shlex.quote(str(folder / config_file(split))) for split in SPLITS}
        return (
            "# in the folder of stable-audio-tools, with the config and checkpoint of the model to start from, e.g.\n"
            "# of stabilityai/stable-audio-open-1.0\n"
            f"python3 ./train.py --dataset-config {configs['train']} \\\n"
            "    --model-config model_config.json --pretrained-ckpt-path model.safetensors --name flamingo_bark\n"
            f"# where songs are held out, add: --val-dataset-config {configs['validation']} --val-every 1000"
        )


def config_file(split: Split) -> str:
    """Name the config of a split."""
    return "dataset_config.json" if split == "train" else f"dataset_config_{split}.json"


def _prompt(song: ExportSong, clip: Clip, options: ExportOptions, writer: UnitWriter) -> str:
    """Return tag and text, then what the model has no other field for: key, metre and tempo."""
    text = clean_line(song.tagged(clip.text, options))
    budget = (
        PROMPT_TOKENS - estimated_tokens(f"{key_and_metre(clip)} {tempo(clip)}") - 2
    )  # one for the end, one for a full stop
    kept, left = cut_text(text, budget)
    if left:
        message = f"{song.song_id}, {clip.clip}: {told_cut(left, budget, 'a prompt may have')}"
        writer.note(Note(song.song_id, clip.clip, "text_cut", message))
    return followed(kept, key_and_metre(clip, kept), tempo(clip, kept))


def _prompt_lines(clips: ReadClips) -> Iterator[str]:
    """Give the prompts by file name as lines of one JSON object, so that it is never held whole."""
    yield "{"
    previous = None
    for clip in clips():
        if previous is not None:
            yield f"{previous},"
        previous = f"{json.dumps(f'{clip.name}.wav')}: {json.dumps(clip.text, ensure_ascii=False)}"
    yield previous or ""
    yield "}"


def _config(folder: Path, split: Split) -> dict[str, object]:
    return {
        "dataset_type": "audio_dir",
        "datasets": [
            {
                "id": f"flamingo_bark_{split}",
                # The end of the name matters: the loader finds the module by this text anywhere in a file's path.
                "path": f"{folder / split}/",
                "custom_metadata_module": str(folder / MODULE),
            }
        ],
        "random_crop": True,
        # Otherwise fewer clips than one batch are no batch at all, in silence.
        "drop_last": False,
    }
