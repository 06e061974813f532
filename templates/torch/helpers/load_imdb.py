def load_imdb(
    path="imdb.npz",
    num_words=None,
    skip_top=0,
    maxlen=None,
    seed=113,
    start_char=1,
    oov_char=2,
    index_from=3,
):
    """The movie reviews, as keras.datasets.imdb.load_data() returns them."""
    url = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/imdb.npz"
    with np.load(cached_file(path, url), allow_pickle=True) as data:
        parts = [(data[f"x_{part}"], data[f"y_{part}"]) for part in ("train", "test")]
    rng = np.random.RandomState(seed)
    texts, labels, split = [], [], 0
    for x, y in parts:
        order = np.arange(len(x))
        rng.shuffle(order)
        texts, labels, split = [*texts, *x[order]], [*labels, *y[order]], len(texts)
    added = 0 if start_char is None else 1
    if maxlen:
        split = sum(len(text) + added < maxlen for text in texts[:split])
    x, y = encode_words(texts, labels, num_words, skip_top, maxlen, start_char, oov_char, index_from)
    return (x[:split], y[:split]), (x[split:], y[split:])
