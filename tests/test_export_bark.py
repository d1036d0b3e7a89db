"""The layout of serp-ai's trainer, read back by its own rules: lists, tokens, order, texts, and what is left out."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from flamingo_bark_assets.clips.records import Clip
from flamingo_bark_assets.clips.sound import ClipSound
from flamingo_bark_assets.custom_tag import CustomTag
from flamingo_bark_assets.errors import ClipRefused
from flamingo_bark_assets.exports.interface import ExportOptions, ExportSong, Split
from flamingo_bark_assets.exports.run import ExportReport, export
from flamingo_bark_assets.exports.targets.bark import Bark, end_share, file_name
from flamingo_bark_assets.exports.targets.bark_text import BUDGET, BarkText, bark_text
from flamingo_bark_assets.inference.catalogue import ModelError
from flamingo_bark_assets.text import non_space_length
from flamingo_bark_assets.tokens.catalogue import TokenModels
from flamingo_bark_assets.tokens.tokenizer import tokenizer_for
from flamingo_bark_assets.verification.run import verify_export
from tests.export_songs import MadeRenderer, MadeSource, made_clip, made_song
from tests.token_models import one_torch_thread, save_quantizer, save_token_models

SEMANTIC_LISTS = ("train_valid.txt", "valid_valid.txt")
COARSE_LISTS = ("train.txt", "valid.txt")
TEST_LISTS = ("test_valid.txt", "test.txt")
SPLITS: tuple[Split, ...] = ("train", "train", "train", "validation", "test")


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_torch_thread():
        yield


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> TokenModels:
    folder = tmp_path_factory.mktemp("models")
    return save_token_models(folder, token_cache=folder / "tokens")


def some_song(song_id: str, split: Split, *, clips: int = 2, sources: Sequence[str] = ("mix", "vocals")) -> ExportSong:
    song = made_song(song_id, split, clips=clips, views=("semantic", "coarse"))
    kept = tuple(clip for clip in song.clips if clip.source in sources)
    return dataclasses.replace(song, clips=kept, digest=song_id)


def some_songs(*song_ids: str) -> MadeSource:
    names = song_ids or tuple(f"song-{i}" for i in range(len(SPLITS)))
    return MadeSource([some_song(name, split) for name, split in zip(names, SPLITS, strict=False)])


def with_clips(*clips: Clip, split: Split = "train", **changes: Any) -> MadeSource:
    song = dataclasses.replace(some_song("song", split), clips=clips, digest=repr(clips), **changes)
    return MadeSource([song])


def bark(source: MadeSource, out: Path, tokens: TokenModels | None = None) -> ExportReport:
    return export(Bark(), source, out, ExportOptions(folder=str(out), tokens=tokens))


class Exported(NamedTuple):
    folder: Path
    report: ExportReport


@pytest.fixture(scope="module")
def exported(models: TokenModels, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    out = tmp_path_factory.mktemp("export") / "bark"
    return Exported(out, bark(some_songs(), out, models))


# The rules of the trainer's loaders


class Row(NamedTuple):
    path: str
    text: str

    @property
    def song(self) -> str:
        return Path(self.path).stem.partition("__")[0]


def read_list(folder: Path, name: str) -> list[Row]:
    """As `load_filepaths_and_text` does: bytes that are not UTF-8 vanish, fields after the second are dropped."""
    filename = str(folder / name)
    with open(filename, encoding="utf-8", errors="ignore") as file:  # noqa: PTH123 as the trainer does
        fields = [line.strip().split("|") for line in file]
    return [Row(os.path.join(os.path.dirname(filename), each[0]), each[1]) for each in fields]  # noqa: PTH118, PTH120


def tokens_of(row: Row) -> dict[str, NDArray[Any]]:
    """As its datasets do."""
    with np.load(row.path.replace(".wav", ".npz").replace("wavs", "tokens")) as arrays:
        return dict(arrays)


def flat_coarse(coarse: NDArray[np.int64]) -> NDArray[np.int64]:
    """As its `_flatten_codebooks` does, with the offset of the semantic vocabulary."""
    shifted = coarse.copy()
    shifted[1] += 1024
    return shifted.ravel("F") + 10_000


def notes(folder: Path) -> list[list[str]]:
    return [json.loads(line) for line in (folder / "provenance" / "notes.jsonl").read_text().splitlines()]


def rows_of_clips(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "provenance" / "clips.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("name", SEMANTIC_LISTS)
def test_the_semantic_loader_gets_tokens_of_each_row(exported: Exported, name: str) -> None:
    rows = read_list(exported.folder, name)
    assert rows
    for row in rows:
        semantic = tokens_of(row)["semantic"]
        assert semantic.dtype == np.int64
        samples = round(soundfile.info(row.path).frames * 2 / 3)
        assert semantic.shape == ((samples - 400) // 320 + 1,)
        assert semantic.min() >= 0
        assert semantic.max() < 10_000
        assert len(semantic) <= 510  # 511 are read, one of them is to be the end


@pytest.mark.parametrize("name", COARSE_LISTS)
def test_the_coarse_loader_fills_its_window_exactly_and_in_phase(exported: Exported, name: str) -> None:
    rows = read_list(exported.folder, name)
    assert rows
    for row in rows:
        arrays = tokens_of(row)
        assert set(arrays) == {"semantic", "coarse", "fine"}
        assert {array.dtype for array in arrays.values()} == {np.dtype(np.int64)}
        assert arrays["semantic"].shape == (255,)  # at most 256: never cropped
        assert arrays["fine"].shape == (8, 384)
        np.testing.assert_array_equal(arrays["coarse"], arrays["fine"][:2])
        flat = flat_coarse(arrays["coarse"])
        assert len(flat) == 768
        assert ((flat[0::2] >= 10_000) & (flat[0::2] < 11_024)).all()
        assert ((flat[1::2] >= 11_024) & (flat[1::2] < 12_048)).all()


def test_few_of_what_the_semantic_model_learns_are_end_tokens(exported: Exported) -> None:
    shares = [1 - (len(tokens_of(row)["semantic"]) - 1) / 510 for row in read_list(exported.folder, "train_valid.txt")]
    assert statistics.median(shares) <= 0.10
    assert max(shares) <= 0.25


@pytest.mark.parametrize("name", [*SEMANTIC_LISTS, *COARSE_LISTS, *TEST_LISTS])
def test_lists_hold_nothing_that_the_loaders_stumble_over(exported: Exported, name: str) -> None:
    content = (exported.folder / name).read_bytes()
    assert content.endswith(b"\n")
    for line in content.decode("utf-8").removesuffix("\n").split("\n"):
        path, text = line.split("|")
        assert path.startswith("wavs/")
        assert path.endswith(".wav")
        stem = path.removeprefix("wavs/").removesuffix(".wav")
        assert stem.isascii()
        assert "wavs" not in stem
        assert "." not in stem
        assert text == text.strip() != ""
        assert text.isprintable()
        assert (exported.folder / path).is_file()


def test_sounds_are_24_khz_mono_and_their_tokens_are_of_the_file(exported: Exported, models: TokenModels) -> None:
    for row in {*read_list(exported.folder, "valid_valid.txt"), *read_list(exported.folder, "valid.txt")}:
        info = soundfile.info(row.path)
        assert (info.samplerate, info.channels, info.format, info.subtype) == (24_000, 1, "WAV", "PCM_16")
        samples = soundfile.read(row.path, dtype="float32")[0]
        (again,) = tokenizer_for(dataclasses.replace(models, token_cache=None)).tokens([samples])
        np.testing.assert_array_equal(tokens_of(row)["semantic"], again.semantic)
        np.testing.assert_array_equal(tokens_of(row)["fine"], again.fine)


def test_songs_of_one_split_stand_in_its_lists_alone(exported: Exported) -> None:
    songs = {name: {row.song for row in read_list(exported.folder, name)} for name in
             (*SEMANTIC_LISTS, *COARSE_LISTS, *TEST_LISTS)}  # fmt: skip
    assert songs["train_valid.txt"] == songs["train.txt"] == {"song-0", "song-1", "song-2"}
    assert songs["valid_valid.txt"] == songs["valid.txt"] == {"song-3"}
    assert songs["test_valid.txt"] == songs["test.txt"] == {"song-4"}


def test_weights_are_lines_ten_to_seven_spread_and_never_three_of_a_song(exported: Exported) -> None:
    for name in ("train_valid.txt", "train.txt"):
        rows = read_list(exported.folder, name)
        assert set(Counter(row.path for row in rows if "_mix_" in row.path).values()) == {10}
        assert set(Counter(row.path for row in rows if "_vocals_" in row.path).values()) == {7}
        assert max(len(list(group)) for _, group in itertools.groupby(row.song for row in rows)) <= 2
        half = Counter(row.path for row in rows[: len(rows) // 2])
        assert all(3 <= half[path] <= 7 for path in {row.path for row in rows})
    assert {row["repeats"] for row in rows_of_clips(exported.folder) if row["split"] != "train"} == {1}


def test_checks_meet_each_clip_once(exported: Exported) -> None:
    for name in ("valid_valid.txt", "valid.txt"):
        rows = read_list(exported.folder, name)
        assert len(rows) == len(set(rows)) == 4


def test_everything_but_the_voice_is_marked_as_outside_of_the_domain(exported: Exported) -> None:
    for row in rows_of_clips(exported.folder):
        assert (row["outside_domain"] is None) == (row["clip"]["source"] == "vocals")
    text = (exported.folder / "README.md").read_text()
    assert "| semantic | 10 | 10 |" in text
    assert "outside of Bark's domain" in text
    assert "Leave fine stock" in text


def test_equal_songs_give_equal_bytes(exported: Exported, models: TokenModels, tmp_path: Path) -> None:
    options = ExportOptions(folder=str(exported.folder), tokens=models)
    export(Bark(), some_songs(), tmp_path / "bark", options)
    assert contents(tmp_path / "bark") == contents(exported.folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# Without weights, and when they come


def test_without_weights_all_else_is_written_and_the_commands_said(exported: Exported, tmp_path: Path) -> None:
    report = bark(some_songs(), tmp_path / "bark")
    assert len(report.missing) == 3
    assert all("flamingo-bark models fetch" in line for line in report.missing)
    assert not (tmp_path / "bark" / "tokens").exists()
    assert "nothing trains without them" in (tmp_path / "bark" / "README.md").read_text()
    told = {"README.md"}
    with_tokens, without = contents(exported.folder), contents(tmp_path / "bark")
    for path, content in without.items():
        if not path.startswith("provenance/") and path not in told:
            assert with_tokens[path] == content


def test_when_weights_come_only_tokens_are_added(models: TokenModels, tmp_path: Path) -> None:
    out = tmp_path / "bark"
    bark(some_songs(), out)
    before = contents(out)
    report = bark(some_songs(), out, models)
    after = contents(out)
    assert report.units_kept == 0
    assert report.missing == ()
    added = {path for path in after if path not in before}
    assert {path.partition("/")[0] for path in added} == {"tokens"}
    assert len(added) == 40
    changed = {path for path, content in before.items() if after[path] != content}
    assert all(path.startswith("provenance/") or path == "README.md" for path in changed)
    assert bark(some_songs(), out, models).units_written == 0


def test_damaged_weights_stop_the_export_and_leave_the_old_one(models: TokenModels, tmp_path: Path) -> None:
    source, out = MadeSource([some_song("song", "train", clips=1)]), tmp_path / "bark"
    bark(source, out)
    before = contents(out)
    (tmp_path / "damaged.pth").write_bytes(Path(models.quantizer).read_bytes()[:5000])
    damaged = dataclasses.replace(models, quantizer=str(tmp_path / "damaged.pth"))
    with pytest.raises(ModelError, match=r"damaged\.pth: cannot be read as weights"):
        bark(source, out, damaged)
    assert contents(out) == before


def test_the_platform_finds_nothing_wrong_with_it(exported: Exported) -> None:
    assert verify_export(exported.folder).findings == ()


def test_other_weights_make_the_tokens_anew(models: TokenModels, tmp_path: Path) -> None:
    source, out = MadeSource([some_song("song", "train", clips=1)]), tmp_path / "bark"
    bark(source, out, models)
    row = read_list(out, "train.txt")[0]
    before = tokens_of(row)
    other = dataclasses.replace(models, quantizer=str(save_quantizer(tmp_path / "other.pth", 1, seed=5)))
    assert bark(source, out, other).units_written == 1
    assert (tokens_of(row)["semantic"] != before["semantic"]).any()
    np.testing.assert_array_equal(tokens_of(row)["fine"], before["fine"])


# What goes in


def semantic_clip(number: int, length_s: float, **changes: Any) -> Clip:
    return made_clip("song", "semantic", "vocals", number, start_s=0.0, end_s=length_s, **changes)


def test_the_end_share_is_that_of_the_format_document() -> None:
    assert end_share(round(10.22 * 24_000)) == pytest.approx(1 / 510)
    assert end_share(round(5.12 * 24_000)) == pytest.approx(0.50, abs=0.005)
    assert end_share(9 * 24_000) == pytest.approx(0.1216, abs=1e-3)


def test_short_clips_go_in_only_as_far_as_the_median_holds(tmp_path: Path) -> None:
    clips = [semantic_clip(i, 9.0) for i in range(5)] + [semantic_clip(10 + i, 9.8) for i in range(3)]
    bark(with_clips(*clips), tmp_path / "bark")
    rows = read_list(tmp_path / "bark", "train_valid.txt")
    lengths = Counter(soundfile.info(row.path).frames / 24_000 for row in rows)
    assert lengths == {9.8: 21, 9.0: 14}
    left_out = [note for note in notes(tmp_path / "bark") if note[2] == "end_share"]
    assert len(left_out) == 3
    assert "12% of what it teaches is the end token; 10% is the limit, of the median clip" in left_out[0][3]


def test_a_clip_that_is_mostly_end_tokens_stays_out(tmp_path: Path) -> None:
    bark(with_clips(semantic_clip(0, 7.5), semantic_clip(1, 10.0), semantic_clip(2, 10.5)), tmp_path / "bark")
    assert {note[2]: note[1] for note in notes(tmp_path / "bark") if note[1]} == {
        "end_share": "semantic.vocals.000", "too_long": "semantic.vocals.002",
    }  # fmt: skip
    assert len({row.path for row in read_list(tmp_path / "bark", "train_valid.txt")}) == 1


def test_a_coarse_clip_of_another_length_stays_out(tmp_path: Path) -> None:
    clips = [made_clip("song", "coarse", "vocals", i, start_s=0.0, end_s=length) for i, length in
             enumerate((5.12, 5.13, 5.11))]  # fmt: skip
    bark(with_clips(*clips), tmp_path / "bark")
    assert [note[1] for note in notes(tmp_path / "bark") if note[2] == "coarse_length"] == [
        "coarse.vocals.001", "coarse.vocals.002",
    ]  # fmt: skip


def test_a_refused_clip_is_named_with_its_reason(tmp_path: Path) -> None:
    class Refusing(MadeRenderer):
        def render(self, clip: Clip, *, sample_rate_hz: int, channels: int) -> ClipSound:
            if clip.number == 0:
                raise ClipRefused("silent", "its peak is -80 dBFS")
            return super().render(clip, sample_rate_hz=sample_rate_hz, channels=channels)

    source = with_clips(semantic_clip(0, 9.8), semantic_clip(1, 9.8))
    source.renderers["song"] = Refusing("song")
    bark(source, tmp_path / "bark")
    assert ["song", "semantic.vocals.000", "silent", "left out: its peak is -80 dBFS"] in notes(tmp_path / "bark")


def test_names_never_hold_what_the_trainer_replaces(models: TokenModels, tmp_path: Path) -> None:
    names = ("new-wavs", "wavswavs", "wavs")
    source = MadeSource([some_song(name, "train", clips=1, sources=["vocals"]) for name in names])
    bark(source, tmp_path / "bark", models)
    rows = read_list(tmp_path / "bark", "train_valid.txt")
    assert len({row.path for row in rows}) == 3
    for row in rows:
        assert row.path.count("wavs") == 1
        assert len(tokens_of(row)["semantic"]) > 400
    clip = semantic_clip(0, 9.8)
    assert file_name("wavs", clip) != file_name("wav-s", clip)


def test_a_folder_whose_name_the_trainer_would_replace_is_told(tmp_path: Path) -> None:
    bark(with_clips(semantic_clip(0, 9.8)), tmp_path / "my-wavs")
    assert any(note[2] == "folder_name" and "move the export" in note[3] for note in notes(tmp_path / "my-wavs"))


def test_what_no_order_can_part_is_told(tmp_path: Path) -> None:
    bark(with_clips(semantic_clip(0, 9.8), semantic_clip(1, 9.8)), tmp_path / "bark")
    (told,) = [note[3] for note in notes(tmp_path / "bark") if note[2] == "order"]
    assert told == "train_valid.txt: one song has so many of the lines that up to 14 of it stand together"


def test_lists_without_lines_are_told(tmp_path: Path) -> None:
    bark(with_clips(semantic_clip(0, 9.8)), tmp_path / "bark")
    empty = {note[3].partition(" ")[0] for note in notes(tmp_path / "bark") if note[2] == "empty_list"}
    assert empty == {"valid_valid.txt", "test_valid.txt", "train.txt", "valid.txt", "test.txt"}
    assert (tmp_path / "bark" / "valid_valid.txt").read_bytes() == b""


@pytest.mark.parametrize(
    ("weight", "lines", "told"), [(1.0, 10, False), (0.7, 7, False), (0.04, 1, True), (99.0, 100, True)]
)
def test_a_weight_that_lines_cannot_tell_is_noted(weight: float, lines: int, told: bool, tmp_path: Path) -> None:
    bark(with_clips(semantic_clip(0, 9.8, training_weight=weight)), tmp_path / "bark")
    assert len(read_list(tmp_path / "bark", "train_valid.txt")) == lines
    assert any(note[2] == "weight_rounded" for note in notes(tmp_path / "bark")) == told


# Texts


def test_the_voice_is_transcribed_between_music_notes() -> None:
    told = bark_text(semantic_clip(0, 9.8, lyrics="I walk the line\nyou  walk away"))
    assert told.text == "♪ I walk the line you walk away ♪"
    assert told.lyrics == "I walk the line you walk away"
    assert told.cut is None


def test_all_else_has_the_tag_and_what_is_told_of_it() -> None:
    mix = made_clip("song", "semantic", "mix", 0, lyrics="words", text="Rock music at 100 BPM.")
    assert bark_text(mix).text == "[music] Rock music at 100 BPM."
    assert bark_text(semantic_clip(0, 9.8, lyrics=None, text="A high voice.")).text == "[music] A high voice."
    assert bark_text(semantic_clip(0, 9.8), with_lyrics=False).lyrics is None
    assert bark_text(semantic_clip(0, 9.8, lyrics=" \n", text="")).text == "[music]"


def test_hostile_words_cannot_break_a_line() -> None:
    told = bark_text(semantic_clip(0, 9.8, lyrics="\ufeffa|b\r\n♪ [MAN] c\u2028d\x00e wavs/x.wav \ud800"))
    assert told.text == "♪ a b MAN c d e wavs/x.wav ♪"
    assert bark_text(semantic_clip(0, 9.8, lyrics=None, text="x|y\nz")).text == "[music] x y z"


@pytest.mark.parametrize("lyrics", ["la " * 300, "a" * 254 + " b", "é" * 200 + " " + "ñ" * 100, "x" * 300])
def test_lyrics_are_cut_between_words_and_the_cut_is_told(lyrics: str) -> None:
    told = bark_text(semantic_clip(0, 9.8, lyrics=lyrics))
    assert non_space_length(told.text) <= BUDGET
    assert told.cut is not None
    assert told.cut[0] == "lyrics_cut"
    kept = (told.lyrics or "").split()
    assert kept == lyrics.split()[: len(kept)]


def test_a_text_is_cut_at_sentences_and_the_cut_is_told(tmp_path: Path) -> None:
    sentences = [f"Sentence number {n} tells something else entirely." for n in ("one", "two", "six", "ten", "nine")]
    sentences += ["Guitars shimmer over slow brushed drums."]
    clip = made_clip("song", "semantic", "mix", 0, text=" ".join(sentences * 3))
    told = bark_text(clip)
    assert non_space_length(told.text) <= BUDGET
    assert told.text.startswith("[music] Sentence number one tells something else entirely.")
    assert told.cut is not None
    bark(with_clips(clip), tmp_path / "bark")
    assert any(note[2] == "text_cut" and "characters are left out" in note[3] for note in notes(tmp_path / "bark"))


@pytest.mark.parametrize(
    ("position", "text"),
    [
        ("prepend", "[music] zxcv, Rock music at 100 BPM."), ("append", "[music] Rock music at 100 BPM. zxcv"),
        ("replace", "[music] zxcv"),
    ],
)  # fmt: skip
def test_the_custom_tag_stands_where_a_text_describes_and_is_never_sung(position: Any, text: str) -> None:
    tag = CustomTag("zxcv", position)
    mix = made_clip("song", "semantic", "mix", 0, lyrics="words", text="Rock music at 100 BPM.")
    assert bark_text(mix, tag) == BarkText(text)
    sung = bark_text(semantic_clip(0, 9.8, lyrics="I walk"), tag)
    assert (sung.text, sung.lyrics) == ("♪ I walk ♪", "I walk")
    assert "'zxcv' is left out" in str(sung.tag_left_out)
    assert bark_text(semantic_clip(0, 9.8, text="A voice."), tag, with_lyrics=False).tag_left_out is None
    assert bark_text(semantic_clip(0, 9.8, lyrics=None, text=""), tag).text == "[music] zxcv"


def test_the_custom_tag_is_within_the_budget_and_is_left_out_where_it_is_too_long() -> None:
    sentences = [f"Sentence number {n} tells something else entirely." for n in ("one", "two", "six", "ten", "nine")]
    clip = made_clip("song", "semantic", "mix", 0, text=" ".join([*sentences, "Guitars shimmer."]))
    told = bark_text(clip, CustomTag("zxcv" * 10))
    assert told.text.startswith(f"[music] {'zxcv' * 10}, Sentence number one")
    assert non_space_length(told.text) <= BUDGET
    assert told.cut is not None
    long = bark_text(clip, CustomTag("x" * 300))
    assert "300 characters is left out" in str(long.tag_left_out)
    assert long.text == bark_text(clip).text


def test_an_export_with_a_custom_tag_is_clean_and_notes_where_it_is_left_out(
    models: TokenModels, tmp_path: Path
) -> None:
    source = some_songs()
    first, *_ = sorted(source.songs)
    source.songs[first] = dataclasses.replace(source.songs[first], custom_tag=CustomTag("mine", "append"))
    options = ExportOptions(folder=str(tmp_path / "bark"), tokens=models, custom_tag="zxcv")
    export(Bark(), source, tmp_path / "bark", options)
    assert verify_export(tmp_path / "bark").findings == ()
    left_out = {(song, clip) for song, clip, rule, _ in notes(tmp_path / "bark") if rule == "custom_tag_left_out"}
    rows = rows_of_clips(tmp_path / "bark")
    assert {row["lyrics"] is None for row in rows} == {True, False}
    for row in rows:
        tag = "mine" if row["song_id"] == first else "zxcv"
        assert CustomTag(tag).is_in(row["text"]) == (row["lyrics"] is None)
        assert ((row["song_id"], row["clip"]["clip"]) in left_out) == (row["lyrics"] is not None)


def test_a_tag_that_would_be_sung_is_found(models: TokenModels, tmp_path: Path) -> None:
    out = tmp_path / "bark"
    bark(some_songs(), out, models)
    text = (out / "train_valid.txt").read_text()
    (out / "train_valid.txt").write_text(text.replace("|♪ ", "|♪ zxcv "))
    found = [finding for finding in verify_export(out).findings if finding.rule == "lyrics_format"]
    assert found
    assert all("'zxcv' stands beside its lyrics" in finding.message for finding in found)


def test_a_voice_without_words_is_noted(tmp_path: Path) -> None:
    clip = semantic_clip(0, 9.8, lyrics=None, lyrics_reason="nobody wrote them down")
    bark(with_clips(clip), tmp_path / "bark")
    assert [note[3] for note in notes(tmp_path / "bark") if note[2] == "no_lyrics"] == [
        "the voice has no transcript: nobody wrote them down"
    ]
