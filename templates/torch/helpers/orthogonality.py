def orthogonality(rows):
    """The mean similarity of different rows."""
    rows = F.normalize(rows, dim=1)
    similar = (rows @ rows.T).abs()
    count = len(rows)
    return (similar.sum() - similar.diagonal().sum()) / (count * (count - 1))
