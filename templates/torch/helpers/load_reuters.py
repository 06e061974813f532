def load_reuters(
    path="reuters.npz",
    num_words=None,
    skip_top=0,
    maxlen=None,
    test_split=0.2,
    seed=113,
    start_char=1,
    oov_char=2,
    index_from=3,
):
    """The newswires, as keras.datasets.reuters.load_data() returns them."""
    url = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/reuters.npz"
    with np.load(cached_file(path, url), allow_pickle=True) as data:
        texts, labels = data["x"], data["y"]
    order = np.arange(len(texts))
    np.random.RandomState(seed).shuffle(order)
    x, y = encode_words(texts[order], labels[order], num_words, skip_top, maxlen, start_char, oov_char, index_from)
    split = int(len(x) * (1 - test_split))
    return (x[:split], y[:split]), (x[split:], y[split:])
