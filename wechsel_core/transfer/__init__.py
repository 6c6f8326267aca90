"""Methods that make target embeddings from source embeddings, over arrays and token tables."""
