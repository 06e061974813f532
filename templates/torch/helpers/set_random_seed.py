def set_random_seed(seed):
    """Seeds Python, numpy and PyTorch."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
