def encode_words(texts, labels, num_words, skip_top, maxlen, start_char, oov_char, index_from):
    """Word numbers as Keras's text data sets give them: shifted, and rare words replaced."""
    start = [] if start_char is None else [start_char]
    shift = index_from or 0
    texts = [start + [word + shift for word in text] for text in texts]
    if maxlen:
        pairs = [(x, y) for x, y in zip(texts, labels) if len(x) < maxlen]
        texts, labels = [x for x, _ in pairs], [y for _, y in pairs]
    num_words = num_words or max(max(text) for text in texts)
    encoded = np.empty(len(texts), dtype=object)
    for i, text in enumerate(texts):
        known = [skip_top <= word < num_words for word in text]
        if oov_char is None:
            encoded[i] = [word for word, keep in zip(text, known) if keep]
        else:
            encoded[i] = [word if keep else oov_char for word, keep in zip(text, known)]
    return encoded, np.array(labels)
