"""Which released tensor fills which of ours: the key plan of Audio Flamingo 2.

Names and shapes belong here; reading files and building the network do not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flamingo_bark_assets.inference.audio_flamingo_2.configuration import CheckpointError, Shape

EMBEDDING = "language_model.model.embed_tokens.weight"
OUTPUT_EMBEDDING = "language_model.lm_head.weight"
RELEASED_EMBEDDING = "lang_encoder.model.embed_tokens.weight"
RELEASED_OUTPUT_EMBEDDING = "lang_encoder.lm_head.weight"

_MOST_NAMED = 5

# In every release, and of no use: the fusion branch and the classifier never run, the buffers are computed.
_UNUSED = re.compile(
    r"clap\.nvclap\.(?:"
    r"(?:spectrogram_extractor|logmel_extractor|tscam_conv|head)\..+"
    r"|patch_embed\.(?:fusion_model|mel_conv2d)\..+"
    r"|bn0\.num_batches_tracked"
    r"|layers\.\d+\.blocks\.\d+\.(?:attn_mask|attn\.relative_position_index)"
    r")"
)

# Ours to the released, tried in order; the first that fits is taken, then its leaf is renamed.
_MODULES: tuple[tuple[str, str], ...] = (
    (r"audio_encoder\.audio_encoder\.batch_norm\.", "clap.nvclap.bn0."),
    (r"audio_encoder\.audio_encoder\.", "clap.nvclap."),
    (r"audio_transformer\.inverse_frequencies$", "audio_transformer_clap.position_enc.inv_freq"),
    (r"audio_transformer\.norm\.", "audio_transformer_clap.layer_norm."),
    (r"audio_transformer\.layers\.(\d+)\.", r"audio_transformer_clap.layer_stack.\1."),
    (r"cross_attention\.(\d+)\.", r"lang_encoder.model.layers.\1.gated_cross_attn_layer_sound."),
    (r"language_model\.model\.layers\.(\d+)\.", r"lang_encoder.model.layers.\1.decoder_layer."),
    (r"language_model\.", "lang_encoder."),
)
_LEAVES: dict[str, tuple[tuple[str, str], ...]] = {
    "clap.nvclap.": (
        (".layernorm_before.", ".norm1."),
        (".layernorm_after.", ".norm2."),
        (".attention.self.relative_position_bias_table", ".attn.relative_position_bias_table"),
        (".attention.self.query.", ".attn.qkv."),
        (".attention.self.key.", ".attn.qkv."),
        (".attention.self.value.", ".attn.qkv."),
        (".attention.output.dense.", ".attn.proj."),
        (".intermediate.dense.", ".mlp.fc1."),
        (".output.dense.", ".mlp.fc2."),
    ),
    "audio_transformer_clap.": (
        (".attention.query.", ".slf_attn.w_qs."),
        (".attention.key.", ".slf_attn.w_ks."),
        (".attention.value.", ".slf_attn.w_vs."),
        (".attention.output.", ".slf_attn.fc."),
        (".attention.norm.", ".slf_attn.layer_norm."),
        (".feed_forward.expand.", ".pos_ffn.w_1."),
        (".feed_forward.contract.", ".pos_ffn.w_2."),
        (".feed_forward.norm.", ".pos_ffn.layer_norm."),
    ),
    "lang_encoder.": (
        (".attention_norm.", ".attn.norm."),
        (".query.", ".attn.to_q."),
        (".key_value.", ".attn.to_kv."),
        (".output.", ".attn.to_out."),
        (".attention_gate", ".attn_gate"),
        (".feed_forward_norm.", ".ff.0."),
        (".expand.", ".ff.1."),
        (".contract.", ".ff.3."),
        (".feed_forward_gate", ".ff_gate"),
    ),
}
# The release holds every tensor of the decoder and of the cross-attention twice.
_ALIASES: tuple[tuple[str, str], ...] = (
    (r"lang_encoder\.model\.layers\.(\d+)\.decoder_layer\.", r"lang_encoder.old_decoder_blocks.\1."),
    (
        r"lang_encoder\.model\.layers\.(\d+)\.gated_cross_attn_layer_sound\.",
        r"lang_encoder.gated_cross_attn_layers_sound.\1.",
    ),
)
_THIRDS = {".attention.self.query.": 0, ".attention.self.key.": 1, ".attention.self.value.": 2}


@dataclass(frozen=True, slots=True)
class Assignment:
    """One tensor of ours and where it comes from.

    Attributes:
        target: our name.
        source: canonical released name.
        part: which of `parts` equal blocks of rows of the source.
        parts: number of those blocks; 1 for the whole source.
        shape: of the target.
    """

    target: str
    source: str
    part: int
    parts: int
    shape: Shape


def canonical(name: str) -> str:
    """Return a released name without the wrappers of distributed training, in the spelling of the plan."""
    name = re.sub(r"(?:^|(?<=\.))(?:module|_fsdp_wrapped_module)\.", "", name)
    return re.sub(r"^clap\.afclap\.", "clap.nvclap.", name)


def is_unused(name: str) -> bool:
    """Return whether a canonical released name is known and left out."""
    return _UNUSED.fullmatch(name) is not None


def plan_keys(ours: Mapping[str, Shape], released: Mapping[str, Shape], *, tied: bool) -> tuple[Assignment, ...]:
    """Match every tensor of the network with one of the checkpoint.

    Where the output embedding is tied to the input embedding, the released output embedding wins. The assignments are
    in the order of `ours`.

    Raises:
        CheckpointError: a tensor is missing, unknown or of another shape; the message names the first few of each.
    """
    assignments, missing, misshapen, known = [], [], [], set()
    for target, shape in ours.items():
        sources = _sources(target, tied=tied)
        part, parts = _part(target)
        expected = (shape[0] * parts, *shape[1:]) if parts > 1 else shape
        present = [name for name in sources if name in released]
        known.update(present)
        misshapen += [f"{n} {released[n]} instead of {expected}" for n in present if released[n] != expected]
        if present:
            assignments.append(Assignment(target, present[0], part, parts, shape))
        else:
            missing.append(sources[0])
    unknown = [name for name in released if name not in known and not is_unused(name)]
    _refuse(missing=missing, unknown=unknown, misshapen=sorted(set(misshapen)))
    return tuple(assignments)


def _sources(target: str, *, tied: bool) -> tuple[str, ...]:
    """Return the canonical released names that hold one of our tensors, the preferred one first."""
    if tied and target == EMBEDDING:
        return (RELEASED_OUTPUT_EMBEDDING, RELEASED_EMBEDDING)
    name = _released_name(target)
    for pattern, replacement in _ALIASES:
        alias, count = re.subn(pattern, replacement, name)
        if count:
            return (name, alias)
    return (name,)


def _released_name(target: str) -> str:
    for pattern, replacement in _MODULES:
        name, count = re.subn("^" + pattern, replacement, target)
        if not count:
            continue
        for prefix, leaves in _LEAVES.items():
            if name.startswith(prefix) and not target.startswith("language_model."):
                return next((name.replace(old, new, 1) for old, new in leaves if old in name), name)
        return name
    raise ValueError(f"no released tensor is known for {target}")


def _part(target: str) -> tuple[int, int]:
    for marker, part in _THIRDS.items():
        if marker in target:
            return part, len(_THIRDS)
    return 0, 1


def _refuse(*, missing: Iterable[str], unknown: Iterable[str], misshapen: Iterable[str]) -> None:
    faults = {"missing": list(missing), "unknown": list(unknown), "of another shape": list(misshapen)}
    texts = [
        f"{len(names)} {what}: {', '.join(names[:_MOST_NAMED])}" + (" ..." if len(names) > _MOST_NAMED else "")
        for what, names in faults.items()
        if names
    ]
    if texts:
        raise CheckpointError(
            "the tensors do not fit Audio Flamingo 2 with this base language model; " + "; ".join(texts)
        )
