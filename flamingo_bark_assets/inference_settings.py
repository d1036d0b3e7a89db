"""What a user may set about inference: the chain of captioning models, prompts, decoding, what may be downloaded.

The typed settings belong here, and nothing heavy, as the code location reads them; they are used in `inference`.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from flamingo_bark_assets.parts import Part, Question

Dtype = Literal["bfloat16", "float16", "float32"]
Quantisation = Literal["auto", "none", "int8", "8bit", "4bit"]

DEFAULT_MODEL_ID = "nvidia/audio-flamingo-2-1.5B"
DEFAULT_CLAP_ID = "laion/clap-htsat-unfused"
HUBERT_ID = "facebook/hubert-base-ls960"
ENCODEC_ID = "facebook/encodec_24khz"
QUANTIZER_ID = "GitMylo/bark-voice-cloning"
DEFAULT_BARK_ID = "suno/bark-small"
SERVER_PREFIX = "server:"
"""Before the name of a server, where a model of the chain is named."""

_Seconds = Annotated[float | None, Field(ge=5, le=3600)]
"""A length of sound; None is the family's own."""


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ModelCandidate(_Frozen):
    """One model of the chain."""

    model: str = Field(
        DEFAULT_MODEL_ID, min_length=1, description="Id of a known model, a folder of its files, or `server:NAME` of "
        "one of the servers.",
    )  # fmt: skip
    revision: str | None = Field(None, min_length=1, description="Branch, tag or commit; default: the main branch.")
    dtype: Dtype = Field(
        "bfloat16", description="bfloat16 takes half the memory and, on most CPUs, time; on a GPU that lacks it "
        "float16 is taken.",
    )  # fmt: skip
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto", description="auto takes a GPU where there is one, also of a Mac (mps), on which no model was tested."
    )
    quantisation: Quantisation = Field(
        "auto", description="int8: on a CPU; auto takes it where the processor was measured to gain by it and dtype is "
        "bfloat16. 8bit and 4bit: on a GPU, not for Audio Flamingo 2.",
    )  # fmt: skip
    base_lm: Path | None = Field(
        None, description="Folder of the base language model's tokenizer and config.json; for a folder of Audio "
        "Flamingo 2 only, default: its subfolder base_lm.",
    )  # fmt: skip
    batch_size: int | None = Field(
        None, ge=1, le=1024, description="Most questions at once, halved where memory runs out; default: 32 of Audio "
        "Flamingo 2, 4 of others.",
    )  # fmt: skip


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


class ServerSettings(_Frozen):
    """A server that the user runs: OpenAI-compatible, with a model that takes sound. Sound leaves this process."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$", description="Its name in the chain: `server:NAME`.")
    base_url: str = Field(
        max_length=500, description="Address before `/chat/completions`, such as `http://127.0.0.1:8000/v1`; a host "
        "that is not this machine's loopback must stand in `allow_hosts` too.",
    )  # fmt: skip
    model: str = Field(min_length=1, max_length=300, description="The model, by the name that the server gives it.")
    revision: str | None = Field(
        None, min_length=1, max_length=100, description="Of the model, where it is known; another one is asked anew."
    )
    licence: str | None = Field(
        None, min_length=1, max_length=300, description="Of the model's weights; without it no commercial use is "
        "assumed to be allowed.",
    )  # fmt: skip
    api_key_env: str | None = Field(
        None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="Environment variable that holds the API key; the key "
        "itself is neither stored nor logged.",
    )  # fmt: skip
    sample_rate_hz: int = Field(16_000, ge=8_000, le=48_000, description="Rate of the sound that is sent, Hz.")
    max_clip_s: float = Field(30.0, ge=1, le=30, description="Longest sound that is sent, seconds.")
    log_probabilities: bool = Field(True, description="Ask for the tokens' log-probabilities, for the confidence.")
    connect_timeout_s: float = Field(5.0, gt=0, le=600, description="Longest wait for a connection, seconds.")
    timeout_s: float = Field(300.0, gt=0, le=86_400, description="Longest wait for an answer, seconds.")
    attempts: int = Field(3, ge=1, le=20, description="Times that a question is sent until the server is given up.")
    first_pause_s: float = Field(
        1.0, ge=0, le=600, description="Pause after a failed attempt, seconds; each later one is twice as long."
    )

    @field_validator("base_url")
    @classmethod
    def _plain_address(cls, base_url: str) -> str:
        """Refuse an address that is none, or that holds what would be stored and logged with it."""
        parts = urlsplit(base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or not base_url.isascii() or " " in base_url:
            raise ValueError("is no address such as http://127.0.0.1:8000/v1")
        if "@" in parts.netloc:
            raise ValueError("holds a user name or password; name the variable of an API key in api_key_env")
        if parts.query or parts.fragment or "?" in base_url or "#" in base_url or "\\" in base_url:
            raise ValueError("holds more than scheme, host, port and path")
        _ = parts.port  # a port out of range raises ValueError
        return base_url.rstrip("/")

    @property
    def host(self) -> str:
        """The host of the address, in small letters."""
        return urlsplit(self.base_url).hostname or ""

    @property
    def is_loopback(self) -> bool:
        """Whether the address is this machine's by itself, without asking any name service."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def sound_goes_to(self) -> str:
        """Where sound is sent, in words."""
        if self.is_loopback:
            return f"{self.base_url}, on this machine, outside this process"
        is_plain = self.base_url.startswith("http:")
        return f"{self.base_url}, outside this machine" + (", unencrypted" if is_plain else "")


