def root_mean_squared_error(outputs, targets):
    """The root of the mean over the whole epoch."""
    return F.mse_loss(outputs, targets).sqrt().item()
