"""One pitch or none for every frame: the cheapest path through the frames' candidates.

The path and its costs belong here; where candidates come from does not.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from flamingo_bark_assets.audio.signal import FloatArray
from flamingo_bark_assets.kernels import compiled


@compiled("int8[::1](float32[:, ::1], float32[:, ::1], float32[::1], float64, float64, float64)")
def best_path(
    f0_hz: FloatArray,
    aperiodicity: FloatArray,
    unvoiced_cost: FloatArray,
    octave_cost: float,
    jump_cost: float,
    switch_cost: float,
) -> NDArray[np.int8]:
    """Choose a candidate or none for each frame (Viterbi; costs after Boersma, IFA Proceedings 17, 1993).

    Args:
        f0_hz: candidates, shape (n_frames, n), 0 where there are fewer.
        aperiodicity: cost of each candidate, same shape.
        unvoiced_cost: cost of having no pitch, shape (n_frames,).
        octave_cost: extra cost of each octave of period, against subharmonics.
        jump_cost: of an octave from one frame to the next.
        switch_cost: of going from voiced to unvoiced or back.

    Returns:
        Index of the candidate, -1 for unvoiced, shape (n_frames,).
    """
    frames, n = f0_hz.shape
    came_from = np.zeros((frames, n + 1), np.int8)
    cost, fresh = np.zeros(n + 1), np.zeros(n + 1)
    octaves, before = np.zeros(n), np.zeros(n)
    size_before = 0
    for t in range(frames):
        size = 0
        while size < n and f0_hz[t, size] > 0.0:
            octaves[size] = math.log(f0_hz[t, size]) * 1.4426950408889634
            size += 1
        for j in range(size + 1):
            # The last state is "unvoiced".
            state = j if j < size else n
            best, source = cost[n] + (switch_cost if state < n else 0.0), n
            for i in range(size_before):
                move = jump_cost * abs(octaves[state] - before[i]) if state < n else switch_cost
                if cost[i] + move < best:
                    best, source = cost[i] + move, i
            local = aperiodicity[t, state] - octave_cost * octaves[state] if state < n else unvoiced_cost[t]
            fresh[state] = best + local
            came_from[t, state] = source
        cost[:] = fresh
        before[:size] = octaves[:size]
        size_before = size
        if t % 256 == 0:
            cost -= cost[n]
    path = np.full(frames, -1, np.int8)
    state = n
    for i in range(size_before):
        if cost[i] < cost[state]:
            state = i
    for t in range(frames - 1, -1, -1):
        path[t] = state if state < n else -1
        state = came_from[t, state]
    return path
