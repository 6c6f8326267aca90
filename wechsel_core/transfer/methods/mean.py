"""Mean: every row is the mean of the source matrix."""

from wechsel_core.transfer.draws import MeanDraw
from wechsel_core.transfer.method import Initialisation, Materials, Method, drawn_but_special, planned


def initialise(materials: Materials) -> Initialisation:
    """Special tokens by role, the mean everywhere else."""
    return planned(drawn_but_special(materials, MeanDraw))


METHOD = Method(
    title="Mean",
    sentence="Every row is the mean of all English rows, so at first the model tells no new token from another.",
    reference="Hewitt (2021), Initializing New Word Embeddings for Pretrained Language Models, technical note.",
    initialise=initialise,
)
