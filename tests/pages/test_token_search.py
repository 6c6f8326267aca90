"""Finding tokens: text, regular expressions that mean harm, filters, order."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ui.search import LONGEST_PATTERN, ORDERS, PatternError, Query, positions

TOKENS = pd.DataFrame(
    {
        "target_id": range(7),
        "token": ["Ġge", "gen", "Ġallgemein", "<s>", "Ã", "Ġ猫", "a\nb"],
        "text": [" ge", "gen", " Allgemein", "<s>", None, " 猫", "a\nb"],
        "kind": ["mixed", "mixed", "mixed", "copied", "byte piece", "mixed", "mixed"],
        "similarity": np.array([0.5, 0.9, -0.2, 1, np.nan, 0.7, 0.1], np.float32),
        "effective_neighbors": np.array([3, 2, 9, 1, 1, 5, 0], np.float32),
        "top_weight": np.array([0.5, 0.6, 0.2, 1, 1, 0.3, 0], np.float32),
    }
)


def found(words: str = "", **options: object) -> list[int]:
    return positions(TOKENS, Query(words, **options)).tolist()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", [0, 1, 2, 3, 4, 5, 6]),
        ("ge", [0, 1, 2]),
        (" GE ", [0, 1, 2]),
        ("gen", [1]),
        ("g", [0, 1, 2]),
        ("ġge", [0]),
        ("猫", [5]),
        ("#3", [3]),
        ("#99", []),
        ("#٣", []),
        (".*", []),
        ("(", []),
        ("<s", [3]),
    ],
)
def test_plain_text(words: str, expected: list[int]) -> None:
    assert found(words) == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("^gen?$", [1]), ("^ ge", [0]), ("^Ġ", [0, 2, 5]), (r"\p{Han}", [5]), ("GE", [0, 1, 2]), ("a.b", []), ("#3", [])],
)
def test_regular_expression(pattern: str, expected: list[int]) -> None:
    assert found(pattern, regex=True) == expected


@pytest.mark.parametrize("pattern", ["(", "[", "*", r"\1", "(?=a)", "(a)(?<!b)", r"(a)\1", "a{1001}", "\\", "a" * 201])
def test_what_is_no_pattern_is_told(pattern: str) -> None:
    with pytest.raises(PatternError):
        found(pattern, regex=True)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)*b", "(.*)*x", "((a{0,9}){0,9}){0,9}z"])
def test_no_pattern_takes_long(pattern: str) -> None:
    """A backtracking engine would need longer than the sun has: the test ends, and that is what it shows."""
    many = TOKENS.iloc[:1].assign(text="a" * 5000 + "!", token="a" * 5000 + "!")
    assert len(pattern) <= LONGEST_PATTERN
    assert positions(many, Query(pattern, regex=True)).tolist() == []


def test_filters_and_kinds() -> None:
    assert found(kind="mixed", ranges=(("similarity", 0.4, 1e9),)) == [0, 1, 5]
    assert found(ranges=(("similarity", -1e9, 0.1),)) == [2, 6]
    assert found(ranges=(("effective_neighbors", 2, 5), ("top_weight", 0.5, 1))) == [0, 1]


def test_orders_put_what_has_no_figure_last() -> None:
    assert found(order="similarity") == [2, 6, 0, 5, 1, 3, 4]
    assert found(order="-similarity") == [3, 1, 5, 0, 6, 2, 4]
    assert found(order="effective")[0] == 6
    assert found(order="-effective")[0] == 2
    assert all(sorted(found(order=order)) == list(range(7)) for order in ORDERS)
