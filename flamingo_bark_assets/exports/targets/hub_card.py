"""The card of a hub dataset: what the Hub reads of it, and what a person has to know before training from it.

Its words belong here; the columns that it lists stand in `hub_columns`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from flamingo_bark_assets.exports.interface import SPLITS, ExportedClip, ReadClips, Split, Summary
from flamingo_bark_assets.exports.rights import normal_licence
from flamingo_bark_assets.exports.targets.hub_columns import AUDIO, FURTHER_SOUNDS, HubColumn
from flamingo_bark_assets.text import number_of, printable, short_line

OTHER, UNKNOWN = "other", "unknown"
# The identifiers of the Hub that recordings may carry: https://huggingface.co/docs/hub/repositories-licenses
_HUB_LICENCES = frozenset(
    {
        "afl-3.0", "apache-2.0", "artistic-2.0", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-2.0", "cc-by-2.5",
        "cc-by-3.0", "cc-by-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nc-nd-3.0",
        "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cc-by-nd-4.0", "cc-by-sa-3.0",
        "cc-by-sa-4.0", "isc", "mit", "odbl", "odc-by", "pddl", "unlicense", "wtfpl",
    }
)  # fmt: skip
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_MANY = "1M<n<10M"
_MOST_NAMED = 20


@dataclass(slots=True)
class Survey:
    """What was counted over all rows, none of which is held.

    Attributes:
        rows: rows of each split.
        sounds: how many rows have each further sound.
        captioners: how many rows each captioner wrote, fallbacks apart.
        fallbacks: the same of captioners that ran because no model could be had.
        licences: the licences that songs state, and how many rows carry each; None for none.
        separated: rows with stems that a separator made.
        separators: who made them, each in words.
        with_lyrics: rows that carry lyrics.
        longest_s: the longest sound, seconds.
    """

    rows: Counter[Split] = field(default_factory=Counter)
    sounds: Counter[str] = field(default_factory=Counter)
    captioners: Counter[str] = field(default_factory=Counter)
    fallbacks: Counter[str] = field(default_factory=Counter)
    licences: Counter[str | None] = field(default_factory=Counter)
    separated: int = 0
    separators: set[str] = field(default_factory=set)
    with_lyrics: int = 0
    longest_s: float = 0.0

    @property
    def total(self) -> int:
        """Number of all rows."""
        return self.rows.total()

    @property
    def kinds(self) -> tuple[str, ...]:
        """The further sounds that any row has, in the order of columns."""
        return tuple(sound for sound in FURTHER_SOUNDS if self.sounds[sound])

    @property
    def splits(self) -> tuple[Split, ...]:
        """The splits that have rows."""
        return tuple(split for split in SPLITS if self.rows[split])

    def add(self, clip: ExportedClip) -> None:
        """Count one row."""
        self.rows[clip.split] += 1
        self.sounds.update(role for role in clip.files if role != AUDIO)
        (self.fallbacks if clip.clip.is_fallback else self.captioners)[clip.captioner] += 1
        self.licences[clip.clip.licence] += 1
        self.separated += bool(clip.separators)
        self.separators.update(clip.separators)
        self.with_lyrics += clip.lyrics is not None
        self.longest_s = max(self.longest_s, clip.files[AUDIO].duration_s or 0.0)


def survey(clips: ReadClips) -> Survey:
    """Count over all rows."""
    counted = Survey()
    for clip in clips():
        counted.add(clip)
    return counted


def hub_licence(licences: Mapping[str | None, int]) -> str:
    """Return the licence as the Hub names it: its own identifier, ``other``, or ``unknown`` where none is stated."""
    stated = {None if licence is None else normal_licence(licence) for licence in licences}
    if stated <= {None}:
        return UNKNOWN
    (name, *more) = stated
    return name if not more and name in _HUB_LICENCES else OTHER


def hub_card(counted: Survey, columns: Sequence[HubColumn], summary: Summary) -> str:
    """Write the card: YAML that the Hub reads, then text."""
    return _front_matter(counted) + _body(counted, columns, summary)


def description(counted: Survey) -> str:
    """Return one line on what the dataset is."""
    kinds = f" with {', '.join(counted.kinds)} of the same seconds" if counted.kinds else ""
    clips = number_of(counted.total, "clip")
    return f"{clips} of songs, at most {counted.longest_s:.1f} s long{kinds}, with measured facts and text."


def _front_matter(counted: Survey) -> str:
    licence = hub_licence(counted.licences)
    lines = ["---", f"license: {licence}"]
    if licence == OTHER:
        lines += ["license_name: as-each-song-states", "license_link: ATTRIBUTION.md"]
    size = next((name for most, name in _SIZES if counted.total < most), _MANY)
    lines += [
        'pretty_name: "Clips of songs with their stems"',
        "task_categories:", "- text-to-audio",
        "size_categories:", f"- {size}",
        "tags:", "- music", "- audio", "- stems",
        "configs:", "- config_name: default", "  data_files:",
    ]  # fmt: skip
    for split in counted.splits:
        lines += [f"  - split: {split}", f'    path: "{split}/**"']
    return "\n".join([*lines, "---", "", ""])


def _body(counted: Survey, columns: Sequence[HubColumn], summary: Summary) -> str:
    parts = [
        "# Clips of songs with their stems\n",
        f"{description(counted)}\n",
        "For training text-to-music models, and for anyone who needs a mix and its stems cut alike: `audio` is the\n"
        "mix, each stem stands in a column of its own, and all begin and end at the same sample.\n",
        _table(
            ("split", "songs", "clips", "hours"),
            ((s, summary.songs[s], summary.clips[s], f"{summary.hours[s]:.2f}") for s in counted.splits),
        ),
        _table(
            ("sound", "clips that have it"),
            ((AUDIO, counted.total), *((kind, counted.sounds[kind]) for kind in counted.kinds)),
        ),
        _loading(counted),
        _limits(counted, summary),
        "## Columns\n",
        _table(
            ("column", "what it holds"),
            ((_loaded_name(column), column.meaning) for column in columns),
        ),
        "## Files\n",
        "`<split>/metadata.parquet` has one row a clip. `croissant.json` describes the same rows (Croissant 1.0).\n"
        "`provenance/` says where each clip comes from, what was left out and why (`notes.jsonl`), and the SHA-256 of\n"
        "every file (`checksums.sha256`). Whom to credit stands in `ATTRIBUTION.md`.\n",
    ]  # fmt: skip
    return "\n".join(parts)


def _loading(counted: Survey) -> str:
    first = counted.splits[0] if counted.splits else "train"
    return (
        "## Loading\n\n"
        "```python\n"
        "from datasets import load_dataset\n\n"
        f'clips = load_dataset("PATH_OR_REPOSITORY", split="{first}")\n'
        "```\n\n"
        "- `datasets==3.6.0` with `soundfile`: seen to load and decode. A stem that some clip lacks is then no audio\n"
        "  column but the name of its file (`drums_file_name`): that release cannot load an audio column with gaps.\n"
        "- `datasets` from 4.8.5 on (seen with 5.2.0): every stem is an audio column, null where a clip lacks it. It\n"
        "  needs `torchcodec` and FFmpeg to load as well as to decode.\n"
        "- Without `torchcodec`, on any release: the rows, with the sound read by `soundfile`:\n\n"
        "```python\n"
        "import soundfile\n"
        "from datasets import load_dataset\n\n"
        f'rows = load_dataset("parquet", data_files="{first}/metadata.parquet", split="train")\n'
        f'samples, rate_hz = soundfile.read("{first}/" + rows[0]["file_name"])\n'
        "```\n"
    )


def _limits(counted: Survey, summary: Summary) -> str:
    points = [
        "Rows carry the licence that the owner of the song states; where songs differ, each holds for its own rows.",
        "`weight` is the relative weight of the prompt. No loader reads it by itself: give it to a sampler.",
        "Lyrics are given with the song or transcribed by a model. They stand there where a clip is all of its song,\n"
        "  or where times say which lines are sung inside: given, transcribed, or estimated as one phrase a line.\n"
        "  `lyrics_language` is theirs, where it is known.",
        "For Bark: its semantic tokens were learned from speech. Vocals are near to that; every other stem, and the\n"
        "  mix, are outside its domain.",
        "MusicGen was trained without voices; `instrumental` is the column for it. Its kits take clips of less than\n"
        "  30 s by default and drop one of exactly 30 s: raise their limit a little.",
        "A sound whose peak is too high is turned down: add a stem's `<stem>_gain_db` back before stems are summed.",
        "Tempo, key, chords, lyrics and loudness are those of the clip, not of the song; what was unsure is null.",
    ]
    if not counted.with_lyrics:
        points[2] = "No clip has lyrics."
    if counted.fallbacks:
        points.insert(
            0,
            f"{counted.fallbacks.total()} of {number_of(counted.total, 'clip')} "
            f"{'carries' if counted.fallbacks.total() == 1 else 'carry'} **fallback captions**: written by "
            f"{_names(counted.fallbacks)}, as no captioning model could be had or used.\n  They name what was "
            "measured, and no mood that a listener would.",
        )
    if counted.captioners:
        points.insert(
            0,
            f"Captions of {number_of(counted.captioners.total(), 'clip')} were written by "
            f"{_names(counted.captioners)}.",
        )
    if counted.separators:
        points.append(
            f"Stems of {number_of(counted.separated, 'clip')} were not recorded apart but **separated** from the mix "
            f"by\n  {_names(counted.separators)}: some of the rest bleeds into each. `stems_origin` says which."
        )
    if summary.options.commercial:
        points.append(
            "Made for commercial use: songs, separated stems and texts whose licence does not allow it were left out."
        )
    return "## Limits\n\n" + "".join(f"- {point}\n" for point in points)


def _names(makers: Collection[str]) -> str:
    named = [f"`{_plain(name)}`" for name in sorted(makers)[:_MOST_NAMED]]
    more = len(makers) - len(named)
    return ", ".join(named) + (f" and {more} more" if more > 0 else "")


def _plain(name: str) -> str:
    """Return a name that ends no code span and no table."""
    return short_line(printable(name).replace("`", "'").replace("|", "/"), 120)


def _loaded_name(column: HubColumn) -> str:
    if not column.is_sound:
        return f"`{column.name}`"
    return f"`{column.name.removesuffix('file_name').rstrip('_') or AUDIO}` (`{column.name}`)"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines: list[Sequence[object]] = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)
