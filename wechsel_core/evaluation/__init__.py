"""Held-out scores of language models."""
