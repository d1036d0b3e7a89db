"""Sets of names that hang together, grown link by link; of numbered songs, as kernels want them, see `forest`.

Bookkeeping alone belongs here; what links songs stands in `groups` and `matching`.
"""

from __future__ import annotations


class Components:
    """Disjoint sets of names; each name begins as a set of its own."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def root(self, name: str) -> str:
        """Return the smallest name of the set that a name is in."""
        parent = self._parent
        while (above := parent.get(name, name)) != name:
            parent[name] = parent.get(above, above)
            name = above
        return name

    def join(self, first: str, second: str) -> None:
        """Make the sets of two names one."""
        low, high = sorted((self.root(first), self.root(second)))
        self._parent[high] = low
