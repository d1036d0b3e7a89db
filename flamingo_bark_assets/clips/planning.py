"""The training clips of a song: its pieces for each view and source, with all that is known inside, or why not.

Putting clips together and leaving them out belongs here; cutting, measuring inside and words have modules of their own.
"""

from __future__ import annotations

import dataclasses
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from flamingo_bark_assets.captioning.interface import Captions
from flamingo_bark_assets.clips.cutting import Fault, Piece, cut
from flamingo_bark_assets.clips.grid import Grid, grid_of
from flamingo_bark_assets.clips.levels import PieceLevels, SourceLevels, sum_piece
from flamingo_bark_assets.clips.lyrics import (
    given_lines,
    joined_phrases,
    lies_within,
    timed_lines,
    unsure_beside,
    with_section_tags,
    write_lrc,
)
from flamingo_bark_assets.clips.records import INSTRUMENTAL, MIX, NOBODY_SINGS, Clip, RejectedClip, TrainingClips
from flamingo_bark_assets.clips.texts import ClipWriter
from flamingo_bark_assets.clips.within import Inside, SongInside, stem_chords
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.lyrics.records import LyricsLine, SongLyrics
from flamingo_bark_assets.metres import METRES
from flamingo_bark_assets.parts import KINDS, Part, StemKind, added_up, combinations_of, kinds_summed
from flamingo_bark_assets.prompts.levels import TrainingPrompts
from flamingo_bark_assets.prompts.library_scale import LibraryScale
from flamingo_bark_assets.settings import ClipSettings, PromptSettings, ViewSettings
from flamingo_bark_assets.training.suitability import SONG, Verdict

REJECTIONS = {
    "unfit_stem": "The stem is not fit for training.",
    "too_short": "What is left there is shorter than the view allows.",
    "no_cut": "There is no place at which a clip may begin and end.",
    "sung_line": "Every cut would go through a sung line.",
    "silent": "The source is silent there.",
    "peak": "The peak is too low.",
    "inactive": "The source, or one of the stems in it, sounds in too little of it.",
    "dc": "A channel has a mean that is not zero.",
    "clipping": "Too many samples are clipped.",
}
"""What leaves a clip out, by the name of the rule, in the order in which the rules are applied."""


@dataclass(frozen=True, slots=True)
class _Source:
    """What a clip is cut from: its name, and the kinds of stem that are summed; none for the mix."""

    name: str
    kinds: tuple[StemKind, ...] = ()

    @property
    def parts(self) -> tuple[Part, ...]:
        return self.kinds or ("mix",)

    @property
    def is_mix(self) -> bool:
        return self.name in {MIX, INSTRUMENTAL}

    @property
    def holds_voice(self) -> bool:
        return self.name == MIX or "vocals" in self.kinds


def plan_clips(
    evidence: Evidence,
    lyrics: SongLyrics,
    captions: Captions,
    prompts: TrainingPrompts,
    verdict: Verdict,
    levels: Mapping[Part, SourceLevels],
    settings: ClipSettings,
    prompt_settings: PromptSettings,
    scale: LibraryScale | None = None,
) -> TrainingClips:
    """Cut a song into the clips to train on.

    Args:
        evidence: all measurements of the song.
        lyrics: its sung words.
        captions: the answers about it.
        prompts: its prompts.
        verdict: whether it and which of its stems are fit.
        levels: of the mix and of each kind of stem that is fit; a stem without any is not used.
        settings: views and limits.
        prompt_settings: weights and budget of texts.
        scale: by which clips are compared with the songs of the library; None or empty for no such words.

    Returns:
        Clips in the order of views, pieces and sources, and what was left out, each with the first rule that it
        breaks. Of a song that is unfit there is none, and the verdict's reason.
    """
    reason = verdict.unusable or (None if verdict.suitable else verdict.reasons or "the song is not fit for training")
    if reason is None and "mix" not in levels:
        reason = f"{evidence.song_id}: the sound of the mix cannot be had"
    if reason is not None:
        return TrainingClips.of_unusable(evidence.song_id, reason)
    plan = _Plan(evidence, lyrics, captions, prompts, verdict, levels, settings, prompt_settings, scale or {})
    clips, rejected = plan.make()
    return TrainingClips(
        song_id=evidence.song_id,
        cut_by=plan.grid.by,
        cut_reason=plan.grid.reason,
        clips=clips,
        rejected_clips=rejected,
    )


