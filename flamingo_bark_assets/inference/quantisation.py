"""Linear layers in 8 bits on a CPU: one scale an output channel of the weights, one a row of what goes in.

The layer, how a weight becomes one, and which processors gain by it belong here; which layers of a model are
quantised stands with the model. Only lazily imported code imports this module, so torch is imported at its top.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

_LEVELS = 127
_ZERO_POINT = 128
# Below it a row of a weight or an input is taken for zeros, and dividing by it stays finite.
_SMALLEST = 1e-12
_ROWS_AT_ONCE = 4096

# The processors for which int8 was measured to be the faster (tests.benchmarks.af2_song), by feature as torch names it.
MEASURED_FEATURES = ("avx512_vnni",)


class Int8Linear(nn.Module):
    """A linear layer whose weights are 8-bit integers.

    Each row that goes in is scaled to the range of 8 bits by its own largest value, so that its result does not depend
    on what else is in the batch (dynamic quantisation a token, as in LLM.int8, Dettmers et al. 2022, without its
    decomposition). Sums are exact integers. What comes out is of the type that goes in.
    """

    def __init__(self, in_features: int, out_features: int, *, bias: bool) -> None:
        """Make a layer that waits for its weight; torch's default device holds its bias."""
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight: nn.Parameter | None = _waiting(out_features, in_features)
        self.scales: nn.Parameter | None = _waiting(out_features)
        self.bias = nn.Parameter(torch.empty(out_features), requires_grad=False) if bias else None
        self._packed: object = None

    @property
    def is_filled(self) -> bool:
        """Whether it has its weight."""
        return self._packed is not None

    def take(self, weight: Tensor) -> None:
        """Quantise a weight, shape (out_features, in_features), and keep only what came of it."""
        integers, scales = quantised_rows(weight)
        self.weight = nn.Parameter(integers, requires_grad=False)
        self.scales = nn.Parameter(scales, requires_grad=False)
        self.pack()

    def pack(self) -> None:
        """Bring the quantised weight into the form that the processor multiplies by, and let go of it."""
        assert self.weight is not None
        assert self.scales is not None
        zeros = torch.zeros(self.out_features, dtype=torch.long)
        with warnings.catch_warnings():
            # Of torch's two ways into this kernel the one that is to stay is far slower for several rows (2.13).
            warnings.filterwarnings("ignore", message=".*quantized tensor creation functions.*are deprecated")
            rows = torch._make_per_channel_quantized_tensor(self.weight.data, self.scales.double(), zeros, 0)
        self._packed = torch.ops.quantized.linear_prepack(rows, None)
        self.weight = self.scales = None

    def forward(self, x: Tensor) -> Tensor:
        """Multiply by the weight, shape (..., in_features) to (..., out_features), and add the bias."""
        return self.of_scaled(x, *scaled_rows(x))

    def of_scaled(self, x: Tensor, rows: Tensor, largest: Tensor) -> Tensor:
        """Compute the same from what `scaled_rows` makes of x, which layers with one input share."""
        product: Tensor = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32(
            rows, 1.0 / _LEVELS, _ZERO_POINT, self._packed
        )
        product.mul_(largest)
        if self.bias is not None:
            product.add_(self.bias)
        return product.to(x.dtype).reshape(*x.shape[:-1], self.out_features)


def scaled_rows(x: Tensor) -> tuple[Tensor, Tensor]:
    """Scale rows of an input to -1 to 1, shape (n_rows, in_features); give the largest value of each too."""
    rows = x.reshape(-1, x.shape[-1]).float()
    largest = rows.abs().amax(dim=-1, keepdim=True).clamp_min_(_SMALLEST)
    return rows / largest, largest


def of_one_input(layers: Sequence[nn.Module], x: Tensor) -> list[Tensor]:
    """Apply several layers to one input, which is scaled once for all that take 8 bits."""
    scaled = scaled_rows(x) if any(isinstance(layer, Int8Linear) for layer in layers) else None
    return [
        layer.of_scaled(x, *scaled) if isinstance(layer, Int8Linear) and scaled is not None else layer(x)
        for layer in layers
    ]


def _waiting(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.empty(shape, device="meta"), requires_grad=False)


def quantised_rows(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return a weight as int8 with one scale a row, float32, so that weight is about int8 * scale."""
    integers = torch.empty(weight.shape, dtype=torch.int8)
    scales = torch.empty(len(weight))
    for rows in range(0, len(weight), _ROWS_AT_ONCE):  # of a whole embedding float32 would take a gigabyte
        values = weight[rows : rows + _ROWS_AT_ONCE].float()
        scale = values.abs().amax(dim=1).clamp_min(_SMALLEST) / _LEVELS
        integers[rows : rows + len(values)] = (values / scale[:, None]).round_()
        scales[rows : rows + len(values)] = scale
    return integers, scales


def replace_linear(model: nn.Module, is_quantised: Callable[[str], bool]) -> None:
    """Put layers that wait for their weights in the place of a model's linear layers of the chosen names."""
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.Linear) and is_quantised(name):
            with torch.device(module.weight.device):
                layer = Int8Linear(module.in_features, module.out_features, bias=module.bias is not None)
            model.set_submodule(name, layer)


def feature_for_int8() -> str | None:
    """Return the feature of this processor for which int8 was measured to be the faster; None where there is none."""
    found = torch.cpu.get_capabilities()
    return next((name for name in MEASURED_FEATURES if found.get(name)), None)
