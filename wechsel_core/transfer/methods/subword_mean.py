"""Subword mean: every row is the mean of the rows that the source tokenizer would read in its place."""

from wechsel_core.transfer.method import Initialisation, Materials, Method, Parts, mixture, planned


def initialise(materials: Materials) -> Initialisation:
    """Special tokens by role, the mean of the source pieces; a draw for a token that the source cannot read."""
    if materials.pieces is None:
        raise ValueError("the subword mean needs the source tokenizer's pieces")
    mixed = {}
    for target_id, pieces in enumerate(materials.pieces()):
        counts: dict[int, int] = {}
        for piece in pieces:
            counts[piece] = counts.get(piece, 0) + 1
        mixed[target_id] = Parts(list(counts), [count / len(pieces) for count in counts.values()])
    return planned(mixture(materials, mixed))


METHOD = Method(
    title="Subword mean",
    sentence="Every row is the mean of the English rows of the pieces that the English tokenizer cuts the token into.",
    reference="Gee et al. (2022), Fast Vocabulary Transfer for Language Model Compression, EMNLP industry track; "
    "Mosin et al. (2021), Fine-Tuning Transformers: Vocabulary Transfer.",
    initialise=initialise,
)
