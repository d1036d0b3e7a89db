"""Folders of strangers: whatever they hold, a verification ends, runs nothing, and says where it could not read."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import pickle
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from flamingo_bark_assets.errors import ExportError
from flamingo_bark_assets.exports.interface import ExportOptions
from flamingo_bark_assets.exports.registry import TARGETS
from flamingo_bark_assets.exports.run import export
from flamingo_bark_assets.verification.findings import MAX_FINDINGS_OF_A_RULE
from flamingo_bark_assets.verification.report import report_json, report_lines
from flamingo_bark_assets.verification.run import CHECKS, verify_export
from tests.export_songs import MadeSource, made_song


def found(folder: Path, target: str | None = None) -> set[tuple[str, str]]:
    return {(finding.rule, finding.file) for finding in verify_export(folder, as_target=target).findings}


@pytest.mark.parametrize("target", CHECKS)
def test_an_empty_folder_is_no_export_of_any_kind(tmp_path: Path, target: str) -> None:
    verification = verify_export(tmp_path, as_target=target)

    assert verification.exit_status == 1
    assert "fails" in {finding.severity for finding in verification.findings}


def test_a_folder_that_looks_like_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="nothing tells"):
        verify_export(tmp_path)
    with pytest.raises(ExportError, match="no such folder"):
        verify_export(tmp_path / "gone")


def test_a_layout_is_not_looked_for_deep_below_a_folder_that_is_no_export(tmp_path: Path) -> None:
    (tmp_path / "a/b/c/d").mkdir(parents=True)
    (tmp_path / "a/b/c/d/somebodys.tar").write_bytes(b"")
    with pytest.raises(ExportError, match="nothing tells"):
        verify_export(tmp_path)


@pytest.mark.parametrize("target", CHECKS)
def test_rubbish_under_every_name_that_is_read_ends_in_findings(tmp_path: Path, target: str) -> None:
    names = (
        "dataset.json", "dataset_config.json", "prompts.json", "flamingo_bark_metadata.py", "README.md",
        "croissant.json", "train/metadata.parquet", "train/train-000000.tar", "stable-audio-tools.json",
        "egs/x/train/data.jsonl", "egs/x/train/data.jsonl.gz", "dset/audio/x.yaml", "train_valid.txt", "train.txt",
        "valid_valid.txt", "valid.txt", "tokens/x.npz", "prompts/x.npz", "voice_prompts.jsonl", "wavs/x.wav",
        "audio/train/x.txt", "audio/train/metadata.csv", "provenance/export.json", "provenance/clips.jsonl",
        "provenance/checksums.sha256", "provenance/notes.jsonl",
    )  # fmt: skip
    for seed, content in enumerate((b"", b"\0" * 5000, b"[" * 100_000, b'{"a": ' * 50_000, b"\xff\xfe" * 999, None)):
        rubbish = np.random.default_rng(seed).bytes(4000) if content is None else content
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(rubbish)

        verification = verify_export(tmp_path, as_target=target)
        assert verification.findings
        assert json.loads(report_json(verification))["clean"] is False
        assert all(line.isprintable() for line in report_lines(verification))


def test_a_bomb_of_tokens_is_not_unpacked(tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<i8", "fortran_order": False, "shape": (10**9,)})
    with zipfile.ZipFile(tmp_path / "prompts/x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("semantic_prompt.npy", "w", force_zip64=True) as member:
            member.write(header.getvalue())
            for _ in range(64):
                member.write(bytes(1 << 20))
        archive.writestr("coarse_prompt.npy", header.getvalue())

    assert {("too_large", "prompts/x.npz"), ("unreadable", "prompts/x.npz")} <= found(tmp_path, "bark-voice-prompts")


class _Runs:
    """Runs a command when it is unpickled."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self._place),)


