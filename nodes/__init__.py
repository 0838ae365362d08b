"""The built-in nodes: thin nodes over plain numerics."""
