class LogSoftmax(layers.Layer):
    """The logarithm of a softmax."""

    def __init__(self, axis=-1):
        super().__init__()
        self.axis = axis

    def call(self, x):
        return ops.log_softmax(x, axis=self.axis)
