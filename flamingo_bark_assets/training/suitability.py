"""Whether a song and each of its stems is fit for training, as data: each rule with value and threshold.

The rules and the verdict belong here; the thresholds' values stand in `settings`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from flamingo_bark_assets.analysis.features.agreement import SecondOpinion
from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.audio.recording import RawSong, Stem, StemSet
from flamingo_bark_assets.audio.song_metadata import SongMetadata
from flamingo_bark_assets.audio.song_review import SongReview
from flamingo_bark_assets.captioning.interface import Captions
from flamingo_bark_assets.claims.model import DROPPED
from flamingo_bark_assets.custom_tag import CustomTag
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.parts import STEM_KINDS, StemKind
from flamingo_bark_assets.prompts.levels import TrainingPrompts
from flamingo_bark_assets.record import Measurement, Record, Row, column, events, optional_column
from flamingo_bark_assets.settings import Thresholds
from flamingo_bark_assets.training.rendering import told_apart, with_unit

SONG = "song"
# Well above what `belonging` takes for found, 7.5: the match stands in for what the length would say.
_SURE_MATCH = 12.0
# A tolerance that is a share of a value is 0 where that is.
_LEAST_TOLERANCE = 1e-12
RULES = {
    "tag_lacking": "Every text holds the custom tag, where there is one.",
    "tag_held": "No text holds the custom tag before it is put in.",
    "readable": "The file can be read.",
    "measurable": "The mix is not silent and long enough to be measured.",
    "metadata_readable": "song.toml can be read.",
    "included": "Nobody excludes the song.",
    "understood": "Each key of song.toml is known and holds what it may.",
    "min_duration": "The song is long enough.",
    "max_duration": "The song is not too long.",
    "not_truncated": "The decoded length reaches what the header declares; without one, nothing shows a cut.",
    "sample_rate": "The sample rate is high enough.",
    "bandwidth": "The sound reaches high enough frequencies.",
    "clipping": "Few samples are clipped.",
    "silence": "Little of the song, or of the kind's best file, is silent.",
    "noise_floor": "The noise floor is low enough, where music does not hide it.",
    "second_opinion": "The difference from what librosa measures of the mix is within the tolerance, in tolerances.",
    "dynamic_range": "The level moves enough.",
    "analysis_confidence": "Tempo and key, where they are known, are known with enough confidence.",
    "stem_files": "There are stem files.",
    "stems_in_time": "Enough of the audible stems have the length and position of the mix.",
    "residual": "The mix without its stems leaves little, where a file for each kind should add up to the mix.",
    "mix_usable": "The mix allows training: it is neither silent nor too short.",
    "belongs": "The stem is in the mix, and not of another song.",
    "allowed_origin": "The stem is given, or separated stems are allowed.",
    "separation": "The mix without its separated stems leaves little, where they should add up to it.",
    "as_named": "The stem is what its name says, and not what other stems hold already.",
    "undoubted": "No part of the stem is missing, and the mix holds it in this version.",
    "audible": "A file of the kind holds a second of sound that is more than bleed.",
    "length_difference": "The stem is as long as the mix, where neither residual nor match shows that it fits.",
    "lag": "The stem is not shifted against the mix, where its lag is sure and was not taken off.",
    "claim_conflicts": "Few of the claims that can be checked contradict the measurements.",
    "sidecars_readable": "Each sidecar can be read, as UTF-8 and whole.",
    "given_conflicts": "Nothing that a sidecar states contradicts the measurements.",
}
"""What each rule demands, by its name."""
# Rules whose value is 1 for yes and 0 for no.
YES_OR_NO = frozenset(
    {
        "readable", "measurable", "mix_usable", "belongs", "as_named", "undoubted", "audible", "metadata_readable",
        "understood", "sidecars_readable", "included", "allowed_origin",
    }
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RuleResult(Row):
    """One rule applied to one subject."""

    TABLE: ClassVar[str] = "suitability_rules"
    KEY: ClassVar[tuple[str, ...]] = ("subject", "rule")

    subject: str = column("song, or a stem's kind.")
    rule: str = column("Name of the rule.")
    value: float | None = column("The measured value; null where unknown.")
    threshold: float = column("The limit.")
    unit: str = column("Unit of value and threshold.")
    comparison: str = column("How the value must stand to the threshold: >= or <=.")
    passed: bool = column("Whether the rule holds; an unknown value does not pass.")
    reason: str | None = optional_column("What is wrong, in words; null where the rule holds.")


NO_STEMS = (
    "it has no stems, so only the full track is described and trained on; put drums.wav, bass.wav, vocals.wav and "
    "other.wav into the folder stems of the song, or have them made: [separation] enabled = true in settings.toml"
)


@dataclass(frozen=True, kw_only=True)
class Verdict(Record):
    """Whether the song may enter the training manifest."""

    TABLE: ClassVar[str] = "suitability"

    suitable: bool = column("Whether the song is fit for training.")
    reasons: str | None = optional_column("Why not, joined by '; '.")
    suitable_stems: str = column("Kinds of stem that are fit for training, joined by ', '; empty if none.")
    advice: str | None = optional_column("What would make more of the song, fit or not; null where nothing is known.")
    rules: tuple[RuleResult, ...] = events("One row a subject and rule.")

    def __post_init__(self) -> None:
        keys = [(rule.subject, rule.rule) for rule in self.rules]
        if len(set(keys)) != len(keys):
            twice = sorted({key for key in keys if keys.count(key) > 1})
            raise ValueError(f"{self.song_id}: a subject has a rule twice, so the rows have one key: {twice}")

    @property
    def suitable_kinds(self) -> tuple[StemKind, ...]:
        """The kinds of stem that are fit for training, in the order of `STEM_KINDS`."""
        named = self.suitable_stems.split(", ")
        return tuple(kind for kind in STEM_KINDS if kind in named)

    def failed(self, subject: str) -> tuple[RuleResult, ...]:
        """Give the rules that do not hold for the song or one kind of stem."""
        return tuple(rule for rule in self.rules if rule.subject == subject and not rule.passed)


def judge(evidence: Evidence, thresholds: Thresholds) -> Verdict:
    """Judge one song and each kind of its stems.

    A stem that is unfit leaves the song fit: it is only not used. The song itself fails over its stems where
    most of them do not match it, or where all of them together do not give the mix. Of a mix that is silent
    or too short no stem is fit either. Stems that a separator made from the mix are not evidence about the song: what
    is wrong with them costs only them their place.

    An unknown value fails its rule with the measurement's own reason. Rules are left out where unknown is no fault:
    `not_truncated` where no length is declared and nothing shows that the file is cut off, `noise_floor` where music
    hides the noise, `stems_in_time` without an audible stem, `residual` where the stems cannot be expected to add up
    to the mix, a stem's `lag` where the lag is unsure, its `length_difference` where it is known to fit up to there.
    The verdict has one row a rule; a song that cannot be read has the single failed rule ``readable``.
    """
    song_id, unreadable = evidence.song_id, evidence.raw_song.unusable
    if unreadable is not None:
        return Verdict(
            song_id=song_id, unusable=unreadable, suitable=False, reasons=unreadable, suitable_stems="",
            rules=(_yes("readable", SONG, unreadable),),
        )  # fmt: skip
    song_rules = (
        *recording_rules(evidence.raw_song, thresholds),
        *_unreadable_metadata(evidence.metadata),
        *measurement_rules(evidence.song, thresholds),
        *_mix_against_stems(evidence.stems, thresholds),
    )
    no_mix = _why_stems_have_no_mix(evidence.song, song_rules)
    stem_rules = {
        kind: tuple(
            _stem_rules(evidence.stems, kind, thresholds, no_mix=no_mix, something_else=_something_else(evidence, kind))
        )
        for kind in STEM_KINDS
    }
    failed = [rule.reason or rule.rule for rule in song_rules if not rule.passed]
    fit = [kind for kind, rules in stem_rules.items() if rules and all(rule.passed for rule in rules)]
    return Verdict(
        song_id=song_id,
        suitable=not failed,
        reasons="; ".join(failed) or None,
        suitable_stems=", ".join(fit),
        advice=NO_STEMS if evidence.stems.stem_files.value == 0 else None,
        rules=song_rules + tuple(rule for rules in stem_rules.values() for rule in rules),
    )


@dataclass(frozen=True, slots=True)
class _Limit:
    """One rule before it is applied.

    Attributes:
        words: the reason, with the places {value} and {limit}.
        scale: factor from the value to the number in the reason, 100 for a share told in per cent.

    """

    rule: str
    comparison: Literal[">=", "<="]
    threshold: float
    unit: str
    words: str
    scale: float = 1.0

    def apply(self, subject: str, value: float | None, unknown: str | None) -> RuleResult:
        """Compare a value with the threshold; `unknown` says why there is no value."""
        if value is not None and not math.isfinite(value):
            value, unknown = None, "the method gave no finite number"
        if value is None:
            passed, reason = False, f"{self.rule.replace('_', ' ')} is unknown: {unknown}"
        else:
            passed = value >= self.threshold if self.comparison == ">=" else value <= self.threshold
            shown, limit = told_apart(value * self.scale, self.threshold * self.scale)
            reason = self.words.format(value=shown, limit=limit)
        return RuleResult(
            subject=subject, rule=self.rule, value=value, threshold=self.threshold, unit=self.unit,
            comparison=self.comparison, passed=passed, reason=None if passed else reason,
        )  # fmt: skip


def _yes(rule: str, subject: str, problem: str | None) -> RuleResult:
    """Give one of `YES_OR_NO`, which holds where there is no problem."""
    return RuleResult(
        subject=subject, rule=rule, value=0.0 if problem else 1.0, threshold=1.0, unit="",
        comparison=">=", passed=problem is None, reason=problem,
    )  # fmt: skip


def recording_rules(raw: RawSong, thresholds: Thresholds) -> tuple[RuleResult, ...]:
    """Judge the song file; one that cannot be read has the single failed rule ``readable``."""
    if raw.unusable is not None:
        return (_yes("readable", SONG, raw.unusable),)
    limits = (
        limit.apply(SONG, measurement.value, measurement.reason) for limit, measurement in _mix_limits(raw, thresholds)
    )
    return (_yes("readable", SONG, None), *limits, *_truncation(raw, thresholds))


def metadata_rules(metadata: SongMetadata) -> tuple[RuleResult, ...]:
    """Judge song.toml: that it can be read, and that each of its keys is understood."""
    return (_yes("metadata_readable", SONG, metadata.unusable), _yes("understood", SONG, metadata.warnings))


def _unreadable_metadata(metadata: SongMetadata) -> Iterator[RuleResult]:
    """Judge the one thing about song.toml that costs a song its place: nothing that its owner says can be read."""
    if metadata.unusable is not None:
        yield _yes("metadata_readable", SONG, metadata.unusable)


def measurement_rules(song: SongFeatures, thresholds: Thresholds) -> tuple[RuleResult, ...]:
    """Judge the dynamics of the mix and how sure its tempo and key are.

    A mix in which nothing can be measured has the single failed rule ``measurable``.
    """
    if song.unusable is not None:
        return (_yes("measurable", SONG, song.unusable),)
    dynamic_range = _Limit(
        "dynamic_range", ">=", thresholds.min_dynamic_range_db, "dB",
        "the dynamic range is {value} dB; at least {limit} dB is needed",
    )  # fmt: skip
    measured = song.dynamic_range_db
    return (
        _yes("measurable", SONG, None),
        dynamic_range.apply(SONG, measured.value, measured.reason),
        _analysis_confidence(song, thresholds),
    )


def second_opinion_rules(song: SongFeatures) -> tuple[RuleResult, ...]:
    """Show where librosa, if it was asked, agrees with each quantity; what one of the two lacks is left out."""
    return tuple(
        RuleResult(
            subject=opinion.quantity, rule="second_opinion", value=_in_tolerances(opinion), threshold=1.0, unit="",
            comparison="<=", passed=opinion.agrees,
            reason=None if opinion.agrees else _told_twice(song.song_id, opinion),
        )
        for opinion in song.second_opinions
        if opinion.agrees is not None
    )  # fmt: skip


def _in_tolerances(opinion: SecondOpinion) -> float:
    return (opinion.difference or 0.0) / max(opinion.tolerance, _LEAST_TOLERANCE)


def _told_twice(song_id: str, opinion: SecondOpinion) -> str:
    """Name both values, or words, and how far they are apart."""
    ours = opinion.ours_text or with_unit(opinion.ours or 0.0, opinion.unit, digits=6)
    theirs = opinion.librosa_text or with_unit(opinion.librosa or 0.0, opinion.unit, digits=6)
    return (
        f"{song_id}: {opinion.quantity} is {ours} here and {theirs} by librosa; "
        f"{opinion.difference:.3g} apart, {opinion.tolerance:.3g} are allowed"
    )


def stem_set_rules(stems: StemSet, thresholds: Thresholds) -> tuple[RuleResult, ...]:
    """Judge the stems: that there are any, each kind of them, and all of them against the mix."""
    if stems.unusable is not None:
        return (_yes("readable", SONG, stems.unusable),)
    there_are = _Limit("stem_files", ">=", 1.0, "", NO_STEMS)
    return (
        there_are.apply(SONG, stems.stem_files.value, stems.stem_files.reason),
        *_mix_against_stems(stems, thresholds),
        *(rule for kind in STEM_KINDS for rule in _stem_rules(stems, kind, thresholds)),
    )


def claim_rules(captions: Captions, thresholds: Thresholds) -> tuple[RuleResult, ...]:
    """Judge how much of what a model claimed contradicts the measurements; nothing where nothing can be checked."""
    verdicts = [claim.verdict for claim in captions.claims if claim.verdict in {"agree", "conflict"}]
    if not verdicts:
        return ()
    conflicts = verdicts.count("conflict")
    limit = _Limit(
        "claim_conflicts", "<=", thresholds.max_conflict_share, "",
        f"{{value}} % of the claims that can be checked ({conflicts} of {len(verdicts)}) contradict the measurements; "
        "at most {limit} % may", 100.0,
    )  # fmt: skip
    return (limit.apply(SONG, conflicts / len(verdicts), None),)


def review_rules(review: SongReview) -> tuple[RuleResult, ...]:
    """Judge whether a person excludes the song; one that nobody has looked at is not excluded."""
    return (_yes("included", SONG, review.exclusion if review.is_excluded else None),)


def sidecar_rules(metadata: SongMetadata, captions: Captions) -> tuple[RuleResult, ...]:
    """Judge the sidecars: that each can be read, and contradicts no measurement unless a person drops what it says."""
    conflicts = [each for each in captions.given_claims if each.verdict == "conflict" and each.note != DROPPED]
    told = [f"{c.file}: {c.field} {c.said!r}, measured {c.measured or 'otherwise'}" for c in conflicts]
    shown = "; ".join(told[:5]) + (" ..." if len(told) > 5 else "")
    limit = _Limit("given_conflicts", "<=", 0.0, "", _braced(shown))
    return (_yes("sidecars_readable", SONG, metadata.sidecar_warnings), limit.apply(SONG, float(len(told)), None))


def tag_rules(prompts: TrainingPrompts) -> tuple[RuleResult, ...]:
    """Judge whether the custom tag stands in every text, and stood in none before; nothing where there is none."""
    rows = [(CustomTag(row.custom_tag), row) for row in prompts.prompts if row.custom_tag]
    if not rows:
        return ()
    word = _braced(rows[0][0].word)
    lacking = sum(not tag.is_in(row.combined_prompt) for tag, row in rows)
    held = sum(row.held_tag for _, row in rows)
    return (
        _Limit("tag_lacking", "<=", 0.0, "", f"{{value}} texts lack the custom tag {word}").apply(SONG, lacking, None),
        _Limit(
            "tag_held", "<=", 0.0, "", f"{{value}} texts hold the custom tag {word} by themselves: choose a rarer word"
        ).apply(SONG, held, None),
    )


def _why_stems_have_no_mix(song: SongFeatures, song_rules: Sequence[RuleResult]) -> str | None:
    """Say why the mix is too silent or too short for any stem of it; None where it is not."""
    if song.unusable is not None:
        return song.unusable
    return next((rule.reason for rule in song_rules if rule.rule == "min_duration" and not rule.passed), None)


def _mix_against_stems(stems: StemSet, thresholds: Thresholds) -> Iterator[RuleResult]:
    yield from _stems_in_time(stems, thresholds)
    yield from _residual(stems, thresholds)


def _mix_limits(raw: RawSong, thresholds: Thresholds) -> Iterator[tuple[_Limit, Measurement[Any]]]:
    yield _Limit(
        "min_duration", ">=", thresholds.min_duration_s, "s",
        "the song lasts {value} s; at least {limit} s is needed",
    ), raw.duration_s  # fmt: skip
    yield _Limit(
        "max_duration", "<=", thresholds.max_duration_s, "s",
        "the song lasts {value} s; at most {limit} s is allowed",
    ), raw.duration_s  # fmt: skip
    yield _Limit(
        "sample_rate", ">=", thresholds.min_sample_rate_hz, "Hz",
        "the sample rate is {value} Hz; at least {limit} Hz is needed",
    ), raw.sample_rate_hz  # fmt: skip
    yield _Limit(
        "bandwidth", ">=", thresholds.min_bandwidth_hz, "Hz",
        "the sound ends at {value} Hz; it must reach at least {limit} Hz",
    ), raw.bandwidth_hz  # fmt: skip
    yield _Limit(
        "clipping", "<=", thresholds.max_clipped_fraction, "",
        "{value} % of the samples are clipped; at most {limit} % is allowed", 100.0,
    ), raw.clipped_fraction  # fmt: skip
    yield _Limit(
        "silence", "<=", thresholds.max_silent_fraction, "",
        "{value} % of the song is silent; at most {limit} % is allowed", 100.0,
    ), raw.silent_fraction  # fmt: skip
    hidden_by_music = raw.noise_floor_dbfs.value is None and raw.noise_ceiling_dbfs.value is not None
    if not hidden_by_music:
        yield _Limit(
            "noise_floor", "<=", thresholds.max_noise_floor_dbfs, "dBFS",
            "the noise floor lies at {value} dBFS; at most {limit} dBFS is allowed",
        ), raw.noise_floor_dbfs  # fmt: skip


def _truncation(raw: RawSong, thresholds: Thresholds) -> Iterator[RuleResult]:
    """Judge the decoded length against the header's; without one, a file that is cut off may lack any part."""
    declared, decoded = raw.declared_duration_s.value, raw.duration_s.value
    limit = _Limit(
        "not_truncated", "<=", thresholds.max_truncated_s, "s",
        "the file ends {value} s before the length its header declares; at most {limit} s may be missing",
    )  # fmt: skip
    if declared is not None and decoded is not None:
        yield limit.apply(SONG, declared - decoded, None)
    elif raw.truncated is not None:
        yield dataclasses.replace(
            limit.apply(SONG, None, raw.truncated),
            reason=f"the file is truncated: {raw.truncated}; get the whole file or, if this is all of it, copy it into "
            "a new one (ffmpeg -i OLD -c copy NEW)",
        )


