"""The map of both languages: which tokens are drawn, what is known of them, and where they lie.

Points are numbered: target tokens by their id, source tokens by ``n_target_tokens + id``. In addresses and files a point
is called by its key, "t123" or "s45".
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import tempfile
import unicodedata
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from wechsel_core import paths
from wechsel_core.numerics.weighting import mix_rows
from wechsel_core.projection import PcaAxes, Turning, fit_pca, meeting_axes, place_among, umap_layout, unit_rows
from wechsel_core.results import KIND_NAMES, Candidates, StaticSpace
from wechsel_core.services.reweight import StoredResult, weights
from wechsel_core.services.rows import ModelRows
from wechsel_core.transfer.result import TokenKind
from wechsel_core.types import Progress

Space = Literal["before", "after", "model"]
VectorSource = ModelRows | StaticSpace
#: Upper ends of the bands of rank: a token's id counted from 1. BPE learns frequent pieces first, Unigram sorts by
#: probability, so a low id means a frequent token.
BANDS = (100, 1_000, 5_000, 20_000)
BAND_NAMES = ("1–100", "101–1,000", "1,001–5,000", "5,001–20,000", "above 20,000")
SCRIPTS = {
    "LATIN": "Latin", "CYRILLIC": "Cyrillic", "GREEK": "Greek", "ARABIC": "Arabic", "HEBREW": "Hebrew",
    "CJK": "Chinese", "HIRAGANA": "Hiragana", "KATAKANA": "Katakana", "HANGUL": "Hangul", "DEVANAGARI": "Devanagari",
    "BENGALI": "Bengali", "TAMIL": "Tamil", "THAI": "Thai", "LAO": "Lao", "KHMER": "Khmer", "MYANMAR": "Burmese",
    "GEORGIAN": "Georgian", "ARMENIAN": "Armenian", "ETHIOPIC": "Ethiopic",
}  # fmt: skip
NO_LETTER = "no letter"


def vocabularies(stored: StoredResult) -> pd.DataFrame:
    """Both vocabularies as one table, row = point number.

    Columns: key, language ("target" or "source"), id, text, token, kind ("source" for source tokens), nearest (point
    number of the nearest token of the other language, -1 without one), similarity (to it; a source token's is the
    highest with which any target token has it as a neighbour), band, script, word_initial.
    """
    n_target, n_source = len(stored.target_texts), len(stored.source_texts)
    nearest, similarity = _nearest_of_each(stored.candidates, n_source)
    ids = np.concatenate([np.arange(n_target), np.arange(n_source)])
    texts = np.concatenate([stored.target_texts, stored.source_texts])
    tokens = np.concatenate([stored.target_tokens, stored.source_tokens])
    kinds = [KIND_NAMES[TokenKind(kind)] for kind in stored.candidates.kind.tolist()]
    return pd.DataFrame(
        {
            "key": [f"t{i}" for i in range(n_target)] + [f"s{i}" for i in range(n_source)],
            "language": ["target"] * n_target + ["source"] * n_source,
            "id": ids,
            "text": texts,
            "token": tokens,
            "kind": kinds + ["source"] * n_source,
            "nearest": nearest,
            "similarity": similarity,
            "band": np.array(BAND_NAMES)[np.searchsorted(BANDS, ids + 1)],
            "script": [script_of(text) for text in texts],
            "word_initial": np.concatenate(
                [_word_initial(texts[part], tokens[part]) for part in (slice(n_target), slice(n_target, None))]
            ),
        }
    )


def _nearest_of_each(candidates: Candidates, n_source: int) -> tuple[np.ndarray, np.ndarray]:
    n_target = len(candidates.kind)
    nearest = np.full(n_target + n_source, -1, dtype=np.int64)
    similarity = np.full(n_target + n_source, np.nan, dtype=np.float32)
    if not candidates.ids.size:
        return nearest, similarity
    first = candidates.ids[:, 0]
    has = np.flatnonzero(first >= 0)
    nearest[has], similarity[has] = first[has] + n_target, candidates.similarities[has, 0]
    rows, places = np.nonzero(candidates.ids >= 0)
    points, values = candidates.ids[rows, places] + n_target, candidates.similarities[rows, places]
    order = np.argsort(values, kind="stable")  # the last one written is the most similar
    nearest[points[order]], similarity[points[order]] = rows[order], values[order]
    return nearest, similarity


def _word_initial(texts: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """Whether tokens start a word: by their leading space, or in WordPiece by the lack of "##"."""
    pieces = np.array([token.startswith("##") for token in tokens], dtype=bool)
    return ~pieces if pieces.any() else np.array([text.startswith(" ") for text in texts], dtype=bool)


def script_of(text: str) -> str:
    """The script of a text's first letter."""
    return next((_letter_script(letter) for letter in text if letter.isalpha()), NO_LETTER)


