"""The export of WebDataset shards: `webdataset` reads every sample whole, and a changed song rewrites one shard."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
import soundfile

from flamingo_bark_assets.custom_tag import CustomTag
from flamingo_bark_assets.exports.interface import ExportOptions, ExportSong, Renderer, Split
from flamingo_bark_assets.exports.registry import TARGETS
from flamingo_bark_assets.exports.run import ExportReport, export
from flamingo_bark_assets.exports.targets import webdataset as target_module
from tests.export_hub_songs import (
    CLIP_S,
    HOSTILE,
    HOSTILE_AS_WRITTEN,
    RefusingRenderer,
    changed,
    redone,
    short_song,
    short_source,
)
from tests.export_songs import MadeSource

TARGET = TARGETS["webdataset"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


def write(source: MadeSource, out: Path, **options: Any) -> ExportReport:
    return export(TARGET, source, out, ExportOptions(folder="/somewhere", **options))


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards") / "export"
    write(short_source(), folder)
    return folder


def samples(folder: Path, split: str = "train") -> list[dict[str, Any]]:
    """What the library reads, decoded."""
    import webdataset

    urls = sorted(str(path) for path in (folder / split).glob("*.tar"))
    return list(webdataset.WebDataset(urls, shardshuffle=False).decode())


def notes(folder: Path) -> list[list[str]]:
    return [json.loads(line) for line in (folder / "provenance/notes.jsonl").read_text().splitlines()]


def clip_names(source: MadeSource, split: str) -> list[tuple[str, str]]:
    return sorted(
        (song.song_id, clip.clip) for song in source.songs.values() if song.split == split for clip in song.clips
    )


@pytest.mark.parametrize("split", SPLITS)
def test_webdataset_reads_each_clip_once_with_one_set_of_keys(out: Path, split: str) -> None:
    found = samples(out, split)

    assert sorted((s["json"]["song_id"], s["json"]["clip"]) for s in found) == clip_names(short_source(), split)
    assert {frozenset(sample) - {"__key__", "__url__", "__local_path__"} for sample in found} == {
        frozenset({"flac", "json", "txt"})
    }
    assert len({sample["__key__"] for sample in found}) == len(found)


def test_a_sample_holds_sound_text_and_facts_that_agree(out: Path) -> None:
    clips = {(song.song_id, clip.clip): clip for song in short_source().songs.values() for clip in song.clips}
    for sample in samples(out):
        facts = sample["json"]
        clip = clips[facts["song_id"], facts["clip"]]
        sound, rate_hz = soundfile.read(io.BytesIO(sample["flac"]))
        assert (rate_hz, sound.shape) == (44_100, (round(CLIP_S * 44_100), 2))
        assert facts["sha256"] == hashlib.sha256(sample["flac"]).hexdigest()
        assert sample["txt"] == facts["text"] == facts["prompt"] == clip.text
        assert (facts["source"], facts["lyrics"], facts["weight"]) == (clip.source, clip.lyrics, clip.training_weight)


def test_members_of_a_sample_stand_together_without_dots_in_the_key_or_traces_of_the_machine(out: Path) -> None:
    for path in out.rglob("*.tar"):
        with tarfile.open(path) as shard:
            members = shard.getmembers()
        names = [member.name for member in members]
        assert len(set(names)) == len(names)
        for start in range(0, len(names), 3):
            keys, endings = zip(*(name.split(".") for name in names[start : start + 3]), strict=True)
            assert len(set(keys)) == 1 and endings == ("flac", "json", "txt")
        assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.isreg()) for m in members} == {(0, 0, 0, "", "", True)}


def test_each_split_has_a_folder_of_its_own(out: Path) -> None:
    # stable-audio-tools reads every shard below the folder that it is given.
    for split in SPLITS:
        assert {json.loads(json.dumps(s["json"]))["song_id"] for s in samples(out, split)} == {
            song.song_id for song in short_source().songs.values() if song.split == split
        }
        assert all(path.name.startswith(f"{split}-") for path in (out / split).glob("*"))


def test_the_pipeline_of_stable_audio_tools_gets_sound_and_prompt(out: Path) -> None:
    import webdataset

    config = json.loads((out / "stable-audio-tools.json").read_text())
    assert config["dataset_type"] == "wds" and not config["remove_silence"]
    (dataset,) = config["datasets"]
    assert dataset["path"] == "/somewhere/train"

    def decode(key: str, value: bytes) -> Any:
        return soundfile.read(io.BytesIO(value)) if key.endswith(".flac") else None

    def fail(error: Exception) -> bool:
        raise error

    urls = sorted(str(path) for path in (out / "train").rglob("*.tar"))
    pipeline = webdataset.DataPipeline(
        webdataset.SimpleShardList(urls),
        webdataset.tarfile_to_samples(handler=fail),
        webdataset.decode(decode, handler=fail),
        webdataset.to_tuple("flac", "json", handler=fail),
    )
    read = list(pipeline)
    assert len(read) == len(clip_names(short_source(), "train"))
    assert all(info["prompt"] and rate_hz == 44_100 for (_, rate_hz), info in read)


def test_a_changed_song_rewrites_its_shard_alone(tmp_path: Path) -> None:
    source = short_source()
    write(source, tmp_path / "out")
    before = {path: path.stat().st_ino for path in (tmp_path / "out").rglob("*.tar")}
    source.songs["song-02"] = changed(source.songs["song-02"], lambda clip: dataclasses.replace(clip, text="New."))

    report = write(source, tmp_path / "out")

    after = {path: path.stat().st_ino for path in (tmp_path / "out").rglob("*.tar")}
    shard = tmp_path / "out/train" / f"{TARGET.unit_of('song-02', 'train')}.tar"
    assert {path for path in before if before[path] != after[path]} == {shard}
    assert report.units_written == 1


def test_further_songs_move_no_song_to_another_shard(tmp_path: Path) -> None:
    few, many = short_source(), short_source()
    many.songs |= {f"more-{n}": short_song(f"more-{n}", "train", clips=1) for n in range(3)}
    many.renderers |= {name: RefusingRenderer(name, ()) for name in many.songs if name.startswith("more")}
    write(few, tmp_path / "few")
    write(many, tmp_path / "many")

    def places(folder: Path) -> dict[str, str]:
        return {s["__key__"]: Path(s["__url__"]).name for s in samples(folder)}

    assert places(tmp_path / "few").items() <= places(tmp_path / "many").items()


def test_equal_songs_give_equal_bytes(out: Path, tmp_path: Path) -> None:
    write(short_source(), tmp_path / "again")

    checksums = "provenance/checksums.sha256"
    assert (tmp_path / "again" / checksums).read_bytes() == (out / checksums).read_bytes()


def test_hostile_words_come_back_as_they_were(tmp_path: Path) -> None:
    song = changed(short_song("one", "train", clips=1), lambda c: dataclasses.replace(c, text=HOSTILE, lyrics=HOSTILE))
    write(MadeSource([redone(dataclasses.replace(song, title=HOSTILE))]), tmp_path)

    for sample in samples(tmp_path):
        assert sample["txt"] == sample["json"]["prompt"] == sample["json"]["lyrics"] == HOSTILE_AS_WRITTEN
        assert sample["json"]["title"] == HOSTILE_AS_WRITTEN


def test_the_longest_name_of_a_song_fits(tmp_path: Path) -> None:
    write(MadeSource([short_song("x" * 100, "train", clips=1)]), tmp_path)

    assert {len(sample["json"]["song_id"]) for sample in samples(tmp_path)} == {100}


def test_refused_clips_are_noted_and_a_shard_without_a_clip_is_not_written(tmp_path: Path) -> None:
    source = short_source(("train", "train"))
    source.renderers["song-00"] = RefusingRenderer("song-00", {c.clip for c in source.songs["song-00"].clips})
    source.renderers["song-01"] = RefusingRenderer("song-01", {"30s.mix.000"})

    report = write(source, tmp_path)

    assert [path.stem for path in tmp_path.rglob("*.tar")] == [TARGET.unit_of("song-01", "train")]
    assert len(samples(tmp_path)) == report.clips["train"] == len(source.songs["song-01"].clips) - 1
    refused = [(song, clip) for song, clip, rule, _ in notes(tmp_path) if rule == "silent"]
    assert len(refused) == len(source.songs["song-00"].clips) + 1
    assert ("song-01", "30s.mix.000") in refused


def test_songs_of_one_shard_are_held_one_after_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target_module, "SHARDS", 1)
    events: list[str] = []

    class Source(MadeSource):
        def load(self, song_id: str) -> tuple[ExportSong, Renderer]:
            rendered = [name for name, renderer in self.renderers.items() if renderer.rendered]
            events.append(f"{song_id} after {','.join(rendered)}")
            return super().load(song_id)

    write(Source([short_song(f"song-{n}", "train", clips=1) for n in range(3)]), tmp_path)

    assert events == ["song-0 after ", "song-1 after song-0", "song-2 after song-0,song-1"]
    assert [path.name for path in (tmp_path / "train").iterdir()] == ["train-000000.tar"]


def test_what_is_told_of_a_clip_names_its_shard_and_member(out: Path) -> None:
    for line in (out / "provenance/clips.jsonl").read_text().splitlines():
        audio = json.loads(line)["files"]["audio"]
        shard, _, member = audio["path"].rpartition("/")
        with tarfile.open(out / shard) as file:
            content = file.extractfile(member)
            assert content is not None
            assert hashlib.sha256(content.read()).hexdigest() == audio["sha256"]


def test_the_tag_of_a_song_goes_before_that_of_the_export(tmp_path: Path) -> None:
    source = short_source(("train",))
    source.songs = {
        name: dataclasses.replace(song, custom_tag=CustomTag("mine", "append")) for name, song in source.songs.items()
    }
    write(source, tmp_path, custom_tag="zxcv")
    texts = [str(sample["txt"]) for sample in samples(tmp_path)]
    assert texts
    assert all(text.endswith(" mine") and "zxcv" not in text for text in texts)


def test_the_custom_tag_stands_before_each_text(tmp_path: Path) -> None:
    write(short_source(("train",)), tmp_path, custom_tag="zxcv")

    assert all(sample["txt"].startswith("zxcv, ") for sample in samples(tmp_path))
