"""What a result's rows should be, worked out again from its parquet file and the source model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


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
    out = np.zeros((len(kinds(folder)), *source_rows.shape[1:]), dtype=np.float32)
    weights = table["weight"].to_numpy().reshape(-1, *[1] * (source_rows.ndim - 1))
    np.add.at(out, table["target_id"].to_numpy(), weights * source_rows[table["source_id"].to_numpy()])
    return out