def _analysis_confidence(song: SongFeatures, thresholds: Thresholds) -> RuleResult:
    """Judge the mean confidence of tempo and key over those that are known.

    One of them may be unknown without a fault: a drone has no tempo, a drum solo no key.
    """
    both: dict[str, Measurement[Any]] = {"tempo": song.tempo_bpm, "key": song.key}
    known = [m.confidence for m in both.values() if m.value is not None and m.confidence is not None]
    why = "; ".join(f"{name}: {m.reason or 'no confidence was given'}" for name, m in both.items())
    limit = _Limit(
        "analysis_confidence", ">=", thresholds.min_confidence, "",
        "tempo and key are known with a mean confidence of {value}; at least {limit} is needed",
    )  # fmt: skip
    return limit.apply(SONG, sum(known) / len(known) if known else None, why)


def _stems_in_time(stems: StemSet, thresholds: Thresholds) -> Iterator[RuleResult]:
    """Judge the share of audible stem files that match the mix; silent ones tell nothing about it."""
    given = [stem for stem in _readable(stems.stems) if stem.origin == "given"]
    answers = [_in_time(stem, stems, thresholds) for stem in given if stem.audible]
    judged = [answer for answer in answers if answer is not None]
    if judged:
        limit = _Limit(
            "stems_in_time", ">=", thresholds.min_matching_stems, "",
            "{value} % of the stems match the mix in length and position; at least {limit} % must", 100.0,
        )  # fmt: skip
        yield limit.apply(SONG, sum(judged) / len(judged), None)


