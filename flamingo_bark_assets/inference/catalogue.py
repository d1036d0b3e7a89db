"""The models that are known by name: their size, memory and licence, and what each family is asked.

Facts and prompts belong here, each from what its makers publish; fetching and loading stand in modules of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Literal

from flamingo_bark_assets.errors import FlamingoBarkError
from flamingo_bark_assets.inference_settings import DEFAULT_MODEL_ID, Dtype, InferenceSettings, Quantisation
from flamingo_bark_assets.parts import KINDS, Part, Question

Family = Literal["audio-flamingo-2", "audio-flamingo-3", "music-flamingo", "qwen2-audio", "qwen2.5-omni", "server"]
AF2_LICENCE = (
    "NVIDIA OneWay Noncommercial License (research or evaluation only), also under the Qwen Research License; "
    "NVIDIA's code is MIT"
)
NEWER_LICENCE = "non-commercial; NVIDIA's terms stand on the model's page and bind whoever downloads it"
QWEN_RESEARCH_LICENCE = "Qwen Research License Agreement (non-commercial)"
# As `exports.rights` knows it: their texts may stand in commercial exports.
APACHE_LICENCE = "Apache-2.0"

# 4 bit: each block of 64 has a float32 scale; 8 bit: one scale a row, which does not count.
BYTES_PER_PARAMETER: dict[str, float] = {
    "float32": 4.0,
    "bfloat16": 2.0,
    "float16": 2.0,
    "int8": 1.0,
    "8bit": 1.0,
    "4bit": 0.5625,
}

# A generation and its audio beside the weights: 0.5B and 1.5B took 0.4 and 0.6 GB for a 30 s clip (project notes).
WORKING_MEMORY_BYTES = 1_000_000_000

# AF2's tokenizer and configuration are those of its base language model.
_BASE_LM_PATTERNS = (
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt",
)  # fmt: skip
_TRANSFORMERS_PATTERNS = ("*.json", "*.jinja", "*.txt", "*.safetensors")


class ModelError(FlamingoBarkError):
    """A model cannot be had or used; the message is one line that says what to do."""

    code = "FB601"
    remedy = "`flamingo-bark models list` shows the known models; until one can be had the measured captioner writes."


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model that can be fetched by name.

    Attributes:
        model_id: repository on the Hugging Face Hub.
        family: which code asks it about music; None where it answers no question.
        name: as people call it.
        parameters: number of parameters that are loaded, rounded.
        unquantised: how many of them no quantisation makes smaller: embeddings, output layer, convolutions, norms.
        download_bytes: size of the download.
        download_is_computed: whether that size follows from the parameters instead of being read from the hub.
        licence: of the weights, in words.
        non_commercial: whether commercial use is excluded.
        sample_rate_hz: rate of the sound that it takes.
        base_lm: repository of the base language model, of which only tokenizer and configuration are fetched.
        allow_patterns: which files of the repository are fetched.
        ignore_patterns: which of those are not.
        base_lm_patterns: which files of `base_lm` are fetched.
    """

    model_id: str
    family: Family | None
    name: str
    parameters: int
    download_bytes: int
    download_is_computed: bool
    licence: str
    non_commercial: bool
    sample_rate_hz: int
    base_lm: str | None = None
    allow_patterns: tuple[str, ...] = _TRANSFORMERS_PATTERNS
    ignore_patterns: tuple[str, ...] = ("*/*",)
    base_lm_patterns: tuple[str, ...] = field(default=_BASE_LM_PATTERNS)
    unquantised: int = 0

    def memory_bytes(self, dtype: Dtype, quantisation: Quantisation = "none") -> int:
        """Compute the memory of the weights from the number of parameters; auto counts as none."""
        return weights_bytes(self.parameters, self.unquantised, dtype, quantisation)

    @property
    def size_text(self) -> str:
        """Size of the download in words; "computed" is said where it was not read from the hub."""
        return f"{self.download_bytes / 1e9:.1f} GB" + (" (computed)" if self.download_is_computed else "")

    @property
    def fetch_hint(self) -> str:
        """The one command that fetches it, with size and licence."""
        return f"`{fetch_command(self.model_id)}` downloads {self.size_text}; licence: {self.licence}"


def weights_bytes(parameters: int, unquantised: int, dtype: Dtype, quantisation: Quantisation) -> int:
    """Compute the memory of weights, of which `unquantised` keep their type under any quantisation."""
    if quantisation in {"none", "auto"}:
        return round(parameters * BYTES_PER_PARAMETER[dtype])
    smaller = (parameters - unquantised) * BYTES_PER_PARAMETER[quantisation]
    return round(smaller + unquantised * BYTES_PER_PARAMETER[dtype])


def fetch_command(model_id: str) -> str:
    """Return the command line that fetches a model."""
    return f"flamingo-bark models fetch {model_id}"


