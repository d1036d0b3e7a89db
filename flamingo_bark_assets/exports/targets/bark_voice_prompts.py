"""Voice prompts for stock Bark: a few good phrases of each singer, as the arrays that Bark takes for a voice.

Choosing and trimming phrases belongs here; tokens stand in `bark_sound`.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from flamingo_bark_assets.clips.records import Clip
from flamingo_bark_assets.clips.sound import ClipSound
from flamingo_bark_assets.errors import ClipRefused
from flamingo_bark_assets.exports.folder import json_line
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
    Summary,
    Target,
    UnitWriter,
    base_name,
)
from flamingo_bark_assets.exports.papers import README, readme
from flamingo_bark_assets.exports.targets.bark_sound import (
    RATE_HZ,
    npz,
    token_requirements,
    token_versions,
    tokenise,
)
from flamingo_bark_assets.exports.targets.bark_text import TAG_LEFT_OUT, bark_text
from flamingo_bark_assets.text import number_of

if TYPE_CHECKING:
    from flamingo_bark_assets.tokens.cache import Tokens

VIEW, SOURCE = "semantic", "vocals"
MIN_PHRASES = 3
MAX_PHRASES = 5
MIN_PHRASE_S = 3.0
"""Bark takes one second; its last 256 semantic tokens (5.1 s) are what Bark conditions on."""

_PHRASE_ENDS = ("pause", "section", "song")
_MIN_ACTIVE_FRACTION = 0.6
_FRAME = 480  # 20 ms, and one semantic token and one and a half acoustic frames
_QUIET_DB = -40.0
_LEAD_FRAMES, _TAIL_FRAMES = 2, 8
_FADE = 120  # 5 ms
_RATIO = 1.5
_SPEAK = '''"""Speak or sing a text with one of these voices, by transformers alone."""

import argparse
from pathlib import Path

from scipy.io import wavfile
from transformers import AutoProcessor, BarkModel

prompts = sorted((Path(__file__).resolve().parent / "prompts").glob("*.npz"))
parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("text", help="what is said; sung words stand between music notes")
parser.add_argument("--prompt", default=prompts[0] if prompts else None, required=not prompts)
parser.add_argument("--model", default="suno/bark-small")
parser.add_argument("--out", default="spoken.wav")
arguments = parser.parse_args()

processor = AutoProcessor.from_pretrained(arguments.model, trust_remote_code=False)
model = BarkModel.from_pretrained(arguments.model, trust_remote_code=False)
inputs = processor(arguments.text, voice_preset=str(arguments.prompt))
sound = model.generate(**inputs)
wavfile.write(arguments.out, model.generation_config.sample_rate, sound.float().cpu().numpy().reshape(-1))
'''


class BarkVoicePrompts(Target):
    """Excerpts of the voice, and Bark's three prompt arrays of each."""

    NAME = "bark-voice-prompts"
    VERSION = "2"
    TAKES_VIEW = False
    TITLE = "Voice prompts for stock Bark"
    AUDIENCE = (
        "For anyone who has Bark sing or speak with one of these voices: nothing is trained, a prompt is given beside "
        "the text. transformers' `BarkProcessor` takes the `.npz` as `voice_preset`, Suno's `generate_audio` as "
        "`history_prompt`. Bark learned speech: of a sung prompt it takes the timbre, rarely the melody."
    )
    PINS: ClassVar[Mapping[str, str]] = {"transformers": "5.23"}
    VIEWS = (VIEW,)
    USE = "speak with one of the voices"
    USED_SPLITS = SPLITS

    def requirements(self, options: ExportOptions) -> tuple[str, ...]:
        """Say which models of the tokens are missing; the excerpts are written all the same."""
        return token_requirements(options)

    def versions(self, options: ExportOptions) -> str:
        """Name the weights of the tokens, so that a unit is made again once they are there."""
        return token_versions(options)

    def write_unit(
        self, songs: Sequence[tuple[ExportSong, Renderer]], writer: UnitWriter, options: ExportOptions
    ) -> Iterator[ExportedClip]:
        """Write ``wavs/*.wav`` and, where the models are there, ``prompts/*.npz``."""
        for song, renderer in songs:
            phrases = _phrases(song, renderer, writer)
            made = tokenise([sound for _, sound in phrases], options)
            if phrases and (tag := song.tag(options)):
                message = f"the custom tag {tag.word!r} is left out: nothing is trained from voice prompts"
                writer.note(Note(song.song_id, "", TAG_LEFT_OUT, message))
            for (clip, sound), tokens in zip(phrases, made, strict=True):
                yield _written(song, clip, sound, tokens, writer)

    def write_index(self, clips: ReadClips, writer: IndexWriter, summary: Summary) -> None:
        """Write what each prompt is, and the README."""
        writer.lines("voice_prompts.jsonl", (_row(clip) for clip in clips()))
        writer.data("speak.py", _SPEAK.encode())
        missing = "".join(f"- {line}\n" for line in self.requirements(summary.options))
        more = (
            "\n## Prompts\n\n"
            "`voice_prompts.jsonl` names song, artist, words and length of each. `speak.py` takes `--prompt`, `--out` "
            "and `--model`, a folder or `suno/bark-small`, which transformers downloads at first. A voice belongs to "
            "the person who sings: ask before you publish what Bark says with it.\n\n"
        ) + (
            f"**There are no prompts yet, only the excerpts that they are made from.** What is missing:\n\n{missing}\n"
            "Then export again.\n"
            if missing
            else "`prompts/*.npz` hold `semantic_prompt` (S,), `coarse_prompt` (2, T) and `fine_prompt` (8, T), made "
            f"with these weights (HuBERT, quantizer, EnCodec): {self.versions(summary.options)}\n"
        )
        writer.data(README, (readme(self, summary) + more).encode())

    def command(self, folder: Path) -> str:
        """Return what speaks with the first voice, by transformers alone."""
        return f"python {shlex.quote(str(folder / 'speak.py'))} '♪ la la la ♪'"


