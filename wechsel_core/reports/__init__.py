"""Reports on results: what was found, whether it is good, and what to do where it is not."""
