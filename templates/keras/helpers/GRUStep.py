class GRUStep(layers.Layer):
    """PyTorch's GRUCell: takes and gives h; gates in the order r, z, n."""

    def __init__(self, units, bias=True):
        super().__init__()
        self.units, self.use_bias = units, bias

    def build(self, input_shape, *_):
        rows = 3 * self.units
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

    def call(self, x, h=None):
        if h is None:
            h = ops.zeros((ops.shape(x)[0], self.units), dtype=x.dtype)
        r, z, n = ops.split(self.project(x, "ih"), 3, axis=-1)
        r_h, z_h, n_h = ops.split(self.project(h, "hh"), 3, axis=-1)
        r, z = ops.sigmoid(r + r_h), ops.sigmoid(z + z_h)
        return (1 - z) * ops.tanh(n + r * n_h) + z * h
