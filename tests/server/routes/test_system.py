"""/system_stats, /internal, /workflow_templates, and what clients ask for in vain."""

import asyncio
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from asking import NASTY, Request, Site
from serving import serving

from engine.engine import Engine
from engine.registry import Registry
from server.logs_ring import LogsRing


@pytest.mark.parametrize("prefix", ["", "/api"])
def test_the_machine_is_told_as_it_is(site: Site, prefix: str) -> None:
    answer = site.get(f"{prefix}/system_stats")
    system, (device,) = answer.json["system"], answer.json["devices"]
    assert 0 < system["ram_free"] < system["ram_total"]
    assert system["pytorch_version"].startswith("2.")
    assert system["argv"] == ["safelight"]
    assert (device["name"], device["type"], device["vram_total"]) == ("cpu", "cpu", system["ram_total"])
    assert str(site.home.parent) not in answer.text


@pytest.mark.parametrize("prefix", ["", "/api"])
@pytest.mark.parametrize(
    ("path", "empty"),
    [("/extensions", []), ("/i18n", {}), ("/global_subgraphs", {}), ("/node_replacements", {})],
)
def test_what_packs_do_not_add_is_empty(site: Site, prefix: str, path: str, empty: object) -> None:
    answer = site.get(prefix + path)
    assert (answer.status, answer.json) == (200, empty)


def test_an_unknown_sub_graph_is_not_found(site: Site) -> None:
    for answer in site.ask(*(Request("GET", f"/global_subgraphs/{name}") for name in NASTY)):
        assert answer.status in {404, 400}
        assert answer.json["error"]


# Examples.

GRAPH = '{"nodes": [], "links": [], "version": 0.4}'


@pytest.mark.parametrize("prefix", ["", "/api"])
def test_our_workflows_are_examples(site: Site, prefix: str) -> None:
    names = site.get(f"{prefix}/workflow_templates").json["safelight"]
    assert "text_to_image" in names
    document = site.get(f"{prefix}/workflow_templates/safelight/text_to_image.json")
    assert "KSampler" in document.text


@pytest.mark.parametrize("folder", ["example_workflows", "example", "examples", "workflow", "workflows"])
def test_packs_bring_examples(site: Site, folder: str) -> None:
    site.put(f"packs/mine/{folder}/first steps.json", GRAPH)
    site.put(f"packs/mine/{folder}/first steps.jpg", "picture")
    site.put("packs/off.disabled/examples/x.json")
    listed, document, picture = site.ask(
        Request("GET", "/api/workflow_templates"),
        Request("GET", "/api/workflow_templates/mine/first%20steps.json"),
        Request("GET", "/api/workflow_templates/mine/first%20steps.jpg"),
    )
    assert listed.json["mine"] == ["first steps"]
    assert "off.disabled" not in listed.json
    assert (document.json, picture.headers["Content-Type"]) == (json.loads(GRAPH), "image/jpeg")


def test_a_pack_may_be_a_link_of_its_owner(site: Site, tmp_path: Path) -> None:
    (tmp_path / "clone" / "examples").mkdir(parents=True)
    (tmp_path / "clone" / "examples" / "x.json").write_text(GRAPH)
    (site.home / "packs").mkdir()
    (site.home / "packs" / "mine").symlink_to(tmp_path / "clone")
    assert site.get("/workflow_templates/mine/x.json").json == json.loads(GRAPH)


def test_no_name_leads_out_of_the_examples(site: Site, trapped: Callable[[str], None]) -> None:
    trapped("packs/mine/examples")
    site.put("packs/mine/examples/code.py", "the secret")
    paths = [f"/workflow_templates/{pack}/{name}" for name in NASTY for pack in ("mine", "safelight")]
    paths += [f"/workflow_templates/{name}/present.json" for name in NASTY]
    paths += ["/workflow_templates/mine/code.py", "/workflow_templates/safelight/input%2Fred_circle.png"]
    for path, answer in zip(paths, site.ask(*(Request("GET", path) for path in paths)), strict=True):
        assert answer.status in {400, 403, 404}, path
        assert answer.json["error"]
        assert b"the secret" not in answer.body
        assert str(site.home.parent) not in answer.text