def _residual(stems: StemSet, thresholds: Thresholds) -> Iterator[RuleResult]:
    """Judge what is left of the mix without its stems, where the stems can be expected to add up to the mix.

    That is so where no kind is missing and no file faulty, rejected, doubted or shown to be out of time; otherwise
    a large residual is what a missing or shifted stem leaves, and says nothing about the mix.
    """
    given = all(stem.origin == "given" for stem in stems.stems)
    if stems.residual_db.value is not None and given and _add_up(stems, thresholds):
        limit = _Limit(
            "residual", "<=", thresholds.max_residual_db, "dB",
            "mix minus stems leaves {value} dB of the mix; at most {limit} dB is allowed, "
            + _braced(stems.cause or "so these may not be the stems of this song"),
        )  # fmt: skip
        yield limit.apply(SONG, stems.residual_db.value, None)


def _add_up(stems: StemSet, thresholds: Thresholds) -> bool:
    """Tell whether the stems of a song can be expected to add up to its mix."""
    complete = stems.missing_kinds.value == "none" and all(stem.in_mix for stem in stems.stems)
    return complete and all(_in_time(stem, stems, thresholds) is not False for stem in stems.stems if stem.audible)


def _readable(stems: Sequence[Stem]) -> list[Stem]:
    return [stem for stem in stems if stem.fault is None and stem.kind is not None]


