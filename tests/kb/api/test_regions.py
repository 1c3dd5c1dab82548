"""Regions over HTTP: the one there is, and none that chats."""

from __future__ import annotations

from tests.kb.api.client import Api

PATH = "/v2/gen-ai/regions"


async def test_this_installation_is_the_one_region(api: Api) -> None:
    (region,) = (await api.ok("GET", PATH))["regions"]
    assert region["region"]
    assert (region["serves_inference"], region["serves_batch"]) == (False, False)
    everything = {"serves_inference": "false", "serves_batch": "false"}
    assert (await api.ok("GET", PATH, params=everything))["regions"] == [region]


async def test_a_client_that_asks_for_regions_with_models_is_told_of_none(api: Api) -> None:
    for wish in ("serves_inference", "serves_batch"):
        assert (await api.ok("GET", PATH, params={wish: "true"}))["regions"] == []
    assert wish in await api.refused(400, "GET", PATH, params={wish: "perhaps"})
