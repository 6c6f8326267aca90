"""One call of the reference's ``create_target_embeddings`` on arrays from files; run in the reference's environment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from probe import libraries, measured, read_spec, write_record
from transformers import AutoTokenizer
from wechsel import create_target_embeddings

WARM_UP_ROWS = 64


class FirstTokens:
    """The first tokens of a tokenizer, for the warm-up call."""

    def __init__(self, tokenizer, n_tokens: int) -> None:
        self.n_tokens = n_tokens
        self.convert_ids_to_tokens = tokenizer.convert_ids_to_tokens
        self.vocab = {token: number for token, number in tokenizer.get_vocab().items() if number < n_tokens}
        self.special_tokens_map: dict[str, str] = {}

    def __len__(self) -> int:
        return self.n_tokens


def main() -> None:
    """Load as ``WECHSEL.apply`` does, warm up on a few rows, measure, and save the outputs if asked."""
    spec = read_spec()
    folder, rows = Path(spec["inputs"]), spec["rows"]
    source, target = (_static(folder / f"{name}.npy", rows, spec["dtype"]) for name in ("source", "target"))
    matrix = np.array(np.load(folder / "matrix.npy", mmap_mode="r", allow_pickle=False)[:rows])
    tokenizers = [AutoTokenizer.from_pretrained(spec["tokenizers"][side]) for side in ("source", "target")]
    few = [FirstTokens(tokenizer, WARM_UP_ROWS) for tokenizer in tokenizers]
    create_target_embeddings(
        source[:WARM_UP_ROWS], target[:WARM_UP_ROWS], *few, matrix[:WARM_UP_ROWS], neighbors=spec["neighbors"],
        verbose=False,
    )  # fmt: skip
    (new_matrix, not_found, sources), record = measured(
        lambda: create_target_embeddings(
            source, target, *tokenizers, matrix, neighbors=spec["neighbors"], verbose=False
        )
    )
    record |= {"not_found": len(not_found), "libraries": libraries()}
    if spec.get("save"):
        ids, similarities = _as_arrays(sources, *tokenizers, spec["neighbors"])
        np.savez(spec["save"], matrix=new_matrix, ids=ids, similarities=similarities)
    write_record(record)


def _static(path: Path, rows: int, dtype: str) -> np.ndarray:
    # As get_subword_embeddings_in_word_embedding_space and apply make them: float64, each divided by its length.
    vectors = np.zeros((rows, np.load(path, mmap_mode="r", allow_pickle=False).shape[1]))
    vectors[:] = np.load(path, mmap_mode="r", allow_pickle=False)[:rows]
    vectors /= np.linalg.norm(vectors, axis=1)[:, np.newaxis] + 1e-8
    return vectors.astype(dtype)


def _as_arrays(sources, source_tokenizer, target_tokenizer, neighbors: int) -> tuple[np.ndarray, np.ndarray]:
    source_vocab, target_vocab = source_tokenizer.get_vocab(), target_tokenizer.get_vocab()
    ids = np.full((len(target_tokenizer), neighbors), -1, dtype=np.int64)
    similarities = np.zeros((len(target_tokenizer), neighbors))
    for token, (tokens, _, values) in sources.items():
        row = target_vocab[token]
        ids[row] = [source_vocab[name] for name in tokens]
        similarities[row] = values
    return ids, similarities


if __name__ == "__main__":
    main()
