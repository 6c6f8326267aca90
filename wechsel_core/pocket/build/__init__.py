"""Scripts that build the pocket tier from packages that a machine can install."""
