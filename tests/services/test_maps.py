"""The map's points: samples, what is known of them, layouts and their cache, pairs, neighbours; truth by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.memory_vectors import random_rotation
from wechsel_core.results import Candidates, StaticSpace
from wechsel_core.services import map_pairs, maps, reweight, rows, static_space
from wechsel_core.services.reweight import StoredResult
from wechsel_core.transfer.result import TokenKind

Made = Callable[..., Path]
N_TARGET, N_SOURCE, DIM = 6, 4, 5


@pytest.fixture
def stored() -> StoredResult:
    """Six target tokens (0 copied, 4 fallback) and four source tokens, two candidates each."""
    ids = np.array([[3, -1], [0, 1], [1, 0], [2, 0], [-1, -1], [0, 2]], dtype=np.int32)
    similarities = np.array([[1, 0], [0.9, 0.5], [0.8, 0.7], [0.6, 0.1], [0, 0], [0.95, 0.2]], dtype=np.float32)
    weights = np.array([[1, 0], [0.7, 0.3], [0.6, 0.4], [1, 0], [0, 0], [0.9, 0.1]], dtype=np.float32)
    kind = np.full(N_TARGET, TokenKind.MIXED, dtype=np.uint8)
    kind[0], kind[4] = TokenKind.COPIED, TokenKind.FALLBACK

    def words(*given: str) -> np.ndarray:
        return np.array(given, dtype=object)

    return StoredResult(
        Candidates(ids, similarities, weights, kind),
        words(" house", " home", "ing", "<|end|>"),
        words("Ġhouse", "Ġhome", "ing", "<|end|>"),
        words("<|end|>", " Haus", " Дом", "家", "123", "haus"),
        words("<|end|>", "ĠHaus", "ĠÐĶÐ¾Ð¼", "家", "123", "haus"),
        2,
        0.1,
    )


@pytest.fixture
def space() -> StaticSpace:
    rng = np.random.default_rng(0)
    source, rotation = rng.normal(size=(N_SOURCE, DIM)), random_rotation(DIM, 3)
    target = rng.normal(size=(N_TARGET, DIM))
    target[1] = 3 * source[0] @ rotation  # " Haus" is " house", only longer
    target[4] = 0
    return StaticSpace(*(part.astype(np.float32) for part in (source, target, rotation)))


def test_vocabularies_by_hand(stored: StoredResult) -> None:
    frame = maps.vocabularies(stored)
    assert list(frame["key"]) == ["t0", "t1", "t2", "t3", "t4", "t5", "s0", "s1", "s2", "s3"]
    assert list(frame["script"][:6]) == ["Latin", "Latin", "Cyrillic", "Chinese", "no letter", "Latin"]
    assert list(frame["word_initial"]) == [False, True, True, False, False, False, True, True, False, False]
    assert list(frame["kind"]) == ["copied", "mixed", "mixed", "mixed", "fallback", "mixed"] + ["source"] * 4
    # Of " house": "haus" at 0.95 is nearer than " Haus" at 0.9.
    assert list(frame["nearest"]) == [9, 6, 7, 8, -1, 6, 5, 2, 3, 0]
    np.testing.assert_allclose(frame["similarity"], [1, 0.9, 0.8, 0.6, np.nan, 0.95, 0.95, 0.8, 0.6, 1], rtol=1e-6)
    assert set(frame["band"]) == {"1–100"}


@pytest.mark.parametrize(
    ("token_id", "band"),
    [
        (0, "1–100"),
        (99, "1–100"),
        (100, "101–1,000"),
        (999, "101–1,000"),
        (4999, "1,001–5,000"),
        (20000, "above 20,000"),
    ],
)
def test_bands_count_from_one(token_id: int, band: str) -> None:
    assert maps.BAND_NAMES[int(np.searchsorted(maps.BANDS, token_id + 1))] == band


@pytest.mark.parametrize(
    ("text", "script"),
    [
        (" Haus", "Latin"),
        ("«été", "Latin"),
        ("بيت", "Arabic"),
        ("ひら", "Hiragana"),
        ("ⵣ", "other script"),
        ("", "no letter"),
    ],
)
def test_script_is_that_of_the_first_letter(text: str, script: str) -> None:
    assert maps.script_of(text) == script


@pytest.mark.parametrize("bad", ["", "t", "s", "x1", "t6", "s4", "t-1", "t٣", "t1e1", "t" + "9" * 30, "1", "<script>"])
def test_keys_of_no_token(bad: str) -> None:
    assert maps.point_of(bad, N_TARGET, N_SOURCE) is None


def test_keys() -> None:
    assert maps.point_of("t5", N_TARGET, N_SOURCE) == 5
    assert maps.point_of("s0", N_TARGET, N_SOURCE) == 6


def test_samples_are_half_and_half_and_nested() -> None:
    small, large = maps.sample_points(500, 700, 100, 1), maps.sample_points(500, 700, 400, 1)
    assert (small < 500).sum() == 50 == (small >= 500).sum()
    assert set(small) <= set(large) and (np.diff(large) > 0).all()
    assert set(maps.sample_points(500, 700, 100, 2)) != set(small)


@pytest.mark.parametrize(("size", "n_target", "n_source"), [(100, 10, 90), (1000, 10, 700), (90, 700, 20)])
def test_a_small_language_leaves_the_rest_to_the_other(size: int, n_target: int, n_source: int) -> None:
    points = maps.sample_points(n_target, n_source, size, 0)
    assert len(points) == min(size, n_target + n_source)
    assert len(np.unique(points)) == len(points) and points.max() < n_target + n_source


def test_static_rows_are_directions_and_aligned_pairs_meet(space: StaticSpace) -> None:
    drawn = maps.static_rows(space)
    pair = np.array([1, N_TARGET])
    after, before = drawn.of("after", pair), drawn.of("before", pair)
    np.testing.assert_allclose(after[0], after[1], atol=1e-6)
    np.testing.assert_allclose(before[1], space.source[0] / np.linalg.norm(space.source[0]), atol=1e-6)
    np.testing.assert_array_equal(after[0], before[0])
    assert list(drawn.drawable(np.arange(N_TARGET + N_SOURCE))) == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    with pytest.raises(ValueError, match="read-only"):
        drawn.target[0] = 1


def test_before_and_after_have_one_pair_of_axes(space: StaticSpace) -> None:
    drawn = maps.static_rows(space)
    points = drawn.drawable(np.arange(N_TARGET + N_SOURCE))
    before, after = (maps.pca_layout(drawn, when, points) for when in ("before", "after"))  # type: ignore[arg-type]
    assert before.axes is not None and after.axes is not None
    np.testing.assert_array_equal(before.axes.axes, after.axes.axes)
    target = points < N_TARGET
    np.testing.assert_allclose(before.places[target], after.places[target], atol=1e-6)
    assert not np.allclose(before.places[~target], after.places[~target], atol=1e-2)


def test_turning_starts_before_and_ends_after(space: StaticSpace) -> None:
    drawn = maps.static_rows(space)
    points = drawn.drawable(np.arange(N_TARGET + N_SOURCE))
    before, after = (maps.pca_layout(drawn, when, points) for when in ("before", "after"))  # type: ignore[arg-type]
    parts, places, mirrored = maps.turning_places(drawn, before, 5)
    np.testing.assert_allclose(parts, [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(places[0], before.places, atol=1e-5)
    np.testing.assert_allclose(places[-1], after.places, atol=1e-5)
    assert np.ptp(places[:, points < N_TARGET], axis=0).max() == 0
    assert mirrored == (np.linalg.det(space.rotation) < 0)


def test_further_points_join_a_picture_on_its_axes(space: StaticSpace) -> None:
    drawn = maps.static_rows(space)
    layout = maps.pca_layout(drawn, "after", np.array([0, 2, 3, 7, 8]))
    more = maps.extended(layout, drawn, "after", np.array([1, 4, 6, 2]))
    assert list(more.points) == [0, 2, 3, 7, 8, 1, 6]  # 4 has no vector, 2 is there
    np.testing.assert_array_equal(more.places[:5], layout.places)
    np.testing.assert_allclose(more.places[5], more.places[6], atol=1e-5)  # " Haus" lies on " house"
    assert maps.extended(layout, drawn, "after", np.array([], dtype=np.int64)) is layout


# --- UMAP's cache -------------------------------------------------------------------------------------------------


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[int]:
    """UMAP replaced by a count of its calls, in an empty cache."""
    monkeypatch.setenv("WECHSEL_HOME", str(tmp_path))
    calls: list[int] = []

    def layout(vectors: np.ndarray, **options: object) -> np.ndarray:
        calls.append(len(vectors))
        return np.arange(2 * len(vectors), dtype=np.float32).reshape(-1, 2)

    monkeypatch.setattr(maps, "umap_layout", layout)
    return calls


def test_umap_is_kept_by_content(space: StaticSpace, counted: list[int]) -> None:
    drawn, points, given = maps.static_rows(space), np.array([0, 1, 6, 7]), maps.UmapParameters()
    first = maps.prepared_umap(drawn, "before", points, given)
    again = maps.prepared_umap(maps.static_rows(space), "before", points, given)
    np.testing.assert_array_equal(first.places, again.places)
    assert counted == [4]
    for other in (maps.UmapParameters(seed=1), maps.UmapParameters(min_dist=0.2), maps.UmapParameters(n_neighbors=3)):
        maps.prepared_umap(drawn, "before", points, other)
    maps.prepared_umap(drawn, "after", points, given)
    maps.prepared_umap(drawn, "before", points[:3], given)
    assert counted == [4, 4, 4, 4, 4, 3]
    # Target tokens alone are the same before and after: one picture serves both.
    assert maps.umap_file(drawn, "before", points[:2], given) == maps.umap_file(drawn, "after", points[:2], given)


@pytest.mark.parametrize("damage", [b"", b"junk", b"\x93NUMPY\x01\x00"])
def test_damaged_umap_is_made_again(space: StaticSpace, counted: list[int], damage: bytes) -> None:
    drawn, points, given = maps.static_rows(space), np.array([0, 1, 6]), maps.UmapParameters()
    maps.prepared_umap(drawn, "before", points, given)
    maps.umap_file(drawn, "before", points, given).write_bytes(damage)
    assert maps.prepared_umap(drawn, "before", points, given).places.shape == (3, 2)
    assert counted == [3, 3]
    assert [path.suffix for path in maps.umap_file(drawn, "before", points, given).parent.iterdir()] == [".npy"]


# --- neighbours and pairs ------------------------------------------------------------------------------------------


def test_neighbors_come_from_the_original_space(stored: StoredResult) -> None:
    points, weights = maps.neighbors_of(1, stored, 2, 0.1, 10)
    assert list(points) == [6, 7] and weights == pytest.approx([0.7, 0.3])
    points, weights = maps.neighbors_of(6, stored, 2, 0.1, 10)  # " house" goes into "haus", " Haus", " Дом"
    assert list(points) == [5, 1, 2] and weights == pytest.approx([0.9, 0.7, 0.4])
    assert list(maps.neighbors_of(6, stored, 2, 0.1, 1)[0]) == [5]
    assert len(maps.neighbors_of(4, stored, 2, 0.1, 10)[0]) == 0


def test_neighbors_follow_the_dials(stored: StoredResult) -> None:
    points, weights = maps.neighbors_of(1, stored, 1, 0.5, 10)
    assert list(points) == [6] and weights == pytest.approx([1])
    _, weights = maps.neighbors_of(1, stored, 2, 0.4, 10)
    assert weights == pytest.approx([1 / (1 + np.exp(-1)), 1 / (1 + np.exp(1))], rel=1e-5)


def test_pairs_of_a_real_result(made: Made) -> None:
    """Pairs by plain loops over the dictionary; the planted rotation brings them together."""
    folder = made()
    stored, space = reweight.open_stored_in(folder), static_space.static_space_in(folder)
    frame, drawn = maps.vocabularies(stored), maps.static_rows(space)
    import wechsel_core.services.map_pairs as module

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "result_folder", lambda result_id: folder)
        pairs = map_pairs.dictionary_pairs("result", frame, drawn)
    assert len(pairs) and pairs["target"].is_unique and pairs["source"].is_unique
    known = {tuple(line.split("\t")) for line in _dictionary(folder)}
    for pair in pairs.itertuples():
        english, french = frame["text"][pair.source], frame["text"][pair.target]
        assert english.startswith(" ") and french.startswith(" ")
        assert (english.strip().lower(), french.strip().lower()) in known
        a, b = space.source[pair.source - len(space.target)], space.target[pair.target]
        cosine = a @ space.rotation @ b / np.linalg.norm(a) / np.linalg.norm(b)
        assert pair.cosine_after == pytest.approx(cosine, abs=1e-4)
        assert pair.length_after == pytest.approx(np.sqrt(2 - 2 * cosine), abs=1e-3)
    assert pairs["length_after"].mean() < pairs["length_before"].mean()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "result_folder", lambda result_id: folder)
        pd.testing.assert_frame_equal(map_pairs.dictionary_pairs("result", frame, drawn, limit=3), pairs.head(3))


def _dictionary(folder: Path) -> list[str]:
    import json

    return Path(json.loads((folder / "wechsel.json").read_text())["config"]["dictionary"]).read_text().splitlines()


# --- the model's space ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["gpt2", "roberta"])
@pytest.mark.parametrize("compat", [None, "reference"])
def test_model_rows_are_the_results_own(made: Made, model: str, compat: str | None) -> None:
    from tests.services.rows import input_rows

    folder = made(model, compat=compat)
    found = rows.model_rows_in(folder)
    expected = input_rows(folder)
    np.testing.assert_allclose(found.target, expected[: len(found.target)], atol=1e-6)
    assert not found.target.flags.writeable and not found.source.flags.writeable


def test_changed_source_model_is_refused(made: Made, tmp_path: Path) -> None:
    import json
    import shutil

    from wechsel_core.errors import OutputError

    folder = tmp_path / "result"
    shutil.copytree(made(), folder)
    manifest = json.loads((folder / "wechsel.json").read_text("utf-8"))
    for change, words in (("sha256", "has changed"), ("source", "cannot be opened again")):
        other = json.loads(json.dumps(manifest))
        if change == "sha256":
            other["inputs"]["source_model"]["sha256"] = "0" * 64
        else:
            other["config"]["source"] = str(tmp_path / "gone")
        (folder / "wechsel.json").write_text(json.dumps(other), "utf-8")
        with pytest.raises(OutputError, match=words):
            rows.model_rows_in(folder)


def test_dials_move_the_mixed_rows_alone(made: Made) -> None:
    folder = made()
    stored, own = reweight.open_stored_in(folder), rows.model_rows_in(folder)
    drawn = maps.MapRows(own.target, own.source, None)
    points = np.arange(len(own.target) + len(own.source))
    layout = maps.pca_layout(drawn, "model", points)
    same = maps.reweighted(layout, own, stored, stored.neighbors, stored.temperature)
    np.testing.assert_allclose(same.places, layout.places, atol=1e-5)
    nearest = maps.reweighted(layout, own, stored, 1, 0.1)
    mixed = np.flatnonzero(stored.mixed)
    first = stored.candidates.ids[mixed, 0] + len(own.target)
    np.testing.assert_allclose(nearest.places[mixed], layout.places[first], atol=1e-5)
    others = np.setdiff1d(points, mixed)
    np.testing.assert_allclose(nearest.places[others], layout.places[others], atol=1e-5)
