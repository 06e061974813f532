def general_relu(x, negative_slope, max_value, threshold):
    """Keras's ReLU: what lies below the threshold is scaled, what lies above max_value is cut."""
    y = torch.where(x > threshold, x, 0.0)
    if max_value is not None:
        y = y.clamp(0.0, max_value)
    return y - negative_slope * F.relu(threshold - x)
