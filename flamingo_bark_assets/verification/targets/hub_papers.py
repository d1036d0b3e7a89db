"""The papers of a dataset on a hub: the YAML of its card, and the Croissant description.

What hubs and loaders read of both belongs here; the tables stand in `huggingface`.
"""

from __future__ import annotations

import fnmatch
import hashlib
import re
from collections.abc import Mapping
from typing import Any

from flamingo_bark_assets.verification.context import Check
from flamingo_bark_assets.verification.vocabulary import is_language

CARD = "README.md"
CROISSANT = "croissant.json"
_CARD_KEYS = ("license", "pretty_name", "task_categories", "size_categories", "configs")
_FRONT_MATTER = re.compile(r"---[ \t]*\n(?P<yaml>.*?)\n---[ \t]*(?:\n|\Z)", re.DOTALL)
_MAX_CARD_BYTES = 4 << 20
# n < upper bound, as the hub words them.
_SIZES = {
    "n<1K": (0, 1_000), "1K<n<10K": (1_000, 10_000), "10K<n<100K": (10_000, 100_000),
    "100K<n<1M": (100_000, 1_000_000), "1M<n<10M": (1_000_000, 10_000_000),
}  # fmt: skip
_VOCABULARY = "http://mlcommons.org/croissant/"
_CONTEXT_KEYS = ("@vocab", "cr", "sc", "recordSet", "field", "source", "fileObject", "extract")
_CROISSANT_1_0 = "http://mlcommons.org/croissant/1.0"


def check_card(check: Check, rows: Mapping[str, int]) -> None:
    """Check the card.

    Args:
        check: the verification.
        rows: number of rows of each table.
    """
    import yaml

    if not check.folder.exists(CARD):
        check.add("card", CARD, None, "there is no card; splits are guessed from the names of folders")
        return
    text = check.folder.text(CARD, _MAX_CARD_BYTES)
    if text is None:
        return
    match = _FRONT_MATTER.match(text)
    if match is None:
        check.add("card", CARD, 1, "does not begin with YAML between two lines of '---'; splits are guessed")
        return
    try:
        values = yaml.safe_load(match["yaml"])
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        row = None if mark is None else mark.line + 2
        check.findings.add("card", CARD, row, "its YAML cannot be parsed; `datasets` "
                           f"stops ({str(error)[:100]})", severity="fails")  # fmt: skip
        return
    if not isinstance(values, dict):
        check.add("card", CARD, 1, "its YAML is no mapping; it is ignored")
        return
    _check_card_values(check, values, sum(rows.values()))
    _check_configs(check, values.get("configs"), rows)


def _check_card_values(check: Check, values: Mapping[str, Any], rows: int) -> None:
    for key in _CARD_KEYS:
        if values.get(key) in (None, "", []):
            check.add("card", CARD, None, f"{key!r} is missing; the hub shows the dataset without it"
                      + (", and splits are guessed" if key == "configs" else ""))  # fmt: skip
    languages = values.get("language") or []
    for language in languages if isinstance(languages, list) else [languages]:
        if not is_language(language):
            check.add("language", CARD, None, f"language: {language!r} is no ISO 639 code; the hub refuses the card")
    categories = values.get("task_categories") or []
    if not isinstance(categories, list) or not all(isinstance(each, str) for each in categories):
        check.add("card", CARD, None, "task_categories is no list of texts; the hub refuses the card")
    sizes = values.get("size_categories") or []
    for size in sizes if isinstance(sizes, list) else [sizes]:
        if size not in _SIZES:
            check.add("card", CARD, None, f"size_categories: {size!r} is none that the hub knows")
        elif rows and not _SIZES[size][0] <= rows <= _SIZES[size][1]:
            check.add("count", CARD, None, f"size_categories: {size!r} is stated; there are {rows} rows")


def _check_configs(check: Check, configs: object, rows: Mapping[str, int]) -> None:
    if configs in (None, []):
        return
    if not isinstance(configs, list) or not all(isinstance(config, dict) for config in configs):
        check.findings.add("card", CARD, None, "configs is no list of mappings; `datasets` stops", severity="fails")
        return
    declared: set[str] = set()
    files = [path for path in check.folder.files() if not path.startswith("provenance/")]
    for config in configs:
        if not isinstance(config.get("config_name"), str):
            check.add("card", CARD, None, "a configuration has no config_name; `datasets` stops")
        data_files = config.get("data_files")
        for entry in data_files if isinstance(data_files, list) else [data_files]:
            if not isinstance(entry, dict) or "path" not in entry:
                if not isinstance(entry, str):
                    check.add("card", CARD, None, "data_files has an entry without a path; `datasets` stops")
                continue
            split = str(entry.get("split", "train"))
            paths = entry["path"] if isinstance(entry["path"], list) else [entry["path"]]
            matched = {file for pattern in paths for file in files if _matches(file, str(pattern))}
            declared |= matched
            if not matched:
                check.add("empty_split", CARD, None, f"the split {split!r} is declared, and no file is at "
                          f"{', '.join(map(str, paths))}; `datasets` stops")  # fmt: skip
            elif any(table not in matched for table in rows if table.split("/")[0] == split):
                check.add("split_layout", CARD, None, f"the split {split!r} does not take in its metadata.parquet; it "
                          "loads without texts")  # fmt: skip
    for table in rows:
        if table not in declared:
            check.add("split_layout", table, None, "no configuration of the card names it; `datasets` does not load it")


