"""From a workflow that a client sent to a job: checked as a whole, with the values of its inputs."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from typing import Annotated, Any, Final

from aiohttp import web
from pydantic import Field

from engine import problems as found_by_engine
from engine.engine import Engine
from engine.errors import UserError
from engine.files import Files
from engine.formats import translate
from engine.formats.document import KEY, with_inputs
from engine.prompt import Document
from server.config import Settings
from server.keys import DATABASE, ENGINE, JOBS, SETTINGS
from server.limits import check_limits
from server.refusal import Refusal, conceal
from server.store import jobs as table
from server.store.jobs import Job, Submission
from server.submissions import Checked, check, new_id, texts
from server.v1.given import stored_pictures
from server.v1.shape import MOST_SECONDS, CacheMode, Problem, Query, Value, Wish

Seconds = Annotated[float, Field(ge=0, le=MOST_SECONDS, allow_inf_nan=False)]

_PREFERS_WAIT: Final = re.compile(r"(?:^|[,;\s])wait\s*=\s*(\d{1,9})(?![\w.])", re.IGNORECASE)


class Workflow(Wish):
    """A workflow, with values for its inputs."""

    workflow: dict[str, Value]
    """Our document, an API graph (`{"id": {"class_type", "inputs"}}`), or a file of ComfyUI's editor."""
    inputs: dict[str, Value] = Field(default_factory=dict)
    """Values by the names that the document gives to inputs; any other input is `node.input`: `6.text`.
    A picture is the name of a file in `input/`, a `data:` URL, or `{"base64": "…"}`."""
    outputs: Annotated[list[str] | None, Field(max_length=10_000)] = None
    """The nodes to run, with all that they need; by default every output node."""


class JobWishes(Wish):
    """How a job is to be run."""

    cache: CacheMode = "use"
    """`refresh` computes everything again and keeps the results, `off` looks at none and keeps none."""
    priority: Annotated[int, Field(ge=-1000, le=1000)] = 0
    """Higher goes first."""
    front: bool = False
    """Before all others of its priority."""
    client_id: Annotated[str, Field(max_length=200)] = ""
    """Who asks: clients of the websocket with this id are told of the job."""
    metadata: dict[str, Value] = Field(default_factory=dict)
    """Whatever is to be kept with the job."""


class Waiting(Query):
    wait: Seconds | None = None
    """Hold the answer until the job has ended, for at most so many seconds."""


class SubmitHeaders(Query):
    idempotency_key: Annotated[
        str | None,
        Field(
            alias="Idempotency-Key",
            min_length=1,
            max_length=255,
            description="A request that comes again with the same key and body gives the same job, "
            "for as long as history has it.",
        ),
    ] = None
    prefer: Annotated[
        str | None, Field(alias="Prefer", description="`wait=10` is another way to say `?wait=10`.")
    ] = None

    def wait(self) -> float | None:
        """The seconds of `Prefer: wait=…`; what is no such thing is nobody's preference."""
        found = _PREFERS_WAIT.search(self.prefer or "")
        return min(float(found[1]), MOST_SECONDS) if found else None


@dataclass(frozen=True)
class Prepared:
    """A workflow with its values, and everything that is wrong with it."""

    checked: Checked
    problems: Sequence[Problem]

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.severity == "error"]

    def accepted(self) -> Checked:
        """The workflow, when it can run.

        Raises:
            Refusal: it cannot; with every problem.
        """
        if errors := self.errors:
            more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
            raise Refusal(
                422,
                "invalid_workflow",
                f"the workflow cannot run: {where(errors[0])}{errors[0].message}{more}",
                errors[0].hint,
                problems=[problem.model_dump() for problem in self.problems],
            )
        return self.checked


async def prepare(app: web.Application, wish: Workflow) -> Prepared:
    """Put the values in and check the whole.

    Raises:
        UserError: it is no workflow, or too large.
    """
    engine, settings = app[ENGINE], app[SETTINGS]
    values, problems = await stored_pictures(engine.files, settings, wish.inputs)
    prepared = await asyncio.to_thread(_prepare, engine, settings, wish.workflow, values, wish.outputs)
    return Prepared(prepared.checked, [*problems, *prepared.problems])


