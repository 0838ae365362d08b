"""/v1/check, /v1/plan and /v1/convert: what can be said of a workflow without running it."""

import asyncio
from collections.abc import Mapping
from typing import Final, Literal

from aiohttp import web

from engine.durations import Durations
from engine.formats import is_editor_form, lower, opened, to_api, to_editor, translate
from engine.plan import Plan
from server.keys import ENGINE, JOBS, SETTINGS
from server.limits import check_limits
from server.script import script_of
from server.v1.operation import Operations
from server.v1.shape import CacheMode, Problem, Shape, Value, Wish
from server.v1.submission import Workflow, prepare, shape

operations: Final = Operations("workflows")

_INVALID: Final = {400: "It is no workflow.", 413: "The workflow is too large."}


class Verdict(Shape):
    """What is wrong with a workflow."""

    sound: bool
    """Whether it would run."""
    problems: list[Problem]


class PlanWish(Workflow):
    """A workflow whose run is to be planned."""

    cache: CacheMode = "use"


class PlannedNode(Shape):
    """What a run would do about a node."""

    node: str
    class_type: str
    title: str = ""
    state: Literal["cached", "stored", "runs"]
    """`cached`: its result is in memory; `stored`: on disk; `runs`: it is computed."""
    why: str = ""
    """What makes it run."""
    seconds: float | None = None
    """How long nodes of its class took lately; null when that is not known."""


class Planned(Shape):
    """What a run would do."""

    nodes: list[PlannedNode]
    seconds: float
    """About how long it would take, as far as that is known."""
    unknown: int
    """How many of the nodes that run have never been timed."""
    warnings: list[Problem]


class Conversion(Wish):
    """A workflow to be written in another form."""

    workflow: dict[str, Value]
    form: Literal["api", "editor", "document"]
    """`api`: the plain graph with titles; `editor`: a file that ComfyUI's editor opens; `document`: ours,
    with places, groups, notes and sub-graphs."""


class Script(Shape):
    """A workflow as a program."""

    script: str
    """Python, for an environment where Safelight is installed."""


class Converted(Shape):
    """A workflow in another form, and what was wrong on the way."""

    workflow: dict[str, Value]
    problems: list[Problem]


@operations("POST", "/check", Verdict, errors=_INVALID)
async def post_check(request: web.Request, body: Workflow) -> Verdict:
    """Say everything that is wrong with a workflow."""
    prepared = await prepare(request.app, body)
    return Verdict(sound=not prepared.errors, problems=list(prepared.problems))


@operations("POST", "/plan", Planned, errors=_INVALID)
async def post_plan(request: web.Request, body: PlanWish) -> Planned:
    """Say what a run would do, and about how long it would take."""
    engine = request.app[ENGINE]
    prepared = await prepare(request.app, body)
    checked = prepared.accepted()
    validation = checked.validation
    plan = await request.app[JOBS].runner.call(
        lambda: engine.plan(validation.graph, validation.outputs, body.cache)
    )
    nodes = planned(plan, engine.parts.durations, checked.lowered.titles)
    return Planned(
        nodes=nodes,
        seconds=round(sum(node.seconds or 0.0 for node in nodes), 4),
        unknown=sum(node.state == "runs" and node.seconds is None for node in nodes),
        warnings=list(prepared.problems),
    )


def planned(plan: Plan, durations: Durations, titles: Mapping[str, str]) -> list[PlannedNode]:
    """The nodes of a plan, sources first."""
    missing, cached, stored = set(plan.missing), set(plan.cached), set(plan.stored)
    found = []
    for node in plan.graph.order:
        class_type, title = plan.graph.calls[node].spec.class_type, titles.get(node, "")
        if node in missing:
            seconds = durations.estimate(class_type)
            found.append(
                PlannedNode(
                    node=node,
                    class_type=class_type,
                    title=title,
                    state="runs",
                    why=plan.why[node],
                    seconds=round(seconds, 4) if seconds is not None else None,
                )
            )
        elif node in cached:
            state: Literal["stored", "cached"] = "stored" if node in stored else "cached"
            found.append(PlannedNode(node=node, class_type=class_type, title=title, state=state))
    return found


@operations("POST", "/convert", Converted, errors=_INVALID)
async def post_convert(request: web.Request, body: Conversion) -> Converted:
    """Write a workflow in a form that other programs read."""
    check_limits(body.workflow, request.app[SETTINGS])
    specs = request.app[ENGINE].registry.specs

    def convert() -> Converted:
        if body.form == "api":
            lowered = lower(body.workflow, specs)
            return Converted(
                workflow=to_api(lowered, specs), problems=[shape(each) for each in lowered.problems]
            )
        if body.form == "document":
            document, problems = opened(body.workflow, specs)
            return Converted(workflow=document, problems=[shape(each) for each in problems])
        if is_editor_form(body.workflow):
            return Converted(workflow=body.workflow, problems=[])
        document, problems = translate(body.workflow, specs)
        return Converted(workflow=to_editor(document, specs), problems=[shape(each) for each in problems])

    return await asyncio.to_thread(convert)


@operations("POST", "/script", Script, errors=_INVALID)
async def post_script(request: web.Request, body: Workflow) -> Script:
    """Write a workflow as a Python script that runs it."""
    check_limits(body.workflow, request.app[SETTINGS])
    specs = request.app[ENGINE].registry.specs

    def write() -> str:
        document, _ = translate(body.workflow, specs)
        return script_of(document, specs)

    return Script(script=await asyncio.to_thread(write))
