def pad_sequences(sequences, maxlen=None, dtype="int32", padding="pre", truncating="pre", value=0.0):
    """Pads and cuts sequences to one length, by default at the front, as Keras does."""
    maxlen = max(map(len, sequences)) if maxlen is None else maxlen
    sample_shape = next((np.shape(s)[1:] for s in sequences if len(s)), ())
    padded = np.full((len(sequences), maxlen, *sample_shape), value, dtype=dtype)
    for row, sequence in zip(padded, sequences):
        kept = sequence[-maxlen:] if truncating == "pre" else sequence[:maxlen]
        if len(kept):
            row[slice(-len(kept), None) if padding == "pre" else slice(len(kept))] = kept
    return padded
