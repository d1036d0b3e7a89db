"""One song through every step: find, decode once, measure, describe, prompt, judge, write.

The order of the steps and what they share belong here; each step's work is one function of its own room, and
Dagster is not known here.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from flamingo_bark_assets.analysis.agreement.choosing import is_chosen
from flamingo_bark_assets.analysis.correcting.song import correct_song
from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.analysis.features.vocals import VocalFeatures
from flamingo_bark_assets.analysis.kinds import RESULT_CLASSES, StemResult, analyse_stem
from flamingo_bark_assets.analysis.song import analyse_song
from flamingo_bark_assets.analysis.views import quality_of
from flamingo_bark_assets.audio.decode import SampleMemory
from flamingo_bark_assets.audio.raw_song import describe_song
from flamingo_bark_assets.audio.recording import RawSong, StemSet
from flamingo_bark_assets.audio.song_metadata import SongMetadata, describe_metadata
from flamingo_bark_assets.audio.song_review import SongReview, read_review
from flamingo_bark_assets.audio.stems import StemInput, compare_stems, energy_share, stem_signal, why_unmeasured
from flamingo_bark_assets.captioning.edits import apply_caption_edits
from flamingo_bark_assets.captioning.given import apply_given_words
from flamingo_bark_assets.captioning.interface import Captioner, Captions
from flamingo_bark_assets.clips.levels import SourceLevelReader, SourceLevels, source_levels
from flamingo_bark_assets.clips.records import TrainingClips
from flamingo_bark_assets.errors import AudioFault, StorageError, UnreadableResult
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.library.fingerprint import sha256_of, sound_digest
from flamingo_bark_assets.library.judgements import Corrections
from flamingo_bark_assets.library.layout import DataPaths, SongFiles, StemFile
from flamingo_bark_assets.lyrics.making import find_lyrics
from flamingo_bark_assets.lyrics.records import SongLyrics
from flamingo_bark_assets.lyrics.transcription import Transcriber
from flamingo_bark_assets.merging import Merge
from flamingo_bark_assets.note_names import pitch_class
from flamingo_bark_assets.parts import KINDS, STEM_KINDS, Part, StemKind
from flamingo_bark_assets.prompts.edits import apply_prompt_edits
from flamingo_bark_assets.prompts.levels import TrainingPrompts, build_prompts, put_tag, tag_of
from flamingo_bark_assets.prompts.library_scale import LibraryScale, read_scale
from flamingo_bark_assets.record import Record
from flamingo_bark_assets.separation.kept import separated_names, with_separated
from flamingo_bark_assets.separation.making import separate_song
from flamingo_bark_assets.separation.records import SeparatedStems
from flamingo_bark_assets.separation_settings import SeparationSettings
from flamingo_bark_assets.settings import ClipSettings, PromptSettings, Settings, Thresholds, digest_of_settings
from flamingo_bark_assets.splits.landmarks import find_landmarks
from flamingo_bark_assets.steps import (
    CHORDAL_STEPS,
    SECOND_OPINION_VERSION,
    STEM_STEPS,
    STEP_OF_RECORD,
    STEPS,
    FilePart,
    SettingsGroup,
    Step,
)
from flamingo_bark_assets.storage.feature_store import FeatureStore, encode_record
from flamingo_bark_assets.storage.result_file import EncodedResult
from flamingo_bark_assets.storage.set_aside import SetAside
from flamingo_bark_assets.threads import one_blas_thread
from flamingo_bark_assets.training.files import DatasetFiles, dataset_files, write_dataset_files
from flamingo_bark_assets.training.suitability import Verdict, judge

if TYPE_CHECKING:
    from flamingo_bark_assets.analysis.frontend.view import AudioView, SongViews
    from flamingo_bark_assets.audio.decode import Decoded
    from flamingo_bark_assets.audio.signal import FloatArray, Sound

CORRECTED_PARTS: tuple[FilePart, ...] = ("grid", "key", "sections")
"""Parts of a song's files that correct what is measured of the mix."""
R = TypeVar("R", bound=Record)
_log = logging.getLogger(__name__)


