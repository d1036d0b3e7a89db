"""The layout that serp-ai's Bark trainer reads: sound, tokens, and lists whose order is the order of training.

Which clips go in, their files and lists belong here; texts stand in `bark_text`, tokens in `bark_sound`.
"""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from flamingo_bark_assets.clips.records import Clip
from flamingo_bark_assets.clips.sound import ClipSound
from flamingo_bark_assets.errors import ClipRefused
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
from flamingo_bark_assets.exports.papers import README, readme
from flamingo_bark_assets.exports.targets.bark_lists import OrderedList
from flamingo_bark_assets.exports.targets.bark_sound import (
    RATE_HZ,
    npz,
    token_requirements,
    token_versions,
    tokenise,
)
from flamingo_bark_assets.exports.targets.bark_text import TAG_LEFT_OUT, bark_text, in_domain, outside_domain
from flamingo_bark_assets.text import number_of
from flamingo_bark_assets.tokens.frames import SEMANTIC_RATE_HZ, semantic_frames

if TYPE_CHECKING:
    from flamingo_bark_assets.tokens.cache import Tokens

SEMANTIC, COARSE = "semantic", "coarse"
COARSE_SAMPLES = 122_880
"""5.12 s: 255 semantic tokens and 2 x 384 coarse ones, all that the trainer takes, so that it never crops."""

LISTS: Mapping[tuple[str, Split], str] = {
    (SEMANTIC, "train"): "train_valid.txt",
    (SEMANTIC, "validation"): "valid_valid.txt",
    (SEMANTIC, "test"): "test_valid.txt",
    (COARSE, "train"): "train.txt",
    (COARSE, "validation"): "valid.txt",
    (COARSE, "test"): "test.txt",
}

MAX_END_SHARE = 0.25
GOOD_END_SHARE = 0.10
"""Largest share of end tokens among what a clip teaches, of any clip and of the median one."""

_TARGETS_A_CLIP = 511  # what the trainer reads of a clip; what is missing is filled with the end token and learned
_REPEATS_OF_ONE = 10  # weights of 1.0 and 0.7 are ten lines and seven
_MAX_REPEATS = 100
_TOKENISED_AT_ONCE = 64  # clips: a minute of memory for all, and whole batches for a GPU


@dataclass(frozen=True, slots=True)
class _Piece:
    """A clip that goes in, with its sound."""

    clip: Clip
    name: str
    sound: ClipSound
    repeats: int


