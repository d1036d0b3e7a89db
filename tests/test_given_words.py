"""Words of sidecars in the platform: imported and kept, merged by policy, checked against what is measured."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner, Result

from flamingo_bark_assets import terminal
from flamingo_bark_assets.audio.given_words import merge_words
from flamingo_bark_assets.audio.song_metadata import describe_metadata
from flamingo_bark_assets.audio.tags import Tags, read_tags
from flamingo_bark_assets.captioning.edits import apply_caption_edits
from flamingo_bark_assets.captioning.given import NOT_READ, apply_given_words
from flamingo_bark_assets.captioning.interface import Answer, Captions, GivenClaim
from flamingo_bark_assets.captioning.measured import MeasuredCaptioner
from flamingo_bark_assets.cli import main
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.library.judgements import ClaimDecision, claim_name
from flamingo_bark_assets.library.layout import DataPaths, find_song, list_song_ids
from flamingo_bark_assets.library.sidecar_formats import Said
from flamingo_bark_assets.library.sidecars import Sidecar
from flamingo_bark_assets.library.song_toml import Edits, SongInfo
from flamingo_bark_assets.local_runs import run_songs
from flamingo_bark_assets.merging import MERGES, WORD_FIELDS, Merge, WordField
from flamingo_bark_assets.storage.warehouse import query
from flamingo_bark_assets.training.suitability import sidecar_rules
from tests.evidence import make_evidence, row
from tests.platform_state import due
from tests.signals import sine, write_with_av
from tests.songs import write_song

CAPTION = "A warm dub track. It runs at 90 BPM with a lazy bass."
FIELDS = (
    f"caption: {CAPTION}\ngenre: dub, reggae\nbpm: 90\nkey: C major\nsignature: 3\nis_instrumental: true\n"
    "custom_tag: zzdub\nmy_rating: 5\nlyrics:\nHold on\nto me\n"
)


def flamingo_bark(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataPaths:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FLAMINGO_BARK_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(terminal.console, "_width", 250)
    return DataPaths(tmp_path / "data")


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """A folder with `My Tune.wav`, sidecars beside it, and sidecars of another song."""
    folder = write_song(tmp_path / "inbox", "in", duration_s=1.0, stems=False)
    (folder / "song.wav").rename(folder / "My Tune.wav")
    for name, text in {"My Tune.txt": FIELDS, "My Tune.lrc": "[00:00.50]Hold on", "Other.txt": "other"}.items():
        (folder / name).write_bytes(text.encode())
    return folder


# Merging


def said(**texts: str) -> Sidecar:
    return Sidecar("song.txt", tuple(Said(field, field, text) for field, text in texts.items()))  # type: ignore[arg-type]


SIDECAR = said(title="S", artist="S", genre="s1, s2/s1", lyrics="s", caption="s", custom_tag="stag")
TAGS = Tags("T", "T", ("t",), "t")
OWN = SongInfo(title="O", artist="O", genres=("o",), lyrics="o", custom_tag="otag")


def sources(info: SongInfo, tags: Tags, merge: Merge, *sidecars: Sidecar) -> dict[WordField, str | None]:
    merged = merge_words(info, tags, sidecars, merge)
    return {field: merged.source(field) for field in WORD_FIELDS}


@pytest.mark.parametrize("merge", MERGES)
def test_song_toml_goes_first_by_every_policy(merge: Merge) -> None:
    found = sources(OWN, TAGS, merge, SIDECAR)
    assert {found[field] for field in WORD_FIELDS if field != "caption"} == {"song.toml"}


@pytest.mark.parametrize(
    ("merge", "over_tags", "caption_first"),
    [
        ("fill", set(), False), ("captions", set(), True), ("lyrics", {"lyrics"}, False),
        ("all", {"title", "artist", "genre", "lyrics"}, True),
    ],
)  # fmt: skip
def test_a_policy_says_which_words_go_before_tags_and_models(
    merge: Merge, over_tags: set[str], caption_first: bool
) -> None:
    found = sources(SongInfo(), TAGS, merge, SIDECAR)
    assert {field for field in WORD_FIELDS if found[field] == "sidecar song.txt"} == {
        *over_tags,
        "caption",
        "custom_tag",
    }
    assert merge_words(SongInfo(), TAGS, [SIDECAR], merge).caption_first is caption_first
    assert set(sources(SongInfo(), Tags(), merge, SIDECAR).values()) == {"sidecar song.txt"}


def test_the_first_sidecar_that_says_something_counts() -> None:
    empty = dataclasses.replace(said(lyrics="[Instrumental]", caption="♪"), name="song.caption.txt")
    merged = merge_words(SongInfo(), Tags(), [empty, SIDECAR, dataclasses.replace(said(genre="x"), name="b")], "fill")
    assert (merged.source("lyrics"), merged.source("caption")) == ("sidecar song.txt", "sidecar song.txt")
    assert merged.text("genre") == "s1; s2"


def test_lyrics_of_a_files_tags_are_read(tmp_path: Path) -> None:
    for name, codec, key in (("a.mp3", "libmp3lame", "lyrics"), ("a.flac", "flac", "LYRICS")):
        path = write_with_av(tmp_path / name, sine(440, 0.5), codec=codec, tags={key: "one\r\ntwo\x07"})
        assert read_tags(path).lyrics == "one\ntwo"


# Checking


def evidence(*, merge: Merge = "fill", text: str = FIELDS, folder: Path, **overrides: object) -> Evidence:
    """Measurements at 121 BPM in E minor, 4/4 with vocals, and what a sidecar says."""
    (folder / "data/songs/song").mkdir(parents=True, exist_ok=True)
    (folder / "data/songs/song/song.txt").write_text(text)
    metadata = describe_metadata(find_song(DataPaths(folder / "data"), "song"), merge=merge)
    given = make_evidence(song={"metre": "4/4", **overrides})
    return dataclasses.replace(given, metadata=metadata)


def verdicts(found: Captions) -> dict[str, tuple[str, str | None]]:
    """Give verdict and measured value by field; of a caption that of its tempo."""
    claims = [claim for claim in found.given_claims if claim.field != "caption" or claim.claimed == "90"]
    return {claim.field: (claim.verdict, claim.measured) for claim in claims}


def described(given: Evidence, *, model: bool = False) -> Captions:
    made = MeasuredCaptioner().describe(given, lambda part: pytest.fail("no sound is needed"))
    if model:
        answer = Answer(
            part="mix", question="caption", text="By a model.", source="model", captioner="m", is_fallback=False
        )
        made = dataclasses.replace(made, answers=(answer, *made.answers[1:]))
    return apply_given_words(made, given, 0.3)


def test_facts_are_claims_that_are_checked_and_never_measurements(tmp_path: Path) -> None:
    given = evidence(folder=tmp_path)
    found = described(given)
    assert verdicts(found) == {
        "caption": ("conflict", "121"), "bpm": ("conflict", "121"), "key": ("conflict", "E minor"),
        "signature": ("conflict", "4/4"), "is_instrumental": ("conflict", "the vocals stem sounds"),
    }  # fmt: skip
    assert given.song.tempo_bpm.value == 121.0
    told = {rule.rule: rule for rule in sidecar_rules(given.metadata, found)}
    assert told["given_conflicts"].value == 5
    assert "song.txt: key 'C major', measured E minor" in str(told["given_conflicts"].reason)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("bpm: 60.5", "agree"), ("bpm: 121", "agree"), ("bpm: very fast", "unverifiable"), ("key: Em", "agree"),
        ("key: G", "agree"), ("key: E", "agree"), ("key: 9A", "unverifiable"), ("signature: 4", "agree"),
        ("is_instrumental: false", "agree"), ("caption: x\nlyrics:\n[Instrumental]", "conflict"),
    ],
)  # fmt: skip
def test_a_fact_agrees_conflicts_or_stays_open(tmp_path: Path, text: str, verdict: str) -> None:
    found = described(evidence(folder=tmp_path, text=text))
    assert [claim.verdict for claim in found.given_claims] == [verdict]
    if verdict == "unverifiable":
        assert found.given_claims[0].note == NOT_READ
    else:
        assert found.given_claims[0].claimed


def test_what_is_measured_unsurely_decides_nothing(tmp_path: Path) -> None:
    found = described(evidence(folder=tmp_path, text="bpm: 90", tempo_bpm=None))
    assert verdicts(found) == {"bpm": ("unverifiable", None)}


def test_a_given_caption_is_a_persons_and_loses_what_the_measurements_contradict(tmp_path: Path) -> None:
    found = described(evidence(folder=tmp_path))
    caption = found.answers[0]
    assert (caption.part, caption.question, caption.source, caption.captioner) == (
        "mix", "caption", "human", "sidecar song.txt",
    )  # fmt: skip
    assert str(caption.text).startswith("A warm dub track.")
    assert "90" not in str(caption.text)
    assert caption.raw_text == CAPTION
    assert [claim.verdict for claim in found.claims if claim.question == "caption"].count("conflict") == 1


@pytest.mark.parametrize(
    ("merge", "source"), [("fill", "model"), ("captions", "human"), ("lyrics", "model"), ("all", "human")]
)
def test_a_policy_decides_between_a_model_and_a_given_caption(tmp_path: Path, merge: Merge, source: str) -> None:
    given = evidence(folder=tmp_path, merge=merge)
    found = described(given, model=True)
    assert found.answers[0].source == source
    edited = apply_caption_edits(found, Edits.model_validate({"mix": {"caption": "Mine."}}))
    assert (edited.answers[0].text, edited.answers[0].captioner) == ("Mine.", "human")


def test_a_caption_that_is_wrong_throughout_leaves_the_captioners(tmp_path: Path) -> None:
    found = described(evidence(folder=tmp_path, text="caption: Instrumental."))
    assert found.answers[0].source == "measured"
    assert [(claim.field, claim.verdict) for claim in found.given_claims] == [("caption", "conflict")]


@pytest.mark.parametrize(("decision", "verdict"), [("drop", "conflict"), ("keep", "kept by hand")])
def test_a_contradiction_that_a_person_decides_on_fails_no_song(
    tmp_path: Path, decision: ClaimDecision, verdict: str
) -> None:
    given = evidence(folder=tmp_path, text="bpm: 90")
    (asked,) = described(given).given_claims
    assert (asked.kind, asked.claimed, asked.verdict) == ("tempo", "90", "conflict")
    name = claim_name("mix", "caption", "tempo", "90")
    found = described(dataclasses.replace(given, claim_decisions={name: decision}))
    assert [claim.verdict for claim in found.given_claims] == [verdict]
    assert all(rule.passed for rule in sidecar_rules(given.metadata, found))
    assert not all(rule.passed for rule in sidecar_rules(given.metadata, described(given)))


def test_genres_of_a_sidecar_are_a_persons(tmp_path: Path) -> None:
    found = described(evidence(folder=tmp_path))
    (genre,) = [answer for answer in found.answers if (answer.part, answer.question) == ("mix", "genre")]
    assert (genre.text, genre.source) == ("dub, reggae", "human")


def test_tempo_and_key_of_the_files_tags_are_claims_that_are_checked(tmp_path: Path) -> None:
    folder = tmp_path / "data/songs/song"
    folder.mkdir(parents=True)
    write_with_av(folder / "song.flac", sine(440, 0.5), codec="flac", tags={"BPM": "90", "INITIALKEY": "Em"})
    metadata = describe_metadata(find_song(DataPaths(tmp_path / "data"), "song"))
    found = described(dataclasses.replace(make_evidence(song={"metre": "4/4"}), metadata=metadata))
    assert verdicts(found) == {"bpm": ("conflict", "121"), "key": ("agree", "E minor")}


def test_without_sidecars_nothing_changes() -> None:
    made = MeasuredCaptioner().describe(make_evidence(), lambda part: pytest.fail("no sound is needed"))
    assert apply_given_words(made, make_evidence(), 0.3) is made


def test_rules_pass_without_a_conflict_and_survive_hostile_names() -> None:
    claims = (row(GivenClaim, file="{0}.txt", said="{x}", measured=None, verdict="conflict"),)
    fine, bad = Captions(song_id="s"), Captions(song_id="s", given_claims=claims)
    metadata = make_evidence().metadata
    assert all(rule.passed for rule in sidecar_rules(metadata, fine))
    assert "'{x}'" in str(sidecar_rules(metadata, bad)[1].reason)


# In the library


def test_add_copies_sidecars_unchanged_under_the_name_of_the_mix(paths: DataPaths, inbox: Path) -> None:
    shown = flamingo_bark("add", inbox / "My Tune.wav")
    assert shown.exit_code == 0, shown.output
    assert "sidecars: song.lrc, song.txt" in shown.output
    folder = paths.songs / "my-tune"
    assert sorted(path.name for path in folder.iterdir()) == ["song.lrc", "song.txt", "song.wav"]
    assert (folder / "song.txt").read_bytes() == (inbox / "My Tune.txt").read_bytes()
    metadata = describe_metadata(find_song(paths, "my-tune"))
    assert (metadata.lyrics, metadata.lyrics_source) == ("[00:00.50]Hold on", "sidecar song.lrc")
    assert (metadata.genre_tags, metadata.tags_source) == ("dub; reggae", "sidecar song.txt")
    assert (metadata.given_caption, metadata.given_caption_first) == (CAPTION, False)
    roles = {field.key: field.role for field in metadata.sidecar_fields if field.file == "song.txt"}
    assert roles == {
        "caption": "used", "genre": "used", "bpm": "claim", "key": "claim", "signature": "claim",
        "is_instrumental": "claim", "custom_tag": "used", "my_rating": "kept", "lyrics": "passed_over",
    }  # fmt: skip


def test_add_keeps_the_row_of_a_table_and_no_other(paths: DataPaths, inbox: Path) -> None:
    (inbox / "metadata.csv").write_text("file,bpm,genre\nOther.wav,1,x\nMy Tune.wav,72,dub\n")
    (inbox / "My Tune.txt").unlink()
    dry = flamingo_bark("add", inbox / "My Tune.wav")
    assert "sidecars: song.lrc, song.metadata.csv" in dry.output
    stored = paths.songs / "my-tune/song.metadata.csv"
    assert stored.read_text() == "file,bpm,genre\nMy Tune.wav,72,dub\n"
    metadata = describe_metadata(find_song(paths, "my-tune"))
    assert (metadata.genre_tags, metadata.tags_source) == ("dub", "sidecar song.metadata.csv")
    roles = {field.key: field.role for field in metadata.sidecar_fields if field.file == "song.metadata.csv"}
    assert roles == {"file": "kept", "bpm": "claim", "genre": "used"}
    assert metadata.sidecar_warnings is None


def test_a_row_of_a_table_is_imported_later_too(paths: DataPaths, inbox: Path) -> None:
    flamingo_bark("add", inbox / "My Tune.wav", "--id", "one", "--no-sidecars")
    (inbox / "metadata.csv").write_text("file,caption\nOther.wav,x\nMy Tune.wav,Deep dub.\n")
    shown = flamingo_bark("words", "one", "--from", inbox / "My Tune.wav", "--dry-run")
    assert "metadata.csv: would be imported as song.metadata.csv" in shown.output
    flamingo_bark("words", "one", "--from", inbox / "My Tune.wav")
    assert (paths.songs / "one/song.metadata.csv").read_text() == "file,caption\nMy Tune.wav,Deep dub.\n"


def test_a_table_that_cannot_be_read_stops_add_before_anything_is_stored(paths: DataPaths, inbox: Path) -> None:
    (inbox / "metadata.csv").write_text("file,bpm\nMy Tune.wav,1\nMy Tune.wav,2\n")
    shown = flamingo_bark("add", inbox / "My Tune.wav")
    assert shown.exit_code == 1
    assert "metadata.csv" in shown.output
    assert "--no-sidecars" in shown.output
    assert list_song_ids(paths) == []


def test_add_can_leave_sidecars_and_never_links_them(paths: DataPaths, inbox: Path) -> None:
    flamingo_bark("add", inbox / "My Tune.wav", "--id", "bare", "--no-sidecars")
    assert find_song(paths, "bare").sidecars == ()
    flamingo_bark("remove", "bare")
    flamingo_bark("add", inbox / "My Tune.wav", "--id", "linked", "--link")
    assert (paths.songs / "linked/song.txt").stat().st_nlink == 1
    assert (paths.songs / "linked/song.wav").stat().st_nlink == 2


def test_add_refuses_a_sidecar_that_leads_elsewhere_and_adds_nothing(paths: DataPaths, inbox: Path) -> None:
    (inbox / "My Tune.json").symlink_to("/etc/hostname")
    shown = flamingo_bark("add", inbox / "My Tune.wav")
    assert shown.exit_code == 1
    assert "My Tune.json" in shown.output
    assert "--no-sidecars" in shown.output
    assert not list(paths.songs.glob("*"))


def test_a_sidecar_that_cannot_be_read_is_told_and_costs_nothing_else(paths: DataPaths, inbox: Path) -> None:
    (inbox / "My Tune.txt").write_bytes(b"\x00\x01")
    shown = flamingo_bark("add", inbox / "My Tune.wav")
    assert shown.exit_code == 0
    assert "warning: song 'my-tune': 'song.txt': is no text" in shown.output
    assert "'song.txt': is no text" in flamingo_bark("list").output
    metadata = describe_metadata(find_song(paths, "my-tune"))
    assert metadata.lyrics_source == "sidecar song.lrc"
    assert "is no text" in str(metadata.sidecar_warnings)
    assert flamingo_bark("words").exit_code == 1
    (paths.songs / "my-tune/song.txt").write_bytes("Café".encode("cp1252"))
    shown = flamingo_bark("words")
    assert shown.exit_code == 0
    assert "was read as Windows-1252" in shown.output


def test_words_shows_what_holds_and_what_a_policy_would_change(paths: DataPaths, inbox: Path) -> None:
    write_with_av(inbox / "My Tune.mp3", sine(440, 1.0), codec="libmp3lame", tags={"genre": "Rock", "lyrics": "la"})
    flamingo_bark("add", inbox / "My Tune.mp3")
    assert "│ genre      │ Rock" in flamingo_bark("words", "my-tune").output
    dry = flamingo_bark("words", "--dry-run")
    assert dry.exit_code == 0, dry.output
    changes = [[cell.strip() for cell in line.split("│")[1:-1]] for line in dry.output.splitlines() if "│" in line]
    assert changes == [
        ["lyrics", "lyrics", "la", "file_tags", "[00:00.50]Hold on", "sidecar song.lrc"],
        ["all", "genre", "Rock", "file_tags", "dub; reggae", "sidecar song.txt"],
        ["all", "lyrics", "la", "file_tags", "[00:00.50]Hold on", "sidecar song.lrc"],
    ]
    assert not (paths.songs / "my-tune/song.toml").exists()


def test_a_policy_is_kept_in_song_toml_without_touching_other_lines(paths: DataPaths, inbox: Path) -> None:
    flamingo_bark("add", inbox / "My Tune.wav")
    toml = paths.songs / "my-tune/song.toml"
    toml.write_text('# mine\ntitle = "x" # y\n[edits.mix]\ncaption = "z"\n')
    assert flamingo_bark("words", "my-tune", "--policy", "all").exit_code == 0
    assert toml.read_text() == '# mine\ntitle = "x" # y\nsidecars = "all"\n\n[edits.mix]\ncaption = "z"\n'
    assert flamingo_bark("words", "my-tune", "--policy", "lyrics").exit_code == 0
    assert toml.read_text() == '# mine\ntitle = "x" # y\nsidecars = "lyrics"\n\n[edits.mix]\ncaption = "z"\n'
    assert find_song(paths, "my-tune").info.sidecars == "lyrics"
    sung = 'lyrics = """\nsidecars = 1\n[Verse]\n"""\nsidecars = "all"\n'
    toml.write_text(sung)
    assert flamingo_bark("words", "my-tune", "--policy", "fill").exit_code == 0
    assert toml.read_text() == sung.replace('"all"', '"fill"')
    toml.write_text("title = ")
    assert flamingo_bark("words", "my-tune", "--policy", "all").exit_code == 1
    assert toml.read_text() == "title = "


def test_sidecars_are_imported_for_a_song_that_is_there(paths: DataPaths, inbox: Path) -> None:
    flamingo_bark("add", inbox / "My Tune.wav", "--no-sidecars")
    folder = paths.songs / "my-tune"
    dry = flamingo_bark("words", "my-tune", "--from", inbox, "--dry-run")
    assert "My Tune.txt: would be imported as song.txt" in dry.output
    assert find_song(paths, "my-tune").sidecars == ()
    for place in (inbox / "My Tune.txt", inbox / "My Tune.wav", inbox):
        shown = flamingo_bark("words", "my-tune", "--from", place)
        assert shown.exit_code == 0, shown.output
        assert "next: flamingo-bark run my-tune" in shown.output
    assert (folder / "song.lrc").read_text() == "[00:00.50]Hold on"
    (inbox / "My Tune.txt").write_text("new")
    assert flamingo_bark("words", "my-tune", "--from", inbox).exit_code == 1
    assert (folder / "song.txt").read_text() == FIELDS
    assert flamingo_bark("words", "my-tune", "--from", inbox, "--overwrite").exit_code == 0
    assert (folder / "song.txt").read_text() == "new"


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["none"], 1, "no such song"),
        (["--from", "."], 2, "--from goes with one SONG"),
        (["my-tune", "--overwrite"], 2, "--overwrite goes with --from"),
        (["my-tune", "--policy", "best"], 2, "best"),
        (["my-tune", "--from", "nowhere"], 1, "no such file or folder"),
        (["my-tune", "--from", "{inbox}/My Tune.doc"], 1, "is not named as a sidecar"),
        (["my-tune", "--from", "{inbox}/empty"], 1, "holds no sidecar"),
        (["my-tune", "--from", "{inbox}/two"], 1, "holds sidecars of 2 songs"),
        (["my-tune"], 0, "no sidecars"),
    ],
)
def test_wrong_uses_of_words_end_with_one_line(
    paths: DataPaths, inbox: Path, arguments: list[str], status: int, told: str
) -> None:
    flamingo_bark("add", inbox / "My Tune.wav", "--no-sidecars")
    (inbox / "My Tune.doc").write_text("x")
    (inbox / "empty").mkdir()
    (inbox / "two").mkdir()
    (inbox / "two/a.txt").write_text("a")
    (inbox / "two/b.txt").write_text("b")
    shown = flamingo_bark("words", *(argument.format(inbox=inbox) for argument in arguments))
    assert shown.exit_code == status, shown.output
    assert told in shown.output


@pytest.mark.dagster
def test_a_song_with_sidecars_runs_and_a_changed_one_makes_exactly_its_words_due(
    data: DataPaths, instance: dg.DagsterInstance
) -> None:
    folder = write_song(data.songs, "one")
    (folder / "song.txt").write_text(FIELDS)
    (report,) = run_songs(instance, ["one"], lambda asset, song_id: None)
    assert report.success, report.errors
    (check,) = [check for check in report.checks if check.check == "sidecars_agree"]
    assert not check.passed
    assert "bpm '90', measured 120" in check.description
    rows = query(data.warehouse, "SELECT field, verdict FROM given_claims WHERE song_id = 'one' ORDER BY ALL").rows
    assert ("bpm", "conflict") in rows
    assert ("is_instrumental", "conflict") in rows
    assert query(data.warehouse, "SELECT key FROM sidecar_fields WHERE role = 'kept'").rows == (("my_rating",),)
    lacking = (
        "SELECT count(*) FROM prompts WHERE custom_tag IS DISTINCT FROM 'zzdub' OR combined_prompt NOT LIKE '%zzdub%'"
    )
    assert query(data.warehouse, lacking).rows == ((0,),)
    ((text, source, captioner),) = query(
        data.warehouse, "SELECT text, source, captioner FROM captions WHERE part = 'mix' AND question = 'caption'"
    ).rows
    assert str(text).startswith("A warm dub track")
    assert (source, captioner) == ("human", "sidecar song.txt")
    event = instance.get_latest_materialization_event(dg.AssetKey("flamingo_captions"))
    assert event and event.asset_materialization
    assert "bpm: 90 (measured: 120" in str(event.asset_materialization.metadata["given_conflicts"].value)
    dataset = json.loads((data.datasets / "bark_training_dataset_one.json").read_text())
    assert "Hold on" in json.dumps(dataset)

    assert due(data) == {}
    (folder / "song.txt").write_text(FIELDS.replace("lazy", "heavy"))
    later = {"song_metadata", "song_lyrics", "flamingo_captions", "training_prompts", "bark_dataset", "training_clips"}
    assert set(due(data)["one"]) == later
    data.settings.write_text(data.settings.read_text() + '[sidecars]\nmerge = "all"\n')
    assert "song_metadata" in due(data)["one"]
