"""The instructions that go with one song's dataset: what to use of it, what to beware of, what to do next.

The text of that markdown file belongs here; the judgement and the prompts that it tells of do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from flamingo_bark_assets.captioning.interface import Captions
from flamingo_bark_assets.descriptions.wording import capitalised, listed
from flamingo_bark_assets.evidence import Evidence
from flamingo_bark_assets.inference.vocabulary import TAGGED_SOURCE
from flamingo_bark_assets.lyrics.records import SongLyrics
from flamingo_bark_assets.parts import KINDS, STEM_KINDS, WHOLE_KINDS, missing_kinds
from flamingo_bark_assets.prompts.levels import Prompt, TrainingPrompts
from flamingo_bark_assets.separation.records import HOW_TO_GET_STEMS
from flamingo_bark_assets.training.dataset import dataset_file_name, stem_path, suitable_prompt
from flamingo_bark_assets.training.rendering import encodable, markdown, number, repeats, told_apart
from flamingo_bark_assets.training.suitability import SONG, YES_OR_NO, RuleResult, Verdict

_SPEECH_LIKE = tuple(kind for kind in STEM_KINDS if KINDS[kind].speech_like)
BARK_FACTS = (
    "Bark's text is a transcript, not a caption: sung words stand between music notes (`♪ words ♪`) and tags "
    "are `[music]`, `[MAN]`, `[WOMAN]`. The prompts above describe the music: another kind of text.",
    f"Bark's semantic tokens come from a quantizer trained on speech. {capitalised(listed(_SPEECH_LIKE))} are in its "
    f"domain; {listed([kind for kind in WHOLE_KINDS if kind not in _SPEECH_LIKE])} stems are not, nor is a mix that "
    "holds them: nothing promises that they can be learned.",
    "No trainer reads this folder's JSON or markdown: `flamingo-bark export --to bark OUT` writes the lists, sound and "
    "tokens that `flamingo-bark train bark` and serp-ai's code of 2023 read; `flamingo-bark verify OUT` checks them.",
    "No Bark loader reads a weight. Weights become repeated lines: 1.0 to 0.7 means 10 lines to 7.",
    "Clips: at most 10.22 s for the semantic stage (the rest is cut off) and exactly 5.12 s for the coarse stage.",
    "Text is cut at 256 tokens; 256 characters without the spaces always fit.",
    "Bark works at 24 kHz, mono.",
)


def instructions_file_name(song_id: str) -> str:
    """Name the instructions file of a song."""
    return f"training_instructions_{song_id}.md"


def write_instructions(
    evidence: Evidence, lyrics: SongLyrics, captions: Captions, prompts: TrainingPrompts, verdict: Verdict
) -> str:
    """Write the instructions for one song: Markdown with tables (GitHub's).

    Names and texts from outside are escaped, so that they read as they are and form no heading, cell, link or tag.
    """
    sections = [
        _heading(evidence),
        _verdict_section(verdict),
        _use_section(evidence, prompts, verdict),
        _section("Warnings", _bullets(_warnings(evidence, captions, verdict))),
        _section("What Bark expects", _bullets(BARK_FACTS)),
        _section("Licence and credit", _bullets(_licence(evidence, captions))),
        _section("Lyrics", [_lyrics(evidence, lyrics)]),
        _section("Next steps", _next_steps(evidence, verdict)),
    ]
    return encodable("\n\n".join(sections)) + "\n"


def _heading(evidence: Evidence) -> str:
    raw = evidence.raw_song
    lines = [f"# Training instructions: {markdown(evidence.song_id)}", ""]
    named = [
        f"{label}: {markdown(text)}"
        for label, text in (("Title", evidence.metadata.title), ("Artist", evidence.metadata.artist))
        if text is not None
    ]
    length = raw.duration_s.value
    named.append(f"Length: {length:.1f} s" if length is not None else "Length: unknown")
    return "\n".join([*lines, ". ".join(named) + "."])


def _verdict_section(verdict: Verdict) -> str:
    failed = verdict.failed(SONG)
    fit = ", ".join(verdict.suitable_kinds) or "none"
    body = [
        "**Fit for training.** Every rule for the song holds."
        if verdict.suitable
        else f"**Not fit for training.** {len(failed)} of the rules for the song failed; "
        "it does not enter the training manifest.",
        "",
        f"Stems fit for training: {fit}.",
        *(["", f"Advice: {verdict.advice}."] if verdict.advice else []),
    ]
    everything = [*failed, *(rule for kind in STEM_KINDS for rule in verdict.failed(kind))]
    if everything:
        body += [
            "",
            *_table(("about", "rule", "measured", "limit", "off by", "what is wrong"), map(_rule, everything)),
        ]
    return _section("Verdict", body)


def _rule(rule: RuleResult) -> tuple[str, ...]:
    unit = f" {rule.unit}" if rule.unit else ""
    bound = {">=": "at least", "<=": "at most"}[rule.comparison]
    if rule.rule in YES_OR_NO:
        measured, limit, missed = "no", "yes", "–"
    elif rule.value is None:
        measured, limit, missed = "unknown", f"{bound} {rule.threshold:.10g}{unit}", "–"
    else:
        shown, shown_limit = told_apart(rule.value, rule.threshold)
        measured, limit = f"{shown}{unit}", f"{bound} {shown_limit}{unit}"
        missed = f"{number(abs(rule.value - rule.threshold))}{unit.replace('dBFS', 'dB')}"
    return rule.subject, rule.rule, measured, limit, missed, rule.reason or ""


def _use_section(evidence: Evidence, prompts: TrainingPrompts, verdict: Verdict) -> str:
    files = _table(("part", "file", "use"), _file_rows(evidence, verdict))
    body = [f"Dataset: {markdown(dataset_file_name(evidence.song_id))}", "", *files, ""]
    if prompts.prompts:
        usable = [prompt for prompt in prompts.prompts if suitable_prompt(prompt, verdict)]
        body += [
            "Each prompt stands in several forms, which share its weight. `lines` says how often to repeat a line, as "
            "no Bark loader reads a weight. "
            "The texts stand unescaped in the dataset file.",
            "",
            *_table(("prompt", "form", "weight", "lines", "use", "text"), _prompt_rows(prompts.prompts, usable)),
        ]
    else:
        why = prompts.unusable or "there was nothing to write them from"
        body.append(f"There are no prompts: {markdown(why)}.")
    return _section("What to use", body)


def _file_rows(evidence: Evidence, verdict: Verdict) -> Iterator[tuple[str, ...]]:
    if evidence.raw_song.file_name is not None:
        yield "mix", evidence.raw_song.file_name, _yes(verdict.suitable)
    for stem in evidence.stems.stems:
        use = verdict.suitable and stem.kind in verdict.suitable_kinds and stem.audible
        yield stem.kind or "unknown", stem_path(stem, evidence.song_id), _yes(use)


def _prompt_rows(prompts: Sequence[Prompt], usable: Sequence[Prompt]) -> Iterator[tuple[str, ...]]:
    counts = {
        (prompt.prompt, prompt.form): count
        for prompt, count in zip(usable, repeats([_weight(prompt) for prompt in usable]), strict=True)
    }
    for prompt in prompts:
        count = counts.get((prompt.prompt, prompt.form))
        yield (
            prompt.prompt,
            prompt.form,
            number(_weight(prompt)),
            "–" if count is None else str(count),
            _yes(count is not None),
            prompt.combined_prompt,
        )


def _weight(prompt: Prompt) -> float:
    """Return the weight of one form: its share of the weight of the prompt."""
    return prompt.training_weight * prompt.form_weight


def _yes(condition: bool) -> str:
    return "yes" if condition else "no"


def _warnings(evidence: Evidence, captions: Captions, verdict: Verdict) -> Iterator[str]:
    yield _captioner_warning(captions)
    if tagged := [f"{a.part} {a.question}" for a in captions.answers if a.source == TAGGED_SOURCE]:
        yield (
            f"The built-in tagger ({markdown(captions.tagger or 'musicnn')}) names {', '.join(tagged)}: terms of a "
            "fixed list with a probability, no caption. Listen before you train on them."
        )
    if evidence.raw_song.unusable is None:
        yield from _stem_warnings(evidence, verdict)
    if not verdict.suitable:
        yield "The song is not fit for training: the prompts and stems above are only for you to look at."


def _captioner_warning(captions: Captions) -> str:
    if captions.captioner is None:
        return f"Nothing was described: {markdown(captions.unusable or 'no captioner ran')}."
    name = f"**{markdown(captions.captioner)}**"
    if captions.is_fallback:
        return (
            f"The captioner is a fallback: {name} wrote the descriptions because no model could be had. "
            "No captioning model ran."
        )
    if captions.model_id is None:
        return f"{name} wrote the descriptions without a model. No captioning model ran."
    return f"{name} ({markdown(captions.model_id)}) wrote the descriptions: listen before you train on them."


def _stem_warnings(evidence: Evidence, verdict: Verdict) -> Iterator[str]:
    files = evidence.stems.stems
    present = [kind for kind in STEM_KINDS if any(stem.kind == kind for stem in files)]
    missing = missing_kinds(present)
    silent = [
        kind
        for kind in present
        if kind not in evidence.sounding_kinds and any(s.kind == kind and s.usable and s.bleed is None for s in files)
    ]
    replaced = [stem for stem in files if stem.replaced is not None]
    told = {*silent, *(stem.kind for stem in replaced)}
    unfit = [kind for kind in present if kind not in told and kind not in verdict.suitable_kinds]
    if missing:
        how = f" To get some: {HOW_TO_GET_STEMS}." if not present else ""
        yield f"Missing stems: {', '.join(missing)}. Nothing is said about them.{how}"
    if evidence.separated.outcome == "failed":
        yield f"Separation failed: {markdown(evidence.separated.reason or 'no reason is known')}"
    if made_by := evidence.separated.credit:
        yield (
            f"The stems were separated from the mix by {markdown(made_by)}: some of every other part bleeds into each, "
            "and that they add up to the mix says nothing about how clean they are. Listen before you train on them."
        )
    if silent:
        yield f"Silent stems: {', '.join(silent)}. They have a file but no sound."
    for stem in replaced:
        yield f"Not used by itself: {markdown(stem.replaced or '')}."
    if unfit:
        yield f"Stems unfit for training: {', '.join(unfit)}. The table above says why."
    for stem in files:
        if stem.corrected is not None:
            yield f"Changed in every use, {markdown(stem.file_name)}: {markdown(stem.corrected)}."
        if stem.kind is None:
            why = stem.fault or "its name says no kind of stem"
            yield f"Unused file {markdown(stem.file_name)}: {markdown(why)}."
    outside = [kind for kind in verdict.suitable_kinds if kind not in _SPEECH_LIKE]
    if outside:
        yield f"Outside the domain of Bark's semantic tokens: {', '.join(outside)} and the mix (see below)."


def _licence(evidence: Evidence, captions: Captions) -> Iterator[str]:
    metadata = evidence.metadata
    if metadata.licence:
        yield f"Licence of the recording, as its owner states it: {markdown(metadata.licence)}."
    else:
        yield "Licence of the recording: not stated. Find out whether you may train on it."
    if metadata.attribution:
        yield f"Credit line to keep with everything made from it: {markdown(metadata.attribution)}"
    else:
        yield "Credit line: none given."
    licences = sorted({answer.licence for answer in captions.answers if answer.licence})
    if licences:
        yield f"Licence of the captioner's weights: {markdown(', '.join(licences))}."


_TIMES: dict[str, str] = {
    "given": "the times of the lines are given with them",
    "transcribed": "the times of the lines are those of a transcription",
    "estimated": "the times of the lines are estimated from the measured phrases",
    "none": "nobody knows when each line is sung",
}


def _lyrics(evidence: Evidence, lyrics: SongLyrics) -> str:
    if lyrics.lyrics_lines:
        source = markdown(lyrics.source or "")
        made = "Transcribed by" if lyrics.source == lyrics.model_id else "Given in"
        unsure = f" ({markdown(lyrics.times_reason)})" if lyrics.times_reason else ""
        language = lyrics.language.value or f"not told: {lyrics.language.reason}"
        return (
            f"{made} {source} (`main_track.lyrics` in the dataset); {_TIMES[lyrics.times]}{unsure}. Language: "
            f"{markdown(language)}. Put the words that are sung in a clip between music notes: `♪ … ♪`."
        )
    if "vocals" in evidence.audible_kinds:
        return (
            "None given, though there is a vocals stem. Bark reads sung words: add `lyrics` to song.toml, have them "
            "transcribed (`[lyrics] model` in settings.toml), or train this song without words, as `[music]`."
        )
    return "None given."


def _next_steps(evidence: Evidence, verdict: Verdict) -> list[str]:
    vocals = "vocals" in verdict.suitable_kinds
    if evidence.raw_song.unusable is not None:
        steps = ["Replace the song file by one that can be read, then run the song again."]
    elif not verdict.suitable:
        steps = [
            "Read the table under Verdict: mend the files, or change the limits in settings.toml where the "
            "song is meant to sound like this.",
            "Run the song again.",
        ]
    else:
        steps = [
            "Listen to the mix and the stems marked `yes`, and compare them with the texts.",
            "Correct wrong words in song.toml, under [edits]; hand edits win and survive the next run.",
            "Convert to your trainer's layout, with the clip lengths above, and repeat lines as the table says.",
            "Verify the manifest's checksums before you train.",
        ]
        if vocals:
            steps.append("Without training, a clip of the vocals can become a voice prompt (`.npz`) for stock Bark.")
    return [f"{index}. {step}" for index, step in enumerate(steps, start=1)]


def _section(title: str, body: Iterable[str]) -> str:
    return "\n".join([f"## {title}", "", *body])


def _bullets(texts: Iterable[str]) -> list[str]:
    return [f"- {text}" for text in texts]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lay out a table; every cell of `rows` is escaped here."""
    return [
        f"| {' | '.join(head)} |",
        f"|{' --- |' * len(head)}",
        *(f"| {' | '.join(markdown(cell) for cell in row)} |" for row in rows),
    ]
