"""Bilingual dictionaries: reading, checking, and the pairs that both vocabularies know."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from wechsel_core.errors import DictionaryError
from wechsel_core.numerics.parallel import side_by_side
from wechsel_core.types import BilingualDictionary
from wechsel_core.vectors.base import StaticVectors

CaseVariants = Literal["unique", "reference"]


def read_dictionary(path: Path) -> BilingualDictionary:
    """Read word pairs, a pair a line: tab-separated as the reference's files, or by white space as MUSE's.

    A file with a tab in any line is read as tab-separated throughout, so that multiword entries stay whole.
    Blank lines and repeated pairs are dropped.

    Raises
    ------
    DictionaryError
        If the file is missing, not UTF-8, empty, or a line does not split into two words.
    """
    try:
        content = Path(path).read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise DictionaryError(
            f"no readable dictionary at {path}", "a UTF-8 text file with a word pair a line", "check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise DictionaryError(
            f"{path} is not UTF-8 (byte {error.start})", "UTF-8 text", "convert it with iconv -t utf-8"
        ) from error
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise DictionaryError(f"{path} holds no word pair", "a word pair a line", "check that it is the right file")
    tabs = any("\t" in line for _, line in lines)
    pairs: dict[tuple[str, str], None] = {}
    for number, line in lines:
        fields = [field.strip() for field in (line.split("\t") if tabs else line.split())]
        if len(fields) != 2 or not all(fields):
            raise DictionaryError(
                f"line {number} of {path} is {line[:60]!r}",
                "two words, parted by a tab (or by one space throughout)",
                "write one 'source<TAB>target' pair a line",
            )
        pairs[fields[0], fields[1]] = None
    return BilingualDictionary(tuple(pairs), Path(path).name, hashlib.sha256(content).hexdigest())


def sampled(dictionary: BilingualDictionary, size: int | None, seed: int) -> BilingualDictionary:
    """As many pairs of a dictionary, drawn by the seed, in file order; all of them where ``size`` is None or more.

    A larger sample of the same seed holds the smaller one.
    """
    if size is None or size >= len(dictionary.pairs):
        return dictionary
    chosen = np.sort(np.random.default_rng(seed).permutation(len(dictionary.pairs))[:size])
    digest = hashlib.sha256(f"{dictionary.sha256} {size} of seed {seed}".encode()).hexdigest()
    return BilingualDictionary(tuple(dictionary.pairs[i] for i in chosen), f"{dictionary.name} ({size} pairs)", digest)


@dataclass(frozen=True, eq=False)
class Coverage:
    """Which pairs both vocabularies know.

    ``usable`` holds positions into the dictionary's pairs. The other counts say why pairs dropped out:
    multiword entries (no static vocabulary knows them), the source word unknown, the target word unknown.
    ``dropped`` holds the positions of the pairs that fell to each of these reasons.
    """

    usable: np.ndarray
    n_offered: int
    dropped: Mapping[str, np.ndarray]

    @property
    def n_multiword(self) -> int:
        """Pairs dropped because an entry is more than one word."""
        return len(self.dropped["multiword"])

    @property
    def n_source_unknown(self) -> int:
        """Pairs dropped because the source vectors lack the word."""
        return len(self.dropped["source_unknown"])

    @property
    def n_target_unknown(self) -> int:
        """Pairs dropped because the target vectors lack the word, though the source vectors have theirs."""
        return len(self.dropped["target_unknown"])


def variants(word: str) -> tuple[str, str, str]:
    """The forms in which the reference looks a word up: as it is, in lower case, in title case."""
    return word, word.lower(), word.title()


def coverage(dictionary: BilingualDictionary, source: StaticVectors, target: StaticVectors) -> Coverage:
    """Find the pairs of which both words are known in some case variant."""
    knows_source = _known([pair[0] for pair in dictionary.pairs], source)
    knows_target = _known([pair[1] for pair in dictionary.pairs], target)
    multiword = np.array([" " in a or " " in b for a, b in dictionary.pairs], dtype=bool)
    usable = knows_source & knows_target
    left = ~usable
    return Coverage(
        usable=np.flatnonzero(usable),
        n_offered=len(dictionary.pairs),
        dropped={
            "multiword": np.flatnonzero(left & multiword),
            "source_unknown": np.flatnonzero(left & ~multiword & ~knows_source),
            "target_unknown": np.flatnonzero(left & ~multiword & knows_source & ~knows_target),
        },
    )


def _known(words: Sequence[str], vectors: StaticVectors) -> np.ndarray:
    flat = [form for word in words for form in variants(word)]
    return np.asarray((vectors.index(flat).reshape(len(words), 3) >= 0).any(axis=1))


def paired_rows(
    pairs: Sequence[tuple[str, str]], source: StaticVectors, target: StaticVectors, *, case_variants: CaseVariants
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors of dictionary pairs, as alignment takes them.

    Parameters
    ----------
    pairs : sequence of (source word, target word)
    case_variants : {"unique", "reference"}
        ``unique``: every combination of case variants that both sides know, each once a pair. ``reference``:
        all 3 x 3 lookups of the package ``wechsel`` 0.0.4, repeats included, so that a pair written in lower
        case weighs more than a capitalised one.

    Returns
    -------
    source_rows, target_rows : ndarray of float32, shape (n_rows, dim)
    pair_of_row : ndarray of int64, shape (n_rows,)
        Which pair each row belongs to.
    """
    source_forms, source_offers = _offered(pairs, 0, source, case_variants)
    target_forms, target_offers = _offered(pairs, 1, target, case_variants)
    pair_of_row, in_source, in_target = np.nonzero(source_offers[:, :, None] & target_offers[:, None, :])
    source_words = source_forms[3 * pair_of_row + in_source].tolist()
    target_words = target_forms[3 * pair_of_row + in_target].tolist()
    source_rows, target_rows = side_by_side(
        lambda: source.word_vectors(source_words), lambda: target.word_vectors(target_words)
    )
    return source_rows, target_rows, pair_of_row


def _offered(
    pairs: Sequence[tuple[str, str]], side: int, vectors: StaticVectors, case_variants: CaseVariants
) -> tuple[np.ndarray, np.ndarray]:
    """One side's case variants, three a pair, and which of them, bool of shape (n_pairs, 3), make rows."""
    flat = [form for pair in pairs for form in variants(pair[side])]
    offers = vectors.index(flat).reshape(len(pairs), 3) >= 0
    forms = np.empty(len(flat), dtype=object)
    forms[:] = flat
    if case_variants == "unique":
        first, second, third = forms.reshape(len(pairs), 3).T
        offers[:, 1] &= second != first
        offers[:, 2] &= (third != first) & (third != second)
    return forms, offers
