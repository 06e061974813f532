def scaled_dot_product_attention(q, k, v, attn_mask=None, scale=None, is_causal=False, dropout_p=0.0):
    """softmax(q k^T / sqrt(d)) v, as PyTorch's function of this name; True in a mask attends."""
    scores = ops.matmul(q, ops.swapaxes(k, -1, -2)) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        attn_mask = ops.tril(ops.ones((q.shape[-2], k.shape[-2]), dtype="bool"))
    if attn_mask is not None:
        masked = keras.backend.standardize_dtype(attn_mask.dtype) == "bool"
        scores = ops.where(attn_mask, scores, float("-inf")) if masked else scores + attn_mask
    weights = ops.softmax(scores)
    if dropout_p:
        weights = keras.random.dropout(weights, dropout_p)
    return ops.matmul(weights, v)
