"""The export for the Hugging Face Hub: `datasets` and `mlcroissant` load every row, whatever the songs lack or say."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
import types
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import soundfile
import yaml

from flamingo_bark_assets.clips.records import Clip
from flamingo_bark_assets.clips.sound import ClipSound
from flamingo_bark_assets.exports.interface import ExportOptions, Split, Summary
from flamingo_bark_assets.exports.parquet import ParquetColumn, write_parquet
from flamingo_bark_assets.exports.registry import TARGETS
from flamingo_bark_assets.exports.run import ExportReport, export
from flamingo_bark_assets.exports.targets.hub_card import Survey, hub_card, hub_licence
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
from tests.export_songs import MadeRenderer, MadeSource
from tests.hub import keep_off_the_network

KINDS = ("instrumental", "drums", "bass", "vocals", "harmonic")


def write(source: MadeSource, out: Path, **options: Any) -> ExportReport:
    return export(TARGETS["huggingface"], source, out, ExportOptions(folder=str(out), **options))


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hub") / "export"
    write(short_source(), folder)
    return folder


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_off_the_network(monkeypatch)


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The loader of `datasets`, with sounds as paths.

    It imports torchcodec even to write down a path, and torchcodec imports FFmpeg; no frame is coded here.
    """
    import datasets

    for name in ("torchcodec", "torchcodec.encoders"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setattr(sys.modules["torchcodec.encoders"], "AudioEncoder", object, raising=False)
    datasets.disable_progress_bars()

    def loaded(folder: Path) -> Any:
        found = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
        for split, rows in found.items():
            for name, feature in rows.features.items():
                if isinstance(feature, datasets.Audio):
                    found[split] = found[split].cast_column(name, datasets.Audio(decode=False))
        return found

    return loaded


def metadata(folder: Path, split: str = "train") -> pl.DataFrame:
    return pl.read_parquet(folder / split / "metadata.parquet")


def front_matter(folder: Path) -> dict[str, Any]:
    _, head, _ = (folder / "README.md").read_text().split("---\n", 2)
    return dict(yaml.safe_load(head))


def notes(folder: Path) -> list[list[str]]:
    return [json.loads(line) for line in (folder / "provenance/notes.jsonl").read_text().splitlines()]


def test_datasets_loads_every_row_of_every_split(out: Path, load: Any) -> None:
    found = load(out)

    assert {split: rows.num_rows for split, rows in found.items()} == {"train": 6, "validation": 2, "test": 2}
    for split, rows in found.items():
        of_file = metadata(out, split).rename({"file_name": "audio"}).drop("audio", f"^({'|'.join(KINDS)})_file_name$")
        of_loader = [{name: row[name] for name in of_file.columns} for row in rows]
        assert of_loader == of_file.to_dicts()


def test_rows_card_and_attribution_say_which_stems_were_separated_and_by_what(tmp_path: Path) -> None:
    def separate(clip: Clip) -> Clip:
        made_by = {"separator": "demucs, model htdemucs", "separator_licence": "MIT"} if clip.kinds else {}
        return dataclasses.replace(clip, **made_by)  # type: ignore[arg-type]

    songs = [changed(short_song("song-00", "train"), separate), short_song("song-01", "train")]
    write(MadeSource(songs), tmp_path / "out")
    maker = "demucs, model htdemucs (licence of the weights: MIT)"
    rows = metadata(tmp_path / "out").select("song_id", "stems_origin", "stems_separated_by").unique().sort("song_id")
    assert rows.rows() == [("song-00", "separated", maker), ("song-01", "given", None)]
    card = (tmp_path / "out/README.md").read_text()
    assert "Stems of 2 clips were not recorded apart but **separated** from the mix by" in card and maker in card
    credit = f"Stems of some songs were separated from the mix by {maker}."
    assert credit in (tmp_path / "out/ATTRIBUTION.md").read_text()
    write(MadeSource(songs), tmp_path / "out")
    assert credit in (tmp_path / "out/ATTRIBUTION.md").read_text()


def test_each_sound_is_an_audio_column_that_leads_to_its_file(out: Path, load: Any) -> None:
    rows = load(out)["train"]

    for row, facts in zip(rows, metadata(out).to_dicts(), strict=True):
        path = Path(row["audio"]["path"])
        assert path == out / "train" / facts["file_name"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == facts["sha256"]
        for kind in KINDS:
            assert (row[kind] is None) == (facts[f"{kind}_file_name"] is None)
            if row[kind] is not None:
                assert Path(row[kind]["path"]).name.replace(f"_{kind}_", "_mix_") == path.name


def test_a_missing_stem_is_null_with_its_text_and_loses_no_row(out: Path, load: Any) -> None:
    rows = [row for row in load(out)["train"] if row["song_id"] == "song-01"]

    assert len(rows) == 2
    assert [row["drums"] for row in rows] == [None, None]
    assert [row["drums_text"] for row in rows] == [None, None]
    assert all(row["bass"] and row["bass_text"] for row in rows)


def test_older_datasets_takes_a_stem_with_gaps_for_text_and_the_others_for_sounds(out: Path) -> None:
    # Before 4.8 it takes names in `string` for sounds and fails at a null; names in `large_string` it leaves alone.
    import pyarrow.parquet as pq

    schema = pq.read_schema(out / "train/metadata.parquet")

    assert str(schema.field("drums_file_name").type) == "large_string"
    others = [name for name in schema.names if name.endswith("file_name") and not name.startswith("drums")]
    assert {str(schema.field(name).type) for name in others} == {"string"}
    assert schema.names[0] == "file_name"


def test_all_splits_have_the_same_columns_and_types(out: Path) -> None:
    import pyarrow.parquet as pq

    first, *others = (pq.read_schema(out / split / "metadata.parquet") for split in ("train", "validation", "test"))
    assert all(other.equals(first) for other in others)


def test_an_empty_split_is_not_declared(tmp_path: Path, load: Any) -> None:
    write(short_source(("train", "test")), tmp_path / "out")

    declared = front_matter(tmp_path / "out")["configs"][0]["data_files"]
    assert [entry["split"] for entry in declared] == ["train", "test"]
    assert not (tmp_path / "out/validation").exists()
    assert set(load(tmp_path / "out")) == {"train", "test"}


def test_sounds_are_44_khz_stereo_and_as_long_as_the_row_says(out: Path) -> None:
    for row in metadata(out).to_dicts():
        info = soundfile.info(out / "train" / row["file_name"])
        assert (info.samplerate, info.channels, info.duration) == (44_100, 2, row["duration_s"])
        assert row["duration_s"] == CLIP_S <= 30


def test_the_facts_of_a_row_are_those_of_its_clip(tmp_path: Path) -> None:
    song = changed(
        short_song("one", "train", clips=1),
        lambda clip: dataclasses.replace(
            clip, tempo_bpm=93.5, key=None, metre="6/8", section=3, section_label="C", captioner="someone/model",
            captioner_licence="mit", is_fallback=False, licence="CC0-1.0", attribution="by X", training_weight=0.85,
        ),
    )  # fmt: skip
    write(MadeSource([song]), tmp_path / "out")

    (row,) = metadata(tmp_path / "out").to_dicts()
    expected = {
        "bpm": 93.5, "key": None, "metre": "6/8", "section": 3, "section_label": "C", "captioner": "someone/model",
        "captioner_licence": "mit", "is_fallback": False, "licence": "CC0-1.0", "attribution": "by X", "weight": 0.85,
        "song_id": "one", "title": "Title of one", "artist": "Nobody", "genres": ["rock"], "start_s": 0.0,
        "end_s": CLIP_S, "lyrics": "line 0 of one", "text": song.clips[0].text, "clip": "30s.mix.000",
        "vocals_text": next(clip.text for clip in song.clips if clip.source == "vocals"),
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected


def test_hostile_words_come_back_as_they_were_and_break_neither_card_nor_loaders(tmp_path: Path, load: Any) -> None:
    folder = tmp_path / "we[i]rd 'x' *?"
    song = changed(
        short_song("one", "train", clips=1),
        lambda clip: dataclasses.replace(
            clip, text=HOSTILE, lyrics=HOSTILE, captioner=HOSTILE, licence=HOSTILE, attribution=HOSTILE
        ),
    )
    song = redone(dataclasses.replace(song, title=HOSTILE, artist=HOSTILE, genres=(HOSTILE, "a, b")))
    write(MadeSource([song]), folder)
    # `datasets` takes brackets in the folder's name for a pattern and finds nothing.
    folder = folder.rename(tmp_path / "plain")

    (row,) = load(folder)["train"]
    for name in ("text", "lyrics", "captioner", "licence", "attribution", "title", "artist", "bass_text"):
        assert row[name] == HOSTILE_AS_WRITTEN
    assert row["genres"] == [HOSTILE_AS_WRITTEN, "a, b"]
    assert front_matter(folder)["license"] == "other"
    card = (folder / "README.md").read_text()
    assert card.count("\n---\n") == 1 and "license: mit" not in card.split("---\n")[1]
    (record,) = croissant_records(folder, "train")
    assert record["train/text"] == HOSTILE_AS_WRITTEN.encode()


def croissant_records(folder: Path, split: str) -> list[dict[str, Any]]:
    import mlcroissant

    return list(mlcroissant.Dataset(str(folder / "croissant.json")).records(split))


def test_mlcroissant_validates_and_yields_the_rows(out: Path) -> None:
    import mlcroissant

    found = mlcroissant.Dataset(str(out / "croissant.json")).metadata

    assert found.ctx.issues.errors == set()
    assert found.ctx.is_v0() is False
    assert json.loads((out / "croissant.json").read_text())["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    for split in ("train", "validation", "test"):
        facts = metadata(out, split).to_dicts()
        for record, row in zip(croissant_records(out, split), facts, strict=True):
            assert record == {f"{split}/{name}": as_croissant(value) for name, value in row.items()}


def as_croissant(value: Any) -> Any:
    if isinstance(value, list):
        return [as_croissant(each) for each in value]
    return value.encode() if isinstance(value, str) else value


def test_croissant_has_the_checksum_of_each_metadata_file_and_the_standard_context(out: Path) -> None:
    from mlcroissant._src.core.context import Context
    from mlcroissant._src.core.rdf import make_context

    document = json.loads((out / "croissant.json").read_text())
    files = {entry["contentUrl"]: entry for entry in document["distribution"] if entry["@type"] == "cr:FileObject"}

    assert set(files) == {f"{split}/metadata.parquet" for split in ("train", "validation", "test")}
    for path, entry in files.items():
        assert entry["sha256"] == hashlib.sha256((out / path).read_bytes()).hexdigest()
    assert document["@context"] == make_context(Context())
    (sounds,) = (entry for entry in document["distribution"] if entry["@type"] == "cr:FileSet")
    assert {path for pattern in sounds["includes"] for path in out.glob(pattern)} == set(out.rglob("*.flac"))


def test_the_card_says_what_the_hub_and_a_person_need(out: Path) -> None:
    head = front_matter(out)
    card = (out / "README.md").read_text()

    assert head["license"] == "cc-by-4.0"
    assert head["task_categories"] == ["text-to-audio"]
    assert head["size_categories"] == ["n<1K"]
    assert head["pretty_name"] and "language" not in head
    assert [each["path"] for each in head["configs"][0]["data_files"]] == ["train/**", "validation/**", "test/**"]
    assert "10 of 10 clips carry **fallback captions**: written by `measured`" in card
    assert "outside its domain" in card and "torchcodec" in card
    assert "| train | 3 | 6 | 0.00 |" in card
    assert "| drums | 8 |" in card


@pytest.mark.parametrize(
    ("licences", "expected"),
    [
        ({"CC-BY-4.0": 3}, "cc-by-4.0"),
        ({"Creative Commons Attribution 4.0": 1, "cc by 4.0": 2}, "cc-by-4.0"),
        ({"CC0-1.0": 1}, "cc0-1.0"),
        ({"CC-BY-4.0": 1, "CC-BY-NC-4.0": 1}, "other"),
        ({"CC-BY-4.0": 1, None: 1}, "other"),
        ({"all rights reserved": 1}, "other"),
        ({None: 4}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_the_licence_is_the_hubs_name_of_it_or_other(licences: dict[str | None, int], expected: str) -> None:
    assert hub_licence(licences) == expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [(999, "n<1K"), (1_000, "1K<n<10K"), (99_999, "10K<n<100K"), (100_000, "100K<n<1M"), (1_000_000, "1M<n<10M")],
)
def test_the_size_category_follows_the_number_of_rows(rows: int, expected: str) -> None:
    one: dict[Split, int] = {"train": 1}
    card = hub_card(Survey(rows=Counter({"train": rows})), (), Summary(one, one, {"train": 1.0}, ExportOptions()))

    assert yaml.safe_load(card.split("---\n")[1])["size_categories"] == [expected]


def test_a_refused_mix_leaves_its_row_out_and_a_refused_stem_its_cell(tmp_path: Path) -> None:
    source = short_source(("train", "test"))
    source.renderers["song-00"] = RefusingRenderer("song-00", {"30s.mix.000", "30s.bass.001"})

    write(source, tmp_path)

    (row,) = metadata(tmp_path).to_dicts()
    assert row["clip"] == "30s.mix.001"
    assert row["bass_file_name"] is None and row["drums_file_name"] is not None
    assert [(song, clip, rule) for song, clip, rule, _ in notes(tmp_path) if song] == [
        ("song-00", "30s.mix.000", "silent"),
        ("song-00", "30s.bass.001", "silent"),
    ]
    assert not list(tmp_path.glob("train/song-00/*_000.flac"))


def test_the_gain_of_each_sound_is_recorded(tmp_path: Path) -> None:
    class Quieter(MadeRenderer):
        def render(self, clip: Clip, *, sample_rate_hz: int, channels: int) -> ClipSound:
            sound = super().render(clip, sample_rate_hz=sample_rate_hz, channels=channels)
            return dataclasses.replace(sound, gain_db={"mix": -2.5, "bass": -1.0}.get(clip.source, 0.0))

    source = short_source(("train",))
    source.renderers["song-00"] = Quieter("song-00")

    write(source, tmp_path)

    gains = metadata(tmp_path).select("gain_db", "bass_gain_db", "drums_gain_db").rows()
    assert gains == [(-2.5, -1.0, 0.0)] * 2


def test_a_stem_of_other_seconds_is_not_put_beside_the_mix(tmp_path: Path) -> None:
    def later_bass(clip: Clip) -> Clip:
        return dataclasses.replace(clip, start_s=clip.start_s + 0.5) if clip.source == "bass" else clip

    write(MadeSource([changed(short_song("one", "train"), later_bass)]), tmp_path)

    assert "bass_file_name" not in metadata(tmp_path).columns


def test_a_song_without_a_clip_of_the_mix_is_noted(tmp_path: Path) -> None:
    write(MadeSource([short_song("one", "train", without=("mix",)), short_song("two", "train")]), tmp_path)

    assert set(metadata(tmp_path)["song_id"]) == {"two"}
    assert next(note for note in notes(tmp_path) if note[0] == "one")[2] == "left_out"


def test_the_custom_tag_stands_before_each_text(tmp_path: Path) -> None:
    write(short_source(("train",)), tmp_path, custom_tag="zxcv")

    table = metadata(tmp_path)
    assert all(text.startswith("zxcv, ") for name in ("text", "drums_text") for text in table[name])


def test_weights_are_told_to_be_unsupported(out: Path) -> None:
    assert [rule for *_, rule, _ in notes(out)] == ["weights_unsupported"]


def test_a_changed_song_is_rendered_again_and_no_other_file_is_touched(tmp_path: Path) -> None:
    source = short_source()
    write(source, tmp_path / "out")
    before = {path: path.stat().st_ino for path in (tmp_path / "out").rglob("*.flac")}
    for renderer in source.renderers.values():
        renderer.rendered.clear()
    source.songs["song-02"] = changed(source.songs["song-02"], lambda clip: dataclasses.replace(clip, text="New."))

    report = write(source, tmp_path / "out")

    assert (report.units_written, report.units_kept) == (1, 4)
    assert {name for name, renderer in source.renderers.items() if renderer.rendered} == {"song-02"}
    after = {path: path.stat().st_ino for path in (tmp_path / "out").rglob("*.flac")}
    assert {path for path in before if before[path] != after[path]} <= {p for p in before if "song-02" in p.name}
    texts = dict(metadata(tmp_path / "out").select("song_id", "text").rows())
    assert texts["song-02"] == "New." and texts["song-00"] != "New."


def test_equal_songs_give_equal_bytes(out: Path, tmp_path: Path) -> None:
    write(short_source(), tmp_path / "again")

    checksums = "provenance/checksums.sha256"
    assert (tmp_path / "again" / checksums).read_bytes() == (out / checksums).read_bytes()


def test_parquet_rows_are_read_one_after_another_in_groups(tmp_path: Path) -> None:
    rows = ({"n": n, "t": f"row {n}", "many": None, "x": None if n else 0.5, "f": bool(n % 2)} for n in range(5000))
    columns = [
        ParquetColumn("n", "integer"), ParquetColumn("t", "text", large=True), ParquetColumn("many", "texts"),
        ParquetColumn("x", "number"), ParquetColumn("f", "flag"),
    ]  # fmt: skip
    write_parquet(tmp_path / "it's [a].parquet", columns, rows)

    import pyarrow.parquet as pq

    file = pq.ParquetFile(tmp_path / "it's [a].parquet")
    assert file.num_row_groups == 3
    table = pl.read_parquet(tmp_path / "it's [a].parquet", glob=False)
    assert table["n"].to_list() == list(range(5000))
    assert table.row(0) == (0, "row 0", None, 0.5, False)
    assert table.schema["many"] == pl.List(pl.String)
    assert [path.name for path in tmp_path.iterdir()] == ["it's [a].parquet"]


def test_a_number_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_parquet(tmp_path / "x.parquet", [ParquetColumn("x", "number")], [{"x": float("nan")}])
    assert list(tmp_path.iterdir()) == []