class InferenceSettings(_Frozen):
    """Which captioning models run, how, and what may be downloaded for them."""

    chain: tuple[ModelCandidate, ...] = Field(
        (ModelCandidate(),), description="Tried in this order; after the last, the measured captioner writes."
    )
    clap: str = Field(DEFAULT_CLAP_ID, min_length=1, description="CLAP for the second opinion: id or folder.")
    vocabularies: VocabularyFiles = Field(default_factory=VocabularyFiles, description="Terms that CLAP knows.")
    labels_per_vocabulary: int = Field(10, ge=1, le=2000, description="Likeliest terms that are kept a part.")
    prompts: tuple[PromptOverride, ...] = Field((), description="Prompts in place of the model family's own.")
    merged_questions: bool = Field(
        True, description="Ask genre, mood and instruments of the mix in one question, where the family knows such a "
        "prompt; what its reply leaves open is asked by itself.",
    )  # fmt: skip
    stem_questions: tuple[Question, ...] = Field(
        ("instruments", "caption", "description"), description="What is asked of a stem; a genre or mood is the song's."
    )
    mix_clip_s: _Seconds = Field(
        None, description="Most sound of the mix that a model is given, seconds; default: the family's "
        "own (30 to 1,800, on a CPU at most 60). A longer song is given in typical segments.",
    )  # fmt: skip
    mix_segment_s: _Seconds = Field(
        None, description="Length of each of these segments, seconds; default: the family's own."
    )
    stem_clip_s: _Seconds = Field(
        None, description="Most sound of a stem, seconds, of where it sounds; default: the family's own "
        "(20 to 60).",
    )  # fmt: skip
    stem_segment_s: _Seconds = Field(
        None, description="Length of each of its segments, seconds; default: the family's own."
    )
    max_new_tokens: int | None = Field(
        None, ge=1, le=4096, description="Most tokens of an answer to any question; default: the family's own by "
        "question (48 to 2,048), with up to twice as many for an answer that was cut off.",
    )  # fmt: skip
    do_sample: bool = Field(False, description="Sample, or take the likeliest token.")
    temperature: float = Field(1.0, gt=0, le=10, description="Of sampling.")
    top_p: float = Field(1.0, gt=0, le=1, description="Nucleus of sampling.")
    top_k: int = Field(0, ge=0, le=1000, description="Likeliest tokens that are sampled from; 0 for all.")
    repetition_penalty: float | None = Field(
        None, ge=1, le=2, description="Divides the odds of what was said already; default: the family's own."
    )
    seed: int = Field(0, ge=0, lt=2**63, description="Of sampling.")
    offline: bool = Field(False, description="Never ask the network.")
    allow_download: bool = Field(False, description="Download a model of the chain that is not in the cache.")
    licence_acknowledged: bool = Field(False, description="The licences of the models have been read and agreed to.")
    cache_folder: Path | None = Field(None, description="Where models are kept; default: huggingface_hub's cache.")
    servers: tuple[ServerSettings, ...] = Field((), description="Servers of the user's own, for the chain.")
    allow_hosts: tuple[str, ...] = Field(
        (), description="Hosts besides this machine's loopback that sound may be sent to, as in `base_url`."
    )

    @model_validator(mode="after")
    def _servers_are_allowed(self) -> Self:
        """Refuse a server on a host that is not allowed, two of one name, and a chain that names none of them."""
        names = [server.name for server in self.servers]
        if len(set(names)) != len(names):
            raise ValueError("two servers have one name")
        allowed = {host.casefold().strip("[]") for host in self.allow_hosts}
        for server in self.servers:
            if not server.is_loopback and server.host not in allowed:
                raise ValueError(
                    f"the server {server.name} would send sound to {server.host}, outside this machine; add that host "
                    "to allow_hosts if that is meant"
                )
        for candidate in self.chain:
            if candidate.model.startswith(SERVER_PREFIX) and self.server(candidate.model) is None:
                raise ValueError(f"the chain names {candidate.model}, and servers has no such name")
        return self

    def server(self, model: str) -> ServerSettings | None:
        """Return the server that a model of the chain names; None where it names none of the servers."""
        name = model.removeprefix(SERVER_PREFIX)
        return next((one for one in self.servers if one.name == name), None) if name != model else None

    def override(self, part: Part, question: Question) -> str | None:
        """Return the last prompt that takes the place of a model family's own; None where there is none."""
        given = [p.prompt for p in self.prompts if (p.part, p.question) == (part, question)]
        return given[-1] if given else None
