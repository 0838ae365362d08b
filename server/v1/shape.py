"""What bodies, queries and answers of our API are made of."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema


class Shape(BaseModel):
    """An answer, or a part of one.  The texts under its fields are its documentation."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")


class Wish(BaseModel):
    """What a client sends: a body, or a part of one.  Unknown names are refused, types are not guessed."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid", strict=True)


class Query(BaseModel):
    """The part of a URL behind `?`, or headers: texts, read as what they should be."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")


#: A moment, as RFC 3339 writes it.
Moment = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]

#: A value of a workflow: whatever JSON can hold.
Value = Annotated[Any, WithJsonSchema({})]

#: Who waits for longer asks again.
MOST_SECONDS: Final = 300.0

CacheMode = Literal["use", "refresh", "off"]


def moment(seconds: float) -> str:
    """Unix seconds as a moment in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Problem(Shape):
    """One thing that is wrong with a workflow, or was mended on the way (a warning)."""

    severity: Literal["error", "warning"]
    code: str
    """A word for programs, such as `value_not_in_list`."""
    message: str
    hint: str = ""
    """What to do about it."""
    path: list[str] = Field(default_factory=list)
    """Where it is in the document: `["3", "inputs", "seed"]`."""
    node: str = ""
    input: str = ""
    class_type: str = ""
    title: str = ""
    """What people call the node."""
    name: str = ""
    """The workflow's named input, when the problem is with the value of one."""


class Mistake(Shape):
    """One thing that is wrong with a request."""

    loc: list[str | int]
    """Where: `["body", "priority"]`, `["query", "limit"]`."""
    message: str


class ErrorDetail(BaseModel):
    """Why a request was refused."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="allow")

    code: str
    """A word for programs."""
    message: str
    """A sentence for people."""
    hint: str = ""
    """What to do about it."""
    problems: list[Problem | Mistake] = Field(default_factory=list)
    """Everything that is wrong, where several things may be."""
    job: str = ""
    """The job that tells more, when one has run."""


class ErrorBody(Shape):
    """The body of every refusal."""

    error: ErrorDetail

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"error": {"code": "unknown_job", "message": "there is no job '17'"}},
            ]
        }
    )
