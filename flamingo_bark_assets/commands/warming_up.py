"""`flamingo-bark warm-up`: all that is compiled on first use is compiled now, so that no song waits for it.

Finding what there is to compile belongs here; how it is compiled and kept stands in `kernels`.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

import click
import numpy as np

from flamingo_bark_assets.terminal import console

_PACKAGES = ("analysis", "audio", "clips", "splits")
"""Packages of the core that have loops of their own, a test says."""


@click.command("warm-up")
def warm_up() -> None:
    """Compile all inner loops, which else the first songs wait for: half a minute of CPU time.

    They are kept where numba keeps its cache: beside the modules, or in NUMBA_CACHE_DIR. An installation ends with it,
    and an image is built with it. The cache is that of one kind of processor; one for many is made and used with
    NUMBA_CPU_NAME=x86-64-v3 and NUMBA_CPU_FEATURES set and empty.
    """
    from flamingo_bark_assets.analysis.agreement.by_librosa import compile_librosa
    from flamingo_bark_assets.audio.signal import Signal
    from flamingo_bark_assets.audio.spectral_pictures import spectral_pngs
    from flamingo_bark_assets.kernels import cache_folder, compile_declared

    import_loops()
    count = compile_declared()
    spectral_pngs(Signal(np.ones((1, 4_096), np.float32), 22_050))  # librosa has some too
    compile_librosa()
    console.note("{} loops are compiled, and kept in {}", count, cache_folder())


def import_loops() -> None:
    """Import every module of the packages that have loops, so that these are declared."""
    for name in _PACKAGES:
        package: ModuleType = importlib.import_module(f"flamingo_bark_assets.{name}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
