"""Source-matched Normal: every row drawn with the source matrix's mean and deviation per dimension."""

from wechsel_core.transfer.method import Initialisation, Materials, Method, drawn_but_special, planned


def initialise(materials: Materials) -> Initialisation:
    """Special tokens by role, a draw everywhere else."""
    return planned(drawn_but_special(materials))


METHOD = Method(
    title="Normal",
    sentence="Every row is drawn from a Normal with the mean and deviation of the English rows in each dimension.",
    reference="de Vries & Nissim (2021), As Good as New, Findings of ACL; the fallback of WECHSEL (section 3).",
    initialise=initialise,
)
