def next_rate(optimizer, scheduler):
    """Changes the learning rate, and the momentum with it."""
    old_rate = optimizer.param_groups[0]["lr"]
    scheduler.step()
    rescale_momentum(optimizer, old_rate)
