"""The table of rules: what each is called, how bad it is, and what it means.

Only the table belongs here; each check names its rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        severity: "fails" where the trainer stops, "silent" where it goes on and trains on something else.
        meaning: a heading for its findings.
    """

    severity: Literal["fails", "silent"]
    meaning: str


RULES: Mapping[str, Rule] = {
    # Files
    "missing_file": Rule("fails", "A file that is named is not there"),
    "missing_index": Rule("fails", "A list, table or shard that the trainer opens first is not there"),
    "unreadable": Rule("fails", "A file cannot be read"),
    "too_large": Rule("fails", "A file is larger than any of its kind should be"),
    "link": Rule("fails", "A link leads out of the folder or nowhere"),
    "not_regular": Rule("fails", "Neither a file nor a folder"),
    "unsafe_path": Rule("fails", "A path is absolute where it must not be, leaves the folder or cannot be written"),
    "extra_file": Rule("silent", "A file that nothing names"),
    "checksum": Rule("silent", "A file is not as it was exported"),
    "provenance": Rule("silent", "The papers of the export cannot be used"),
    # Structure
    "syntax": Rule("fails", "A file is not of the form that the trainer parses"),
    "missing_key": Rule("fails", "A key, column or array that the trainer reads is missing"),
    "field_type": Rule("fails", "A value is of another type than the trainer reads"),
    "field_value": Rule("silent", "A value that the trainer does not know or takes for something else"),
    "key_set": Rule("silent", "Samples have different keys"),
    "empty_split": Rule("fails", "A split or list holds nothing"),
    "split_layout": Rule("silent", "A split is not where the trainer looks for it"),
    "count": Rule("silent", "A stated number is not the real one"),
    "duplicate_id": Rule("silent", "Two rows have one identifier"),
    "duplicate_name": Rule("silent", "Two files have one base name"),
    "duplicate_row": Rule("silent", "A file is named twice"),
    "unused": Rule("silent", "The trainer drops it without a word"),
    "weight_ignored": Rule("silent", "A weight that the trainer does not read"),
    # Text
    "encoding": Rule("fails", "A text is not UTF-8"),
    "bom": Rule("fails", "A text begins with a byte order mark"),
    "line_ends": Rule("silent", "Lines end as on Windows"),
    "blank_line": Rule("fails", "A line is blank"),
    "separator": Rule("silent", "A text holds what parts fields or samples"),
    "control_character": Rule("silent", "A text holds characters that are never printed"),
    "empty_text": Rule("silent", "A text is empty"),
    "budget": Rule("silent", "A text is longer than the trainer reads"),
    "placeholder": Rule("silent", "A text says nothing: a placeholder, a file name or raw figures"),
    "garbled": Rule("silent", "A text was decoded as something that it is not"),
    "lyrics_format": Rule("silent", "Lyrics are not in the form that the trainer knows"),
    "not_repeated": Rule("silent", "What the trainer ignores as a field is not repeated in the caption"),
    "text_changed": Rule("silent", "A text is not that of its clip"),
    # Vocabulary
    "key_spelling": Rule("silent", "A key is spelled as the trainer does not know it"),
    "metre_spelling": Rule("silent", "A time signature is spelled as the trainer does not know it"),
    "bpm": Rule("silent", "A tempo is no number of beats that the trainer takes"),
    "language": Rule("silent", "A language is no code that the trainer knows"),
    # Sound
    "sample_rate": Rule("silent", "A sound has another sample rate"),
    "channels": Rule("silent", "A sound has another number of channels"),
    "nonfinite": Rule("fails", "A sound holds NaN or infinity"),
    "silence": Rule("silent", "A sound is silent"),
    "mostly_silent": Rule("silent", "Most of a sound is silent"),
    "dc": Rule("silent", "A sound has a constant offset"),
    "clipping": Rule("silent", "A sound is clipped"),
    "truncated": Rule("fails", "A sound file ends too early"),
    "too_short": Rule("silent", "A sound is too short"),
    "too_long": Rule("silent", "A sound is too long"),
    "length": Rule("silent", "A stated length is not the real one"),
    # Splits
    "leak": Rule("silent", "One song, group or artist stands in two splits"),
    "wrong_split": Rule("silent", "A clip stands in another split than its song"),
    # Order
    "order": Rule("silent", "Rows of one song stand together in a list that is not shuffled"),
    # Tokens
    "token_dtype": Rule("fails", "Tokens have another type"),
    "token_shape": Rule("fails", "Tokens have another shape"),
    "token_range": Rule("silent", "Tokens are out of range"),
    "token_phase": Rule("silent", "The two coarse codebooks are out of phase"),
    "token_content": Rule("silent", "Tokens are not those of a sound"),
    "end_share": Rule("silent", "Too much of what is learned is the end token"),
    "tokens_missing": Rule("fails", "Tokens were not made"),
    # Archives
    "member_order": Rule("silent", "Members of one sample do not stand together"),
    "member_name": Rule("fails", "A member has a name that splits it wrongly"),
    # Papers
    "card": Rule("silent", "The dataset card cannot be used"),
    "croissant": Rule("silent", "The Croissant description is wrong"),
    # Claims
    "claim_tempo": Rule("silent", "A text or field tells another tempo than was measured"),
    "claim_key": Rule("silent", "A text or field tells another key than was measured"),
    "claim_metre": Rule("silent", "A text or field tells another metre than was measured"),
    "claim_instrument": Rule("silent", "A text names an instrument that is silent there"),
    "claim_voice": Rule("silent", "A text or field is wrong about a voice"),
}  # fmt: skip
"""Every rule by its name."""
