"""Worked examples: complete projects that use `pl_losses`."""
