"""/userdata, /v2/userdata, /settings and /users: what clients keep on the server."""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from asking import NASTY, Answer, Request, Site
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from serving import serving

from engine.engine import Engine
from engine.registry import Registry

ROOT = "user/default"
SETTINGS = f"{ROOT}/comfy.settings.json"


@pytest.mark.parametrize("prefix", ["", "/api"])
def test_a_file_is_kept_and_given_back(site: Site, prefix: str) -> None:
    path = f"{prefix}/userdata/workflows%2Fmy%20flow%3F.json"
    posted, got, deleted, gone = site.ask(
        Request("POST", path, {"data": b'{"a": 1}'}),
        Request("GET", path),
        Request("DELETE", path),
        Request("GET", path),
    )
    assert (posted.status, posted.json) == (200, "workflows/my flow?.json")
    assert (got.status, got.body, got.headers["Content-Type"]) == (200, b'{"a": 1}', "application/json")
    assert (deleted.status, deleted.body) == (204, b"")
    assert gone.status == 404
    assert site.everything() == set()


def test_a_file_is_replaced_unless_that_is_refused(site: Site) -> None:
    first, refused, second, got = site.ask(
        Request("POST", "/userdata/x.json?overwrite=false&full_info=true", {"data": b"1"}),
        Request("POST", "/userdata/x.json?overwrite=false", {"data": b"2"}),
        Request("POST", "/userdata/x.json", {"data": b"3"}),
        Request("GET", "/userdata/x.json"),
    )
    assert first.json["path"] == "x.json"
    assert first.json["size"] == 1
    assert first.json["modified"] > 1_600_000_000_000
    assert first.json["created"] > 1_600_000_000_000
    assert (refused.status, second.status, got.body) == (409, 200, b"3")


@pytest.mark.parametrize(
    "name", ["Bild um 1.00\u202fPM.json", "絵\u3000一.json", "👩\u200d💻.json", "a 100% <b>: ?.json"]
)
def test_names_of_all_the_world_are_kept(site: Site, name: str) -> None:
    path = f"/userdata/{quote(name, safe='')}"
    posted, got = site.ask(Request("POST", path, {"data": b"1"}), Request("GET", path))
    assert (posted.json, got.body) == (name, b"1")


def test_the_index_of_favourites_has_a_hidden_name(site: Site) -> None:
    path = "/userdata/workflows%2F.index.json"
    posted, got = site.ask(Request("POST", path, {"data": b"[]"}), Request("GET", path))
    assert (posted.status, got.json) == (200, [])


def test_a_file_is_moved(site: Site) -> None:
    site.put(f"{ROOT}/a.json", "1")
    site.put(f"{ROOT}/b.json", "2")
    asked = ["a.json/move/b.json?overwrite=false", "a.json/move/w%2Fc.json", "a.json/move/d.json"]
    asked += ["b.json/move/w%2Fc.json?full_info=true", "w%2Fc.json/move/w%2Fc.json"]
    taken, moved, absent, over, itself = site.ask(*(Request("POST", f"/userdata/{each}") for each in asked))
    assert (taken.status, moved.status, absent.status, over.status) == (409, 200, 404, 200)
    assert (moved.json, over.json["size"], itself.json) == ("w/c.json", 1, "w/c.json")
    assert site.everything() == {f"{ROOT}/w/c.json"}
    assert (site.home / ROOT / "w/c.json").read_text() == "2"


def test_listings_have_three_forms(site: Site) -> None:
    site.put(f"{ROOT}/workflows/a.json", "12")
    site.put(f"{ROOT}/workflows/sub/b.json")
    site.put(f"{ROOT}/workflows/.index.json")
    answers = site.ask(
        Request("GET", "/userdata?dir=workflows"),
        Request("GET", "/userdata?dir=workflows&recurse=true"),
        Request("GET", "/userdata?dir=workflows&recurse=true&split=true"),
        Request("GET", "/userdata?dir=workflows&recurse=false&split=false&full_info=true"),
        Request("GET", "/userdata?dir=.&recurse=true"),
    )
    flat, deep, split, full, whole = (each.json for each in answers)
    assert flat == ["a.json"]
    assert deep == ["a.json", "sub/b.json"]
    assert split == [["a.json", "a.json"], ["sub/b.json", "sub", "b.json"]]
    assert [(each["path"], each["size"]) for each in full] == [("a.json", 2)]
    assert whole == ["workflows/a.json", "workflows/sub/b.json"]


def test_a_tree_names_folders_first(site: Site) -> None:
    site.put(f"{ROOT}/workflows/a.json", "12")
    site.put(f"{ROOT}/workflows/sub/b.json")
    found = site.get("/v2/userdata?path=workflows").json
    told = [(each["name"], each["path"], each["type"], each.get("size")) for each in found]
    assert told == [
        ("sub", "workflows/sub", "directory", None),
        ("a.json", "workflows/a.json", "file", 2),
        ("b.json", "workflows/sub/b.json", "file", 2),
    ]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/userdata", 400),
        ("/userdata?dir=", 400),
        ("/userdata?dir=absent", 404),
        ("/userdata?dir=..", 403),
        ("/userdata?dir=workflows", 200),
        ("/userdata?dir=subgraphs", 200),
        ("/v2/userdata", 200),
        ("/v2/userdata?path=absent", 404),
        ("/v2/userdata?path=..%2F..", 403),
        ("/userdata/absent.json", 404),
    ],
)
def test_what_is_not_there_is_told_by_a_status(site: Site, path: str, status: int) -> None:
    answer = site.get(path)
    assert answer.status == status
    assert answer.json == [] if status == 200 else answer.json["error"]["message"]


