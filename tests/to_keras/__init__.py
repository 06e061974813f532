"""PyTorch programs: what stands outside of their module classes."""
