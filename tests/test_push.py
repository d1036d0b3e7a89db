"""Uploading an export: what leaves the machine is told first, is exactly the export, and goes on after a break."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flamingo_bark_assets.errors import ExportError
from flamingo_bark_assets.exports import pushing
from flamingo_bark_assets.exports.interface import ExportOptions
from flamingo_bark_assets.exports.pushing import PushPlan, plan_push, push
from flamingo_bark_assets.exports.run import export
from flamingo_bark_assets.exports.targets.huggingface import HuggingFace
from flamingo_bark_assets.exports.targets.webdataset import WebDataset
from tests.export_songs import MadeSource, made_source
from tests.hub import FakeHub, closed_port, keep_off_the_network, serving
from tests.hub_uploads import TOKEN, sha256

REPO = "me/songs"


def short_source(songs: int = 3) -> MadeSource:
    """Songs of one view whose clips are short, as only their transport is looked at."""
    return made_source(songs, clips=1, views=("coarse",))


def write(source: MadeSource, out: Path) -> Path:
    export(HuggingFace(), source, out, ExportOptions(view="coarse", folder=str(out)))
    return out


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(short_source(), tmp_path_factory.mktemp("push") / "export")


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "export"))


@pytest.fixture(autouse=True)
def reached(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """Keep off the network and off this user's token, and off xet, which is no HTTP that could be stood in for."""
    tried = keep_off_the_network(monkeypatch)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr("huggingface_hub.constants.HF_STORED_TOKENS_PATH", str(tmp_path / "tokens"))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    return tried


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with serving({}) as found:
        yield found


def send(hub: FakeHub, folder: Path, **options: Any) -> str:
    return push(plan_push(folder, REPO, **options), endpoint=hub.endpoint)


def listed(folder: Path) -> dict[str, bytes]:
    """The files that an export lists, and its list, with their contents."""
    lines = (folder / "provenance/checksums.sha256").read_text().splitlines()
    names = [line.partition("  ")[2] for line in lines] + ["provenance/checksums.sha256"]
    return {name: (folder / name).read_bytes() for name in names}


def test_what_is_uploaded_is_what_the_export_lists(hub: FakeHub, folder: Path) -> None:
    address = send(hub, folder)

    held = hub.uploads.datasets[REPO]
    assert {name: data for name, data in held.items() if name != ".gitattributes"} == listed(folder)
    assert address == f"{hub.endpoint}/datasets/{REPO}"
    assert hub.uploads.private[REPO]


def test_the_plan_tells_repository_count_bytes_and_visibility_and_asks_nobody(folder: Path, reached: list[Any]) -> None:
    plan = plan_push(folder, REPO)

    total = sum(map(len, listed(folder).values()))
    assert plan.bytes == total
    assert {file.path for file in plan.files} == set(listed(folder))
    assert f"{len(plan.files)} files, {total / 1e6:.1f} MB" in plan.sentence
    assert REPO in plan.sentence and str(folder) in plan.sentence and "private" in plan.sentence
    assert "PUBLIC" in plan_push(folder, REPO, private=False).sentence
    assert reached == []


def test_other_files_in_the_folder_stay_here(hub: FakeHub, folder: Path) -> None:
    (folder / "train" / "private-notes.txt").write_text("not meant for anyone")
    (folder / "secret.flac").write_bytes(b"x" * 5000)

    send(hub, folder)

    assert not {"train/private-notes.txt", "secret.flac"} & set(hub.uploads.datasets[REPO])
    assert b"not meant for anyone" not in b"".join(hub.uploads.datasets[REPO].values())


def test_an_interrupted_upload_sends_only_what_is_missing(
    hub: FakeHub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushing, "COMMIT_FILES", 4)
    hub.uploads.break_after = 6
    with pytest.raises(ExportError, match="run it again"):
        send(hub, folder)
    before = list(hub.uploads.sent)
    hub.uploads.break_after = None

    send(hub, folder)

    assert len(before) == 6
    assert not set(before) & set(hub.uploads.sent[6:])
    assert listed(folder).items() <= hub.uploads.datasets[REPO].items()


def test_readers_see_the_old_dataset_until_the_last_commit(
    hub: FakeHub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushing, "COMMIT_FILES", 4)

    send(hub, folder)

    *sounds, last = hub.uploads.commits
    assert len(sounds) > 1
    assert all(name.endswith(".flac") for added, _ in sounds for name in added)
    assert {"README.md", "train/metadata.parquet", "croissant.json"} <= set(last[0])


def test_a_second_upload_of_the_same_sends_and_commits_nothing(hub: FakeHub, folder: Path) -> None:
    send(hub, folder)
    commits, sent = len(hub.uploads.commits), len(hub.uploads.sent)

    send(hub, folder)

    assert (len(hub.uploads.commits), len(hub.uploads.sent)) == (commits, sent)


