"""Dictionaries: reading every shape of file, coverage counts, and the multiplicity of case variants."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.memory_vectors import MemoryVectors
from wechsel_core.dictionaries import (
    CaseVariants,
    Coverage,
    Forms,
    coverage,
    forms_of,
    paired_rows,
    read_dictionary,
    sampled,
    variants,
)
from wechsel_core.errors import DictionaryError, InputError
from wechsel_core.types import BilingualDictionary


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "pairs.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def numbered(*words: str) -> MemoryVectors:
    """Word i has the vector (i + 1, 0): a row tells which word it is."""
    return MemoryVectors(words, [[i + 1, 0] for i in range(len(words))])


def forms(pairs: Sequence[tuple[str, str]], *stores: MemoryVectors) -> list[Forms]:
    return [forms_of([pair[side] for pair in pairs], stores[side]) for side in (0, 1)]


def covered(dictionary: BilingualDictionary, source: MemoryVectors, target: MemoryVectors) -> Coverage:
    return coverage(dictionary, *forms(dictionary.pairs, source, target))


def rows_of(
    pairs: Sequence[tuple[str, str]], source: MemoryVectors, target: MemoryVectors, *, case_variants: CaseVariants
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return paired_rows(*forms(pairs, source, target), source, target, case_variants=case_variants)


def counted(pairs: list[tuple[str, str]], source: MemoryVectors, target: MemoryVectors, case_variants: str) -> Counter:
    """How often each (source word, target word) came out of ``paired_rows``."""
    rows = rows_of(pairs, source, target, case_variants=case_variants)
    numbers = zip(rows[0][:, 0].astype(int), rows[1][:, 0].astype(int), strict=True)
    return Counter((source.words[a - 1], target.words[b - 1]) for a, b in numbers)


# --- reading -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "pairs"),
    [
        ("dog\tchien\ncat\tchat\n", [("dog", "chien"), ("cat", "chat")]),
        ("dog chien\ncat   chat\n", [("dog", "chien"), ("cat", "chat")]),
        ("\ufeffdog\tchien\n", [("dog", "chien")]),
        ("dog\tchien\r\ncat\tchat\r\n", [("dog", "chien"), ("cat", "chat")]),
        ("\n  \ndog\tchien\n\n", [("dog", "chien")]),
        ("dog\tchien", [("dog", "chien")]),
        (" dog \t chien \n", [("dog", "chien")]),
        ("ice cream\tcrème glacée\ndog\tchien\n", [("ice cream", "crème glacée"), ("dog", "chien")]),
        ("dog\t狗\nDog\t狗\n", [("dog", "狗"), ("Dog", "狗")]),
    ],
    ids=["tab", "muse", "bom", "crlf", "blank-lines", "no-last-newline", "padded", "multiword", "case-kept"],
)
def test_reads(tmp_path: Path, content: str, pairs: list[tuple[str, str]]) -> None:
    path = written(tmp_path, content)
    dictionary = read_dictionary(path)
    assert list(dictionary.pairs) == pairs and dictionary.name == "pairs.txt"
    assert dictionary.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_repeated_pairs_are_dropped_in_file_order(tmp_path: Path) -> None:
    """A pair that stands twice would weigh twice; two translations of one word are two pairs."""
    dictionary = read_dictionary(written(tmp_path, "b\ty\na\tx\nb\ty\nb\tz\na\tx\n"))
    assert dictionary.pairs == (("b", "y"), ("a", "x"), ("b", "z"))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("dog,chien\ncat,chat\n", "line 1"),
        ("dog;chien\n", "line 1"),
        ("dog\tchien\ncat chat\n", "line 2"),
        ("dog\tchien\textra\n", "line 1"),
        ("dog\tchien\ncat\t\n", "line 2"),
        ("dog\tchien\n\n\n\tchat\n", "line 4"),
        ("ice cream crème\n", "line 1"),
        ("", "no word pair"),
        ("\n \n\t\n", "no word pair"),
        ("\ufeff\n", "no word pair"),
        ("dog\tétoile\n".encode("latin-1"), "not UTF-8 (byte 4)"),
        ("dog\tchien\n".encode("utf-16"), "not UTF-8 (byte 0)"),
    ],
    ids=["comma", "semicolon", "mixed", "three", "no-target", "no-source", "muse-multiword", "empty", "blank",
         "bom-alone", "latin-1", "utf-16"],
)  # fmt: skip
def test_refused_with_its_place(tmp_path: Path, content: str | bytes, says: str) -> None:
    """The message names the line or byte, what was expected and what to do; the exit code is that of bad input."""
    with pytest.raises(DictionaryError) as caught:
        read_dictionary(written(tmp_path, content))
    assert says in str(caught.value) and caught.value.exit_code == 2
    assert isinstance(caught.value, InputError) and caught.value.expected and caught.value.remedy


@pytest.mark.parametrize("name", ["missing.txt", "."])
def test_missing_file_or_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(DictionaryError, match="no readable dictionary"):
        read_dictionary(tmp_path / name)


# --- coverage ----------------------------------------------------------------------------------------------------


def test_coverage_counts_by_hand() -> None:
    """Seven pairs: three usable (one through lower case, one through title case), one multiword, two with an
    unknown source (the one with both unknown counts there alone), one with an unknown target.
    """
    source, target = numbered("dog", "cat", "Paris"), numbered("chien", "paris", "chat")
    pairs = (
        ("dog", "chien"), ("CAT", "chat"), ("paris", "PARIS"),
        ("ice cream", "glace"), ("fox", "chien"), ("fox", "renard"), ("dog", "toutou"),
    )  # fmt: skip
    found = covered(BilingualDictionary(pairs, "d", ""), source, target)
    assert found.usable.tolist() == [0, 1, 2] and found.n_offered == 7
    assert (found.n_multiword, found.n_source_unknown, found.n_target_unknown) == (1, 2, 1)


def test_coverage_counts_add_up_when_nothing_is_known() -> None:
    pairs = (("a b", "c"), ("d", "e"), ("f", "g h"))
    found = covered(BilingualDictionary(pairs, "d", ""), numbered("x"), numbered("y"))
    assert len(found.usable) == 0 and (found.n_multiword, found.n_source_unknown, found.n_target_unknown) == (2, 1, 0)


def test_known_multiword_entry_is_usable() -> None:
    """Some vocabularies hold "New York"; the pair then counts as usable, not as multiword."""
    found = covered(BilingualDictionary((("New York", "y"),), "d", ""), numbered("New York"), numbered("y"))
    assert found.usable.tolist() == [0] and found.n_multiword == 0


@settings(max_examples=50, deadline=None, derandomize=True)
@given(pairs=st.lists(st.tuples(*[st.sampled_from(["a", "B", "Cd", "e f", "zz", "QQ"])] * 2), unique=True))
def test_coverage_counts_always_add_up(pairs: list[tuple[str, str]]) -> None:
    dictionary = BilingualDictionary(tuple(pairs), "d", "")
    found = covered(dictionary, numbered("a", "b", "cd"), numbered("A", "zz", "Cd"))
    parts = len(found.usable), found.n_multiword, found.n_source_unknown, found.n_target_unknown
    assert sum(parts) == found.n_offered == len(pairs) and (np.diff(found.usable) > 0).all()


# --- case variants -----------------------------------------------------------------------------------------------


def test_variants() -> None:
    assert variants("dog") == ("dog", "dog", "Dog")
    assert variants("USA") == ("USA", "usa", "Usa")
    assert variants("狗") == ("狗", "狗", "狗")


EN, FR = numbered("dog", "Dog", "DOG"), numbered("chien", "Chien", "CHIEN")


def test_lowercase_pair_by_hand() -> None:
    """dog: (dog, dog, Dog) x (chien, chien, Chien) = 9 lookups in the reference, weighing 4 : 2 : 2 : 1."""
    expected = {("dog", "chien"): 4, ("dog", "Chien"): 2, ("Dog", "chien"): 2, ("Dog", "Chien"): 1}
    assert counted([("dog", "chien")], EN, FR, "reference") == expected
    assert counted([("dog", "chien")], EN, FR, "unique") == dict.fromkeys(expected, 1)


def test_title_pair_by_hand() -> None:
    """Dog: as it is and title case are one: (Dog, dog, Dog) twice, so 4 for the capitals and 1 for lower case."""
    assert counted([("Dog", "Chien")], EN, FR, "reference") == {
        ("Dog", "Chien"): 4, ("Dog", "chien"): 2, ("dog", "Chien"): 2, ("dog", "chien"): 1,
    }  # fmt: skip


def test_upper_pair_has_nine_different_combinations() -> None:
    both = [counted([("DOG", "CHIEN")], EN, FR, name) for name in ("reference", "unique")]
    assert both[0] == both[1] and len(both[0]) == 9 and set(both[0].values()) == {1}


def test_script_without_case_by_hand() -> None:
    """狗 is its own lower and title case: three lookups of it for each of dog, dog, Dog."""
    assert counted([("dog", "狗")], EN, numbered("狗"), "reference") == {("dog", "狗"): 6, ("Dog", "狗"): 3}
    assert counted([("dog", "狗")], EN, numbered("狗"), "unique") == {("dog", "狗"): 1, ("Dog", "狗"): 1}


def test_only_known_variants_take_part() -> None:
    """Where "Dog" is unknown, only dog x chien (4) and dog x Chien (2) are left."""
    assert counted([("dog", "chien")], numbered("dog"), FR, "reference") == {("dog", "chien"): 4, ("dog", "Chien"): 2}
    assert counted([("fox", "chien")], EN, FR, "reference") == {}


def test_two_pairs_that_share_a_variant_count_twice() -> None:
    """Mode "unique" is once a pair: "dog" and "Dog" are two entries of the dictionary."""
    assert counted([("dog", "chien"), ("Dog", "Chien")], EN, FR, "unique")["dog", "chien"] == 2


@pytest.mark.parametrize("case_variants", ["unique", "reference"])
def test_rows_are_paired_in_order(case_variants: str) -> None:
    """No row at all keeps its form; DOG alone against all three of CHIEN: rows 3, 1, 2, all of pair 1, after a pair
    without rows."""
    source, target, pair = rows_of([("DOG", "x")], numbered("DOG"), FR, case_variants=case_variants)
    assert source.shape == target.shape == (0, 2)
    assert source.dtype == target.dtype == np.float32
    assert pair.shape == (0,)
    pairs = [("DOG", "x"), ("DOG", "CHIEN"), ("dog", "CHIEN")]
    source, target, pair = rows_of(pairs, numbered("DOG"), FR, case_variants=case_variants)
    assert source[:, 0].tolist() == [1, 1, 1]
    assert target[:, 0].tolist() == [3, 1, 2]
    assert pair.tolist() == [1, 1, 1] and pair.dtype == np.int64


@settings(max_examples=30, deadline=None, derandomize=True)
@given(pairs=st.lists(st.tuples(*[st.sampled_from(["dog", "Dog", "DOG", "chien", "x"])] * 2), max_size=6))
def test_pair_of_row_names_the_pair(pairs: list[tuple[str, str]]) -> None:
    """All pairs at once are the pairs one by one, each row under its pair's number."""
    known = numbered("dog", "Dog", "chien", "CHIEN")
    for case_variants in ("unique", "reference"):
        source, target, pair = rows_of(pairs, known, known, case_variants=case_variants)
        for number, one in enumerate(pairs):
            alone = rows_of([one], known, known, case_variants=case_variants)
            np.testing.assert_array_equal(source[pair == number], alone[0])
            np.testing.assert_array_equal(target[pair == number], alone[1])
        assert len(source) == len(target) == len(pair) and (np.diff(pair) >= 0).all()


