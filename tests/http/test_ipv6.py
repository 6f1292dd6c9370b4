# SPDX-License-Identifier: BSD-2-Clause
"""IPv6 wherever an address stands: listeners, root URI, log, trusted networks, limits, admin listener."""
import socket

import pytest

import xcap
from wire import Wire
from xcap import LISTS


@pytest.fixture(scope="module")
def server():
    with xcap.Server({"auth.schemes": "digest, basic", "limits.login-failures": 3}, host="::1") as running:
        yield running


def test_a_document_lives_at_an_ipv6_address(server, alice, path):
    answer = alice.put(path, xcap.lists("bob"))
    assert answer["Location"] == f"http://[::1]:{server.port}/xcap-root/{path}", answer
    assert alice.get(path).text == xcap.lists("bob")
    assert alice.get(f"http://[::1]:{server.port}/xcap-root/{path}").status == 200
    assert alice.get(path, Host="[::1]").status == 200


def test_the_log_names_the_address(server, nobody):
    mark = len(server.log())
    answer = nobody.get(LISTS)
    line = xcap.eventually(lambda: next((line for line in server.log_since(mark).splitlines()
                                         if answer["X-Request-Id"] in line), None))
    assert "::1" in line.replace(f"[::1]:{server.port}", ""), line


def test_basic_is_for_loopback_of_either_kind(nobody):
    assert nobody.get(LISTS, Authorization=xcap.basic("alice", "alice")).status == 404


def test_login_limits_count_ipv6_addresses(server):
    with xcap.Client(server) as client:
        told = [client.get(LISTS, Authorization=xcap.basic("bob", "wrong")).status for _ in range(4)]
    assert told == [401, 401, 401, 429]


@pytest.mark.parametrize("networks, status", [("::1", 404), ("::1/128", 404), ("::/64", 404), ("2001:db8::/32", 401),
                                              ("::2", 401), ("0.0.0.0/0", 401), ("127.0.0.0/8", 401)])
def test_trusted_readers_may_have_ipv6_addresses(networks, status):
    with xcap.Server({"auth.trusted-readers": networks}, host="::1") as server, xcap.Client(server) as client:
        assert client.get(LISTS).status == status


def test_trusted_proxies_may_have_ipv6_addresses():
    with xcap.Server({"auth.trusted": "::1"}, host="::1") as server, xcap.Client(server) as client:
        asserted = [("X-3GPP-Asserted-Identity", f'"{xcap.ALICE}"')]
        assert client.ask("GET", LISTS, fields=asserted).status == 404


def test_connections_of_one_ipv6_address_are_limited():
    with xcap.Server({"limits.connections-per-address": 3}, host="::1") as server:
        wires = [server.wire() for _ in range(3)]
        for wire in wires:
            wire.send(f"GET {server.root_path}/{LISTS} HTTP/1.1\r\nHost: x\r\n\r\n")
            assert wire.answer().status == 401
        with server.wire() as fourth:
            assert fourth.is_closed()
        for wire in wires:
            wire.close()


def test_both_families_are_served_beside_each_other():
    port, admin = xcap.free_port(), xcap.free_port("::1")
    with xcap.Server(start=False) as server:
        server.configure(**{"http.listen": f"127.0.0.1:{port}, [::1]:{port}",
                            "admin.listen": f"127.0.0.1:{server.admin_port}, [::1]:{admin}"})
        server.start()
        for host in ("127.0.0.1", "::1"):
            with Wire((host, port)) as wire:
                wire.send(f"GET {server.root_path}/{LISTS} HTTP/1.1\r\nHost: x\r\n\r\n")
                assert wire.answer().status == 401
        with Wire(("::1", admin)) as wire:
            wire.send("GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert wire.answer().status == 200


def test_the_ipv6_wildcard_leaves_ipv4_alone():
    port = xcap.free_port()
    with xcap.Server(start=False) as server:
        server.configure(**{"http.listen": f"[::]:{port}"})
        server.start()
        with Wire(("::1", port)) as wire:
            wire.send(f"GET {server.root_path}/{LISTS} HTTP/1.1\r\nHost: x\r\n\r\n")
            assert wire.answer().status == 401
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
