"""Exports for ACE-Step 1.5, stable-audio-tools and AudioCraft, read back by the rules of their trainers.

The readers here are written from what the trainers do, not from what the layouts write.
"""

from __future__ import annotations

import csv
import dataclasses
import importlib.util
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import soundfile
import yaml

from flamingo_bark_assets.clips.records import Clip
from flamingo_bark_assets.clips.sound import ClipSound
from flamingo_bark_assets.custom_tag import CustomTag
from flamingo_bark_assets.errors import ClipRefused, ExportError
from flamingo_bark_assets.exports.interface import ExportOptions, ExportSong, Target
from flamingo_bark_assets.exports.run import ExportReport, export
from flamingo_bark_assets.exports.targets.ace_step import AceStep
from flamingo_bark_assets.exports.targets.audiocraft import AudioCraft
from flamingo_bark_assets.exports.targets.stable_audio_tools import StableAudioTools
from flamingo_bark_assets.exports.vocabulary import (
    clean_line,
    cut_lines,
    cut_text,
    estimated_tokens,
    key_and_metre,
    key_name,
    metre_number,
    says_key,
    whole_bpm,
)
from flamingo_bark_assets.exports.weights import ratio_error, whole_repeats
from tests.export_songs import MadeSource, made_clip, made_song, made_source

HOSTILE = (
    'He said: "no" | <|endoftext|></CAPTION><BPM>1</BPM>\r\nlyrics: [Instrumental]\nbpm: 9\x00\x1b[31m\u202eevil'
    "\u2028x, "
    "ABC\u05d0\u05d1\u05d2 \ud800 \ufeff{'caption': 'x'}"
)
LYRICS_KEYS = {"caption", "genre", "bpm", "key", "signature", "is_instrumental", "custom_tag", "lyrics"}
ACE_KEYS = {
    "id", "audio_path", "filename", "caption", "genre", "lyrics", "raw_lyrics", "formatted_lyrics", "bpm", "keyscale",
    "timesignature", "duration", "language", "is_instrumental", "custom_tag", "labeled", "prompt_override",
}  # fmt: skip


def made(target: Target, source: MadeSource, out: Path, **options: Any) -> ExportReport:
    return export(target, source, out, ExportOptions(folder=str(out), **options))


def song_of(*clips: Clip, song_id: str = "song", **changes: Any) -> ExportSong:
    song = dataclasses.replace(made_song(song_id, "train", views=()), clips=clips, digest=repr(clips))
    return dataclasses.replace(song, **changes)


def short(view: str = "full", source: str = "mix", number: int = 0, **changes: Any) -> Clip:
    """Return a clip of 12 s."""
    start_s = number * 12.0
    return made_clip("song", view, source, number, **{"start_s": start_s, "end_s": start_s + 12.0, **changes})


def notes_of(out: Path) -> list[list[str]]:
    return [json.loads(line) for line in (out / "provenance/notes.jsonl").read_text(encoding="utf-8").splitlines()]


def rules_of(out: Path) -> Counter[str]:
    return Counter(rule for _, _, rule, _ in notes_of(out))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def read_ace_step(path: Path) -> list[dict[str, Any]]:
    """Read as ACE-Step does: labelled samples only, one tensor file an id."""
    data = json.loads(path.read_text(encoding="utf-8"))
    assert data["metadata"]["num_samples"] == len(data["samples"])
    assert data["metadata"].keys() == {
        "name", "custom_tag", "tag_position", "num_samples", "all_instrumental", "genre_ratio"
    }  # fmt: skip
    assert data["metadata"]["all_instrumental"] == all(row["is_instrumental"] for row in data["samples"])
    assert all(row.keys() == ACE_KEYS for row in data["samples"])
    return list({row["id"]: row for row in data["samples"] if row["labeled"]}.values())


def read_side_step(path: Path) -> dict[str, str]:
    """Read as Side-Step does: known keys begin a value, after `lyrics` all is lyrics."""
    values: dict[str, list[str]] = {}
    key = ""
    for line in path.read_text(encoding="utf-8-sig").splitlines():
        head = line.split(":", 1)[0].strip().lower()
        if key != "lyrics" and ":" in line and not line.startswith("[") and head in LYRICS_KEYS:
            key = head
            values[key] = [line.split(":", 1)[1].strip()]
        else:
            values[key].append(line)
    return {key: "\n".join(lines).strip() for key, lines in values.items()}


def read_ai_toolkit(path: Path) -> dict[str, str]:
    """Read as ai-toolkit does: the first match of each tag."""
    text = path.read_text(encoding="utf-8")
    tags = ("CAPTION", "LYRICS", "BPM", "KEYSCALE", "TIMESIGNATURE", "DURATION", "LANGUAGE")
    found = {tag: re.search(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL) for tag in tags}
    return {tag: match[1].strip() for tag, match in found.items() if match}