def _in_time(stem: Stem, stems: StemSet, thresholds: Thresholds) -> bool | None:
    """Return whether a stem belongs to the mix and has its length and position; None where nothing of it is known."""
    if stem.rejected is not None or stem.doubt is not None:
        return False
    lag = _sure_lag_s(stem, thresholds)
    if stem.length_difference_s is None and lag is None:
        return None
    long_enough = abs(stem.length_difference_s or 0.0) <= thresholds.max_length_difference_s or _fits_all_the_same(
        stem, stems, thresholds
    )
    return long_enough and abs(lag or 0.0) <= thresholds.max_lag_s


def _sure_lag_s(stem: Stem, thresholds: Thresholds) -> float | None:
    return stem.left_lag_s if (stem.lag_confidence or 0.0) >= thresholds.min_lag_confidence else None


def _fits_all_the_same(stem: Stem, stems: StemSet, thresholds: Thresholds) -> bool:
    """Return whether the sound shows that a stem fits whatever its length: by the residual, or where it was found.

    What is longer than the mix is cut off in use; what is shorter may lack no more than a tail, unless the mix is
    explained without it to its end, and no more of its start.
    """
    difference, lag, sure = stem.left_length_difference_s, _sure_lag_s(stem, thresholds), thresholds.sure_residual_db
    if difference is None or not math.isfinite(difference):
        return False
    if stem.cut_head_s > thresholds.max_cut_tail_s:
        return False
    to_the_end = _below(stems.fitted_residual_db, sure)
    explained = _below(stems.residual_db, sure) or to_the_end
    found = lag is not None and abs(lag) <= thresholds.max_lag_s and (stem.mix_match or 0.0) >= _SURE_MATCH
    return (explained or found) and (difference >= -thresholds.max_cut_tail_s or to_the_end)


