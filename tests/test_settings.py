"""settings.toml: what may stand in it, and the one line that tells what may not."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from flamingo_bark_assets.errors import ConfigurationError
from flamingo_bark_assets.settings import PromptSettings, Settings, Thresholds, load_settings


def settings_toml(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "settings.toml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def problem(path: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert message.isprintable()
    assert len(message) < 1000
    return message


def test_a_missing_file_gives_the_defaults(tmp_path: Path) -> None:
    assert load_settings(tmp_path / "settings.toml") == Settings()


def test_a_byte_order_mark_and_a_link_to_elsewhere_are_accepted(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"\xef\xbb\xbf[thresholds]\r\nmin_duration_s = 7\r\n")
    (tmp_path / "settings.toml").symlink_to(tmp_path / "mine")
    assert load_settings(tmp_path / "settings.toml").thresholds.min_duration_s == 7


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a = " + "[" * 100_000, "nested too deeply"),
        ("a = " + "{b=" * 100_000, "nested too deeply"),
        ("[thresholds]\nmin_duration_s = " + "1" * 10_000, "too many digits"),
        ("[thresholds]\nmin_duration_s = " + "1" * 4_000, "valid number"),
        ("[inference]\nseed = 0x" + "f" * 100_000, "inference.seed"),
        ("[thresholds]\nmin_duration_s = 1e999", "finite"),
        ("[thresholds]\nmin_duration_s = nan", "finite"),
        (".".join(["a"] * 200_000) + " = 1", "dotted parts"),
        ("#" * (1024 * 1024 + 1), "larger than"),
        (b"[thresholds]\n# caf\xe9", "not UTF-8 (at line 2)"),
        ("[thresholds", "line 1"),
        ('[inference]\ncache_folder = "a\\u0000b"', "inference.cache_folder: holds the control character U+0000"),
        ('[[inference.chain]]\nmodel = "a\\u001bb"', "inference.chain, entry 1.model: holds the control character"),
        ("thresholds = 5", "thresholds: should be a table"),
        ('[inference]\nchain = "x"', "begins with a line [[inference.chain]]"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_hostile_or_wrong_file_is_one_line(tmp_path: Path, content: str | bytes, words: str) -> None:
    assert words in problem(settings_toml(tmp_path, content))


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.mkdir()
    assert "not a regular file" in problem(path)
    path.rmdir()
    os.mkfifo(path)
    assert "not a regular file" in problem(path)
    path.unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        assert "not a regular file" in problem(path)
    path.unlink()
    for target in ("/dev/zero", "/dev/null"):
        path.symlink_to(target)
        assert "not a regular file" in problem(path)
        path.unlink()
    path.symlink_to("settings.toml")
    assert "symbolic links" in problem(path)
    path.unlink()
    path.symlink_to("nowhere")
    assert "leads nowhere" in problem(path)
    assert "Not a directory" in problem(settings_toml(tmp_path, "") / "settings.toml")


@pytest.mark.parametrize(
    ("content", "unknown", "meant"),
    [
        ("[tresholds]", "tresholds", "thresholds"),
        ("[thresholds]\nmin_duratoin_s = 9", "thresholds.min_duratoin_s", "min_duration_s"),
        ("min_duration_s = 9", "min_duration_s", "thresholds.min_duration_s"),
        ("[inference]\nallow_downloads = true", "inference.allow_downloads", "allow_download"),
        ("[[inference.chain]]\nmodell = 'x'", "inference.chain.modell", "model"),
    ],
)
def test_an_unknown_key_is_named_with_the_one_that_was_meant(
    tmp_path: Path, content: str, unknown: str, meant: str
) -> None:
    message = problem(settings_toml(tmp_path, content))
    assert f"unknown key '{unknown}'" in message
    assert f"did you mean '{meant}'?" in message


def test_several_problems_are_told_at_once_and_endless_ones_counted(tmp_path: Path) -> None:
    message = problem(settings_toml(tmp_path, "x = 1\n[thresholds]\nmin_duration_s = -1\n"))
    assert "'x'" in message
    assert "thresholds.min_duration_s" in message
    assert message.count("unknown key") == 1
    many = problem(settings_toml(tmp_path, "".join(f"x{n} = 1\n" for n in range(1000))))
    assert many.endswith("; and 995 more")


def ranges(model: type[BaseModel]) -> list[tuple[str, str]]:
    names = model.model_fields
    return [(low, high) for low in names if low.startswith("min_") and (high := low.replace("min_", "max_")) in names]


@pytest.mark.parametrize(
    ("model", "low", "high"),
    [(model, *pair) for model in (Thresholds, PromptSettings) for pair in ranges(model)],
)
def test_a_smallest_value_above_the_largest_is_refused_with_both(
    tmp_path: Path, model: type[BaseModel], low: str, high: str
) -> None:
    with pytest.raises(ValidationError, match=f"{low} = 9 is more than {high} = 8"):
        model.model_validate({low: 9, high: 8})
    assert model.model_validate({low: 8, high: 8})


def test_a_smallest_duration_above_the_default_of_the_largest_names_that_default(tmp_path: Path) -> None:
    message = problem(settings_toml(tmp_path, "[thresholds]\nmin_duration_s = 3600"))
    assert re.search(r"min_duration_s = 3600 is more than max_duration_s = 1800 \(the default\)$", message)


def test_the_former_name_of_the_table_of_inference_still_holds(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("[listening]\nmax_new_tokens = 7\n")
    assert load_settings(file).inference.max_new_tokens == 7


def test_both_names_of_the_table_of_inference_together_are_refused_by_name(tmp_path: Path) -> None:
    message = problem(settings_toml(tmp_path, "[inference]\nseed = 1\n[listening]\nmax_new_tokens = 7"))
    assert "[listening] is the former name of [inference]" in message
