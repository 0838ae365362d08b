"""`safelight nodes`: the node classes there are, and what each takes and gives."""

import argparse
from typing import Any

from engine.coercion import nearest
from engine.errors import UserError
from engine.files import Files
from engine.spec import MISSING, Input, NodeSpec
from server.commands.common import OK, add_home, add_json, engine_for, print_json


def add(parsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = parsers.add_parser("nodes", help="list the node classes, or describe one")
    parser.add_argument("name", nargs="?", help="a class, such as KSampler")
    add_json(parser)
    add_home(parser)
    parser.set_defaults(main=main)


def main(arguments: argparse.Namespace) -> int:
    engine = engine_for(arguments, disk=False)
    specs, files = engine.registry.specs, engine.files
    if arguments.name is None:
        if arguments.json:
            print_json({name: describe(spec, files) for name, spec in specs.items()})
            return OK
        for category in sorted({spec.category for spec in specs.values()}):
            print(category)
            for spec in specs.values():
                if spec.category == category:
                    print(f"  {spec.class_type:<28} {first_line(spec.description)}")
        for pack in engine.registry.broken:
            print(f"not loaded: {pack.name}: {pack.reason}")
        return OK
    found = specs.get(arguments.name)
    if found is None:
        hint = nearest(arguments.name, list(specs))
        raise UserError(f"there is no node class {arguments.name!r}" + (f"; {hint}" if hint else ""))
    if arguments.json:
        print_json(describe(found, files))
    else:
        show(found, files)
    return OK


def first_line(text: str) -> str:
    return text.split("\n", 1)[0]


def describe(spec: NodeSpec, files: Files) -> dict[str, Any]:
    """A class as JSON: everything its signature says."""
    return {
        "class_type": spec.class_type,
        "display_name": spec.display_name,
        "category": spec.category,
        "description": spec.description,
        "output_node": spec.output_node,
        "inputs": {name: describe_input(each, files) for name, each in spec.inputs.items()},
        "outputs": [
            {"name": output.name, "type": output.socket.wire, "is_list": output.is_list}
            for output in spec.outputs
        ],
    }


def describe_input(given: Input, files: Files) -> dict[str, Any]:
    facts: dict[str, Any] = {"type": given.socket.wire, "required": given.required}
    if given.default is not MISSING:
        facts["default"] = given.default
    facts |= {
        name: value
        for name, value in (("min", given.ge), ("max", given.le), ("step", given.step), ("help", given.help))
        if value not in {None, ""}
    }
    if given.choices is not None:
        facts["choices"] = list(given.choices.values(files))
    for name in ("optional", "lazy", "is_list", "seeded"):
        if getattr(given, name):
            facts[name] = True
    return facts


def show(spec: NodeSpec, files: Files) -> None:
    """A class for a person."""
    print(f"{spec.class_type}  ({spec.category})")
    if spec.description:
        print(f"  {spec.description}")
    print("inputs:" if spec.inputs else "no inputs")
    for name, given in spec.inputs.items():
        text = f"  {name}: {given.socket.wire}"
        if given.default is not MISSING:
            text += f" = {given.default!r}"
        if given.ge is not None or given.le is not None:
            low, high = ("" if bound is None else str(bound) for bound in (given.ge, given.le))
            text += f"  [{low}..{high}]"
        if given.choices is not None:
            values = list(given.choices.values(files))
            listed = ", ".join(values[:30]) + (f", … {len(values)} in all" if len(values) > 30 else "")
            text += f"  {{{listed}}}"
        text += "  optional" if given.optional else ""
        text += "  lazy" if given.lazy else ""
        print(text + (f"  {given.help}" if given.help else ""))
    print("outputs: " + (", ".join(f"{each.name}: {each.socket.wire}" for each in spec.outputs) or "none"))
