def mean_absolute_percentage_error(output, target):
    """The mean error in percent of the target."""
    return 100 * ((target - output) / target.abs().clamp(min=1e-7)).abs().mean()
