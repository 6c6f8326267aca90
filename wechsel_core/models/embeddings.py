"""Read a language model's embeddings, and put those of another vocabulary in their place."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from wechsel_core.errors import ModelError
from wechsel_core.tokenizers.table import ROLES

#: Above this the rows of unused positions would outgrow the model (see ``position_shifts``).
_LARGEST_SHIFTED_PAD = 1024

#: Generation settings that hold ids of the old vocabulary and have no counterpart in the new one.
_STALE_GENERATION_IDS = (
    "forced_bos_token_id", "forced_eos_token_id", "decoder_start_token_id", "suppress_tokens",
    "begin_suppress_tokens", "bad_words_ids", "sequence_bias",
)  # fmt: skip


def input_matrix(model: Any) -> np.ndarray:
    """A copy of the input embeddings.

    Returns
    -------
    ndarray of float32, shape (n_rows, dim)
        ``n_rows`` may exceed the tokenizer's length (padded vocabularies): slice to ``len(token_table(tokenizer))``.

    Raises
    ------
    ModelError
        If a value is not finite.
    """
    return _to_numpy(model.get_input_embeddings().weight, "input embeddings")


def output_matrix(model: Any) -> np.ndarray | None:
    """A copy of the output embeddings, float32, shape (n_rows, dim); None if they are the input embeddings (tied)."""
    head = output_head(model)
    return None if _is_tied(model) else _to_numpy(head.weight, "output embeddings")


def output_bias(model: Any) -> np.ndarray | None:
    """A copy of the output layer's bias per token, float32, shape (n_rows,); None if it has none.

    RoBERTa's ``lm_head.bias`` and BERT's ``cls.predictions.bias``: a learnt unigram prior, tied to the bias of the
    decoder layer that the forward pass uses.
    """
    bias = output_head(model).bias
    return None if bias is None else _to_numpy(bias, "output bias")


def install_embeddings(
    model: Any,
    input_matrix: np.ndarray,
    output_matrix: np.ndarray | None = None,
    output_bias: np.ndarray | None = None,
    *,
    roles: Mapping[str, int],
) -> Any:
    """A new model with another vocabulary; everything else is copied and ``model`` stays as it is.

    The new model is built from an adjusted config, not resized in place: row counts, ``padding_idx``, tying and
    special ids are then the same now as after ``save_pretrained`` and ``from_pretrained``.

    Parameters
    ----------
    model : transformers.PreTrainedModel
    input_matrix : ndarray, shape (n_target, dim)
    output_matrix : ndarray, shape (n_target, dim), optional
        Needed exactly if input and output embeddings are not tied.
    output_bias : ndarray, shape (n_target,), optional
        Needed exactly if the model has a bias per token: a stale one would keep the old tokens' frequencies.
    roles : mapping of str to int
        The target tokenizer's special tokens (``TokenTable.roles``); a role that it lacks becomes None in the config.

    Returns
    -------
    transformers.PreTrainedModel
        Of the same class and dtype, in eval mode.

    Raises
    ------
    ModelError
        Wrong shape, a value that is not finite, a role that the architecture needs, or an architecture with further
        parameters per token.

    Notes
    -----
    RoBERTa and its kin count positions from the pad id on. If the target's pad id is another one, the rows of the
    position embeddings move with it, so that each position keeps its vector.
    """
    head = output_head(model)
    dim = model.get_input_embeddings().weight.shape[1]
    input_matrix = _checked(input_matrix, "input_matrix", (None, dim))
    n_target = len(input_matrix)
    _check_presence(output_matrix, "output_matrix", wanted=not _is_tied(model))
    _check_presence(output_bias, "output_bias", wanted=head.bias is not None)
    check_roles(roles, n_target)

    state = dict(model.state_dict())
    config = adjusted_config(model, n_target, roles)
    for name, (old, new) in position_shifts(model, roles).items():
        state[name] = _shifted(state[name], old, new)
    names = vocabulary_names(model)
    _replace(state, names["input"], input_matrix)
    if output_matrix is not None:
        _replace(state, names["output"], _checked(output_matrix, "output_matrix", (n_target, head.weight.shape[1])))
    if output_bias is not None:
        _replace(state, names["bias"], _checked(output_bias, "output_bias", (n_target,)))
    result = rebuild(model, config, state)
    result.generation_config = adjusted_generation(model, roles)
    return result


def rebuild(model: Any, config: Any, state: Mapping[str, Any]) -> Any:
    """A fresh model of the same class from a config and a full state dict, in the dtype of ``model``."""
    import torch

    # Building draws initial weights, overwritten at once: the caller's random stream must not notice.
    with torch.random.fork_rng(devices=[]):
        result = type(model)(config)
    result.to(model.dtype)
    try:
        result.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise ModelError(
            f"{type(model).__name__} has parameters per token besides its embeddings and output bias",
            "a GPT-2, Llama, RoBERTa, BERT or similar language model",
            "choose another source model",
        ) from error
    result.tie_weights()
    return result.eval()


def output_head(model: Any) -> Any:
    """The output layer; raises ``ModelError`` if the model has none."""
    head = model.get_output_embeddings()
    if head is None or getattr(head, "weight", None) is None:
        raise ModelError(f"{type(model).__name__} has no output layer", "a language model", "choose another model")
    return head


def _is_tied(model: Any) -> bool:
    return output_head(model).weight is model.get_input_embeddings().weight


def _to_numpy(tensor: Any, what: str) -> np.ndarray:
    import torch

    matrix: np.ndarray = tensor.detach().to("cpu", torch.float32, copy=True).numpy()
    if not np.isfinite(matrix).all():
        raise ModelError(f"the {what} hold NaN or infinite values", "finite weights", "choose another model file")
    return matrix


def _checked(matrix: np.ndarray, name: str, shape: tuple[int | None, ...]) -> np.ndarray:
    matrix = np.asarray(matrix)
    wanted = " x ".join("n_tokens" if size is None else str(size) for size in shape)
    if matrix.ndim != len(shape) or any(w is not None and w != g for w, g in zip(shape, matrix.shape, strict=True)):
        raise ModelError(f"{name} of shape {matrix.shape}", f"shape {wanted}", "build it for this model and tokenizer")
    if not len(matrix):
        raise ModelError(f"{name} is empty", f"shape {wanted}", "give one row per token")
    if not np.isfinite(matrix).all():
        raise ModelError(f"{name} holds NaN or infinite values", "finite values", "check the vectors it was made from")
    return matrix


def _check_presence(matrix: np.ndarray | None, name: str, *, wanted: bool) -> None:
    if wanted and matrix is None:
        raise ModelError(f"no {name}", "one, as this model has its own", f"give {name}")
    if not wanted and matrix is not None:
        raise ModelError(f"an {name}", "none, as this model has none of its own", f"leave {name} out")


def check_roles(roles: Mapping[str, int], n_target: int) -> None:
    """Refuse special tokens that have no row."""
    outside = {role: token_id for role, token_id in roles.items() if not 0 <= token_id < n_target}
    if outside:
        raise ModelError(
            f"special token ids {outside}", f"ids below {n_target}", "give a matrix of the tokenizer's length"
        )


def vocabulary_names(model: Any) -> dict[str, list[str]]:
    """Names in the state dict of the input matrix, the output matrix and the output bias, tied twins included.

    Tied matrices are both under "input" and "output". Of several names, that of the tensor which the forward pass
    uses comes first. Serves models on the meta device as well.
    """
    parameters = model.state_dict(keep_vars=True)
    head = output_head(model)
    wanted = {"input": model.get_input_embeddings().weight, "output": head.weight, "bias": head.bias}
    names = {
        part: [] if tensor is None else [name for name, value in parameters.items() if value is tensor]
        for part, tensor in wanted.items()
    }
    if head.bias is not None:
        # With tie_word_embeddings=False transformers unties the two biases as well; the unused twin has n_rows too.
        tied = getattr(model, "_tied_weights_keys", None) or {}
        twins = {name for pair in dict(tied).items() for name in pair if name.endswith("bias")}
        names["bias"] += sorted(twins & set(parameters) - set(names["bias"]))
    return names


def _replace(state: dict[str, Any], names: list[str], matrix: np.ndarray) -> None:
    import torch

    dtype = state[names[0]].dtype
    tensor = torch.from_numpy(np.ascontiguousarray(matrix)).to(dtype)
    if not torch.isfinite(tensor).all():
        raise ModelError(f"embeddings too large for {dtype}", "values within its range", "load the model as float32")
    state.update(dict.fromkeys(names, tensor))


def adjusted_config(model: Any, n_target: int, roles: Mapping[str, int]) -> Any:
    """The config of the model with another vocabulary; raises ``ModelError`` for a role that it cannot do without."""
    config = copy.deepcopy(model.config)
    config.architectures = [type(model).__name__]
    for part in {id(config): config, id(config.get_text_config()): config.get_text_config()}.values():
        part.vocab_size = n_target
        part.tie_word_embeddings = _is_tied(model)  # where the weights differ, whatever the config said, they are not
        for role in ROLES:
            if role in ("bos", "eos", "pad") or hasattr(part, f"{role}_token_id"):
                setattr(part, f"{role}_token_id", roles.get(role))
    old, new = next(iter(position_shifts(model, roles).values()), (0, 0))
    if new != old:
        config.max_position_embeddings += new - old
    return config


def adjusted_generation(model: Any, roles: Mapping[str, int]) -> Any:
    """The generation config of the model with another vocabulary; None if it has none."""
    generation = copy.deepcopy(getattr(model, "generation_config", None))
    if generation is None:
        return None
    for role in ("bos", "eos", "pad"):
        setattr(generation, f"{role}_token_id", roles.get(role))
    for name in _STALE_GENERATION_IDS:
        setattr(generation, name, None)
    return generation


def position_shifts(model: Any, roles: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """Position embeddings that are numbered from ``pad id + 1`` on (the RoBERTa family): name to old and new pad id.

    Their rows move with the pad id, so that each position keeps its vector.
    """
    shifts = {}
    for name, module in model.named_modules():
        old = getattr(getattr(module, "position_embeddings", None), "padding_idx", None)
        if old is None:
            continue
        if "pad" not in roles:
            raise ModelError(
                f"{type(model).__name__} numbers its positions from the pad id on, and there is no pad token",
                "a target tokenizer with one",
                "set its pad_token or train it with the source's special tokens",
            )
        new = roles["pad"]
        if new > max(old, _LARGEST_SHIFTED_PAD):
            raise ModelError(
                f"pad id {new} in a model that numbers its positions from the pad id on",
                f"a pad id up to {_LARGEST_SHIFTED_PAD}",
                "train the target tokenizer with its special tokens first",
            )
        if new != old:
            shifts[f"{name}.position_embeddings.weight"] = (old, new)
    return shifts


def _shifted(weight: Any, old: int, new: int) -> Any:
    import torch

    unused = weight[old : old + 1].expand(new + 1, -1)  # of (old + 1 + n_positions, dim)
    return torch.cat([unused, weight[old + 1 :]])
