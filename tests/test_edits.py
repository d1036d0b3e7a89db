"""Hand edits in captions and prompts: they win, are shown as human, and leave all else as it was."""

from __future__ import annotations

from flamingo_bark_assets.captioning.edits import apply_caption_edits
from flamingo_bark_assets.captioning.interface import Answer, Captions
from flamingo_bark_assets.claims.model import Claim
from flamingo_bark_assets.library.song_toml import Edits
from flamingo_bark_assets.prompts.edits import apply_prompt_edits, unused_prompt_edits
from flamingo_bark_assets.prompts.levels import Prompt, TrainingPrompts


def answer(part: str, question: str, text: str | None = "made", *, reason: str | None = None) -> Answer:
    return Answer(
        part=part, question=question, text=text, source="model", captioner="m", is_fallback=True, model_id="org/m",
        revision="r", licence="l", prompt="p", decoding="{}", raw_text="raw", confidence=0.5, reason=reason,
        window_start_s=1.0, window_end_s=2.0, mean_log_probability=-0.5, audio_text_similarity=0.3,
        label_agreement=0.2,
    )  # fmt: skip


def claim(part: str, question: str) -> Claim:
    return Claim(
        part=part, question=question, claim=0, kind="tempo", said="fast", start_char=0, end_char=4,
        claimed="fast", verdict="conflict",
    )  # fmt: skip


def captions(*answers: Answer, claims: tuple[Claim, ...] = ()) -> Captions:
    return Captions(song_id="one", captioner="m", is_fallback=True, model_id="org/m", answers=answers, claims=claims)


def human(part: str, question: str, text: str) -> Answer:
    return Answer(part=part, question=question, text=text, source="human", captioner="human", is_fallback=False)


def prompt(name: str) -> Prompt:
    return Prompt(
        prompt=name, form="sentence", form_weight=1.0, seed="0", custom_tag=None, held_tag=False,
        type=name.partition(":")[0], parts="mix",
        audio_description="made", style_prompt="Music",
        technical_prompt="", combined_prompt="Music. made.", training_weight=0.7, captioner="m", is_fallback=True,
    )  # fmt: skip


def prompts(*names: str) -> TrainingPrompts:
    return TrainingPrompts(song_id="one", prompts=tuple(prompt(name) for name in names))


def test_without_edits_nothing_changes() -> None:
    made = captions(answer("bass", "mood"), answer("mix", "caption"), claims=(claim("mix", "caption"),))
    assert apply_caption_edits(made, Edits()) == made
    assert apply_prompt_edits(prompts("full_track"), Edits()) == prompts("full_track")


def test_an_edited_answer_is_the_users_and_tells_nothing_of_a_model() -> None:
    made = captions(answer("mix", "caption"), answer("mix", "mood"), answer("drums", "caption"))
    edited = apply_caption_edits(made, Edits.model_validate({"mix": {"caption": "A waltz."}}))
    assert edited.answers == (human("mix", "caption", "A waltz."), *made.answers[1:])


def test_an_edit_stands_in_for_a_missing_answer_without_its_reason() -> None:
    made = captions(answer("mix", "genre", None, reason="no captioning model ran"))
    edited = apply_caption_edits(made, Edits.model_validate({"mix": {"genre": "folk"}}))
    assert edited.answers == (human("mix", "genre", "folk"),)


def test_an_edit_without_an_answer_adds_one_in_the_order_of_parts_and_questions() -> None:
    made = captions(answer("mix", "caption"), answer("mix", "instruments"), answer("vocals", "caption"))
    edits = Edits.model_validate(
        {"harmonic": {"mood": "calm"}, "drums": {"mood": "calm", "description": "x"}, "mix": {"genre": "folk"}}
    )
    assert [(a.part, a.question) for a in apply_caption_edits(made, edits).answers] == [
        ("mix", "caption"), ("mix", "genre"), ("mix", "instruments"), ("drums", "description"), ("drums", "mood"),
        ("vocals", "caption"), ("harmonic", "mood"),
    ]  # fmt: skip


def test_applying_edits_twice_changes_nothing_more() -> None:
    edits = Edits.model_validate({"mix": {"caption": "A waltz."}, "prompts": {"full_track": "a | b"}})
    once = apply_caption_edits(captions(answer("mix", "caption")), edits)
    assert apply_caption_edits(once, edits) == once
    written = apply_prompt_edits(prompts("full_track"), edits)
    assert apply_prompt_edits(written, edits) == written


def test_the_song_keeps_its_captioner() -> None:
    edits = Edits.model_validate({"mix": {"caption": "A waltz."}})
    edited = apply_caption_edits(captions(answer("mix", "caption")), edits)
    assert (edited.captioner, edited.is_fallback, edited.model_id) == ("m", True, "org/m")


def test_claims_of_a_replaced_answer_go_and_all_others_stay() -> None:
    made = captions(answer("mix", "caption"), claims=(claim("mix", "caption"), claim("mix", "description")))
    edited = apply_caption_edits(made, Edits.model_validate({"mix": {"caption": "A waltz."}}))
    assert edited.claims == (claim("mix", "description"),)


def test_only_the_combined_text_and_the_writer_of_an_edited_prompt_change() -> None:
    edited = apply_prompt_edits(prompts("full_track", "stem:drums"), Edits(prompts={"stem:drums": "Brushed drums"}))
    assert edited.prompts[0] == prompt("full_track")
    drums = edited.prompts[1]
    assert (drums.combined_prompt, drums.captioner, drums.is_fallback) == ("Brushed drums", "human", False)
    assert (drums.style_prompt, drums.audio_description, drums.training_weight) == ("Music", "made", 0.7)


def test_an_edited_prompt_is_cleaned_for_the_list_file() -> None:
    edited = apply_prompt_edits(prompts("full_track"), Edits(prompts={"full_track": "A | waltz [slow]"}))
    assert edited.prompts[0].combined_prompt == "A waltz slow"


def test_edits_of_prompts_that_the_song_does_not_have_are_named() -> None:
    edits = Edits(prompts={"stem:vocals": "x", "full_track": "y", "misspelt": "z"})
    assert apply_prompt_edits(prompts("full_track"), edits).prompts[0].combined_prompt == "y"
    assert unused_prompt_edits(prompts("full_track"), edits) == ("misspelt", "stem:vocals")


def test_an_edited_prompt_without_a_readable_word_is_named_and_not_used() -> None:
    edits = Edits(prompts={"full_track": "| []"})
    assert apply_prompt_edits(prompts("full_track"), edits) == prompts("full_track")
    assert unused_prompt_edits(prompts("full_track"), edits) == ("full_track",)
