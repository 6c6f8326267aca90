"""A model without its weights: which stored tensor is which of its parameters, and which belong to the vocabulary."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Literal

from wechsel_core.errors import ModelError
from wechsel_core.models.embeddings import output_head, vocabulary_names
from wechsel_core.models.stored import StoredRows, StoredTensor

Part = Literal["input", "output", "bias"]


class Skeleton:
    """A model built from a config on torch's meta device, beside the tensors that are stored for it.

    Attributes
    ----------
    model : transformers.PreTrainedModel
        Has shapes and names, no values.
    stored : dict of str to StoredTensor
        By parameter name. A parameter that transformers puts together from several stored tensors has none here.
    copied : dict of str to StoredTensor
        By the name in the file: every stored tensor that the model reads, the vocabulary's and tied twins apart.
    names : dict of part to list of str
        Parameter names of the input matrix, the output matrix and the output bias; no output if it is tied.
    rows : dict of part to StoredRows
        The values of each of them.
    """

    def __init__(self, name: str, config: Any, kind: str, tensors: Mapping[str, StoredTensor]) -> None:
        self.model = _on_meta(config, kind)
        parameters = self.model.state_dict(keep_vars=True)
        self._file_names, composed = _match(self.model, tensors, parameters)
        self.stored = {parameter: tensors[name] for parameter, name in self._file_names.items()}
        self._groups = _tied_groups(parameters)
        names = vocabulary_names(self.model)
        self.names: dict[Part, list[str]] = {"input": names["input"]}
        if names["output"] != names["input"]:
            self.names["output"] = names["output"]
        if names["bias"]:
            self.names["bias"] = names["bias"]
        self._check(name, parameters, composed)
        self.rows = {part: StoredRows(self._stored_of(name, part)) for part in self.names}
        vocabulary = {parameter for names in self.names.values() for parameter in names}
        kept = [file_name for parameter, file_name in self._file_names.items() if parameter not in vocabulary]
        self.copied = {file_name: tensors[file_name] for file_name in [*kept, *composed]}

    def twins_differ(self) -> bool:
        """Whether the file holds two matrices where the config says one: transformers then leaves them apart."""
        first, *others = (self.stored[name] for name in self._stored_in(self.names["input"]))
        return any(not first.equals(other) for other in others)

    def written_names(self, part: Part) -> list[str]:
        """The names under which a part is written: as in the file, one for those that are one tensor."""
        names = []
        for group in self._groups:
            members = [name for name in group if name in self.names[part]]
            if members:
                name = next(iter(self._stored_in(group)), members[0])
                names.append(self._file_names.get(name, name))
        return names

    def file_name(self, parameter: str) -> str:
        """What a parameter is called in the file."""
        return self._file_names[parameter]

    def _stored_in(self, group: list[str]) -> list[str]:
        return [name for name in group if name in self.stored]

    def _stored_of(self, model_name: str, part: Part) -> StoredTensor:
        # The bias that the forward pass uses stands first; its twin serves where the file has that one alone.
        present = self._stored_in(self.names[part])
        if not present:
            raise ModelError(
                f"{model_name} stores its {part} embeddings in parts",
                "one tensor of a row per token",
                "choose another model",
            )
        return self.stored[present[0]]

    def _check(self, name: str, parameters: Mapping[str, Any], composed: Mapping[str, list[str]]) -> None:
        import re

        there = {*self.stored, *(made for names in composed.values() for made in names)}
        there |= {twin for group in [*self._groups, *self.names.values()] if self._stored_in(group) for twin in group}
        optional = [re.compile(pattern) for pattern in self.model._keys_to_ignore_on_load_missing or ()]
        missing = sorted(
            parameter
            for parameter in parameters
            if parameter not in there and not any(pattern.search(parameter) for pattern in optional)
        )
        if missing:
            raise ModelError(
                f"{name} lacks {len(missing)} of its weights ({missing[0]}...)",
                f"all weights of {type(self.model).__name__}",
                "choose a checkpoint with its language model head",
            )
        for parameter, tensor in self.stored.items():
            wanted = tuple(parameters[parameter].shape)
            if tensor.shape != wanted:
                raise ModelError(
                    f"{parameter} of {name} has the shape {tensor.shape}",
                    f"{wanted}, by its config",
                    "choose another model or fetch it again",
                )


def read_skeleton(name: str, config: Any, kind: str, tensors: Mapping[str, StoredTensor]) -> Skeleton:
    """Match a config with the tensors that are stored for it.

    Raises
    ------
    ModelError
        If a parameter has no tensor or one of another shape, or the architecture has no output layer.
    """
    skeleton = Skeleton(name, config, kind, tensors)
    if not skeleton.twins_differ():
        return skeleton
    untied = copy.deepcopy(config)
    untied.get_text_config().tie_word_embeddings = untied.tie_word_embeddings = False
    return Skeleton(name, untied, kind, tensors)


def _on_meta(config: Any, kind: str) -> Any:
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

    loader: Any = AutoModelForCausalLM if kind == "causal" else AutoModelForMaskedLM
    with torch.device("meta"):
        model = loader.from_config(copy.deepcopy(config), trust_remote_code=False)
    output_head(model)  # refuses a model without one
    return model


def _match(
    model: Any, tensors: Mapping[str, StoredTensor], parameters: dict[str, Any]
) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Parameter to stored name, and stored name to the parameters that it is a piece of; what is unknown is left out.

    The renaming is transformers' own: prefixes that come and go, names of earlier versions.
    """
    from transformers.conversion_mapping import get_model_conversion_mapping
    from transformers.core_model_loading import WeightConverter, WeightRenaming, rename_source_key

    mapping = get_model_conversion_mapping(model)
    renamings = [entry for entry in mapping if isinstance(entry, WeightRenaming)]
    converters = [entry for entry in mapping if isinstance(entry, WeightConverter)]
    by_pattern = {pattern: entry for entry in converters for pattern in entry.source_patterns}
    whole: dict[str, str] = {}
    pieces: dict[str, list[str]] = {}
    for name in tensors:
        prefix = model.base_model_prefix
        parameter, pattern = rename_source_key(name, renamings, converters, prefix, parameters)
        if parameter not in parameters and name in parameters:
            parameter, pattern = rename_source_key(name, [], [], prefix, parameters)
        if parameter not in parameters:
            continue
        if pattern is None:
            whole[parameter] = name
        else:
            targets = by_pattern[pattern].target_patterns
            pieces[name] = [parameter.replace(targets[0], target) for target in targets]
    return whole, pieces


def _tied_groups(parameters: Mapping[str, Any]) -> list[list[str]]:
    """Parameter names by tensor."""
    groups: dict[int, list[str]] = {}
    for name, parameter in parameters.items():
        groups.setdefault(id(parameter), []).append(name)
    return list(groups.values())