class UndeclaredInput(Exception):
    """A step reads what its declaration does not name: an error in the code, which would make stale results fresh."""


class SongWork:
    """One song in one run: its files are found once and decoded at most once, and results are shared."""

    def __init__(
        self,
        files: SongFiles,
        paths: DataPaths,
        settings: Settings,
        captioner: Captioner,
        transcriber: Transcriber | None = None,
    ) -> None:
        self.files = files
        self.paths = paths
        self.settings = settings
        self.captioner = captioner
        self.transcriber = transcriber or Transcriber(settings.lyrics, settings.inference, paths.answers)
        self.store = FeatureStore(paths.features)
        self.versions: Mapping[str, str] = {}
        """Code version that made each stored result, by step, where that is known."""
        self.damage: Callable[[str], str | None] = lambda step: None
        """Says what is wrong with the stored result of a step before it is read; None where nothing is known to be."""
        self.holds_measured: Callable[[], bool] = lambda: False
        """Tells whether the stored `song_features` is what would be measured now, and is not corrected."""
        self.lacks_only_opinion: Callable[[], bool] = lambda: False
        """Tells whether the stored `song_features` is what would be measured now, but for a second opinion."""
        self.second_opinion_share = settings.analysis.second_opinion_share
        """Share of the songs that are measured a second time."""
        self.tell: Callable[[str], None] = _log.info
        """Is told how far a step is that takes long."""
        self._step: Step | None = None
        self._results: dict[type[Record], Record] = {}
        self._encoded: dict[type[Record], EncodedResult] = {}
        self._unsaved: dict[type[Record], EncodedResult] | None = None
        self._hashes: dict[Path, str] = {}
        self._views: dict[Part, AudioView | None] = {}
        self._levels: dict[Part, SourceLevels] = {}
        self._mono: FloatArray | None = None
        self._memory = SampleMemory()

    @property
    def song_id(self) -> str:
        """The song's identifier."""
        return self.files.song_id

    def result(self, cls: type[R]) -> R:
        """Return a result of this run or, where the step was not part of it, the stored one.

        Raises:
            UnreadableResult: there is none that can be read.
            UndeclaredInput: the step at work does not declare that it needs it.
        """
        step = STEP_OF_RECORD[cls]
        if self._step is not None and step.name not in self._step.needs:
            raise UndeclaredInput(f"the step {self._step.name} reads {step.name} without declaring it")
        if cls not in self._results:
            version = self.versions.get(step.name, step.version)
            outdated = version if version != step.version else None
            if problem := self.damage(step.name):
                raise UnreadableResult(step.name, problem)
            try:
                self._results[cls] = self.store.read(cls, self.song_id, outdated=outdated)
            except StorageError as error:
                raise UnreadableResult(step.name, str(error)) from error
        found = self._results[cls]
        assert isinstance(found, cls)
        return found

    def keep(self, record: R) -> R:
        """Store a result, at once or with others by `save`, and keep it for the steps after."""
        cls = type(record)
        self._encoded[cls] = encode_record(record)
        self._results[cls] = record
        if self._unsaved is None:
            self.store.write_all(self.song_id, {cls.TABLE: self._encoded[cls]})
        else:
            self._unsaved[cls] = self._encoded[cls]
        return record

    def save_together(self) -> None:
        """Store no result from now on until `save` stores all: each time costs two waits for the disk."""
        self._unsaved = self._unsaved or {}

    def save(self) -> None:
        """Store the results that `keep` was given since, in one step.

        Raises:
            WriteError: they cannot be written; none of them is stored then.
        """
        if self._unsaved:
            self.store.write_all(self.song_id, {cls.TABLE: encoded for cls, encoded in self._unsaved.items()})
            self._unsaved.clear()

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the names and contents of the song's sound files."""
        return sound_digest(self.files, hashed=self.sha256)

    def sha256(self, path: Path) -> str:
        """Return SHA-256 of a file of the song, hexadecimal; each is read once.

        Raises:
            LibraryError: it cannot be read.
        """
        if path not in self._hashes:
            self._hashes[path] = sha256_of(path)
        return self._hashes[path]

    @cached_property
    def mix(self) -> Decoded | AudioFault:
        """The decoded mix, or what is wrong with it."""
        from flamingo_bark_assets.audio.decode import decode

        if self.files.mix is None:
            return AudioFault(Path(self.song_id), self.files.fault or "there is no song file")
        try:
            return decode(self.files.mix, max_duration_s=self._longest_s(), memory=self._memory)
        except AudioFault as fault:
            return fault

    @cached_property
    def files_with_stems(self) -> SongFiles:
        """The song's files; where it has no stems of its own, those that a separator made stand for them."""
        if self.files.stems:
            return self.files
        # The step `stems` reads what was separated; the steps after it read which of these files it found.
        if self._step is not None and self._step.record is StemSet:
            made = tuple(file.file_name for file in self.result(SeparatedStems).separated_files)
        else:
            made = separated_names(self.result(StemSet))
        return with_separated(self.files, self.paths, made)

    @cached_property
    def stem_inputs(self) -> tuple[StemInput, ...]:
        """Each stem file, decoded or with what is wrong with it."""
        return tuple(map(self._stem_input, self.files_with_stems.stems))

    def _stem_input(self, stem: StemFile) -> StemInput:
        from flamingo_bark_assets.audio.decode import decode

        if stem.path is None or stem.fault is not None:
            return StemInput(stem, None, stem.fault or "cannot be opened", None)
        try:
            decoded = decode(stem.path, max_duration_s=self._longest_s(), memory=self._memory)
            return StemInput(stem, decoded, None, self.sha256(stem.path))
        except (AudioFault, OSError) as fault:
            return StemInput(stem, None, str(fault), None)

    def _longest_s(self) -> float:
        """Return the longest sound that is decoded, s.

        Only the steps that judge whether a file can be decoded depend on it: those after them decode again what was
        found decodable.
        """
        judges = self._step is not None and "decoding" in self._step.settings
        return (self.thresholds("decoding") if judges else self.settings.thresholds).max_duration_s

    def audio(self, part: Part) -> Sound:
        """Return the decoded sound of the mix or of one kind of stem.

        Raises:
            AudioFault: it cannot be had.
        """
        if part == "mix":
            mix = self.mix
            if isinstance(mix, AudioFault):
                raise mix
            return mix.signal
        signal = stem_signal(part, self.stem_inputs, self.result(StemSet))
        if signal is None:
            raise AudioFault(Path(self.song_id), f"there is no usable {part} stem")
        return signal

    def view(self, part: Part) -> AudioView | None:
        """Return the shared transforms of a part; None where its sound cannot be had."""
        from flamingo_bark_assets.analysis.views import mix_view, stem_view

        if part not in self._views:
            try:
                signal = self.audio(part)
                make = mix_view if part == "mix" else stem_view
                view = self._views[part] = make(signal, also=(SourceLevelReader,))
                self._levels[part] = view.take_native(SourceLevelReader)
            except AudioFault:
                self._views[part] = None
        return self._views[part]

    def levels(self, part: Part) -> SourceLevels:
        """Return the levels of a part by which clips are judged; its sound is read for them only where no view was.

        Raises:
            AudioFault: it cannot be had.
        """
        if part not in self._levels:
            self._levels[part] = source_levels(self.audio(part))
        return self._levels[part]

    def views(self) -> SongViews | None:
        """Return the shared transforms of the mix and of what stems can be had; None where the mix cannot."""
        from flamingo_bark_assets.analysis.frontend.view import SongViews

        mix = self.view("mix")
        if mix is None:
            return None
        return SongViews(mix, {kind: view for kind in STEM_KINDS if (view := self.view(kind)) is not None})

    def release(self, part: Part) -> None:
        """Forget the transforms of a part, which no later step reads."""
        view = self._views.pop(part, None)
        if part == "mix" and view is not None and not view.is_long:
            self._mono = view.mono()

    def take_mono(self) -> FloatArray | None:
        """Return the down-mix of the mix at 22.05 kHz, once, where it was measured in this run and is not long."""
        mono, self._mono = self._mono, None
        return mono

    @contextmanager
    def reading_for(self, step: Step) -> Iterator[None]:
        """Let nothing be read but what a step declares."""
        self._step = step
        try:
            yield
        finally:
            self._step = None

    def thresholds(self, group: SettingsGroup) -> Thresholds:
        """Return the thresholds, read for a group of settings.

        Raises:
            UndeclaredInput: the step at work does not declare that group.
        """
        self._declared(group)
        return self.settings.thresholds

    def prompt_settings(self) -> PromptSettings:
        """Return weights and budgets of prompts.

        Raises:
            UndeclaredInput: the step at work does not declare them.
        """
        self._declared("prompts")
        return self.settings.prompts

    def library_scale(self) -> LibraryScale:
        """Return by which texts compare the song with the others of the library; empty where the settings want none.

        Raises:
            UndeclaredInput: the step at work does not declare the settings of prompts, whose version holds it.
        """
        return read_scale(self.paths) if self.prompt_settings().relative_words else {}

    def clip_settings(self) -> ClipSettings:
        """Return how songs are cut.

        Raises:
            UndeclaredInput: the step at work does not declare it.
        """
        self._declared("clips")
        return self.settings.clips

    def separation_settings(self) -> SeparationSettings:
        """Return whether songs without stems are separated, and by what.

        Raises:
            UndeclaredInput: the step at work does not declare it.
        """
        self._declared("separation")
        return self.settings.separation

    def wants_second_opinion(self) -> bool:
        """Tell whether the song is chosen to be measured a second time.

        Raises:
            UndeclaredInput: the step at work does not declare it.
        """
        if self._step is not None and not self._step.second_opinion:
            raise UndeclaredInput(f"the step {self._step.name} reads second_opinion without declaring it")
        return is_chosen(self.song_id, self.second_opinion_share)

    def merge(self) -> Merge:
        """Return how words of sidecars are merged.

        Raises:
            UndeclaredInput: the step at work does not declare it.
        """
        self._declared("sidecars")
        return self.settings.sidecars.merge

    def corrections(self) -> Corrections:
        """Return what song.toml corrects of the measurements of the mix.

        Raises:
            UndeclaredInput: the step at work does not declare it.
        """
        self._declared_part(*CORRECTED_PARTS)
        return self.files.info.corrections

    def _declared_part(self, *parts: FilePart) -> None:
        if self._step is not None and (missing := set(parts) - set(self._step.files)):
            raise UndeclaredInput(f"the step {self._step.name} reads {', '.join(missing)} without declaring it")

    def _declared(self, group: SettingsGroup) -> None:
        if self._step is not None and group not in self._step.settings:
            raise UndeclaredInput(f"the step {self._step.name} reads settings of {group} without declaring them")

    def data_version(self, result: Record) -> str:
        """Digest of a result: the version of an asset's data. That of the verdict covers the files written with it."""
        cls = type(result)
        if cls not in self._encoded or self._results.get(cls) is not result:
            self._encoded[cls] = encode_record(result)
        version = self._encoded[cls].version
        if isinstance(result, Verdict):
            return version + sha256_of(dataset_files(self.paths, self.song_id).entry)[:16]
        return version

    def evidence(self) -> Evidence:
        """Return all measurements of the song; with what a person decided on claims where the step declares that."""
        decides = self._step is None or "claims" in self._step.files
        return Evidence(
            raw_song=self.result(RawSong),
            metadata=self.result(SongMetadata),
            separated=self.result(SeparatedStems),
            stems=self.result(StemSet),
            song=self.result(SongFeatures),
            stem_features={kind: self.result(cls) for kind, cls in RESULT_CLASSES.items()},
            claim_decisions=self.files.info.corrections.claims if decides else {},
        )


