"""What a captioning model of transformers' classes says when it is asked as transformers' documentation does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flamingo_bark_assets.inference.interface import Query
from tests.tiny_models import TinyFamily


def plain_way(folder: Path, family: TinyFamily, query: Query) -> tuple[str, float]:
    """Return the reply, and the mean log-probability of its tokens by a pass over the whole text."""
    import torch

    model, tokenizer, inputs = _asked(folder, family, query)
    start = inputs["input_ids"].shape[1]
    with torch.inference_mode():
        sequence = model.generate(**inputs, max_new_tokens=query.decoding.max_new_tokens, do_sample=False)
        inputs["input_ids"] = sequence
        inputs["attention_mask"] = torch.ones_like(sequence)
        scores = model(**inputs).logits.log_softmax(-1)[0, start - 1 : -1]
    chosen = sequence[0, start:]
    text: str = tokenizer.decode(chosen, skip_special_tokens=True)
    return text, float(scores.gather(1, chosen[:, None]).mean())


def _asked(folder: Path, family: TinyFamily, query: Query) -> tuple[Any, Any, Any]:
    import transformers

    content = [{"type": "text", "text": query.prompt}, {"type": "audio", "audio": query.clip.samples}]
    if family in {"audio-flamingo-3", "music-flamingo"}:
        processor: Any = transformers.AutoProcessor.from_pretrained(folder)
        inputs = processor.apply_chat_template(
            [[{"role": "user", "content": content}]], tokenize=True, add_generation_prompt=True, return_dict=True
        )
        return transformers.AutoModelForSeq2SeqLM.from_pretrained(folder), processor.tokenizer, inputs
    if family == "qwen2-audio":
        model: Any = transformers.Qwen2AudioForConditionalGeneration.from_pretrained(folder)
        processor = transformers.AutoProcessor.from_pretrained(folder)
        content.reverse()
    else:
        model = transformers.Qwen2_5OmniThinkerForConditionalGeneration.from_pretrained(folder)
        processor = _omni_processor(folder)
    # Text with the sound beside it, as both makers' pages have it.
    text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
    return model, processor.tokenizer, processor(text=[text], audio=[query.clip.samples], return_tensors="pt")


def _omni_processor(folder: Path) -> Any:
    """Make Qwen2.5-Omni's own processor without its parts for pictures, which need torchvision."""
    import json

    from transformers import AutoTokenizer, Qwen2_5OmniProcessor, WhisperFeatureExtractor

    processor: Any = Qwen2_5OmniProcessor.__new__(Qwen2_5OmniProcessor)
    processor.tokenizer = AutoTokenizer.from_pretrained(folder)
    processor.feature_extractor = WhisperFeatureExtractor.from_pretrained(folder)
    processor.chat_template = json.loads((folder / "chat_template.json").read_text())["chat_template"]
    for kind in ("audio", "image", "video"):
        setattr(processor, f"{kind}_token", getattr(processor.tokenizer, f"{kind}_token"))
        setattr(processor, f"{kind}_token_id", getattr(processor.tokenizer, f"{kind}_token_id"))
    return processor
