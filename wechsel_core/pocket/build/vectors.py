"""Static vectors of the five pocket languages: skip-gram with character n-grams, on the builder's text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

DIMENSION = 100
BUCKETS = 40_000
KEPT_WORDS = 14_000
KEPT_BUCKETS = 20_000
EPOCHS = {"en": 6, "fr": 9, "de": 7, "zh": 9, "sw": 25}
MINIMUM_COUNT = {"en": 5, "fr": 4, "de": 4, "zh": 4, "sw": 2}
#: English text used, in bytes: beyond it come dictionary definitions, which no other language has.
ENGLISH_BYTES = 20_000_000
_TOKEN = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\d+|[^\w\s]", re.UNICODE)


def split_words(line: str, language: str) -> list[str]:
    """Words, numbers and single marks of a line; Chinese is segmented with jieba."""
    if language != "zh":
        return _TOKEN.findall(line.replace("’", "'"))
    import jieba

    return [word for word in jieba.cut(line) if word.strip()]


def write_words(corpora: Path, language: str, out: Path) -> None:
    """Write the training text as white-space separated words, the form that fastText reads."""
    text = (corpora / f"{language}.train.txt").read_text("utf-8")
    if language == "en":
        text = text.encode()[:ENGLISH_BYTES].decode(errors="ignore")
    with out.open("w", encoding="utf-8") as file:
        for line in text.splitlines():
            file.write(" ".join(split_words(line, language)) + "\n")


def train_vectors(corpora: Path, language: str, out: Path) -> None:
    """Train and write ``<language>.bin`` and its parameters.

    gensim with one worker repeats exactly; fastText's own trainer ended in "Encountered NaN" on the English text with
    one thread, and does not repeat with several.
    """
    from gensim.models import FastText
    from gensim.models.fasttext import save_facebook_model

    out.mkdir(parents=True, exist_ok=True)
    words = out / f"{language}.words.txt"
    write_words(corpora, language, words)
    minn, maxn = (1, 3) if language == "zh" else (3, 5)
    parameters = {
        "sg": 1, "vector_size": DIMENSION, "window": 5, "min_count": MINIMUM_COUNT[language], "negative": 8,
        "sample": 1e-4, "alpha": 0.05, "min_n": minn, "max_n": maxn, "bucket": BUCKETS, "epochs": EPOCHS[language],
        "workers": 1, "seed": 1,
    }  # fmt: skip
    model = FastText(sentences=_Sentences(words), **parameters)
    save_facebook_model(model, str(out / f"{language}.bin"))
    (out / f"{language}.json").write_text(json.dumps(parameters, indent=1))


class _Sentences:
    """Lines of a file as word lists, again for every epoch."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __iter__(self) -> Iterator[list[str]]:
        with self.path.open(encoding="utf-8") as file:
            for line in file:
                yield line.split()


def prune(trained: Path, language: str, out: Path) -> None:
    """Keep the most frequent words and the n-grams that matter, centred, as float16, in ``out/<language>``.

    The mean vector of the 5,000 most frequent words is taken off every word and every n-gram: a composed vector is a
    mean of n-grams, so it moves by the same amount. Held-out P@1 of the alignment rises by about a point.
    """
    import shutil
    import tempfile

    from wechsel_core.vectors.fasttext_bin import FastTextVectors
    from wechsel_core.vectors.pocket_store import prune_fasttext, write_pocket_store

    store = FastTextVectors(trained / f"{language}.bin")
    shutil.rmtree(out / language, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        kept = prune_fasttext(
            store, Path(folder) / language, keep_words=KEPT_WORDS, keep_buckets=KEPT_BUCKETS, dtype="float32"
        )
        mean = kept.word_vectors(kept.words[:5000]).mean(axis=0)
        write_pocket_store(
            out / language, kept.words, kept.matrix - mean, kept.frequencies.astype(np.int64), kept.ngrams - mean,
            minn=kept.minn, maxn=kept.maxn, bucket=kept.bucket, bucket_ids=kept.bucket_ids,
        )  # fmt: skip
