"""Encoding each segment of sound once, however many questions are asked about it.

Sharing the audio encoder's work of transformers' models belongs here; asking stands in `transformers_models`.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_KEPT_WINDOWS = 40


def share_encoding(model: Any) -> None:
    """Let a model's audio encoder take each window once and keep what came of the last 40.

    The five questions about a clip hold the same windows; the encoder sees them one time and its output is repeated,
    also over batches. Windows are told apart by all of their features and their mask. The model, an Audio Flamingo 3 or
    Music Flamingo, is changed in place.
    """
    tower = next(module for name, module in model.named_modules() if name.rpartition(".")[2] == "audio_tower")
    encode = tower.forward
    kept: OrderedDict[bytes, torch.Tensor] = OrderedDict()

    def forward(input_features: torch.Tensor, input_features_mask: torch.Tensor, **options: Any) -> Any:
        import torch

        digests = [_digest(*row) for row in zip(input_features, input_features_mask, strict=True)]
        new = {digest: index for index, digest in reversed(list(enumerate(digests))) if digest not in kept}
        rows = sorted(new.values())
        # One row is encoded anyhow where all are known: it gives the output its type and other fields.
        chosen = rows or [0]
        output = encode(input_features[chosen], input_features_mask=input_features_mask[chosen], **options)
        for row, hidden in zip(chosen, output.last_hidden_state, strict=True):
            kept[digests[row]] = hidden
        output.last_hidden_state = torch.stack([kept[digest] for digest in digests])
        for digest in digests:
            kept.move_to_end(digest)
        while len(kept) > max(_KEPT_WINDOWS, 0):
            kept.popitem(last=False)
        return output

    tower.forward = forward


def _digest(features: torch.Tensor, mask: torch.Tensor) -> bytes:
    import torch

    digest = hashlib.blake2b(digest_size=16)
    for tensor in (features, mask):
        digest.update(tensor.detach().contiguous().cpu().view(torch.uint8).numpy().tobytes())
    return digest.digest()
