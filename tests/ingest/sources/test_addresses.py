"""Only the public internet, and what is allowed by name."""

from __future__ import annotations

import pytest

from ingest.sources.addresses import is_admitted, is_public, parse_address, parse_networks


@pytest.mark.parametrize(
    "text",
    [
        *("127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1"),
        *("192.168.1.1", "169.254.169.254", "100.64.0.1", "100.100.100.200", "192.0.0.192"),
        *("168.63.129.16", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1"),
        *("192.88.99.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fec0::1", "fd00:ec2::254", "fc00::1"),
        *("ff02::1", "ff0e::1", "2001:db8::1", "3fff::1", "5f00::1", "100::1", "4000::1"),
        *("::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1"),
        *("2002:7f00:1::", "2002:a00:1::1", "2002:808:808::", "2001:0:7f00:1::"),
        *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808", "::ffff:0:127.0.0.1"),
    ],
)
def test_what_is_not_one_host_on_the_internet_is_refused(text: str) -> None:
    address = parse_address(text)
    assert address is not None
    assert not is_public(address)


@pytest.mark.parametrize(
    "text", ["8.8.8.8", "::ffff:8.8.8.8", "64:ff9b::808:808", "2606:4700::1111", "93.184.215.14"]
)
def test_public_hosts_are_let_through(text: str) -> None:
    address = parse_address(text)
    assert address is not None
    assert is_public(address)


@pytest.mark.parametrize("text", ["10.1.2.3", "::ffff:10.1.2.3"])
def test_an_allowed_network_is_admitted_in_either_notation(text: str) -> None:
    address = parse_address(text)
    assert address is not None
    assert is_admitted(address, parse_networks(["10.1.0.0/16"]))
    assert not is_admitted(address, parse_networks(["10.2.0.0/16", "fd00::/8"]))


def test_a_host_name_is_no_address() -> None:
    assert parse_address("example.org") is None
