"""Multivariate Normal: every row drawn with the source matrix's mean and covariance."""

from wechsel_core.transfer.draws import MultivariateDraw
from wechsel_core.transfer.method import Initialisation, Materials, Method, drawn_but_special, planned


def initialise(materials: Materials) -> Initialisation:
    """Special tokens by role, a draw everywhere else."""
    return planned(drawn_but_special(materials, MultivariateDraw))


METHOD = Method(
    title="Multivariate Normal",
    sentence="Every row is drawn from a Normal with the mean of the English rows and their covariance.",
    reference="Hewitt (2021), technical note; Mundra et al. (2024), An Empirical Comparison of Vocabulary Expansion and "
    "Initialization Approaches for Language Models, CoNLL.",
    initialise=initialise,
)
