"""The captioner with a model: who answers, what is kept, what is contradicted, and what happens without a model."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from flamingo_bark_assets.audio.signal import FloatArray, Signal
from flamingo_bark_assets.captioning import model_captioner
from flamingo_bark_assets.captioning.interface import Captions
from flamingo_bark_assets.captioning.model_captioner import ModelCaptioner
from flamingo_bark_assets.errors import AudioFault
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.inference.catalogue import QUESTION_ORDER
from flamingo_bark_assets.inference.excerpts import typical_clip
from flamingo_bark_assets.inference.interface import Clip, ModelIdentity, Query, Reply
from flamingo_bark_assets.inference.loading import Loaded, Skipped
from flamingo_bark_assets.inference.reply_cache import clip_digest
from flamingo_bark_assets.inference.segments import block_levels, measured_sections
from flamingo_bark_assets.inference_settings import InferenceSettings, ModelCandidate
from flamingo_bark_assets.parts import Part
from flamingo_bark_assets.settings import PromptSettings
from tests.captioning_models import ParrotModel
from tests.evidence import make_evidence, unusable_song, with_silent_stem
from tests.hub import keep_off_the_network
from tests.signals import as_signal, join, music, noise, silence, sine
from tests.tiny_models import save_tiny_model

ANSWERS = 5 + 4 * 3
"""All five questions about the mix, three about each of four stems."""


class Speaking(ParrotModel):
    """A model that gives set replies by words of the prompt."""

    def __init__(self, replies: dict[str, str], capacity: int | None = None, name: str = "speaking") -> None:
        super().__init__(capacity, identity=ModelIdentity(name, "audio-flamingo-2", "r1", "non-commercial", "float32"))
        self._replies = replies
        self.heard: list[Clip] = []

    def infer(self, queries: Sequence[Query]) -> list[Reply]:
        super().infer(queries)
        self.heard += [query.clip for query in queries]
        prompts = [query.prompt for query in queries]
        found = [next((r for words, r in self._replies.items() if words in prompt), "music") for prompt in prompts]
        return [Reply(text, 4, -0.25, truncated=False) for text in found]


def sound(_: Part) -> Signal:
    return as_signal(music(6.0, rate_hz=22050), rate_hz=22050)


def captioner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *models: Speaking) -> ModelCaptioner:
    """A captioner whose chain loads the given models one after the other."""
    chain = tuple(ModelCandidate(model=model.identity.model_id, batch_size=8) for model in models)
    settings = InferenceSettings(chain=chain or (ModelCandidate(),))

    def load(_: InferenceSettings, *, skipped: tuple[Skipped, ...] = ()) -> Loaded:
        if len(skipped) >= len(models):
            return Loaded(None, None, skipped)
        return Loaded(models[len(skipped)], chain[len(skipped)], skipped)

    monkeypatch.setattr(model_captioner, "load_first", load)
    return ModelCaptioner(settings, PromptSettings(), tmp_path / "answers")


def answers(captions: Captions, part: Part) -> dict[str, str | None]:
    return {answer.question: answer.text for answer in captions.answers if answer.part == part}


def test_every_question_is_answered_for_the_mix_and_each_audible_stem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Speaking({"genre of": "House, Techno", "mood of": "energetic and warm"})
    captions = captioner(tmp_path, monkeypatch, model).describe(make_evidence(), sound)
    stems = ("drums", "bass", "vocals", "harmonic")
    assert [(a.part, a.question) for a in captions.answers] == [
        *(("mix", question) for question in QUESTION_ORDER),
        *((part, question) for part in stems for question in ("instruments", "caption", "description")),
    ]
    assert answers(captions, "mix")["genre"] == "house, techno"
    assert answers(captions, "mix")["mood"] == "energetic, warm"
    assert (captions.captioner, captions.is_fallback, captions.model_id) == ("audio-flamingo-2", False, "speaking")


def test_an_answer_keeps_who_said_it_and_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    captions = captioner(tmp_path, monkeypatch, Speaking({})).describe(make_evidence(), sound)
    answer = captions.answers[0]
    assert (answer.model_id, answer.revision, answer.licence) == ("speaking", "r1", "non-commercial")
    assert answer.raw_text == "music"
    assert answer.prompt
    assert answer.window_end_s == pytest.approx(6.0, abs=0.01)
    assert answer.confidence == pytest.approx(np.exp(-0.25))


def test_a_claim_that_contradicts_the_measurements_leaves_the_text_and_stays_in_the_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "A house track at 95 BPM. It has a steady beat with drums and bass."
    model = Speaking({"describe the music in a sentence": said})
    captions = captioner(tmp_path, monkeypatch, model).describe(make_evidence(song={"tempo_bpm": 121.0}), sound)
    (answer,) = [a for a in captions.answers if (a.part, a.question) == ("mix", "caption")]
    assert answer.raw_text == said
    assert "95" not in (answer.text or "")
    (claim,) = [c for c in captions.claims if c.kind == "tempo" and c.part == "mix"]
    assert (claim.verdict, claim.claimed, claim.measured_number) == ("conflict", "95", 121.0)


def test_the_length_of_the_clip_is_not_told_as_the_songs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "A house track with a steady beat. The duration of the piece is 30.00 seconds."
    model = Speaking({"describe": said})
    captions = captioner(tmp_path, monkeypatch, model).describe(make_evidence(), sound)
    described = [a for a in captions.answers if a.question in {"caption", "description"}]
    assert described
    assert all(a.raw_text == said and "30" not in (a.text or "") for a in described)
    assert {c.verdict for c in captions.claims if c.kind == "duration"} == {"conflict"}


def test_a_key_that_is_said_of_the_drums_is_the_songs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Speaking({"describe the drums in a sentence": "A tight drum loop in E flat minor at 121 BPM."})
    evidence = make_evidence(song={"key": "E minor", "tempo_bpm": 121.0})
    captions = captioner(tmp_path, monkeypatch, model).describe(evidence, sound)
    assert answers(captions, "drums")["caption"] == "A tight drum loop in E minor at 121 BPM."
    (claim,) = [c for c in captions.claims if c.kind == "key" and c.part == "drums"]
    assert (claim.verdict, claim.note) == ("conflict", "drums have no key of their own; the song's")


def test_a_genre_is_read_out_of_prose_and_nothing_else_is_called_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = (
        "This track is a soaring Hardstyle piece that joins a distorted kick with warm pads. It sits at 150 BPM and is "
        "rooted in E flat minor. The duration of the piece is 30.00 seconds."
    )
    captions = captioner(tmp_path, monkeypatch, Speaking({"genre": said})).describe(make_evidence(), sound)
    assert answers(captions, "mix")["genre"] == "hardstyle"


def test_nothing_is_asked_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = Speaking({}), Speaking({})
    one = captioner(tmp_path, monkeypatch, first).describe(make_evidence(), sound)
    two = captioner(tmp_path, monkeypatch, second).describe(make_evidence(), sound)
    assert first.asked
    assert second.asked == []
    assert one == two


class Streaming(Speaking):
    """Takes in a query whenever it is asked for the next reply."""

    def stream(self, queries: Iterable[Query], n_rows: int) -> Iterator[tuple[int, Reply]]:
        for number, query in enumerate(queries):
            yield number, self.infer([query])[0]


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("error", [AudioFault(Path("song.wav"), "cannot be read"), OSError("no such file")])
def test_a_song_whose_sound_is_gone_when_all_are_asked_about_keeps_no_other_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, place: int
) -> None:
    def gone(_: Part) -> Signal:
        raise error

    def other(part: Part) -> Signal:
        return as_signal(music(6.0, rate_hz=22050, seed=1), rate_hz=22050)

    sounds = [sound, other]
    sounds.insert(place, gone)
    model = Streaming({})
    songs = [(make_evidence(f"tune{i}"), one) for i, one in enumerate(sounds)]
    captioner(tmp_path, monkeypatch, model).answer_ahead(songs)
    assert len({clip_digest(one) for one in model.heard}) == len(sounds) - 1


def test_a_silent_stem_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    captions = captioner(tmp_path, monkeypatch, Speaking({})).describe(with_silent_stem("vocals"), sound)
    assert "vocals" not in {answer.part for answer in captions.answers}


def test_where_memory_runs_out_the_batch_is_halved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Speaking({}, capacity=2)
    captions = captioner(tmp_path, monkeypatch, model).describe(make_evidence(), sound)
    assert len(captions.answers) == ANSWERS
    assert max(model.batches) == 8
    assert model.batches[-1] <= 2


def test_a_model_that_has_no_memory_for_one_clip_gives_way_to_the_next_and_the_reason_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large, small = Speaking({}, capacity=0, name="large"), Speaking({}, name="small")
    captions = captioner(tmp_path, monkeypatch, large, small).describe(make_evidence("tune"), sound)
    assert captions.model_id == "small"
    assert [(c.captioner, c.outcome) for c in captions.candidates] == [("large", "skipped"), ("small", "answered")]
    assert "out of memory in inference on tune" in (captions.candidates[0].reason or "")


class Failing(Speaking):
    """A model that fails on its first songs."""

    def __init__(self, name: str, failures: int) -> None:
        super().__init__({}, name=name)
        self._failures = failures

    def infer(self, queries: Sequence[Query]) -> list[Reply]:
        self._failures -= 1
        if self._failures >= 0:
            raise RuntimeError("CUDA error: device-side assert triggered")
        return super().infer(queries)


def test_another_error_of_a_model_is_that_songs_and_the_next_candidate_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = captioner(tmp_path, monkeypatch, Failing("first", 1), Speaking({}, name="second"))
    captions = both.describe(make_evidence("tune"), sound)
    assert captions.model_id == "second"
    reason = captions.candidates[0].reason or ""
    assert reason == "failed on tune: first: RuntimeError: CUDA error: device-side assert triggered"
    assert both.describe(make_evidence("other"), sound).model_id == "first"


def test_a_model_that_fails_on_song_after_song_is_not_loaded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Failing("first", 100)
    both = captioner(tmp_path, monkeypatch, first, Speaking({}, name="second"))
    assert {both.describe(make_evidence(f"tune{i}"), sound).model_id for i in range(5)} == {"second"}
    assert first._failures == 97


def test_at_the_end_of_the_chain_the_measured_captioner_writes_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    captions = captioner(tmp_path, monkeypatch, Speaking({}, capacity=0)).describe(make_evidence(), sound)
    assert (captions.captioner, captions.is_fallback, captions.model_id) == ("measured", True, None)
    assert [(c.captioner, c.outcome) for c in captions.candidates][1:] == [
        ("tagged", "answered"), ("measured", "answered"),
    ]  # fmt: skip
    assert captions.candidates[0].outcome == "skipped"
    assert all(answer.is_fallback for answer in captions.answers)


def test_a_model_that_was_released_is_gone_when_the_gpu_is_told_to_give_its_memory_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[weakref.ref[Speaking]] = []

    def load(*_: object, **__: object) -> Loaded:
        model = Speaking({})
        loaded.append(weakref.ref(model))
        return Loaded(model, ModelCandidate(batch_size=8), ())

    monkeypatch.setattr(model_captioner, "load_first", load)
    asking = ModelCaptioner(InferenceSettings(chain=(ModelCandidate(),)), PromptSettings(), tmp_path / "answers")
    asking.expect(2, lambda _: None)
    asking.describe(make_evidence(), sound)
    left: list[list[Speaking | None]] = []
    gpu = SimpleNamespace(is_available=lambda: True, empty_cache=lambda: left.append([one() for one in loaded]))
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=gpu))
    asking.release()
    assert left == [[None]]


def test_without_a_model_in_the_cache_the_measured_captioner_says_how_to_fetch_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = keep_off_the_network(monkeypatch)
    settings = InferenceSettings(cache_folder=tmp_path / "hub")
    plain = ModelCaptioner(settings, PromptSettings(), tmp_path / "answers")
    captions = plain.describe(make_evidence(), sound)
    assert captions.is_fallback
    assert "flamingo-bark models fetch nvidia/audio-flamingo-2-1.5B" in (captions.candidates[0].reason or "")
    assert attempts == []


@pytest.mark.parametrize("family", ["audio-flamingo-3", "music-flamingo"])
def test_a_tiny_model_of_transformers_own_class_answers_through_the_same_code(tmp_path: Path, family: str) -> None:
    folder = save_tiny_model(tmp_path / "model", family)  # type: ignore[arg-type]
    candidate = ModelCandidate(model=str(folder), dtype="float32", device="cpu", batch_size=5)
    settings = InferenceSettings(chain=(candidate,), max_new_tokens=6)
    captions = ModelCaptioner(settings, PromptSettings(), tmp_path / "answers").describe(make_evidence(), sound)
    assert captions.model_id == str(folder)
    assert captions.captioner == family
    assert captions.model_runtime == "float32 on cpu"
    assert len(captions.answers) == ANSWERS
    assert all(a.raw_text is not None and a.mean_log_probability is not None for a in captions.answers)
    assert all(a.text or a.reason for a in captions.answers)


def test_an_unusable_song_is_not_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Speaking({})
    evidence: Evidence = unusable_song()
    assert captioner(tmp_path, monkeypatch, model).describe(evidence, sound).unusable
    assert model.asked == []


RATE_HZ = 16_000


def clip_of(samples: FloatArray, length_s: float = 10.0) -> Clip | None:
    return typical_clip(as_signal(samples, rate_hz=RATE_HZ), length_s=length_s, sample_rate_hz=RATE_HZ)


def test_the_window_leaves_out_an_intro_that_is_unlike_the_song() -> None:
    intro = sine(80.0, 20.0, rate_hz=RATE_HZ, level_dbfs=-20.0)
    clip = clip_of(join(intro, music(40.0, rate_hz=RATE_HZ)))
    assert clip is not None
    assert clip.start_s >= 19
    assert clip.end_s - clip.start_s == pytest.approx(10.0)


def test_sections_are_parted_where_the_sound_changes() -> None:
    low, full = sine(80.0, 20.0, rate_hz=RATE_HZ, level_dbfs=-20.0), music(30.0, rate_hz=RATE_HZ)
    levels_db, sounding = block_levels(as_signal(join(low, full, low), rate_hz=RATE_HZ), RATE_HZ)
    assert measured_sections(levels_db, sounding) == [(0, 20), (20, 50), (50, 70)]


def test_the_window_lies_in_the_typical_section() -> None:
    verse, bridge = music(70.0, rate_hz=RATE_HZ), noise(25.0, rate_hz=RATE_HZ, level_dbfs=-30.0)
    clip = clip_of(join(bridge[: 15 * RATE_HZ], verse, bridge))
    assert clip is not None
    assert clip.start_s >= 15
    assert clip.end_s <= 85


def test_the_window_holds_sound_where_the_song_is_mostly_silent() -> None:
    clip = clip_of(join(silence(30.0, rate_hz=RATE_HZ), noise(6.0, rate_hz=RATE_HZ), silence(30.0, rate_hz=RATE_HZ)))
    assert clip is not None
    assert clip.start_s <= 30
    assert clip.end_s >= 36


def test_a_short_song_is_heard_whole_and_silence_not_at_all() -> None:
    clip = clip_of(music(3.5, rate_hz=RATE_HZ))
    assert clip is not None
    assert clip.start_s == 0.0
    assert clip.end_s == pytest.approx(3.5, abs=0.01)
    assert clip_of(silence(20.0, rate_hz=RATE_HZ)) is None
    assert clip_of(silence(0.01, rate_hz=RATE_HZ)) is None