def inspect_song(work: SongWork) -> RawSong:
    """Inspect the song file: format and technical quality."""
    files = work.files
    if files.fault is not None or files.mix is None:
        reason = files.fault or f"{files.song_id}: there is no song file"
        return RawSong.of_unusable(files.song_id, reason, fingerprint=work.fingerprint)
    if isinstance(work.mix, AudioFault):
        return RawSong.of_unusable(
            files.song_id,
            f"{files.song_id}: {work.mix}",
            fingerprint=work.fingerprint,
            file_name=files.mix.name,
        )
    view = work.view("mix")
    assert view is not None
    song = describe_song(
        files,
        work.mix,
        quality_of(view),
        find_landmarks(view),
        fingerprint=work.fingerprint,
        content_sha256=work.sha256(files.mix),
    )
    return _unless_truncated(song, work.thresholds("decoding").max_truncated_s)


def collect_metadata(work: SongWork) -> SongMetadata:
    """Collect what song.toml, the file's own tags and its sidecars say about the song."""
    return describe_metadata(work.files, merge=work.merge())


def _unless_truncated(song: RawSong, max_missing_s: float) -> RawSong:
    """Return the song, or, where its file ends before the length that it declares, the same as unusable."""
    declared, decoded = song.declared_duration_s.value, song.duration_s.value
    if declared is None or decoded is None or declared - decoded <= max_missing_s:
        return song
    reason = (
        f"{song.song_id}: {song.file_name}: truncated: its header declares {declared:.1f} s and "
        f"{decoded:.1f} s can be decoded; get the whole file"
    )
    return dataclasses.replace(song, unusable=reason)


