def poisson(output, target):
    """The Poisson loss, up to a term that the model cannot change."""
    return (output - target * (output + 1e-7).log()).mean()