def _matches(path: str, pattern: str) -> bool:
    """Match as `datasets` does: ``**`` any folders, ``*`` within one."""
    parts = [
        ".*" if part == "**" else fnmatch.translate(part)[4:-3].replace(".*", "[^/]*") for part in pattern.split("/")
    ]
    expression = "/".join(parts).replace(".*/", "(?:.*/)?")
    try:
        return re.fullmatch(expression, path) is not None
    except re.error:
        return False


def check_croissant(check: Check) -> None:
    """Check the Croissant description where there is one."""
    if not check.folder.exists(CROISSANT):
        return
    values = check.folder.json(CROISSANT)
    if values is None:
        return
    if not isinstance(values, dict):
        check.add("croissant", CROISSANT, None, "is no JSON object")
        return
    context = values.get("@context")
    if not isinstance(context, dict) or any(key not in context for key in _CONTEXT_KEYS):
        check.add("croissant", CROISSANT, None, "its @context is not the standard one; readers understand no key of it")
    elif context.get("cr") != _VOCABULARY:
        check.add("croissant", CROISSANT, None, f"its @context takes {context.get('cr')!r} for Croissant's vocabulary")
    if values.get("conformsTo") != _CROISSANT_1_0:
        check.add("croissant", CROISSANT, None, f"conformsTo is {values.get('conformsTo')!r}, not {_CROISSANT_1_0!r}")
    for key in ("@type", "name", "description", "distribution", "recordSet"):
        if not values.get(key):
            check.add("croissant", CROISSANT, None, f"{key!r} is missing")
    ids = _check_distribution(check, values.get("distribution"))
    _check_record_sets(check, values.get("recordSet"), ids)


def _check_distribution(check: Check, distribution: object) -> set[str]:
    ids: set[str] = set()
    for number, entry in enumerate(distribution if isinstance(distribution, list) else [], start=1):
        if not isinstance(entry, dict):
            check.add("croissant", CROISSANT, None, f"entry {number} of distribution is no object")
            continue
        name = str(entry.get("@id"))
        if name in ids:
            check.add("croissant", CROISSANT, None, f"{name!r} is there twice in distribution")
        ids.add(name)
        if entry.get("@type") not in {"cr:FileObject", "sc:FileObject"}:
            continue
        url, stated = entry.get("contentUrl"), entry.get("sha256")
        if not isinstance(stated, str) or not re.fullmatch(r"[0-9a-f]{64}", stated):
            check.add("croissant", CROISSANT, None, f"{name!r} has no sha256; readers refuse a FileObject without")
        if not isinstance(url, str):
            check.add("croissant", CROISSANT, None, f"{name!r} has no contentUrl")
            continue
        if "://" in url:
            continue
        path = url.removeprefix("./")
        if not check.has_file(CROISSANT, None, path, "a reader stops"):
            continue
        with check.folder.open(path) as file:
            if isinstance(stated, str) and hashlib.file_digest(file, "sha256").hexdigest() != stated:
                check.add("croissant", CROISSANT, None, f"the sha256 of {path} is not the one that stands there; "
                          "readers refuse the file")  # fmt: skip
    return ids


def _check_record_sets(check: Check, record_sets: object, ids: set[str]) -> None:
    for record_set in record_sets if isinstance(record_sets, list) else []:
        fields = record_set.get("field") if isinstance(record_set, dict) else None
        if not isinstance(fields, list) or not fields:
            check.add("croissant", CROISSANT, None, "a record set has no fields")
            continue
        for field in fields:
            if not isinstance(field, dict):
                check.add("croissant", CROISSANT, None, "a field is no object")
                continue
            if not field.get("dataType") and not field.get("subField"):
                check.add("croissant", CROISSANT, None, f"the field {field.get('@id')!r} has no dataType")
            source = field.get("source")
            for kind in ("fileObject", "fileSet"):
                named = source.get(kind) if isinstance(source, dict) else None
                target = named.get("@id") if isinstance(named, dict) else None
                if target is not None and target not in ids:
                    check.add("croissant", CROISSANT, None, f"the field {field.get('@id')!r} is read from {target!r}, "
                              "which distribution does not have")  # fmt: skip
