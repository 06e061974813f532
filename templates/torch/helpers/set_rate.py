def set_rate(optimizer, rate):
    """Sets the learning rate; the velocity follows it, as in Keras."""
    old = optimizer.param_groups[0]["lr"]
    optimizer.param_groups[0]["lr"] = float(rate)
    rescale_momentum(optimizer, old)
