"""The Croissant 1.0 description of a hub dataset: its files with checksums, and the rows that they hold.

The JSON-LD belongs here; the columns that it lists stand in `hub_columns`. Specification:
http://mlcommons.org/croissant/1.0
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from flamingo_bark_assets.exports.interface import FileEntry, Split
from flamingo_bark_assets.exports.parquet import ColumnType
from flamingo_bark_assets.exports.targets.hub_columns import HubColumn

CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
# The context that the specification prescribes for version 1.0.
_CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_TYPES: Mapping[ColumnType, str] = {
    "text": "sc:Text", "texts": "sc:Text", "integer": "sc:Integer", "number": "sc:Float", "flag": "sc:Boolean"
}  # fmt: skip


def write_croissant(
    *,
    name: str,
    description: str,
    licences: Sequence[str],
    columns: Sequence[HubColumn],
    metadata: Mapping[Split, FileEntry],
) -> bytes:
    """Write the description, with one record set a split.

    Args:
        name: of the dataset.
        description: one line.
        licences: every licence that a song states; none where none does.
        columns: of the metadata files.
        metadata: the metadata file of each split that is not empty.
    """
    document: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": name,
        "description": description,
        "version": "1.0.0",
        "citeAs": "Credit each song as ATTRIBUTION.md says.",
    }
    if licences:
        document["license"] = list(licences)
    document["distribution"] = [
        *(_file_object(split, entry) for split, entry in metadata.items()),
        {
            "@type": "cr:FileSet",
            "@id": "sounds",
            "name": "sounds",
            "description": "Every sound file; the rows name them relative to the folder of their split.",
            "encodingFormat": "audio/flac",
            "includes": [f"{split}/*/*.flac" for split in metadata],
        },
    ]
    document["recordSet"] = [
        {
            "@type": "cr:RecordSet",
            "@id": split,
            "name": split,
            "description": f"One row a clip of the {split} split.",
            "field": [_field(split, column) for column in columns],
        }
        for split in metadata
    ]
    return json.dumps(document, ensure_ascii=False, indent=1).encode("utf-8", "replace") + b"\n"


def _file_object(split: Split, entry: FileEntry) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": f"metadata-{split}",
        "name": f"metadata-{split}",
        "description": f"All facts of the clips of the {split} split.",
        "contentUrl": entry.path,
        "contentSize": f"{entry.bytes} B",
        "encodingFormat": "application/x-parquet",
        "sha256": entry.sha256,
    }


def _field(split: Split, column: HubColumn) -> dict[str, Any]:
    field = {
        "@type": "cr:Field",
        "@id": f"{split}/{column.name}",
        "name": column.name,
        "description": column.meaning,
        "dataType": _TYPES[column.type],
        "source": {"fileObject": {"@id": f"metadata-{split}"}, "extract": {"column": column.name}},
    }
    return field | ({"repeated": True} if column.type == "texts" else {})
