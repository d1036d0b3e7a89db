"""What importing the code location costs against importing Dagster alone, in CPU seconds, paired.

python -m tests.benchmarks.imports
"""

from __future__ import annotations

import statistics
import subprocess
import sys

_CODE = "import time; start = time.process_time(); import {module}; print(time.process_time() - start)"


def main(rounds: int = 9) -> None:
    """Time both in turn, each in a process of its own, and print the ratio pair by pair."""
    ratios = []
    for _ in range(rounds):
        alone, ours = (_cpu_s(module) for module in ("dagster", "flamingo_bark_assets.definitions"))
        ratios.append(ours / alone)
    print(f"import flamingo_bark_assets.definitions / import dagster: median {statistics.median(ratios):.2f}")
    print(f"all ratios: {', '.join(f'{ratio:.2f}' for ratio in sorted(ratios))}")


def _cpu_s(module: str) -> float:
    code = _CODE.format(module=module)
    return float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    main()
