"""Services as the pages call them: imported late, so that a page opens at once, and cached.

What belongs to a result is cached under its id and the hash of its ``wechsel.json``: a result made again under the same
id is read again. ``st.cache_data`` hands out copies; what is too large for that is one object for all sessions, with
read-only arrays, so no session can change what another one sees.
"""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from wechsel_core.config import InitConfig, config_hash
from wechsel_core.paths import Stamp
from wechsel_core.types import Progress

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from wechsel_core.services.compare_results import Comparison, Side
    from wechsel_core.services.report import HealthReport
    from wechsel_core.services.reweight import RowNorm, StoredResult, TokenWeights
    from wechsel_core.services.rows import ModelRows
    from wechsel_core.services.sentences import Segmentation, SentenceLoss, SentenceModel, Tokenizers


@st.cache_data(ttl="1m", max_entries=1, show_spinner=False)
def models() -> list[dict[str, Any]]:
    """English models of the catalogue: name, title, family, tier, available, note."""
    from wechsel_core.services import browse

    return browse.models()


@st.cache_data(ttl="1m", max_entries=1, show_spinner=False)
def languages() -> list[dict[str, Any]]:
    """Target languages of the catalogue: code, name, native_name, tier."""
    from wechsel_core.services import browse

    return browse.languages()


def methods(config: InitConfig | None = None) -> list[dict[str, Any]]:
    """Every initialisation method and what it needs under the values of a configuration (see the service)."""
    from wechsel_core.services import methods as service

    return service.methods(config)


def method(config: InitConfig) -> dict[str, Any]:
    """The method of a configuration: name, title, sentence, reference, options, needs, missing, dials."""
    from wechsel_core.services import methods as service

    return service.described(config)


def list_results() -> list[dict[str, Any]]:
    """Results on disk, newest first; never cached, another window may have made one."""
    from wechsel_core.services import results

    return results.list_results()


def default_out(config: InitConfig) -> Path:
    """The folder that this config's result goes to."""
    from wechsel_core.services import initialise as service

    return service.default_out(config)


def initialise(config: InitConfig, out: Path, *, force: bool, progress: Progress) -> dict[str, Any]:
    """Make a result."""
    from wechsel_core.services import initialise as service

    return service.initialise(config, out, force=force, progress=progress)


def summary(result_id: str) -> dict[str, Any]:
    """``wechsel.json`` of a result, not to be changed; it is read again once the file is another one."""
    return _summary(result_id)[0]


def tokens(result_id: str) -> pd.DataFrame:
    """The target tokens of a result, row = target id."""
    # pandas copies on write, so a frame for oneself costs nothing until it is changed.
    return _tokens(result_id, digest_of(result_id)).copy(deep=False)


def find_token(result_id: str, query: str) -> int:
    """The target token that a text means."""
    return _find_token(result_id, digest_of(result_id), query)


def neighbors(result_id: str, target_id: int, top: int, k: int, tau: float) -> pd.DataFrame:
    """The nearest source tokens of a target token, with their weights under these dials and under the result's own."""
    from wechsel_core.services import reweight

    return reweight.token_neighbors(stored(result_id), target_id, k, tau, top)


def fed_by(result_id: str, source_query: str, top: int, k: int, tau: float) -> pd.DataFrame:
    """The target tokens that a source token goes into under these dials, by falling weight."""
    from wechsel_core.services import reweight

    return reweight.fed_by(stored(result_id), source_query, k, tau, top)


def has_dials(result_id: str) -> bool:
    """Whether k and tau make the weights of a result, so that others can be looked at."""
    from wechsel_core.services import reweight

    return reweight.has_dials(result_id)


def static_space_of(result_id: str) -> str:
    """'none', 'as it is' or 'aligned': what static space of both languages a result has."""
    from wechsel_core.services import methods as service

    return service.static_space_of(InitConfig.from_dict(summary(result_id)["config"]))


def stored(result_id: str) -> StoredResult:
    """The stored candidates of a result, one read-only object for all sessions."""
    return _stored(result_id, digest_of(result_id))


def token_weights(result_id: str, k: int, tau: float) -> TokenWeights:
    """Effective neighbours and top weight of every token under these dials."""
    return _token_weights(result_id, digest_of(result_id), k, tau)


def model_rows(result_id: str) -> ModelRows:
    """Input embeddings of both vocabularies, one read-only object for all sessions; the first call loads the model."""
    return _model_rows(result_id, digest_of(result_id))


def row_norm(result_id: str, target_id: int, k: int, tau: float) -> RowNorm:
    """The length of a token's row under these dials, beside the lengths of the English rows."""
    from wechsel_core.services import reweight

    digest = digest_of(result_id)
    rows, norms = _model_rows(result_id, digest), _source_norms(result_id, digest)
    return reweight.row_norm(rows, norms, _stored(result_id, digest), target_id, k, tau)


def cut(result_id: str, text: str) -> tuple[Segmentation, Segmentation]:
    """A sentence as tokens of the target tokenizer and of the English one."""
    return _tokenizers(result_id, digest_of(result_id)).cut(text)


