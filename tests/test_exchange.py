"""Two folders that change places."""

from __future__ import annotations

from pathlib import Path

import pytest

from flamingo_bark_assets.files import exchange
from flamingo_bark_assets.files.exchange import exchange_folders


def folders(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    return tmp_path / "one", tmp_path / "other"


@pytest.mark.parametrize("in_one_step", [True, False])
def test_two_folders_change_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_one_step: bool) -> None:
    if not in_one_step:
        monkeypatch.setattr(exchange, "_exchange", lambda one, other: False)
    one, other = folders(tmp_path)
    exchange_folders(one, other)
    assert (one / "file").read_text() == "other"
    assert (other / "file").read_text() == "one"
    assert {path.name for path in tmp_path.iterdir()} == {"one", "other"}


def test_a_missing_folder_is_an_error_and_the_other_stays(tmp_path: Path) -> None:
    one, _ = folders(tmp_path)
    with pytest.raises(FileNotFoundError, match="nothing"):
        exchange_folders(one, tmp_path / "nothing")
    assert (one / "file").read_text() == "one"
