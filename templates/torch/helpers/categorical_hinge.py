def categorical_hinge(output, target):
    """How far the best wrong class comes within 1 of the right one."""
    right = (target * output).sum(dim=-1)
    wrong = ((1 - target) * output).amax(dim=-1)
    return (wrong - right + 1).clamp(min=0).mean()
