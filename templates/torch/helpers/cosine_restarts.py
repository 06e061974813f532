def cosine_restarts(step, period, t_mul=2.0, m_mul=1.0, alpha=0.0):
    """The factor of the learning rate under cosine decay with warm restarts."""
    height = 1.0
    while step >= period:
        step, period, height = step - period, period * t_mul, height * m_mul
    return alpha + (1 - alpha) * height * (1 + math.cos(math.pi * step / period)) / 2