class _Plan:
    """One song while it is cut."""

    def __init__(
        self, evidence: Evidence, lyrics: SongLyrics, captions: Captions, prompts: TrainingPrompts, verdict: Verdict,
        levels: Mapping[Part, SourceLevels], settings: ClipSettings, prompt_settings: PromptSettings,
        scale: LibraryScale,
    ) -> None:  # fmt: skip
        self.evidence = evidence
        self.verdict = verdict
        self.levels = levels
        self.settings = settings
        self.fit = tuple(k for k in evidence.audible_kinds if k in verdict.suitable_kinds and k in levels)
        mix, voice = levels["mix"], levels.get("vocals")
        grid = grid_of(
            evidence, mix.duration_s, mix.quiet(), settings.min_beat_confidence, voice.onset_s if voice else float
        )
        self.downbeats = [beat.time_s for beat in evidence.song.beats if beat.position == 1]
        self.lyrics = lyrics
        self.timed = timed_lines(lyrics.lyrics_lines)
        self.voice_is_measured = grid.sung is not None
        sung = given_lines(self.timed) if grid.sung is None else joined_phrases(grid.sung, self.timed)
        self.grid: Grid = dataclasses.replace(grid, sung=sung)
        self.inside = SongInside(evidence, prompt_settings)
        self.writer = ClipWriter(captions, prompts, prompt_settings, scale)

    def make(self) -> tuple[tuple[Clip, ...], tuple[RejectedClip, ...]]:
        clips: list[Clip] = []
        rejected: list[RejectedClip] = []
        for view in self.settings.views:
            sources = list(self._sources(view))
            rejected += self._unfit_stems(view)
            for piece in cut(self.grid, view) if sources else ():
                if piece.fault is not None:
                    rejected.append(_rejected(view, sources[0], piece, piece.fault))
                    continue
                inside = self.inside.at(piece.start_s, piece.end_s)
                alone = {part: levels.piece(piece.start_s, piece.end_s) for part, levels in self.levels.items()}
                for source in sources:
                    levels = sum_piece(
                        [self.levels[part] for part in source.parts], [alone[part] for part in source.parts],
                        piece.start_s, piece.end_s,
                    )  # fmt: skip
                    if fault := self._fault(source, inside, levels):
                        rejected.append(_rejected(view, source, piece, fault))
                    else:
                        clips.append(self._clip(view, source, piece, inside, levels))
        return tuple(clips), tuple(rejected)

    def _sources(self, view: ViewSettings) -> Iterator[_Source]:
        """Give the sources of a view; the same stems are never summed under two names."""
        seen: set[tuple[StemKind, ...]] = set()
        for source in self._wanted_sources(view):
            if source.name == MIX or source.kinds not in seen:
                seen.add(source.kinds)
                yield source

    def _wanted_sources(self, view: ViewSettings) -> Iterator[_Source]:
        if "mix" in view.sources:
            yield _Source(MIX)
        if "stems" in view.sources:
            yield from (_Source(kind, (kind,)) for kind in self.fit)
        if "instrumental" in view.sources and self._has_instrumental():
            yield _Source(INSTRUMENTAL, tuple(kind for kind in added_up(self.fit) if kind != "vocals"))
        if "several" in view.sources:
            yield from (_Source("+".join(kinds), kinds) for kinds in combinations_of(self.fit))

    def _has_instrumental(self) -> bool:
        """Tell whether there is a fit instrumental, or the fit stems but the vocals are the mix without its voice.

        They are not where some of it is misnamed, and so not among them.
        """
        if INSTRUMENTAL in self.fit:
            return True
        if any(stem.misnamed is not None and stem.mix_gain is not None for stem in self.evidence.stems.stems):
            return False
        explained = any(
            rule.passed and ((rule.subject, rule.rule) == (SONG, "residual") or rule.rule == "separation")
            for rule in self.verdict.rules
        )
        sounding = added_up(self.evidence.sounding_kinds)
        return explained and "vocals" in sounding and len(sounding) > 1 and set(sounding) - {"vocals"} <= set(self.fit)

    def _unfit_stems(self, view: ViewSettings) -> Iterator[RejectedClip]:
        if not {"stems", "several"} & set(view.sources):
            return
        there = {stem.kind for stem in self.evidence.stems.stems}
        for kind in KINDS:
            if kind in there and kind not in self.fit:
                reasons = [rule.reason or rule.rule for rule in self.verdict.failed(kind)]
                yield RejectedClip(
                    clip=f"{view.name}.{kind}.all", view=view.name, source=kind, start_s=0.0,
                    end_s=self.grid.duration_s, rule="unfit_stem", value=None, threshold=None,
                    reason="; ".join(reasons) or f"the {kind} stem cannot be had",
                )  # fmt: skip

    def _fault(self, source: _Source, inside: Inside, levels: PieceLevels) -> Fault | None:
        """Return the first rule that a source breaks in a piece; None where it breaks none."""
        limits = self.settings
        if levels.silent_fraction >= 1.0:
            return Fault("silent", "nothing in it is above -60 dBFS", levels.silent_fraction, 1.0)
        if levels.peak_dbfs < limits.min_peak_dbfs:
            reason = f"it peaks at {levels.peak_dbfs:.1f} dBFS; at least {limits.min_peak_dbfs:g} dBFS is needed"
            return Fault("peak", reason, levels.peak_dbfs, limits.min_peak_dbfs)
        active = self._active(source, inside, levels)
        if active < limits.min_active_fraction:
            needed = f"at least {100 * limits.min_active_fraction:g} % is needed"
            reason = f"it sounds in {100 * active:.0f} % of it; {needed}"
            return Fault("inactive", reason, active, limits.min_active_fraction)
        silent = [kind for kind in source.kinds if kind not in inside.sounding] if not source.is_mix else []
        if silent:
            share = inside.active.get(silent[0], 0.0)
            return Fault("inactive", f"of its stems, {' and '.join(silent)} does not sound in it", share)
        if levels.dc > limits.max_dc_offset:
            reason = f"the mean of a channel is {levels.dc:.4f}; at most {limits.max_dc_offset:g} is allowed"
            return Fault("dc", reason, levels.dc, limits.max_dc_offset)
        if levels.clipped_fraction > limits.max_clipped_fraction:
            reason = (
                f"{100 * levels.clipped_fraction:.2f} % of the samples are clipped; at most "
                f"{100 * limits.max_clipped_fraction:g} % is allowed"
            )
            return Fault("clipping", reason, levels.clipped_fraction, limits.max_clipped_fraction)
        return None

    def _active(self, source: _Source, inside: Inside, levels: PieceLevels) -> float:
        """Return the share of a piece in which a source sounds: of stems, that in which the most active one does."""
        loud = 1.0 - levels.silent_fraction
        return min(loud, inside.active_fraction(source.kinds)) if source.kinds else loud

    def _clip(self, view: ViewSettings, source: _Source, piece: Piece, inside: Inside, levels: PieceLevels) -> Clip:
        song, metadata = self.evidence.song, self.evidence.metadata
        is_whole = piece.start_s <= 0.0 and piece.end_s >= self.grid.duration_s
        name = _name(view, source, piece)
        # A file of its own is told as what it is, "the instrumental of", and not as a mix of some stems.
        told_as_mix = source.is_mix and source.kinds != (INSTRUMENTAL,)
        text = self.writer.write(inside, source.kinds, clip=name, is_mix=told_as_mix, is_whole=is_whole)
        lines, why_none = self._lyrics(view, source, piece, inside, is_whole=is_whole)
        bars = self._bars(piece)
        section = next((s for s in song.sections if s.start_s <= (piece.start_s + piece.end_s) / 2 < s.end_s), None)
        sounding = [kind for kind in inside.sounding if kind in source.kinds or source.name == MIX]
        pitched = source.name == MIX or any(KINDS[kind].harmony != "none" for kind in source.kinds)
        has_drums = source.name == MIX or any("drums" in (kind, *kinds_summed(kind)) for kind in source.kinds)
        separated = self.evidence.separated if self.evidence.separated_kinds & set(source.kinds) else None
        return Clip(
            clip=name,
            view=view.name,
            source=source.name,
            kinds="+".join(source.kinds),
            number=piece.number,
            start_s=piece.start_s,
            end_s=piece.end_s,
            start_cut=piece.start_cut,
            end_cut=piece.end_cut,
            start_bar=bars[0] if bars else None,
            bars=len(bars) if self.downbeats else None,
            section=section.section if section else None,
            section_label=section.label if section else None,
            position=min(1.0, piece.start_s / self.grid.duration_s),
            sounding="+".join(sounding),
            tempo_bpm=inside.tempo_bpm,
            beats_per_bar=METRES[inside.metre].beats_per_bar if inside.metre else None,
            metre=inside.metre,
            key=inside.key if pitched else None,
            chords=" ".join(self._chords(source, inside)) or None,
            hits=inside.hits if has_drums else None,
            f0_low_hz=inside.f0_low_hz if source.holds_voice else None,
            f0_high_hz=inside.f0_high_hz if source.holds_voice else None,
            rms_dbfs=levels.rms_dbfs,
            peak_dbfs=levels.peak_dbfs,
            active_fraction=self._active(source, inside, levels),
            lyrics="\n".join(line.text for line in lines) or None,
            lyrics_reason=why_none,
            timed_lyrics=write_lrc(lines, piece.start_s),
            structured_lyrics=with_section_tags(lines, self.lyrics.lyrics_sections, piece.start_s, piece.end_s),
            licence=metadata.licence,
            attribution=metadata.attribution,
            separator=separated.maker if separated else None,
            separator_licence=separated.model_licence if separated else None,
            source_sha256="+".join(self._sha256(source)),
            prompt=text.prompt,
            form=text.form,
            text=text.text,
            measured_text=text.measured_text,
            lyrics_language=self.lyrics.language.value if source.holds_voice else None,
            training_weight=text.weight,
            captioner=text.captioner,
            captioner_licence=text.licence,
            is_fallback=text.is_fallback,
        )

    def _bars(self, piece: Piece) -> range:
        """Return the numbers of the bars that begin in a piece."""
        return range(bisect_left(self.downbeats, piece.start_s), bisect_left(self.downbeats, piece.end_s))

    def _chords(self, source: _Source, inside: Inside) -> Sequence[str]:
        """Return the chords inside: the song's where several instruments sound, its own of a single stem."""
        if len(source.kinds) == 1:
            return stem_chords(self.evidence, source.kinds[0], inside.start_s, inside.end_s)
        plays_chords = source.name == MIX or any(KINDS[kind].harmony == "chords" for kind in source.kinds)
        return inside.chords if plays_chords else ()

    def _lyrics(
        self, view: ViewSettings, source: _Source, piece: Piece, inside: Inside, *, is_whole: bool
    ) -> tuple[tuple[LyricsLine, ...], str | None]:
        """Return the lines that are sung inside, or why there are none."""
        if not source.holds_voice:
            return (), "there is no voice in it"
        if self.voice_is_measured and "vocals" not in inside.sounding:
            return (), NOBODY_SINGS
        lines = self.lyrics.lyrics_lines
        if not lines:
            missing = self.lyrics.missing_reason or self.lyrics.unusable or "the words of the song are not given"
            return (), missing
        if is_whole:
            whole = self.lyrics.sure_lines
            return whole, None if whole else "its transcribed words are not sure enough"
        if view.cuts_sung_lines:
            return (), "the view may cut lines, so it carries no words"
        if not self.timed:
            return (), f"nobody knows which of the words are sung in it: {self.lyrics.times_reason}"
        inner = tuple(line for line in lines if lies_within(line, piece.start_s, piece.end_s))
        if inner and (unsure := unsure_beside(inner, lines)) is not None:
            return (), f"it is not sure where '{unsure.text[:60]}' is sung, or that it is, so more may be sung in it"
        return inner, None if inner else "no line of known time lies wholly in it"

    def _sha256(self, source: _Source) -> Iterator[str]:
        """Give the digests of the files that a source is rendered from, in the order of kinds and files."""
        if not source.kinds:
            yield self.evidence.raw_song.content_sha256 or ""
        for kind in source.kinds:
            yield from (s.content_sha256 or "" for s in self.evidence.stems.stems if s.kind == kind and s.usable)


def _name(view: ViewSettings, source: _Source, piece: Piece) -> str:
    return f"{view.name}.{source.name}.{piece.number:03d}"


def _rejected(view: ViewSettings, source: _Source, piece: Piece, fault: Fault) -> RejectedClip:
    return RejectedClip(
        clip=_name(view, source, piece), view=view.name, source=source.name, start_s=piece.start_s, end_s=piece.end_s,
        rule=fault.rule, value=fault.value, threshold=fault.threshold, reason=fault.reason,
    )  # fmt: skip
