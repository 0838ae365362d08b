"""`safelight models`: the models that are found, and where."""

import argparse
from pathlib import Path

from engine.coercion import nearest
from engine.errors import UserError
from engine.model_paths import PICKLES
from server.commands.common import OK, add_home, add_json, engine_for, print_json


def add(parsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = parsers.add_parser("models", help="list the models that are found")
    parser.add_argument("folder", nargs="?", help="one folder, such as checkpoints")
    add_json(parser)
    add_home(parser)
    parser.set_defaults(main=main)


def main(arguments: argparse.Namespace) -> int:
    models = engine_for(arguments, disk=False).files.models
    if arguments.folder and arguments.folder not in models.places:
        hint = nearest(arguments.folder, list(models.places))
        raise UserError(f"there is no models folder {arguments.folder!r}" + (f"; {hint}" if hint else ""))
    folders = [arguments.folder] if arguments.folder else [*models.places]
    found = {folder: models.names(folder) for folder in folders}
    if arguments.json:
        print_json(
            {
                folder: [{"name": name, "path": str(models.find(folder, name))} for name in names]
                for folder, names in found.items()
            }
        )
        return OK
    for folder, names in found.items():
        if not names and not arguments.folder:
            continue
        print(folder)
        for name in names:
            refused = "  (a pickle: not read; convert it to .safetensors)" if is_pickle(name) else ""
            print(f"  {name:<40} {models.find(folder, name)}{refused}")
        if not names:
            places = ", ".join(str(place) for place in models.places.get(folder, [])) or "no folder"
            print(f"  none (looked in {places})")
    return OK


def is_pickle(name: str) -> bool:
    return Path(name).suffix.lower() in PICKLES
