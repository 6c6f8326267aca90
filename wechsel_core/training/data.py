"""Text made ready for training: lines deduplicated, documents split into train and held-out, tokens packed into blocks."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wechsel_core import paths
from wechsel_core.errors import TextError
from wechsel_core.evaluation.blocks import mask_blocks, pack_blocks
from wechsel_core.training.text import Document, documents
from wechsel_core.types import Progress

#: Of the tokens that a masked model has to guess, how many it sees as the mask and as another token (RoBERTa's way).
SHOWN_AS_MASK, SHOWN_AS_OTHER = 0.8, 0.1


@dataclass(frozen=True)
class SplitText:
    """Lines to train on and lines to judge by, no line in both."""

    train: tuple[str, ...]
    held_out: tuple[str, ...]
    train_documents: int
    held_out_documents: int

    @property
    def train_sha256(self) -> str:
        """Hash of the training lines."""
        return lines_sha256(self.train)

    @property
    def held_out_sha256(self) -> str:
        """Hash of the held-out lines."""
        return lines_sha256(self.held_out)


def lines_sha256(lines: Sequence[str]) -> str:
    """SHA-256 of lines, each ended by a newline."""
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()


def split_text(found: Sequence[Document], held_out: Sequence[Document] | None, share: float) -> SplitText:
    """Split documents into train and held-out, then drop every line that was there before.

    The side of a document is told by the hash of its content, so it does not depend on the order or on what else there
    is, but for one that goes out if otherwise none did. Held-out lines are taken first: none of them stands in the training text as well.

    Parameters
    ----------
    found : sequence of documents
    held_out : sequence of documents, optional
        Judge by these instead and train on all of ``found``.
    share : float
        Share of ``found`` that is held out, if ``held_out`` is not given.

    Raises
    ------
    TextError
        If nothing is left on one of the sides.
    """
    train = list(found)
    if held_out is None:
        places = [_fraction(document) for document in found]
        # Of a few documents the share may hit none: then the one that is next goes out.
        limit = max(share, min(places)) if share and len(set(places)) > 1 else share
        sides = [place <= limit if limit > share else place < limit for place in places]
        held_out = [document for document, out in zip(found, sides, strict=True) if out]
        train = [document for document, out in zip(found, sides, strict=True) if not out]
    seen: set[str] = set()
    judged, n_judged = _distinct(held_out, seen)
    learnt, n_learnt = _distinct(train, seen)
    for name, lines in (("train on", learnt), ("hold out", judged)):
        if not lines:
            raise TextError(
                f"{len(found)} documents leave nothing to {name}",
                "text for both sides",
                "give more text, a larger --held-out-share, or a file of its own with --held-out",
            )
    return SplitText(learnt, judged, n_learnt, n_judged)


def _fraction(document: Document) -> float:
    return int.from_bytes(hashlib.sha256("\n".join(document).encode()).digest()[:8], "big") / 2**64


def _distinct(found: Sequence[Document], seen: set[str]) -> tuple[tuple[str, ...], int]:
    lines: list[str] = []
    n_documents = 0
    for document in found:
        before = len(lines)
        for line in document:
            if line not in seen:
                seen.add(line)
                lines.append(line)
        n_documents += len(lines) > before
    return tuple(lines), n_documents


def read_split(
    text: str, held_out: str | None, *, share: float, megabytes: float, progress: Progress | None = None
) -> SplitText:
    """``split_text`` of what ``text`` and ``held_out`` name (see ``text.documents``)."""
    limit = round(megabytes * 1e6)
    found = list(documents(text, limit=limit, progress=progress))
    judged = None if held_out is None else list(documents(held_out, limit=limit, progress=progress))
    return split_text(found, judged, share)


def thinned(tokenizer: Any, lines: Sequence[str], n_tokens: int) -> list[str]:
    """Lines spread evenly over the text, about as many tokens of them as are wanted; all if there are no more."""
    total = sum(len(ids) for ids in tokenizer(list(lines), add_special_tokens=False, verbose=False)["input_ids"])
    n_kept = max(1, min(len(lines), round(len(lines) * n_tokens / max(total, 1))))
    return [lines[place * len(lines) // n_kept] for place in range(n_kept)]


def packed(tokenizer: Any, tokenizer_sha256: str, lines: Sequence[str], sha256: str, block_size: int) -> np.ndarray:
    """Packed blocks of lines, read from the cache where another run has made them; int32, (n_blocks, block_size).

    Raises
    ------
    TextError
        If the text is shorter than one block.
    """
    key = hashlib.sha256(f"{tokenizer_sha256} {sha256} {block_size}".encode()).hexdigest()
    path = paths.cache_dir() / "blocks" / f"{key}.npy"
    if not path.is_file():
        blocks, _ = pack_blocks(tokenizer, lines, block_size)
        if not len(blocks):
            raise TextError(f"text shorter than one block of {block_size} tokens", "more text", "give more of it")
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".blocks-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                np.save(file, blocks.astype(np.int32), allow_pickle=False)
            os.replace(name, path)
        finally:
            Path(name).unlink(missing_ok=True)
    return np.load(path, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]


class Examples:
    """What is trained on, by position: the example at a position depends on the seed alone, so a run resumes exactly.

    Blocks come in a new random order each time round. ``[position]`` gives ``input_ids`` and ``labels``, int64,
    (block_size,); labels are -100 where nothing is to be guessed, and not shifted.

    Parameters
    ----------
    blocks : ndarray of int, shape (n_blocks, block_size)
    n_examples : int
    seed : int
    mask : callable, optional
        Makes (input_ids, labels) of a block for a masked model; a causal one has none.
    """

    def __init__(
        self,
        blocks: np.ndarray,
        n_examples: int,
        seed: int,
        mask: Callable[[np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray]] | None = None,
    ) -> None:
        self._blocks, self._n, self._seed, self._mask = blocks, n_examples, seed, mask
        self._round, self._order = -1, np.empty(0, np.int64)

    def __len__(self) -> int:
        return self._n

    def __getitem__(self, position: int) -> dict[str, np.ndarray]:
        turn, place = divmod(position, len(self._blocks))
        if turn != self._round:
            self._round = turn
            self._order = np.random.default_rng((self._seed, 0, turn)).permutation(len(self._blocks))
        block = self._blocks[self._order[place]].astype(np.int64)
        if self._mask is None:
            labels = block.copy()
            labels[0] = -100
            return {"input_ids": block, "labels": labels}
        inputs, labels = self._mask(block, np.random.default_rng((self._seed, 1, position)))
        return {"input_ids": inputs, "labels": labels}


def masker(
    tokenizer: Any, vocab_size: int, share: float
) -> Callable[[np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray]]:
    """RoBERTa's masking: of the chosen tokens 80 percent become the mask, 10 another token, 10 stay as they are."""
    special = tokenizer.all_special_ids

    def mask(block: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        hidden, labels = mask_blocks(block, mask_id=tokenizer.mask_token_id, special_ids=special, share=share, rng=rng)
        chosen, lot = labels != -100, rng.random(block.shape)
        other = rng.integers(0, vocab_size, block.shape)
        inputs = np.where(chosen & (lot >= SHOWN_AS_MASK), block, hidden)
        inputs = np.where(chosen & (lot >= SHOWN_AS_MASK) & (lot < SHOWN_AS_MASK + SHOWN_AS_OTHER), other, inputs)
        return inputs, labels

    return mask