def _af2(
    size: str, model_id: str, parameters: int, unquantised: int, download_bytes: int, *, computed: bool
) -> KnownModel:
    return KnownModel(
        model_id=model_id,
        family="audio-flamingo-2",
        name=f"Audio Flamingo 2 {size}",
        parameters=parameters,
        # What keeps its type, and the head once more: in 8 bits it is no longer the embedding itself.
        unquantised=unquantised,
        download_bytes=download_bytes,
        download_is_computed=computed,
        licence=AF2_LICENCE,
        non_commercial=True,
        sample_rate_hz=16_000,
        base_lm=f"Qwen/Qwen2.5-{size}",
        allow_patterns=("safe_ckpt/*",),
        ignore_patterns=(),
    )


@dataclass(frozen=True, slots=True)
class _Size:
    """How large the loaded part of a model is, as `KnownModel` has it."""

    parameters: int
    unquantised: int


# Two matrices of some 152 thousand by 3,584 (Qwen2.5-7B's), and the audio encoder's convolutions and tables.
_NEWER_SIZE = _Size(8_270_000_000, 1_100_000_000)
# 8,397,094,912 by transformers' class at the published sizes, which makes the 16.8 GB of its files.
_QWEN2_AUDIO_SIZE = _Size(8_397_000_000, 1_287_000_000)
# Of Qwen2.5-Omni what hears and answers is loaded, and neither speech nor pictures. Parameters are those of
# transformers' class at the published sizes, less the layers of the encoder of pictures. With them they are
# 8,931,813,888 of the 7B: the 17,863,627,776 bytes of a published fine-tune that has nothing else.
_OMNI_7B_SIZE = _Size(8_301_000_000, 1_098_000_000)
_OMNI_3B_SIZE = _Size(4_073_000_000, 630_000_000)


def _of_transformers(
    model_id: str,
    name: str,
    family: Family,
    size: _Size,
    licence: str,
    download_bytes: int,
    *,
    computed: bool = False,
) -> KnownModel:
    return KnownModel(
        model_id=model_id,
        family=family,
        name=name,
        parameters=size.parameters,
        unquantised=size.unquantised,
        download_bytes=download_bytes,
        download_is_computed=computed,
        licence=licence,
        non_commercial=licence in {NEWER_LICENCE, QWEN_RESEARCH_LICENCE},
        sample_rate_hz=16_000,
    )


def _newer(model_id: str, name: str, family: Family) -> KnownModel:
    return _of_transformers(model_id, name, family, _NEWER_SIZE, NEWER_LICENCE, 16_500_000_000, computed=True)


KNOWN_MODELS: tuple[KnownModel, ...] = (
    _af2("0.5B", "nvidia/audio-flamingo-2-0.5B", 1_070_000_000, 669_000_000, 7_200_000_000, computed=False),
    _af2("1.5B", DEFAULT_MODEL_ID, 2_530_000_000, 871_000_000, 18_800_000_000, computed=True),
    _af2("3B", "nvidia/audio-flamingo-2", 4_800_000_000, 1_044_000_000, 37_000_000_000, computed=True),
    _newer("nvidia/audio-flamingo-3-hf", "Audio Flamingo 3", "audio-flamingo-3"),
    _newer("nvidia/music-flamingo-2601-hf", "Music Flamingo", "music-flamingo"),
    _newer("nvidia/music-flamingo-hf", "Music Flamingo, older preview", "audio-flamingo-3"),
    _newer("nvidia/audio-flamingo-next-hf", "Audio Flamingo Next", "music-flamingo"),
    _newer("nvidia/audio-flamingo-next-captioner-hf", "Audio Flamingo Next Captioner", "music-flamingo"),
    # They think before they answer; what they think is left out of every answer (`plain_replies`).
    _newer("nvidia/audio-flamingo-next-think-hf", "Audio Flamingo Next Think", "music-flamingo"),
    _newer("nvidia/music-flamingo-think-2601-hf", "Music Flamingo Think", "music-flamingo"),
    _of_transformers(
        "Qwen/Qwen2-Audio-7B-Instruct",
        "Qwen2-Audio 7B",
        "qwen2-audio",
        _QWEN2_AUDIO_SIZE,
        APACHE_LICENCE,
        16_800_000_000,
    ),
    _of_transformers(
        "Qwen/Qwen2.5-Omni-7B", "Qwen2.5-Omni 7B", "qwen2.5-omni", _OMNI_7B_SIZE, APACHE_LICENCE, 22_370_000_000
    ),
    _of_transformers(
        "Qwen/Qwen2.5-Omni-3B",
        "Qwen2.5-Omni 3B",
        "qwen2.5-omni",
        _OMNI_3B_SIZE,
        QWEN_RESEARCH_LICENCE,
        12_000_000_000,
    ),
    _of_transformers(
        "ACE-Step/acestep-captioner",
        "ACE-Step Captioner (of Qwen2.5-Omni 7B)",
        "qwen2.5-omni",
        _OMNI_7B_SIZE,
        "MIT",  # and its base model Apache-2.0
        22_370_000_000,
        computed=True,
    ),
)

_BY_ID = {model.model_id.lower(): model for model in KNOWN_MODELS}


def known_model(model_id: str) -> KnownModel | None:
    """Return the known model of that id, in any case of letters; None where there is none."""
    return _BY_ID.get(model_id.lower())


