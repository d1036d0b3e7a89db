"""CLAP as a second opinion: how well words fit a sound, and which terms of a vocabulary fit it best.

Loading, embedding and comparing belong here; the terms stand in `vocabulary`, and what follows from an agreement or a
conflict does not belong here.
"""

from __future__ import annotations

import hashlib
import logging
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.audio.levels import SILENCE_DBFS
from flamingo_bark_assets.audio.resample import resample
from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.inference.batching import InferenceFault, OutOfMemory, described
from flamingo_bark_assets.inference.catalogue import KnownModel, ModelError
from flamingo_bark_assets.inference.clap_self_test import TEXTS, collapse, sounds
from flamingo_bark_assets.inference.fetching import FetchEvent, cached, fetch, revision_of
from flamingo_bark_assets.inference.foreign_code import refuse_foreign_code
from flamingo_bark_assets.inference.interface import Clip, ModelIdentity
from flamingo_bark_assets.inference.loading_checks import (
    UNKNOWN_LICENCE,
    choose_device,
    model_type_of,
    refuse_damaged_files,
    refuse_download,
    refuse_incomplete,
    why_not_loaded,
)
from flamingo_bark_assets.inference.memory import is_out_of_memory
from flamingo_bark_assets.inference.model_files import files_digest
from flamingo_bark_assets.inference.vocabulary import CLAP_SOURCE, Label, Vocabulary
from flamingo_bark_assets.inference_settings import DEFAULT_CLAP_ID, Dtype
from flamingo_bark_assets.parts import Part
from flamingo_bark_assets.text import clean_text

_log = logging.getLogger(__name__)

LICENCE = "Apache-2.0"
_SILENT_RMS = 10.0 ** (SILENCE_DBFS / 20.0)
MAX_TEXT_TOKENS = 77  # LAION's CLAP was trained and is run with texts cut there (LAION-AI/CLAP, hook.py)
KEPT_CLIPS = 512
_WITHOUT_MEMORY = "close other programs, or set `clap` to laion/clap-htsat-unfused, the smallest"

Embeddings = NDArray[np.float32]
_Item = TypeVar("_Item")
# Buffers that follow from the configuration or that only training reads; older files lack some of them.
_COMPUTED = ("position_ids", "relative_position_index", "num_batches_tracked")


def _laion(name: str, title: str, parameters: int, download_bytes: int, *, computed: bool = False) -> KnownModel:
    return KnownModel(
        model_id=f"laion/{name}",
        family=None,
        name=title,
        parameters=parameters,
        download_bytes=download_bytes,
        download_is_computed=computed,
        licence=LICENCE,
        non_commercial=False,
        sample_rate_hz=48_000,
        allow_patterns=("*.json", "*.txt", "pytorch_model.bin"),
    )


# Their main branches hold pickled weights, which torch reads without running what they hold (weights_only). The first
# is the default as it is reported to tell texts apart best; CLAP music is reported to embed all alike under current
# transformers (`clap_self_test`), and is there for whoever has files that pass the self-test.
KNOWN_CLAPS: tuple[KnownModel, ...] = (
    _laion("clap-htsat-unfused", "CLAP, smaller", 153_000_000, 618_000_000, computed=True),
    _laion("larger_clap_music_and_speech", "CLAP music and speech", 194_000_000, 780_000_000),
    _laion("larger_clap_general", "CLAP general", 194_000_000, 780_000_000),
    _laion("larger_clap_music", "CLAP music", 194_000_000, 780_000_000),
)
_BY_ID = {model.model_id.lower(): model for model in KNOWN_CLAPS}


@dataclass(frozen=True, slots=True)
class ClapUnavailable:
    """Why there is no second opinion.

    Attributes:
        model_id: what was asked for.
        reason: one line that says what to do.
    """

    model_id: str
    reason: str


