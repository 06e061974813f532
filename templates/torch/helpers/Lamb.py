class Lamb(torch.optim.Optimizer):
    """Adam whose step is scaled by the norm of each parameter (https://arxiv.org/abs/1904.00962)."""

    def __init__(self, params, lr=0.001, betas=(0.9, 0.999), eps=1e-7):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state.update(step=0, m=torch.zeros_like(p), v=torch.zeros_like(p))
                state["step"] += 1
                m = state["m"].lerp_(p.grad, 1 - beta1) / (1 - beta1 ** state["step"])
                v = state["v"].lerp_(p.grad.square(), 1 - beta2) / (1 - beta2 ** state["step"])
                update = m / (v.sqrt() + group["eps"])
                ratio = p.norm() / update.norm()
                ratio = ratio if 0 < ratio < torch.inf else 1.0
                p -= group["lr"] * ratio * update
