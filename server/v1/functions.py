"""POST /v1/workflows/{name}/run: a saved workflow called as a function."""

import asyncio
import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from aiohttp import web
from pydantic import ConfigDict, Field

from engine.errors import PathError
from engine.files import Files
from server.keys import ENGINE, JOBS
from server.media import TYPES, UNKNOWN, file_answer
from server.refusal import Refusal
from server.store.jobs import State
from server.stored_files import find
from server.v1.job import Failure, JobDetails, StoredFile, place
from server.v1.jobs import whole
from server.v1.library import Library
from server.v1.operation import Answer, Operations, Said
from server.v1.shape import Problem, Shape, Value
from server.v1.submission import (
    JobWishes,
    Seconds,
    SubmitHeaders,
    Workflow,
    known_job,
    prepare,
    submit,
)
from server.v1.workflows import PARTS
from server.v1.workflows import UNKNOWN as NO_WORKFLOW

operations: Final = Operations("workflows")

#: How long a call waits when it does not say.
_PATIENCE: Final = 120.0


class Call(JobWishes):
    """A call of a workflow."""

    inputs: dict[str, Value] = Field(default_factory=dict)
    """Values of its named inputs; the others keep theirs.
    A picture is the name of a file in `input/`, a `data:` URL, or `{"base64": "…"}`."""
    wait: Seconds = _PATIENCE
    """How long to wait for its end."""
    images: Literal["links", "base64", "bytes"] = "links"
    """How pictures are answered; `bytes`: the answer is the one picture that there is."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"inputs": {"prompt": "a red circle", "seed": 3}}]}
    )


class InlineFile(Shape):
    """A file that was written, with its content."""

    filename: str
    media_type: str
    base64: str


class Result(Shape):
    """What a call came to."""

    job: str
    state: State
    url: str
    """The job."""
    outputs: dict[str, list[StoredFile | InlineFile | Value]]
    """By the workflow's names, or by node when it has none."""
    warnings: list[Problem] = Field(default_factory=list)


@operations(
    "POST",
    "/workflows/{name}/run",
    {
        200: Said(Result, "It has run.", {"Location": "The job."}, ("application/json", "image/*")),
        202: Said(Result, "It has not ended in the time to wait.", {"Location": "The job."}),
    },
    errors={
        **NO_WORKFLOW,
        400: "The saved file is no workflow.",
        406: "There is not exactly one picture to answer with.",
        409: "It was cancelled, or the idempotency key came with another request.",
        422: "Inputs are wrong, or a node failed.",
    },
    parts=PARTS,
)
async def post_run(
    request: web.Request, name: str, headers: SubmitHeaders, body: Call
) -> Answer | web.StreamResponse:
    """Run a saved workflow with these inputs, and answer with its outputs."""
    files = request.app[ENGINE].files
    key = headers.idempotency_key
    warnings: Sequence[Problem] = ()
    job = await known_job(request, key)
    if job is None:
        saved = await asyncio.to_thread(Library(files).get, name)
        document = await asyncio.to_thread(saved.document)
        prepared = await prepare(request.app, Workflow(workflow=document, inputs=body.inputs))
        job, _ = await submit(request, prepared, body, key, name)
        warnings = prepared.problems
    await request.app[JOBS].wait(job.id, body.wait)
    told = await whole(request.app, job.id)
    location = {"Location": place(job)}
    if told.ended is None:
        running = Result(job=job.id, state=told.state, url=told.url, outputs={}, warnings=list(warnings))
        return Answer(running, 202, location)
    if told.state is not State.COMPLETED:
        raise _failed(told)
    outputs = outputs_of(told)
    if body.images == "bytes" or wants_picture(request.headers.get("Accept", "")):
        response = file_answer(await asyncio.to_thread(_only_picture, files, outputs, told))
        response.headers.update(location)
        return response
    if body.images == "base64":
        outputs = await asyncio.to_thread(_inlined, files, outputs)
    result = Result(job=job.id, state=told.state, url=told.url, outputs=outputs, warnings=list(warnings))
    return Answer(result, 200, location)


def wants_picture(accept: str) -> bool:
    """Whether a client would rather have a picture than JSON."""
    kinds = [each.partition(";")[0].strip().lower() for each in accept.split(",")]
    return any(kind.startswith("image/") for kind in kinds) and not {"application/json", "*/*"} & set(kinds)


def outputs_of(job: JobDetails) -> dict[str, list[Any]]:
    """The named outputs; of a workflow that names none, what its nodes have shown."""
    if job.results:
        return job.results
    return {node: [each for items in shown.values() for each in items] for node, shown in job.outputs.items()}


def _failed(job: JobDetails) -> Refusal:
    if job.state is State.CANCELLED:
        return Refusal(409, "job_cancelled", "the job was cancelled", job=job.id)
    failure = job.failure or Failure(message="the job failed")
    where = f"node {failure.node} ({failure.class_type}): " if failure.node else ""
    return Refusal(
        422,
        "job_failed",
        f"{where}{failure.message}",
        "the job tells of what ran beside it",
        job=job.id,
    )


def _only_picture(files: Files, outputs: Mapping[str, Sequence[Any]], job: JobDetails) -> Path:
    found = [each for items in outputs.values() for each in items if isinstance(each, StoredFile)]
    pictures = [each for each in found if _type(each).startswith("image/")]
    if len(pictures) != 1:
        raise Refusal(
            406,
            "not_one_picture",
            f"the workflow gave {len(pictures)} pictures; one can be the answer",
            'ask for "images": "links"',
            job=job.id,
        )
    return _path(files, pictures[0])


def _inlined(files: Files, outputs: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    return {name: [_inline(files, each) for each in items] for name, items in outputs.items()}


def _inline(files: Files, value: Any) -> Any:
    if not isinstance(value, StoredFile):
        return value
    content = base64.b64encode(_path(files, value).read_bytes()).decode()
    return InlineFile(filename=value.filename, media_type=_type(value), base64=content)


def _path(files: Files, stored: StoredFile) -> Path:
    try:
        return find(files, stored.filename, stored.type, stored.subfolder)
    except PathError as error:
        raise Refusal(404, "not_found", str(error)) from None


def _type(stored: StoredFile) -> str:
    return TYPES.get(Path(stored.filename).suffix.lower(), UNKNOWN)
