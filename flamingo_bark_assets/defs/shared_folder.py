"""The data folder on a cluster: which one the code server works in is noted, and each run looks whether it has it.

The note in the instance belongs here; the look at the folder stands in `provenance.shared_folder`.
"""

from __future__ import annotations

import dagster as dg

from flamingo_bark_assets.defs.lost_runs import starts_runs_here
from flamingo_bark_assets.library.layout import DataPaths
from flamingo_bark_assets.provenance.shared_folder import check_shared_folder, folder_marker

_KEY = "flamingo_bark/data_folder"


def note_folder(instance: dg.DagsterInstance, paths: DataPaths) -> None:
    """Note, for the runs of other machines, which data folder this process works in.

    Raises:
        WriteError: the marker of the folder cannot be written.
    """
    if starts_runs_here(instance):
        return
    marker = folder_marker(paths)
    if instance.daemon_cursor_storage.get_cursor_values({_KEY}).get(_KEY) != marker:
        instance.daemon_cursor_storage.set_cursor_values({_KEY: marker})


def check_node(instance: dg.DagsterInstance, paths: DataPaths) -> None:
    """Check, in a run that a cluster started, that this machine has the data folder of the code server.

    Raises:
        SharedFolderError: it has not.
    """
    if not starts_runs_here(instance):
        check_shared_folder(paths, instance.daemon_cursor_storage.get_cursor_values({_KEY}).get(_KEY))
