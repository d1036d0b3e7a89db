"""What a user may set about inference: the chain of captioning models, prompts, decoding, what may be downloaded.

The typed settings belong here, and nothing heavy, as the code location reads them; they are used in `inference`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from flamingo_bark_assets.parts import Part, Question

Dtype = Literal["bfloat16", "float32"]
Quantisation = Literal["none", "8bit", "4bit"]

DEFAULT_MODEL_ID = "nvidia/audio-flamingo-2-1.5B"
DEFAULT_CLAP_ID = "laion/larger_clap_music"
HUBERT_ID = "facebook/hubert-base-ls960"
ENCODEC_ID = "facebook/encodec_24khz"
QUANTIZER_ID = "GitMylo/bark-voice-cloning"
DEFAULT_BARK_ID = "suno/bark-small"


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ModelCandidate(_Frozen):
    """One model of the chain."""

    model: str = Field(DEFAULT_MODEL_ID, min_length=1, description="Id of a known model, or a folder of its files.")
    revision: str | None = Field(None, min_length=1, description="Branch, tag or commit; default: the main branch.")
    dtype: Dtype = Field("bfloat16", description="bfloat16 takes half the memory and, on most CPUs, time.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto takes a GPU where there is one.")
    quantisation: Quantisation = Field("none", description="8bit and 4bit: transformers' models only.")
    base_lm: Path | None = Field(
        None, description="Folder of the base language model's tokenizer and config.json; for a folder of Audio "
        "Flamingo 2 only, default: its subfolder base_lm.",
    )  # fmt: skip
    batch_size: int = Field(4, ge=1, le=1024, description="Most clips at once; halved where memory runs out.")


class PromptOverride(_Frozen):
    """A prompt that takes the place of the model family's own."""

    part: Part = Field(description="The part of the song.")
    question: Question = Field(description="The question about it.")
    prompt: str = Field(min_length=1, max_length=2000, description="What is asked.")


class VocabularyFiles(_Frozen):
    """Lists of terms in place of the shipped ones: one term a line."""

    genre: Path | None = Field(None, description="Genres.")
    mood: Path | None = Field(None, description="Moods.")
    instrument: Path | None = Field(None, description="Instruments.")


class InferenceSettings(_Frozen):
    """Which captioning models run, how, and what may be downloaded for them."""

    chain: tuple[ModelCandidate, ...] = Field(
        (ModelCandidate(),), description="Tried in this order; after the last, the measured captioner writes."
    )
    clap: str = Field(DEFAULT_CLAP_ID, min_length=1, description="CLAP for the second opinion: id or folder.")
    vocabularies: VocabularyFiles = Field(default_factory=VocabularyFiles, description="Terms that CLAP knows.")
    labels_per_vocabulary: int = Field(10, ge=1, le=2000, description="Likeliest terms that are kept a part.")
    prompts: tuple[PromptOverride, ...] = Field((), description="Prompts in place of the model family's own.")
    max_new_tokens: int = Field(160, ge=1, le=4096, description="Most tokens of an answer.")
    do_sample: bool = Field(False, description="Sample, or take the likeliest token.")
    temperature: float = Field(1.0, gt=0, le=10, description="Of sampling.")
    top_p: float = Field(1.0, gt=0, le=1, description="Nucleus of sampling.")
    seed: int = Field(0, ge=0, lt=2**63, description="Of sampling.")
    offline: bool = Field(False, description="Never ask the network.")
    allow_download: bool = Field(False, description="Download a model of the chain that is not in the cache.")
    licence_acknowledged: bool = Field(False, description="The licences of the models have been read and agreed to.")
    cache_folder: Path | None = Field(None, description="Where models are kept; default: huggingface_hub's cache.")

    def override(self, part: Part, question: Question) -> str | None:
        """Return the last prompt that takes the place of a model family's own; None where there is none."""
        given = [p.prompt for p in self.prompts if (p.part, p.question) == (part, question)]
        return given[-1] if given else None
