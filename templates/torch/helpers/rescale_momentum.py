def rescale_momentum(optimizer, old_rate):
    """Keras's momentum contains the learning rate; PyTorch's is scaled when it changes."""
    for group in optimizer.param_groups:
        group["lr"] = max(group["lr"], 1e-30)  # at a rate of 0 the velocity rolls on
        for parameter in group["params"]:
            buffer = optimizer.state.get(parameter, {}).get("momentum_buffer")
            if buffer is not None:
                buffer *= old_rate / group["lr"]
