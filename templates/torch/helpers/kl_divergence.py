def kl_divergence(output, target):
    """The divergence of two distributions in the last axis."""
    output, target = output.clamp(1e-7, 1), target.clamp(1e-7, 1)
    return (target * (target / output).log()).sum(dim=-1).mean()