@functools.cache
def _letter_script(letter: str) -> str:
    return SCRIPTS.get(unicodedata.name(letter, "").split(" ")[0], "other script")


def point_of(key: str, n_target: int, n_source: int) -> int | None:
    """The number of a point from its key; None if there is no such token."""
    side, number = key[:1], key[1:]
    size = {"t": n_target, "s": n_source}.get(side, 0)
    if not (number.isascii() and number.isdecimal() and len(number) < 12 and int(number) < size):
        return None
    return int(number) + (n_target if side == "s" else 0)


def sample_points(n_target: int, n_source: int, size: int, seed: int) -> np.ndarray:
    """A random sample of both languages, half and half, as rising point numbers.

    A larger sample of the same seed holds the smaller one. A language with fewer tokens than its half leaves the
    rest to the other.
    """
    half = size // 2
    n_from_target = min(n_target, max(size - half, size - n_source))
    n_from_source = min(n_source, size - n_from_target)
    target = np.random.default_rng([seed, 0]).permutation(n_target)[:n_from_target]
    source = np.random.default_rng([seed, 1]).permutation(n_source)[:n_from_source]
    return np.sort(np.concatenate([target, source + n_target]))


@dataclass(frozen=True, eq=False)
class MapRows:
    """The vectors behind a map, by point number, read-only.

    In the static space they are of length 1, since neighbours are found by cosine; in the model's they are as they are.
    """

    target: np.ndarray
    source: np.ndarray
    rotation: np.ndarray | None  #: None for the model's space

    def of(self, space: Space, points: np.ndarray) -> np.ndarray:
        """Rows of points, float32, shape (n_points, dim)."""
        points = np.asarray(points, dtype=np.int64)
        from_source = points >= len(self.target)
        rows = np.empty((len(points), self.target.shape[1]), dtype=np.float32)
        rows[~from_source] = self.target[points[~from_source]]
        source = self.source[points[from_source] - len(self.target)]
        rows[from_source] = source @ self.rotation if space == "after" and self.rotation is not None else source
        return rows

    def drawable(self, points: np.ndarray) -> np.ndarray:
        """Those of the points that have a vector: without one there is no direction to draw."""
        return points[self.of("before", points).any(axis=1)]


def static_rows(space: StaticSpace) -> MapRows:
    """The static space as it is drawn: directions alone."""
    rows = MapRows(unit_rows(space.target), unit_rows(space.source), space.rotation.astype(np.float32))
    for part in (rows.target, rows.source, rows.rotation):
        part.flags.writeable = False  # type: ignore[union-attr]
    return rows


@dataclass(frozen=True, eq=False)
class Layout:
    """A finished picture.

    Attributes
    ----------
    points : ndarray of int64, shape (n_points,)
    places : ndarray of float32, shape (n_points, 2)
    axes : PcaAxes or None
        None for UMAP, which has none.
    """

    points: np.ndarray
    places: np.ndarray
    axes: PcaAxes | None


def pca_layout(rows: MapRows, space: Space, points: np.ndarray) -> Layout:
    """The picture by PCA.

    Before and after the alignment have one pair of axes, those of target and aligned source tokens together, so that
    a token of the target language lies at one place in both.
    """
    axes = fit_pca(rows.of("model" if space == "model" else "after", points))
    return Layout(points, axes.project(rows.of(space, points)), axes)


def meeting_layout(rows: MapRows, points: np.ndarray, pairs: pd.DataFrame) -> Layout:
    """The static space before the alignment, seen so that the pairs' lines shorten most while it turns.

    Parameters
    ----------
    pairs
        Of ``map_pairs.dictionary_pairs``; without any, the axes are those of PCA.
    """
    if not len(pairs):
        return pca_layout(rows, "before", points)
    target, source = pairs["target"].to_numpy(), pairs["source"].to_numpy()
    apart, together = (rows.of(when, source) - rows.of(when, target) for when in ("before", "after"))
    axes = meeting_axes(apart, together, rows.of("after", points))
    return Layout(points, axes.project(rows.of("before", points)), axes)


@dataclass(frozen=True)
class UmapParameters:
    """What a UMAP picture depends on besides its rows."""

    n_neighbors: int = 15
    min_dist: float = 0.1
    seed: int = 0


def umap_file(rows: MapRows, space: Space, points: np.ndarray, parameters: UmapParameters) -> Path:
    """Where the picture of exactly these rows and parameters is kept."""
    digest = hashlib.sha256(rows.of(space, points).tobytes())
    digest.update(json.dumps([vars(parameters), version("umap-learn")], sort_keys=True).encode())
    return paths.cache_dir() / "maps" / f"{digest.hexdigest()[:32]}.npy"


