"""What a user may set about listening: the chain of models, prompts, decoding and what may be downloaded.

The typed settings belong here, and nothing heavy, as the code location reads them; loading stands in `loading`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from flamingo_bark_assets.captioning.interface import Question
from flamingo_bark_assets.captioning.listening import Decoding
from flamingo_bark_assets.captioning.models import (
    DEFAULT_CLAP_ID,
    DEFAULT_MODEL_ID,
    Dtype,
    Family,
    Quantisation,
    default_prompt,
)
from flamingo_bark_assets.library.layout import Part


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ModelChoice(_Frozen):
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

    part: Part = Field(description="mix, drums, bass, vocals or harmonic.")
    question: Question = Field(description="caption, description, genre, mood or instruments.")
    prompt: str = Field(min_length=1, max_length=2000, description="What is asked.")


class VocabularyFiles(_Frozen):
    """Lists of terms in place of the shipped ones: one term a line."""

    genre: Path | None = Field(None, description="Genres.")
    mood: Path | None = Field(None, description="Moods.")
    instrument: Path | None = Field(None, description="Instruments.")


class ListeningSettings(_Frozen):
    """Who listens, how, and what may be downloaded for it."""

    chain: tuple[ModelChoice, ...] = Field(
        (ModelChoice(),), description="Tried in this order; after the last, the measured captioner writes."
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

    @property
    def decoding(self) -> Decoding:
        """How an answer is decoded."""
        return Decoding(
            max_new_tokens=self.max_new_tokens,
            do_sample=self.do_sample,
            temperature=self.temperature,
            top_p=self.top_p,
            seed=self.seed,
        )

    def prompt(self, family: Family, part: Part, question: Question) -> str:
        """What a model of a family is asked: the last override, else its family's own prompt."""
        given = [p.prompt for p in self.prompts if (p.part, p.question) == (part, question)]
        return given[-1] if given else default_prompt(family, part, question)
