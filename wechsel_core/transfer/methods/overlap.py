"""Overlap: shared tokens keep their row, all others are drawn."""

from wechsel_core.transfer.method import Initialisation, Materials, Method, mixture, planned
from wechsel_core.transfer.roles import shared_tokens


def initialise(materials: Materials) -> Initialisation:
    """Special tokens by role, shared tokens by text, a draw everywhere else."""
    return planned(mixture(materials, {}, copied=shared_tokens(materials.source, materials.target)))


METHOD = Method(
    title="Overlap",
    sentence="A token that English has too keeps its row; every other row is drawn from a Normal with the mean and "
    "deviation of the English rows in each dimension.",
    reference="The part that Dobler & de Melo (2023, section 3) and Ostendorff & Rehm (2023) share; "
    "de Vries & Nissim (2021), As Good as New, Findings of ACL.",
    initialise=initialise,
)
