"""Dictionary pairs that can be seen on a map: both words are one token each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from wechsel_core.assets import resolve
from wechsel_core.config import InitConfig
from wechsel_core.dictionaries import read_dictionary, variants
from wechsel_core.results import read_manifest
from wechsel_core.services.inputs import default_name
from wechsel_core.services.maps import MapRows, Space, script_of
from wechsel_core.services.methods import takes_dictionary
from wechsel_core.services.results import result_folder

MOST_PAIRS = 200
#: Scripts that write words without a space between them: a token without one can be a word.
UNSPACED = {"Chinese", "Hiragana", "Katakana", "Thai", "Lao", "Khmer", "Burmese"}


def dictionary_pairs(result_id: str, table: pd.DataFrame, rows: MapRows, limit: int = MOST_PAIRS) -> pd.DataFrame:
    """Pairs of the result's dictionary of which both words are a token with a static vector, the frequent first.

    None where the result was made without a dictionary.

    Parameters
    ----------
    table
        Of ``maps.vocabularies``.
    rows
        Of the static space.
    limit
        How many pairs at most; those with the lowest sum of token ids are kept. A token stands in one pair only.

    Returns
    -------
    DataFrame
        source, target (point numbers); cosine_before, cosine_after; length_before, length_after: the distance of the
        two unit vectors in the original space, 0 for one direction, 1.41 for unrelated ones.
    """
    config = InitConfig.from_dict(read_manifest(result_folder(result_id))["config"])
    offered: Sequence[tuple[str, str]] = ()
    if takes_dictionary(config):
        name = config.dictionary or default_name("dictionary", config.target_language, "dictionary")
        offered = read_dictionary(Path(resolve("dictionary", name))).pairs
    n_target = len(rows.target)
    words = {"target": _words(table.iloc[:n_target], 0), "source": _words(table.iloc[n_target:], n_target)}
    found = [
        (source, target)
        for english, other in offered
        if (source := _token(english, words["source"])) is not None
        and (target := _token(other, words["target"])) is not None
    ]
    points = np.array(found, dtype=np.int64).reshape(-1, 2)
    has_vectors = rows.source[points[:, 0] - n_target].any(axis=1) & rows.target[points[:, 1]].any(axis=1)
    pairs = pd.DataFrame(points[has_vectors], columns=["source", "target"])
    pairs = pairs.iloc[np.argsort(pairs["source"] + pairs["target"], kind="stable")]
    pairs = pairs.drop_duplicates("target").drop_duplicates("source").head(limit).reset_index(drop=True)
    spaces: tuple[Space, ...] = ("before", "after")
    for when in spaces:
        english, other = (rows.of(when, pairs[side].to_numpy()) for side in ("source", "target"))
        pairs[f"cosine_{when}"] = (english * other).sum(axis=1)
        pairs[f"length_{when}"] = np.linalg.norm(english - other, axis=1)
    return pairs


def _words(table: pd.DataFrame, first: int) -> Mapping[str, int]:
    """Whole words of a vocabulary to point numbers."""
    texts, tokens = table["text"].to_list(), table["token"].to_list()
    spaced = any(text.startswith(" ") for text in texts)
    words: dict[str, int] = {}
    for place, (text, token) in enumerate(zip(texts, tokens, strict=True)):
        whole = text.startswith(" ") or (not spaced and not token.startswith("##")) or script_of(text) in UNSPACED
        if whole and text.strip():
            words.setdefault(text.strip(), place + first)
    return words


def _token(word: str, words: Mapping[str, int]) -> int | None:
    return next((words[form] for form in variants(word) if form in words), None)