def load_clap(
    path_or_id: str | Path = DEFAULT_CLAP_ID,
    *,
    revision: str | None = None,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    dtype: Dtype = "float32",
    offline: bool = False,
    allow_download: bool = False,
    cache_dir: Path | None = None,
    progress: Callable[[FetchEvent], None] | None = None,
) -> LoadedClap | ClapUnavailable:
    """Load a CLAP from a folder, the cache or, only where that is allowed, the hub.

    The weights of the known models are free to use (Apache-2.0), so that `allow_download` is all the consent needed.
    `path_or_id` is a folder with a `ClapModel` and its processor, or the id of one of `KNOWN_CLAPS`; auto takes a GPU
    where there is one; `progress` is told how far a download is, the licence first.

    Returns:
        The model, or why it cannot be had; nothing is raised.
    """
    name = str(path_or_id)
    try:
        path = Path(path_or_id).expanduser()
        if path.is_dir():
            return _load(path.resolve(), name, UNKNOWN_LICENCE, device, dtype)
        known = _BY_ID.get(name.lower())
        if known is None:
            raise ModelError(
                f"{name}: neither a folder nor a known CLAP; there are {', '.join(m.model_id for m in KNOWN_CLAPS)}"
            )
        snapshot = cached(known, cache_dir, revision=revision)
        if snapshot is None:
            size = f"({known.size_text}, licence: {known.licence})"
            refuse_download(
                known,
                offline=offline,
                allow_download=allow_download,
                when_online=f"switch that off to download it {size}",
                when_allowed=f"allow_download fetches it {size}",
            )
            tell = progress or (lambda event: _log.debug("%s: %s", event.stage, event.text))
            snapshot = fetch(
                known, cache_dir=cache_dir, acknowledge_licence=True, progress=tell, revision=revision, offline=offline
            )
        return _load(snapshot.path, known.model_id, known.licence, device, dtype)
    except Exception as error:  # the song is described all the same
        reason = why_not_loaded(name, error, without_memory=_WITHOUT_MEMORY)
    return ClapUnavailable(name, clean_text(reason)[:500])


def _load(folder: Path, model_id: str, licence: str, device: str, dtype: Dtype) -> LoadedClap:
    refuse_foreign_code(folder, model_id)
    if model_type_of(folder) != "clap":
        raise ModelError(f"{model_id}: no CLAP: {folder} has no config.json of transformers' ClapModel")
    refuse_damaged_files(folder, model_id)
    import torch
    from transformers import ClapModel, ClapProcessor
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # a run has a display of its own
    chosen = choose_device(model_id, device)
    model, loading = ClapModel.from_pretrained(
        folder,
        dtype=getattr(torch, dtype),
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=any(folder.glob("*.safetensors")),
        weights_only=True,
        output_loading_info=True,
        ignore_mismatched_sizes=True,
    )
    refuse_incomplete(model_id, loading, computed=_COMPUTED)
    processor = ClapProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    model.eval().to(chosen)
    identity = ModelIdentity(
        model_id, "clap", revision_of(folder), licence, dtype, files=files_digest(folder), device=chosen
    )
    clap = LoadedClap(model, processor, identity)
    if problem := clap.self_test():
        raise ModelError(f"{model_id}: {problem}; it gives no second opinion: {_other_clap(model_id)}")
    return clap


def _other_clap(model_id: str) -> str:
    """Say what to do about a CLAP that fails its self-test."""
    if model_id.lower() == DEFAULT_CLAP_ID.lower():
        return "get its files anew, or set `clap` to another"
    return f"set `clap` to {DEFAULT_CLAP_ID}"