def _below(measurement: Measurement[float], limit: float) -> bool:
    return measurement.value is not None and measurement.value <= limit


def _stem_rules(
    stems: StemSet,
    kind: StemKind,
    thresholds: Thresholds,
    *,
    no_mix: str | None = None,
    something_else: str | None = None,
) -> Iterator[RuleResult]:
    """Judge the files of one kind; nothing where there is none.

    The worst file counts for faults, for not belonging to the mix, and for clipping, length and lag. Sound is judged
    on the best file: the files of one kind sound together, and a silent piano beside a guitar takes nothing from it.
    """
    files = [stem for stem in stems.stems if stem.kind == kind]
    if not files:
        return
    faults = "; ".join(stem.fault for stem in files if stem.fault is not None)
    yield _yes("readable", kind, faults or None)
    if no_mix is not None:
        yield _yes("mix_usable", kind, f"the mix allows no training: {no_mix}")
    readable = _readable(files)
    if not readable:
        return
    yield _yes("belongs", kind, "; ".join(stem.rejected for stem in readable if stem.rejected is not None) or None)
    in_mix = [stem for stem in readable if stem.in_mix]
    if not in_mix:
        return
    other = [*(stem.misnamed or stem.replaced for stem in in_mix), something_else]
    yield _yes("as_named", kind, "; ".join(reason for reason in other if reason is not None) or None)
    usable = [stem for stem in in_mix if stem.usable]
    if not usable:
        return
    yield _yes("undoubted", kind, "; ".join(stem.doubt for stem in usable if stem.doubt is not None) or None)
    yield _audible(kind, usable)
    if any(stem.origin == "separated" for stem in usable):
        yield from _separation(stems, kind, thresholds)
    yield _silence(kind, usable, thresholds)
    yield _clipping(kind, usable, thresholds)
    yield from _length_difference(kind, usable, stems, thresholds)
    yield from _lag(kind, usable, thresholds)


