"""Fetching a model: terms first, space first, resumed, verified, and one clear line where the hub is out of reach."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from flamingo_bark_assets.inference import hub as hub_module
from flamingo_bark_assets.inference.availability import available_models
from flamingo_bark_assets.inference.catalogue import KnownModel, ModelError, known_model
from flamingo_bark_assets.inference.clap import KNOWN_CLAPS
from flamingo_bark_assets.inference.fetching import (
    FetchEvent,
    LicenceNotAcknowledged,
    NotEnoughDisk,
    Snapshot,
    cached,
    fetch,
    revision_of,
)
from flamingo_bark_assets.inference.hub import HubUnreachable
from flamingo_bark_assets.inference.hub_advice import hub_advice
from flamingo_bark_assets.inference.model_files import files_digest
from flamingo_bark_assets.inference_settings import InferenceSettings, ModelCandidate
from tests.hub import FakeHub, closed_port, keep_off_the_network, serving
from tests.hub_uploads import sha256
from tests.tiny_models import COMMIT

AF2 = "nvidia/audio-flamingo-2-0.5B"
QWEN = "Qwen/Qwen2.5-0.5B"
MUSIC_FLAMINGO = "nvidia/music-flamingo-2601-hf"


def weights(seed: int) -> bytes:
    return np.random.default_rng(seed).bytes(50_000)


def repositories() -> dict[str, dict[str, bytes]]:
    return {
        AF2: {
            "README.md": b"# not wanted",
            "safe_ckpt/metadata.json": b'{"model_chunk_0": ["a"], "model_chunk_1": ["b"]}',
            "safe_ckpt/model_chunk_0.safetensors": weights(0),
            "safe_ckpt/model_chunk_1.safetensors": weights(1),
        },
        QWEN: {"config.json": b"{}", "tokenizer.json": b"{}" * 2000, "model.safetensors": weights(2)},
        MUSIC_FLAMINGO: {
            "config.json": b"{}",
            "model.safetensors.index.json": b'{"weight_map": {"a": "model-1.safetensors"}}',
            "model-1.safetensors": weights(3),
            "think/adapter.safetensors": weights(4),
        },
    }


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    return keep_off_the_network(monkeypatch)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 10_000)
    with serving(repositories()) as found:
        yield found


def model(model_id: str = AF2) -> KnownModel:
    found = known_model(model_id)
    assert found is not None
    return found


def ignore(event: FetchEvent) -> None:
    del event


def fetch_from(
    hub: FakeHub, cache: Path, model_id: str = AF2, events: list[FetchEvent] | None = None, **options: Any
) -> Snapshot:
    return fetch(
        model(model_id),
        cache_dir=cache,
        acknowledge_licence=True,
        progress=ignore if events is None else events.append,
        endpoint=hub.endpoint,
        **options,
    )


def blob(cache: Path, hub: FakeHub, name: str, repo_id: str = AF2) -> Path:
    folder = f"models--{repo_id.replace('/', '--')}"
    return cache / folder / "blobs" / sha256(hub.repositories[repo_id][name])


def test_a_fetched_model_has_the_wanted_files_of_the_hub_and_nothing_else(hub: FakeHub, tmp_path: Path) -> None:
    snapshot = fetch_from(hub, tmp_path)
    found = {p.relative_to(snapshot.path).as_posix(): p.read_bytes() for p in snapshot.path.rglob("*") if p.is_file()}
    assert found == {name: data for name, data in hub.repositories[AF2].items() if name.startswith("safe_ckpt/")}
    assert snapshot.revision == hub.commit(AF2)


def test_of_the_base_language_model_only_tokenizer_and_configuration_are_fetched(hub: FakeHub, tmp_path: Path) -> None:
    snapshot = fetch_from(hub, tmp_path)
    assert snapshot.base_lm is not None
    assert sorted(p.name for p in snapshot.base_lm.iterdir()) == ["config.json", "tokenizer.json"]


def test_of_a_transformers_model_folders_beside_it_are_left_out(hub: FakeHub, tmp_path: Path) -> None:
    snapshot = fetch_from(hub, tmp_path, MUSIC_FLAMINGO)
    assert not (snapshot.path / "think").exists()
    assert snapshot.base_lm is None


def test_a_fetched_model_is_found_again_without_the_network(hub: FakeHub, tmp_path: Path) -> None:
    snapshot = fetch_from(hub, tmp_path)
    hub.requests.clear()
    assert cached(model(), tmp_path) == snapshot
    assert cached(model(), tmp_path, revision=snapshot.revision) == snapshot
    assert hub.requests == []


def test_nothing_is_found_in_an_empty_cache(tmp_path: Path) -> None:
    assert cached(model(), tmp_path) is None


@pytest.mark.parametrize(
    ("repo_id", "lost"),
    [(AF2, "safe_ckpt/model_chunk_1.safetensors"), (QWEN, "tokenizer.json")],
)
def test_an_incomplete_snapshot_is_not_found(hub: FakeHub, tmp_path: Path, repo_id: str, lost: str) -> None:
    snapshot = fetch_from(hub, tmp_path)
    folder = snapshot.path if repo_id == AF2 else snapshot.base_lm
    assert folder is not None
    (folder / lost).unlink()
    assert cached(model(), tmp_path) is None


def test_a_snapshot_without_the_librarys_listing_is_checked_by_its_own_index(hub: FakeHub, tmp_path: Path) -> None:
    snapshot = fetch_from(hub, tmp_path, MUSIC_FLAMINGO)
    elsewhere = tmp_path / "older"
    storage = elsewhere / snapshot.path.parent.parent.name
    shutil.copytree(snapshot.path, storage / "snapshots" / snapshot.revision)
    (storage / "refs").mkdir()
    (storage / "refs" / "main").write_text(snapshot.revision)
    assert cached(model(MUSIC_FLAMINGO), elsewhere) is not None
    (storage / "snapshots" / snapshot.revision / "model-1.safetensors").unlink()
    assert cached(model(MUSIC_FLAMINGO), elsewhere) is None


def test_the_licence_is_told_before_the_hub_is_asked(hub: FakeHub, tmp_path: Path) -> None:
    seen: list[tuple[FetchEvent, int]] = []
    fetch(
        model(),
        cache_dir=tmp_path,
        acknowledge_licence=True,
        progress=lambda event: seen.append((event, len(hub.requests))),
        endpoint=hub.endpoint,
    )
    first, requests = seen[0]
    assert first.stage == "licence"
    assert "Noncommercial" in first.text
    assert requests == 0


def test_without_acknowledgement_the_licence_is_told_and_nothing_asked_or_written(hub: FakeHub, tmp_path: Path) -> None:
    events: list[FetchEvent] = []
    cache = tmp_path / "cache"
    with pytest.raises(LicenceNotAcknowledged, match="Noncommercial"):
        fetch(model(), cache_dir=cache, acknowledge_licence=False, progress=events.append, endpoint=hub.endpoint)
    assert [event.stage for event in events] == ["licence"]
    assert hub.requests == []
    assert not cache.exists()


def test_progress_rises_to_the_size_of_all_wanted_files(hub: FakeHub, tmp_path: Path) -> None:
    events: list[FetchEvent] = []
    fetch_from(hub, tmp_path, events=events)
    wanted = sum(len(d) for n, d in hub.repositories[AF2].items() if n != "README.md")
    wanted += sum(len(d) for n, d in hub.repositories[QWEN].items() if n != "model.safetensors")
    done = [event.done_bytes for event in events if event.stage == "download"]
    assert done == sorted(done)
    assert done[-1] == wanted
    assert events[-1] == FetchEvent("done", AF2, wanted, wanted)


def test_an_interrupted_file_goes_on_where_it_stopped(hub: FakeHub, tmp_path: Path) -> None:
    class Interrupted(BaseException):
        pass

    def interrupt(event: FetchEvent) -> None:
        if event.done_bytes >= 20_000:
            raise Interrupted

    with pytest.raises(Interrupted):
        fetch(model(), cache_dir=tmp_path, acknowledge_licence=True, progress=interrupt, endpoint=hub.endpoint)
    assert cached(model(), tmp_path) is None
    hub.requests.clear()
    snapshot = fetch_from(hub, tmp_path)
    (asked,) = hub.ranges("model_chunk_0.safetensors")
    assert asked is not None
    assert int(asked.removeprefix("bytes=").rstrip("-")) >= 10_000
    assert (snapshot.path / "safe_ckpt/model_chunk_0.safetensors").read_bytes() == weights(0)


def test_a_whole_file_is_not_asked_for_again(hub: FakeHub, tmp_path: Path) -> None:
    fetch_from(hub, tmp_path)
    hub.requests.clear()
    fetch_from(hub, tmp_path)
    assert hub.ranges("model_chunk_0.safetensors") == []


def test_a_file_that_was_damaged_on_the_disk_is_fetched_anew(hub: FakeHub, tmp_path: Path) -> None:
    snapshot = fetch_from(hub, tmp_path)
    path = snapshot.path / "safe_ckpt/model_chunk_0.safetensors"
    path.resolve().write_bytes(b"!" + weights(0)[1:])
    fetch_from(hub, tmp_path)
    assert path.read_bytes() == weights(0)


def test_a_damaged_beginning_of_an_interrupted_file_is_noticed_and_removed(hub: FakeHub, tmp_path: Path) -> None:
    target = blob(tmp_path, hub, "safe_ckpt/model_chunk_0.safetensors")
    target.parent.mkdir(parents=True)
    partial = target.with_name(f"{target.name}.incomplete")
    partial.write_bytes(b"!" * 20_000)
    with pytest.raises(ModelError, match=r"model_chunk_0\.safetensors: damaged"):
        fetch_from(hub, tmp_path)
    assert not partial.exists()
    assert (fetch_from(hub, tmp_path).path / "safe_ckpt/model_chunk_0.safetensors").read_bytes() == weights(0)


@pytest.mark.parametrize("name", ["safe_ckpt/model_chunk_1.safetensors", "safe_ckpt/metadata.json"])
def test_wrong_bytes_of_the_right_length_are_refused(hub: FakeHub, tmp_path: Path, name: str) -> None:
    hub.corrupt.add(name)
    with pytest.raises(ModelError, match=f"{name}: damaged"):
        fetch_from(hub, tmp_path)
    assert cached(model(), tmp_path) is None
    hub.corrupt.clear()
    assert cached(model(), tmp_path) is None
    assert (fetch_from(hub, tmp_path).path / name).read_bytes() == hub.repositories[AF2][name]


class _Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_too_little_space_is_told_before_anything_is_downloaded(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: _Usage(10**12, 10**12 - 1000, 1000))
    with pytest.raises(NotEnoughDisk, match="make room") as caught:
        fetch_from(hub, tmp_path / "cache")
    assert "\n" not in str(caught.value)
    assert not any("/resolve/" in path for _, path, _ in hub.requests)


def test_space_is_asked_only_for_what_is_missing(hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch_from(hub, tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: _Usage(10**12, 10**12 - 1000, 1000))
    fetch_from(hub, tmp_path)


def test_an_old_revision_without_the_safe_checkpoint_is_refused(hub: FakeHub, tmp_path: Path) -> None:
    hub.repositories[AF2] = {"clap_ckpt/epoch_15.pt": weights(5)}
    with pytest.raises(ModelError, match="no file that matches safe_ckpt"):
        fetch_from(hub, tmp_path)


def test_a_name_that_leads_out_of_the_cache_is_refused(hub: FakeHub, tmp_path: Path) -> None:
    hub.repositories[AF2]["safe_ckpt/../../../../evil"] = weights(6)
    with pytest.raises(ModelError, match="outside"):
        fetch_from(hub, tmp_path / "cache")
    assert not (tmp_path / "evil").exists()


def test_a_repository_that_does_not_exist_is_one_clear_line(hub: FakeHub, tmp_path: Path) -> None:
    del hub.repositories[AF2]
    with pytest.raises(ModelError, match="no such repository") as caught:
        fetch_from(hub, tmp_path)
    assert "\n" not in str(caught.value)


REFUSALS = {
    "bad token": (401, b"{}", {"X-Error-Message": "Invalid credentials in Authorization header"}, "unset HF_TOKEN"),
    "expired": (401, b"{}", {"X-Error-Message": 'User Access Token "t" is expired'}, "unset HF_TOKEN"),
    "no token": (401, b"{}", {"X-Error-Code": "GatedRepo", "X-Error-Message": "restricted"}, "accept its terms"),
    "fine-grained": (
        403, b"{}", {"X-Error-Message": "Please enable access to public gated repositories in your fine-grained token"},
        "read access to public gated repositories",
    ),
    "forbidden": (403, b"{}", {}, "a filter of the network"),
    "proxy": (407, b"", {}, "HTTPS_PROXY"),
    "portal": (200, b"<html>Welcome to our hotel</html>", {"Content-Type": "text/html"}, "sign in"),
    "too many": (429, b"{}", {}, "wait some minutes"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
def test_each_refusal_says_what_helps(hub: FakeHub, tmp_path: Path, case: str) -> None:
    *refusal, advice = REFUSALS[case]
    hub.refusal = (refusal[0], refusal[1], refusal[2])  # type: ignore[assignment]
    with pytest.raises(ModelError, match=advice) as caught:
        fetch_from(hub, tmp_path)
    assert "try again later" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_certificate_that_is_not_trusted_names_the_variable() -> None:
    error = OSError("connection failed")
    error.__cause__ = ssl.SSLCertVerificationError("certificate verify failed: self-signed certificate in chain")
    assert "SSL_CERT_FILE" in (hub_advice(error) or "")


def test_without_links_a_download_lies_on_the_disk_once_and_is_found_again(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.file_download.are_symlinks_supported", lambda *_: False)
    snapshot = fetch_from(hub, tmp_path)
    wanted = {name: data for name, data in hub.repositories[AF2].items() if name.startswith("safe_ckpt/")}
    assert {name: (snapshot.path / name).read_bytes() for name in wanted} == wanted
    large = sum(len(data) for data in wanted.values() if len(data) > 10_000)
    taken = sum(p.stat().st_size for p in tmp_path.rglob("*") if p.is_file() and not p.is_symlink())
    assert large <= taken < 1.2 * large
    hub.requests.clear()
    assert fetch_from(hub, tmp_path) == snapshot == cached(model(), tmp_path)
    assert hub.ranges("safe_ckpt/model_chunk_1.safetensors") == []


def test_a_snapshot_without_weights_is_no_downloaded_model(tmp_path: Path) -> None:
    for known in (model(MUSIC_FLAMINGO), KNOWN_CLAPS[0]):
        storage = tmp_path / f"models--{known.model_id.replace('/', '--')}"
        (storage / "snapshots" / COMMIT).mkdir(parents=True)
        (storage / "refs").mkdir()
        (storage / "refs" / "main").write_text(COMMIT)
        for name in ("config.json", "tokenizer.json", "processor_config.json"):
            (storage / "snapshots" / COMMIT / name).write_text("{}")
        assert cached(known, tmp_path) is None


def test_an_unreachable_hub_is_tried_once_and_is_one_clear_line(tmp_path: Path, _offline: list[Any]) -> None:
    with pytest.raises(HubUnreachable, match="cannot be reached") as caught:
        fetch(model(), cache_dir=tmp_path, acknowledge_licence=True, progress=ignore, endpoint=closed_port())
    assert "\n" not in str(caught.value)
    assert len(_offline) == 1


def test_a_hub_that_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "HUB_TIMEOUT_S", 60.0)
    monkeypatch.setattr(hub_module, "HUB_DEADLINE_S", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(HubUnreachable, match="no answer within"):
            fetch(model(), cache_dir=tmp_path, acknowledge_licence=True, progress=ignore, endpoint=endpoint)


@pytest.mark.parametrize("by", ["argument", "environment"])
def test_offline_nothing_is_asked(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, _offline: list[Any], by: str
) -> None:
    if by == "environment":
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(HubUnreachable, match="offline"):
        fetch_from(hub, tmp_path, offline=by == "argument")
    assert _offline == []


def test_the_revision_of_a_snapshot_is_its_commit(hub: FakeHub, tmp_path: Path) -> None:
    assert revision_of(fetch_from(hub, tmp_path).path) == hub.commit(AF2)


def test_the_revision_of_another_folder_changes_with_any_file_and_not_with_its_place(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "config.json").write_text("{}")
        (tmp_path / name / "sub" / "weights").write_bytes(b"1234")
    before = revision_of(tmp_path / "a")
    assert before == revision_of(tmp_path / "b")
    assert before.startswith("sha256:")
    (tmp_path / "a" / "sub" / "weights").write_bytes(b"1235")
    assert revision_of(tmp_path / "a") != before


def test_the_same_weights_are_the_same_revision_whatever_a_tool_notes_beside_them(tmp_path: Path) -> None:
    settings = InferenceSettings(chain=(ModelCandidate(model=str(tmp_path)),))
    (tmp_path / "model.safetensors").write_bytes(b"w" * 1000)
    before = (revision_of(tmp_path), files_digest(tmp_path), available_models(settings)[0])
    notes = tmp_path / ".cache" / "huggingface" / "download"
    notes.mkdir(parents=True)
    (notes / "model.safetensors.metadata").write_text("commit\netag\n1700000999.0\n")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/main")
    os.utime(tmp_path / "model.safetensors", (1, 1))
    assert (revision_of(tmp_path), files_digest(tmp_path), available_models(settings)[0]) == before
    (tmp_path / "model.safetensors").write_bytes(b"v" * 1000)
    os.utime(tmp_path / "model.safetensors", (2, 2))
    after = (revision_of(tmp_path), files_digest(tmp_path), available_models(settings)[0])
    assert all(one != other for one, other in zip(before, after, strict=True))
