"""What jobs were, and what came of them."""

import asyncio
from pathlib import Path

from described import described, saving


def test_a_listing_tells_what_came_of_its_jobs_when_asked(tmp_path: Path) -> None:
    async def go() -> None:
        async with described(tmp_path) as api:
            job = await api.ended((await api.submit(saving()))["id"])
            (whole,) = (await api("GET", "/v1/jobs", params={"whole": "true"})).json["jobs"]
            assert whole == job
            (brief,) = (await api("GET", "/v1/jobs")).json["jobs"]
            assert "outputs" not in brief

    asyncio.run(go())


def test_the_workflow_of_a_job_comes_as_it_was_submitted_too(tmp_path: Path) -> None:
    document = {**saving(), "_workflow": {"version": 1, "title": "Mine"}}

    async def go() -> None:
        async with described(tmp_path) as api:
            for sent, told in ((document, document), (saving(), saving())):
                job = await api.submit(sent)
                path = f"/v1/jobs/{job['id']}/workflow"
                assert (await api("GET", path, params={"form": "document"})).json == told
                assert (await api("GET", path)).json == saving()

    asyncio.run(go())