def _something_else(evidence: Evidence, kind: StemKind) -> str | None:
    reason = evidence.of_stem(kind).something_else
    return None if reason is None else f"the {kind} stem holds {reason}"


def _separation(stems: StemSet, kind: StemKind, thresholds: Thresholds) -> Iterator[RuleResult]:
    """Judge what only separated stems may lack: that they are allowed, and that the separator left nothing out."""
    not_allowed = (
        f"the {kind} stem was separated from the mix, so that some of the rest bleeds into it; "
        "allow_separated_stems is false"
    )
    yield _yes("allowed_origin", kind, None if thresholds.allow_separated_stems else not_allowed)
    if stems.residual_db.value is not None and _add_up(stems, thresholds):
        limit = _Limit(
            "separation", "<=", thresholds.max_residual_db, "dB",
            "mix minus separated stems leaves {value} dB of the mix; at most {limit} dB is allowed, so the separator "
            "left out or changed much of it",
        )  # fmt: skip
        yield limit.apply(kind, stems.residual_db.value, None)


def _audible(kind: StemKind, files: Sequence[Stem]) -> RuleResult:
    bleed = "; ".join(f"{stem.file_name}: {stem.bleed}" for stem in files if stem.bleed is not None)
    limit = _Limit("audible", ">=", 1.0, "", _braced(bleed) or f"no {kind} file holds a second of sound above -60 dBFS")
    return limit.apply(kind, float(any(stem.audible for stem in files)), None)