def test_a_song_that_left_the_export_leaves_the_repository_and_other_files_stay(hub: FakeHub, folder: Path) -> None:
    send(hub, folder)
    hub.uploads.datasets[REPO]["images/cover.png"] = b"mine"
    source = short_source()
    del source.songs["song-01"]
    write(source, folder)

    send(hub, folder)

    held = hub.uploads.datasets[REPO]
    assert not [name for name in held if "song-01" in name]
    assert {name for name in held if "song-00" in name}
    assert held["images/cover.png"] == b"mine"


def test_an_existing_public_repository_is_refused_unless_it_was_agreed_to(hub: FakeHub, folder: Path) -> None:
    hub.uploads.datasets[REPO], hub.uploads.private[REPO] = {}, False

    with pytest.raises(ExportError, match="is public; nothing was sent"):
        send(hub, folder)
    assert hub.uploads.datasets[REPO] == {}

    send(hub, folder, private=False)
    assert "README.md" in hub.uploads.datasets[REPO]


def test_without_a_token_nobody_is_asked(
    hub: FakeHub, folder: Path, monkeypatch: pytest.MonkeyPatch, reached: list[Any]
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    plan = plan_push(folder, REPO)

    with pytest.raises(ExportError, match=r"no token.*hf auth login"):
        push(plan, endpoint=hub.endpoint)
    assert reached == [] and hub.requests == []


@pytest.mark.parametrize(
    ("repo_id", "token", "words"),
    [(REPO, "hf_wrong", "does not accept the token"), ("other/songs", TOKEN, "may not write there")],
)
def test_a_refusal_of_the_hub_says_what_to_do(
    hub: FakeHub, folder: Path, monkeypatch: pytest.MonkeyPatch, repo_id: str, token: str, words: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", token)

    with pytest.raises(ExportError, match=words) as caught:
        push(plan_push(folder, repo_id), endpoint=hub.endpoint)
    assert "hf auth login" in str(caught.value) and repo_id in str(caught.value)
    assert hub.uploads.datasets == {}


def test_without_a_connection_the_message_says_that_it_may_be_run_again(folder: Path) -> None:
    with pytest.raises(ExportError, match=r"broke off.*run it again"):
        push(plan_push(folder, REPO), endpoint=closed_port())


def test_offline_mode_is_named(folder: Path, hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    huggingface_hub.close_session()
    try:
        with pytest.raises(ExportError, match="HF_HUB_OFFLINE"):
            send(hub, folder)
    finally:
        huggingface_hub.close_session()


def test_a_file_that_the_repository_ignores_is_not_passed_over_in_silence(hub: FakeHub, folder: Path) -> None:
    name = next(name for name in listed(folder) if name.endswith(".flac"))
    hub.uploads.ignored = {name}

    with pytest.raises(ExportError, match=f"1 files are not there.*{name}.*gitignore"):
        send(hub, folder)


def plan_of(folder: Path) -> PushPlan:
    return plan_push(folder, REPO)


def test_a_changed_file_is_not_uploaded(folder: Path) -> None:
    name = next(name for name in listed(folder) if name.endswith(".flac"))
    (folder / name).write_bytes(b"another sound")

    with pytest.raises(ExportError, match=f"{name} is not as it was written"):
        plan_of(folder)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "croissant.json").unlink()

    with pytest.raises(ExportError, match=r"croissant\.json: .*no such file"):
        plan_of(folder)


@pytest.mark.parametrize("path", ["../secret", "/etc/hostname", "train/../../secret", "a\\b"])
def test_a_list_that_leads_out_of_the_export_is_refused(folder: Path, path: str) -> None:
    (folder.parent / "secret").write_bytes(b"secret")
    with (folder / "provenance/checksums.sha256").open("a") as file:
        file.write(f"{sha256(b'secret')}  {path}\n")

    with pytest.raises(ExportError, match="is no checksum of a file of it"):
        plan_of(folder)


def test_a_link_in_place_of_a_file_is_refused(folder: Path) -> None:
    other = folder.parent / "elsewhere.json"
    (folder / "croissant.json").rename(other)
    (folder / "croissant.json").symlink_to(other)

    with pytest.raises(ExportError, match="is a link"):
        plan_of(folder)


def test_only_a_hugging_face_export_is_uploaded(tmp_path: Path, folder: Path) -> None:
    other = tmp_path / "shards"
    export(WebDataset(), short_source(1), other, ExportOptions(view="coarse", folder=str(other)))

    with pytest.raises(ExportError, match="is an export for webdataset"):
        plan_of(other)
    with pytest.raises(ExportError, match="is no export"):
        plan_of(tmp_path)
    (folder / "provenance/export.json").write_text(json.dumps(["huggingface"]))
    with pytest.raises(ExportError, match="is no export"):
        plan_of(folder)


@pytest.mark.parametrize("repo_id", ["songs", "me/songs/more", "me/so ngs", "../songs", "", "me/a--b"])
def test_what_cannot_name_a_repository_is_refused(folder: Path, repo_id: str) -> None:
    with pytest.raises(ExportError):
        plan_push(folder, repo_id)
