def kernel_uniform(fan_in):
    """PyTorch's initial weights: uniform within 1 / sqrt(fan_in)."""
    bound = fan_in**-0.5
    return {"kernel_initializer": keras.initializers.RandomUniform(-bound, bound)}
