"""How a tiny random Bark learns the demo song's own export: the loss of both stages and what it costs.

python -m tests.benchmarks.finetuning
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from tests.demo_export import STEPS, export_demo, train_tiny


def main() -> None:
    """Export the demo song, train each stage, and print its curve, held-out loss and CPU seconds."""
    with tempfile.TemporaryDirectory() as folder:
        exported = export_demo(Path(folder))
        for stage, steps in STEPS.items():
            start = time.process_time()
            report = train_tiny(exported, stage, Path(folder) / stage, steps=steps)
            spent_s = time.process_time() - start
            losses = [(point.step, point.training) for point in report.curve if point.training is not None]
            curve = ", ".join(f"{step}: {loss:.2f}" for step, loss in losses)
            fall = 1 - losses[-1][1] / losses[0][1]
            print(f"{stage}: training loss by step {curve}")
            print(
                f"{stage}: falls by {fall:.0%} over {report.rows} rows; held out {report.best_held_out:.2f} over "
                f"{report.held_out_rows} rows; {spent_s:.0f} CPU-s"
            )


if __name__ == "__main__":
    main()
