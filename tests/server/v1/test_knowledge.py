"""What our own API knows without running anything: classes, models, plans, problems, other forms."""

import asyncio
from dataclasses import replace
from pathlib import Path

from described import FAILING, described, saving
from toys import call

from engine.node import Choices, node


def test_classes_are_described_with_all_that_their_signatures_say(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            everything = (await api("GET", "/v1/nodes")).json["nodes"]
            assert {"Text", "Save", "Paint"} <= set(everything)
            one = (await api("GET", "/v1/nodes/Paint")).json
            assert one == everything["Paint"]
            size, colour, _ = one["inputs"]
            assert (size["type"], size["min"], size["max"], size["default"]) == ("INT", 1, 256, 8)
            assert size["help"] == "Of both sides."
            assert colour["choices"] == ["red", "blue"]
            assert one["output_node"]
            reply = await api("GET", "/v1/nodes/Pain")
            assert (reply.status, reply.error["hint"]) == (404, "did you mean 'Paint'?")

    asyncio.run(go())


def test_a_class_whose_choices_cannot_be_listed_keeps_no_other_from_being_described(tmp_path: Path) -> None:
    def broken(_files: object) -> list[str]:
        raise OSError

    @node("Broken", category="toys")
    def broken_node(*, name: str = "a") -> str:
        return name

    spec = broken_node.spec
    inputs = {"name": replace(spec.inputs["name"], choices=Choices(broken))}

    async def go() -> None:
        async with described(tmp_path) as api:
            api.engine.registry.add(replace(spec, inputs=inputs), namespace="b")
            assert (await api("GET", "/v1/nodes")).json["nodes"]["Broken"]["inputs"][0]["choices"] == []

    asyncio.run(go())


def test_models_are_listed_without_their_places(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "loras"
    folder.mkdir(parents=True)
    (folder / "one.safetensors").write_bytes(b"x" * 10)
    (folder / "two.ckpt").write_bytes(b"x")

    async def go() -> None:
        async with described(tmp_path) as api:
            reply = await api("GET", "/v1/models")
            names = {each["folder"]: each["names"] for each in reply.json["folders"]}
            assert "one.safetensors" in names["loras"]
            reply = await api("GET", "/v1/models/loras")
            one = next(each for each in reply.json["models"] if each["name"] == "one.safetensors")
            assert (one["size"], one["readable"]) == (10, True)
            assert str(tmp_path).encode() not in reply.body
            assert (await api("GET", "/v1/models/lora")).status == 404

    asyncio.run(go())


def test_a_plan_says_what_would_run_and_why(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            plan = (await api("POST", "/v1/plan", json={"workflow": saving()})).json
            assert [(each["node"], each["state"]) for each in plan["nodes"]] == [
                ("text", "runs"),
                ("save", "runs"),
            ]
            assert plan["unknown"] == 2
            job = await api.submit(saving())
            await api.ended(job["id"])
            plan = (await api("POST", "/v1/plan", json={"workflow": saving()})).json
            assert {each["state"] for each in plan["nodes"]} == {"cached"}
            body = {"workflow": saving(), "cache": "refresh"}
            plan = (await api("POST", "/v1/plan", json=body)).json
            assert [each["why"] for each in plan["nodes"]] == ["asked to run again"] * 2
            assert plan["seconds"] > 0
            body = {"workflow": saving(), "inputs": {"text.value": "new"}}
            plan = (await api("POST", "/v1/plan", json=body)).json
            assert plan["nodes"][0]["why"] == "value was 'hello'"

    asyncio.run(go())


def test_a_plan_of_what_cannot_run_is_refused(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            reply = await api("POST", "/v1/plan", json={"workflow": {"1": call("Nothing")}})
            assert (reply.status, reply.error["code"]) == (422, "invalid_workflow")

    asyncio.run(go())


def test_a_check_tells_problems_and_is_no_refusal(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            assert (await api("POST", "/v1/check", json={"workflow": FAILING})).json == {
                "sound": True,
                "problems": [],
            }
            reply = await api("POST", "/v1/check", json={"workflow": {"1": call("Number", value=5000)}})
            assert reply.status == 200
            assert not reply.json["sound"]
            assert "value_bigger_than_max" in {each["code"] for each in reply.json["problems"]}

    asyncio.run(go())


def test_a_workflow_is_converted_to_the_forms_of_other_programs(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            editor = (await api("POST", "/v1/convert", json={"workflow": saving(), "form": "editor"})).json
            assert [each["type"] for each in editor["workflow"]["nodes"]] == ["Text", "Save"]
            again = {"workflow": editor["workflow"], "form": "api"}
            back = (await api("POST", "/v1/convert", json=again)).json["workflow"]
            assert {node: raw["class_type"] for node, raw in back.items()} == {"text": "Text", "save": "Save"}
            assert back["save"]["inputs"] == {"text": ["text", 0], "filename_prefix": "text"}
            job = await api.submit(editor["workflow"], inputs={"text.value": "from the editor"})
            assert (await api.ended(job["id"]))["state"] == "completed"
            ours = {"workflow": editor["workflow"], "form": "document"}
            document = (await api("POST", "/v1/convert", json=ours)).json["workflow"]
            assert document["save"]["inputs"] == {"text": ["text", 0]}
            assert len(document["save"]["_meta"]["pos"]) == 2
            reply = await api("POST", "/v1/convert", json={"workflow": saving(), "form": "xml"})
            assert reply.status == 422

    asyncio.run(go())


def test_the_server_tells_how_it_is_set(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path, jobs=3) as api:
            system = (await api("GET", "/v1/system")).json
            assert (system["jobs"], system["device"], system["paused"]) == (3, "cpu", False)
            assert system["memory"]["total"] >= system["memory"]["free"] > 0

    asyncio.run(go())
