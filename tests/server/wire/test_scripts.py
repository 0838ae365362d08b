"""A script written for ComfyUI, as they are written, against a server of its own process."""

import asyncio
import json
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from loading import make_home
from processes import ROOT, ServerProcess
from toys import Graph, call


class Script:
    """What every such script has: post, wait on the socket, look into history, fetch the files."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client_id = "a-script"

    def queue_prompt(self, prompt: Graph) -> Any:
        data = json.dumps({"prompt": prompt, "client_id": self.client_id}).encode("utf-8")
        request = urllib.request.Request(f"{self.url}/prompt", data=data)  # noqa: S310  # our own
        with urllib.request.urlopen(request) as response:  # noqa: S310
            return json.loads(response.read())

    def get(self, path: str, **query: str) -> bytes:
        with urllib.request.urlopen(f"{self.url}/{path}?{urllib.parse.urlencode(query)}") as response:  # noqa: S310
            content: bytes = response.read()
            return content

    async def outputs(self, prompt: Graph) -> tuple[dict[str, list[bytes]], list[bytes]]:
        """The files of each node, and the binary frames on the way."""
        frames = []
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{self.url}/ws?clientId={self.client_id}") as socket,
        ):
            prompt_id = self.queue_prompt(prompt)["prompt_id"]
            async for message in socket:
                if message.type is aiohttp.WSMsgType.BINARY:
                    frames.append(message.data[8:])
                    continue
                said = json.loads(message.data)
                if said["type"] == "executing":
                    data = said["data"]
                    if data["node"] is None and data["prompt_id"] == prompt_id:
                        break
        history = json.loads(self.get(f"history/{prompt_id}"))[prompt_id]
        return {
            node: [
                self.get("view", filename=each["filename"], subfolder=each["subfolder"], type=each["type"])
                for items in output.values()
                for each in items
            ]
            for node, output in history["outputs"].items()
        }, frames


def test_a_script_gets_its_files(tmp_path: Path) -> None:
    graph = {
        "1": call("LoadText", value="hello"),
        "2": call("LoadUpper", text=["1", 0]),
        "3": call("LoadWrite", text=["2", 0]),
    }
    with ServerProcess(make_home(tmp_path)).start() as server:
        script = Script(server.ready())
        for _ in range(2):  # the second time from what is kept
            outputs, _ = asyncio.run(script.outputs(graph))
            assert outputs == {"3": [b"HELLO"]}
        with pytest.raises(urllib.error.HTTPError) as refused:
            script.queue_prompt({"1": call("Nope")})
        assert refused.value.code == 400
        assert json.loads(refused.value.read())["error"]["type"] == "missing_node_type"
        assert "Nope" not in json.loads(script.get("object_info"))
        assert "LoadText" in json.loads(script.get("object_info/LoadText"))
        assert server.stop() == 0


@pytest.mark.slow
def test_a_script_gets_its_picture(tmp_path: Path) -> None:
    document = json.loads((ROOT / "workflows" / "text_to_image.json").read_bytes())
    graph: Graph = {node: raw for node, raw in document.items() if node != "_workflow"}
    graph["3"]["inputs"]["steps"] = 2
    with ServerProcess(tmp_path, ("--device", "cpu")).start() as server:
        outputs, _ = asyncio.run(Script(server.ready()).outputs(graph))
        [picture] = outputs["9"]
        assert picture.startswith(b"\x89PNG")
        graph["9"] = call("SaveImageWebsocket", images=["8", 0])
        outputs, frames = asyncio.run(Script(server.url).outputs(graph))
        assert outputs == {}
        assert frames[-1].startswith(b"\x89PNG")
