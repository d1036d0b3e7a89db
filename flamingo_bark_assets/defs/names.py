"""Names by which the parts of the platform know each other in Dagster: the code location, the partitions, a run's tag.

Names that others need who do not import Dagster belong here; what they name does not.
"""

from __future__ import annotations

LOCATION = "flamingo_bark"
SONGS = "songs"
ONLY_DUE_TAG = "flamingo_bark/only_due"
DESCRIBES_TAG = "flamingo_bark/describes"
SECOND_OPINION_TAG = "flamingo_bark/second_opinion"
