class Ftrl(torch.optim.Optimizer):
    """Follow the regularized leader (https://research.google/pubs/pub41159)."""

    def __init__(self, params, lr=0.001, power=-0.5, initial=0.1, l1=0.0, l2=0.0, shrinkage=0.0, beta=0.0):
        options = {"power": power, "initial": initial, "l1": l1, "l2": l2, "shrinkage": shrinkage, "beta": beta}
        super().__init__(params, {"lr": lr, **options})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            lr, power, l1 = group["lr"], group["power"], group["l1"]
            l2 = group["l2"] + group["beta"] / (2 * lr)
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state.update(squares=torch.full_like(p, group["initial"]), linear=torch.zeros_like(p))
                before, linear = state["squares"], state["linear"]
                after = state["squares"] = before + p.grad.square()
                change = (after**-power - before**-power) / lr
                linear += p.grad + 2 * group["shrinkage"] * p - change * p
                p.copy_((linear.clamp(-l1, l1) - linear) / (after**-power / lr + 2 * l2))
