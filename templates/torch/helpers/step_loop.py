class StepLoop:
    """An nn.LSTM, nn.GRU or nn.RNN (one layer, batch first) as a loop over time.

    It takes any activation, dropout that is the same at every step, and a mask of valid steps.
    """

    def __init__(
        self,
        input_size,
        hidden_size,
        activation=torch.tanh,
        recurrent_activation=torch.sigmoid,
        dropout=0.0,
        recurrent_dropout=0.0,
        **kwargs,
    ):
        super().__init__(input_size, hidden_size, **kwargs)
        self.activation = activation
        self.recurrent_activation = recurrent_activation
        self.input_dropout = dropout
        self.recurrent_dropout = recurrent_dropout

    def forward(self, x, states=None, mask=None):
        if states is None:
            zeros = x.new_zeros(2 if self.bidirectional else 1, len(x), self.hidden_size)
            states = (zeros,) * self.states
        states = states if isinstance(states, tuple) else (states,)
        out, last = self.run(x, [s[0] for s in states], mask, "_l0")
        last = [s[None] for s in last]
        if self.bidirectional:
            flipped = None if mask is None else mask.flip(1)
            back, h_back = self.run(x.flip(1), [s[1] for s in states], flipped, "_l0_reverse")
            out = torch.cat([out, back.flip(1)], dim=-1)
            out = out if mask is None else out * mask[..., None]
            last = [torch.cat([a, b[None]]) for a, b in zip(last, h_back)]
        return out, tuple(last) if self.states > 1 else last[0]

    def run(self, x, states, mask, suffix):
        """One direction. The first axis of the weights, and of x, holds the gates."""
        w = getattr(self, "weight_ih" + suffix).unflatten(0, (self.gates, 1, -1)).mT
        u = getattr(self, "weight_hh" + suffix).unflatten(0, (self.gates, -1)).mT
        masks = self.gates if self.recurrent_dropout else 1
        keep_x = x.new_ones(masks, len(x), 1, x.shape[2])
        x = x * F.dropout(keep_x, self.input_dropout, self.training) @ w
        keep_h = states[0].new_ones(masks, len(states[0]), self.hidden_size)
        keep_h = F.dropout(keep_h, self.recurrent_dropout, self.training)
        b = 0
        if self.bias:
            x = x + getattr(self, "bias_ih" + suffix).unflatten(0, (self.gates, 1, 1, -1))
            b = getattr(self, "bias_hh" + suffix).unflatten(0, (self.gates, 1, -1))
        out, outputs = torch.zeros_like(states[0]), []
        for t in range(x.shape[2]):
            new = self.step(x[:, :, t], states, keep_h, u, b)
            if mask is None:
                out, states = new[0], new
            else:
                valid = mask[:, t, None]
                out = torch.where(valid, new[0], out)
                states = [torch.where(valid, a, s) for a, s in zip(new, states)]
            outputs.append(out)
        return torch.stack(outputs, dim=1), states
