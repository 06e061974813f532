def with_states(out, states, last=False):
    """The output and the last states of a recurrent module as a flat tuple: (out, h, c).

    With `last` the output is that of the last step. Two directions: (out, h, c, h_back, c_back).
    """
    states = states if isinstance(states, tuple) else (states,)
    if last:
        out = torch.cat(tuple(states[0]), dim=-1)
    return out, *(state for direction in zip(*states) for state in direction)
