def one_hot(input_text, n, filters='!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n', lower=True, split=" "):
    """A number from 1 to n - 1 for each word of a text, by Python's hash of the word."""
    words = text_to_word_sequence(input_text, filters, lower, split)
    return [hash(word) % (n - 1) + 1 for word in words]
