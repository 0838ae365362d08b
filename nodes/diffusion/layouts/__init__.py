"""How files name the tensors of a network, and what their shapes tell of it. One module per network."""
