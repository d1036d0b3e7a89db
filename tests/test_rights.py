"""Licences as people write them: which allow commercial use."""

from __future__ import annotations

import pytest

from flamingo_bark_assets.exports.rights import normal_licence, why_not_commercial


@pytest.mark.parametrize(
    "licence",
    [
        "CC0-1.0", "CC0", "CC0 1.0 Universal", "http://creativecommons.org/publicdomain/zero/1.0/", "Public Domain",
        "CC-BY-4.0", "cc by 4.0", "Creative Commons Attribution 4.0 International", "CC BY-SA 3.0", "MIT",
        "https://creativecommons.org/licenses/by-sa/4.0/deed.de",
        "creativecommons.org/licenses/by/2.0/uk", "<https://www.creativecommons.org/licenses/by/4.0/legalcode>",
    ],
)  # fmt: skip
def test_an_open_licence_allows_commercial_use(licence: str) -> None:
    assert why_not_commercial(licence) is None


@pytest.mark.parametrize(
    ("licence", "why"),
    [
        (None, "no licence is stated"),
        ("  ", "no licence is stated"),
        ("CC-BY-NC-4.0", "does not allow commercial use"),
        ("Creative Commons Attribution-NonCommercial-ShareAlike 4.0", "does not allow commercial use"),
        ("https://creativecommons.org/licenses/by-nc/4.0/", "does not allow commercial use"),
        ("CC-BY-ND-4.0", "does not allow adaptations"),
        ("all rights reserved", "is not known to allow"),
        ("CC0-1.0 but not really", "is not known to allow"),
        ("not MIT", "is not known to allow"),
        ("All rights reserved; cover https://creativecommons.org/licenses/by/4.0/", "is not known to allow"),
        ("CC BY-NC 4.0 (see https://creativecommons.org/licenses/by/4.0/)", "is not known to allow"),
        ("https://example.org/?creativecommons.org/licenses/by/4.0", "is not known to allow"),
        ("NVIDIA OneWay Noncommercial License", "is not known to allow"),
    ],
)
def test_whatever_does_not_allow_it_for_sure_is_refused_with_the_reason(licence: str | None, why: str) -> None:
    assert why in (why_not_commercial(licence) or "")


def test_the_user_may_name_licences_of_their_own() -> None:
    assert why_not_commercial("Label Deal 7", frozenset({normal_licence("label deal 7")})) is None