def sentence_loss(result_id: str, text: str, k: int, tau: float) -> SentenceLoss | None:
    """How well the model predicts a sentence before any training, under these dials."""
    return _sentence_loss(result_id, digest_of(result_id), text, k, tau)


def health_report(result_id: str) -> HealthReport:
    """The health report of a result."""
    return _health_report(result_id, digest_of(result_id))


def compare(a: str, b: str, dials: tuple[int, float] | None, *, with_rows: bool) -> Comparison:
    """Two results compared, or one with itself under other dials; its tables are copied on write."""
    found = _compare(a, digest_of(a), b, digest_of(b), dials, with_rows)
    shared = {"settings", "figures", "similarities", "tokens"}
    return dataclasses.replace(found, **{name: getattr(found, name).copy(deep=False) for name in shared})


def side(result_id: str, dials: tuple[int, float] | None = None) -> Side:
    """One side of a comparison: a result under its own dials, or under others."""
    from wechsel_core.services import compare_results

    found = stored(result_id)
    k, tau = dials or (found.neighbors, found.temperature)
    return compare_results.Side(result_id, summary(result_id), tokens(result_id), found, k, tau)


def rows_comparable(a: Side, b: Side) -> bool:
    """Whether the rows of both sides lie in one space."""
    from wechsel_core.services import compare_results

    return compare_results.rows_comparable(a, b)


def digest_of(result_id: str) -> str:
    """A hash of ``wechsel.json``: the key to whatever is kept of a result."""
    return _summary(result_id)[1]


def _summary(result_id: str) -> tuple[dict[str, Any], str]:
    from wechsel_core.services import results

    return _read_summary(result_id, results.stamp(result_id))


# A gesture asks for it twenty times: reading and hashing it each time took a tenth of the answer.
@functools.lru_cache(maxsize=32)
def _read_summary(result_id: str, stamp: Stamp) -> tuple[dict[str, Any], str]:
    from wechsel_core.services import results

    manifest = results.summary(result_id)
    return manifest, config_hash(manifest)


@st.cache_resource(max_entries=8, show_spinner="Reading the tokens")
def _tokens(result_id: str, digest: str) -> pd.DataFrame:
    from wechsel_core.services import results

    return results.tokens(result_id)


@st.cache_data(max_entries=8, show_spinner="Judging the result")
def _health_report(result_id: str, digest: str) -> HealthReport:
    from wechsel_core.services import report

    return report.health_report(result_id)


@st.cache_resource(max_entries=6, show_spinner="Comparing all tokens")
def _compare(
    a: str, digest_a: str, b: str, digest_b: str, dials: tuple[int, float] | None, with_rows: bool
) -> Comparison:
    from wechsel_core.services import compare_results

    rows = (_model_rows(a, digest_a), _model_rows(b, digest_b)) if with_rows else None
    return compare_results.compare(side(a), side(b, dials), rows)


@st.cache_data(max_entries=500, show_spinner=False)
def _find_token(result_id: str, digest: str, query: str) -> int:
    from wechsel_core.services import results

    return results.find_token(result_id, query)


@st.cache_resource(max_entries=4, show_spinner="Reading the neighbours")
def _stored(result_id: str, digest: str) -> StoredResult:
    from wechsel_core.services import reweight

    return reweight.open_stored(result_id)


@st.cache_resource(max_entries=16, show_spinner=False)
def _token_weights(result_id: str, digest: str, k: int, tau: float) -> TokenWeights:
    from wechsel_core.services import reweight

    return reweight.token_weights(_stored(result_id, digest), k, tau)


@st.cache_resource(max_entries=2, show_spinner="Reading the rows of the English model")
def _model_rows(result_id: str, digest: str) -> ModelRows:
    from wechsel_core.services import rows

    return rows.model_rows(result_id)


@st.cache_resource(max_entries=4, show_spinner=False)
def _source_norms(result_id: str, digest: str) -> np.ndarray:
    import numpy as np

    norms: np.ndarray = np.sort(np.linalg.norm(_model_rows(result_id, digest).source, axis=1))
    norms.flags.writeable = False
    return norms


@st.cache_resource(max_entries=4, show_spinner="Loading both tokenizers")
def _tokenizers(result_id: str, digest: str) -> Tokenizers:
    from wechsel_core.services import sentences

    return sentences.open_tokenizers(result_id)


@st.cache_resource(max_entries=2, show_spinner="Loading the English model")
def _sentence_model(result_id: str, digest: str) -> SentenceModel:
    from wechsel_core.services import sentences

    return sentences.open_sentence_model(result_id, _stored(result_id, digest), _tokenizers(result_id, digest))


@st.cache_data(max_entries=200, show_spinner="Running the model on the sentence")
def _sentence_loss(result_id: str, digest: str, text: str, k: int, tau: float) -> SentenceLoss | None:
    return _sentence_model(result_id, digest).loss(text, k, tau)
