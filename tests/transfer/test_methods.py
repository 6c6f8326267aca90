"""Every method on a vocabulary of a few tokens, against rows worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tests.transfer.vocabularies import materials, rows_of, vectors, vocabulary
from wechsel_core.config import METHODS
from wechsel_core.errors import ConfigError, InputError, ModelError, TextError, TokenizerError
from wechsel_core.transfer.method import Initialisation, Materials, Parts, mixture
from wechsel_core.transfer.registry import check_options, method
from wechsel_core.transfer.result import TokenKind

#: Source rows: bos, then "a", "b" and "c".
SOURCE = vocabulary("<s>", "_a", "_b", "_c")
MATRIX = vectors([9, 9, 9], [1, 0, 2], [0, 1, 4], [5, 5, 0])
A, B = MATRIX[1], MATRIX[2]
#: "a", "b" and bos are shared; "x", "y" and "z" are new.
TARGET = vocabulary("_x", "_a", "_b", "_y", "<s>", "_z")
SHARED = {1: A, 2: B, 4: MATRIX[0]}


def made(name: str, given: Materials) -> Initialisation:
    chosen = method(name)
    chosen.check(given)
    return chosen.initialise(given)


def drawn(matrix: np.ndarray, n_target: int, seed: int = 0) -> np.ndarray:
    """Source-matched Normal rows of every target token."""
    noise = np.random.default_rng(seed).standard_normal((n_target, matrix.shape[1]))
    return (matrix.mean(axis=0) + matrix.std(axis=0) * noise).astype(np.float32)


def check_shared(rows: np.ndarray) -> None:
    for token, row in SHARED.items():
        np.testing.assert_array_equal(rows[token], row)


def test_mean() -> None:
    """Special tokens aside, (9 + 1 + 0 + 5) / 4 and so on."""
    rows = rows_of(made("mean", materials(SOURCE, TARGET)), MATRIX)
    np.testing.assert_allclose(rows[0], [3.75, 3.75, 3.75])


def test_overlap() -> None:
    """Shared tokens and bos keep their rows to the bit, x, y and z are drawn."""
    result = made("overlap", materials(SOURCE, TARGET))
    rows = rows_of(result, MATRIX, seed=3)
    check_shared(rows)
    np.testing.assert_allclose(rows[[0, 3, 5]], drawn(MATRIX, 6, seed=3)[[0, 3, 5]], rtol=1e-6)
    assert result.plan.kind.tolist() == [2, 1, 1, 2, 1, 2]


def test_overlap_without_any() -> None:
    """All but bos is drawn: no error, for nothing else was asked of it."""
    result = made("overlap", materials(SOURCE, vocabulary("_q", "<s>")))
    assert result.plan.kind.tolist() == [TokenKind.FALLBACK, TokenKind.COPIED]


def test_byte_pieces_are_a_kind_of_their_own() -> None:
    source, target = vocabulary(b"\xc3", "_a"), vocabulary("_a", b"\xc3", b"\xe2")
    assert made("overlap", materials(source, target)).plan.kind.tolist() == [
        TokenKind.COPIED, TokenKind.BYTE_PIECE, TokenKind.FALLBACK,
    ]  # fmt: skip


def test_subword_mean() -> None:
    """x is cut into a and b: (A + B) / 2. y into a, a, b: (2 A + B) / 3. z into nothing: drawn."""
    pieces = [(1, 2), (1,), (2,), (1, 1, 2), (), ()]
    result = made("subword-mean", materials(SOURCE, TARGET, pieces=lambda: pieces))
    rows = rows_of(result, MATRIX)
    check_shared(rows)
    np.testing.assert_allclose(rows[0], [0.5, 0.5, 3.0])
    np.testing.assert_allclose(rows[3], [2 / 3, 1 / 3, 8 / 3], rtol=1e-6)
    np.testing.assert_allclose(rows[5], drawn(MATRIX, 6)[5], rtol=1e-6)
    assert result.plan.neighbor_ids[3].tolist() == [1, 2], (
        "a piece that comes twice is one neighbour of twice the weight"
    )


#: a and b at right angles; x between them, y on a; z has no vector.
SPACE = vectors([0.6, 0.8], [1, 0], [0, 1], [3, 0], [0, 0], [0, 0])


@pytest.mark.parametrize("name", ["token_vectors", "target_subwords"])
def test_focus(name: str) -> None:
    """x has cosines 0.6 and 0.8: threshold (1.4 - 1) / 2 = 0.2, so 0.4 A + 0.6 B. y has 1 and 0: A alone. z: drawn."""
    result = made("focus", materials(SOURCE, TARGET, **{name: SPACE}))
    rows = rows_of(result, MATRIX)
    check_shared(rows)
    np.testing.assert_allclose(rows[0], 0.4 * A + 0.6 * B, rtol=1e-6)
    np.testing.assert_allclose(rows[3], A, rtol=1e-6)
    np.testing.assert_allclose(rows[5], drawn(MATRIX, 6)[5], rtol=1e-6)
    plan = result.plan
    assert plan.neighbor_ids[0].tolist() == [2, 1] and plan.neighbor_ids[3].tolist() == [1, -1]
    np.testing.assert_allclose(plan.similarities[0], [0.8, 0.6], rtol=1e-6)
    np.testing.assert_allclose(plan.weights[0], [0.6, 0.4], rtol=1e-6)


def test_focus_takes_token_vectors_before_static_ones() -> None:
    result = made("focus", materials(SOURCE, TARGET, token_vectors=SPACE, target_subwords=SPACE[:, ::-1].copy()))
    np.testing.assert_allclose(rows_of(result, MATRIX)[3], A, rtol=1e-6)


def test_focus_with_anchors_of_no_vector() -> None:
    """b has none: it keeps its row and is part of no other. With none at all there is nothing to combine."""
    space = SPACE.copy()
    space[2] = 0
    rows = rows_of(made("focus", materials(SOURCE, TARGET, token_vectors=space)), MATRIX)
    check_shared(rows)
    np.testing.assert_allclose(rows[0], A, rtol=1e-6)
    space[1] = 0
    with pytest.raises(TextError, match="no shared token has a vector"):
        made("focus", materials(SOURCE, TARGET, token_vectors=space))


def test_focus_refuses_two_spaces() -> None:
    with pytest.raises(ConfigError, match="both an auxiliary text and target vectors"):
        made("focus", materials(SOURCE, TARGET, token_vectors=SPACE, auxiliary_text="x.txt", target_vectors="fr.vec"))


def test_clp() -> None:
    """x: cosines 0.6 and 0.8 sum to 1.4, so 3/7 A + 4/7 B. y: -0.6 and 0.8 sum to 0.2, so 4 B - 3 A. z: drawn."""
    helper = SPACE.copy()
    helper[3] = [-1.2, 1.6]
    result = made("clp", materials(SOURCE, TARGET, helper_rows=helper, helper="h"))
    rows = rows_of(result, MATRIX)
    check_shared(rows)
    np.testing.assert_allclose(rows[0], 3 / 7 * A + 4 / 7 * B, rtol=1e-6)
    np.testing.assert_allclose(rows[3], 4 * B - 3 * A, rtol=1e-5)
    np.testing.assert_allclose(rows[5], drawn(MATRIX, 6)[5], rtol=1e-6)
    np.testing.assert_allclose(result.plan.weights[3], [4, -3], rtol=1e-5)
    np.testing.assert_allclose(result.plan.similarities[3], [0.8, -0.6], rtol=1e-6)


def test_clp_where_the_sum_is_below_zero() -> None:
    """Cosines -1 and 0 sum to -1: all weight on a, from which the token points away."""
    helper = SPACE.copy()
    helper[0] = [-1, 0]
    result = made("clp", materials(SOURCE, TARGET, helper_rows=helper, helper="h"))
    np.testing.assert_allclose(rows_of(result, MATRIX)[0], A, rtol=1e-6)
    np.testing.assert_allclose(np.sort(result.plan.weights[0]), [0, 1], atol=1e-6)


def test_clp_where_similarities_cancel_out() -> None:
    """Cosines 0.7 and -0.7 sum to 0: there are no weights, the row is drawn and the result says so."""
    helper = SPACE.copy()
    helper[0] = [1, -1]
    result = made("clp", materials(SOURCE, TARGET, helper_rows=helper, helper="h"))
    np.testing.assert_allclose(rows_of(result, MATRIX)[0], drawn(MATRIX, 6)[0], rtol=1e-6)
    assert result.notes == (
        "Tokens whose similarities to the shared tokens cancel out, so that their rows are drawn: 1.",
    )
    assert made("clp", materials(SOURCE, TARGET, helper_rows=SPACE, helper="h")).notes == ()


def test_clp_makes_the_row_of_all_shared_tokens() -> None:
    """120 of them, of which the plan names 50: rows and a bias against the formula in plain loops."""
    rng = np.random.default_rng(0)
    names = [f"_w{i}" for i in range(120)]
    source, target = vocabulary("<s>", *names), vocabulary(*names[::-1], "_new", "_other", "<s>")
    helper = (rng.normal(size=(123, 8)) + 1.5).astype(np.float32)
    matrix = rng.normal(size=(121, 5)).astype(np.float32)
    result = made("clp", materials(source, target, helper_rows=helper, helper="h"))
    for part in (matrix, matrix[:, :1]):
        rows = rows_of(result, part)
        for token in (120, 121):
            cosines = [
                helper[token] @ helper[o] / np.linalg.norm(helper[token]) / np.linalg.norm(helper[o])
                for o in range(120)
            ]
            expected = sum(cosine * part[120 - o] for o, cosine in enumerate(cosines)) / sum(cosines)
            np.testing.assert_allclose(rows[token], expected, rtol=1e-4, atol=1e-5)
            assert (result.plan.neighbor_ids[token] >= 0).sum() == 50
            nearest = [120 - int(o) for o in np.argsort(-np.array(cosines), kind="stable")[:50]]
            assert result.plan.neighbor_ids[token].tolist() == nearest


def test_omp() -> None:
    """x is 0.6 a + 0.8 b; y is 3 a; both are met exactly. With one anchor x is 0.8 b alone."""
    rows = rows_of(made("omp", materials(SOURCE, TARGET, helper_rows=SPACE, helper="h")), MATRIX)
    check_shared(rows)
    np.testing.assert_allclose(rows[0], 0.6 * A + 0.8 * B, rtol=1e-6)
    np.testing.assert_allclose(rows[3], 3 * A, rtol=1e-6)
    np.testing.assert_allclose(rows[5], drawn(MATRIX, 6)[5], rtol=1e-6)
    one = made("omp", materials(SOURCE, TARGET, helper_rows=SPACE, helper="h", anchors=1))
    np.testing.assert_allclose(rows_of(one, MATRIX)[0], 0.8 * B, rtol=1e-6)
    assert one.notes == ()


def test_omp_says_that_there_are_fewer_shared_tokens_than_asked_for() -> None:
    result = made("omp", materials(SOURCE, TARGET, helper_rows=SPACE, helper="h", anchors=3))
    assert result.notes == ("Only 2 tokens are shared, so a row is put together from that many, not 3.",)


@pytest.mark.parametrize("name", ["clp", "omp"])
def test_a_helper_of_zeros(name: str) -> None:
    with pytest.raises(ModelError, match="all 2 shared tokens are zero"):
        made(name, materials(SOURCE, TARGET, helper_rows=np.zeros((6, 2), np.float32), helper="h"))


@pytest.mark.parametrize("name", ["focus", "clp", "omp"])
def test_no_shared_token(name: str) -> None:
    """One sentence, from the check alone, before vectors or a helper are read."""
    with pytest.raises(TokenizerError, match=f"no token .* pocket-gpt2 too; expected shared tokens.*{name}"):
        method(name).check(materials(SOURCE, vocabulary("_q", "<s>"), method=name))


#: Static vectors of source and target: x is nearest to c, y lies between a and b.
STATIC = vectors([0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1])
TARGET_STATIC = vectors([0, 0, 2], [0, 0, 0], [0, 0, 0], [1, 1, 0], [0, 0, 0], [0, 0, 0])


def ofa(**given: object) -> Initialisation:
    static = {"source_subwords": STATIC, "target_subwords": TARGET_STATIC}
    return made("ofa", materials(SOURCE, TARGET, **static, **given))  # type: ignore[arg-type]


def test_ofa_of_all_factors_is_the_plain_mixture() -> None:
    """Nothing is lost: x = C at one neighbour, y of two equal ones = (A + B) / 2."""
    rows = rows_of(ofa(factors=3, neighbors=1), MATRIX)
    check_shared(np.round(rows, 5))
    np.testing.assert_allclose(rows[0], MATRIX[3], atol=1e-5)
    rows = rows_of(ofa(factors=3, neighbors=2), MATRIX)
    np.testing.assert_allclose(rows[3], (A + B) / 2, atol=1e-5)


def test_ofa_of_few_factors() -> None:
    """Against numpy's SVD: coordinates U S of the first factors, mixed, drawn from their Normal, times V."""
    _, _, v = np.linalg.svd(MATRIX.astype(np.float64), full_matrices=False)
    v = v[:2] * np.sign(v[:2, np.abs(v[:2]).argmax(axis=1)].diagonal())[:, None]
    coordinates = MATRIX @ v.T  # (4, 2)
    rows = rows_of(ofa(factors=2, neighbors=2), MATRIX, seed=4)
    np.testing.assert_allclose(rows[1], coordinates[1] @ v, atol=1e-5)
    np.testing.assert_allclose(rows[3], (coordinates[1] + coordinates[2]) / 2 @ v, atol=1e-5)
    np.testing.assert_allclose(rows[5], drawn(coordinates, 6, seed=4)[5] @ v, atol=1e-4)
    np.testing.assert_array_equal(rows[4], MATRIX[0], "a special token keeps its row whole")
    assert np.linalg.matrix_rank(np.delete(rows, 4, axis=0), tol=1e-4) == 2