def read_audiocraft(manifest: Path) -> dict[str, dict[str, Any]]:
    """Read as AudioCraft does: a row a line, the sidecar by the name of the sound; its required keys must be there."""
    rows = {}
    for line in manifest.read_bytes().splitlines():
        row = json.loads(line)
        assert {"path", "duration", "sample_rate"} <= row.keys()
        assert row["info_path"] is None or len(row["info_path"].split(":")) == 2
        info = json.loads(Path(row["path"]).with_suffix(".json").read_text(encoding="ascii"))
        required = {"title", "artist", "key", "bpm", "genre", "moods", "description", "name", "instrument"}
        assert required <= info.keys()
        assert info["bpm"] is None or float(info["bpm"])
        assert "," not in (info["key"] or "")
        rows[info["name"]] = {**row, **info}
    return rows


def load_module(path: Path) -> ModuleType:
    """Load a metadata module as stable-audio-tools does."""
    spec = importlib.util.spec_from_file_location("metadata_module", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read_stable_audio(config: Path) -> dict[str, str]:
    """Read as stable-audio-tools does: all sounds below a path, the prompt by the module that the path names."""
    values = json.loads(config.read_text(encoding="utf-8"))
    assert values["dataset_type"] == "audio_dir"
    (dataset,) = values["datasets"]
    module = load_module(Path(dataset["custom_metadata_module"]))
    sounds = [str(path) for path in Path(dataset["path"]).rglob("*") if path.suffix == ".wav"]
    assert all(dataset["path"] in sound for sound in sounds)
    return {sound: module.get_custom_metadata({"path": sound}, None)["prompt"] for sound in sounds}


@pytest.fixture(scope="module")
def ace_step(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("ace") / "out"
    made(AceStep(), made_source(5, views=("full",)), out, custom_tag="mytag")
    return out


@pytest.fixture(scope="module")
def stable_audio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("stable") / "out"
    made(StableAudioTools(), made_source(5, clips=1, views=("30s",)), out)
    return out


@pytest.fixture(scope="module")
def audiocraft(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("audiocraft") / "out"
    made(AudioCraft(), made_source(5, clips=1, views=("30s",)), out)
    return out


def test_ace_step_reads_every_row_in_its_own_words(ace_step: Path) -> None:
    for row in read_ace_step(ace_step / "dataset.json"):
        assert Path(row["audio_path"]).is_absolute()
        assert Path(row["audio_path"]).name == row["filename"]
        info = soundfile.info(row["audio_path"])
        assert (info.samplerate, info.channels, row["duration"]) == (48_000, 2, int(info.duration))
        assert (row["bpm"], row["keyscale"], row["timesignature"]) == (100, "F# minor", "4")
        assert (row["language"], row["custom_tag"], row["genre"]) == ("unknown", "mytag", "rock")


def test_ace_step_gets_the_mix_with_its_words_and_the_sum_without_the_voice(ace_step: Path) -> None:
    rows = {row["id"]: row for row in read_ace_step(ace_step / "dataset.json")}
    mix, instrumental = rows["song-00__full_mix_000"], rows["song-00__full_instrumental_000"]
    assert (mix["is_instrumental"], mix["lyrics"]) == (False, "line 0 of song-00")
    assert (instrumental["is_instrumental"], instrumental["lyrics"]) == (True, "[Instrumental]")


def test_a_mix_of_which_only_an_instrumental_is_known_is_not_taken_for_wordless(tmp_path: Path) -> None:
    unknown: dict[str, Any] = {
        "sounding": "instrumental",
        "lyrics": None,
        "lyrics_reason": "the words of the song are not given",
    }
    clips = (short(**unknown), short(source="instrumental", **{**unknown, "kinds": "instrumental"}))
    made(AceStep(), MadeSource([song_of(*clips, lyrics=None)]), tmp_path / "out")
    assert [row["is_instrumental"] for row in read_ace_step(tmp_path / "out/dataset.json")] == [True]
    assert any("nothing tells whether somebody sings" in str(note) for note in notes_of(tmp_path / "out"))


def test_key_and_metre_stand_in_the_caption(ace_step: Path) -> None:
    for row in read_ace_step(ace_step / "dataset.json"):
        assert "F# minor" in row["caption"]
        assert "4/4" in row["caption"]


def test_held_out_songs_are_in_no_training_list_or_folder_of_ace_step(ace_step: Path) -> None:
    held_out = {"song-03": "validation", "song-04": "test"}
    assert not any(song in (ace_step / "dataset.json").read_text() for song in held_out)
    assert not any(song in str(path) for song in held_out for path in ace_step.glob("*/train/*"))
    for song, split in held_out.items():
        rows = read_ace_step(ace_step / f"dataset_{split}.json")
        assert {row["id"].split("__")[0] for row in rows} == {song}


def test_the_sidecars_of_the_other_trainers_say_what_the_dataset_says(ace_step: Path) -> None:
    rows = read_ace_step(ace_step / "dataset.json")
    assert len(list(ace_step.glob("side-step/train/*.flac"))) == len(rows)
    for row in rows:
        side = read_side_step(ace_step / f"side-step/train/{row['id']}-side-step.txt")
        tags = read_ai_toolkit(ace_step / f"ai-toolkit/train/{row['id']}-ai-toolkit.txt")
        expected = {name: row[name] for name in ("caption", "genre", "lyrics", "custom_tag")}
        assert {name: side[name] for name in expected} == expected
        assert (side["bpm"], side["key"], side["signature"]) == ("100", "F# minor", "4")
        assert side["is_instrumental"] == str(row["is_instrumental"]).lower()
        assert tags == {
            "CAPTION": f"mytag, {row['caption']}", "LYRICS": row["lyrics"], "BPM": "100", "KEYSCALE": "F# minor",
            "TIMESIGNATURE": "4", "DURATION": str(row["duration"]), "LANGUAGE": "unknown",
        }  # fmt: skip


def test_a_scan_of_the_folder_by_ace_step_finds_caption_words_tempo_and_key(ace_step: Path) -> None:
    with (ace_step / "audio/train/metadata.csv").open(encoding="utf-8", newline="") as file:
        table = {row["file"]: row for row in csv.DictReader(file)}
    for row in read_ace_step(ace_step / "dataset.json"):
        sound = Path(row["audio_path"])
        assert sound.with_suffix(".caption.txt").read_text(encoding="utf-8") == row["caption"]
        assert sound.with_suffix(".lyrics.txt").exists() != row["is_instrumental"]  # any file means a voice
        assert not sound.with_suffix(".txt").exists()  # would be read as lyrics
        assert (table[sound.name]["bpm"], table[sound.name]["key"]) == ("100", "F# minor")


def test_no_base_name_stands_in_two_folders(ace_step: Path) -> None:
    names = Counter(path.stem for path in ace_step.rglob("*.flac"))
    assert max(names.values()) == 1


def test_the_sound_of_the_other_trainers_is_the_same_file(ace_step: Path) -> None:
    name = "song-00__full_mix_000"
    paths = [ace_step / f"audio/train/{name}.flac", ace_step / f"audio/train/{name}-2.flac"]
    paths += [ace_step / f"{folder}/train/{name}-{folder}.flac" for folder in ("ai-toolkit", "side-step")]
    assert len({path.stat().st_ino for path in paths}) == 1


def test_weights_become_copies_under_other_ids_and_file_names(ace_step: Path) -> None:
    rows = read_ace_step(ace_step / "dataset.json")
    copies = Counter(re.sub(r"-\d+$", "", row["id"]) for row in rows)
    assert copies["song-00__full_mix_000"] == 3  # weight 1.0
    assert copies["song-00__full_instrumental_000"] == 2  # weight 0.7: 3 to 2 is 5 % off
    assert len({row["filename"] for row in rows}) == len(rows)
    assert rules_of(ace_step)["weights_rounded"] == 1
    assert {row["id"] for row in read_ace_step(ace_step / "dataset_test.json")} == {
        "song-04__full_mix_000", "song-04__full_instrumental_000"
    }  # fmt: skip


def test_what_is_met_in_an_epoch_stands_in_the_provenance(ace_step: Path) -> None:
    clips = [json.loads(line) for line in (ace_step / "provenance/clips.jsonl").read_text().splitlines()]
    told = {clip["name"]: clip["repeats"] for clip in clips}
    assert told["song-00__full_mix_000"] == 3
    assert told["song-03__full_mix_000"] == 1  # held out


def test_equal_weights_make_no_copies(tmp_path: Path) -> None:
    song = song_of(short(training_weight=0.85), short(source="instrumental", training_weight=0.85))
    made(AceStep(), MadeSource([song]), tmp_path / "out")
    assert len(read_ace_step(tmp_path / "out/dataset.json")) == 2


def test_the_job_of_ai_toolkit_names_the_training_folder(ace_step: Path) -> None:
    job = yaml.safe_load((ace_step / "ai-toolkit.yaml").read_text())
    (dataset,) = job["config"]["process"][0]["datasets"]
    assert dataset["folder_path"] == str(ace_step / "ai-toolkit/train")
    assert dataset["caption_ext"] == "txt"


@pytest.mark.parametrize("target", [AceStep(), StableAudioTools(), AudioCraft()], ids=lambda target: target.NAME)
class TestEveryTrainer:
    def source(self, target: Target, song_id: str = "song") -> MadeSource:
        view, end_s = target.VIEWS[0], 24.0
        clips = [short(view, "mix", end_s=end_s), short(view, "instrumental", end_s=end_s)]
        return MadeSource([song_of(*clips, song_id=song_id), song_of(*clips, song_id="other")])

    def test_the_same_songs_give_the_same_bytes(self, target: Target, tmp_path: Path) -> None:
        out = tmp_path / "out"
        made(target, self.source(target), out)
        first = contents(out)
        shutil.rmtree(out)
        made(target, self.source(target), out)
        assert contents(out) == first

    def test_a_second_export_renders_nothing_and_changes_nothing(self, target: Target, tmp_path: Path) -> None:
        made(target, self.source(target), tmp_path / "out")
        first, again = contents(tmp_path / "out"), self.source(target)
        made(target, again, tmp_path / "out")
        assert not any(renderer.rendered for renderer in again.renderers.values())
        assert contents(tmp_path / "out") == first

    def test_a_place_that_is_not_absolute_is_refused(self, target: Target, tmp_path: Path) -> None:
        with pytest.raises(ExportError, match="absolute"):
            export(target, self.source(target), tmp_path / "out", ExportOptions(folder="out"))

    def test_a_sound_that_cannot_be_trained_on_is_left_out_and_named(self, target: Target, tmp_path: Path) -> None:
        class Refusing:
            def render(self, clip: Clip, *, sample_rate_hz: int, channels: int) -> ClipSound:
                raise ClipRefused("silent", "it is silent")

        class Source(MadeSource):
            def load(self, song_id: str) -> tuple[ExportSong, Any]:
                song, renderer = super().load(song_id)
                return song, Refusing() if song_id == "other" else renderer

        report = made(target, Source(list(self.source(target).songs.values())), tmp_path / "out")
        assert report.clips["train"] == 2
        refused = [note[:2] for note in notes_of(tmp_path / "out") if note[2] == "silent"]
        assert refused == [["other", f"{target.VIEWS[0]}.{source}.000"] for source in ("mix", "instrumental")]

    def test_the_command_survives_a_place_with_spaces(self, target: Target, tmp_path: Path) -> None:
        command = target.command(Path("/data/my music"))
        assert "'/data/my music/" in command
        assert " /data/my music" not in command

    def test_the_readme_shows_the_command_for_where_it_stands(self, target: Target, tmp_path: Path) -> None:
        made(target, self.source(target), tmp_path / "out")
        assert target.command(tmp_path / "out") in (tmp_path / "out/README.md").read_text()


def hostile_song(view: str) -> MadeSource:
    clip = short(view, end_s=24.0, text=f"Rock. {HOSTILE}", lyrics=f"first line\n{HOSTILE}", key="F# minor")
    return MadeSource([song_of(clip, title=HOSTILE, artist=HOSTILE, genres=(HOSTILE, "rock"))])


def assert_printable(texts: Iterable[object], allowed: str = "") -> None:
    for text in texts:
        assert not any(c != allowed and not c.isprintable() for c in str(text)), text


def test_hostile_texts_reach_the_three_trainers_of_ace_step_whole_and_alike(tmp_path: Path) -> None:
    out = tmp_path / "out"
    made(AceStep(), hostile_song("full"), out, custom_tag='my\ntag: "x" <BPM>')
    (row,) = read_ace_step(out / "dataset.json")
    assert_printable([row["caption"], row["genre"], row["custom_tag"]])
    assert_printable([row["lyrics"]], allowed="\n")
    assert "<" not in row["caption"] + row["lyrics"] + row["custom_tag"]  # a special token of the tokenizer
    assert row["lyrics"].split("\n")[0] == "first line"
    side = read_side_step(out / f"side-step/train/{row['id']}-side-step.txt")
    assert (side["caption"], side["lyrics"], side["bpm"]) == (row["caption"], row["lyrics"], "100")
    assert (side["is_instrumental"], side["genre"]) == ("false", row["genre"])
    tags = read_ai_toolkit(out / f"ai-toolkit/train/{row['id']}-ai-toolkit.txt")
    assert (tags["CAPTION"], tags["LYRICS"], tags["BPM"]) == (
        f"{row['custom_tag']}, {row['caption']}", row["lyrics"], "100"
    )  # fmt: skip


def test_hostile_texts_are_one_prompt_of_stable_audio(tmp_path: Path) -> None:
    made(StableAudioTools(), hostile_song("30s"), tmp_path / "out")
    (prompt,) = read_stable_audio(tmp_path / "out/dataset_config.json").values()
    assert_printable([prompt])
    assert prompt.startswith("Rock. He said:")


def test_hostile_texts_are_one_row_of_audiocraft(tmp_path: Path) -> None:
    made(AudioCraft(), hostile_song("30s"), tmp_path / "out")
    (row,) = read_audiocraft(tmp_path / "out/egs/flamingo_bark/train/data.jsonl").values()
    assert_printable([row["title"], row["artist"], row["genre"], row["description"]])


def cut_notes(out: Path, rule: str) -> Sequence[list[str]]:
    return [note for note in notes_of(out) if note[2] == rule]


def test_every_cut_of_text_and_lyrics_is_noted_with_clip_and_words(tmp_path: Path) -> None:
    # Each of these words and line ends is one token for any tokenizer, so that their number is known.
    clip = short(text="A start. " + "a " * 400 + "tail.", lyrics="\n".join(["la la la"] * 200 + ["last"]))
    made(AceStep(), MadeSource([song_of(clip)]), tmp_path / "out")
    (row,) = read_ace_step(tmp_path / "out/dataset.json")
    assert len(row["caption"].split()) <= 256 - 56  # what the template takes
    assert row["lyrics"].count("la") + row["lyrics"].count("\n") <= 512 - 10
    assert row["lyrics"].count("\n") > 80  # and no less than the budget asks for
    assert row["caption"].endswith("In F# minor, 4/4.")  # not cut
    for rule, words in (("text_cut", "tail."), ("lyrics_cut", "la la la")):
        (note,) = cut_notes(tmp_path / "out", rule)
        assert note[:2] == ["song", "full.mix.000"]
        assert words in note[3] or "..." in note[3]
    assert row["raw_lyrics"].endswith("last")  # kept beside, for a trainer that reads more


def test_language_and_section_tags_reach_the_trainers_and_no_tag_ends_what_was_cut(tmp_path: Path) -> None:
    lines = ["la la la"] * 110
    clips = [
        short(lyrics="one\ntwo", structured_lyrics="[Verse]\none\n[Chorus]\ntwo", lyrics_language="de"),
        short(number=1, lyrics="one", lyrics_language=None),
        short(number=2, lyrics="\n".join(lines), structured_lyrics="\n[Chorus]\n".join(lines)),
    ]
    made(AceStep(), MadeSource([song_of(*clips)]), tmp_path / "out")
    tagged, plain, cut = read_ace_step(tmp_path / "out/dataset.json")
    assert (tagged["language"], plain["language"]) == ("de", "unknown")
    assert (tagged["lyrics"], tagged["raw_lyrics"]) == ("[Verse]\none\n[Chorus]\ntwo", "one\ntwo")
    assert not cut["lyrics"].endswith("]")


def test_lyrics_that_the_trainer_may_cut_although_they_fit_the_estimate_are_noted(tmp_path: Path) -> None:
    clips = [short(lyrics="la " * 400), short(number=1, lyrics="la " * 300)]
    made(AceStep(), MadeSource([song_of(*clips)]), tmp_path / "out")
    assert [note[1] for note in cut_notes(tmp_path / "out", "lyrics_near_limit")] == ["full.mix.000"]
    assert not cut_notes(tmp_path / "out", "lyrics_cut")


def test_a_prompt_longer_than_its_conditioner_reads_is_cut_and_noted(tmp_path: Path) -> None:
    clip = short("30s", text="a " * 200, key="F# minor")
    made(StableAudioTools(), MadeSource([song_of(clip)]), tmp_path / "out")
    (prompt,) = read_stable_audio(tmp_path / "out/dataset_config.json").values()
    assert len(prompt.split()) < 128
    assert prompt.endswith("In F# minor, 4/4. 100 BPM.")
    assert len(cut_notes(tmp_path / "out", "text_cut")) == 1


def test_texts_that_fit_are_not_cut(ace_step: Path, stable_audio: Path, audiocraft: Path) -> None:
    for out in (ace_step, stable_audio, audiocraft):
        assert not {"text_cut", "lyrics_cut"} & rules_of(out).keys()


@pytest.mark.parametrize(
    "facts", [{"tempo_bpm": None, "key": None, "metre": None}, {"tempo_bpm": 12.0, "key": "D dorian", "metre": "7/8"}]
)
def test_what_is_unknown_or_out_of_the_vocabulary_is_left_out(facts: Mapping[str, Any], tmp_path: Path) -> None:
    out = tmp_path / "out"
    made(AceStep(), MadeSource([song_of(short(text="Music.", **facts), genres=())]), out)
    (row,) = read_ace_step(out / "dataset.json")
    assert (row["bpm"], row["keyscale"], row["timesignature"], row["genre"]) == (None, "", "", "")
    assert row["caption"] == "Music."
    assert read_side_step(out / f"side-step/train/{row['id']}-side-step.txt").keys() == {
        "caption", "is_instrumental", "lyrics"
    }  # fmt: skip
    assert read_ai_toolkit(out / f"ai-toolkit/train/{row['id']}-ai-toolkit.txt").keys() == {
        "CAPTION", "LYRICS", "DURATION", "LANGUAGE"
    }  # fmt: skip
    assert rules_of(out)["tempo_unknown"] == 1  # ai-toolkit takes it for 120 BPM


def test_an_unknown_fact_is_null_for_audiocraft(tmp_path: Path) -> None:
    clip = short("30s", end_s=24.0, tempo_bpm=None, key=None, sounding="")
    made(AudioCraft(), MadeSource([song_of(clip, title=None, artist=None, genres=())]), tmp_path / "out")
    (row,) = read_audiocraft(tmp_path / "out/egs/flamingo_bark/train/data.jsonl").values()
    assert [row[name] for name in ("title", "artist", "key", "bpm", "genre", "instrument")] == [None] * 6


def ace_rows(song: ExportSong, out: Path) -> dict[str, dict[str, Any]]:
    made(AceStep(), MadeSource([song]), out)
    return {row["id"]: row for row in read_ace_step(out / "dataset.json")} if (out / "dataset.json").exists() else {}


def test_a_voice_without_known_words_is_not_called_instrumental(tmp_path: Path) -> None:
    (row,) = ace_rows(song_of(short(lyrics=None), lyrics=None), tmp_path / "out").values()
    assert (row["is_instrumental"], row["lyrics"], row["raw_lyrics"]) == (False, "[Vocals]", "")
    assert rules_of(tmp_path / "out")["lyrics_unknown"] == 1


def test_a_mix_whose_stems_hold_no_voice_is_instrumental_and_its_sum_stays_out(tmp_path: Path) -> None:
    clips = [short(lyrics=None, sounding="drums+bass"), short(source="instrumental", sounding="drums+bass")]
    (row,) = ace_rows(song_of(*clips, lyrics=None), tmp_path / "out").values()
    assert (row["id"], row["is_instrumental"]) == ("song__full_mix_000", True)
    assert rules_of(tmp_path / "out")["left_out"] == 1


def test_a_mix_of_which_nothing_tells_whether_somebody_sings_stays_out(tmp_path: Path) -> None:
    clips = short(lyrics=None, sounding=""), short(number=1)
    assert ace_rows(song_of(*clips, lyrics=None), tmp_path / "out").keys() == {"song__full_mix_001"}
    assert rules_of(tmp_path / "out")["left_out"] == 1


def test_the_words_of_a_song_without_times_are_those_of_a_clip_that_is_all_of_it(tmp_path: Path) -> None:
    song = song_of(short(lyrics=None), short(number=1, lyrics=None), lyrics="[Chorus]\nall words", duration_s=12.0)
    rows = ace_rows(song, tmp_path / "out")
    assert rows["song__full_mix_000"]["lyrics"] == "[Chorus]\nall words"
    assert rows["song__full_mix_001"]["lyrics"] == "[Vocals]"


def test_clips_outside_the_lengths_of_ace_step_stay_out(tmp_path: Path) -> None:
    clips = [short(end_s=9.0), short(number=1, start_s=9.0, end_s=250.0), short(number=2)]
    assert ace_rows(song_of(*clips), tmp_path / "out").keys() == {"song__full_mix_002"}
    assert rules_of(tmp_path / "out")["left_out"] == 2


def test_another_view_may_be_chosen(tmp_path: Path) -> None:
    song = song_of(short("30s"), short("full"), short("30s", "drums"))
    made(AceStep(), MadeSource([song]), tmp_path / "out", view="30s")
    assert [row["id"] for row in read_ace_step(tmp_path / "out/dataset.json")] == ["song__30s_mix_000"]


def test_stable_audio_reads_every_sound_with_its_prompt(stable_audio: Path) -> None:
    config = json.loads((stable_audio / "dataset_config.json").read_text())
    assert config["drop_last"] is False
    for split, songs in (("", 3), ("_validation", 1), ("_test", 1)):
        prompts = read_stable_audio(stable_audio / f"dataset_config{split}.json")
        assert len(prompts) == 7 * songs
        for sound, prompt in prompts.items():
            info = soundfile.info(sound)
            assert (info.samplerate, info.channels) == (44_100, 2)
            assert Path(sound).name.split("__")[0] in prompt  # the made text names its song
            assert "100 BPM" in prompt
            assert prompt.count("F# minor") == 1
            assert "4/4" in prompt


@pytest.mark.parametrize("fault", ["sound without a prompt", "empty prompt", "prompt without a sound"])
def test_a_fault_that_the_loader_would_swallow_stops_it_at_the_start(
    fault: str, stable_audio: Path, tmp_path: Path
) -> None:
    out = tmp_path / "copy"
    shutil.copytree(stable_audio, out)
    prompts = json.loads((out / "prompts.json").read_text(encoding="utf-8"))
    first = next(iter(prompts))
    match fault:
        case "sound without a prompt":
            del prompts[first]
        case "empty prompt":
            prompts[first] = "  "
        case _:
            (out / "train" / first).unlink()
    (out / "prompts.json").write_text(json.dumps(prompts), encoding="utf-8")
    with pytest.raises(RuntimeError, match=re.escape(first)):
        load_module(out / "flamingo_bark_metadata.py")


def test_no_plain_exception_hides_a_sound_that_came_later(stable_audio: Path) -> None:
    module = load_module(stable_audio / "flamingo_bark_metadata.py")
    with pytest.raises(SystemExit, match="new"):  # an Exception is swallowed, and another sound taken
        module.get_custom_metadata({"path": str(stable_audio / "train/new.wav")}, None)


def test_weights_that_stable_audio_cannot_read_are_noted_once(stable_audio: Path, tmp_path: Path) -> None:
    assert [note[:3] for note in notes_of(stable_audio)] == [["", "", "weights_unsupported"]]
    made(StableAudioTools(), MadeSource([song_of(short("30s"))]), tmp_path / "out")
    assert notes_of(tmp_path / "out") == []


def test_audiocraft_reads_every_row(audiocraft: Path) -> None:
    for split, songs in (("train", 3), ("validation", 1), ("test", 1)):
        rows = read_audiocraft(audiocraft / f"egs/flamingo_bark/{split}/data.jsonl")
        assert len(rows) == 7 * songs
        for row in rows.values():
            samples, rate_hz = soundfile.read(row["path"])
            assert Path(row["path"]).is_absolute()
            assert (rate_hz, samples.ndim) == (row["sample_rate"], 1) == (32_000, 1)
            assert row["duration"] == samples.size / rate_hz
            assert row["duration"] >= 0.8 * 30
            assert row["amplitude"] == pytest.approx(abs(samples).max(), abs=1e-4)
            assert (row["key"], row["bpm"], row["genre"]) == ("F# minor", 100, "rock")


def test_audiocraft_gets_the_weights_and_the_override_that_reads_them(audiocraft: Path) -> None:
    rows = read_audiocraft(audiocraft / "egs/flamingo_bark/train/data.jsonl")
    assert rows["song-00__30s_mix_000"]["weight"] == 1.0
    assert rows["song-00__30s_drums_000"]["weight"] == 0.7
    assert "+dataset.train.sample_on_weight=true" in AudioCraft().command(audiocraft)


def test_the_instruments_of_a_stem_are_its_own(audiocraft: Path) -> None:
    rows = read_audiocraft(audiocraft / "egs/flamingo_bark/train/data.jsonl")
    assert rows["song-00__30s_drums_bass_000"]["instrument"] == "drums, bass"
    assert rows["song-00__30s_mix_000"]["instrument"] == "drums, bass, vocals, harmonic"


def test_the_datasource_names_a_manifest_for_every_stage(audiocraft: Path) -> None:
    stages = yaml.safe_load((audiocraft / "dset/audio/flamingo_bark.yaml").read_text())["datasource"]
    assert (stages["max_sample_rate"], stages["max_channels"]) == (32_000, 1)
    for stage, split in (("train", "train"), ("valid", "validation"), ("evaluate", "test"), ("generate", "validation")):
        assert stages[stage] == str(audiocraft / "egs/flamingo_bark" / split)
        assert (Path(stages[stage]) / "data.jsonl").is_file()


def test_without_held_out_songs_the_datasource_says_so_and_still_loads(tmp_path: Path) -> None:
    made(AudioCraft(), MadeSource([song_of(short("30s", end_s=24.0))]), tmp_path / "out")
    stages = yaml.safe_load((tmp_path / "out/dset/audio/flamingo_bark.yaml").read_text())["datasource"]
    assert stages["valid"] == stages["train"]
    assert rules_of(tmp_path / "out")["no_validation"] == 1


def test_a_clip_that_fills_too_little_of_a_segment_stays_out_of_audiocraft(tmp_path: Path) -> None:
    clips = [short("30s", end_s=23.9), short("30s", number=1, end_s=36.0)]
    made(AudioCraft(), MadeSource([song_of(*clips)]), tmp_path / "out")
    assert read_audiocraft(tmp_path / "out/egs/flamingo_bark/train/data.jsonl").keys() == {"song__30s_mix_001"}
    assert notes_of(tmp_path / "out")[0][:3] == ["song", "30s.mix.000", "left_out"]


@pytest.mark.parametrize(
    ("weights", "numbers"),
    [
        ([1.0, 0.7], {1.0: 10, 0.7: 7}),
        ([0.7, 0.7], {0.7: 1}),
        ([2.0, 1.0], {2.0: 2, 1.0: 1}),
        ([1.0, 0.85], {1.0: 7, 0.85: 6}),
        ([], {}),
    ],
)
def test_weights_become_the_smallest_numbers_of_their_ratio(weights: list[float], numbers: dict[float, int]) -> None:
    assert whole_repeats(weights) == numbers


def test_a_tolerance_makes_the_numbers_smaller() -> None:
    numbers = whole_repeats([1.0, 0.85, 0.7], tolerance=0.06, most=6)
    assert numbers == {1.0: 6, 0.85: 5, 0.7: 4}
    assert ratio_error(numbers) < 0.06


def test_no_clip_is_repeated_without_end() -> None:
    assert whole_repeats([1.0, 1e-6], most=20) == {1.0: 20, 1e-6: 1}


@pytest.mark.parametrize(
    ("key", "name"),
    [("f# Minor", "F# minor"), ("Bb major", "Bb major"), ("E♭ minor", "Eb minor"), ("C dorian", None), (None, None)],
)
def test_keys_are_spelled_as_the_trainers_do(key: str | None, name: str | None) -> None:
    assert key_name(key) == name


def test_metres_and_tempi_are_those_of_the_trainers() -> None:
    assert [metre_number(metre) for metre in ("2/4", "3/4", "4/4", "6/8", "5/4", None)] == [
        "2",
        "3",
        "4",
        "6",
        None,
        None,
    ]
    bpm = [whole_bpm(value) for value in (29.0, 30.0, 99.6, 300.0, 301.0, float("nan"), None)]
    assert bpm == [None, 30, 100, 300, None, None, None]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [  # as counted with a published vocabulary of Qwen, of which family ACE-Step's text encoder is
        ("Hold me closer, tiny dancer in the moonlight\nWe were strangers on a Saturday night", 18),
        ("Über sieben Brücken musst du gehn, durch dunkle Nächte und vergessene Straßen", 23),
        ("Ночь, улица, фонарь, аптека, бессмысленный и тусклый свет", 24),
        ("xqzvk jjwqp bdfgh tklmn zzxcv qwrtp", 19),
        ("明月几时有，把酒问青天。不知天上宫阙，今夕是何年。", 25),
    ],
)
def test_the_tokens_of_these_lines_are_estimated_from_above_and_not_wildly(text: str, tokens: int) -> None:
    assert tokens <= estimated_tokens(text) <= 2.5 * tokens


def test_a_text_is_cut_between_sentences_else_clauses_else_words_else_inside() -> None:
    assert cut_text("One two. Three four.", 4) == ("One two.", "Three four.")
    assert cut_text("One two, three four", 3) == ("One two", "three four")
    assert cut_text("one two three four", 2) == ("one two", "three four")
    kept, left = cut_text("x" * 100, 10)
    assert kept + left == "x" * 100
    assert kept
    assert estimated_tokens(kept) <= 10


def test_lyrics_are_cut_after_a_line() -> None:
    assert cut_lines("la la\nlo lo\nlu", 6) == ("la la\nlo lo", "lu")
    assert cut_lines("la la la la", 2) == ("la la", "la la")


def test_a_line_holds_nothing_that_is_not_printed() -> None:
    assert clean_line(" a\x00b\u202ec\n\n<|endoftext|> \ud800") == "a bc ‹|endoftext|›"


@pytest.mark.parametrize(
    ("said", "added"),
    [
        ("Rock in Gb minor at 100 BPM.", "In 4/4."),
        ("Rock in F# minor, 4/4.", ""),
        ("Rock with a minor change of pace.", "In F# minor, 4/4."),
        ("Rock in A major.", "In F# minor, 4/4."),
    ],
)
def test_a_key_that_is_said_in_any_spelling_is_not_said_again(said: str, added: str) -> None:
    assert key_and_metre(made_clip("song", "full", "mix", 0), said) == added


def test_ace_step_puts_in_the_tag_itself_unless_a_song_wants_it_elsewhere(tmp_path: Path) -> None:
    source = made_source(2, views=("full",))
    first, second = sorted(source.songs)
    source.songs[second] = dataclasses.replace(source.songs[second], custom_tag=CustomTag("mine", "append"))
    made(AceStep(), source, tmp_path, custom_tag="zxcv")
    rows = [row for path in sorted(tmp_path.rglob("dataset*.json")) for row in read_ace_step(path)]
    by_song = {row["id"].split("__")[0]: row for row in rows}
    assert (by_song[first]["custom_tag"], "zxcv" in by_song[first]["caption"]) == ("zxcv", False)
    assert by_song[second]["custom_tag"] == ""
    assert "mine" in by_song[second]["caption"]


@pytest.mark.parametrize(
    ("text", "is_said"),
    [("Rock in Db major, in 4/4.", True), ("Rock in C# major.", True), ("Rock in D major.", False), ("Rock.", False)],
)
def test_a_key_is_said_in_any_spelling(text: str, is_said: bool) -> None:
    assert says_key(text, "C# major") is is_said