def _phrases(song: ExportSong, renderer: Renderer, writer: UnitWriter) -> list[tuple[Clip, ClipSound]]:
    """Render the best phrases of a song, trimmed to where the voice sounds."""
    found: list[tuple[Clip, ClipSound]] = []
    for clip in sorted(song.clips_of(VIEW, SOURCE), key=_order):
        if len(found) == MAX_PHRASES:
            break
        if clip.active_fraction < _MIN_ACTIVE_FRACTION:
            continue
        try:
            phrase = _trimmed(clip, renderer.render(clip, sample_rate_hz=RATE_HZ, channels=1))
        except ClipRefused as refused:
            writer.note(Note(song.song_id, clip.clip, refused.rule, f"left out: {refused}"))
            continue
        if phrase is not None:
            found.append(phrase)
    if len(found) < MIN_PHRASES:
        message = f"{number_of(len(found), 'good phrase')} of the voice found; {MIN_PHRASES} are wanted of a singer"
        writer.note(Note(song.song_id, "", "too_few_phrases", message))
    return sorted(found, key=lambda phrase: phrase[0].number)


def _order(clip: Clip) -> tuple[bool, float, int]:
    """Put phrases that end where the voice rests first, then those that it fills most."""
    return clip.end_cut not in _PHRASE_ENDS, -clip.active_fraction, clip.number


def _trimmed(clip: Clip, sound: ClipSound) -> tuple[Clip, ClipSound] | None:
    """Cut a phrase to where the voice sounds: Bark conditions on the end of a prompt, and silence would breed silence.

    Returns:
        The clip with its new times and its sound, whole frames of 20 ms with fades of 5 ms where it was cut; None
        where too little is left.
    """
    import numpy as np

    frames = sound.samples[0, : sound.samples.shape[1] // _FRAME * _FRAME].reshape(-1, _FRAME)
    level = np.sqrt(np.mean(np.square(frames, dtype=np.float64), axis=1))
    loud = np.flatnonzero(level > level.max(initial=0.0) * 10.0 ** (_QUIET_DB / 20.0))
    if not loud.size:
        return None
    first, last = max(0, int(loud[0]) - _LEAD_FRAMES), min(len(frames), int(loud[-1]) + 1 + _TAIL_FRAMES)
    if (last - first) * _FRAME < MIN_PHRASE_S * RATE_HZ:
        return None
    samples = sound.samples[:, first * _FRAME : last * _FRAME].copy()
    fade = np.linspace(0.0, 1.0, _FADE, endpoint=False, dtype=np.float32)
    samples[:, :_FADE] *= fade
    samples[:, -_FADE:] *= fade[::-1]
    start_s = clip.start_s + first * _FRAME / RATE_HZ
    cut = dataclasses.replace(clip, start_s=start_s, end_s=start_s + samples.shape[1] / RATE_HZ)
    return cut, dataclasses.replace(sound, samples=samples)


def _written(song: ExportSong, clip: Clip, sound: ClipSound, tokens: Tokens | None, writer: UnitWriter) -> ExportedClip:
    name = base_name(song.song_id, clip)
    files: dict[str, FileEntry] = {"audio": writer.audio(f"wavs/{name}.wav", sound)}
    if tokens is not None and round(tokens.fine.shape[1] / tokens.semantic.size, 1) == _RATIO:
        arrays = {
            "semantic_prompt": tokens.semantic, "coarse_prompt": tokens.coarse, "fine_prompt": tokens.fine,
        }  # fmt: skip
        files["prompt"] = writer.data(f"prompts/{name}.npz", npz(arrays))
    text = bark_text(clip)
    return ExportedClip(
        name=name, song_id=song.song_id, title=song.title, artist=song.artist, genres=song.genres, group=song.group,
        split=song.split, clip=clip, files=files, text=text.text, lyrics=text.lyrics, captioner=clip.captioner,
        gain_db=sound.gain_db,
    )  # fmt: skip


def _row(clip: ExportedClip) -> str:
    row = {
        "name": clip.name,
        "song": clip.song_id,
        "title": clip.title,
        "singer": clip.artist,
        "text": clip.text,
        "seconds": clip.files["audio"].duration_s,
        "wav": clip.files["audio"].path,
        "prompt": clip.files["prompt"].path if "prompt" in clip.files else None,
    }
    return json_line(row).decode().rstrip("\n")
