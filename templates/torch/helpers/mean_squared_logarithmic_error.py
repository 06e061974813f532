def mean_squared_logarithmic_error(output, target):
    """The mean squared difference of log(1 + value)."""
    return F.mse_loss(output.clamp(min=1e-7).log1p(), target.clamp(min=1e-7).log1p())
