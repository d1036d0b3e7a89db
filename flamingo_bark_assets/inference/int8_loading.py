"""Layers of 8 bits for transformers' models: each weight is quantised as it is read, so memory never holds it whole.

What transformers asks of a way to quantise belongs here; the layer itself stands in `quantisation`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from flamingo_bark_assets.inference.catalogue import ModelError

_METHOD = "flamingo_bark_int8"
# The audio encoder and what brings its output to the language model keep their type: they run once a clip.
_KEPT_PARTS = ("audio_tower", "multi_modal_projector", "visual")


def int8_config() -> Any:
    """Return a `quantization_config` for `from_pretrained`; the first call makes the method known to transformers."""
    return _registered()()


@cache
def _registered() -> Any:
    from transformers.core_model_loading import ConversionOps
    from transformers.quantizers.auto import register_quantization_config, register_quantizer
    from transformers.quantizers.base import HfQuantizer
    from transformers.utils.quantization_config import QuantizationConfigMixin

    from flamingo_bark_assets.inference.quantisation import Int8Linear, quantised_rows, replace_linear

    class Quantise(ConversionOps):  # type: ignore[misc]
        """Turns one weight into integers and their scales."""

        def convert(self, input_dict: Any, *, model: Any, full_layer_name: str, **_: Any) -> Any:
            """Quantise the only tensor that is given."""
            (tensors,) = input_dict.values()
            weight = tensors[0] if isinstance(tensors, list) else tensors
            layer = model.get_submodule(full_layer_name.rpartition(".")[0])
            if tuple(weight.shape) != (layer.out_features, layer.in_features):
                raise ModelError(f"{full_layer_name} is of another shape than config.json says; get the files anew")
            integers, scales = quantised_rows(weight)
            return {full_layer_name: integers, f"{full_layer_name.removesuffix('weight')}scales": scales}

    @register_quantizer(_METHOD)
    class Int8Quantizer(HfQuantizer):  # type: ignore[misc]
        """What transformers calls before, while and after it reads weights."""

        def param_needs_quantization(self, model: Any, param_name: str, **_: Any) -> bool:
            name, leaf = param_name.rpartition(".")[::2]
            return leaf == "weight" and isinstance(model.get_submodule(name), Int8Linear)

        def get_quantize_ops(self) -> Any:
            return Quantise()

        def _process_model_before_weight_loading(self, model: Any, **_: Any) -> None:
            replace_linear(model, lambda name: not set(name.split(".")) & set(_KEPT_PARTS))

        def _process_model_after_weight_loading(self, model: Any, **_: Any) -> Any:
            for module in model.modules():
                if isinstance(module, Int8Linear) and module.weight is not None and not module.weight.is_meta:
                    module.pack()
            return model

        def is_serializable(self) -> bool:
            return False

        @property
        def is_trainable(self) -> bool:
            return False

    @register_quantization_config(_METHOD)
    class Int8Config(QuantizationConfigMixin):  # type: ignore[misc]
        """Says nothing but the method."""

        def __init__(self, **_: Any) -> None:
            self.quant_method = _METHOD

    return Int8Config
