"""The data: what each op is in Keras and in PyTorch, one family per file."""
