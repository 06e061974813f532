def warm_restarts(step, first, factor):
    """How much of its cycle a schedule with restarts has passed; each cycle is `factor` times as long as the last."""
    length = first
    while step >= length:
        step, length = step - length, length * factor
    return step / length
