"""Asset checks of one song: they show a verdict that is data already, and stop nothing.

What a check is called and how it is shown belongs here; the rules stand in `training.suitability`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import dagster as dg

from flamingo_bark_assets.defs.partitions import songs_partitions
from flamingo_bark_assets.training.rendering import told_apart, with_unit

if TYPE_CHECKING:
    from flamingo_bark_assets.pipeline import SongWork
    from flamingo_bark_assets.training.suitability import RuleResult


@dataclass(frozen=True)
class SongCheck:
    """One check of one per-song asset.

    Attributes:
        asset: name of the asset.
        name: name of the check.
        description: what must hold.
        severity: how a failure is shown.
        rules: gives the rules that the check shows.
        passing: says what holds where no rule fails; None where that is all of them.
    """

    asset: str
    name: str
    description: str
    severity: dg.AssetCheckSeverity
    rules: Callable[[SongWork], tuple[RuleResult, ...]]
    passing: Callable[[SongWork], str] | None = None

    @cached_property
    def spec(self) -> dg.AssetCheckSpec:
        """The declaration for Dagster; not blocking, as an unfit song stops nothing."""
        with warnings.catch_warnings():
            # Partitioned checks are in preview; without them a verdict could not be shown for its song.
            warnings.simplefilter("ignore", dg.PreviewWarning)
            return dg.AssetCheckSpec(
                self.name,
                asset=self.asset,
                description=self.description,
                blocking=False,
                partitions_def=songs_partitions,
            )

    def evaluate(self, work: SongWork) -> dg.AssetCheckResult:
        """Show the rules for one song: passed, what is wrong in words, and every value beside its limit."""
        rules = self.rules(work)
        failed = [rule for rule in rules if not rule.passed]
        table = dg.MetadataValue.table(
            [
                dg.TableRecord(
                    {
                        "subject": rule.subject,
                        "rule": rule.rule,
                        "value": "unknown" if rule.value is None else _shown(rule, rule.value),
                        "limit": f"{rule.comparison} {with_unit(rule.threshold, rule.unit, digits=10)}",
                        "passed": rule.passed,
                    }
                )
                for rule in rules
            ],
            schema=_RULE_SCHEMA,
        )
        return dg.AssetCheckResult(
            asset_key=self.asset,
            check_name=self.name,
            passed=not failed,
            severity=self.severity,
            description="; ".join(rule.reason or rule.rule for rule in failed) or self._passing(work),
            metadata={"rules": table},
        )

    def _passing(self, work: SongWork) -> str:
        return self.passing(work) if self.passing is not None else "all rules hold"


def _shown(rule: RuleResult, value: float) -> str:
    """Write the value of a rule with its unit, with as many digits as tell it from a limit that it misses."""
    if rule.passed:
        return with_unit(value, rule.unit)
    return f"{told_apart(value, rule.threshold)[0]} {rule.unit}".strip()


_RULE_SCHEMA = dg.TableSchema(
    columns=[
        dg.TableColumn("subject", "string"),
        dg.TableColumn("rule", "string"),
        dg.TableColumn("value", "string"),
        dg.TableColumn("limit", "string"),
        dg.TableColumn("passed", "bool"),
    ]
)


def _recording(work: SongWork) -> tuple[RuleResult, ...]:
    from flamingo_bark_assets.audio.recording import RawSong
    from flamingo_bark_assets.training.suitability import recording_rules

    return recording_rules(work.result(RawSong), work.settings.thresholds)


def _metadata(work: SongWork) -> tuple[RuleResult, ...]:
    from flamingo_bark_assets.audio.song_metadata import SongMetadata
    from flamingo_bark_assets.training.suitability import metadata_rules

    return metadata_rules(work.result(SongMetadata))


def _review(work: SongWork) -> tuple[RuleResult, ...]:
    from flamingo_bark_assets.audio.song_review import SongReview
    from flamingo_bark_assets.training.suitability import review_rules

    return review_rules(work.result(SongReview))


def _stems(work: SongWork) -> tuple[RuleResult, ...]:
    from flamingo_bark_assets.audio.recording import StemSet
    from flamingo_bark_assets.training.suitability import stem_set_rules

    return stem_set_rules(work.result(StemSet), work.settings.thresholds)


def _measurements(work: SongWork) -> tuple[RuleResult, ...]:
    from flamingo_bark_assets.analysis.features.song import SongFeatures
    from flamingo_bark_assets.training.suitability import measurement_rules

    return measurement_rules(work.result(SongFeatures), work.settings.thresholds)


def _second_opinion(work: SongWork) -> tuple[RuleResult, ...]:
    from flamingo_bark_assets.analysis.features.song import SongFeatures
    from flamingo_bark_assets.training.suitability import second_opinion_rules

    return second_opinion_rules(work.result(SongFeatures))


def _agreement(work: SongWork) -> str:
    from flamingo_bark_assets.analysis.features.song import SongFeatures

    song = work.result(SongFeatures)
    opinions = song.second_opinions
    if song.unusable is not None:
        return f"nothing is measured: {song.unusable}"
    if not opinions:
        return "not chosen: only a share of the songs is measured a second time, [analysis] second_opinion_share"
    unknown = [f"{opinion.quantity} ({opinion.reason})" for opinion in opinions if opinion.agrees is None]
    told = f"librosa agrees with {len(opinions) - len(unknown)} quantities"
    return f"{told}; not compared: {', '.join(unknown)}" if unknown else told


def _claims(work: SongWork) -> tuple[RuleResult, ...]:
    from flamingo_bark_assets.captioning.interface import Captions
    from flamingo_bark_assets.training.suitability import claim_rules

    return claim_rules(work.result(Captions), work.settings.thresholds)


def _sidecars(work: SongWork) -> tuple[RuleResult, ...]:
    from flamingo_bark_assets.audio.song_metadata import SongMetadata
    from flamingo_bark_assets.captioning.interface import Captions
    from flamingo_bark_assets.training.suitability import sidecar_rules

    return sidecar_rules(work.result(SongMetadata), work.result(Captions))


def _tag(work: SongWork) -> tuple[RuleResult, ...]:
    from flamingo_bark_assets.prompts.levels import TrainingPrompts
    from flamingo_bark_assets.training.suitability import tag_rules

    return tag_rules(work.result(TrainingPrompts))


def _verdict(work: SongWork) -> tuple[RuleResult, ...]:
    from flamingo_bark_assets.training.suitability import SONG, judge

    return tuple(rule for rule in judge(work.evidence(), work.settings.thresholds).rules if rule.subject == SONG)


CHECKS: tuple[SongCheck, ...] = (
    SongCheck(
        "raw_song", "recording_is_sound",
        "The file can be read and is whole, long enough, wide-band, unclipped, sounding and quiet in its pauses.",
        dg.AssetCheckSeverity.ERROR, _recording,
    ),
    SongCheck(
        "song_metadata", "song_toml_is_understood",
        "song.toml can be read, and each of its keys is known and holds what it may; others are left out and named.",
        dg.AssetCheckSeverity.WARN, _metadata,
    ),
    SongCheck(
        "song_review", "is_reviewed",
        "No person excludes the song; who has looked at it, and when, stands in the asset's metadata.",
        dg.AssetCheckSeverity.WARN, _review,
    ),
    SongCheck(
        "stems", "stems_belong_to_mix",
        "There are stems; each can be read, sounds, and has the mix's length and position; together they give the mix.",
        dg.AssetCheckSeverity.WARN, _stems,
    ),
    SongCheck(
        "song_features", "measurements_are_sure",
        "Dynamic range is wide enough, and tempo and key are known with enough confidence.",
        dg.AssetCheckSeverity.WARN, _measurements,
    ),
    SongCheck(
        "song_features", "agrees_with_librosa",
        "librosa measures the same of the mix, within tolerances; of songs that are not chosen for it nothing is said.",
        dg.AssetCheckSeverity.WARN, _second_opinion, _agreement,
    ),
    SongCheck(
        "flamingo_captions",
        "claims_agree",
        "What the captioner claims and the measurements can check agrees with them, but for a small share.",
        dg.AssetCheckSeverity.WARN,
        _claims,
    ),
    SongCheck(
        "flamingo_captions", "sidecars_agree",
        "Each sidecar can be read, and no tempo, key, metre, voice or caption that it gives contradicts the "
        "measurements.",
        dg.AssetCheckSeverity.WARN, _sidecars,
    ),
    SongCheck(
        "training_prompts", "custom_tag_is_there",
        "The custom tag, where there is one, stands in every text, and none held it by itself. Sung words, which are "
        "Bark's text of a voice, never hold it.",
        dg.AssetCheckSeverity.WARN, _tag,
    ),
    SongCheck(
        "bark_dataset", "fit_for_training",
        "The song passes every suitability rule and so enters the training manifest.",
        dg.AssetCheckSeverity.ERROR, _verdict,
    ),
)  # fmt: skip
