"""The groups of settings as source assets, so that Dagster knows what a change of settings makes stale.

Declaring and observing them belongs here; their versions are computed in `provenance.inputs`.
"""

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.definitions.data_version import DATA_VERSION_TAG

from flamingo_bark_assets.defs.reporting import settings_key
from flamingo_bark_assets.defs.resources import Platform
from flamingo_bark_assets.defs.specs import OWNER
from flamingo_bark_assets.steps import SETTINGS_GROUPS, STEPS, SettingsGroup

if TYPE_CHECKING:
    from flamingo_bark_assets.provenance.inputs import SettingsVersions

_WHAT = {
    "decoding": "Longest song that is decoded, and how much of it may be missing.",
    "separation": "Whether songs without stems are separated, by which command, and whether its program is here.",
    "captioning": "The tagger, and the chain of captioning models: what is asked of them, how, and which are here.",
    "prompts": "Weights and budgets of training prompts.",
    "suitability": "The limits of the suitability rules.",
    "lyrics": "Which model transcribes sung words that nobody gives, and whether it is here.",
    "clips": "How songs are cut into training clips, and which clips are left out.",
    "sidecars": "How the words of sidecars are merged with those of other sources.",
}


def _spec(group: SettingsGroup) -> dg.AssetSpec:
    readers = ", ".join(step.name for step in STEPS if group in step.settings)
    return dg.AssetSpec(
        settings_key(group),
        description=f"{_WHAT[group]} From settings.toml; its version is observed when it changes. Read by {readers}.",
        group_name="settings",
        owners=[OWNER],
        kinds={"python", "file"},
    )


def _observed(context: dg.AssetExecutionContext, platform: Platform) -> Iterator[dg.ObserveResult]:
    """Observe the versions of the settings now; the sensor and each run do the same by themselves."""
    from flamingo_bark_assets.provenance.inputs import settings_versions

    versions = settings_versions(platform.settings, platform.paths)
    for group in SETTINGS_GROUPS:
        if settings_key(group) in context.selected_asset_keys:
            yield dg.ObserveResult(settings_key(group), data_version=dg.DataVersion(versions.of(group)))


with warnings.catch_warnings():
    # The decorator is in beta; without it the UI would show no version of a source.
    warnings.simplefilter("ignore", dg.BetaWarning)
    settings_sources: dg.AssetsDefinition = dg.multi_observable_source_asset(
        name="settings", specs=[_spec(group) for group in SETTINGS_GROUPS], can_subset=True
    )(_observed)


def observe_settings(instance: dg.DagsterInstance, versions: "SettingsVersions") -> list[str]:
    """Report the versions of the settings that differ from those that were observed last; return their groups."""
    changed: list[str] = []
    for group in SETTINGS_GROUPS:
        key = settings_key(group)
        last = instance.get_latest_data_version_record(key, is_source=True)
        tags = (last.event_log_entry.tags or {}) if last is not None else {}
        if tags.get(DATA_VERSION_TAG) != versions.of(group):
            instance.report_runless_asset_event(dg.AssetObservation(key, tags={DATA_VERSION_TAG: versions.of(group)}))
            changed.append(group)
    return changed
