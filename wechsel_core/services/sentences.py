"""A sentence of the new language: its tokens in both tokenizers, and its loss before any training."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wechsel_core.assets import resolve
from wechsel_core.config import InitConfig
from wechsel_core.errors import ModelError, OutputError
from wechsel_core.numerics.weighting import mix_rows
from wechsel_core.result_source import open_own
from wechsel_core.results import read_manifest
from wechsel_core.services import reweight
from wechsel_core.services.inputs import default_name
from wechsel_core.services.methods import mixes
from wechsel_core.services.results import result_folder
from wechsel_core.services.reweight import StoredResult
from wechsel_core.services.rows import open_source_model
from wechsel_core.tokenizers.segmentation import Segmentation, segment
from wechsel_core.transfer.result import TokenKind, draw_fallback
from wechsel_core.transfer.wechsel import REFERENCE_SEED
from wechsel_core.types import Progress, TokenTable

#: Tokens that the loss looks at, at most; a masked model sees the sentence once for each of them.
MOST_TOKENS = {"causal": 256, "masked": 64}
#: Positions that a masked model sees in one pass.
BATCH_POSITIONS = 1024


@dataclass(frozen=True, eq=False)
class Tokenizers:
    """The tokenizers of both languages and their vocabularies."""

    source: Any
    target: Any
    source_table: TokenTable
    target_table: TokenTable

    def cut(self, text: str) -> tuple[Segmentation, Segmentation]:
        """The text under the target tokenizer and under the English one."""
        return segment(self.target, self.target_table, text), segment(self.source, self.source_table, text)


@dataclass(frozen=True)
class SentenceLoss:
    """How well the model predicts a sentence before any training.

    Attributes
    ----------
    surprisals : tuple of float
        Bits of each token, in reading order; NaN for a first token that has nothing before it. A causal model
        predicts a token from those before it, a masked one from all others (pseudo-log-likelihood).
    n_bytes : int
        UTF-8 bytes of the predicted tokens.
    bits_per_byte : float
    uniform : float
        Bits per byte of guessing all tokens of the vocabulary alike.
    complete : bool
        Whether the whole sentence was looked at.
    """

    surprisals: tuple[float, ...]
    n_bytes: int
    bits_per_byte: float
    uniform: float
    complete: bool


def open_tokenizers(result_id: str, progress: Progress | None = None) -> Tokenizers:
    """Load both tokenizers of a result: the target's from its folder, else from where the initialisation took it.

    Raises
    ------
    OutputError
        If one is gone, or no longer the one of the initialisation.
    """
    return open_tokenizers_in(result_folder(result_id), progress)


def open_tokenizers_in(folder: Path, progress: Progress | None = None) -> Tokenizers:
    """``open_tokenizers`` for any result folder."""
    from wechsel_core.models.gguf import converted_folder
    from wechsel_core.tokenizers.load import load_tokenizer
    from wechsel_core.tokenizers.table import token_table

    manifest = read_manifest(folder)
    config = InitConfig.from_dict(manifest["config"])
    where = resolve("model", config.source, progress)
    if str(where).lower().endswith(".gguf"):
        where = converted_folder(Path(where), progress=progress)
    source = load_tokenizer(where)
    target = load_tokenizer(_target_place(Path(folder), config, manifest, progress))
    # A text is cut whole here, whatever length a tokenizer.json may ask for.
    for tokenizer in (source, target):
        tokenizer.backend_tokenizer.no_truncation()
        tokenizer.backend_tokenizer.no_padding()
    tokenizers = Tokenizers(source, target, token_table(source), token_table(target))
    tokens = manifest["counts"]["tokens"]
    if len(tokenizers.target_table) != tokens:
        raise OutputError(
            f"a target tokenizer of {len(tokenizers.target_table)} tokens for a result of {tokens}",
            "the tokenizer of the initialisation",
            "run init again with --force",
        )
    return tokenizers


def _target_place(folder: Path, config: InitConfig, manifest: dict[str, Any], tell: Progress | None) -> Path | str:
    if (folder / "tokenizer.json").is_file():
        return folder
    if config.tokenizer_corpus:
        raise OutputError(
            "this result holds no tokenizer", "the one that was trained for it", "run init again with --force"
        )
    family = "roberta" if manifest.get("inputs", {}).get("source_model", {}).get("kind") == "masked" else "gpt2"
    name = config.target_tokenizer or default_name("tokenizer", config.target_language, "target tokenizer", family)
    return resolve("tokenizer", name, tell)


class SentenceModel:
    """The model of a result, run on sentences of the new language; no weight of it is ever changed.

    Safe to share between threads: one sentence at a time goes through the model.

    Parameters
    ----------
    model : models.SourceModel
        The result's own: its rows are taken as they are.
    stored : StoredResult
    tokenizers : Tokenizers
    """

    def __init__(self, model: Any, stored: StoredResult, tokenizers: Tokenizers) -> None:
        from wechsel_core.models import input_matrix

        self.kind, self._model, self._stored = model.kind, model.model, stored
        self._tokenizers, self._lock = tokenizers, threading.Lock()
        self._input = input_matrix(model.model)

    def loss(self, text: str, neighbors: int, temperature: float) -> SentenceLoss | None:
        """The loss of a sentence under any k and tau; None where there is nothing to predict."""
        cut = segment(self._tokenizers.target, self._tokenizers.target_table, text)
        before, after = self._frame(text, cut.ids)
        room = min(MOST_TOKENS[self.kind], self._positions() - len(before) - len(after))
        segments = cut.segments[: max(room, 0)]
        skipped = 0 if before or self.kind == "masked" else 1
        if len(segments) <= skipped:
            return None
        start, end = segments[skipped].start, segments[-1].end
        n_bytes = len(text[start:end].encode("utf-8", errors="surrogatepass"))
        if not n_bytes:
            return None
        ids = np.array([*before, *(part.id for part in segments), *after])
        places = np.arange(len(before) + skipped, len(before) + len(segments))
        weights = reweight.weights(self._stored, neighbors, temperature)
        with self._lock:
            hidden, logits = self._run(ids, places, weights)
        bits = self._surprisals(hidden, logits, ids[places], weights)
        return SentenceLoss(
            (math.nan,) * skipped + tuple(bits.tolist()),
            n_bytes,
            float(bits.sum()) / n_bytes,
            math.log2(len(weights)) * len(bits) / n_bytes,
            complete=len(segments) == len(cut.segments),
        )

    def _frame(self, text: str, ids: list[int]) -> tuple[list[int], list[int]]:
        """Special tokens that the tokenizer puts around a sentence; a causal model gets a start token in any case."""
        framed = self._tokenizers.target.backend_tokenizer.encode(text).ids
        place = next((i for i in range(len(framed)) if framed[i : i + len(ids)] == ids), 0)
        before, after = framed[:place], framed[place + len(ids) :]
        if self.kind == "masked":
            return before, after
        roles = self._tokenizers.target_table.roles
        start = next((roles[role] for role in ("bos", "cls", "eos", "sep") if role in roles), None)
        return before or ([] if start is None else [start]), []

    def _positions(self) -> int:
        config = self._model.config.get_text_config()
        positions = int(getattr(config, "max_position_embeddings", None) or 512)
        counted_from_pad = [
            module.position_embeddings.padding_idx + 1
            for module in self._model.modules()
            if getattr(getattr(module, "position_embeddings", None), "padding_idx", None) is not None
        ]
        return positions - max(counted_from_pad, default=0)

    def _rows(self, ids: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """New input rows of some tokens, float32, shape (n_ids, dim)."""
        return np.array(self._input[ids])

    def _run(self, ids: np.ndarray, places: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What enters the output layer for each place, (n_places, dim), and its source logits, (n_places, n_rows)."""
        import torch

        rows = self._rows(ids, weights)
        if self.kind == "causal":
            batches = [(rows[None], [(0, int(place) - 1) for place in places])]
        else:
            mask = self._tokenizers.target_table.roles["mask"]
            masked = np.repeat(rows[None], len(places), axis=0)
            masked[np.arange(len(places)), places] = self._rows(np.array([mask]), weights)[0]
            size = max(1, BATCH_POSITIONS // len(ids))
            batches = [
                (masked[first : first + size], list(enumerate(places[first : first + size].tolist())))
                for first in range(0, len(places), size)
            ]
        taken = []
        with torch.no_grad():
            for embeddings, wanted in batches:
                taken.append(self._forward(torch.from_numpy(embeddings), wanted))
        hidden, logits = (torch.cat(parts).numpy() for parts in zip(*taken, strict=True))
        return hidden, logits

    def _forward(self, embeddings: Any, wanted: list[tuple[int, int]]) -> tuple[Any, Any]:
        """Output layer's input and output at the wanted (sequence, position) places alone: logits are wide."""
        import torch

        seen: list[Any] = []
        sequences, positions = (list(part) for part in zip(*wanted, strict=True))

        def keep_wanted(_: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
            seen.append(inputs[0][sequences, positions])
            return (seen[-1], *inputs[1:])

        hook = self._model.get_output_embeddings().register_forward_pre_hook(keep_wanted)
        try:
            ones = torch.ones(embeddings.shape[:2], dtype=torch.long)
            logits = self._model(inputs_embeds=embeddings, attention_mask=ones).logits
        finally:
            hook.remove()
        self._check(seen[0], logits)
        return seen[0], logits

    def _check(self, hidden: Any, logits: Any) -> None:
        """Refuse a model whose logits cannot be used."""

    def _logits(self, hidden: np.ndarray, logits: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Logits of all new tokens from what ``_run`` gave, float64, shape (n_target_tokens, n_places)."""
        return np.asarray(logits[:, : len(weights)].T, dtype=np.float64)

    def _surprisals(self, hidden: np.ndarray, logits: np.ndarray, ids: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Bits of each token among all tokens of the new vocabulary."""
        new = self._logits(hidden, logits, weights)
        peak = new.max(axis=0)
        total = peak + np.log(np.exp(new - peak).sum(axis=0))
        return np.asarray((total - new[ids, np.arange(len(ids))]) / math.log(2))


class MixedSentenceModel(SentenceModel):
    """The source model of a result, run on the new rows of a sentence's tokens, under any k and tau.

    The rows of a whole new matrix are not needed: a new output row is a mixture of source rows, so a new logit is
    the same mixture of the source model's logits (its bias included).
    """

    def __init__(self, source: Any, stored: StoredResult, tokenizers: Tokenizers, config: InitConfig) -> None:
        from wechsel_core.models import output_bias, output_matrix

        super().__init__(source, stored, tokenizers)
        n_source = len(stored.source_texts)
        self._input = self._input[:n_source]
        self._fallback = np.flatnonzero(stored.candidates.kind == TokenKind.FALLBACK)
        if stored.candidates.ids.size and stored.candidates.ids.max() >= len(self._input):
            raise OutputError("a source model with too few rows", "the one of the initialisation", "run init again")
        reference = config.compat == "reference"

        def drawn(matrix: np.ndarray) -> np.ndarray:
            out = np.empty((len(stored.candidates.kind), matrix.shape[1]), dtype=np.float32)
            seed = REFERENCE_SEED if reference else config.seed
            draw_fallback(out, self._fallback, matrix[:n_source], seed=seed, legacy=reference)
            return out[self._fallback]

        self._drawn_input = drawn(self._input)
        output, bias = output_matrix(source.model), output_bias(source.model)
        self._drawn_output = self._drawn_input if output is None else drawn(output)
        self._drawn_bias = np.zeros(len(self._fallback)) if bias is None else drawn(bias[:, None])[:, 0]

    def _rows(self, ids: np.ndarray, weights: np.ndarray) -> np.ndarray:
        rows = mix_rows(self._input, self._stored.candidates.ids[ids], weights[ids])
        drawn = np.isin(ids, self._fallback)
        rows[drawn] = self._drawn_input[np.searchsorted(self._fallback, ids[drawn])]
        return rows

    def _check(self, hidden: Any, logits: Any) -> None:
        import torch

        if not torch.equal(logits[0], self._model.get_output_embeddings()(hidden)[0]):
            raise ModelError(
                f"{type(self._model).__name__} changes its logits after the output layer",
                "logits that are linear in the output rows",
                "score the result's own folder instead",
            )

    def _logits(self, hidden: np.ndarray, logits: np.ndarray, weights: np.ndarray) -> np.ndarray:
        columns = np.ascontiguousarray(logits[:, : len(self._input)].T)  # (n_source, n_places)
        new = mix_rows(columns, self._stored.candidates.ids, weights).astype(np.float64)  # (n_target, n_places)
        new[self._fallback] = self._drawn_output @ hidden.T + self._drawn_bias[:, None]
        return new


def open_sentence_model(
    result_id: str, stored: StoredResult, tokenizers: Tokenizers, progress: Progress | None = None
) -> SentenceModel:
    """Load the model of a result for its sentences: the source model where rows are mixtures, else the result's own.

    What is open already is shared.

    Raises
    ------
    OutputError
        If the source model is gone or no longer what it was, or the result's own is needed and it came without.
    """
    return open_sentence_model_in(result_folder(result_id), stored, tokenizers, progress)


def open_sentence_model_in(
    folder: Path, stored: StoredResult, tokenizers: Tokenizers, progress: Progress | None = None
) -> SentenceModel:
    """``open_sentence_model`` for any result folder."""
    from wechsel_core.models import load_model

    manifest = read_manifest(folder)
    config = InitConfig.from_dict(manifest["config"])
    if mixes(config):
        return MixedSentenceModel(open_source_model(manifest, progress), stored, tokenizers, config)
    return SentenceModel(open_own(load_model, folder, progress), stored, tokenizers)
