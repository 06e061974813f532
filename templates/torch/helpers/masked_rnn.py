def masked_rnn(rnn, x, mask, state=None):
    """`rnn(x, state)` over the steps where the mask is True, wherever they lie.

    At a masked step the output repeats the last valid one; with two directions it is zero.
    """
    count = mask.sum(1)
    valid_first = mask.int().sort(dim=1, descending=True, stable=True).indices
    x = x.gather(1, valid_first[..., None].expand_as(x))
    packed = nn.utils.rnn.pack_padded_sequence(x, count.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False)
    packed, last = rnn(packed, state)
    out, _ = nn.utils.rnn.pad_packed_sequence(packed, batch_first=True, total_length=x.shape[1])
    step = mask.cumsum(1) * mask if rnn.bidirectional else mask.cumsum(1)
    out = F.pad(out, (0, 0, 1, 0))  # step 0: nothing seen yet
    out = out.gather(1, step[..., None].expand(-1, -1, out.shape[2]))
    # A sequence without a valid step leaves the state as it was.
    if isinstance(last, tuple):
        state = state or (0, 0)
        return out, tuple(torch.where(count[:, None] > 0, a, b) for a, b in zip(last, state))
    return out, torch.where(count[:, None] > 0, last, 0 if state is None else state)
