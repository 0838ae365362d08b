"""POST /prompt: from a request's body to a queued job.  GET /prompt: how long the queue is."""

import asyncio
import math
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from engine.engine import Engine
from engine.errors import DocumentError, StorageError
from engine.formats.detection import is_editor_form
from server.answers import answer
from server.bodies import json_object
from server.config import Settings
from server.errors import Refusal
from server.keys import ENGINE, JOBS, SETTINGS
from server.refusal import conceal
from server.store.jobs import Submission
from server.submissions import Checked, check, new_id, texts, without_secrets
from server.wire.errors import node_errors, prompt_error, validation_error
from server.wire.frames import milliseconds

routes: Final = web.RouteTableDef()

#: What a prompt may be called.
_LONGEST_ID: Final = 200


class Unrunnable(Exception):  # noqa: N818  # not our error, but what is said of a prompt
    """Nothing of a prompt can run; the body says why."""

    def __init__(self, body: dict[str, Any], status: int = 400) -> None:
        super().__init__()
        self.body = body
        self.status = status


@routes.get("/prompt")
async def get_prompt(request: web.Request) -> web.Response:
    return answer({"exec_info": {"queue_remaining": request.app[JOBS].remaining}})


@routes.post("/prompt")
async def post_prompt(request: web.Request) -> web.Response:
    """Queue a prompt, or answer with everything that is wrong with it."""
    try:
        body = await json_object(request)
        submission, errors = await asyncio.to_thread(read, body, request.app[ENGINE], request.app[SETTINGS])
        job, _ = await request.app[JOBS].submit(submission)
    except Unrunnable as unrunnable:
        return answer(unrunnable.body, unrunnable.status)
    except Refusal as refusal:
        return answer(prompt_error(refusal.code, refusal.message, refusal.hint), refusal.status)
    except StorageError as error:
        return answer(prompt_error("storage", conceal(str(error), request.app[ENGINE].files)), 507)
    return answer({"prompt_id": job.id, "number": _plain(job.number), "node_errors": errors})


def read(body: Mapping[str, Any], engine: Engine, settings: Settings) -> tuple[Submission, dict[str, Any]]:
    """What a body asks for, and what is wrong with the outputs that cannot run.

    Raises:
        Unrunnable: nothing can run.
    """
    document = _document(body)
    extra = _object(body, "extra_data")
    client = _text(body, "client_id")
    targets = _targets(body)
    number = _number(body)
    prompt_id = _prompt_id(body)
    try:
        checked = check(engine, settings, document, targets=targets, lenient=True)
        further = texts(checked, extra)
    except DocumentError as error:
        raise Unrunnable(prompt_error("invalid_prompt", conceal(str(error), engine.files))) from None
    except Refusal as refusal:
        raise Unrunnable(prompt_error(refusal.code, refusal.message, refusal.hint), refusal.status) from None
    outputs = _must_run(checked, engine)
    submission = Submission(
        id=prompt_id or new_id(),
        graph=checked.lowered.graph,
        wanted=outputs,
        client=client,
        number=number,
        front=body.get("front") is True,
        extra={"client_id": client, **without_secrets(extra), "create_time": milliseconds()}
        if client
        else {**without_secrets(extra), "create_time": milliseconds()},
        texts=further,
        titles=checked.lowered.titles,
        results=checked.results,
        workflow=_workflow_id(extra),
    )
    return submission, node_errors(checked, engine.registry, engine.files)


def _must_run(checked: Checked, engine: Engine) -> tuple[str, ...]:
    """The outputs that run; refuses a prompt of which none does, or that names a class that is not there."""
    missing = any(problem.code == "missing_node_type" for problem in checked.errors)
    if missing or not checked.validation.outputs:
        raise Unrunnable(validation_error(checked, engine.registry, engine.files))
    ends = {node for node, output in checked.results.values() if output is not None}
    ends.update(checked.validation.graph.outputs)
    outputs = tuple(node for node in checked.validation.outputs if node in ends)
    if not outputs:
        raise Unrunnable(prompt_error("prompt_no_outputs", "none of the targets is an output node"))
    return outputs


def _document(body: Mapping[str, Any]) -> dict[str, Any]:
    """The prompt, in whatever form; a saved file may be sent as it is."""
    if "prompt" in body:
        prompt = body["prompt"]
        if not isinstance(prompt, dict):
            kind = "null" if prompt is None else f"a {type(prompt).__name__}"
            raise Unrunnable(prompt_error("invalid_prompt", f"prompt must be an object of nodes, not {kind}"))
        return prompt
    nodes = [each for each in body.values() if isinstance(each, dict) and "class_type" in each]
    if is_editor_form(body) or nodes:
        return dict(body)
    raise Unrunnable(
        prompt_error("no_prompt", "there is no prompt in the body", 'send {"prompt": {…}, "client_id": …}')
    )


def _object(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Unrunnable(prompt_error(f"invalid_{name}", f"{name} must be an object"))
    return value


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _LONGEST_ID:
        raise Unrunnable(
            prompt_error(f"invalid_{name}", f"{name} must be a text of at most {_LONGEST_ID} characters")
        )
    return value


def _prompt_id(body: Mapping[str, Any]) -> str:
    """The client's own id: a UUID from newer clients, any text from older ones."""
    value = body.get("prompt_id")
    if value is None:
        return ""
    value = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_ID or not value.isprintable():
        raise Unrunnable(
            prompt_error("invalid_prompt_id", "prompt_id must be a UUID", "leave it out to be given one")
        )
    return value


def _number(body: Mapping[str, Any]) -> float | None:
    value = body.get("number")
    if value is None:
        return None
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise Unrunnable(prompt_error("invalid_number", "number must be a number; smaller ones run earlier"))
    return number


def _targets(body: Mapping[str, Any]) -> list[str] | None:
    value = body.get("partial_execution_targets")
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(each, str | int) for each in value):
        raise Unrunnable(
            prompt_error(
                "invalid_partial_execution_targets", "partial_execution_targets must be a list of ids"
            )
        )
    return [str(each) for each in value]


def _workflow_id(extra: Mapping[str, Any]) -> str:
    info = extra.get("extra_pnginfo")
    workflow = info.get("workflow") if isinstance(info, dict) else None
    value = workflow.get("id") if isinstance(workflow, dict) else None
    return value if isinstance(value, str) else ""


def _plain(number: float) -> float | int:
    """3 for 3.0, as clients print it."""
    return int(number) if number.is_integer() else number