def test_pickled_tokens_and_a_metadata_module_are_never_run(tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    np.savez(tmp_path / "prompts/x.npz", semantic_prompt=np.array([_Runs(tmp_path / "ran")], dtype=object))
    (tmp_path / "prompts/y.npz").write_bytes(pickle.dumps(_Runs(tmp_path / "ran")))
    (tmp_path / "module.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\ndef get_custom_metadata(i, a): ...\n")
    (tmp_path / "dataset_config.json").write_text(
        json.dumps({"dataset_type": "audio_dir", "datasets": [
            {"id": "x", "path": str(tmp_path), "custom_metadata_module": str(tmp_path / "module.py")}]})
    )  # fmt: skip

    assert ("token_dtype", "prompts/x.npz") in found(tmp_path, "bark-voice-prompts")
    verify_export(tmp_path, as_target="stable-audio-tools")
    assert not (tmp_path / "ran").exists()


def test_a_bomb_of_lines_is_read_in_pieces(tmp_path: Path) -> None:
    import gzip

    folder = tmp_path / "egs/x/train"
    folder.mkdir(parents=True)
    with gzip.open(folder / "data.jsonl.gz", "wb") as file:
        for _ in range(64):
            file.write(b"a" * (1 << 20))
        file.write(b"\n{}\n")

    rules = {rule for rule, _ in found(tmp_path, "audiocraft")}
    assert {"too_large", "missing_key"} <= rules


def test_members_that_lie_about_their_place_and_kind_are_named(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    with tarfile.open(tmp_path / "train/train-000000.tar", "w") as archive:
        for name, kind in (
            ("/etc/x.flac", tarfile.REGTYPE),
            ("../y.txt", tarfile.REGTYPE),
            ("z.flac", tarfile.SYMTYPE),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)

    findings = verify_export(tmp_path, as_target="webdataset").findings
    rows = [finding.row for finding in findings if finding.rule == "unsafe_path"]
    assert rows == [1, 2]
    assert [finding.row for finding in findings if finding.rule == "not_regular"] == [3]


def test_links_and_pipes_are_named_and_never_waited_for(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a secret")
    folder = tmp_path / "export"
    (folder / "wavs").mkdir(parents=True)
    (folder / "wavs/a.wav").symlink_to(secret)
    (folder / "loop").symlink_to("loop")
    (folder / "up").symlink_to("..")
    os.mkfifo(folder / "train.txt")
    (folder / "train_valid.txt").write_text("wavs/a.wav|text\n")

    named = found(folder, "bark")
    assert {("link", "wavs/a.wav"), ("link", "loop"), ("link", "up"), ("not_regular", "train.txt")} <= named
    assert "a secret" not in report_json(verify_export(folder, as_target="bark"))


def test_a_table_of_other_columns_is_no_crash(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    pl.DataFrame({"file_name": [[1, 2], None], "text": [b"x", b"y"], "n": [{"a": 1}, None]}).write_parquet(
        tmp_path / "train/metadata.parquet"
    )

    assert ("field_type", "train/metadata.parquet") in found(tmp_path, "huggingface")


@pytest.mark.parametrize("name", ["NA", "{x} <b> demo.wav", "Unknown", "0.12345"])
def test_songs_and_artists_may_have_any_name(tmp_path: Path, name: str) -> None:
    song = dataclasses.replace(made_song("song", "train", clips=1, views=["30s"]), title=name, artist=name)
    export(TARGETS["audiocraft"], MadeSource([song]), tmp_path / "out", ExportOptions(folder=str(tmp_path / "out")))

    assert verify_export(tmp_path / "out").findings == ()


def test_findings_of_one_rule_are_counted_beyond_a_limit(tmp_path: Path) -> None:
    (tmp_path / "train_valid.txt").write_text("\n" * (MAX_FINDINGS_OF_A_RULE + 50))

    verification = verify_export(tmp_path, as_target="bark")
    assert verification.left_out == {"blank_line": 50}
    assert any("and 1030 more" in line for line in report_lines(verification))


def test_names_and_texts_cannot_steer_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "train_valid.txt").write_text("wavs/\x1b[31m.wav|\x1b]0;title\x07\n")

    told = "\n".join(report_lines(verify_export(tmp_path, as_target="bark")))
    assert "\x1b" not in told
    assert "\x07" not in told
