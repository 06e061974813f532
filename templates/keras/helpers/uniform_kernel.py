def uniform_kernel(fan_in):
    """PyTorch's initial weights: uniform within 1 / sqrt(fan_in)."""
    return keras.initializers.RandomUniform(-(fan_in**-0.5), fan_in**-0.5)
