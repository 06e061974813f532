def negative_cosine_similarity(output, target):
    """-1 where output and target point the same way."""
    return -F.cosine_similarity(output, target, dim=-1).mean()
