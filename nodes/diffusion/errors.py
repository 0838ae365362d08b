"""What is wrong with a model file, said so that its owner can put it right."""

from pathlib import Path


class ModelError(ValueError):
    """A model that cannot be used: which file, what is wrong with it, what to do.

    The message names the file but not the folders above it, which are nobody's
    business on the other side of a server; `path` has the whole of it.
    """

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path.name}: {problem}")
        self.path = path
        self.problem = problem
