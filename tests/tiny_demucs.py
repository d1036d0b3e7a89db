"""A Demucs of random weights, small enough for a test: `python tiny_demucs.py FOLDER`, with a Python that has demucs.

It is run by that Python and not imported here: demucs is no dependency of the tests.
"""

from __future__ import annotations

import hashlib
import io
import sys
from pathlib import Path

MODEL = "tiny0001"
_SETTINGS = {
    "audio_channels": 2, "samplerate": 44_100, "segment": 4, "channels": 16, "depth": 4, "t_layers": 1, "t_heads": 2,
    "bottom_channels": 8,
}  # fmt: skip


def main() -> None:
    """Write the weights as a file of a local repository of demucs, which names it by its SHA-256."""
    import torch
    from demucs.htdemucs import HTDemucs  # type: ignore[import-not-found]
    from demucs.states import get_state  # type: ignore[import-not-found]

    torch.manual_seed(0)
    model = HTDemucs(sources=["drums", "bass", "other", "vocals"], **_SETTINGS)
    arguments, keywords = model._init_args_kwargs
    package = {"klass": HTDemucs, "args": arguments, "kwargs": keywords, "state": get_state(model, None, True)}
    content = io.BytesIO()
    torch.save({**package, "training_args": {}}, content)
    digest = hashlib.sha256(content.getvalue()).hexdigest()[:8]
    Path(sys.argv[1], f"{MODEL}-{digest}.th").write_bytes(content.getvalue())


if __name__ == "__main__":
    main()
