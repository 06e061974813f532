def bias_uniform(fan_in):
    """PyTorch's initial biases: uniform within 1 / sqrt(fan_in)."""
    bound = fan_in**-0.5
    return {"bias_initializer": keras.initializers.RandomUniform(-bound, bound)}
