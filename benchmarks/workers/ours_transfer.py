"""One call of ``transfer_embeddings`` on arrays from files; run by the harness in the project's environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from probe import libraries, measured, read_spec, write_record

from wechsel_core.transfer.wechsel import transfer_embeddings

WARM_UP_ROWS = 64


def main() -> None:
    """Load, warm up on a few rows, measure, and save the outputs where the spec asks for them."""
    spec = read_spec()
    folder, rows = Path(spec["inputs"]), spec["rows"]
    source, target, matrix = (_first_rows(folder / f"{name}.npy", rows) for name in ("source", "target", "matrix"))
    options: dict[str, Any] = {"copies": {0: 0}, **spec["options"]}
    transfer_embeddings(source[:WARM_UP_ROWS], target[:WARM_UP_ROWS], matrix[:WARM_UP_ROWS], **options)
    result, record = measured(lambda: transfer_embeddings(source, target, matrix, **options))
    arrays = (result.matrix, result.neighbor_ids, result.similarities, result.weights, result.kind)
    outputs = sum(array.nbytes for array in arrays)
    record |= {"output_bytes": outputs, "extra_bytes": record["peak_growth"] - outputs, "libraries": libraries()}
    if spec.get("save"):
        np.savez(
            spec["save"], matrix=result.matrix, ids=result.neighbor_ids[:, : spec["options"]["neighbors"]],
            similarities=result.similarities[:, : spec["options"]["neighbors"]],
        )  # fmt: skip
    write_record(record)


def _first_rows(path: Path, rows: int) -> np.ndarray:
    return np.array(np.load(path, mmap_mode="r", allow_pickle=False)[:rows])


if __name__ == "__main__":
    main()
