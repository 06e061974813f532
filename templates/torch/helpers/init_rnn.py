def init_rnn(rnn):
    """Keras's initial values. It has one bias: the second one of PyTorch stays zero."""
    for name, parameter in rnn.named_parameters():
        if name.startswith("weight_ih"):
            nn.init.xavier_uniform_(parameter)
        elif name.startswith("weight_hh"):
            nn.init.orthogonal_(parameter)
        else:
            nn.init.zeros_(parameter).requires_grad_(name.startswith("bias_ih"))
