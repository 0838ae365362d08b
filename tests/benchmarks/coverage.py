"""How much of a folder of saved workflows could run here: `python tests/benchmarks/coverage.py FOLDER`.

A workflow is counted as covered when it parses, converts and validates but for files that are not on this
disk: models, and pictures of the input folder.  What is missing is listed by how many workflows it stops.

A folder of templates has an `index.json` that says which of them run without a service, and what they make;
with `--local image` only those that make pictures so are looked at.
"""

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.engine import Engine
from engine.errors import SafelightError
from engine.problems import Problem
from server.session import open_engine, read_document, read_workflow


@dataclass
class Coverage:
    """What was found in a folder."""

    covered: list[str] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)
    #: The classes that each workflow lacks, and what else is wrong with it.
    classes: dict[str, set[str]] = field(default_factory=dict)
    others: dict[str, set[str]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(self.covered) + len(self.unread) + len(self.classes | self.others)


def measure(paths: list[Path], engine: Engine) -> Coverage:
    found = Coverage()
    for path in paths:
        try:
            workflow = read_workflow(engine, read_document(path, engine.registry))
        except SafelightError as error:
            found.unread[path.name] = str(error)
            continue
        lacking = {
            each.class_type or "?"
            for each in workflow.problems
            if each.code == "missing_node_type" and each.node
        }
        others = {
            f"{each.class_type}.{each.input}: {each.message}"[:160]
            for each in workflow.errors
            if each.code not in {"missing_node_type", "prompt_no_outputs"}
            and not is_missing_file(each, engine)
        }
        if lacking:
            found.classes[path.name] = lacking
        if others:
            found.others[path.name] = others
        if not lacking and not others:
            found.covered.append(path.name)
    return found


def is_missing_file(problem: Problem, engine: Engine) -> bool:
    """Whether all that is wrong is that a file is not on this disk."""
    spec = engine.registry.specs.get(problem.class_type)
    given = spec.inputs.get(problem.input) if spec is not None else None
    if given is None or given.choices is None or not callable(given.choices.source):
        return False
    return problem.code in {"value_not_in_list", "custom_validation_failed", "required_input_missing"}


def workflows(folder: Path, made: str | None) -> list[Path]:
    """The workflow files of a folder; those that its index calls local and of a kind, if that is asked."""
    if made is not None:
        names = local(json.loads((folder / "index.json").read_text()), made)
        return sorted(path for name in names if (path := folder / f"{name}.json").is_file())
    return sorted(path for path in folder.rglob("*.json") if not path.name.startswith("index."))


def local(index: list[dict[str, Any]], made: str) -> Iterator[str]:
    """The templates of an index that need no service, and whose outputs are all of one kind."""
    for group in index:
        for template in group["templates"]:
            outputs = {each.get("mediaType") for each in template.get("io", {}).get("outputs", [])}
            if template.get("openSource") and (outputs or {group.get("type")}) == {made}:
                yield template["name"]


def tell(found: Coverage, most: int) -> None:
    share = len(found.covered) / found.count if found.count else 0.0
    print(f"{len(found.covered)} of {found.count} workflows are covered ({share:.1%})")
    if found.unread:
        print(f"{len(found.unread)} cannot be read:")
        for name, why in sorted(found.unread.items()):
            print(f"  {name}: {why}")
    stops = Counter(name for names in found.classes.values() for name in names)
    alone = Counter(
        next(iter(names))
        for file, names in found.classes.items()
        if len(names) == 1 and file not in found.others
    )
    print(f"\n{len(stops)} classes are missing: in how many workflows, and where nothing else is missing")
    for name, count in stops.most_common(most):
        print(f"  {count:4} {alone[name]:4}  {name}")
    wrong = Counter(said for each in found.others.values() for said in each)
    print(f"\n{len(wrong)} other things are wrong")
    for said, count in wrong.most_common(most):
        print(f"  {count:4}  {said}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--local", metavar="KIND", help="only templates without services that make this: image"
    )
    parser.add_argument("--most", type=int, default=40, help="how many lines of each list are shown")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        engine = open_engine(Path(home), device="cpu", disk=False)
        tell(measure(workflows(arguments.folder, arguments.local), engine), arguments.most)


if __name__ == "__main__":
    main()