def test_reference_equals_its_loops() -> None:
    """The package's own nested loops over random words, rows in its order."""
    rng, stock = np.random.default_rng(0), ["ab", "Ab", "AB", "c", "C", "éa", "Éa", "x"]
    pairs = [tuple(rng.choice(stock, 2)) for _ in range(30)]
    source, target = numbered(*rng.permutation(stock)[:5]), numbered(*rng.permutation(stock)[:5])
    expected = [
        (source.word_vectors([a])[0], target.word_vectors([b])[0])
        for first, second in pairs
        for a in (first, first.lower(), first.title())
        for b in (second, second.lower(), second.title())
        if a in source.words and b in target.words
    ]
    rows = rows_of(pairs, source, target, case_variants="reference")
    np.testing.assert_array_equal(np.stack(rows[:2], axis=1), np.array(expected))


def test_a_sample_of_the_pairs() -> None:
    """In file order; a larger sample of a seed holds the smaller one; another seed draws others."""
    whole = BilingualDictionary(tuple((f"e{i}", f"f{i}") for i in range(50)), "made", "0" * 64)
    samples = [sampled(whole, size, 3).pairs for size in (5, 20, 49)]
    assert [len(pairs) for pairs in samples] == [5, 20, 49]
    for pairs in samples:
        assert list(pairs) == [pair for pair in whole.pairs if pair in set(pairs)]
    assert set(samples[0]) < set(samples[1]) < set(samples[2])
    assert sampled(whole, 5, 3).pairs == samples[0] != sampled(whole, 5, 4).pairs


def test_a_sample_says_what_it_is() -> None:
    """Name and hash differ by size and seed; all pairs or more are the dictionary itself."""
    whole = BilingualDictionary((("a", "b"), ("c", "d"), ("e", "f")), "made", "0" * 64)
    assert sampled(whole, None, 0) is whole is sampled(whole, 3, 0) is sampled(whole, 9, 0)
    assert sampled(whole, 2, 0).name == "made (2 pairs)"
    assert len({sampled(whole, size, seed).sha256 for size in (1, 2) for seed in (0, 1)} | {whole.sha256}) == 5


def test_forms_say_where_each_is_and_which_is_the_most_frequent() -> None:
    found = forms_of(["DOG", "ab", "no"], numbered("Dog", "dog", "DOG", "ab"))
    assert found.texts.tolist() == [["DOG", "dog", "Dog"], ["ab", "ab", "Ab"], ["no", "no", "No"]]
    assert found.index.tolist() == [[2, 1, 0], [3, 3, -1], [-1, -1, -1]]
    assert found.most_frequent == ["Dog", "ab", "no"]
    assert found.of(np.array([1])).texts.tolist() == [["ab", "ab", "Ab"]]
