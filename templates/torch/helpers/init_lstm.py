def init_lstm(lstm):
    """Keras's initial values. It has one bias: the second one of PyTorch stays zero."""
    for name, parameter in lstm.named_parameters():
        if name.startswith("weight_ih"):
            nn.init.xavier_uniform_(parameter)
        elif name.startswith("weight_hh"):
            nn.init.orthogonal_(parameter)
        elif name.startswith("bias_ih"):
            nn.init.zeros_(parameter)
            parameter.data.chunk(4)[1].fill_(1)  # forget gate
        else:
            nn.init.zeros_(parameter).requires_grad_(False)
