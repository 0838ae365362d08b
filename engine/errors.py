"""Everything that can go wrong, in one hierarchy.

What is wrong with a graph is data (`validation.Problem`), because there may be many things at once.
These exceptions are for what stops an action at its first failure.  A `UserError` is shown as its
message alone; anything else is a bug, ours or a node's, and is shown with its type.
"""


class SafelightError(Exception):
    """The root of all exceptions that Safelight raises on purpose."""


class UserError(SafelightError):
    """Something a user can mend.  The message says what, where and what to do."""


class DocumentError(UserError):
    """A file or a request body that is not a workflow."""


class PathError(UserError):
    """A name that leaves its folder, or that names nothing in it."""


class PackError(SafelightError):
    """A node pack that could not be loaded.  Reported, never fatal."""


class NodeDefinitionError(SafelightError):
    """A node function whose signature does not describe a node."""


class Cancelled(SafelightError):  # noqa: N818  # not an error, but a wish
    """Raised inside a node that asked whether its run is cancelled, when it is."""


class StorageError(UserError):
    """Something could not be written: a full disk, a folder without permission."""