def test_ofa_leaves_a_bias_as_it_is() -> None:
    """One column has one factor: the mixture itself."""
    rows = rows_of(ofa(factors=1, neighbors=2), MATRIX[:, 2:])
    np.testing.assert_allclose(rows[[0, 1, 2, 3, 4], 0], [rows[0, 0], 2, 4, 3, 9], atol=1e-6)


def test_ofa_refuses_more_factors_than_dimensions() -> None:
    with pytest.raises(ConfigError, match="4 factors for embeddings of 3 dimensions"):
        ofa(factors=4)
    assert np.linalg.matrix_rank(np.delete(rows_of(ofa(neighbors=1), MATRIX), 4, axis=0), tol=1e-4) == 1, (
        "a quarter, at least 1"
    )


def test_wechsel_options() -> None:
    """Sparsemax of cosines 0.6 and 0.8 at tau 1 is 0.4 and 0.6; softmax would give 0.45 and 0.55."""
    target = vectors([0.6, 0.8, 0], *[[0, 0, 0]] * 5)
    given = materials(
        SOURCE,
        TARGET,
        source_subwords=STATIC,
        target_subwords=target,
        weighting="sparsemax",
        temperature=1.0,
        neighbors=3,
    )
    rows = rows_of(made("wechsel", given), MATRIX)
    np.testing.assert_allclose(rows[0], 0.4 * A + 0.6 * B, rtol=1e-6)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_says_what_it_is(name: str) -> None:
    """Title, one sentence, a reference with its year; needs and options are fields of the configuration."""
    found = method(name)
    given = materials(SOURCE, TARGET, method=name).config
    assert (
        found.title
        and found.sentence.endswith(".")
        and any(f"({year})" in found.reference for year in range(2020, 2027))
    )
    assert found.needs(given) - {"dictionary"} <= set(found.options) | {"source_vectors", "target_vectors"}
    assert set(found.options) <= set(given.to_dict())


