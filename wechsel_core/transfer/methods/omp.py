"""OMP: every row is put together from few shared rows, the way a helper model's embedding is from its own."""

from __future__ import annotations

from wechsel_core.numerics.anchors import matching_pursuit
from wechsel_core.transfer.method import (
    Initialisation,
    Materials,
    Method,
    Parts,
    always,
    helper_anchors,
    mixture,
    need_shared_tokens,
    planned,
)


def initialise(materials: Materials) -> Initialisation:
    """Shared tokens as they are; elsewhere the coefficients that orthogonal matching pursuit finds in the helper."""
    shared, anchors, source_ids, asked = helper_anchors(materials)
    helper, most = materials.helper_rows, materials.config.anchors
    places, coefficients = matching_pursuit(
        helper[asked], helper[anchors], min(most, len(anchors))  # type: ignore[index]
    )  # fmt: skip
    mixed = {}
    for token, chosen, shares in zip(asked.tolist(), places, coefficients, strict=True):
        kept = chosen >= 0
        mixed[token] = Parts(source_ids[chosen[kept]], shares[kept])
    note = f"Only {len(anchors)} tokens are shared, so a row is put together from that many, not {most}."
    return planned(mixture(materials, mixed, copied=shared), notes=(note,) if len(anchors) < most else ())


METHOD = Method(
    title="OMP",
    sentence="A token that English has too keeps its row; every other row is a sum of a few of those rows, with the "
    "coefficients that best rebuild the token's embedding in a helper model of the new language.",
    reference="Goddard & Fernandes Neto (2025), Training-Free Tokenizer Transplantation via Orthogonal Matching Pursuit.",
    initialise=initialise,
    needs=always("helper"),
    check=need_shared_tokens,
    options=("helper", "anchors"),
)
