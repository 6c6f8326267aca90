"""WECHSEL Lab's core: cross-lingual vocabulary transfer, its inspection and its comparison.

Row vectors everywhere: a matrix is ``(n_rows, dim)``. Source is English, target the new language.
"""

__version__ = "0.2.0"