def separate_stems(work: SongWork) -> SeparatedStems:
    """Have a song without stems separated, where the settings ask for it."""
    settings = work.separation_settings()
    return separate_song(
        work.files,
        work.result(RawSong),
        settings,
        work.paths,
        tell=lambda line: work.tell(f"{work.song_id}: {settings.separator}: {line}"),
    )


def inspect_stems(work: SongWork) -> StemSet:
    """Compare the stems with the mix."""
    if work.result(RawSong).unusable is not None or isinstance(work.mix, AudioFault):
        return StemSet.of_unusable(work.song_id, work.result(RawSong).unusable or str(work.mix))
    stems = compare_stems(work.song_id, work.mix.signal, work.stem_inputs)
    return stems if work.stem_inputs else dataclasses.replace(stems, unusable=work.result(SeparatedStems).why_no_stems)


def review_song(work: SongWork) -> SongReview:
    """Read whether a person has looked at the song, and what they decided."""
    return read_review(work.files)


def measure_song(work: SongWork) -> SongFeatures:
    """Measure the mix, with the help of its stems; where its owner corrects what was measured, that.

    What was measured is set aside while a correction stands in its place, so that neither another correction nor taking
    it back measures, or decodes, anything again. Of a song that is newly chosen for a second opinion only that is made.
    """
    corrections, raw = work.corrections(), work.result(RawSong)
    aside = SetAside(work.paths.features)
    inputs = _inputs_of_measuring(work)
    measured = aside.read(SongFeatures, work.song_id, inputs)
    if measured is None and corrections.of_measurements and work.holds_measured():
        with suppress(StorageError):
            measured = work.store.read(SongFeatures, work.song_id)
    wants_opinion = work.wants_second_opinion()
    if measured is None and wants_opinion and work.lacks_only_opinion():
        with suppress(StorageError):
            stored = work.store.read(SongFeatures, work.song_id)
            measured = None if stored.corrections else stored
    if measured is None:
        measured = _measured_song(work)
    if wants_opinion and measured.unusable is None and not measured.second_opinions:
        measured = _with_second_opinion(work, measured)
    if not corrections.of_measurements or measured.unusable is not None:
        return measured
    aside.write(measured, inputs)
    return correct_song(measured, corrections, raw.duration_s.value or 0.0)


