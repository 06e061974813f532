def activation_of(name):
    """The activation function that Keras calls by this name; a function is itself."""
    named = {
        None: nn.Identity(),
        "elu": F.elu,
        "exponential": torch.exp,
        "gelu": F.gelu,
        "leaky_relu": lambda x: F.leaky_relu(x, 0.2),
        "linear": nn.Identity(),
        "log_softmax": lambda x: F.log_softmax(x, dim=-1),
        "mish": F.mish,
        "relu": F.relu,
        "relu6": F.relu6,
        "selu": F.selu,
        "sigmoid": torch.sigmoid,
        "silu": F.silu,
        "softmax": lambda x: F.softmax(x, dim=-1),
        "softplus": F.softplus,
        "softsign": F.softsign,
        "swish": F.silu,
        "tanh": torch.tanh,
    }
    return name if callable(name) else named[name]
