"""One operation of our API: a row of the table that both the routes and the description are made from.

A handler's signature says what it takes: `body`, `query` and `headers` are models, the other parameters
are parts of the path.  Whatever is wrong with them is told at once, and a handler only meets what is right.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple, TypeVar, get_origin, get_type_hints

from aiohttp import web
from multidict import MultiMapping
from pydantic import BaseModel, ValidationError

from engine.coercion import brief, nearest
from server.answers import answer
from server.bodies import json_object
from server.refusal import Refusal

PREFIX: Final = "/v1"
JSON: Final = "application/json"

Method = Literal["GET", "POST", "PUT", "DELETE"]
#: Parameters of a handler that are read into models, in the order in which mistakes are told.
PLACES: Final = ("headers", "query", "body")


@dataclass(frozen=True)
class Said:
    """One answer that an operation may give; without a model it is bytes, or nothing."""

    model: Any = None
    description: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    media: tuple[str, ...] = ()


class Answer(NamedTuple):
    """A reply with another status than 200, or with headers."""

    body: BaseModel
    status: int = 200
    headers: Mapping[str, str] = {}


Reply = BaseModel | Answer | web.StreamResponse
Handler = Callable[..., Awaitable[Reply]]
H = TypeVar("H", bound=Handler)


@dataclass(frozen=True)
class Operation:
    """See the module."""

    method: Method
    path: str
    handler: Handler
    text: str
    answers: Mapping[int, Said]
    errors: Mapping[int, str]
    tag: str
    models: Mapping[str, type[BaseModel]]
    takes: str = ""  # the media type of a body that is taken as it is
    parts: Mapping[str, str] = field(default_factory=dict)  # what the variable parts of the path are
    routed: bool = True  # False for what others answer

    @property
    def name(self) -> str:
        return getattr(self.handler, "__name__", "")

    @property
    def streams(self) -> bool:
        """Whether its answer goes on for as long as there is something to tell."""
        return any("text/event-stream" in said.media for said in self.answers.values())

    @property
    def names(self) -> list[str]:
        """The variable parts of the path."""
        return re.findall(r"{(\w+)}", self.path)

    @property
    def pattern(self) -> str:
        """The path as the router has it: a last part called `file` may hold slashes."""
        return PREFIX + self.path.replace("{file}", "{file:.+}")

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        given: dict[str, Any] = {name: _part(request, name) for name in self.names}
        mistakes: list[dict[str, Any]] = []
        for place, model in self.models.items():
            try:
                given[place] = model.model_validate(await _read(request, place, model))
            except ValidationError as error:
                mistakes += told(error, place, model)
        if mistakes:
            first = mistakes[0]
            where = ".".join(str(part) for part in first["loc"])
            raise Refusal(422, "invalid_request", f"{where}: {first['message']}", problems=mistakes)
        return respond(await self.handler(request, **given))


class Operations(list[Operation]):
    """The operations of one noun."""

    def __init__(self, tag: str) -> None:
        super().__init__()
        self.tag = tag

    def __call__(
        self,
        method: Method,
        path: str,
        answers: Mapping[int, Said] | type[BaseModel],
        *,
        errors: Mapping[int, str] | None = None,
        takes: str = "",
        parts: Mapping[str, str] | None = None,
        routed: bool = True,
    ) -> Callable[[H], H]:
        """Add a handler; its docstring is what people are told."""

        def add(handler: H) -> H:
            hints = get_type_hints(handler)
            models = {str(place): hints[place] for place in PLACES if place in hints}
            known = {200: Said(answers)} if isinstance(answers, type) else answers
            self.append(
                Operation(
                    method, path, handler, (handler.__doc__ or "").strip(), known, errors or {}, self.tag,
                    models, takes, parts or {}, routed,
                )
            )  # fmt: skip
            return handler

        return add


def respond(reply: Reply) -> web.StreamResponse:
    if isinstance(reply, web.StreamResponse):
        return reply
    body, status, headers = reply if isinstance(reply, Answer) else Answer(reply)
    response = answer(body.model_dump(by_alias=True), status)
    response.headers.update(headers)
    return response


def told(error: ValidationError, place: str, model: type[BaseModel]) -> list[dict[str, Any]]:
    """What pydantic found, in our words where they are better."""
    mistakes = []
    for each in error.errors(include_url=False, include_context=False):
        loc = [place, *each["loc"]]
        message = each["msg"].removeprefix("Value error, ")
        if each["type"] == "extra_forbidden":
            hint = nearest(str(loc[-1]), [field.alias or name for name, field in model.model_fields.items()])
            message = "there is no such field" + (f"; {hint}" if hint else "")
        elif each["type"] != "missing":
            message += f", not {brief(each['input'])}" if not isinstance(each["input"], dict | list) else ""
        mistakes.append({"loc": loc, "message": message})
    return mistakes


def _part(request: web.Request, name: str) -> str:
    """A part of the path.

    Raises:
        Refusal: it is no text in UTF-8, so that nothing can be called so.
    """
    text = request.match_info[name]
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refusal(404, "not_found", "the path is not written in UTF-8") from None
    return text


async def _read(request: web.Request, place: str, model: type[BaseModel]) -> Mapping[str, Any]:
    if place == "body":
        required = any(field.is_required() for field in model.model_fields.values())
        return await json_object(request, **({} if required else {"default": {}}))
    if place == "query":
        return _texts(request.query, model, dict.fromkeys(request.query))
    names = [field.alias or name for name, field in model.model_fields.items()]
    return _texts(request.headers, model, [name for name in names if name in request.headers])


def _texts(given: MultiMapping[str], model: type[BaseModel], names: Iterable[str]) -> dict[str, Any]:
    """Texts by name; a list may come as `a,b` or as the same name again."""
    lists = {
        field.alias or name
        for name, field in model.model_fields.items()
        if get_origin(field.annotation) in {list, tuple}
    }
    return {
        name: [part for text in given.getall(name) for part in text.split(",")]
        if name in lists
        else given[name]
        for name in names
    }
