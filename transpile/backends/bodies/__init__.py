"""Tensor code in bodies that are kept: Keras and TensorFlow calls become PyTorch's, in place."""
