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


@dataclass(frozen=True, eq=False)
class Forms:
    """The case variants of words, and where a vocabulary has them.

    Attributes
    ----------
    texts : ndarray of str objects, shape (n_words, 3)
    index : ndarray of int64, shape (n_words, 3)
        -1 where a form is not known.
    """

    texts: np.ndarray
    index: np.ndarray

    def of(self, rows: np.ndarray) -> Forms:
        """Those of some of the words."""
        return Forms(self.texts[rows], self.index[rows])

    @property
    def most_frequent(self) -> list[str]:
        """For every word the most frequent of its forms that the vocabulary holds."""
        place = np.where(self.index < 0, np.iinfo(np.int64).max, self.index).argmin(axis=1)
        return list(self.texts[np.arange(len(place)), place])


def forms_of(words: Sequence[str], vectors: StaticVectors) -> Forms:
    """Look the case variants of words up, each once."""
    flat = [form for word in words for form in variants(word)]
    distinct = list(dict.fromkeys(flat))
    place = dict(zip(distinct, vectors.index(distinct).tolist(), strict=True))
    texts = np.empty(len(flat), dtype=object)
    texts[:] = flat
    index = np.fromiter(map(place.__getitem__, flat), dtype=np.int64, count=len(flat))
    return Forms(texts.reshape(-1, 3), index.reshape(-1, 3))


def coverage(dictionary: BilingualDictionary, source: Forms, target: Forms) -> Coverage:
    """Find the pairs of which both words are known in some case variant.

    Parameters
    ----------
    dictionary : BilingualDictionary
    source, target : Forms
        Of the first and the second word of each pair.
    """
    knows_source, knows_target = ((side.index >= 0).any(axis=1) for side in (source, target))
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


def paired_rows(
    source_forms: Forms,
    target_forms: Forms,
    source: StaticVectors,
    target: StaticVectors,
    *,
    case_variants: CaseVariants,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors of dictionary pairs, as alignment takes them.

    Parameters
    ----------
    source_forms, target_forms : Forms
        Of the first and the second word of each pair.
    source, target : StaticVectors
        Where they were looked up.
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
    from_source, from_target = (_offered(forms, case_variants) for forms in (source_forms, target_forms))
    pair_of_row, in_source, in_target = np.nonzero(from_source[:, :, None] & from_target[:, None, :])
    source_rows, target_rows = side_by_side(
        lambda: _vectors(source_forms, (pair_of_row, in_source), source),
        lambda: _vectors(target_forms, (pair_of_row, in_target), target),
    )
    return source_rows, target_rows, pair_of_row


def _offered(forms: Forms, case_variants: CaseVariants) -> np.ndarray:
    """Which forms make rows, bool of shape (n_words, 3)."""
    offers = forms.index >= 0
    if case_variants == "unique":
        first, second, third = forms.texts.T
        offers[:, 1] &= second != first
        offers[:, 2] &= (third != first) & (third != second)
    return offers


def _vectors(forms: Forms, places: tuple[np.ndarray, np.ndarray], vectors: StaticVectors) -> np.ndarray:
    """Vectors of forms, each asked for once."""
    _, first, number = np.unique(forms.index[places], return_index=True, return_inverse=True)
    return np.asarray(vectors.word_vectors(forms.texts[places][first].tolist())[number])
