"""What a person asks of the library page: search, filters, sorting and a window, as they stand in its address.

Reading them and applying them to the rows belongs here; where the rows come from stands in `index`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args
from urllib.parse import urlencode

if TYPE_CHECKING:
    import polars as pl

Filter = Literal[
    "fit", "unfit", "not_run", "unreviewed", "accepted", "excluded", "conflicts", "no_lyrics", "no_licence", "fallback",
    "changed",
]  # fmt: skip
FILTERS: tuple[Filter, ...] = get_args(Filter)

Column = Literal[
    "title", "artist", "length", "bpm", "key", "genre", "captioner", "stems", "fit", "review", "conflicts", "repeats",
    "song",
]  # fmt: skip
COLUMNS: tuple[Column, ...] = get_args(Column)

WINDOW = 100
MOST_ROWS = 500
_MAX_SEARCH = 200
_MAX_BPM = 1000.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for.

    Attributes:
        search: words that must all stand in title, artist, genre or identifier.
        filters: all of which must hold.
        bpm_from: lowest tempo; None for any.
        bpm_to: highest tempo; None for any.
        sort: by which column.
        is_descending: whether the greatest comes first; what is unknown comes last either way.
        offset: of the first row.
        limit: number of rows.
    """

    search: str = ""
    filters: tuple[Filter, ...] = ()
    bpm_from: float | None = None
    bpm_to: float | None = None
    sort: Column = "title"
    is_descending: bool = False
    offset: int = 0
    limit: int = WINDOW

    def address(self, **changes: Any) -> str:
        """Return the address of the page with changes of what is asked; a change of any but the window begins anew."""
        asked = replace(self, **({"offset": 0} | changes))
        said = {
            "q": asked.search,
            "show": ",".join(asked.filters),
            "bpm_from": "" if asked.bpm_from is None else f"{asked.bpm_from:g}",
            "bpm_to": "" if asked.bpm_to is None else f"{asked.bpm_to:g}",
            "sort": "" if asked.sort == "title" else asked.sort,
            "order": "desc" if asked.is_descending else "",
            "page": "" if asked.offset < asked.limit else str(asked.offset // asked.limit + 1),
        }
        query = urlencode({name: value for name, value in said.items() if value})
        return f"/?{query}" if query else "/"

    def toggled(self, name: Filter) -> str:
        """Return the address with one filter more, or less where it is on."""
        others = tuple(each for each in self.filters if each != name)
        return self.address(filters=others if name in self.filters else (*self.filters, name))

    def sorted_by(self, column: Column) -> str:
        """Return the address sorted by a column, turned round where it is already."""
        return self.address(sort=column, is_descending=self.sort == column and not self.is_descending)


@dataclass(frozen=True, slots=True)
class Window:
    """The rows that were asked for.

    Attributes:
        rows: of the window.
        total: how many match in all.
        counts: by filter, how many songs would match if it were on too.
    """

    rows: list[dict[str, Any]]
    total: int
    counts: dict[str, int]


def read_asked(parameters: Mapping[str, str]) -> tuple[Asked, list[str]]:
    """Read what an address asks for; what it may not say is left out, and told in one sentence each."""
    problems: list[str] = []

    def number(name: str, lowest: float, highest: float) -> float | None:
        said = parameters.get(name, "").strip()
        try:
            value = float(said) if said else None
        except ValueError:
            value = -1.0
        if value is not None and not lowest <= value <= highest:
            problems.append(f"{name} should be a number from {lowest:g} to {highest:g}")
            return None
        return value

    def count(name: str, lowest: int, highest: int, otherwise: int) -> int:
        value = number(name, lowest, highest)
        return otherwise if value is None else int(value)

    asked = [each for each in parameters.get("show", "").split(",") if each]
    problems += [
        f"there is no filter {each[:40]!r}; there are {', '.join(FILTERS)}" for each in asked if each not in FILTERS
    ]
    sort = parameters.get("sort", "") or "title"
    if sort not in COLUMNS:
        problems.append(f"sort should be one of {', '.join(COLUMNS)}")
    order = parameters.get("order", "") or "asc"
    if order not in {"asc", "desc"}:
        problems.append("order should be asc or desc")
    limit = count("limit", 1, MOST_ROWS, WINDOW)
    page = count("page", 1, 10**6, 1)
    return Asked(
        search=" ".join(parameters.get("q", "")[:_MAX_SEARCH].split()),
        filters=tuple(each for each in FILTERS if each in asked),
        bpm_from=number("bpm_from", 0, _MAX_BPM),
        bpm_to=number("bpm_to", 0, _MAX_BPM),
        sort=sort if sort in COLUMNS else "title",
        is_descending=order == "desc",
        offset=count("offset", 0, 10**8, (page - 1) * limit),
        limit=limit,
    ), problems


def window(songs: pl.DataFrame, asked: Asked) -> Window:
    """Return the rows of a window, how many match, and how many would match with each filter."""
    import polars as pl

    conditions = {name: make() for name, make in _conditions().items()}
    held = songs.select(_held(asked), **conditions)
    counts = held.filter("held").select(pl.col(*conditions).sum()).row(0, named=True)
    places = _places(songs, held["held"], asked)
    rows = songs[places.slice(asked.offset, asked.limit)].drop("found")
    return Window(rows.to_dicts(), places.len(), {name: int(value or 0) for name, value in counts.items()})


def matching_ids(songs: pl.DataFrame, asked: Asked) -> list[str]:
    """Return the identifiers of all songs that match, in their order."""
    places = _places(songs, songs.select(_held(asked))["held"], asked)
    return [str(song_id) for song_id in songs["song_id"][places]]


def _held(asked: Asked) -> pl.Expr:
    import polars as pl

    conditions = _conditions()
    return pl.all_horizontal(_searched(asked), *(conditions[name]() for name in asked.filters)).alias("held")


def _searched(asked: Asked) -> pl.Expr:
    import polars as pl

    held = [pl.lit(True)]
    held += [pl.col("found").str.contains(word, literal=True) for word in asked.search.lower().split()]
    if asked.bpm_from is not None:
        held.append(pl.col("tempo_bpm") >= asked.bpm_from)
    if asked.bpm_to is not None:
        held.append(pl.col("tempo_bpm") <= asked.bpm_to)
    return pl.all_horizontal(*held).fill_null(False)


def _conditions() -> dict[Filter, Callable[[], pl.Expr]]:
    import polars as pl

    return {
        "fit": lambda: pl.col("is_fit").fill_null(False),
        "unfit": lambda: ~pl.col("is_fit").fill_null(True),
        "not_run": lambda: pl.col("is_fit").is_null(),
        "unreviewed": lambda: pl.col("review").is_null(),
        "accepted": lambda: pl.col("review").fill_null("") == "accepted",
        "excluded": lambda: pl.col("review").fill_null("") == "excluded",
        "conflicts": lambda: pl.col("conflicts") > 0,
        "no_lyrics": lambda: ~pl.col("has_lyrics"),
        "no_licence": lambda: pl.col("licence").is_null(),
        "fallback": lambda: pl.col("is_fallback").fill_null(False),
        "changed": lambda: pl.col("changed").list.len() > 0,
    }


def _places(songs: pl.DataFrame, held: pl.Series, asked: Asked) -> pl.Series:
    """Return where the songs that match stand, in the order that is asked for.

    Only what is sorted by is copied: several that ask at once would else each copy all that is known of all songs.
    """
    import polars as pl

    by: dict[Column, pl.Expr] = {
        "title": pl.coalesce("title", "song_id").str.to_lowercase(), "artist": pl.col("artist").str.to_lowercase(),
        "length": pl.col("duration_s"), "bpm": pl.col("tempo_bpm"), "key": pl.col("key"),
        "genre": pl.col("genre").str.to_lowercase(), "captioner": pl.col("captioner"),
        "stems": pl.col("stems").list.len(), "fit": pl.col("is_fit"), "review": pl.col("review"),
        "conflicts": pl.col("conflicts"), "repeats": pl.col("repeats"), "song": pl.col("song_id"),
    }  # fmt: skip
    keys = songs.select(pl.int_range(pl.len()).alias("place"), by[asked.sort].alias("by"), song=pl.col("song_id"))
    return keys.filter(held).sort(
        "by", "song", descending=[asked.is_descending, False], nulls_last=True, maintain_order=True
    )["place"]