def prepared_umap(
    rows: MapRows, space: Space, points: np.ndarray, parameters: UmapParameters, progress: Progress | None = None
) -> Layout:
    """The picture by UMAP, from the cache or made and kept there. Each space is laid out by itself."""
    kept = umap_file(rows, space, points, parameters)
    places = _read_places(kept, len(points))
    if places is None:
        places = umap_layout(rows.of(space, points), **vars(parameters), progress=progress)
        _keep(kept, places)
    return Layout(points, places, None)


def _read_places(path: Path, n_points: int) -> np.ndarray | None:
    """None where there is no such file, or a damaged one, which is then made again."""
    with contextlib.suppress(OSError, ValueError, EOFError):
        places = np.load(path, allow_pickle=False)
        if places.shape == (n_points, 2) and np.isfinite(places).all():
            return np.asarray(places, dtype=np.float32)
    return None


def _keep(path: Path, places: np.ndarray) -> None:
    with contextlib.suppress(OSError):  # without room it is made again next time
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as scratch:
            np.save(Path(scratch) / path.name, places, allow_pickle=False)
            os.replace(Path(scratch) / path.name, path)


def extended(layout: Layout, rows: MapRows, space: Space, points: np.ndarray) -> Layout:
    """The picture with further points in it: on the same axes, or among their nearest tokens where there are none."""
    new = np.setdiff1d(rows.drawable(points) if space != "model" else points, layout.points)
    if not len(new):
        return layout
    vectors = rows.of(space, new)
    places = (
        layout.axes.project(vectors)
        if layout.axes
        else place_among(vectors, rows.of(space, layout.points), layout.places)
    )
    return Layout(np.concatenate([layout.points, new]), np.concatenate([layout.places, places]), layout.axes)


def reweighted(layout: Layout, rows: ModelRows, stored: StoredResult, neighbors: int, temperature: float) -> Layout:
    """The picture of the model's space by PCA with the new rows as other dials would mix them, on the same axes."""
    if layout.axes is None:
        raise ValueError("UMAP has no axes to project on")
    known, points = stored.candidates, layout.points
    mixed = np.flatnonzero(points < len(rows.target))
    mixed = mixed[known.kind[points[mixed]] != TokenKind.FALLBACK]
    ids = points[mixed]
    vectors = mix_rows(rows.source, known.ids[ids], weights(stored, neighbors, temperature, ids))
    places = layout.places.copy()
    places[mixed] = layout.axes.project(vectors)
    return Layout(points, places, layout.axes)


def turning_places(rows: MapRows, layout: Layout, steps: int) -> tuple[np.ndarray, np.ndarray, bool]:
    """Where points lie while the source language turns from its own place to the aligned one.

    Returns
    -------
    parts : ndarray, shape (steps,)
        Share of the rotation, 0 to 1.
    places : ndarray of float32, shape (steps, n_points, 2)
        Target points stay.
    mirrored : bool
        Whether the rotation mirrors too (see ``projection.Turning``).
    """
    if layout.axes is None or rows.rotation is None:
        raise ValueError("only a picture of the static space with axes can be turned")
    turning = Turning(rows.rotation)
    vectors = rows.of("before", layout.points)
    moves = layout.points >= len(rows.target)
    offset = layout.axes.mean @ layout.axes.axes
    parts = np.linspace(0, 1, steps)
    places = np.repeat(layout.axes.project(vectors)[None], steps, axis=0)
    for step, part in enumerate(parts):
        # The turn is applied to the two axes in place of all the rows.
        places[step, moves] = vectors[moves] @ (turning.at(float(part)) @ layout.axes.axes) - offset
    return parts, places, turning.mirrored


def neighbors_of(
    point: int, stored: StoredResult, neighbors: int, temperature: float, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """The tokens of the other language that belong to a point in the original space: point numbers and weights.

    Of a target token the neighbours that it mixes under these dials; of a source token the target tokens that it goes
    into, the largest share first.
    """
    known, n_target = stored.candidates, len(stored.target_texts)
    if point < n_target:
        shares = weights(stored, neighbors, temperature, np.array([point]))[0]
        taken = np.flatnonzero(shares)[:count]
        return known.ids[point, taken].astype(np.int64) + n_target, shares[taken]
    rows, places = np.nonzero(known.ids[:, : stored.reach(neighbors)] == point - n_target)
    shares = weights(stored, neighbors, temperature, rows)[np.arange(len(rows)), places]
    order = np.argsort(-np.abs(shares), kind="stable")[:count]
    order = order[shares[order] != 0]
    return rows[order].astype(np.int64), shares[order]


def original_vectors(source: VectorSource, space: Space, points: np.ndarray) -> np.ndarray:
    """Vectors of points as they are, not scaled: for tools that project them themselves."""
    rotation = source.rotation if isinstance(source, StaticSpace) else None
    return MapRows(source.target, source.source, rotation).of(space, points)
