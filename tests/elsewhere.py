"""A run launcher that is none of one machine, as those of Ray and Kubernetes are, without a cluster behind it.

It only stands in ``dagster.yaml`` (`SETTINGS`): nothing is launched by it.
"""

from __future__ import annotations

from flamingo_bark_assets.defs.lost_runs import WatchedRunLauncher

SETTINGS = "run_launcher:\n  module: tests.elsewhere\n  class: ClusterRunLauncher\n"


class ClusterRunLauncher(WatchedRunLauncher):
    """Stands for the launcher of a cluster."""
