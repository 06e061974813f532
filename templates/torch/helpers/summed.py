def summed(criterion):
    """A criterion that adds up the losses of the samples instead of averaging them."""
    return lambda output, target: criterion(output, target) * output[..., 0].numel()