def _with_second_opinion(work: SongWork, measured: SongFeatures) -> SongFeatures:
    from flamingo_bark_assets.analysis.agreement.comparing import with_second_opinion

    with one_blas_thread():
        return with_second_opinion(measured, lambda: work.audio("mix"))


def alike_for(before: SongFeatures, after: Record) -> frozenset[str]:
    """Name the steps for which two measurements of a mix are the same in all that they read of them.

    Second opinions are read by none; what these lower is.
    """
    assert isinstance(after, SongFeatures)
    if dataclasses.replace(before, second_opinions=()) == dataclasses.replace(after, second_opinions=()):
        measuring = STEP_OF_RECORD[SongFeatures].name
        return frozenset(step.name for step in STEPS if measuring in step.needs)
    if _read_by_stems(before) != _read_by_stems(after):
        return frozenset()
    alike = frozenset(STEM_STEPS.values())
    if _spelled_by(before) != _spelled_by(after):
        alike -= CHORDAL_STEPS
    if _sure_of_bars(before) != _sure_of_bars(after):
        alike -= {STEM_STEPS["drums"]}
    return alike


def _read_by_stems(song: SongFeatures) -> tuple[object, ...]:
    return song.unusable, song.beats, song.metre.value, _sounding_chords(song), song.tuning_cents


