class BatchNorm3d(nn.BatchNorm3d):
    """Batch normalization whose running variance is biased, as Keras's is."""

    def forward(self, x):
        if not self.training:
            return super().forward(x)
        dims = [d for d in range(x.dim()) if d != 1]
        variance, mean = torch.var_mean(x.detach(), dim=dims, correction=0)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)
        return F.batch_norm(x, None, None, self.weight, self.bias, True, 0.0, self.eps)
