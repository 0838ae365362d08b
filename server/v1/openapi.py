"""The description of our API in OpenAPI 3.1, made from the same table as its routes."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter

from server.sign_in import COOKIE
from server.v1.operation import JSON, PREFIX, Operation, Said
from server.v1.shape import ErrorBody

_TEMPLATE: Final = "#/components/schemas/{model}"
_STREAM: Final = "text/event-stream"

_ABOUT: Final = """\
Workflows are graphs of nodes; a job is a workflow that is run once.  What is accepted is written down and
survives the end of the server.

Refusals have one form: `{"error": {"code", "message", "hint"?, "problems"?}}`.  When several things are
wrong, `problems` has them all.

A first picture: `curl -X POST -H "Accept: image/png" -o picture.png
http://127.0.0.1:8188/v1/workflows/text_to_image/run`
"""

_EVERYWHERE: Final = {401: "A token is asked for, or the one that came is wrong."}


def describe(operations: Sequence[Operation], version: str) -> dict[str, Any]:
    """The document."""
    schemas = _Schemas(operations)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        row = paths.setdefault(PREFIX + operation.path, {})
        row[operation.method.lower()] = _operation(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Safelight", "version": version, "description": _ABOUT},
        "servers": [{"url": "/"}],
        "security": [{}, {"bearer": []}, {"cookie": []}],
        "tags": [{"name": tag} for tag in dict.fromkeys(operation.tag for operation in operations)],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE},
            },
        },
    }


class _Schemas:
    """The schemas of all models, those with names as components."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        models: list[Any] = [ErrorBody]
        for operation in operations:
            models += operation.models.values()
            models += [said.model for said in operation.answers.values() if said.model is not None]
        self._keys = {id(model): number for number, model in enumerate(models)}
        self._models = models  # kept, so that ids stay theirs
        inputs: Any = [(number, "validation", TypeAdapter(model)) for number, model in enumerate(models)]
        self._schemas, rest = TypeAdapter.json_schemas(inputs, ref_template=_TEMPLATE)
        self.components: dict[str, Any] = rest.get("$defs", {})

    def __getitem__(self, model: Any) -> dict[str, Any]:
        return self._schemas[self._keys[id(model)], "validation"]

    def resolved(self, model: Any) -> dict[str, Any]:
        """The schema itself, where it would be named only."""
        schema = self[model]
        name = schema.get("$ref", "").rpartition("/")[2]
        found: dict[str, Any] = self.components[name] if name else schema
        return found


def _operation(operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    summary, _, text = inspect.cleandoc(operation.text).partition("\n\n")
    described: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": summary,
        "parameters": list(_parameters(operation, schemas)),
        "responses": _responses(operation, schemas),
    }
    if text:
        described["description"] = text
    if (body := operation.models.get("body")) is not None:
        described["requestBody"] = {
            "required": any(field.is_required() for field in body.model_fields.values()),
            "content": {JSON: {"schema": schemas[body]}},
        }
    elif operation.takes:
        schema = {"type": "object"} if operation.takes == JSON else {}
        described["requestBody"] = {"required": True, "content": {operation.takes: {"schema": schema}}}
    return described


def _parameters(operation: Operation, schemas: _Schemas) -> Iterator[dict[str, Any]]:
    for name in operation.names:
        described = {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1},
        }
        yield described | ({"description": operation.parts[name]} if name in operation.parts else {})
    for place, where in (("query", "query"), ("headers", "header")):
        model = operation.models.get(place)
        if model is None:
            continue
        schema = schemas.resolved(model)
        for name, each in schema.get("properties", {}).items():
            facts = dict(_without_null(each))
            described = {"name": name, "in": where, "required": name in schema.get("required", ())}
            if (text := facts.pop("description", "")) != "":
                described["description"] = text
            if facts.get("type") == "array":
                described |= {"style": "form", "explode": False}
            facts.pop("title", None)
            yield described | {"schema": facts}


def _without_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    """What a text can be: a parameter that is not said is left out, and never null."""
    if "anyOf" not in schema:
        return dict(schema)
    rest = {key: value for key, value in schema.items() if key not in {"anyOf", "default"}}
    kinds = [each for each in schema["anyOf"] if each != {"type": "null"}]
    return rest | (kinds[0] if len(kinds) == 1 else {"anyOf": kinds})


def _responses(operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    errors = dict(_EVERYWHERE)
    if operation.models or operation.takes == JSON:
        errors[422] = "What was sent is wrong; `problems` has everything."
    if "body" in operation.models or operation.takes == JSON:
        errors |= {400: "The body is no JSON.", 413: "The body is too large."}
    errors |= operation.errors
    found = {str(status): _answer(said, schemas) for status, said in operation.answers.items()}
    refusal = {"content": {JSON: {"schema": schemas[ErrorBody]}}}
    found |= {str(status): {"description": text, **refusal} for status, text in sorted(errors.items())}
    return found | {"default": {"description": "Any other refusal.", **refusal}}


def _answer(said: Said, schemas: _Schemas) -> dict[str, Any]:
    described: dict[str, Any] = {"description": said.description or _words(said.model)}
    if said.headers:
        described["headers"] = {
            name: {"description": text, "schema": {"type": "string"}} for name, text in said.headers.items()
        }
    media = said.media or ((JSON,) if said.model is not None else ())
    if media:
        described["content"] = {each: _media(each, said, schemas) for each in media}
    return described


def _media(media: str, said: Said, schemas: _Schemas) -> dict[str, Any]:
    if media == JSON:
        return {"schema": schemas[said.model]}
    if media == _STREAM:
        return {"schema": {"type": "string"}, "x-data": schemas[said.model]}
    return {"schema": {}}


def _words(model: Any) -> str:
    is_model = isinstance(model, type) and issubclass(model, BaseModel)
    text = (inspect.getdoc(model) or "") if is_model else ""
    return text.split("\n", 1)[0] or "Done."
