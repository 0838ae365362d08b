"""`safelight run`: carry out a workflow, and say which files it wrote."""

import argparse
import asyncio
import json
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from engine.engine import Engine
from engine.errors import UserError
from engine.events import Event
from engine.outcomes import Result
from engine.plan import CacheMode
from engine.timeline import Timeline
from server.commands.common import (
    FAILED,
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
from server.progress import Progress
from server.session import Workflow, make_home, written_files


def add(parsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = parsers.add_parser(
        "run",
        help="run a workflow and write its pictures",
        description="Run a workflow.  Unchanged parts are taken from the cache.  Prints the paths of what it "
        "wrote.  Exit codes: 0 done, 1 a node failed, 2 the workflow or a flag is wrong, 130 interrupted.",
    )
    add_workflow(parser)
    parser.add_argument("--refresh", action="store_true", help="compute everything again")
    parser.add_argument("--trace", type=Path, metavar="FILE", help="write a timeline for chrome://tracing")
    add_json(parser)
    add_home(parser)
    parser.set_defaults(main=main)


def main(arguments: argparse.Namespace) -> int:
    with engine_for(arguments) as engine:
        workflow = workflow_for(arguments, engine)
        if workflow.errors:
            if arguments.json:
                print_json({"status": "refused", "files": [], "problems": [*map(as_json, workflow.problems)]})
            else:
                tell(workflow.problems)
            return REFUSED
        make_home(engine.files)
        if not arguments.json:
            tell(workflow.problems)
        timeline = Timeline()
        progress = Progress(workflow.lowered.titles)

        def listen(event: Event) -> None:
            timeline.listen(event)
            if not arguments.json:
                progress.listen(event)

        mode: CacheMode = "refresh" if arguments.refresh else "use"
        result = run(engine, workflow, mode, listen, timeline)
        if arguments.trace is not None:
            write_trace(arguments.trace, timeline)
        report(engine, workflow, result, as_one_object=arguments.json)
    return OK if result.status == "completed" else FAILED


def run(
    engine: Engine,
    workflow: Workflow,
    mode: CacheMode,
    listen: Callable[[Event], None],
    timeline: Timeline | None = None,
) -> Result:
    """Run what a sound workflow wants.

    Raises:
        KeyboardInterrupt: it was interrupted, and has stopped.
    """
    plan = engine.plan(workflow.validation.graph, workflow.validation.outputs, mode)
    if timeline is not None:
        timeline.why = plan.why

    async def go() -> Result:
        task = asyncio.current_task()
        assert task is not None
        with suppress(NotImplementedError, ValueError, RuntimeError):  # no signals here: a thread, or Windows
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await engine.run(plan, emit=listen, metadata=workflow.texts)

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        try:
            return asyncio.run(go())
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
    with ThreadPoolExecutor(1) as pool:  # a notebook's loop is running here already
        return pool.submit(lambda: asyncio.run(go())).result()


def write_trace(path: Path, timeline: Timeline) -> None:
    try:
        path.write_text(json.dumps(timeline.chrome_trace()))
    except OSError as error:
        raise UserError(f"cannot write the trace {path}: {error.strerror or error}") from error


def report(engine: Engine, workflow: Workflow, result: Result, *, as_one_object: bool) -> None:
    """Say what was written: a path a line, or everything as one object."""
    files = {node: written_files(engine.files, shown) for node, shown in result.shown.items()}
    if not as_one_object:
        for paths in files.values():
            for path in paths:
                print(path)
        for name, output in workflow.lowered.outputs.items():
            if output.output is not None and (text := plain_value(result, output.node, output.output)):
                print(f"{name}: {text}")
        return
    print_json(
        {
            "status": result.status,
            "files": [str(path) for paths in files.values() for path in paths],
            "outputs": {
                name: outputs_of(result, files, output.node, output.output)
                for name, output in workflow.lowered.outputs.items()
            },
            "problems": [as_json(problem) for problem in workflow.problems],
            "failures": [
                {"node": failure.node, "message": failure.message, "type": failure.kind}
                for failure in result.failures
            ],
        }
    )


def plain_value(result: Result, node: str, output: int) -> str:
    """A named value for a person: texts and numbers as they are, others by their type."""
    outcome = result.outcomes.get(node)
    if not isinstance(outcome, tuple):
        return ""
    return ", ".join(
        str(value) if isinstance(value, str | int | float) else f"<{type(value).__name__}>"
        for value in outcome[output]
    )


def outputs_of(result: Result, files: dict[str, list[Path]], node: str, output: int | None) -> Any:
    if output is None:
        return [str(path) for path in files.get(node, [])]
    return plain_value(result, node, output)
