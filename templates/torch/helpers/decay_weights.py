@torch.no_grad()
def decay_weights(optimizer, weight_decay):
    """Shrinks the weights by lr * weight_decay before a step, apart from their gradients."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if parameter.grad is not None:
                parameter *= 1 - group["lr"] * weight_decay
