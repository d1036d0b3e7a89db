"""The course of the questions about a song: what is asked together, again and by itself, and what is passed on."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from flamingo_bark_assets.audio.signal import Signal
from flamingo_bark_assets.captioning import model_captioner
from flamingo_bark_assets.captioning.interface import Answer, Captions
from flamingo_bark_assets.captioning.model_answers import OF_A_PART, ONLY_TIMES
from flamingo_bark_assets.captioning.model_captioner import ModelCaptioner
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.inference.catalogue import Family
from flamingo_bark_assets.inference.interface import ModelIdentity, Query, Reply
from flamingo_bark_assets.inference.loading import Loaded, Skipped
from flamingo_bark_assets.inference_settings import InferenceSettings, ModelCandidate, PromptOverride
from flamingo_bark_assets.parts import Part
from flamingo_bark_assets.settings import PromptSettings
from flamingo_bark_assets.studio.review.texts import claimed_text
from tests.captioning_models import ParrotModel
from tests.evidence import make_evidence, unknown
from tests.signals import as_signal, music

MERGED = "what are the genres, instruments, and mood/theme of the music?"
Sounds = Callable[[Part], Signal]
LONG_TEXT = "A calm song with a piano. It has a soft sound. The strings play long notes. And then it"


class Model(ParrotModel):
    """A model that answers by a function of prompt and room, and notes what it was asked."""

    def __init__(self, family: Family, reply: Callable[[str, int], str | Reply]) -> None:
        super().__init__(identity=ModelIdentity("m", family, "r1", "none", "float32"))
        self._reply_to = reply
        self.queries: list[Query] = []

    @property
    def max_clip_s(self) -> float:
        return 120.0

    def infer(self, queries: Sequence[Query]) -> list[Reply]:
        self.queries += queries
        said = [self._reply_to(query.prompt, query.decoding.max_new_tokens) for query in queries]
        return [one if isinstance(one, Reply) else whole(one) for one in said]

    def prompts(self) -> list[str]:
        return [query.prompt for query in self.queries]


def whole(text: str) -> Reply:
    return Reply(text, 5, -0.25, truncated=False)


def cut(text: str) -> Reply:
    return Reply(text, 5, -0.25, truncated=True)


def sound(_: Part) -> Signal:
    return as_signal(music(6.0, rate_hz=22050), rate_hz=22050)


@pytest.fixture
def describe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Captions]:
    def described(model: Model, evidence: Evidence | None = None, song: Sounds = sound, **settings: object) -> Captions:
        chain = (ModelCandidate(model="m", batch_size=64),)

        def load(_: InferenceSettings, *, skipped: tuple[Skipped, ...] = ()) -> Loaded:
            return Loaded(model, chain[0], skipped)

        monkeypatch.setattr(model_captioner, "load_first", load)
        given = InferenceSettings.model_validate({"chain": chain, **settings})
        captioner = ModelCaptioner(given, PromptSettings(), tmp_path / "answers", asks_clap=False)
        return captioner.describe(evidence or make_evidence(kinds=()), song)

    return described


Describe = Callable[..., Captions]


def answer(captions: Captions, question: str, part: Part = "mix") -> Answer:
    (found,) = [one for one in captions.answers if (one.part, one.question) == (part, question)]
    return found


def test_genre_mood_and_instruments_are_asked_for_once(describe: Describe) -> None:
    model = Model("audio-flamingo-2", lambda prompt, _: "rock, guitar, happy" if prompt == MERGED else "A song.")
    captions = describe(model)
    assert model.prompts() == [MERGED, "describe the music in a sentence.", "describe the music in a paragraph."]
    said = {question: answer(captions, question) for question in ("genre", "mood", "instruments")}
    assert {question: one.text for question, one in said.items()} == {
        "genre": "rock", "mood": "happy", "instruments": "guitar",
    }  # fmt: skip
    assert all(one.prompt == MERGED and one.raw_text == "rock, guitar, happy" for one in said.values())


def test_what_the_merged_reply_leaves_open_is_asked_by_itself(describe: Describe) -> None:
    replies = {MERGED: "rock, guitar", "what is the mood of this music?": "happy"}
    model = Model("audio-flamingo-2", lambda prompt, _: replies.get(prompt, "A song."))
    captions = describe(model)
    assert model.prompts()[3:] == ["what is the mood of this music?"]
    assert answer(captions, "mood").text == "happy"


def test_where_nothing_is_said_to_the_single_question_either_there_is_a_reason(describe: Describe) -> None:
    captions = describe(Model("audio-flamingo-2", lambda prompt, _: "" if "mood" in prompt else "rock, guitar"))
    assert (answer(captions, "mood").text, answer(captions, "mood").reason) == (None, "the model said nothing")


def test_merged_questions_can_be_switched_off(describe: Describe) -> None:
    model = Model("audio-flamingo-2", lambda *_: "rock")
    describe(model, merged_questions=False)
    assert len(model.queries) == 5
    assert MERGED not in model.prompts()


def test_a_question_with_a_prompt_of_the_users_is_asked_by_itself(describe: Describe) -> None:
    own = PromptOverride(part="mix", question="genre", prompt="Which dance is it?")
    model = Model("audio-flamingo-2", lambda prompt, _: "waltz" if "dance" in prompt else "rock, guitar, happy")
    captions = describe(model, prompts=(own,))
    assert answer(captions, "genre").text == "waltz"
    assert answer(captions, "mood").text == "happy"
    assert len(model.queries) == 4


def test_a_stem_is_not_asked_for_its_genre_or_mood(describe: Describe) -> None:
    model = Model("audio-flamingo-2", lambda *_: "drums")
    describe(model, make_evidence(kinds=("drums",)))
    assert [prompt for prompt in model.prompts() if "drum" in prompt] == [
        "which drums and percussion instruments are played?", "describe the drums in a sentence.",
        "describe the drums in a paragraph.",
    ]  # fmt: skip


def test_what_a_stem_is_asked_is_a_setting(describe: Describe) -> None:
    captions = describe(
        Model("audio-flamingo-2", lambda *_: "happy"), make_evidence(kinds=("bass",)), stem_questions=["mood"]
    )
    assert [one.question for one in captions.answers if one.part == "bass"] == ["mood"]
    alone = describe(Model("audio-flamingo-2", lambda *_: "x"), make_evidence(kinds=("bass",)), stem_questions=[])
    assert {one.part for one in alone.answers} == {"mix"}


def test_a_stem_is_asked_what_the_user_has_words_for(describe: Describe) -> None:
    own = PromptOverride(part="drums", question="genre", prompt="Which style of drumming is it?")
    evidence = make_evidence(kinds=("drums", "bass"))
    model = Model("audio-flamingo-2", lambda prompt, _: "shuffle" if "drumming" in prompt else "drums")
    describe(model, evidence, prompts=(own,))
    assert model.prompts().count(own.prompt) == 1
    assert len([prompt for prompt in model.prompts() if "bass" in prompt]) == 3
    alone = describe(model, evidence, prompts=(own,), stem_questions=[])
    assert {(one.part, one.question) for one in alone.answers if one.part != "mix"} == {("drums", "genre")}


FACTS = {
    "genre": ["House"], "mood": ["happy"], "instruments": ["drums"], "tempo_bpm": 95, "key": "E minor",
    "summary": "A house track with drums.",
}  # fmt: skip


def test_music_flamingo_is_asked_for_one_object_beside_the_description(describe: Describe) -> None:
    model = Model("music-flamingo", lambda prompt, _: json.dumps(FACTS) if "JSON" in prompt else "A song.")
    captions = describe(model)
    assert len(model.queries) == 2
    assert {one.question: one.text for one in captions.answers} == {
        "genre": "house", "mood": "happy", "instruments": "drums", "caption": "A house track with drums.",
        "description": "A song.",
    }  # fmt: skip


def test_the_structured_question_holds_no_value_that_could_be_copied(describe: Describe) -> None:
    model = Model("music-flamingo", lambda *_: json.dumps(FACTS))
    describe(model)
    (prompt,) = [one for one in model.prompts() if "JSON" in one]
    assert not any(character.isdigit() for character in prompt)
    assert all(key in prompt for key in FACTS)


def test_tempo_and_key_of_the_object_are_claims_that_are_checked(describe: Describe) -> None:
    model = Model("music-flamingo", lambda prompt, _: json.dumps(FACTS) if "JSON" in prompt else "A song.")
    captions = describe(model, make_evidence(kinds=(), song={"tempo_bpm": 121.0, "key": "E minor"}))
    found = {claim.kind: claim.verdict for claim in captions.claims if claim.question == "caption"}
    assert (found["tempo"], found["key"]) == ("conflict", "agree")
    assert len({(c.part, c.question, c.claim) for c in captions.claims}) == len(captions.claims)
    assert answer(captions, "caption").text == "A house track with drums."


def test_where_the_claims_of_an_object_stood_is_found_again(describe: Describe) -> None:
    said = json.dumps({**FACTS, "summary": "A house track at 95 BPM with drums."})
    captions = describe(Model("music-flamingo", lambda prompt, _: said if "JSON" in prompt else "A song."))
    claims = [claim for claim in captions.claims if claim.question == "caption"]
    assert {claim.kind for claim in claims} >= {"tempo", "key"}
    assert claimed_text(answer(captions, "caption"), claims) == (
        "A house track at 95 BPM with drums. 95 BPM, in E minor."
    )


def test_an_inactive_stem_is_not_asked_about(describe: Describe) -> None:
    model = Model("audio-flamingo-2", lambda *_: "drums")
    captions = describe(model, make_evidence(kinds=("drums",), drums={"active_fraction": 0.0}))
    assert {one.part for one in captions.answers} == {"mix"}
    assert not any("drums" in prompt for prompt in model.prompts())


def test_an_object_that_cannot_be_read_leads_to_the_single_questions(describe: Describe) -> None:
    model = Model("music-flamingo", lambda prompt, _: "It grooves." if "JSON" in prompt else "House")
    captions = describe(model)
    assert model.prompts()[2:] == [
        "What is the genre of this music?", "What is the mood of this music?",
        "What instruments are played in this music?", "Describe this music in one sentence.",
    ]  # fmt: skip
    assert answer(captions, "genre").text == "house"


def test_a_reply_that_was_cut_off_is_asked_for_again_with_more_room(describe: Describe) -> None:
    def reply(prompt: str, room: int) -> str | Reply:
        return cut(LONG_TEXT) if "paragraph" in prompt and room == 200 else "A calm song. It ends."

    model = Model("audio-flamingo-2", reply)
    captions = describe(model)
    rooms = [query.decoding.max_new_tokens for query in model.queries if "paragraph" in query.prompt]
    assert rooms == [200, 400]
    told = answer(captions, "description")
    assert (told.text, told.flags) == ("A calm song. It ends.", None)
    assert json.loads(told.decoding or "")["max_new_tokens"] == 400


def test_a_reply_that_is_cut_off_again_ends_at_its_last_whole_sentence_and_says_so(describe: Describe) -> None:
    model = Model("audio-flamingo-2", lambda prompt, _: cut(LONG_TEXT) if "paragraph" in prompt else "A song.")
    told = answer(describe(model), "description")
    assert told.text == "A calm song with a piano. It has a soft sound. The strings play long notes."
    assert told.flags == "truncated"
    assert sum("paragraph" in prompt for prompt in model.prompts()) == 2


def test_a_reply_that_repeats_itself_is_not_asked_for_again(describe: Describe) -> None:
    loop = "A calm song with a piano. " + "It is calm and soft. " * 20
    model = Model("audio-flamingo-2", lambda prompt, _: cut(loop) if "paragraph" in prompt else "A song.")
    told = answer(describe(model), "description")
    assert told.text == "A calm song with a piano. It is calm and soft."
    assert told.flags == "repetition, truncated"
    assert sum("paragraph" in prompt for prompt in model.prompts()) == 1


def test_a_reply_that_was_stopped_as_it_repeated_itself_ends_at_its_last_whole_sentence(describe: Describe) -> None:
    stopped = Reply(
        "A calm song with a piano. It is calm. It is calm. It is", 20, -0.25, truncated=False, repeating=True
    )
    model = Model("audio-flamingo-2", lambda prompt, _: stopped if "paragraph" in prompt else "A song.")
    told = answer(describe(model), "description")
    assert (told.text, told.flags) == ("A calm song with a piano. It is calm.", "repetition")
    assert sum("paragraph" in prompt for prompt in model.prompts()) == 1


def test_the_users_own_limit_is_kept(describe: Describe) -> None:
    model = Model("audio-flamingo-2", lambda *_: cut(LONG_TEXT))
    describe(model, max_new_tokens=50)
    assert {query.decoding.max_new_tokens for query in model.queries} == {50}


def minute(_: Part) -> Signal:
    return as_signal(music(90.0, rate_hz=8000), rate_hz=8000)


def test_an_answer_says_which_segments_were_heard(describe: Describe) -> None:
    model = Model("audio-flamingo-2", lambda *_: "A song.")
    told = answer(describe(model, song=minute, mix_clip_s=20, mix_segment_s=10), "caption")
    segments = json.loads(told.segments or "")
    assert [end - start for start, end in segments] == [10.0, 10.0]
    assert (told.window_start_s, told.window_end_s) == (segments[0][0], segments[-1][1])
    assert answer(describe(Model("audio-flamingo-2", lambda *_: "A song.")), "caption").segments is None


LENGTH = "The song lasts 60 seconds. It has a steady beat."


def of_length(duration_s: float | None) -> Evidence:
    measured = unknown("its end is missing") if duration_s is None else duration_s
    return make_evidence(kinds=(), raw_song={"duration_s": measured})


@pytest.mark.parametrize("duration_s", [90.0, None])
def test_a_length_said_by_a_model_that_heard_a_part_is_not_passed_on(
    describe: Describe, duration_s: float | None
) -> None:
    captions = describe(
        Model("audio-flamingo-2", lambda *_: LENGTH), of_length(duration_s), minute, mix_clip_s=60, mix_segment_s=20
    )
    assert "60" not in (answer(captions, "caption").text or "")
    claims = [claim for claim in captions.claims if claim.kind == "duration"]
    assert claims
    assert all(claim.verdict == "conflict" for claim in claims)
    assert duration_s is not None or {claim.note for claim in claims} == {OF_A_PART}


def test_a_wrong_length_said_by_a_model_that_heard_the_whole_song_is_corrected(describe: Describe) -> None:
    captions = describe(Model("audio-flamingo-2", lambda *_: LENGTH), of_length(90.0), minute, mix_clip_s=120)
    assert answer(captions, "caption").segments is None
    assert answer(captions, "caption").text == "The song lasts 90 seconds. It has a steady beat."


def test_a_right_length_stays(describe: Describe) -> None:
    right = LENGTH.replace("60", "90")
    captions = describe(Model("audio-flamingo-2", lambda *_: right), of_length(90.0), minute, mix_clip_s=120)
    assert answer(captions, "caption").text == right


@pytest.mark.parametrize(
    "when",
    [
        "At 0:45 the drums enter.", "The drums enter at the 45-second mark.", "It drops 30 seconds in (1:10).",
        "The drums enter after 20 seconds.", "At 45s the drums enter.", "At second 15 the drums enter.",
        "In the first 10 seconds a piano plays.", "During the last 5 seconds it fades.", "It ends at 20.0 seconds.",
        "The audio lasts about half a minute.", "The piece is about twenty seconds in duration.",
        "The total length is 00:00:20.",
    ],
)  # fmt: skip
def test_times_of_a_clip_are_not_told_as_the_songs(describe: Describe, when: str) -> None:
    said = f"A calm song with a piano. {when} It has a soft sound."
    part = describe(Model("audio-flamingo-2", lambda *_: said), of_length(90.0), minute, mix_clip_s=20)
    assert answer(part, "caption").text == "A calm song with a piano. It has a soft sound."
    assert answer(part, "caption").flags == "times"
    alone = describe(Model("audio-flamingo-2", lambda *_: when), of_length(90.0), minute, mix_clip_s=30)
    assert (answer(alone, "caption").text, answer(alone, "caption").reason) == (None, ONLY_TIMES)


def test_times_stay_where_the_whole_song_was_heard(describe: Describe) -> None:
    said = "A calm song with a piano. A soft pad comes in at 0:45."
    whole_song = describe(Model("audio-flamingo-2", lambda *_: said), of_length(90.0), minute, mix_clip_s=120)
    assert answer(whole_song, "caption").text == said


@pytest.mark.parametrize(
    "said",
    [
        "It is influenced by 80s pop.",
        "A song from the 90s.",
        "Reminiscent of the 80s in its sound.",
        "The hi-hat plays thirty-second notes.",
        "The pulse is steady for many beats a minute.",
    ],
)
def test_a_decade_a_note_and_a_pace_are_no_time_of_a_clip(describe: Describe, said: str) -> None:
    part = describe(Model("audio-flamingo-2", lambda *_: said), of_length(90.0), minute, mix_clip_s=20)
    assert (answer(part, "caption").text, answer(part, "caption").flags) == (said, None)
