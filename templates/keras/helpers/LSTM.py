class LSTMCell(layers.Layer):
    """One step of an LSTM with PyTorch's weights: two biases, gates in the order i, f, g, o."""

    def __init__(self, units, bias=True):
        super().__init__()
        self.units, self.use_bias = units, bias
        self.state_size, self.output_size = [units, units], units

    def build(self, input_shape):
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

    def call(self, x, states):
        h, c = states
        i, f, g, o = ops.split(self.project(x, "ih") + self.project(h, "hh"), 4, axis=-1)
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
        h = ops.sigmoid(o) * ops.tanh(c)
        return h, [h, c]


class LSTM(layers.Layer):
    """Layers of LSTM cells as PyTorch stacks them; gives the outputs and (h_n, c_n)."""

    def __init__(self, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False):
        super().__init__()
        self.batch_first = batch_first
        self.directions = 2 if bidirectional else 1
        self.dropout = layers.Dropout(dropout)
        self.rnns = [
            layers.RNN(
                LSTMCell(hidden_size, bias),
                return_sequences=True,
                return_state=True,
                go_backwards=number % self.directions == 1,
            )
            for number in range(num_layers * self.directions)
        ]

    def call(self, x, initial_state=None):
        x = x if self.batch_first else ops.swapaxes(x, 0, 1)
        states = []
        for start in range(0, len(self.rnns), self.directions):
            if start:
                x = self.dropout(x)
            outputs = []
            for index in range(start, start + self.directions):
                given = None if initial_state is None else [state[index] for state in initial_state]
                y, *state = self.rnns[index](x, initial_state=given)
                outputs.append(ops.flip(y, axis=1) if index > start else y)
                states.append(state)
            x = outputs[0] if len(outputs) == 1 else ops.concatenate(outputs, axis=-1)
        h, c = (ops.stack(parts) for parts in zip(*states))
        return (x if self.batch_first else ops.swapaxes(x, 0, 1)), (h, c)
