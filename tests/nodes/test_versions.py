"""A built-in node that changes says so: cached results of its older self must not be found again.

`versions.json` holds each class's version and a digest of its source without comments and docstrings.
When this test fails and the node's results have changed, raise its `version=`; then, or when they have
not changed, record the source anew with `python tests/nodes/test_versions.py`.
"""

import ast
import inspect
import json
import textwrap
from hashlib import blake2b
from pathlib import Path

from engine.registry import Registry

RECORDED = Path(__file__).parent / "versions.json"


def digest(source: str) -> str:
    """A digest of what a function does: its statements, not its words."""
    tree = ast.parse(textwrap.dedent(source))
    for each in ast.walk(tree):
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            each.decorator_list = []
            if ast.get_docstring(each) is not None:
                each.body = each.body[1:] or [ast.Pass()]
    return blake2b(ast.dump(tree).encode(), digest_size=8).hexdigest()


def present() -> dict[str, list[int | str]]:
    registry = Registry()
    registry.load_builtin("nodes")
    assert not registry.broken
    return {
        name: [spec.version, digest(inspect.getsource(spec.function))]
        for name, spec in sorted(registry.specs.items())
    }


def test_a_built_in_node_whose_source_changed_has_a_new_version() -> None:
    recorded = json.loads(RECORDED.read_text())
    now = present()
    changed = [name for name in now if name in recorded and now[name] != recorded[name]]
    assert not changed, f"raise their versions, or record them anew (see this file): {changed}"
    assert set(now) == set(recorded), "record the new classes: python tests/nodes/test_versions.py"


if __name__ == "__main__":
    RECORDED.write_text(json.dumps(present(), indent=1) + "\n")
