"""Load a causal or masked language model from a folder, a GGUF file or the Hugging Face hub."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from wechsel_core.assets.hub import fetch_repository, hub_file
from wechsel_core.assets.hub_errors import hub_errors
from wechsel_core.errors import AssetError, InputError, ModelError
from wechsel_core.models.gguf import converted_folder
from wechsel_core.models.quiet import quiet
from wechsel_core.models.stored import weights_sha256
from wechsel_core.tokenizers.load import load_tokenizer
from wechsel_core.types import Progress

ModelKind = Literal["causal", "masked"]

_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
_EXPECTED = "a causal or masked language model (such as GPT-2, Llama, RoBERTa or BERT)"


@dataclass(frozen=True, eq=False)
class SourceModel:
    """A language model with its tokenizer.

    Attributes
    ----------
    name : str
        The folder, file or hub id as it was given.
    kind : {"causal", "masked"}
    model : transformers.PreTrainedModel
        float32, in eval mode.
    tokenizer : transformers.PreTrainedTokenizerFast
    folder : Path
        Where config, weights and tokenizer were read from.
    """

    name: str
    kind: ModelKind
    model: Any
    tokenizer: Any
    folder: Path

    def weights_sha256(self) -> str:
        """Hash of the weight files, in name order; reads them once (about 1 s a gigabyte)."""
        return weights_sha256(self.folder)


def load_model(
    source: str | Path,
    *,
    kind: ModelKind | Literal["auto"] = "auto",
    cache: Path | None = None,
    progress: Progress | None = None,
) -> SourceModel:
    """Load a language model and its tokenizer; code and pickles that come with it are never run.

    Parameters
    ----------
    source : str or Path
        A folder as ``save_pretrained`` writes it, a GGUF file, or a hub id. A folder of that name is preferred to
        the hub.
    kind : {"auto", "causal", "masked"}
        What it must be; ``auto`` goes by the architecture that the config names.
    cache : Path, optional
        Where converted GGUF files are kept; ``paths.cache_dir()`` if not given. Hub files stay in the hub's own cache.
    progress : callable, optional
        Told of a download from the hub.

    Raises
    ------
    ModelError
        One sentence for each: no such path, folder without config or weights, malformed or unknown hub id, offline,
        host unreachable, another architecture, quantised weights, missing head, more token ids than rows.
    TokenizerError
        If there is no usable tokenizer beside it.
    """
    return _read(str(source), model_folder(source, kind=kind, cache=cache, progress=progress), kind)


def model_folder(
    source: str | Path,
    *,
    kind: ModelKind | Literal["auto"] = "auto",
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """Where a model's config, safetensors weights and tokenizer lie; GGUF is converted, the hub's are fetched.

    Parameters and errors are those of ``load_model``, as far as they can be told without reading the weights.
    """
    path = Path(source).expanduser()
    if path.is_file() and path.suffix.lower() == ".gguf":
        return converted_folder(path, cache, progress)
    if path.is_dir():
        _check_folder(path)
        return path
    if path.exists() or isinstance(source, Path) or path.is_absolute() or str(source).startswith((".", "~")):
        found = f"{source} is no model folder" if path.exists() else f"{source} does not exist"
        raise ModelError(found, "a model folder, a .gguf file or a hub id", "correct the path")
    try:
        config = hub_file(str(source), "config.json")
        with readable(str(source)), quiet():
            read_config(str(source), config.parent, kind)  # what cannot be used is not downloaded
        return fetch_repository(str(source), progress=progress)
    except AssetError as error:
        raise ModelError(error.found, error.expected, error.remedy) from error


def model_kind(config: Any, kind: ModelKind | Literal["auto"] = "auto") -> ModelKind:
    """Causal or masked, by ``config.architectures``; raises ``ModelError`` for any other architecture."""
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    )

    named = (getattr(config, "architectures", None) or [None])[0]
    label = named or f"model type {config.model_type}"
    classes: dict[ModelKind, str | None] = {
        "causal": MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.get(config.model_type),
        "masked": MODEL_FOR_MASKED_LM_MAPPING_NAMES.get(config.model_type),
    }
    if getattr(config, "is_encoder_decoder", False):
        raise ModelError(f"{label} is an encoder-decoder", _EXPECTED, "choose another model")
    candidates = [found for found, name in classes.items() if name and _fits(named, name, found)]
    if kind != "auto":
        candidates = [found for found in candidates if found == kind]
    if not candidates:
        raise ModelError(
            f"{label} is no {'' if kind == 'auto' else kind + ' '}language model", _EXPECTED, "choose another"
        )
    if len(candidates) > 1:
        raise ModelError(f"{label} may be causal or masked", "to be told which", "give kind='causal' or kind='masked'")
    if candidates[0] == "causal" and classes["masked"] and not getattr(config, "is_decoder", False):
        # Without a causal mask every position sees the label: losses near zero that mean nothing.
        raise ModelError(f"{label} without is_decoder attends to later tokens", "a causal mask", "use it as masked")
    return candidates[0]


def _fits(named: str | None, class_name: str, kind: ModelKind) -> bool:
    if named is None or named == class_name:
        return True
    if named.endswith("ForPreTraining"):  # BERT's original checkpoints: masked head and next sentence head
        return kind == "masked"
    return named.endswith("Model") and "LMHead" not in named  # body alone: loads only if its head is tied


def _check_folder(folder: Path) -> None:
    if not (folder / "config.json").is_file():
        raise ModelError(
            f"{folder} holds no config.json", "a model folder", "choose the folder that save_pretrained wrote"
        )
    if any((folder / name).is_file() for name in _WEIGHTS):
        return
    if list(folder.glob("pytorch_model*.bin")):
        raise ModelError(
            f"{folder} holds its weights as a pickle (pytorch_model.bin)",
            "model.safetensors",
            "load it where you trust it and save it again with save_pretrained",
        )
    raise ModelError(f"{folder} holds no weights", "model.safetensors", "choose the folder that save_pretrained wrote")


def _read(name: str, folder: Path, kind: ModelKind | Literal["auto"]) -> SourceModel:
    with readable(name), quiet():
        model, found = _read_model(name, folder, kind)
    tokenizer = load_tokenizer(folder)
    check_rows(name, tokenizer, model.get_input_embeddings().weight.shape[0])
    return SourceModel(name, found, model, tokenizer, folder)


def check_rows(name: str, tokenizer: Any, rows: int) -> None:
    """Refuse a tokenizer with ids that the embedding matrix has no row for."""
    highest = max(tokenizer.get_vocab().values())
    if highest >= rows:
        raise ModelError(
            f"the tokenizer of {name} has ids up to {highest} and the embedding matrix {rows} rows",
            "a row for every token id",
            "use the tokenizer that the model was trained with",
        )


def read_config(name: str, folder: Path, kind: ModelKind | Literal["auto"]) -> tuple[Any, ModelKind]:
    """A folder's config and what kind of model it is; raises ``ModelError`` for one that is of no use here."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False)
    found = model_kind(config, kind)
    if getattr(config, "quantization_config", None):
        raise ModelError(
            f"{name} holds quantised weights", "plain safetensors or GGUF", "choose an unquantised version"
        )
    return config, found


def _read_model(name: str, folder: Path, kind: ModelKind | Literal["auto"]) -> tuple[Any, ModelKind]:
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

    _, found = read_config(name, folder, kind)
    loader: Any = AutoModelForCausalLM if found == "causal" else AutoModelForMaskedLM
    model, info = loader.from_pretrained(
        str(folder), dtype=torch.float32, use_safetensors=True, trust_remote_code=False, output_loading_info=True
    )
    missing = sorted(info["missing_keys"])
    if missing:
        raise ModelError(
            f"{name} lacks {len(missing)} of its weights ({missing[0]}...)",
            f"a complete {found} language model",
            "choose a checkpoint with its language model head",
        )
    return model.float().eval(), found


@contextlib.contextmanager
def readable(name: str) -> Iterator[None]:
    """Whatever config and weights can be wrong with, in one sentence."""
    try:
        with hub_errors(name):
            yield
    except InputError:
        raise
    except Exception as error:  # transformers, safetensors and torch raise nearly anything on malformed files
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"{name} cannot be loaded ({reason})", _EXPECTED, "choose another model or fetch it again"
        ) from error
