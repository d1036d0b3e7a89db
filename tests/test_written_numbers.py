"""Numbers are written for readers: rounded, with a unit, without exponents, and apart from a limit that they miss."""

from __future__ import annotations

import pytest

from flamingo_bark_assets.training.rendering import told_apart, with_unit


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (22050.0, "Hz", "22050 Hz"),
        (44100, "Hz", "44100 Hz"),
        (121.2993, "BPM", "121.3 BPM"),
        (-9.49136, "LUFS", "-9.491 LUFS"),
        (0.00003, "", "0.00003"),
        (0.0, "s", "0 s"),
        (-0.0, "dB", "0 dB"),
        (100.0, "s", "100 s"),
        (1e21, "B", "1000000000000000000000 B"),
    ],
)
def test_a_number_is_rounded_and_has_its_unit_and_no_exponent(value: float, unit: str, shown: str) -> None:
    assert with_unit(value, unit) == shown


@pytest.mark.parametrize(
    ("value", "limit", "shown"),
    [
        (14999.6, 15000.0, ("14999.6", "15000")),
        (0.00004, 0.00003, ("0.00004", "0.00003")),
        (9.9999, 10.0, ("9.9999", "10")),
    ],
)
def test_a_value_that_misses_its_limit_never_looks_equal_to_it(
    value: float, limit: float, shown: tuple[str, str]
) -> None:
    assert told_apart(value, limit) == shown
