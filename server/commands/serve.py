"""`safelight serve`: the server."""

import argparse
import os
from pathlib import Path
from typing import Any

from server.config import Setting, Settings, table
from server.sources import FILE, read_settings


def add(parsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = parsers.add_parser(
        "serve",
        help="serve the editor, the protocol of ComfyUI's clients, and our own API",
        description="Serve until told to stop.  Every flag is also a variable of the environment "
        f"(--log-level: SAFELIGHT_LOG_LEVEL) and a key of HOME/{FILE} (log_level); flags go before "
        "variables, variables before the file.",
    )
    parser.add_argument("--config", metavar="FILE", help=f"the file of settings (HOME/{FILE})")
    for setting in table():
        parser.add_argument(setting.flag, dest=setting.field, help=_help(setting), **_form(setting))
    parser.set_defaults(main=main)


def _help(setting: Setting) -> str:
    """What a flag does, and what holds without it."""
    text, default = setting.told.help, setting.default
    if setting.several or default in {None, ""} or text.endswith(")"):
        return text
    if isinstance(default, bool):
        return f"{text} ({'on' if default else 'off'})"
    return f"{text} ({default if isinstance(default, str) else f'{default / setting.told.unit:.15g}'})"


def _form(setting: Setting) -> dict[str, Any]:
    """How a flag is written.  Values are read by `server.sources`, so that all sources are read alike."""
    if setting.kind is bool:
        return {"action": argparse.BooleanOptionalAction}
    form = {"action": "append" if setting.several else "store"}
    if setting.told.choices:
        return form | {"metavar": "|".join(setting.told.choices)}
    return form | {"metavar": setting.told.metavar or {int: "N", float: "N"}.get(setting.kind, "TEXT")}


def main(arguments: argparse.Namespace) -> int:
    settings = read_settings(vars(arguments), os.environ)
    from server.logs import set_up
    from server.serving import serve
    from server.sign_in import with_token

    settings, made = with_token(settings)
    if made is not None:
        tell_token(settings, made)
    set_up(settings)
    return serve(settings)


def tell_token(settings: Settings, kept: Path) -> None:
    """Say once what the token is, for it was made just now."""
    print(f"Other machines can reach this server, so it asks for a token: {settings.token}")
    print(f"It is kept in {kept} and used again from now on.")
    if settings.port:
        host = "127.0.0.1" if settings.listen in {"0.0.0.0", "::"} else settings.listen  # noqa: S104
        host = f"[{host}]" if ":" in host else host
        print(f"Open http://{host}:{settings.port}/?token={settings.token}", flush=True)
