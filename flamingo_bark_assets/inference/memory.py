"""Memory that runs out: how libraries say it, and what helps with the model that is configured.

Knowing and advising belong here; halving a batch stands in `batching`, counting in `loading`.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator

from flamingo_bark_assets.inference.catalogue import KNOWN_MODELS, known_model

# As PyTorch, its allocators and libraries (CUDA, ROCm, MPS, XPU), the libraries of Rust and C++, and Windows say it.
_WORDS = re.compile(
    r"out of (?:\w+ )?memory|out_of_(?:\w+_)?memory|outofmemory|out_of_resources|not enough memory|"
    r"insufficient memory|can't allocate memory|cannot allocate memory|unable to allocate|fail(?:ed|ure) to allocate|"
    r"could not allocate|bad[_ ]alloc|memory ?allocation|allocation[_ ]fail|(?:_|status)alloc_?failed|"
    # A handle of these libraries takes memory of its own: there it ends as an initialisation that failed.
    r"(?:cublas|cudnn|cusolver|cusparse|hipblas)_status_not_initialized.{0,60}create|"
    r"invalid buffer size|paging file is too small|os error (?:12|1455|8)\b|resource_exhausted",
    re.IGNORECASE | re.DOTALL,
)
# What is hardly smaller does not fit either.
_SMALLER = 0.8
_ERRNOS = frozenset({errno.ENOMEM})
_WINDOWS_ERRORS = frozenset({8, 14, 1455})  # ERROR_NOT_ENOUGH_MEMORY, _OUTOFMEMORY, _COMMITMENT_LIMIT


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an exception, or one that it came of, says that memory ran out, on the CPU or an accelerator."""
    return any(_says_so(one) for one in _with_causes(error))


def memory_advice(model_id: str, dtype: str, quantisation: str, device: str | None) -> str:
    """Say what saves memory with a model as it is configured: nothing that it has already or cannot have."""
    known = known_model(model_id)
    is_transformers = known is None or known.family != "audio-flamingo-2"
    ways = []
    if dtype == "float32":
        ways.append("set dtype to bfloat16")
    if is_transformers and quantisation != "4bit" and device in {None, "cuda"}:
        ways.append("set quantisation to 4bit" if quantisation == "8bit" else "set quantisation to 8bit or 4bit")
    smaller = [m for m in KNOWN_MODELS if known is not None and m.parameters < _SMALLER * known.parameters]
    if smaller:
        largest = max(smaller, key=lambda m: (known is not None and m.family == known.family, m.parameters))
        ways.append(f"choose a smaller model, such as {largest.model_id}")
    if device in {"cuda", "mps"}:
        ways.append("set device to cpu")
    if known is None:
        ways.append("choose a smaller model")
    return " or ".join(ways) if ways else "close other programs: it is the smallest that is known, in its smallest form"


def _says_so(error: BaseException) -> bool:
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, OSError) and (error.errno in _ERRNOS or getattr(error, "winerror", None) in _WINDOWS_ERRORS):
        return True
    # torch.OutOfMemoryError is a RuntimeError; it need not be imported to be known by its words.
    return isinstance(error, Exception) and _WORDS.search(str(error)[:5000]) is not None


def _with_causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        following = following.__cause__
