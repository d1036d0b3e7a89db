"""The profiles of ``dagster.yaml``: one machine, a Postgres, or a Ray cluster; chosen by one environment variable.

Which there are, what each needs and how a home gets one belong here; the settings themselves stand in ``profiles/``.
"""

from __future__ import annotations

import os
import re
import uuid
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from flamingo_bark_assets.errors import ConfigurationError, HomeError

VARIABLE = "FLAMINGO_BARK_PROFILE"
POSTGRES_URL = "FLAMINGO_BARK_POSTGRES_URL"
MAX_RUNS = "FLAMINGO_BARK_MAX_RUNS"
_DRIVER = "postgresql+psycopg2://"
_NAME = re.compile(r"^# Profile: (\w+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Profile:
    """One way to run Dagster.

    Attributes:
        modules: what must be installed besides what every installation has; the extra `cluster` brings them.
        variables: environment variables that its settings read.
    """

    modules: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()


EMBEDDED = "embedded"
PROFILES = {
    EMBEDDED: Profile(),
    "postgres": Profile(("dagster_postgres", "psycopg2"), (POSTGRES_URL,)),
    "ray": Profile(
        ("dagster_postgres", "psycopg2", "dagster_ray", "ray", "aiohttp"),
        (POSTGRES_URL, "RAY_API_SERVER_ADDRESS", MAX_RUNS),
    ),
}


def settings_of(name: str) -> str:
    """Return the text of a profile's ``dagster.yaml``."""
    return files(__package__).joinpath("profiles", f"{name}.yaml").read_text(encoding="utf-8")


def write_settings(home: Path) -> None:
    """Give a home the settings of the profile that the environment chooses; without a choice it keeps its own.

    A new home without a choice is embedded. Settings that a person changed are never replaced.

    Raises:
        ConfigurationError: there is no such profile, or something that it needs is missing.
        HomeError: the home has another profile, and its settings were changed by hand.
        OSError: the settings cannot be written.
    """
    chosen = os.environ.get(VARIABLE) or None
    if chosen is not None and chosen not in PROFILES:
        raise ConfigurationError(f"{VARIABLE}: there is no profile {chosen!r}; there are {', '.join(PROFILES)}")
    settings = home / "dagster.yaml"
    found = settings.read_text(encoding="utf-8") if settings.exists() else None
    present = _profile_of(found) if found is not None else None
    if found is None or (chosen is not None and chosen != present):
        if found is not None and found not in map(settings_of, PROFILES):
            raise HomeError(
                f"DAGSTER_HOME {home}: its dagster.yaml was changed by hand and is not of the profile {chosen}; move "
                f"it away to get that one, or unset {VARIABLE}"
            )
        present = chosen or EMBEDDED
        temporary = home / f".new-{uuid.uuid4().hex}"
        temporary.write_text(settings_of(present), encoding="utf-8")
        temporary.replace(settings)
    if present in PROFILES:
        _check(present)


def _profile_of(text: str) -> str | None:
    """Return the profile that settings say they are of; those of before there were profiles say none."""
    named = _NAME.search(text)
    return named[1] if named else None


def _check(name: str) -> None:
    """Check that all is there that a profile needs.

    Raises:
        ConfigurationError: something is missing.
    """
    profile = PROFILES[name]
    if missing := [module for module in profile.modules if find_spec(module) is None]:
        raise ConfigurationError(
            f"the profile {name} needs {', '.join(missing)}: pip install 'flamingo-bark-assets[cluster]'"
        )
    for variable in profile.variables:
        if not os.environ.get(variable):
            raise ConfigurationError(f"the profile {name} needs the environment variable {variable}; see its settings")
    if POSTGRES_URL in profile.variables and not os.environ[POSTGRES_URL].startswith(_DRIVER):
        raise ConfigurationError(f"{POSTGRES_URL}: must begin with {_DRIVER}")