# Internal.


def test_files_are_listed_newest_first(site: Site) -> None:
    for age, name in enumerate(["b.png", "a.png", "sub/c.png", ".hidden.png"]):
        path = site.put(f"output/{name}")
        os.utime(path, (1_700_000_000 + age, 1_700_000_000 + age))
    assert site.get("/internal/files/output").json == ["a.png", "b.png"]
    assert site.get("/internal/files/temp").json == []


def test_other_folders_are_not_listed(site: Site) -> None:
    for name, answer in zip(
        NASTY, site.ask(*(Request("GET", f"/internal/files/{each}") for each in NASTY)), strict=True
    ):
        assert answer.status in {400, 404}, name
    assert site.get("/internal/files/models").json == {"error": "Invalid directory type"}


@pytest.mark.parametrize("path", ["logs", "logs/raw", "folder_paths", "files/output"])
def test_internal_routes_have_no_twin(site: Site, path: str) -> None:
    bare, twin = site.ask(Request("GET", f"/internal/{path}"), Request("GET", f"/api/internal/{path}"))
    assert (bare.status, twin.status) == (200, 404)


def test_log_lines_are_told_without_places_traces_and_secrets(site: Site) -> None:
    ring = LogsRing(site.files, ["the token"])
    logger = logging.getLogger("safelight.test_system")
    logger.addHandler(ring)
    try:
        raise OSError(f"cannot read {site.home}/input/x.png")
    except OSError:
        logger.exception("a job failed in %s for the token", site.home / "output", extra={"prompt": "a cat"})
    finally:
        logger.removeHandler(ring)
    (line,) = ring.lines
    assert line["m"].endswith("a job failed in output for …\nOSError: cannot read home/input/x.png\n")


def test_the_ring_keeps_the_newest_lines_and_tells_while_somebody_listens(site: Site) -> None:
    ring = LogsRing(site.files)
    heard: list[dict[str, str]] = []
    ring.tell = heard.append
    ring.emit(logging.LogRecord("x", logging.INFO, "", 0, "%s %s", ("too few",), None))
    record = logging.LogRecord("x", logging.INFO, "", 0, "%s", ("a line",), None)
    ring.subscribe("a", enabled=True)
    for _ in range(1500):
        ring.emit(record)
    ring.subscribe("a", enabled=False)
    ring.emit(record)
    assert (len(ring.lines), len(heard)) == (1000, 1500)
    assert heard[0]["m"].endswith("a line\n")
    for number in range(1500):
        ring.subscribe(str(number), enabled=True)
    assert (len(ring.subscribers), "1499" in ring.subscribers) == (1000, True)


def test_a_subscriber_is_told_of_new_lines_on_its_socket(site: Site) -> None:
    logger = logging.getLogger("safelight.test_system")

    async def run() -> None:
        with Engine.open(Registry(), site.files, device="cpu", disk=False) as engine:
            async with serving(engine) as client, client.ws_connect("/ws?clientId=me") as socket:
                subscription = {"clientId": "me", "enabled": True}
                await client.patch("/internal/logs/subscribe", json=subscription)
                await asyncio.to_thread(logger.error, "something happened")
                while (message := await socket.receive_json())["type"] != "logs":
                    pass
                assert message["data"]["entries"][0]["m"].endswith("something happened\n")
                assert "something happened" in await (await client.get("/internal/logs")).json()
                raw = await (await client.get("/internal/logs/raw")).json()
                assert message["data"]["entries"][0] in raw["entries"]

    asyncio.run(asyncio.wait_for(run(), 20))


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"clientId": 3, "enabled": 1}', b'{"clientId": "a"}'])
def test_a_subscription_names_a_client(site: Site, body: bytes) -> None:
    good, bad = site.ask(
        Request("PATCH", "/internal/logs/subscribe", {"json": {"clientId": "a", "enabled": True}}),
        Request("PATCH", "/internal/logs/subscribe", {"data": body}),
    )
    assert (good.status, bad.status) == (200, 400)
    assert bad.json["error"]["message"]
