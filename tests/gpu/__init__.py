"""What needs a GPU; skipped without one."""