def _sounding_chords(song: SongFeatures) -> tuple[object, ...]:
    """Return the chords whatever they are spelled like."""
    parts = ((chord, *chord.label.partition(":")[::2]) for chord in song.chords)
    return tuple(
        (chord.start_s, chord.end_s, chord.confidence, root if root == "N" else pitch_class(root), quality)
        for chord, root, quality in parts
    )


def _sure_of_bars(song: SongFeatures) -> tuple[object, ...]:
    """Return how sure what the drums are held against is, which bounds how sure their patterns are."""
    return song.beat_count.confidence, song.metre.confidence, song.first_downbeat_s.confidence


def _spelled_by(song: SongFeatures) -> tuple[object, ...]:
    """Return what the chords of stems are spelled by."""
    return song.key.value, song.key_segments


def _inputs_of_measuring(work: SongWork) -> str:
    """Digest what the measurements of the mix depend on."""
    step = STEP_OF_RECORD[SongFeatures]
    versions = [
        step.version,
        SECOND_OPINION_VERSION,
        *(work.data_version(work.result(cls)) for cls in (RawSong, StemSet)),
    ]
    return digest_of_settings(*versions)


def _measured_song(work: SongWork) -> SongFeatures:
    unusable = work.result(RawSong).unusable
    views = work.views() if unusable is None else None
    if views is None:
        return SongFeatures.of_unusable(work.song_id, unusable or str(work.mix))
    with one_blas_thread():
        features = analyse_song(work.song_id, views)
    work.release("mix")
    return features


def measure_stem(work: SongWork, kind: StemKind) -> StemResult:
    """Measure the stems of one kind together."""
    cls = RESULT_CLASSES[kind]
    others = {other: work.result(RESULT_CLASSES[other]) for other in KINDS[kind].reads}
    unusable = work.result(RawSong).unusable
    if unusable is not None:
        return cls.of_unusable(work.song_id, unusable)
    stems = work.result(StemSet)
    view = work.view(kind)
    if view is None:
        reason = why_unmeasured(kind, stems) or f"{work.song_id}: there is no {kind} stem"
        return cls.of_unusable(work.song_id, reason)
    with one_blas_thread():
        features = analyse_stem(
            kind,
            work.song_id,
            view,
            energy_share=energy_share(stems, kind),
            song=work.result(SongFeatures),
            others=others,
        )
    work.release(kind)
    return features