class Bark(Target):
    """Sound, tokens and lists for serp-ai's trainer, and for `flamingo-bark train bark`."""

    NAME = "bark"
    VERSION = "2"
    TAKES_VIEW = False
    TITLE = "Fine-tuning Bark (layout of serp-ai's trainer)"
    AUDIENCE = (
        "For `flamingo-bark train bark`, and for the notebooks of serp-ai/bark-with-voice-clone, whose code is of "
        "August 2023 and the only public one that fine-tunes Bark with Bark's own vocabulary. Train coarse first, as "
        "timbre is what music gains most by; then semantic. Leave fine stock: it learns from windows of 13.65 s and "
        "would learn the padding of these clips, and it shares its list with coarse."
    )
    PINS: ClassVar[Mapping[str, str]] = {"serp-ai/bark-with-voice-clone": "code of August 2023 (read, not run)"}
    VIEWS = (SEMANTIC, COARSE)
    REPEATS_SONGS = True

    def requirements(self, options: ExportOptions) -> tuple[str, ...]:
        """Say which models of the tokens are missing; sound and lists are written all the same."""
        return token_requirements(options)

    def versions(self, options: ExportOptions) -> str:
        """Name the weights of the tokens, so that a unit is made again once they are there."""
        return token_versions(options)

    def write_unit(
        self, songs: Sequence[tuple[ExportSong, Renderer]], writer: UnitWriter, options: ExportOptions
    ) -> Iterator[ExportedClip]:
        """Write ``wavs/*.wav`` and, where the models are there, ``tokens/*.npz``."""
        for song, renderer in songs:
            pieces = itertools.chain(_semantic(song, renderer, writer), _coarse(song, renderer, writer))
            for some in _in_groups(pieces, _TOKENISED_AT_ONCE):
                made = tokenise([piece.sound for piece in some], options)
                for piece, tokens in zip(some, made, strict=True):
                    yield _written(song, piece, tokens, writer, options)

    def write_index(self, clips: ReadClips, writer: IndexWriter, summary: Summary) -> None:
        """Write the lists of both views and the README."""
        domain = {view: [0, 0] for view in self.VIEWS}
        songs: dict[str, int] = {}
        with ExitStack() as stack:
            lists = {key: stack.enter_context(OrderedList()) for key in LISTS}
            for clip in clips():
                domain[clip.clip.view][clip.outside_domain is not None] += 1
                lists[clip.clip.view, clip.split].add(
                    f"{clip.files['audio'].path}|{clip.text}",
                    name=clip.name, song=songs.setdefault(clip.song_id, len(songs)), repeats=clip.repeats,
                )  # fmt: skip
            for key, file_name in LISTS.items():
                _write_list(file_name, lists[key], writer)
        writer.data(README, (readme(self, summary) + self._more(summary, domain)).encode())
        _note_folder(summary.options.folder, writer)

    def command(self, folder: Path) -> str:
        """Return what trains both stages."""
        place = shlex.quote(str(folder))
        return "\n".join(f"flamingo-bark train bark {place} --stage {stage}" for stage in ("coarse", "semantic"))

    def _more(self, summary: Summary, domain: Mapping[str, Sequence[int]]) -> str:
        inside = "".join(f"| {view} | {within} | {outside} |\n" for view, (within, outside) in domain.items())
        missing = "".join(f"- {line}\n" for line in self.requirements(summary.options))
        return (
            "\n## Lists\n\n"
            "`train_valid.txt` and `valid_valid.txt` train and check the semantic model, `train.txt` and `valid.txt` "
            "the coarse one; `test_valid.txt` and `test.txt` name what neither may see. The trainer does not shuffle: "
            "lines stand in training order, a clip as often as its weight says (ten times for 1.0), songs "
            "interleaved.\n\n"
            "serp-ai's notebooks `train_coarse.ipynb` and `train_semantic.ipynb` take the path of this folder, with a "
            "slash at its end, as `dataset_path`. They replace `wavs` and `.wav` in the whole path: keep both out of "
            "the names of the folders above.\n\n"
            "## What Bark knows\n\n"
            "Bark learned speech. The voice alone is within its domain, and its text is what is sung, between music "
            "notes, where the words are known. **All other sound is outside of Bark's domain**: its semantic tokens "
            "were never meant for instruments. Such clips have the tag `[music]`, and `outside_domain` in "
            "`provenance/clips.jsonl` says so of each.\n\n"
            "A custom tag stands behind `[music]`, in texts that describe. Sung words hold none, as it would be sung "
            "too: `provenance/notes.jsonl` names these clips by the rule `custom_tag_left_out`.\n\n"
            f"| view | voice alone | outside of Bark's domain |\n| --- | --- | --- |\n{inside}\n"
            "## Tokens\n\n"
            + (
                f"**There are none yet, and nothing trains without them.** What is missing:\n\n{missing}\n"
                "Then export again: sound and lists stay as they are, `tokens/` is added.\n"
                if missing
                else "`tokens/*.npz` hold `semantic` (S,), `coarse` (2, T) and `fine` (8, T), int64, made from the "
                f"WAV files with these weights (HuBERT, quantizer, EnCodec): {self.versions(summary.options)}\n"
            )
        )


def end_share(n_samples: int) -> float:
    """Return the share of end tokens among what the semantic model learns from a clip of so many samples at 24 kHz."""
    tokens = semantic_frames(round(n_samples * SEMANTIC_RATE_HZ / RATE_HZ))
    return 1.0 - (tokens - 1) / (_TARGETS_A_CLIP - 1)


def _semantic(song: ExportSong, renderer: Renderer, writer: UnitWriter) -> Iterator[_Piece]:
    """Render the clips of the semantic view, the longest first.

    More than half of a song's lines are of clips with few end tokens, and so more than half of all lines are: the
    median holds whatever songs come together.
    """
    good = marginal = 0
    for clip in sorted(song.clips_of(SEMANTIC), key=lambda clip: (-clip.duration_s, clip.clip)):
        sound = _rendered(song, clip, renderer, writer)
        if sound is None:
            continue
        repeats, share = _repeats(song, clip, writer), end_share(sound.samples.shape[1])
        if share <= 0.0:
            _leave_out(
                song, clip, "too_long", "fills all tokens that the trainer reads, so that no end is learned", writer
            )
            continue
        if share > MAX_END_SHARE or (share > GOOD_END_SHARE and marginal + repeats >= good):
            limit = MAX_END_SHARE if share > MAX_END_SHARE else GOOD_END_SHARE
            reason = f"{share:.0%} of what it teaches is the end token; {limit:.0%} is the limit, of "
            reason += "any clip" if share > MAX_END_SHARE else "the median clip, and its song has too few longer ones"
            _leave_out(song, clip, "end_share", reason, writer)
            continue
        if share > GOOD_END_SHARE:
            marginal += repeats
        else:
            good += repeats
        yield _Piece(clip, file_name(song.song_id, clip), sound, repeats)


