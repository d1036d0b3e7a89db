"""Loading the models that turn sound into tokens, from folders, and refusing what would give tokens that mean nothing.

What is checked before a model runs belongs here; finding it stands in `catalogue`, running it in `tokenizer`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flamingo_bark_assets.inference.catalogue import ModelError
from flamingo_bark_assets.inference.foreign_code import refuse_foreign_code
from flamingo_bark_assets.inference.loading_checks import choose_device, model_type_of, why_not_loaded
from flamingo_bark_assets.tokens.acoustic import check_encodec
from flamingo_bark_assets.tokens.catalogue import TokenFiles
from flamingo_bark_assets.tokens.semantic import HUBERT_LAYER, Quantizer, read_quantizer

# Read in training only; older files lack it.
_TRAINING_ONLY = ("masked_spec_embed",)


@dataclass(frozen=True, eq=False, slots=True)
class LoadedModels:
    """The models on their device.

    Attributes:
        hubert: transformers' HubertModel that ends with layer `HUBERT_LAYER`.
        quantizer: of its features.
        encodec: transformers' EncodecModel.
        device: cpu or cuda.
    """

    hubert: Any
    quantizer: Quantizer
    encodec: Any
    device: str


def load_models(files: TokenFiles, device: str = "auto") -> LoadedModels:
    """Load all three models.

    Raises:
        ModelError: one cannot be loaded; the message names it and says what to do.
    """
    try:
        chosen = choose_device("tokens", device)
        quantizer = read_quantizer(files.quantizer)
        hubert = load_hubert(files.hubert)
        encodec = _load(files.encodec, "EncodecModel", "encodec")
        check_encodec(encodec, str(files.encodec))
        if hubert.config.hidden_size != quantizer.input_size:
            raise ModelError(
                f"{files.quantizer}: reads {quantizer.input_size} features and {files.hubert} gives "
                f"{hubert.config.hidden_size}; use the HuBERT that it was trained with"
            )
        return LoadedModels(hubert.to(chosen), quantizer.to(chosen), encodec.to(chosen), chosen)
    except ModelError:
        raise
    except Exception as error:  # whatever a damaged checkpoint makes a library raise
        reason = why_not_loaded("tokens", error, without_memory="close other programs or set device to cpu")
        raise ModelError(reason) from error


def load_hubert(folder: Path) -> Any:
    """Load a HuBERT and drop the layers after `HUBERT_LAYER`, whose output is then its last.

    Raises:
        ModelError: it is no HuBERT, or one whose last layer does more than the others.
    """
    model = _load(folder, "HubertModel", "hubert")
    if model.config.do_stable_layer_norm or len(model.encoder.layers) < HUBERT_LAYER:
        raise ModelError(f"{folder}: is no HuBERT-base; use facebook/hubert-base-ls960")
    model.encoder.layers = model.encoder.layers[:HUBERT_LAYER]
    return model


def _load(folder: Path, class_name: str, model_type: str) -> Any:
    refuse_foreign_code(folder, str(folder))
    if model_type_of(folder) != model_type:
        raise ModelError(f"{folder}: has no config.json of transformers' {class_name}; name another folder")
    import torch
    import transformers
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # an export has a display of its own
    model, loading = getattr(transformers, class_name).from_pretrained(
        folder,
        dtype=torch.float32,
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=any(folder.glob("*.safetensors")),
        weights_only=True,
        output_loading_info=True,
    )
    missing = sorted(key for key in loading["missing_keys"] if not key.endswith(_TRAINING_ONLY))
    if missing:  # transformers would go on with random numbers in their place
        raise ModelError(f"{folder}: {len(missing)} weights are missing, for instance {missing[0]}; get it anew")
    return model.eval()
