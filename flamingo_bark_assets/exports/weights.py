"""Training weights as whole numbers of repeats, for trainers that read no weight.

The numbers belong here; how a layout repeats a clip, and in which order, does not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping


def whole_repeats(weights: Collection[float], *, tolerance: float = 0.01, most: int = 20) -> dict[float, int]:
    """Return how often a clip of each weight is repeated: the smallest numbers that keep the weights' ratios.

    Weights 1 and 0.7 give 10 and 7.

    Args:
        weights: positive; equal ones count once.
        tolerance: largest error of a ratio to the smallest weight, relative.
        most: largest number of repeats; where no numbers up to it keep the tolerance, the nearest are taken, and what
            is more than `most` times the smallest weight is repeated `most` times.
    """
    ratios = {weight: weight / min(weights) for weight in sorted(set(weights), reverse=True)}
    candidates = [{weight: max(1, min(most, round(ratio * scale))) for weight, ratio in ratios.items()}
                  for scale in range(1, most + 1)]  # fmt: skip
    fitting = (numbers for numbers in candidates if ratio_error(numbers) <= tolerance)
    return next(fitting, min(candidates, key=ratio_error, default={}))


def ratio_error(numbers: Mapping[float, int]) -> float:
    """Return the largest relative error of the ratios of repeats to the ratios of the weights; 0 for none."""
    if not numbers:
        return 0.0
    smallest = min(numbers)
    return max(abs(number / numbers[smallest] * smallest / weight - 1.0) for weight, number in numbers.items())
