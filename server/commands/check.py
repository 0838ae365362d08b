"""`safelight check`: everything that is wrong with a workflow, without running it."""

import argparse

from server.commands.common import (
    OK,
    REFUSED,
    add_home,
    add_json,
    add_workflow,
    as_json,
    engine_for,
    print_json,
    tell,
    workflow_for,
)


def add(parsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = parsers.add_parser(
        "check",
        help="say everything that is wrong with a workflow",
        description="Check a workflow without running it.  Exit codes: 0 sound, 2 not.",
    )
    add_workflow(parser)
    add_json(parser)
    add_home(parser)
    parser.set_defaults(main=main)


def main(arguments: argparse.Namespace) -> int:
    engine = engine_for(arguments, disk=False)
    workflow = workflow_for(arguments, engine)
    if arguments.json:
        print_json({"sound": not workflow.errors, "problems": [as_json(each) for each in workflow.problems]})
    else:
        tell(workflow.problems)
        if not workflow.errors:
            count = len(workflow.lowered.graph)
            print(f"{arguments.file}: sound ({count} node{'s' if count != 1 else ''})")
    return REFUSED if workflow.errors else OK
