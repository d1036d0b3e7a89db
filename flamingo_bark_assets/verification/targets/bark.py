"""The layout of Bark's fine-tuning by serp-ai: lists of sound and text, and tokens beside them.

What that code reads of lists and tokens belongs here; tokens as such stand in `tokens`.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from statistics import median

from flamingo_bark_assets.verification.arrays import read_arrays
from flamingo_bark_assets.verification.context import Check, base_of
from flamingo_bark_assets.verification.provenance import ClipFacts
from flamingo_bark_assets.verification.sound import SoundRules
from flamingo_bark_assets.verification.texts import TextRules
from flamingo_bark_assets.verification.tokens import (
    COARSE_FRAMES,
    COARSE_S,
    COARSE_SEMANTIC,
    SAMPLE_RATE_HZ,
    SEMANTIC_ROW,
    check_against_sound,
    check_tokens,
    constant_codebooks,
    end_share,
)

SEMANTIC_LISTS = {"train_valid.txt": "train", "valid_valid.txt": "validation", "test_valid.txt": "test"}
COARSE_LISTS = {"train.txt": "train", "valid.txt": "validation", "test.txt": "test"}
_PATH = re.compile(r"wavs/[^/|]+\.wav")
_MAX_ROW_END_SHARE = 0.25
_MAX_MEDIAN_END_SHARE = 0.10
_MAX_RUN = 2
_SOUND = SoundRules(SAMPLE_RATE_HZ, 1, min_s=1.0, max_s=14.0)
_TEXT = TextRules(max_non_space=256)


@dataclass(slots=True)
class _Clip:
    """What is known of the tokens of a clip, once read."""

    semantic: int | None = None
    frames: int | None = None
    is_constant: bool = False


@dataclass(slots=True)
class _List:
    """What is gathered over the lines of a list."""

    name: str
    split: str
    has_tokens: bool
    songs: list[str] = field(default_factory=list)
    clips: list[str] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    end_shares: list[float] = field(default_factory=list)


def check(check: Check) -> None:
    """Replay what the fine-tuning code reads."""
    clips: dict[str, _Clip] = {}
    has_tokens = next(check.folder.files("tokens", (".npz",)), None) is not None
    if not has_tokens:
        check.add("tokens_missing", "tokens", None, "there are no tokens, and training opens nothing else; README.md "
                  "says how they are made")  # fmt: skip
    for names in (SEMANTIC_LISTS, COARSE_LISTS):
        for name, split in names.items():
            if check.folder.exists(name):
                with check.findings.guarded(name):
                    _check_list(check, _List(name, split, has_tokens), clips)
            elif split != "test":
                check.add("missing_index", name, None, "is not there; the stage that reads it stops")
    _check_constant(check, clips)
    _check_unlisted(check, clips)


def _check_list(check: Check, gathered: _List, clips: dict[str, _Clip]) -> None:
    number = 0
    for number, line in check.folder.lines(gathered.name):
        check.clips += 1
        with check.findings.guarded(gathered.name, number):
            _check_line(check, gathered, clips, number, line)
    if not number:
        if gathered.split == "train" or check.provenance.clips_in(gathered.split) != 0:
            check.add("empty_split", gathered.name, None, "is empty; the trainer stops")
        return
    _check_order(check, gathered)
    _check_repeats(check, gathered)
    if gathered.end_shares and median(gathered.end_shares) > _MAX_MEDIAN_END_SHARE:
        check.add("end_share", gathered.name, None, f"half of its rows are more than {median(gathered.end_shares):.0%} "
                  "end token; the loss is not masked, so the model learns to stop")  # fmt: skip


def _check_line(check: Check, gathered: _List, clips: dict[str, _Clip], number: int, line: bytes) -> None:
    name = gathered.name
    if line.endswith(b"\r"):
        check.add("line_ends", name, number, "ends in CR LF; the carriage return becomes part of the text")
        line = line.removesuffix(b"\r")
    if not line.strip():
        check.add("blank_line", name, number, "is blank; the trainer stops at it")
        return
    text = check.folder.decoded(name, number, line)
    if text is None:
        return
    path, *parts = text.split("|")
    if len(parts) != 1:
        problem = "has no '|' and so no text; the trainer stops" if not parts else (
            "has a second '|'; training drops the text behind it, making tokens stops"
        )  # fmt: skip
        check.add("separator", name, number, problem)
        if not parts:
            return
    if not _PATH.fullmatch(path):
        check.add(
            "unsafe_path", name, number, f"{path[:80]!r} is not wavs/NAME.wav; the trainer finds no tokens for it"
        )
        return
    if path.count("wavs") > 1 or path.count(".wav") > 1:
        check.add("unsafe_path", name, number, f"{path!r} holds 'wavs' or '.wav' twice; the trainer replaces both, and "
                  "finds no tokens")  # fmt: skip
    base = path.removeprefix("wavs/").removesuffix(".wav")
    facts = check.provenance.clip_of_file(path) or check.provenance.clip_of_name(base)
    check.text(name, number, parts[0], _TEXT, name=base, clip=facts)
    _check_lyrics(check, name, number, parts[0], facts, base)
    if gathered.texts.setdefault(base, parts[0]) != parts[0]:
        check.add("text_changed", name, number, f"{base}: has another text than at row {gathered.rows[base]}")
    gathered.songs.append(facts.song_id if facts is not None else base.partition("__")[0])
    gathered.clips.append(base)
    gathered.rows.setdefault(base, number)
    check.splits.add(gathered.split, name, number, clip=facts, name=base, sound=path)
    if check.has_file(name, number, path, "the trainer's cell for tokens stops"):
        check.sound(path, _SOUND)
    tokens = f"tokens/{base}.npz"
    if gathered.has_tokens and check.has_file(name, number, tokens, "training opens it and stops"):
        _check_row(check, gathered, number, base, _tokens(check, clips, base, tokens, path))


def _tokens(check: Check, clips: dict[str, _Clip], base: str, tokens: str, wav: str) -> _Clip:
    if base in clips:
        return clips[base]
    clip = clips[base] = _Clip()
    with check.findings.guarded(tokens), check.folder.open(tokens) as file:
        arrays = read_arrays(check.findings, tokens, None, file, ("semantic", "coarse", "fine"))
        if arrays is None:
            return clip
        clip.is_constant = constant_codebooks(arrays)
        counts = check_tokens(check.findings, tokens, arrays, must_be_int64=True)
        if counts is not None:
            clip.semantic, clip.frames = counts
            if check.folder.exists(wav) and (sound := check.sound(wav, _SOUND)) is not None:
                samples = round(sound.samples * SAMPLE_RATE_HZ / sound.sample_rate_hz)
                check_against_sound(check.findings, tokens, *counts, samples)
    return clip


def _check_row(check: Check, gathered: _List, number: int, base: str, clip: _Clip) -> None:
    if clip.semantic is None or clip.frames is None:
        return
    if gathered.name in SEMANTIC_LISTS:
        share = end_share(clip.semantic)
        gathered.end_shares.append(share)
        if share > _MAX_ROW_END_SHARE:
            check.add("end_share", gathered.name, number, f"{base}: {share:.0%} of the row is the end token; the loss "
                      "is not masked, so the model learns to stop")  # fmt: skip
        if clip.semantic > SEMANTIC_ROW + 1:
            check.add("too_long", gathered.name, number, f"{base}: {clip.semantic} semantic tokens; the trainer keeps "
                      f"the first {SEMANTIC_ROW + 1} under the whole text")  # fmt: skip
    elif clip.frames != COARSE_FRAMES or clip.semantic not in {COARSE_SEMANTIC, COARSE_SEMANTIC + 1}:
        problem = "cropped out of codebook phase half the time" if clip.frames > COARSE_FRAMES else "padded"
        check.add("token_phase", gathered.name, number, f"{base}: {clip.semantic} semantic tokens and {clip.frames} "
                  f"frames; the coarse stage takes {COARSE_SEMANTIC} and {COARSE_FRAMES} ({COARSE_S} s), and others "
                  f"are {problem}")  # fmt: skip


def _check_lyrics(check: Check, name: str, number: int, text: str, facts: ClipFacts | None, base: str) -> None:
    if text.count("♪") % 2:
        check.add("lyrics_format", name, number, f"{base}: an odd number of ♪; lyrics stand between two")
    elif re.search(r"♪\s*♪", text):
        check.add("lyrics_format", name, number, f"{base}: nothing stands between two ♪")
    if name not in SEMANTIC_LISTS or facts is None or not facts.lyrics:
        return
    if "♪" not in text:
        check.add("lyrics_format", name, number, f"{base}: its lyrics are known and do not stand between ♪; the model "
                  "would speak them")  # fmt: skip
    elif more := _beside_lyrics(text, facts.lyrics):
        check.add("lyrics_format", name, number, f"{base}: {more[:80]!r} stands beside its lyrics, as a tag would; "
                  "the model sings or speaks it")  # fmt: skip


def _beside_lyrics(text: str, lyrics: str) -> str:
    """Return what a text says besides lyrics, music notes and tags in brackets; all of it where it lacks the lyrics."""
    words = " ".join(re.sub(r"\[[^\]]*\]|♪", " ", text).split())
    before, found, behind = words.partition(" ".join(lyrics.split()))
    return f"{before} {behind}".strip() if found else words


def _check_order(check: Check, gathered: _List) -> None:
    """Report runs of one song or clip, as the loader does not shuffle; what no order avoids is passed over."""
    songs = gathered.songs
    counts = Counter(songs)
    if len(counts) < 2 or counts.most_common(1)[0][1] > _MAX_RUN * (len(songs) - counts.most_common(1)[0][1] + 1):
        return
    if check.provenance.has_note("order", gathered.name):
        return
    repeats = max(Counter(gathered.clips).values())
    clips_can_part = 2 * repeats <= len(songs) + 1
    run = 1
    for place in range(1, len(songs)):
        run = run + 1 if songs[place] == songs[place - 1] else 1
        if run == _MAX_RUN + 1:
            check.add("order", gathered.name, place + 1, f"the song {songs[place]} stands on more than {_MAX_RUN} "
                      "lines in a row; the loader does not shuffle")  # fmt: skip
        elif clips_can_part and gathered.clips[place] == gathered.clips[place - 1]:
            check.add("order", gathered.name, place + 1, f"{gathered.clips[place]} is repeated on the next line; the "
                      "loader does not shuffle")  # fmt: skip


def _check_repeats(check: Check, gathered: _List) -> None:
    for base, count in Counter(gathered.clips).items():
        facts = check.provenance.clip_of_name(base)
        if facts is not None and facts.repeats != count:
            check.add("count", gathered.name, gathered.rows[base], f"{base}: stands on {count} line(s); its weight "
                      f"asks for {facts.repeats}")  # fmt: skip


def _check_constant(check: Check, clips: dict[str, _Clip]) -> None:
    """Report tokens of one id where other clips have more; a model that was never trained gives none else."""
    if all(clip.is_constant for clip in clips.values()):
        return
    for base, clip in clips.items():
        if clip.is_constant:
            check.add("token_content", f"tokens/{base}.npz", None, "a codebook is one id from beginning to end")


def _check_unlisted(check: Check, clips: dict[str, _Clip]) -> None:
    check.unnamed_sounds("wavs", "no list names it; no stage reads it")
    for path in check.folder.files("tokens", (".npz",)):
        if base_of(path) not in clips:
            check.add("unused", path, None, "no list names its clip; no stage reads it")