def short_name(model_id: str) -> str:
    """Return the last part of an id or of a folder's path, in small letters: the folders above it tell nothing."""
    return PurePath(model_id).name.lower()


PromptKind = Question | Literal["labels", "facts"]
"""What a prompt asks for: one question, genre, mood and instruments at once, or a JSON object of facts."""
LABEL_QUESTIONS: tuple[Question, ...] = ("genre", "mood", "instruments")

# Genre first: asked before the caption, bad genres fell from 6 of 9 to 2 of 9 (project notes).
QUESTION_ORDER: tuple[Question, ...] = ("genre", "mood", "instruments", "caption", "description")

# Those of the mix are known to be in AF2's training distribution, but for the mood: the known one asks for genres
# and instruments too, and an answer to it says not which is which. No prompt holds an example value: one that did
# was copied into hundreds of captions.
_AF2_PROMPTS: dict[Question, str] = {
    "genre": "what is the genre of this music?",
    "mood": "what is the mood of this music?",
    "instruments": "what is the instrument of this music?",
    "caption": "describe the music in a sentence.",
    "description": "describe the music in a paragraph.",
}
# The description is Music Flamingo's published prompt; the short questions have no published wording.
_NEWER_PROMPTS: dict[Question, str] = {
    "genre": "What is the genre of this music?",
    "mood": "What is the mood of this music?",
    "instruments": "What instruments are played in this music?",
    "caption": "Describe this music in one sentence.",
    "description": (
        "Describe this track in full detail - tell me the genre, tempo, and key, then dive into the instruments, "
        "production style, and overall mood it creates."
    ),
}
# Own wording: no question about music that Qwen2-Audio's makers or Qwen2.5-Omni's publish is known here.
_QWEN_PROMPTS: dict[Question, str] = _NEWER_PROMPTS | {"description": "Describe this music in detail."}
_OF_FAMILY: dict[Family, dict[Question, str]] = {
    "audio-flamingo-2": _AF2_PROMPTS,
    "audio-flamingo-3": _NEWER_PROMPTS,
    "music-flamingo": _NEWER_PROMPTS,
    "qwen2-audio": _QWEN_PROMPTS,
    "qwen2.5-omni": _QWEN_PROMPTS,
    "server": _NEWER_PROMPTS,
}
# How the makers of single models ask for a description of music, by a part of the model's short name.
_PUBLISHED_DESCRIPTIONS: tuple[tuple[str, str], ...] = (
    # "Music Captioning" in the prompt guide on the pages of Audio Flamingo Next, its Captioner and its Think.
    (
        "audio-flamingo-next",
        "Summarize the track with precision: mention its musical style, BPM, key, arrangement, production choices, and "
        "the emotions or story it conveys.",
    ),
    # "Prompt Format" on the page of ACE-Step's captioner, which publishes no other.
    ("acestep-captioner", "*Task* Describe this audio in detail"),
)


# One of AF2's training questions.
_AF2_LABELS = "what are the genres, instruments, and mood/theme of the music?"
# Own wording: Music Flamingo's users ask for one object of all keys. No example values: one in a prompt was copied into
# hundreds of captions.
_FACTS = (
    "Answer with one JSON object and nothing else. Its keys are: genre (list of genre names), mood (list of moods), "
    "instruments (list of the instruments that are played), tempo_bpm (a number), key (tonic and mode), summary (one "
    "sentence that describes the music)."
)


def merged_prompt(family: Family) -> tuple[PromptKind, str] | None:
    """Return the prompt that asks a family several things at once about the mix, and its kind; None where it has none.

    Of `facts` the summary is the caption.
    """
    match family:
        case "audio-flamingo-2":
            return "labels", _AF2_LABELS
        case "music-flamingo":
            return "facts", _FACTS
        case _:
            return None


def default_prompt(family: Family, part: Part, question: Question, model_id: str = "") -> str:
    """Return what a model of a family is asked about the mix or one kind of stem.

    Of a few models, told by `model_id`, the name of a local folder included, the makers publish their own question.

    Returns:
        The prompt without any audio token. Genre and mood of a stem are asked as those of the mix; caption,
        description and instruments name what the stem holds.
    """
    is_af2 = family == "audio-flamingo-2"
    if part == "mix" and question == "description":
        published = (prompt for name, prompt in _PUBLISHED_DESCRIPTIONS if name in short_name(model_id))
        return next(published, _OF_FAMILY[family][question])
    if part == "mix" or question in {"genre", "mood"}:
        return _OF_FAMILY[family][question]
    if question == "instruments":
        prompt = KINDS[part].instruments_question
    else:
        length = "in a sentence" if question == "caption" else "in a paragraph"
        prompt = f"describe the {KINDS[part].noun} {length}."
    return prompt if is_af2 else prompt[0].upper() + prompt[1:]


def prompt_for(settings: InferenceSettings, family: Family, part: Part, question: Question, model_id: str = "") -> str:
    """Return what a model of a family is asked: the user's own prompt, else its makers' or its family's."""
    return settings.override(part, question) or default_prompt(family, part, question, model_id)