def _silence(kind: StemKind, files: Sequence[Stem], thresholds: Thresholds) -> RuleResult:
    limit = _Limit(
        "silence", "<=", thresholds.max_stem_silent_fraction, "",
        f"{{value}} % of the {kind} is silent; at most {{limit}} % is allowed", 100.0,
    )  # fmt: skip
    known = [stem.silent_fraction for stem in files if stem.silent_fraction is not None]
    return limit.apply(kind, min(known, default=None), "it was not measured")


def _clipping(kind: StemKind, files: Sequence[Stem], thresholds: Thresholds) -> RuleResult:
    stem, value = _worst(files, [stem.clipped_fraction for stem in files])
    limit = _Limit(
        "clipping", "<=", thresholds.max_clipped_fraction, "",
        f"{{value}} % of {_braced(stem.file_name)} is clipped; at most {{limit}} % is allowed", 100.0,
    )  # fmt: skip
    return limit.apply(kind, value, f"it was not measured of {stem.file_name}")


def _length_difference(
    kind: StemKind, files: Sequence[Stem], stems: StemSet, thresholds: Thresholds
) -> Iterator[RuleResult]:
    judged = [
        stem
        for stem in files
        if abs(stem.length_difference_s or 0.0) <= thresholds.max_length_difference_s
        or not _fits_all_the_same(stem, stems, thresholds)
    ]
    if judged:
        yield _length_limit(kind, judged, thresholds)


