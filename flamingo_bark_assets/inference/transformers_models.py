"""Audio Flamingo 3 and Next, Music Flamingo, Qwen2-Audio and Qwen2.5-Omni, through transformers' own classes.

Loading a folder, asking in its chat template and scoring the answer belong here; what differs between the families
stands in `transformers_families`, which folder it is elsewhere.
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flamingo_bark_assets.inference.catalogue import ModelError, fetch_command, known_model
from flamingo_bark_assets.inference.fetching import revision_of
from flamingo_bark_assets.inference.foreign_code import refuse_foreign_code
from flamingo_bark_assets.inference.int8_loading import int8_config
from flamingo_bark_assets.inference.interface import Decoding, ModelIdentity, Query, Reply, common_decoding
from flamingo_bark_assets.inference.loading_checks import refuse_incomplete
from flamingo_bark_assets.inference.model_files import files_digest
from flamingo_bark_assets.inference.penalties import penalties
from flamingo_bark_assets.inference.sampling import SeededChoice
from flamingo_bark_assets.inference.shared_encoding import share_encoding
from flamingo_bark_assets.inference.transformers_families import (
    Architecture,
    architecture_of,
    config_options,
    load_processor,
    max_clip_s,
    processor_options,
    with_enough_sound,
)
from flamingo_bark_assets.inference_settings import Dtype, Quantisation

if TYPE_CHECKING:
    import torch


def load_transformers_model(
    folder: Path,
    *,
    model_id: str,
    licence: str,
    dtype: Dtype = "bfloat16",
    device: str = "cpu",
    quantisation: Quantisation = "none",
) -> TransformersModel:
    """Load a model from a folder: a snapshot in the hub's cache, or any other with the same files.

    Nothing is downloaded, no code of the folder is run, and only safetensors are read. Records call it by `model_id`;
    8bit and 4bit need the packages bitsandbytes and accelerate.

    Raises:
        ModelError: the folder is no model of these families, asks for code of its own, lacks weights, or a package
            for the quantisation is missing.
        OSError: a file is missing or cannot be read.
        ValueError: a file does not hold what it should.
        torch.OutOfMemoryError: (or RuntimeError that says so) it does not fit.
    """
    architecture = architecture_of(folder)
    if architecture is None:
        raise ModelError(f"{model_id}: its config.json names no architecture that is known here")
    refuse_foreign_code(folder, model_id)
    options = _quantisation_options(model_id, quantisation, dtype, device)
    with _quiet():
        processor = load_processor(folder, architecture)
        if not getattr(processor, "chat_template", None):
            raise ModelError(
                f"{model_id}: it has no chat template, so nothing can be asked; {_template_remedy(model_id)}"
            )
        model = _load_weights(folder, architecture, model_id, dtype, options)
    if quantisation == "none":
        model.to(device)
    share_encoding(model, joins_clips=architecture.joins_clips)
    identity = ModelIdentity(
        model_id=model_id,
        family=architecture.family,
        revision=revision_of(folder),
        licence=licence,
        dtype=dtype if quantisation == "none" else f"{dtype}+{quantisation}",
        files=files_digest(folder),
        device=device,
    )
    return TransformersModel(model, processor, identity, architecture)


def _load_weights(
    folder: Path, architecture: Architecture, model_id: str, dtype: Dtype, options: dict[str, Any]
) -> Any:
    """Load the weights of a folder; what is missing is refused instead of being made up."""
    import torch
    import transformers

    model, loading = getattr(transformers, architecture.model).from_pretrained(
        folder,
        dtype=getattr(torch, dtype),
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # the report names them; the error of transformers only counts them
        **config_options(folder, architecture),
        **options,
    )
    refuse_incomplete(model_id, loading)
    return model.eval()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers from telling of weights that are left out, and from a progress bar: a run has its own display.

    What matters of its report is an error here.
    """
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _template_remedy(model_id: str) -> str:
    known = known_model(model_id)
    if known is not None:
        return f"`{fetch_command(known.model_id)}` gets the chat_template.jinja that older tools leave out"
    return "put the chat_template.jinja of the model's repository into its folder"


def quantisation_problem(quantisation: Quantisation) -> str | None:
    """Say which package a quantisation lacks; None where nothing is missing."""
    if quantisation in {"none", "auto", "int8"}:
        return None
    missing = [name for name in ("bitsandbytes", "accelerate") if importlib.util.find_spec(name) is None]
    if not missing:
        return None
    return f"{quantisation} needs {' and '.join(missing)}, not installed here; install it or set quantisation to none"


