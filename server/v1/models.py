"""/v1/models: the models that are there."""

import asyncio
from pathlib import Path
from typing import Final

from aiohttp import web

from engine.model_paths import PICKLES
from server import model_files
from server.keys import ENGINE
from server.v1.operation import Operations
from server.v1.shape import Moment, Shape, moment

operations: Final = Operations("models")


class ModelFolder(Shape):
    """A folder of models."""

    folder: str
    names: list[str]


class ModelFolders(Shape):
    """Every folder of models."""

    folders: list[ModelFolder]


class Model(Shape):
    """A model."""

    name: str
    """As inputs of nodes name it."""
    size: int
    """Bytes."""
    modified: Moment
    readable: bool
    """False for pickles, which are never read: convert them to safetensors."""


class Models(Shape):
    """The models of a folder."""

    folder: str
    models: list[Model]


@operations("GET", "/models", ModelFolders)
async def get_models(request: web.Request) -> ModelFolders:
    """List all models by folder."""
    models = request.app[ENGINE].files.models

    def folders() -> list[ModelFolder]:
        return [ModelFolder(folder=folder, names=models.names(folder)) for folder in models.places]

    return ModelFolders(folders=await asyncio.to_thread(folders))


@operations(
    "GET",
    "/models/{folder}",
    Models,
    errors={404: "There is no such folder."},
    parts={"folder": "`checkpoints`, `loras`, …"},
)
async def get_folder(request: web.Request, folder: str) -> Models:
    """List the models of a folder."""
    models = request.app[ENGINE].files.models
    entries = await asyncio.to_thread(model_files.entries, models, folder)
    return Models(
        folder=model_files.known_folder(models, folder),
        models=[
            Model(
                name=each["name"],
                size=each["size"],
                modified=moment(each["modified"] / 1000),
                readable=Path(each["name"]).suffix.lower() not in PICKLES,
            )
            for each in entries
        ],
    )
