def positionwise_cross_entropy(output, target, **options):
    """Cross-entropy at every position; the classes lie in the last axis."""
    target = target.flatten(0, -2) if target.is_floating_point() else target.flatten()
    return F.cross_entropy(output.flatten(0, -2), target, **options)
