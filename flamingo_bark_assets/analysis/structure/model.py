"""What was learned about sections: weights that `tests.learning.sections` fitted and wrote.

Reading and holding them belongs here; what they are multiplied with does not.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Sounds = Literal["mix", "stems"]

WEIGHTS = Path(__file__).with_name("section_model.npz")


@dataclass(frozen=True, slots=True)
class SectionModel:
    """Weights for songs of which only the mix is known, or the stems as well.

    Attributes:
        hidden_weights: shape (3 * n_columns, n_hidden), of the evidence at a bar, at the one before and the one behind.
        hidden_bias: shape (n_hidden,).
        out_weights: shape (n_hidden,).
        out_bias: shape (1,).
        same_weights: shape (n_pair_columns,).
        same_bias: shape (1,).
        start_weights: of the confidence of a start: slope and offset of log odds, shape (2,).
        count_weights: of the expected F-measure of the starts: see `measure`, shape (3,).
        form_weights: of the expected pairwise F-measure of the letters: see `measure`, shape (3,).
        name_weights: shape (n_name_columns, n_names).
        name_bias: shape (n_names,).
    """

    hidden_weights: Values
    hidden_bias: Values
    out_weights: Values
    out_bias: Values
    same_weights: Values
    same_bias: Values
    start_weights: Values
    count_weights: Values
    form_weights: Values
    name_weights: Values
    name_bias: Values


@functools.cache
def section_model(sounds: Sounds) -> SectionModel:
    """Return the weights, which are read once."""
    with np.load(WEIGHTS, allow_pickle=False) as stored:
        fields = SectionModel.__dataclass_fields__
        return SectionModel(**{name: stored[f"{sounds}_{name}"].astype(np.float64) for name in fields})
