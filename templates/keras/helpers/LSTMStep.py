class LSTMStep(layers.Layer):
    """PyTorch's LSTMCell: takes and gives (h, c); gates in the order i, f, g, o."""

    def __init__(self, units, bias=True):
        super().__init__()
        self.units, self.use_bias = units, bias

    def build(self, input_shape, *_):
        rows = 4 * self.units
        self.weight_ih = self.uniform("weight_ih", (rows, input_shape[-1]))
        self.weight_hh = self.uniform("weight_hh", (rows, self.units))
        if self.use_bias:
            self.bias_ih = self.uniform("bias_ih", (rows,))
            self.bias_hh = self.uniform("bias_hh", (rows,))

    def uniform(self, name, shape):
        bound = self.units**-0.5
        values = keras.initializers.RandomUniform(-bound, bound)
        return self.add_weight(shape=shape, initializer=values, name=name)

    def project(self, x, which):
        y = ops.matmul(x, ops.transpose(getattr(self, f"weight_{which}")))
        return y + getattr(self, f"bias_{which}") if self.use_bias else y

    def call(self, x, states=None):
        if states is None:
            h = c = ops.zeros((ops.shape(x)[0], self.units), dtype=x.dtype)
        else:
            h, c = states
        i, f, g, o = ops.split(self.project(x, "ih") + self.project(h, "hh"), 4, axis=-1)
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
        return ops.sigmoid(o) * ops.tanh(c), c
