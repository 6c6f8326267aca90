"""HF default: every row as transformers draws it in a new model."""

from functools import partial

from wechsel_core.transfer.draws import InitializerDraw
from wechsel_core.transfer.method import Initialisation, Materials, Method, drawn_but_special, planned


def initialise(materials: Materials) -> Initialisation:
    """Special tokens by role, a draw everywhere else; a bias starts at 0."""
    return planned(drawn_but_special(materials, partial(InitializerDraw, std=materials.initializer_std)))


METHOD = Method(
    title="HF default",
    sentence="Every row is drawn from transformers' own Normal for new weights (mean 0, deviation initializer_range), "
    "whatever the English rows look like.",
    reference="Wolf et al. (2020), Transformers, EMNLP demonstrations: _init_weights of the architecture.",
    initialise=initialise,
)
