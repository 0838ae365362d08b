"""Settings from flags, over the environment, over a file, over what they are by themselves.

Whatever is wrong is told at once: the value, where it came from, and what may stand there.
"""

import math
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine.coercion import brief, nearest
from engine.errors import UserError
from engine.files import default_home
from server.config import Setting, Settings, table

FILE: Final = "safelight.toml"

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})
#: What a bearer header, a cookie and an address can all carry as it is.
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/=-]{8,512}")
_HOST: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\s:/@\[\]]+|[0-9a-fA-F:]+)(:\d{1,5})?")


@dataclass(frozen=True)
class _Source:
    """A value as it was given, and by what."""

    value: Any
    where: str
    rank: int
    base: Path | None = None  # the folder that relative paths start from


class _Wrong(Exception):  # noqa: N818  # not what went wrong, but what may stand there
    pass


def read_settings(flags: Mapping[str, Any], environment: Mapping[str, str]) -> Settings:
    """The settings that these make; a flag that is `None` was not given.

    Raises:
        UserError: values that cannot be, all of them.
    """
    problems: list[str] = []
    known = {each.name: each for each in table()}
    given: dict[str, _Source] = {}
    for name, setting in known.items():
        if (flag := flags.get(setting.field)) is not None:
            given[name] = _Source(flag, setting.flag, 2)
        elif variable := environment.get(setting.variable):
            given[name] = _Source(variable, setting.variable, 1)
    for name, source in _read_file(flags, environment, given, known, problems).items():
        given.setdefault(name, source)
    values: dict[str, Any] = {}
    for name, source in given.items():
        try:
            values[known[name].field] = _read(known[name], source)
        except _Wrong as wrong:
            problems.append(f"{source.where}: {_shown(name, source.value)} is not {wrong}")
    _settle_token(given, values, problems)
    if problems:
        raise UserError("\n".join(problems))
    return Settings(**({"home": default_home().expanduser().absolute()} | values))


def _read_file(
    flags: Mapping[str, Any],
    environment: Mapping[str, str],
    given: Mapping[str, _Source],
    known: Mapping[str, Setting],
    problems: list[str],
) -> dict[str, _Source]:
    """What the file gives: the one that was named, else the home's if there is one."""
    named = flags.get("config") or environment.get("SAFELIGHT_CONFIG")
    home = Path(str(given["home"].value)) if "home" in given else default_home()
    path = (Path(named) if named else home / FILE).expanduser().absolute()
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if named:
            raise UserError(f"{path}: there is no such file of settings") from None
        return {}
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: is no TOML: {error}") from None
    found = {}
    for key, value in content.items():
        if key in known and (named or key != "home"):
            found[key] = _Source(value, f"{path}: {key}", 0, path.parent)
        elif key == "home":
            problems.append(f"{path}: home cannot be said in the home; use --home or SAFELIGHT_HOME")
        else:
            hint = nearest(key, list(known)) or f"there are {', '.join(sorted(known))}"
            problems.append(f"{path}: there is no setting {key!r}; {hint}")
    return found


def _read(setting: Setting, source: _Source) -> Any:
    """The value of a field."""
    if not setting.several:
        return _one(setting, source.value, source)
    values = source.value
    if isinstance(values, str) and source.rank == 1:
        separator = r"[,\s]+" if setting.kind is str else re.escape(os.pathsep)
        values = [each for each in re.split(separator, values) if each]
    if not isinstance(values, list):
        raise _Wrong("a list of texts")
    return tuple(_one(setting, each, source) for each in values)


def _one(setting: Setting, value: Any, source: _Source) -> Any:
    if setting.kind is bool:
        return _boolean(value)
    if setting.kind in {int, float}:
        return _number(setting, value)
    if not isinstance(value, str | Path) or not str(value).strip() or "\0" in str(value):
        raise _Wrong(f"a text, such as {setting.default!r}" if setting.default else "a text")
    if setting.kind is Path:
        return (source.base or Path()).joinpath(Path(value).expanduser()).absolute()
    return _text(setting, str(value).strip(), source)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    if word not in _TRUE | _FALSE:
        raise _Wrong("true or false")
    return word in _TRUE


def _number(setting: Setting, value: Any) -> int | float:
    told = setting.told
    kind = "a whole number" if setting.kind is int else "a number"
    if told.high is not None:
        allowed = f"{kind} from {told.low} to {told.high}"
    else:
        allowed = kind if told.low is None else f"{kind} of at least {told.low}"
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _Wrong(allowed)
    try:
        number = setting.kind(value)
    except (ValueError, OverflowError):
        raise _Wrong(allowed) from None
    if isinstance(value, float) and number != value:
        raise _Wrong(allowed)
    low = -math.inf if told.low is None else told.low
    high = math.inf if told.high is None else told.high
    if not math.isfinite(number) or not low <= number <= high:
        raise _Wrong(allowed)
    return number * told.unit  # type: ignore[no-any-return]  # `kind` is int or float


def _text(setting: Setting, value: str, source: _Source) -> str:
    if setting.told.choices:
        if value.lower() not in setting.told.choices:
            raise _Wrong(f"one of {', '.join(setting.told.choices)}")
        return value.lower()
    if setting.field == "token" and not _TOKEN.fullmatch(value):
        raise _Wrong("a token: 8 letters or more of A-Z a-z 0-9 . _ ~ + / = -")
    if setting.field == "allow_hosts" and not _HOST.fullmatch(value):
        raise _Wrong("the name of a host, such as studio.example or studio.example:8443")
    if setting.field == "frontend" and value != "comfyui":
        folder = (source.base or Path()).joinpath(Path(value).expanduser()).absolute()
        if not (folder / "index.html").is_file():
            raise _Wrong("`comfyui` or a folder with an index.html")
        return str(folder)
    return value


def _settle_token(given: Mapping[str, _Source], values: dict[str, Any], problems: list[str]) -> None:
    """The token, out of its file when the file was named by a nearer source."""
    file, token = given.get("token_file"), given.get("token")
    if file is None or "token_file" not in values:
        return
    if token is not None and token.rank == file.rank:
        problems.append(f"{token.where} and {file.where}: give one of them")
    if token is not None and token.rank >= file.rank:
        return
    path: Path = values["token_file"]
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"{file.where}: {path} cannot be read: {getattr(error, 'strerror', None) or error}")
        return
    if not _TOKEN.fullmatch(text):
        problems.append(
            f"{file.where}: {path} holds no token: 8 letters or more of A-Z a-z 0-9 . _ ~ + / = -"
        )
    values["token"] = text


def _shown(name: str, value: Any) -> str:
    return "what was given" if name == "token" else brief(value)
