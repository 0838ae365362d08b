"""Text-to-image jobs with the embedded model: one, or many at once or one after the other."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

from engine.engine import Engine
from engine.prompt import Document, read_json
from server.session import WORKFLOWS, Workflow, make_home, read_workflow

SHAPES = ("circle", "square", "triangle", "star")
COLOURS = ("red", "green", "blue", "yellow")


@dataclass
class Jobs:
    """Jobs on an engine, each with a prompt, a seed and a cfg of its own, from prompt to written file."""

    engine: Engine
    steps: int
    loop: asyncio.AbstractEventLoop
    seeds: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        make_home(self.engine.files)
        self._document = read_json((WORKFLOWS / "text_to_image.json").read_text(encoding="utf-8"))

    def run(self, number: int, *, at_once: bool) -> Callable[[], None]:
        """Something to measure: so many jobs, with nothing cached but what is loaded."""

        def go() -> None:
            self.engine.parts.memory.clear()
            workflows = [self._workflow(index) for index in range(number)]
            self.loop.run_until_complete(self._all(workflows, at_once=at_once))

        return go

    def sampling(self, side: int, batch: int) -> Callable[[], None]:
        """Something to measure: the sampler node by itself, what it is given being there."""
        workflow = read_workflow(self.engine, _sampling(self.steps, side, batch))
        assert not workflow.errors, workflow.errors
        graph = workflow.validation.graph
        others = [node for node in graph.order if node != "3"]
        self.loop.run_until_complete(self.engine.run(self.engine.plan(graph, others)))
        plan = self.engine.plan(graph, ["3"])

        def go() -> None:
            self.engine.parts.memory.drop(plan.keys["3"])
            assert self.loop.run_until_complete(self.engine.run(plan)).status == "completed"

        return go

    def _workflow(self, index: int) -> Workflow:
        prompt = f"a {COLOURS[index % 4]} {SHAPES[index // 4 % 4]} on a white background"
        values = {"prompt": prompt, "seed": next(self.seeds), "steps": self.steps, "3.cfg": 2.0 + index / 10}
        workflow = read_workflow(self.engine, self._document, values)
        assert not workflow.errors, workflow.errors
        return workflow

    async def _all(self, workflows: list[Workflow], *, at_once: bool) -> None:
        if at_once:
            await asyncio.gather(*map(self._one, workflows))
            return
        for workflow in workflows:
            await self._one(workflow)

    async def _one(self, workflow: Workflow) -> None:
        plan = self.engine.plan(workflow.validation.graph, workflow.validation.outputs)
        result = await self.engine.run(plan, metadata=workflow.texts)
        assert result.status == "completed", result.failures


def _sampling(steps: int, side: int, batch: int) -> Document:
    sampler = {
        "model": ["4", 0], "seed": 1, "steps": steps, "cfg": 2.0, "sampler_name": "euler",
        "scheduler": "normal", "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0],
    }  # fmt: skip
    return {
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "pinhole"}},
        "5": {
            "class_type": "EmptyLatentImage",
            "inputs": {"width": side, "height": side, "batch_size": batch},
        },
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a red circle", "clip": ["4", 1]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "", "clip": ["4", 1]}},
        "3": {"class_type": "KSampler", "inputs": sampler},
        "_workflow": {"version": 1, "outputs": {"latent": ["3", 0]}},
    }
