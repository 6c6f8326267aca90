"""What a result's rows should be, worked out again from its parquet file and the source model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse


def load(folder: Path) -> Any:
    """The model of a folder, by the class that a user would take."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM

    masked = AutoConfig.from_pretrained(folder).model_type in ("roberta", "bert")
    return (AutoModelForMaskedLM if masked else AutoModelForCausalLM).from_pretrained(folder).eval()


def array(tensor: Any) -> np.ndarray:
    return np.asarray(tensor.detach().numpy())


def input_rows(folder: Path) -> np.ndarray:
    return array(load(folder).get_input_embeddings().weight)


def kinds(folder: Path) -> np.ndarray:
    return pd.read_parquet(folder / "tokens.parquet")["kind"].to_numpy()


def neighbors(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "neighbors.parquet")


def remixed(folder: Path, source_rows: np.ndarray) -> np.ndarray:
    """Sum of weight times source row over each target token's rows of the parquet file, in float32."""
    table = neighbors(folder)
    places = table["target_id"].to_numpy(), table["source_id"].to_numpy()
    shape = len(kinds(folder)), len(source_rows)
    weights = sparse.csr_array((table["weight"].to_numpy(dtype=np.float32), places), shape=shape)
    return np.asarray(weights @ source_rows, dtype=np.float32)
