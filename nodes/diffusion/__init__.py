"""Diffusion numerics: tensors in, tensors out; knows neither the engine nor nodes."""
