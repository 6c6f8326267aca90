"""Arrays in, arrays out. Matrices are ``(n_rows, dim)``; an alignment is applied as ``source @ rotation``."""
