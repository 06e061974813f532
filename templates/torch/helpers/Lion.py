class Lion(torch.optim.Optimizer):
    """Steps by the sign of a momentum (https://arxiv.org/abs/2302.06675)."""

    def __init__(self, params, lr=0.001, betas=(0.9, 0.99)):
        super().__init__(params, {"lr": lr, "betas": betas})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                momentum = self.state[p].setdefault("momentum", torch.zeros_like(p))
                p -= group["lr"] * (beta1 * momentum + (1 - beta1) * p.grad).sign()
                momentum.lerp_(p.grad, 1 - beta2)
