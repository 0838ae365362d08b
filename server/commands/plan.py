"""`safelight plan`: what a run would do, what is cached, and about how long it would take."""

import argparse
from typing import Any

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
        "plan",
        help="say what a run would do",
        description="Show which nodes would run and why, which are cached, and about how long it would take.",
    )
    add_workflow(parser)
    parser.add_argument("--refresh", action="store_true", help="plan as `run --refresh` would")
    add_json(parser)
    add_home(parser)
    parser.set_defaults(main=main)


def main(arguments: argparse.Namespace) -> int:
    with engine_for(arguments) as engine:
        workflow = workflow_for(arguments, engine)
        if workflow.errors:
            if arguments.json:
                print_json({"status": "refused", "problems": [as_json(each) for each in workflow.problems]})
            else:
                tell(workflow.problems)
            return REFUSED
        validation = workflow.validation
        plan = engine.plan(validation.graph, validation.outputs, "refresh" if arguments.refresh else "use")
        rows: list[dict[str, Any]] = [
            {"node": node, "class_type": plan.graph.calls[node].spec.class_type, "state": "cached", "why": ""}
            for node in plan.cached
        ]
        for node in plan.missing:
            class_type = plan.graph.calls[node].spec.class_type
            seconds = engine.parts.durations.estimate(class_type)
            rows.append(
                {
                    "node": node,
                    "class_type": class_type,
                    "state": "run",
                    "why": plan.why[node],
                    "seconds": round(seconds, 4) if seconds is not None else None,
                }
            )
        total = sum(row.get("seconds") or 0.0 for row in rows)
        if arguments.json:
            print_json({"nodes": rows, "seconds": round(total, 4)})
            return OK
        for row in rows:
            title = workflow.lowered.titles.get(row["node"], "")
            name = f"{row['node']:>6}  {row['class_type']}" + (f" “{title}”" if title else "")
            known = f", about {row['seconds']:.2f} s" if row.get("seconds") is not None else ""
            print(f"{row['state']:>6}  {name}" + (f"  ({row['why']}{known})" if row["why"] else ""))
        print(f"{len(plan.missing)} to run, {len(plan.cached)} cached, about {total:.1f} s by earlier runs")
    return OK
