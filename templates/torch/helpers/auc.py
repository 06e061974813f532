def auc(outputs, targets, num_thresholds=200):
    """The area under the ROC curve, as Keras approximates it at evenly spaced thresholds."""
    inner = torch.arange(1, num_thresholds - 1, device=outputs.device) / (num_thresholds - 1)
    positive = targets.flatten() > 0
    outputs, true_rate, false_rate = outputs.flatten(), [1.0], [1.0]
    for threshold in inner:
        above = outputs > threshold
        true_rate.append((above & positive).sum().item() / max(positive.sum().item(), 1))
        false_rate.append((above & ~positive).sum().item() / max((~positive).sum().item(), 1))
    true_rate, false_rate = [*true_rate, 0.0], [*false_rate, 0.0]
    heights = [(a + b) / 2 for a, b in zip(true_rate, true_rate[1:])]
    return sum(h * (a - b) for h, a, b in zip(heights, false_rate, false_rate[1:]))
