"""Safelight's engine: it knows graphs, not diffusion."""