def _prepare(
    engine: Engine,
    settings: Settings,
    document: Document,
    values: Mapping[str, Any],
    outputs: Sequence[str] | None,
) -> Prepared:
    problems: list[Problem] = []
    check_limits(document, settings)
    if values:
        document, found = translate(document, engine.registry.specs)
        problems += [shape(each) for each in found]
        document, refused = put_in(engine, document, values)
        problems += refused
    checked = check(engine, settings, document, targets=outputs)
    places = {(each.node, each.input): name for name, each in checked.lowered.inputs.items()}
    places |= {(node, name): f"{node}.{name}" for node, _, name in (each.rpartition(".") for each in values)}
    problems += [shape(each, places.get((each.node, each.input), "")) for each in checked.problems]
    return Prepared(checked, [_without_places(each, engine.files) for each in problems])


def _without_places(problem: Problem, files: Files) -> Problem:
    """A problem that names no folder of the machine."""
    told = {"message": conceal(problem.message, files), "hint": conceal(problem.hint, files)}
    return problem.model_copy(update=told)


def put_in(engine: Engine, document: Document, values: Mapping[str, Any]) -> tuple[Document, list[Problem]]:
    """The values of inputs, and what is wrong with those that cannot be put in."""
    specs = engine.registry.specs
    try:
        return with_inputs(document, values, specs), []
    except UserError:  # now one at a time, to tell of each
        problems = []
        for name, value in values.items():
            try:
                document = with_inputs(document, {name: value}, specs)
            except UserError as error:
                problems.append(
                    Problem(severity="error", code="unknown_input", message=str(error), name=name)
                )
        return document, problems


async def known_job(request: web.Request, key: str | None) -> Job | None:
    """The job that a request has made when it came for the first time.

    Raises:
        Refusal: the key came with another request.
    """
    if key is None:
        return None
    find = partial(table.by_key, key=key, digest=await digest(request))
    return await request.app[DATABASE].read(find)


async def digest(request: web.Request) -> str:
    content = f"{request.method} {request.path}\n".encode() + await request.read()
    return blake2b(content, digest_size=16).hexdigest()


async def submit(
    request: web.Request, prepared: Prepared, wishes: JobWishes, key: str | None, workflow: str = ""
) -> tuple[Job, bool]:
    """Accept a job; False with one that this request had made before.

    Raises:
        Refusal: the workflow cannot run, or the key came with another request.
    """
    checked = prepared.accepted()
    return await request.app[JOBS].submit(
        Submission(
            new_id(),
            checked.lowered.graph,
            checked.wanted,
            client=wishes.client_id,
            front=wishes.front,
            priority=wishes.priority,
            extra={"metadata": wishes.metadata},
            texts=await asyncio.to_thread(texts, checked, {}),
            titles=checked.lowered.titles,
            results=checked.results,
            cache=wishes.cache,
            workflow=workflow or _id_of(checked.document),
            request_key=key,
            digest=await digest(request) if key is not None else "",
        )
    )


def shape(problem: found_by_engine.Problem, name: str = "") -> Problem:
    return Problem(
        severity=problem.severity,
        code=problem.code,
        message=problem.message,
        hint=problem.hint,
        path=list(problem.path),
        node=problem.node,
        input=problem.input,
        class_type=problem.class_type,
        title=problem.title,
        name=name,
    )


def where(problem: Problem) -> str:
    if problem.name:
        return f"{problem.name}: "
    if not problem.node:
        return ""
    title = problem.title or problem.class_type
    return (
        f"node {problem.node}"
        + (f" ({title})" if title else "")
        + (f", {problem.input}" if problem.input else "")
        + ": "
    )


def _id_of(document: Document) -> str:
    """The id that a document carries through renaming."""
    about = document.get(KEY)
    found = (about if isinstance(about, dict) else document).get("id")
    return found[:200] if isinstance(found, str) else ""