def _length_limit(kind: StemKind, files: Sequence[Stem], thresholds: Thresholds) -> RuleResult:
    stem, value = _worst(files, [_absolute(stem.length_difference_s) for stem in files])
    relation = "longer" if (stem.length_difference_s or 0.0) > 0 else "shorter"
    limit = _Limit(
        "length_difference", "<=", thresholds.max_length_difference_s, "s",
        f"{_braced(stem.file_name)} is {{value}} s {relation} than the mix; at most {{limit}} s is allowed",
    )  # fmt: skip
    return limit.apply(kind, value, f"it was not measured of {stem.file_name}")


def _lag(kind: StemKind, files: Sequence[Stem], thresholds: Thresholds) -> Iterator[RuleResult]:
    sure = [stem for stem in files if _sure_lag_s(stem, thresholds) is not None]
    if sure:
        stem, value = _worst(sure, [_absolute(stem.left_lag_s) for stem in sure])
        relation = "behind" if (stem.left_lag_s or 0.0) > 0 else "ahead of"
        limit = _Limit(
            "lag", "<=", thresholds.max_lag_s, "s",
            f"{_braced(stem.file_name)} is {{value}} s {relation} the mix; at most {{limit}} s is allowed",
        )  # fmt: skip
        yield limit.apply(kind, value, None)


def _worst(files: Sequence[Stem], values: Sequence[float | None]) -> tuple[Stem, float | None]:
    """Find the file with the largest value; an unknown one is worse than any."""
    ranked = [math.inf if value is None or math.isnan(value) else value for value in values]
    index = ranked.index(max(ranked))
    return files[index], values[index]


def _absolute(value: float | None) -> float | None:
    return None if value is None else abs(value)


def _braced(name: str) -> str:
    """Keep a hostile file name from being read as a place in the reason's pattern."""
    return name.replace("{", "{{").replace("}", "}}")
