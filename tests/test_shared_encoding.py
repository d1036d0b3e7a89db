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


def windows(*values: float, frames: int = 3, tokens: int = 2) -> dict[str, torch.Tensor]:
    features = torch.stack([torch.full((tokens, frames), value) for value in values])
    return {"input_features": features, "input_features_mask": torch.ones(len(values), frames)}


def test_the_output_is_that_of_the_encoder_in_the_order_of_the_rows() -> None:
    model, plain = Model(), Model()
    share_encoding(model)
    for values in ((1.0, 2.0, 1.0, 1.0), (2.0, 5.0), (5.0, 1.0)):
        shared = model.audio_tower(**windows(*values)).last_hidden_state
        assert torch.equal(shared, plain.audio_tower(**windows(*values)).last_hidden_state)


def test_each_window_is_encoded_once_over_questions_and_batches() -> None:
    model = Model()
    share_encoding(model)
    model.audio_tower(**windows(1.0, 1.0, 1.0, 2.0, 2.0))
    model.audio_tower(**windows(2.0, 2.0, 3.0))
    assert model.audio_tower.rows == [2, 1]


def test_equal_features_under_another_mask_are_another_window() -> None:
    model = Model()
    share_encoding(model)
    asked = windows(1.0, 1.0)
    asked["input_features_mask"][1, 2] = 0
    model.audio_tower(**asked)
    assert model.audio_tower.rows == [2]


def test_only_what_was_heard_last_is_kept() -> None:
    model = Model()
    share_encoding(model)
    model.audio_tower(**windows(0.0, tokens=1500, frames=1))
    model.audio_tower(**windows(*(float(value) for value in range(1, 21)), tokens=1500, frames=1))
    model.audio_tower(**windows(0.0, tokens=1500, frames=1))
    assert model.audio_tower.rows == [1, 20, 1]


class JoiningTower(torch.nn.Module):
    """An encoder of clips that are joined in time: it halves them, and counts the frames that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.frames: list[int] = []

    def forward(self, input_features: torch.Tensor, feature_lens: torch.Tensor, aftercnn_lens: torch.Tensor) -> Any:
        assert input_features.shape[1] == feature_lens.sum() == 2 * aftercnn_lens.sum()
        self.frames.append(input_features.shape[1])
        return SimpleNamespace(last_hidden_state=input_features[:, ::2].T)

    def _get_feat_extract_output_lengths(self, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return lengths, lengths // 2


def test_of_clips_joined_in_time_each_is_encoded_once_and_stands_where_it_stood() -> None:
    model, plain = Model(), JoiningTower()
    model.audio_tower = JoiningTower()  # type: ignore[assignment]
    share_encoding(model, joins_clips=True)
    a, b = torch.arange(6.0)[None], torch.arange(10.0, 14.0)[None]
    for clips in ([a, b, a], [b, b, a], [a]):
        lengths = torch.tensor([clip.shape[1] for clip in clips])
        joined = {"feature_lens": lengths, "aftercnn_lens": lengths // 2}
        shared = model.audio_tower(torch.cat(clips, dim=1), **joined).last_hidden_state
        assert torch.equal(shared, plain(torch.cat(clips, dim=1), **joined).last_hidden_state)
    # Of the second and third batch, of which all is known, one clip gives the output its form.
    assert model.audio_tower.frames == [10, 4, 6]