class LoadedClap:
    """Compares sound with words; one caller at a time, others wait.

    Sound is taken in windows as long as the model was trained on (10 s): as many as cover a clip, of like distance, so
    that nothing is cropped at random, which transformers' feature extractor does with longer sound. Windows below -60
    dBFS RMS are left out. Embeddings of vocabularies and of the last `KEPT_CLIPS` clips are kept. At most `batch_size`
    windows or texts are taken at once; it is halved where memory runs out.

    Raises:
        ModelError: the processor's settings or the model's scale make no sense.
    """

    def __init__(self, model: Any, processor: Any, identity: ModelIdentity, *, batch_size: int = 8) -> None:
        self._model = model
        self._extractor = processor.feature_extractor
        self._tokenizer = processor.tokenizer
        self.identity = identity
        self._batch_size = max(1, batch_size)
        self._scale = float(model.logit_scale_a.detach().float().exp())
        self._window = self._extractor.nb_max_samples
        whole = isinstance(self._window, int) and isinstance(self._extractor.sampling_rate, int)
        if not whole or self._window < 1 or self._extractor.sampling_rate < 1 or not math.isfinite(self._scale):
            raise ModelError(f"{identity.model_id}: its rate, window or scale makes no sense; get it anew")
        self._clips: OrderedDict[bytes, Embeddings] = OrderedDict()
        self._read: dict[tuple[str, ...], Embeddings] = {}
        self._lock = threading.Lock()

    @property
    def sample_rate_hz(self) -> int:
        """The rate that it takes; clips of another rate are resampled."""
        return int(self._extractor.sampling_rate)

    def self_test(self) -> str | None:
        """Say why its opinion would mean nothing, by texts and sounds that are unlike; None where it tells them apart.

        Raises:
            ModelError: memory ran out, or the model gives no finite numbers.
        """
        with self._lock:
            windows = sounds(self.sample_rate_hz, self._window)
            return collapse(self._text_embeddings(TEXTS), self._in_batches(windows, self._embed_sound))

    def similarity(self, clips: Clip | Sequence[Clip], text: str) -> float | None:
        """Return how well a text fits a sound.

        Mean cosine of text and windows, -1 to 1; None where the text is empty or the sound silent. Clips are best at 48
        kHz; text beyond `MAX_TEXT_TOKENS` tokens is not read.

        Raises:
            ValueError: a clip has no samples, or samples that are not finite.
            ModelError: memory ran out, or the model gives no finite numbers.
        """
        text = clean_text(text)
        with self._lock:
            sound = self._sound_embeddings([clips] if isinstance(clips, Clip) else clips)
            if not text or not len(sound):
                return None
            cosines = sound @ self._text_embeddings([text])[0]
        return min(1.0, max(-1.0, float(cosines.mean())))

    def label(
        self, clips: Clip | Sequence[Clip], vocabulary: Vocabulary, *, part: Part = "mix", top_k: int | None = None
    ) -> tuple[Label, ...]:
        """Sort a sound into a vocabulary.

        The probability of a term is the softmax of its scaled cosine over the vocabulary, averaged over the windows (Wu
        et al., "Large-scale contrastive language-audio pretraining", ICASSP 2023, section 4: zero-shot). Terms come
        from the likeliest on, ties by name, `top_k` of them, else all, whose probabilities sum to 1; none where the
        sound is silent.

        Raises:
            ValueError: `top_k` is below 1, or a clip has no samples, or samples that are not finite.
            ModelError: memory ran out, or the model gives no finite numbers.
        """
        if top_k is not None and top_k < 1:
            raise ValueError(f"top_k is {top_k}; it must be at least 1")
        with self._lock:
            sound = self._sound_embeddings([clips] if isinstance(clips, Clip) else clips)
            if not len(sound):
                return ()
            terms = self._vocabulary_embeddings(vocabulary)
        probabilities = _softmax(self._scale * (sound @ terms.T).astype(np.float64)).mean(axis=0)
        ranked = sorted(zip(probabilities.tolist(), vocabulary.labels, strict=True), key=lambda p: (-p[0], p[1]))
        return tuple(
            Label(
                part=part,
                vocabulary=vocabulary.name,
                label=label,
                source=CLAP_SOURCE,
                probability=probability,
                rank=rank,
                model_id=self.identity.model_id,
                revision=self.identity.revision,
            )
            for rank, (probability, label) in enumerate(ranked[:top_k], start=1)
        )

    def _vocabulary_embeddings(self, vocabulary: Vocabulary) -> Embeddings:
        sentences = vocabulary.sentences
        if sentences not in self._read:
            self._read[sentences] = self._text_embeddings(sentences)
        return self._read[sentences]

    def _sound_embeddings(self, clips: Sequence[Clip]) -> Embeddings:
        """Embed all audible windows of all clips, shape (n_windows, n_dimensions), clip after clip."""
        keys = [_fingerprint(clip) for clip in clips]
        windows = {
            key: self._audible_windows(clip)
            for key, clip in dict(zip(keys, clips, strict=True)).items()
            if key not in self._clips
        }
        found = self._in_batches([w for of_clip in windows.values() for w in of_clip], self._embed_sound)
        start = 0
        for key, of_clip in windows.items():
            self._clips[key] = found[start : start + len(of_clip)].copy()
            start += len(of_clip)
        for key in keys:
            self._clips.move_to_end(key)
        together = np.concatenate([self._clips[key] for key in keys]) if keys else found
        while len(self._clips) > KEPT_CLIPS:
            self._clips.popitem(last=False)
        return together

    def _audible_windows(self, clip: Clip) -> list[FloatArray]:
        samples = resample(clip.samples[None], clip.sample_rate_hz, self.sample_rate_hz)[0]
        count = math.ceil(samples.size / self._window)
        starts = np.linspace(0, max(0, samples.size - self._window), count).round().astype(int)
        windows = [samples[start : start + self._window] for start in starts]
        return [w for w in windows if float(np.sqrt(np.mean(np.square(w, dtype=np.float64)))) >= _SILENT_RMS]

    def _text_embeddings(self, texts: Sequence[str]) -> Embeddings:
        return self._in_batches(texts, self._embed_texts)

    def _embed_sound(self, windows: Sequence[FloatArray]) -> Any:
        import torch

        inputs = self._extractor(list(windows), sampling_rate=self.sample_rate_hz, return_tensors="pt")
        # With fusion, the extractor calls a clip of each batch, drawn at random, longer than it is.
        is_longer = torch.zeros_like(inputs["is_longer"], device=self._model.device)
        features = inputs["input_features"].to(self._model.device, self._model.dtype)
        return self._model.get_audio_features(input_features=features, is_longer=is_longer).pooler_output

    def _embed_texts(self, texts: Sequence[str]) -> Any:
        config = self._model.config.text_config
        # Positions of this text model begin after the padding's number.
        room = config.max_position_embeddings - (config.pad_token_id or 0) - 1
        limit = min(MAX_TEXT_TOKENS, room, self._tokenizer.model_max_length)
        inputs = self._tokenizer(list(texts), padding=True, truncation=True, max_length=limit, return_tensors="pt")
        return self._model.get_text_features(
            input_ids=inputs["input_ids"].to(self._model.device),
            attention_mask=inputs["attention_mask"].to(self._model.device),
        ).pooler_output

    def _in_batches(self, items: Sequence[_Item], embed: Callable[[Sequence[_Item]], Any]) -> Embeddings:
        """Return unit vectors, shape (n_items, n_dimensions); a batch that does not fit into memory is halved."""
        import torch

        done = [np.zeros((0, int(self._model.config.projection_dim)), np.float32)]
        start = 0
        while start < len(items):
            batch = items[start : start + self._batch_size]
            try:
                with torch.inference_mode():
                    done.append(embed(batch).float().cpu().numpy())
            except Exception as error:
                if not is_out_of_memory(error):
                    raise InferenceFault(f"{self.identity.model_id}: {described(error)}") from error
                if len(batch) == 1:
                    raise OutOfMemory(f"{self.identity.model_id}: out of memory; {_WITHOUT_MEMORY}") from error
                self._batch_size = len(batch) // 2
                continue
            start += len(batch)
        found = np.concatenate(done)
        if not np.isfinite(found).all():
            raise ModelError(f"{self.identity.model_id}: gives numbers that are not finite; get it anew or use float32")
        return found


def _fingerprint(clip: Clip) -> bytes:
    """Return what tells a clip's sound from others'; a clip that no model can take is refused."""
    if clip.samples.ndim != 1 or not clip.samples.size or clip.sample_rate_hz < 1:
        raise ValueError(f"a clip has shape {clip.samples.shape} at {clip.sample_rate_hz} Hz: not one channel of sound")
    if not np.isfinite(clip.samples).all():
        raise ValueError("a clip holds samples that are not finite")
    digest = hashlib.blake2b(np.ascontiguousarray(clip.samples).data, digest_size=16)
    digest.update(f"{clip.samples.dtype} {clip.sample_rate_hz}".encode())
    return digest.digest()


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
