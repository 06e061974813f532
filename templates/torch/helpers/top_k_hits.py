def top_k_hits(output, target, k):
    """How often the right class is among the k largest outputs; ties count."""
    right = output.gather(-1, target.unsqueeze(-1))
    return ((output > right).sum(dim=-1) < k).float().mean().item()
