"""Encoding each segment of sound once, however many questions are asked about it.

Sharing the audio encoder's work of transformers' models belongs here; asking stands in `transformers_models`.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

# Of 40 windows of 30 s, as the encoders of all families give them.
_KEPT_TOKENS = 40 * 750


def share_encoding(model: Any, *, joins_clips: bool = False) -> None:
    """Let a model's audio encoder take each piece of sound once and keep what came of the last 20 minutes.

    The five questions about a clip hold the same sound; the encoder sees it one time and its output is repeated, also
    over batches. Pieces are told apart by all of their features and their mask: windows, or whole clips where the
    encoder takes them joined in time. The model is changed in place.
    """
    tower = next(module for name, module in model.named_modules() if name.rpartition(".")[2] == "audio_tower")
    encode, kept = tower.forward, _Kept()

    def windows(input_features: torch.Tensor, **options: Any) -> Any:
        """Encode rows of windows, each with its row of whatever mask there is."""
        import torch

        masks = {
            name: value
            for name, value in options.items()
            if isinstance(value, torch.Tensor) and value.shape[:1] == input_features.shape[:1]
        }
        digests = [_digest(*row) for row in zip(input_features, *masks.values(), strict=True)]

        def encode_rows(rows: list[int]) -> tuple[Any, Sequence[torch.Tensor]]:
            output = encode(input_features[rows], **options | {name: mask[rows] for name, mask in masks.items()})
            return output, output.last_hidden_state

        output, pieces = kept.complete(digests, encode_rows)
        output.last_hidden_state = torch.stack(pieces)
        return output

    def joined(
        input_features: torch.Tensor, *, feature_lens: torch.Tensor, aftercnn_lens: torch.Tensor, **options: Any
    ) -> Any:
        """Encode clips that are joined in time, as Qwen2.5-Omni gives them: frames of all in one row."""
        import torch

        clips = torch.split(input_features, feature_lens.tolist(), dim=1)
        digests = [_digest(clip) for clip in clips]

        def encode_clips(rows: list[int]) -> tuple[Any, Sequence[torch.Tensor]]:
            output = encode(
                torch.cat([clips[row] for row in rows], dim=1),
                feature_lens=feature_lens[rows],
                aftercnn_lens=aftercnn_lens[rows],
                **options,
            )
            _, lengths = tower._get_feat_extract_output_lengths(feature_lens[rows])
            return output, torch.split(output.last_hidden_state, lengths.tolist())

        output, pieces = kept.complete(digests, encode_clips)
        output.last_hidden_state = torch.cat(pieces)
        return output

    tower.forward = joined if joins_clips else windows


class _Kept:
    """What an encoder made of the pieces of sound that it saw last."""

    def __init__(self) -> None:
        self._encoded: OrderedDict[bytes, torch.Tensor] = OrderedDict()

    def complete(
        self, digests: Sequence[bytes], encode: Callable[[list[int]], tuple[Any, Sequence[torch.Tensor]]]
    ) -> tuple[Any, list[torch.Tensor]]:
        """Return what each piece is encoded to, and an output of the encoder to put it into.

        `encode` is asked for those that are not known, by their place. One is encoded anyhow where all are known: it
        gives the output its type and other fields.
        """
        new = {digest: place for place, digest in reversed(list(enumerate(digests))) if digest not in self._encoded}
        chosen = sorted(new.values()) or [0]
        output, pieces = encode(chosen)
        for place, piece in zip(chosen, pieces, strict=True):
            self._encoded[digests[place]] = piece.clone()  # a view would hold its whole batch
        for digest in digests:
            self._encoded.move_to_end(digest)
        found = [self._encoded[digest] for digest in digests]
        while len(self._encoded) > 1 and sum(map(len, self._encoded.values())) > _KEPT_TOKENS:
            self._encoded.popitem(last=False)
        return output, found


def _digest(*tensors: torch.Tensor) -> bytes:
    import torch

    digest = hashlib.blake2b(digest_size=16)
    for tensor in tensors:
        digest.update(tensor.detach().cpu().flatten().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.digest()
