"""The versions of everything outside the pipeline that a result depends on: a song's files and the settings.

Digests of what is there now belong here; comparing them with what results were made from stands in `due`.
"""

from __future__ import annotations

from dataclasses import dataclass

from flamingo_bark_assets.library.fingerprint import FileDigests
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.prompts.library_scale import scale_digest
from flamingo_bark_assets.settings import Settings, digest_of_settings
from flamingo_bark_assets.steps import FilePart, SettingsGroup, Step

CODE = "code"
# What a person decides is an input only where something is decided: nothing is due because it can be.
_ALWAYS: frozenset[FilePart] = frozenset({"sound", "info", "edits"})


@dataclass(frozen=True, slots=True)
class SettingsVersions:
    """One short digest a group of settings, and the share of the songs that are measured a second time."""

    decoding: str
    separation: str
    captioning: str
    prompts: str
    suitability: str
    clips: str
    sidecars: str
    lyrics: str
    second_opinion_share: float = 0.0

    def of(self, group: SettingsGroup) -> str:
        """Return the version of one group."""
        version: str = getattr(self, group)
        return version


def settings_versions(settings: Settings, paths: DataPaths) -> SettingsVersions:
    """Digest each group of settings.

    The captioning group holds also which models of the chain are on this machine: once a model has been fetched, texts
    that a fallback wrote in its place are due. Where texts compare songs with each other, the prompts group holds also
    the stored edges of the library's bins.
    """
    from flamingo_bark_assets.inference.availability import available_models

    thresholds, prompts = settings.thresholds, settings.prompts
    return SettingsVersions(
        decoding=digest_of_settings(thresholds.max_duration_s, thresholds.max_truncated_s),
        separation=_separation_version(settings),
        captioning=digest_of_settings(
            settings.inference.model_dump(mode="json"),
            (prompts.min_claim_confidence, prompts.min_tempo_confidence, prompts.min_key_confidence),
            available_models(settings.inference),
            settings.tagging.model_dump(mode="json"),
        ),
        prompts=digest_of_settings(
            prompts.model_dump(mode="json"), scale_digest(paths) if prompts.relative_words else None
        ),
        suitability=digest_of_settings(thresholds.model_dump(mode="json")),
        clips=digest_of_settings(settings.clips.model_dump(mode="json")),
        sidecars=digest_of_settings(settings.sidecars.merge),
        lyrics=_lyrics_version(settings),
        second_opinion_share=settings.analysis.second_opinion_share,
    )


def _lyrics_version(settings: Settings) -> str:
    """Digest what transcription depends on: once its model has been fetched, songs without words are due."""
    from flamingo_bark_assets.inference.availability import model_state
    from flamingo_bark_assets.lyrics.catalogue import KNOWN_WHISPERS

    model = settings.lyrics.model
    state = model and model_state(model, settings.lyrics.revision, settings.inference, KNOWN_WHISPERS)
    return digest_of_settings(settings.lyrics.model_dump(mode="json"), state)


def _separation_version(settings: Settings) -> str:
    """Digest what separation depends on: once the separator has been installed, songs without stems are due.

    While it is off nothing else counts.
    """
    from flamingo_bark_assets.separation.making import found_program

    asked = settings.separation
    return digest_of_settings(asked.model_dump(mode="json"), found_program(asked)) if asked.enabled else "off"


def outside_inputs(step: Step, files: FileDigests, settings: SettingsVersions) -> dict[str, str]:
    """Return the versions of what a step depends on besides the results of other steps, by name."""
    parts: tuple[FilePart, ...] = step.files
    return {
        CODE: step.version,
        **{part: digest for part in parts if (digest := files.of(part)) or part in _ALWAYS},
        **{f"settings/{group}": settings.of(group) for group in step.settings},
    }