def _coarse(song: ExportSong, renderer: Renderer, writer: UnitWriter) -> Iterator[_Piece]:
    for clip in song.clips_of(COARSE):
        sound = _rendered(song, clip, renderer, writer)
        if sound is None:
            continue
        if sound.samples.shape[1] != COARSE_SAMPLES:
            reason = f"has {sound.samples.shape[1]} samples and not {COARSE_SAMPLES}: the trainer would crop or fill it"
            _leave_out(song, clip, "coarse_length", reason, writer)
            continue
        yield _Piece(clip, file_name(song.song_id, clip), sound, _repeats(song, clip, writer))


def file_name(song_id: str, clip: Clip) -> str:
    """Name the files of a clip; never with ``wavs`` in it, which the trainer would replace."""
    # No identifier holds a capital, so that no other clip gets the name.
    return base_name(song_id, clip).replace("wavs", "wavS")


def _rendered(song: ExportSong, clip: Clip, renderer: Renderer, writer: UnitWriter) -> ClipSound | None:
    try:
        return renderer.render(clip, sample_rate_hz=RATE_HZ, channels=1)
    except ClipRefused as refused:
        _leave_out(song, clip, refused.rule, str(refused), writer)
        return None


def _repeats(song: ExportSong, clip: Clip, writer: UnitWriter) -> int:
    """Return how many lines a clip has: in proportion to its weight for training, else one."""
    if song.split != "train":
        return 1
    exact = clip.training_weight * _REPEATS_OF_ONE
    repeats = min(_MAX_REPEATS, max(1, round(exact)))
    if abs(repeats - exact) > exact / 20:
        message = (
            f"its weight of {clip.training_weight:g} is told as {number_of(repeats, 'line')}, where one of 1.0 has ten"
        )
        writer.note(Note(song.song_id, clip.clip, "weight_rounded", message))
    return repeats


def _written(
    song: ExportSong, piece: _Piece, tokens: Tokens | None, writer: UnitWriter, options: ExportOptions
) -> ExportedClip:
    clip = piece.clip
    files: dict[str, FileEntry] = {"audio": writer.audio(f"wavs/{piece.name}.wav", piece.sound)}
    if tokens is not None:
        arrays = {"semantic": tokens.semantic, "coarse": tokens.coarse, "fine": tokens.fine}
        files["tokens"] = writer.data(f"tokens/{piece.name}.npz", npz(arrays))
    text = bark_text(clip, song.tag(options), with_lyrics=clip.view == SEMANTIC)
    if text.tag_left_out is not None:
        writer.note(Note(song.song_id, clip.clip, TAG_LEFT_OUT, text.tag_left_out))
    if text.cut is not None:
        writer.note(Note(song.song_id, clip.clip, *text.cut))
    if in_domain(clip) and clip.view == SEMANTIC and text.lyrics is None:
        message = f"the voice has no transcript: {clip.lyrics_reason or 'no words are known'}"
        writer.note(Note(song.song_id, clip.clip, "no_lyrics", message))
    return ExportedClip(
        name=piece.name, song_id=song.song_id, title=song.title, artist=song.artist, genres=song.genres,
        group=song.group, split=song.split, clip=clip, files=files, text=text.text, lyrics=text.lyrics,
        captioner=clip.captioner, gain_db=piece.sound.gain_db, repeats=piece.repeats,
        outside_domain=outside_domain(clip),
    )  # fmt: skip


def _leave_out(song: ExportSong, clip: Clip, rule: str, reason: str, writer: UnitWriter) -> None:
    writer.note(Note(song.song_id, clip.clip, rule, f"left out: {reason}"))


def _write_list(file_name: str, lines: OrderedList, writer: IndexWriter) -> None:
    runs: list[int] = []
    writer.stream(file_name, lambda path: runs.append(lines.write(path)))
    if not len(lines):
        writer.note(Note("", "", "empty_list", f"{file_name} is empty: no song of that split has a clip of that view"))
    elif runs[0] > 2:
        message = f"{file_name}: one song has so many of the lines that up to {runs[0]} of it stand together"
        writer.note(Note("", "", "order", message))


def _note_folder(folder: str, writer: IndexWriter) -> None:
    found = [text for text in ("wavs", ".wav") if text in folder]
    if found:
        message = (
            f"{folder}: serp-ai's trainer replaces {found[0]!r} in the whole path; move the export before training"
        )
        writer.note(Note("", "", "folder_name", message))


def _in_groups(pieces: Iterable[_Piece], size: int) -> Iterator[list[_Piece]]:
    following = iter(pieces)
    while some := list(itertools.islice(following, size)):
        yield some
