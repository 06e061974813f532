def load_word_index(path):
    """The number of each word in one of Keras's text data sets."""
    url = f"https://storage.googleapis.com/tensorflow/tf-keras-datasets/{path}"
    return json.loads(cached_file(path, url).read_text(encoding="utf-8"))