def test_unknown_method_and_unread_option() -> None:
    with pytest.raises(ConfigError, match="method 'x'; expected one of wechsel, clp"):
        method("x")
    given = materials(SOURCE, TARGET, method="mean", anchors=3).config
    with pytest.raises(InputError, match="anchors with method mean, which does not read it; expected it with omp"):
        check_options(given)


def test_a_mixture_in_order_of_similarity() -> None:
    """Parts are stored by falling similarity, copies win over parts, and a token of no parts is drawn."""
    mixed = {
        0: Parts([3, 1, 2], [0.2, 0.5, 0.3], [0.1, 0.9, 0.5]),
        1: Parts([3], [1.0]),
        3: Parts([], []),
        5: Parts([2, 3], [-1, 2]),
    }
    plan = mixture(materials(SOURCE, TARGET), mixed, copied={1: 1})
    assert plan.neighbor_ids.tolist() == [[1, 2, 3], [1, -1, -1], [-1] * 3, [-1] * 3, [0, -1, -1], [3, 2, -1]]
    np.testing.assert_allclose(plan.weights[[0, 5]], [[0.5, 0.3, 0.2], [2, -1, 0]])
    np.testing.assert_allclose(plan.similarities[[0, 1]], [[0.9, 0.5, 0.1], [1, 0, 0]])
    assert plan.kind.tolist() == [0, 1, 2, 2, 1, 0]
