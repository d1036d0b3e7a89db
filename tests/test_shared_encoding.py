"""Each segment of sound is encoded once, and what is said does not change by it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch

from flamingo_bark_assets.inference.shared_encoding import share_encoding


class Tower(torch.nn.Module):
    """An encoder whose output tells its input, and which counts the rows it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[int] = []

    def forward(self, input_features: torch.Tensor, input_features_mask: torch.Tensor) -> Any:
        self.rows.append(len(input_features))
        return SimpleNamespace(last_hidden_state=input_features * 2 + input_features_mask[:, None, :])


class Model(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.audio_tower = Tower()


def windows(*values: float) -> tuple[torch.Tensor, torch.Tensor]:
    features = torch.stack([torch.full((2, 3), value) for value in values])
    return features, torch.ones(len(values), 3)


def test_the_output_is_that_of_the_encoder_in_the_order_of_the_rows() -> None:
    model, plain = Model(), Model()
    share_encoding(model)
    for values in ((1.0, 2.0, 1.0, 1.0), (2.0, 5.0), (5.0, 1.0)):
        shared = model.audio_tower(*windows(*values)).last_hidden_state
        assert torch.equal(shared, plain.audio_tower(*windows(*values)).last_hidden_state)


def test_each_window_is_encoded_once_over_questions_and_batches() -> None:
    model = Model()
    share_encoding(model)
    model.audio_tower(*windows(1.0, 1.0, 1.0, 2.0, 2.0))
    model.audio_tower(*windows(2.0, 2.0, 3.0))
    assert model.audio_tower.rows == [2, 1]


def test_equal_features_under_another_mask_are_another_window() -> None:
    model = Model()
    share_encoding(model)
    features, mask = windows(1.0, 1.0)
    mask[1, 2] = 0
    model.audio_tower(features, mask)
    assert model.audio_tower.rows == [2]


def test_only_the_last_windows_are_kept() -> None:
    model = Model()
    share_encoding(model)
    model.audio_tower(*windows(1.0))
    model.audio_tower(*windows(*(float(value) for value in range(2, 50))))
    model.audio_tower(*windows(1.0))
    assert model.audio_tower.rows == [1, 48, 1]
