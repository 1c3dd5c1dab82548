"""Remote servers over TLS: the connection is to the address that was checked, and the certificate
must be for the name."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from ingest.sources.errors import BlockedAddress, FetchFailed
from kb.gateway.events import McpFinished
from kb.gateway.guarded_transport import GuardedTransport
from kb.gateway.mcp_connection import McpConnections
from kb.gateway.turn import McpTool
from tests.ingest.sources.site import LOOPBACK, Names
from tests.kb.gateway.remote import Remote, answering, app_of, redirecting, serving, toolbox
from tests.kb.gateway.scripted import Model, Round, call, gateway, of_kind, run, turn

KEY = {"authorization": "Bearer s3cret"}


@pytest.fixture
def trusted(certificate: Path) -> ssl.SSLContext:
    """Trusts the certificate for secure.test, and is as strict as any in all else."""
    return ssl.create_default_context(cafile=certificate)


@pytest.fixture
async def remote(certificate: Path) -> AsyncIterator[Remote]:
    async with serving(answering(b'"hello"'), certificate=certificate) as remote:
        yield remote


def transport(url: str, trusted: ssl.SSLContext | None, names: Names) -> GuardedTransport:
    return GuardedTransport(url, allowed_networks=LOOPBACK, resolver=names, ssl_context=trusted)


async def refused(transport: GuardedTransport, url: str) -> str:
    """Why the server is not asked."""
    async with httpx2.AsyncClient(transport=transport, headers=KEY) as client:
        with pytest.raises(httpx2.ConnectError):
            await client.get(url)
    assert transport.refusal is not None
    return str(transport.refusal)


async def test_a_server_is_asked_under_its_name(remote: Remote, trusted: ssl.SSLContext) -> None:
    names, url = Names(), remote.url(host="secure.test")
    async with httpx2.AsyncClient(transport=transport(url, trusted, names)) as client:
        assert (await client.get(url)).json() == "hello"
        assert (await client.post(url, json={})).json() == "hello"
    assert names.asked == ["secure.test"] * 2  # looked up once for each
    assert [one["host"] for one in remote.requests] == [f"secure.test:{remote.port}"] * 2


@pytest.mark.parametrize("host", ["other.test", "127.0.0.1"])
async def test_a_certificate_for_another_name_is_refused(
    remote: Remote, trusted: ssl.SSLContext, host: str
) -> None:
    url = remote.url(host=host)
    made = transport(url, trusted, Names())
    assert str(FetchFailed(f"Host: {host}.")) == await refused(made, url)
    assert remote.requests == []


async def test_an_authority_that_nobody_knows_is_refused(remote: Remote) -> None:
    url = remote.url(host="secure.test")
    made = transport(url, None, Names())
    assert str(FetchFailed("Host: secure.test.")) == await refused(made, url)
    assert remote.requests == []


async def test_a_private_address_is_not_connected_to_whatever_its_certificate(
    remote: Remote, trusted: ssl.SSLContext
) -> None:
    url = remote.url(host="secure.test")
    made = GuardedTransport(url, resolver=Names(), ssl_context=trusted)
    assert str(BlockedAddress("Host: secure.test.")) == await refused(made, url)
    assert remote.requests == []


async def test_nothing_leads_from_tls_to_plain_http(
    certificate: Path, trusted: ssl.SSLContext
) -> None:
    async with serving(answering(b'"hello"')) as plain:
        away = redirecting(lambda: plain.url(host="secure.test"))
        async with serving(away, certificate=certificate) as remote:
            url = remote.url(host="secure.test")
            made = transport(url, trusted, Names())
            async with httpx2.AsyncClient(
                transport=made, headers=KEY, follow_redirects=True
            ) as client:
                with pytest.raises(httpx2.ConnectError, match="name that server itself"):
                    await client.get(url)
    assert len(remote.requests) == 1
    assert plain.requests == []


async def test_a_remote_tool_is_called_over_tls(certificate: Path, trusted: ssl.SSLContext) -> None:
    connections = McpConnections(allowed_networks=LOOPBACK, resolver=Names(), ssl_context=trusted)
    model = Model(
        Round(calls=[call(name="box__add", arguments='{"a": 2, "b": 3}')]), Round(text="5.")
    )
    async with serving(app_of(toolbox()), certificate=certificate) as remote:
        url = remote.url(host="secure.test")
        tool = McpTool(label="box", url=url, authorization="s3cret")
        events = await run(gateway(model, open_mcp=connections.open), turn(tools=(tool,)))
    (finished,) = of_kind(events, McpFinished)
    assert (finished.output, finished.error) == ("5", None)
    assert {one["authorization"] for one in remote.requests} == {"Bearer s3cret"}
