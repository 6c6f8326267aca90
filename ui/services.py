"""Services as the pages call them: imported late, so that a page opens at once, and cached.

What belongs to a result is cached under its id and the hash of its ``wechsel.json``: a result made again under the same
id is read again. ``st.cache_data`` hands out copies, so no session can change what another one sees.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from wechsel_core.config import InitConfig, config_hash
from wechsel_core.types import Progress

if TYPE_CHECKING:
    import pandas as pd


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
    """``wechsel.json`` of a result; a small file, read each time."""
    from wechsel_core.services import results

    return results.summary(result_id)


def tokens(result_id: str) -> pd.DataFrame:
    """The target tokens of a result, row = target id."""
    return _tokens(result_id, config_hash(summary(result_id)))


def neighbors(result_id: str, target_id: int, top: int) -> pd.DataFrame:
    """The nearest source tokens of a target token."""
    return _neighbors(result_id, config_hash(summary(result_id)), target_id, top)


def fed_by(result_id: str, source_query: str, top: int) -> pd.DataFrame:
    """The target tokens that a source token goes into, by falling weight."""
    return _fed_by(result_id, config_hash(summary(result_id)), source_query, top)


def find_token(result_id: str, query: str) -> int:
    """The target token that a text means."""
    return _find_token(result_id, config_hash(summary(result_id)), query)


@st.cache_data(max_entries=8, show_spinner="Reading the tokens")
def _tokens(result_id: str, digest: str) -> pd.DataFrame:
    from wechsel_core.services import results

    return results.tokens(result_id)


@st.cache_data(max_entries=500, show_spinner=False)
def _neighbors(result_id: str, digest: str, target_id: int, top: int) -> pd.DataFrame:
    from wechsel_core.services import results

    return results.neighbors(result_id, target_id, top)


@st.cache_data(max_entries=200, show_spinner=False)
def _fed_by(result_id: str, digest: str, source_query: str, top: int) -> pd.DataFrame:
    from wechsel_core.services import results

    return results.fed_by(result_id, source_query, top)


@st.cache_data(max_entries=500, show_spinner=False)
def _find_token(result_id: str, digest: str, query: str) -> int:
    from wechsel_core.services import results

    return results.find_token(result_id, query)
