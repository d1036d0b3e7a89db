"""Whisper through transformers' own classes: words of one window of sound, with times and probabilities.

Loading a folder and running the model belong here; which windows it is given, and what is dropped, does not.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.inference.catalogue import ModelError
from flamingo_bark_assets.inference.foreign_code import refuse_foreign_code
from flamingo_bark_assets.inference.loading_checks import model_type_of
from flamingo_bark_assets.inference_settings import Dtype
from flamingo_bark_assets.lyrics.transcript import TranscribedSegment, TranscribedWord

SAMPLE_RATE_HZ = 16_000
WINDOW_S = 30.0
TIMESTAMP_S = 0.02
_INCOMPLETE = "\ufffd"
# Without spaces between words a token of letters is the smallest that can be told apart.
_UNSPACED = frozenset({"zh", "ja", "th", "lo", "my", "yue", "km", "bo"})


@dataclass(frozen=True, slots=True)
class Voice:
    """What the model says of a window before any word.

    Attributes:
        no_speech_probability: that nobody speaks or sings in it.
        languages: probability by language; empty for a model of one language.
    """

    no_speech_probability: float
    languages: dict[str, float]


def load_whisper(folder: Path, *, model_id: str, dtype: Dtype, device: str) -> Whisper:
    """Load a model from a folder; nothing is downloaded, no code of the folder is run, only safetensors are read.

    Raises:
        ModelError: the folder is no Whisper, asks for code of its own, or lacks what times are made from.
        OSError: a file is missing or cannot be read.
        ValueError: a file does not hold what it should.
        torch.OutOfMemoryError: (or RuntimeError that says so) it does not fit.
    """
    refuse_foreign_code(folder, model_id)
    if model_type_of(folder) != "whisper":
        raise ModelError(f"{model_id}: its config.json names no Whisper; `flamingo-bark models list` shows those known")
    import torch
    from transformers import WhisperForConditionalGeneration, WhisperProcessor
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # a run has a display of its own
    processor = WhisperProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    model, loading = WhisperForConditionalGeneration.from_pretrained(
        folder,
        dtype=getattr(torch, dtype),
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        # Times of words are read from the attention, which the faster kernels do not give.
        attn_implementation="eager",
        output_loading_info=True,
    )
    missing = sorted(key for key in loading["missing_keys"] if not key.startswith("proj_out"))  # tied to the embedding
    if missing:  # transformers would go on with random numbers in their place
        raise ModelError(f"{model_id}: {len(missing)} weights are missing, for instance {missing[0]}; get it anew")
    if getattr(model.generation_config, "no_timestamps_token_id", None) is None:
        raise ModelError(f"{model_id}: its generation_config.json names no timestamps; use a model that has them")
    return Whisper(model.eval().to(device), processor)


class Whisper:
    """A loaded model; one caller at a time, others wait."""

    def __init__(self, model: Any, processor: Any) -> None:
        self._model = model
        self._processor = processor
        self._lock = threading.Lock()
        self._generation = model.generation_config
        self._first_timestamp: int = self._generation.no_timestamps_token_id + 1
        self._special = frozenset(processor.tokenizer.all_special_ids)
        codes = getattr(self._generation, "lang_to_id", None) or {}
        self._languages = {code.strip("<|>"): number for code, number in codes.items()}

    @property
    def gives_word_times(self) -> bool:
        """Whether words have times of their own; else only segments have."""
        return bool(getattr(self._generation, "alignment_heads", None))

    @property
    def languages(self) -> frozenset[str]:
        """Codes of the languages that it knows; empty for a model of one language."""
        return frozenset(self._languages)

    def voice_in(self, samples: FloatArray) -> Voice:
        """Tell whether somebody sings in a window, and in which language.

        Args:
            samples: mono at `SAMPLE_RATE_HZ`, at most `WINDOW_S` long, shape (n_samples,).
        """
        import torch

        with self._lock, torch.inference_mode():
            _, encoded = self._encoded(samples)
            return self._voice(encoded)

    def transcribe(self, samples: FloatArray, *, start_s: float, language: str | None) -> list[TranscribedSegment]:
        """Transcribe a window, taking the likeliest token each time.

        Args:
            samples: mono at `SAMPLE_RATE_HZ`, at most `WINDOW_S` long, shape (n_samples,).
            start_s: where the window begins in the song, to which times are told.
            language: one of `languages`; None for a model of one language.
        """
        import torch

        with self._lock, torch.inference_mode():
            features, encoded = self._encoded(samples)
            options = {"language": language, "task": "transcribe"} if self._languages else {}
            made = self._model.generate(
                features.input_features,
                encoder_outputs=encoded,
                attention_mask=features.attention_mask,
                return_timestamps=True,
                return_token_timestamps=self.gives_word_times,
                return_dict_in_generate=True,
                force_unique_generate_call=True,
                num_beams=1,
                do_sample=False,
                **options,
            )
            sequence = made["sequences"]
            logits = self._model(encoder_outputs=encoded, decoder_input_ids=sequence[:, :-1]).logits[0].float()
            chosen = logits.log_softmax(-1).gather(1, sequence[0, 1:, None])[:, 0].tolist()
            times = made["token_timestamps"][0].tolist() if self.gives_word_times else None
            voice = self._voice(encoded)
        tokens = _Tokens(sequence[0].tolist(), [0.0, *chosen], times)
        end_s = start_s + samples.size / SAMPLE_RATE_HZ
        return self._segments(tokens, start_s, end_s, language, voice.no_speech_probability)

    def _encoded(self, samples: FloatArray) -> tuple[Any, Any]:
        features = self._processor.feature_extractor(
            samples, sampling_rate=SAMPLE_RATE_HZ, return_tensors="pt", return_attention_mask=True
        ).to(self._model.device)
        features["input_features"] = features["input_features"].to(self._model.dtype)
        return features, self._model.get_encoder()(features.input_features)

    def _voice(self, encoded: Any) -> Voice:
        import torch

        start = torch.tensor([[self._generation.decoder_start_token_id]], device=self._model.device)
        logits = self._model(encoder_outputs=encoded, decoder_input_ids=start).logits[0, -1].float()
        # The token before <|notimestamps|> is <|nospeech|>, called <|nocaptions|> in older models.
        silence = float(logits.softmax(-1)[self._first_timestamp - 2])
        numbers = list(self._languages.values())
        shares = logits[numbers].softmax(-1).tolist() if numbers else []
        return Voice(silence, dict(zip(self._languages, shares, strict=True)))

    def _segments(
        self, tokens: _Tokens, start_s: float, end_s: float, language: str | None, no_speech: float
    ) -> list[TranscribedSegment]:
        """Part the tokens by their timestamps; times stay in the window and never go back."""
        segments: list[TranscribedSegment] = []
        begin_s, pending = start_s, list[int]()
        for place, token in enumerate(tokens.numbers):
            if token >= self._first_timestamp:
                time_s = min(end_s, start_s + TIMESTAMP_S * (token - self._first_timestamp))
                if pending:
                    words = self._words(tokens, pending, start_s, end_s, language)
                    segments.append(TranscribedSegment(words, begin_s, max(begin_s, time_s), no_speech))
                    pending = []
                begin_s = max(begin_s, time_s)
            elif token not in self._special:
                pending.append(place)
        if pending:
            words = self._words(tokens, pending, start_s, end_s, language)
            segments.append(TranscribedSegment(words, begin_s, end_s, no_speech))
        return [segment for segment in segments if segment.words]

    def _words(
        self, tokens: _Tokens, places: Sequence[int], start_s: float, end_s: float, language: str | None
    ) -> tuple[TranscribedWord, ...]:
        """Put tokens together to words: a word begins with a space, or, without spaces, with any whole letter."""
        words: list[TranscribedWord] = []
        own: list[int] = []
        pending: list[int] = []
        for place in places:
            pending.append(place)
            text = self._decode(tokens, pending)
            if _INCOMPLETE in text and place != places[-1]:
                continue  # the rest of the letter follows
            begins = text[:1].isspace() or (language in _UNSPACED and text[:1].isalpha())
            if begins and own:
                words.append(self._word(tokens, own, start_s, end_s))
                own = []
            own += pending
            pending = []
        if own:
            words.append(self._word(tokens, own, start_s, end_s))
        return tuple(word for word in words if word.text)

    def _word(self, tokens: _Tokens, places: Sequence[int], start_s: float, end_s: float) -> TranscribedWord:
        text = " ".join(self._decode(tokens, places).replace(_INCOMPLETE, "").split())
        mean = sum(tokens.log_probabilities[place] for place in places) / len(places)
        if tokens.ends_s is None:
            return TranscribedWord(text, None, None, math.exp(mean))
        first = min(end_s, start_s + tokens.ends_s[places[0] - 1])
        last = min(end_s, start_s + tokens.ends_s[places[-1]])
        return TranscribedWord(text, first, max(first, last), math.exp(mean))

    def _decode(self, tokens: _Tokens, places: Sequence[int]) -> str:
        numbers = [tokens.numbers[place] for place in places]
        return str(self._processor.tokenizer.decode(numbers, clean_up_tokenization_spaces=False))


@dataclass(frozen=True, slots=True)
class _Tokens:
    """What was generated, the tokens that the model was started with included.

    Attributes:
        numbers: of the tokens.
        log_probabilities: natural logarithm of the probability of each.
        ends_s: when each ends in the window; None where the model gives none.
    """

    numbers: Sequence[int]
    log_probabilities: Sequence[float]
    ends_s: Sequence[float] | None