class TransformersModel:
    """A `CaptioningModel` of one of transformers' classes; one caller at a time, others wait."""

    def __init__(self, model: Any, processor: Any, identity: ModelIdentity, architecture: Architecture) -> None:
        self._model = model
        self._processor = processor
        self._identity = identity
        self._architecture = architecture
        self._lock = threading.Lock()

    @property
    def identity(self) -> ModelIdentity:
        """Which model it is."""
        return self._identity

    @property
    def sample_rate_hz(self) -> int:
        """The rate of its feature extractor."""
        return int(self._processor.feature_extractor.sampling_rate)

    @property
    def max_clip_s(self) -> float:
        """The longest clip that its processor does not cut."""
        return max_clip_s(self._processor)

    def infer(self, queries: Sequence[Query]) -> list[Reply]:
        """Answer queries as one batch.

        A sampled reply depends on its own seed, not on the batch. Clips are at `sample_rate_hz`, prompts without the
        token that stands for sound. The mean log-probability of a reply is the model's own, before penalty, temperature
        and nucleus.

        Raises:
            ValueError: a clip has another rate or no sample, or a prompt holds the token that stands for sound.
            torch.OutOfMemoryError: (or RuntimeError that says so) the batch is too large.
        """
        import torch

        if not queries:
            return []
        self._check(queries)
        decoding = common_decoding(queries)
        with self._lock, torch.inference_mode():
            inputs = self._inputs(queries)
            n_asked = inputs["input_ids"].shape[1]
            limits = [query.decoding.max_new_tokens for query in queries]
            scores = _ChosenLogProbabilities()
            processors = [scores, *penalties(decoding)]
            if decoding.do_sample:
                own = [query.decoding for query in queries]
                processors.append(SeededChoice(own, n_asked, inputs["input_ids"].device))
            sequences = self._model.generate(
                **inputs,
                logits_processor=processors,
                stopping_criteria=[_RowLimits(n_asked, limits)],
                generation_config=self._generation_config(decoding),
            )
            generated = sequences[:, n_asked:]
            log_probabilities = scores.of(generated)
        return [
            self._reply(tokens, values, limit)
            for tokens, values, limit in zip(generated.tolist(), log_probabilities.tolist(), limits, strict=True)
        ]

    def _check(self, queries: Sequence[Query]) -> None:
        for clip in (query.clip for query in queries):
            if clip.sample_rate_hz != self.sample_rate_hz:
                raise ValueError(f"a clip has {clip.sample_rate_hz} Hz; the model takes {self.sample_rate_hz} Hz")
            if not clip.samples.size:
                raise ValueError("a clip holds no sample")
        # The token would be taken for a second clip.
        if any(self._processor.audio_token in query.prompt for query in queries):
            raise ValueError(f"a prompt holds {self._processor.audio_token}, which stands for the sound")

    def _inputs(self, queries: Sequence[Query]) -> Any:
        order = -1 if self._architecture.sound_first else 1
        sounds = [with_enough_sound(query.clip.samples, self._architecture) for query in queries]
        contents = [
            [{"type": "text", "text": query.prompt}, {"type": "audio", "audio": sound}][::order]
            for query, sound in zip(queries, sounds, strict=True)
        ]
        longest = max(sound.size for sound in sounds)
        inputs = self._processor.apply_chat_template(
            [[{"role": "user", "content": content}] for content in contents],
            tokenize=True,
            add_generation_prompt=True,
            return_dict=True,
            processor_kwargs=processor_options(self._processor, self._architecture, longest),
        ).to(self._model.device)
        inputs["input_features"] = inputs["input_features"].to(self._model.dtype)
        return inputs

    def _generation_config(self, decoding: Decoding) -> Any:
        from transformers import GenerationConfig

        return GenerationConfig(
            max_new_tokens=decoding.max_new_tokens,
            eos_token_id=self._end_tokens,
            pad_token_id=self._pad_token,
            do_sample=False,  # of samples `SeededChoice` leaves one token
            num_beams=1,
        )

    def _reply(self, tokens: list[int], log_probabilities: list[float], limit: int) -> Reply:
        ends = [i for i, token in enumerate(tokens[:limit]) if token in self._end_tokens]
        count = ends[0] + 1 if ends else len(tokens[:limit])
        mean = sum(log_probabilities[:count]) / count if count else None
        return Reply(
            text=self._processor.tokenizer.decode(tokens[:count], skip_special_tokens=True),
            token_count=count,
            mean_log_probability=mean,
            truncated=not ends and count >= limit,
        )

    @property
    def _end_tokens(self) -> list[int]:
        ends = self._model.generation_config.eos_token_id
        if ends is None:
            ends = self._processor.tokenizer.eos_token_id
        return [ends] if isinstance(ends, int) else list(ends or ())

    @property
    def _pad_token(self) -> int | None:
        pad = self._processor.tokenizer.pad_token_id
        if pad is None:
            return self._end_tokens[0] if self._end_tokens else None
        return int(pad)


class _RowLimits:
    """Stopping criteria that end each row at its own number of tokens."""

    def __init__(self, n_asked: int, limits: Sequence[int]) -> None:
        self._n_asked = n_asked
        self._limits = limits

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:
        import torch

        return input_ids.shape[1] - self._n_asked >= torch.tensor(self._limits, device=input_ids.device)


class _ChosenLogProbabilities:
    """A logits processor that changes nothing and keeps the log-probability of each chosen token.

    generate can return the scores of all tokens instead: 0.6 MB a clip and token at a vocabulary of 150,000.
    """

    def __init__(self) -> None:
        self._last: torch.Tensor | None = None
        self._chosen: list[torch.Tensor] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if self._last is not None:
            self._chosen.append(_taken(self._last, input_ids[:, -1]))
        self._last = scores.float().log_softmax(dim=-1)
        return scores

    def of(self, generated: torch.Tensor) -> torch.Tensor:
        """Return log-probabilities, shape (n_clips, n_tokens), of what was generated, padding included."""
        import torch

        if self._last is None:
            return torch.zeros(generated.shape)
        return torch.stack([*self._chosen, _taken(self._last, generated[:, -1])], dim=1)


def _taken(log_probabilities: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    return log_probabilities.gather(1, tokens[:, None])[:, 0]


def _quantisation_options(model_id: str, quantisation: Quantisation, dtype: Dtype, device: str) -> dict[str, Any]:
    if quantisation == "none":
        return {}
    if quantisation == "int8":
        return {"quantization_config": int8_config()}
    if problem := quantisation_problem(quantisation):
        raise ModelError(f"{model_id}: {problem}")
    import torch
    from transformers import BitsAndBytesConfig

    bits = {"load_in_8bit": True} if quantisation == "8bit" else {
        "load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": getattr(torch, dtype),
    }  # fmt: skip
    return {"quantization_config": BitsAndBytesConfig(**bits), "device_map": {"": device}}
