"""One table of stem kinds: every registry has every kind, and what a forgotten one breaks is named."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from flamingo_bark_assets import parts
from flamingo_bark_assets.analysis.features.song import SongFeatures
from flamingo_bark_assets.analysis.features.stem import ActiveSegment
from flamingo_bark_assets.analysis.frontend.view import SongViews
from flamingo_bark_assets.analysis.kinds import RESULT_CLASSES, analyse_stem
from flamingo_bark_assets.analysis.song import analyse_song
from flamingo_bark_assets.analysis.tonality.measure import measure_tonality
from flamingo_bark_assets.captioning.measured import MeasuredCaptioner
from flamingo_bark_assets.claims.lexicon import INSTRUMENT_KIND
from flamingo_bark_assets.defs.specs import SONG_ASSETS
from flamingo_bark_assets.descriptions.phrases import Speaker
from flamingo_bark_assets.descriptions.sentences import stem_texts
from flamingo_bark_assets.inference.catalogue import default_prompt
from flamingo_bark_assets.library.ids import latin
from flamingo_bark_assets.library.layout import DataPaths, find_song
from flamingo_bark_assets.library.song_toml import Edits
from flamingo_bark_assets.library.stem_kinds import kinds_in
from flamingo_bark_assets.parts import KINDS, PARTS, STEM_KINDS, SUM_KINDS, WHOLE_KINDS, StemKind, missing_kinds
from flamingo_bark_assets.pipeline import WORK, SongWork, run_all
from flamingo_bark_assets.prompts.levels import TrainingPrompts
from flamingo_bark_assets.record import Measurement, columns_of, events_of
from flamingo_bark_assets.settings import Settings
from flamingo_bark_assets.steps import STEM_STEPS, STEP_NAMED
from flamingo_bark_assets.storage.tables import tables_of
from flamingo_bark_assets.training.suitability import Verdict
from tests import music, tonality_synthesis
from tests.evidence import make_evidence
from tests.running import ROOT
from tests.songs import write_song

EVERY_KIND = pytest.mark.parametrize("kind", STEM_KINDS)
C_MAJOR = ("C:maj", "F:maj", "G:maj", "C:maj", "A:min", "D:min", "G:maj", "C:maj")


@EVERY_KIND
def test_every_kind_is_found_by_the_words_of_its_own(kind: StemKind) -> None:
    facts = KINDS[kind]
    assert {name: kinds_in(name) for name in facts.words.split()} == dict.fromkeys(facts.words.split(), (kind,))
    assert {name: kinds_in(name) for name in facts.pairs} == dict.fromkeys(facts.pairs, (kind,))
    assert kinds_in(kind) == (kind,)


@EVERY_KIND
def test_every_kind_is_measured_by_a_step_and_stored_in_tables_of_its_own(kind: StemKind) -> None:
    step = STEP_NAMED[STEM_STEPS[kind]]
    assert step.record is RESULT_CLASSES[kind]
    assert step.name in WORK
    assert kind in (SONG_ASSETS[step.name].description or "")
    own = {table.name for table in tables_of(step.record)}
    assert own.isdisjoint(t.name for k, cls in RESULT_CLASSES.items() if k != kind for t in tables_of(cls))
    assert any(issubclass(row, ActiveSegment) for row in events_of(step.record).values())


@EVERY_KIND
def test_every_kind_has_an_analyser_that_gives_its_result(kind: StemKind) -> None:
    view = music.view_of(music.scaled(music.progression(music.cadence("D", "major") * 2, 0.5)))
    song = analyse_song("s", SongViews(view))
    share = Measurement.of(1.0, method="given")
    result = analyse_stem(kind, "s", view, energy_share=share, song=song, others={})
    assert type(result) is RESULT_CLASSES[kind]
    assert result.unusable is None


@EVERY_KIND
def test_every_kind_is_told_in_words_and_asked_about(kind: StemKind) -> None:
    texts = stem_texts(Speaker(0.5), make_evidence(kinds=STEM_KINDS), kind)
    assert texts.caption is not None
    assert texts.caption.text.casefold().startswith(KINDS[kind].noun)
    assert KINDS[kind].noun in default_prompt("audio-flamingo-2", kind, "caption")
    assert default_prompt("audio-flamingo-2", kind, "instruments").endswith("?")


@pytest.mark.parametrize("part", PARTS)
def test_every_part_can_be_edited_by_hand(part: str) -> None:
    assert part in Edits.model_fields


def test_what_a_stem_proves_is_an_instrument_of_its_kind() -> None:
    assert all(INSTRUMENT_KIND[name] == kind for kind in STEM_KINDS for name in KINDS[kind].proves)


def test_a_word_and_an_instrument_stand_in_one_kind_only() -> None:
    for of_kind in (
        lambda facts: [latin(word) for word in (*facts.words.split(), *facts.weak_words.split(), *facts.pairs)],
        lambda facts: [name.strip().replace("-", " ") for names in facts.instruments for name in names.split(",")],
    ):
        kinds_of: dict[str, set[StemKind]] = {}
        for kind in STEM_KINDS:
            for name in of_kind(KINDS[kind]):
                kinds_of.setdefault(name, set()).add(kind)
        assert {name: kinds for name, kinds in kinds_of.items() if len(kinds) > 1} == {}


def test_a_kind_is_part_of_one_that_is_whole() -> None:
    assert {KINDS[kind].part_of for kind in STEM_KINDS} - {None} <= set(WHOLE_KINDS)


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ((), WHOLE_KINDS),
        (("drums", "bass", "vocals", "guitar"), ()),
        (("drums", "bass", "vocals", "harmonic"), ()),
        (("drums", "piano"), ("bass", "vocals")),
        (("vocals", "instrumental"), ()),
        (("instrumental", "drums"), ("vocals",)),
        ((None,), WHOLE_KINDS),
    ],
)
def test_a_part_of_a_kind_stands_for_it(given: tuple[StemKind | None, ...], missing: tuple[StemKind, ...]) -> None:
    assert missing_kinds(given) == missing


def _with_an_organ(folder: Path) -> Path:
    """The module of the table, in which a seventh kind is named and has no entry."""
    source = Path(parts.__file__).read_text(encoding="utf-8")
    changed = source.replace('StemKind = Literal["drums",', 'StemKind = Literal["organ", "drums",')
    assert changed != source
    path = folder / "parts_with_organ.py"
    path.write_text(changed, encoding="utf-8")
    return path


def test_a_kind_without_facts_is_named_when_the_table_is_read(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="StemKind has organ, drums"):
        runpy.run_path(str(_with_an_organ(tmp_path)))


def test_a_kind_without_a_result_is_named_by_the_type_checker(tmp_path: Path) -> None:
    table, registry = "flamingo_bark_assets/parts.py", "flamingo_bark_assets/analysis/kinds.py"
    command = [
        # Without what else the registry imports, which takes mypy a minute; of that it then knows no types.
        sys.executable, "-m", "mypy", "--cache-dir", os.devnull, "--follow-imports", "skip",
        "--shadow-file", table, str(_with_an_organ(tmp_path)), table, registry,
    ]  # fmt: skip
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    (line,) = [line for line in found.stdout.splitlines() if "error:" in line and "Literal['organ']" in line]
    assert line.startswith(registry)


def test_the_key_and_chords_are_those_of_all_stems_that_play_chords() -> None:
    sound = tonality_synthesis.progression(C_MAJOR, 1.5)
    mix = tonality_synthesis.view_of(sound + tonality_synthesis.noise(12.0, level=0.3))
    half = sound.size // 2
    first, second = sound.copy(), sound.copy()
    first[half:], second[:half] = 0.0, 0.0
    whole, low, high = (tonality_synthesis.view_of(samples) for samples in (sound, first, second))
    as_other = measure_tonality(SongViews(mix, {"harmonic": whole}), None)
    assert as_other.key.value == "C major"
    for kind in ("guitar", "piano"):
        assert measure_tonality(SongViews(mix, {kind: whole}), None) == as_other
    shared = measure_tonality(SongViews(mix, {"guitar": low, "piano": high}), None)
    assert shared.key.value == as_other.key.value
    assert [chord.label for chord in shared.chords] == [chord.label for chord in as_other.chords]


def _made(tmp_path: Path, renamed: str) -> SongWork:
    paths = DataPaths(tmp_path / renamed)
    folder = write_song(paths.songs, "one")
    (folder / "stems" / "other.wav").rename(folder / "stems" / f"{renamed}.wav")
    work = SongWork(find_song(paths, "one"), paths, Settings(), MeasuredCaptioner())
    run_all(work)
    return work


def test_a_song_whose_other_stem_is_called_guitar_is_measured_alike(tmp_path: Path) -> None:
    other, guitar = _made(tmp_path, "other"), _made(tmp_path, "guitar")
    assert guitar.result(SongFeatures) == other.result(SongFeatures)
    measured, harmonic = guitar.evidence().of_stem("guitar"), other.evidence().of_stem("harmonic")
    assert dict(measured.measurements()) == dict(harmonic.measurements())
    assert guitar.evidence().of_stem("harmonic").unusable == "one: there is no harmonic stem"
    rules = [{rule.rule for rule in work.result(Verdict).failed("song")} for work in (other, guitar)]
    assert rules[0] == rules[1]
    residual = [[r for r in work.result(Verdict).rules if r.rule == "residual"] for work in (other, guitar)]
    assert residual[0] == residual[1] != []


def test_a_song_with_a_stem_of_each_kind_has_results_and_prompts_of_each(tmp_path: Path) -> None:
    paths = DataPaths(tmp_path)
    single = tuple(kind for kind in STEM_KINDS if kind not in SUM_KINDS)
    write_song(paths.songs, "one", more=[k for k in single if KINDS[k].harmony == "chords" and k != "harmonic"])
    work = SongWork(find_song(paths, "one"), paths, Settings(), MeasuredCaptioner())
    run_all(work)
    assert work.evidence().audible_kinds == single
    assert [work.evidence().of_stem(kind).unusable for kind in single] == [None] * len(single)
    assert work.result(Verdict).suitable_kinds == single
    assert {f"stem:{kind}" for kind in single} <= {prompt.prompt for prompt in work.result(TrainingPrompts).prompts}


def test_the_columns_of_guitar_and_piano_are_those_of_harmonic_stems() -> None:
    columns = [[spec.name for spec in columns_of(RESULT_CLASSES[kind])] for kind in ("harmonic", "guitar", "piano")]
    assert columns[0] == columns[1] == columns[2]