def test_what_could_act_in_a_browser_is_only_saved(site: Site) -> None:
    suffixes = ("html", "js", "svg", "css")
    for suffix in suffixes:
        site.put(f"{ROOT}/x.{suffix}", "x")
    answers = site.ask(*(Request("GET", f"/userdata/x.{suffix}") for suffix in suffixes))
    assert {each.headers["Content-Type"] for each in answers} == {"application/octet-stream"}


def test_a_body_over_the_limit_is_refused(site: Site) -> None:
    site.settings["max_body"] = 100
    assert site.post("/userdata/x.json", data=b"x" * 101).status == 413
    assert site.everything() == set()


def test_no_name_leads_out_of_the_folder(site: Site, trapped: Callable[[str], None]) -> None:
    trapped(ROOT)
    before = site.everything()
    requests = [Request(method, f"/userdata/{name}") for name in NASTY for method in ("GET", "DELETE")]
    requests += [Request("POST", f"/userdata/{name}", {"data": b"x"}) for name in NASTY]
    requests += [Request("POST", f"/userdata/{name}/move/moved.json") for name in NASTY]
    requests += [Request("POST", f"/userdata/present.json/move/{name}") for name in NASTY]
    requests += [Request("GET", f"/userdata?recurse=1&dir={name}") for name in NASTY]
    requests += [Request("GET", f"/v2/userdata?path={name}") for name in NASTY]
    for request, answer in zip(requests, site.ask(*requests), strict=True):
        assert answer.status in {400, 403, 404, 405}, request
        assert answer.json["error"]
        assert b"the secret" not in answer.body
        assert str(site.home.parent) not in answer.text
    assert site.everything() == before
    assert {path.name for path in site.home.parent.iterdir()} == {"home", "examples", "secret.json"}


# Settings.


def test_settings_begin_with_what_a_first_start_should_not_ask(site: Site) -> None:
    assert site.get("/settings").json["Comfy.TutorialCompleted"] is True
    assert site.everything() == set()


@pytest.mark.parametrize("prefix", ["", "/api"])
def test_settings_are_merged_and_kept(site: Site, prefix: str) -> None:
    many, one, null, false = site.ask(
        Request("POST", f"{prefix}/settings", {"json": {"a": 1, "b": {"c": []}}}),
        Request("POST", f"{prefix}/settings/d%2Fe", {"data": b'"text"'}),
        Request("POST", f"{prefix}/settings/b", {"data": b"null"}),
        Request("POST", f"{prefix}/settings/Comfy.TutorialCompleted", {"data": b"false"}),
    )
    assert [(each.status, each.body) for each in (many, one, null, false)] == [(200, b"")] * 4
    assert json.loads((site.home / SETTINGS).read_text()) == {
        "a": 1, "b": None, "d/e": "text", "Comfy.TutorialCompleted": False,
    }  # fmt: skip
    assert site.get(f"{prefix}/settings").json["Comfy.TutorialCompleted"] is False
    assert site.get(f"{prefix}/settings/d%2Fe").json == "text"
    assert site.get(f"{prefix}/settings/absent").body == b"null"


def test_settings_changed_at_the_same_time_are_all_kept(site: Site) -> None:
    async def run() -> None:
        with Engine.open(Registry(), site.files, device="cpu", disk=False) as engine:
            async with serving(engine) as client:
                await asyncio.gather(*(client.post(f"/settings/s{each}", data="1") for each in range(30)))

    asyncio.run(run())
    assert len(json.loads((site.home / SETTINGS).read_text())) == 30


@pytest.mark.parametrize("content", ["{torn", "[]", "[" * 50_000, "\xff\xfe"])
def test_settings_that_cannot_be_read_are_set_aside(site: Site, content: str) -> None:
    site.put(SETTINGS, content.encode("latin-1"))
    assert site.get("/settings").json["Comfy.TutorialCompleted"] is True
    assert site.post("/settings/a", data="1").status == 200
    assert site.get("/settings/a").json == 1
    assert (site.home / ROOT / "comfy.settings.broken.json").read_bytes() == content.encode("latin-1")


def test_settings_never_come_back_as_what_json_has_no_word_for(site: Site) -> None:
    assert site.post("/settings/a", data="[NaN, Infinity]").status == 200
    assert site.get("/settings/a").text == "[null,null]"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"1", b"\xff", b"[" * 100_000])
def test_bodies_that_are_no_settings_are_refused(site: Site, body: bytes) -> None:
    answer = site.post("/settings", data=body)
    assert (answer.status, answer.headers["Content-Type"].split(";")[0]) == (400, "application/json")
    assert site.everything() == set()


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
        st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists),
        max_size=10,
    )
)
def test_every_value_comes_back_as_it_was(site: Site, values: dict[str, Any]) -> None:
    posted, got = site.ask(Request("POST", "/settings", {"json": values}), Request("GET", "/settings"))
    assert posted.status == 200
    assert got.json.items() >= values.items()


# Users.


def test_there_is_one_user(site: Site) -> None:
    def ask(method: str, path: str) -> Answer:
        return site.ask(
            Request(method, path, {"json": {"username": "x"}, "headers": {"comfy-user": "../x"}})
        )[0]

    assert ask("GET", "/api/users").json == {"storage": "server", "migrated": True}
    assert ask("POST", "/users").status == 400
    assert ask("POST", "/settings").status == 200
    assert site.everything() == {SETTINGS}