def collect_lyrics(work: SongWork) -> SongLyrics:
    """Find the sung words and when they are sung."""
    return find_lyrics(
        work.result(RawSong),
        work.result(SongMetadata),
        work.result(StemSet),
        work.result(SongFeatures),
        work.result(VocalFeatures),
        lambda: work.audio("vocals"),
        work.transcriber,
    )


def describe(work: SongWork) -> Captions:
    """Describe the song as the captioner does; where its sidecars or its owner say otherwise, that."""
    evidence = work.evidence()
    made = work.captioner.describe(evidence, work.audio)
    said = apply_given_words(made, evidence, work.settings.prompts.min_claim_confidence)
    return apply_caption_edits(said, work.files.info.edits)


def write_prompts(work: SongWork) -> TrainingPrompts:
    """Write the prompts at every level; where the owner of the song says otherwise, that; then the custom tag."""
    prompts = build_prompts(work.evidence(), work.result(Captions), work.prompt_settings(), work.library_scale())
    edited = apply_prompt_edits(prompts, work.files.info.edits)
    return put_tag(edited, tag_of(work.evidence(), work.prompt_settings()))


def judge_song(work: SongWork) -> Verdict:
    """Judge the song and its stems."""
    return judge(work.evidence(), work.thresholds("suitability"))


def export_song(work: SongWork, verdict: Verdict) -> DatasetFiles:
    """Write the dataset JSON, the instructions and the manifest entry."""
    return write_dataset_files(
        work.files_with_stems,
        work.evidence(),
        work.result(SongLyrics),
        work.result(Captions),
        work.result(TrainingPrompts),
        verdict,
        Settings(thresholds=work.thresholds("suitability")),
        work.paths,
    )


def make_dataset(work: SongWork) -> Verdict:
    """Judge the song and write the dataset JSON, the instructions and the manifest entry.

    The verdict is stored last, so that it stands for all of them.
    """
    verdict = judge_song(work)
    export_song(work, verdict)
    return verdict


def cut_clips(work: SongWork) -> TrainingClips:
    """Cut the song into the clips to train on; what of it cannot be decoded any more gives none."""
    from flamingo_bark_assets.clips.planning import plan_clips

    verdict = work.result(Verdict)
    parts: tuple[Part, ...] = ("mix", *verdict.suitable_kinds) if verdict.suitable else ()
    levels: dict[Part, SourceLevels] = {}
    for part in parts:
        with suppress(AudioFault):
            levels[part] = work.levels(part)
    return plan_clips(
        work.evidence(),
        work.result(SongLyrics),
        work.result(Captions),
        work.result(TrainingPrompts),
        verdict,
        levels,
        work.clip_settings(),
        work.prompt_settings(),
        work.library_scale(),
    )


WORK: dict[str, Callable[[SongWork], Record]] = {
    "raw_song": inspect_song,
    "song_metadata": collect_metadata,
    "song_review": review_song,
    "separated_stems": separate_stems,
    "stems": inspect_stems,
    "song_features": measure_song,
    **{STEM_STEPS[kind]: functools.partial(measure_stem, kind=kind) for kind in STEM_KINDS},
    "song_lyrics": collect_lyrics,
    "flamingo_captions": describe,
    "training_prompts": write_prompts,
    "bark_dataset": make_dataset,
    "training_clips": cut_clips,
}
"""What each step does, by its name."""


def run_step(step: Step, work: SongWork) -> Record:
    """Run one step for one song and store its result.

    Raises:
        UndeclaredInput: the step reads what its declaration does not name.
    """
    with work.reading_for(step):
        return work.keep(WORK[step.name](work))


def run_all(work: SongWork) -> dict[str, Record]:
    """Run every step in order and store all results; an exception of a step is passed on."""
    work.save_together()
    try:
        return {step.name: run_step(step, work) for step in STEPS}
    finally:
        work.save()
