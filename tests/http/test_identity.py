# SPDX-License-Identifier: BSD-2-Clause
"""Proxies in auth.trusted say who asks and where from; everybody else who tries is not heard.

127.0.0.2 is a proxy, 127.0.0.1 is not, 127.0.0.3 reads without credentials.
"""
import pytest

import xcap
from xcap import ALICE, BOBS_LISTS, GLOBAL_LISTS, LISTS

ASSERTED = ("X-3GPP-Asserted-Identity", "X-XCAP-Asserted-Identity")
PROXY, STRANGER, READER = "127.0.0.2", "127.0.0.1", "127.0.0.3"


@pytest.fixture(scope="module")
def server():
    with xcap.Server({"auth.trusted": PROXY, "auth.trusted-readers": READER, "limits.login-failures": 3,
                      "auth.schemes": "digest, basic"}) as running:
        yield running


@pytest.fixture
def proxy(server):
    with xcap.Client(server, source=PROXY) as client:
        yield client


def put(client, path, *fields):
    return client.ask("PUT", path, xcap.octets(xcap.lists("bob")),
                      [("Content-Type", xcap.TYPES["resource-lists"]), *fields])


@pytest.mark.parametrize("name", ASSERTED)
@pytest.mark.parametrize("value", [ALICE, f'"{ALICE}"', "alice@example.com", f'"tel:+1555", "{ALICE}"'])
def test_a_proxy_speaks_for_a_user(proxy, name, value):
    said = (name, value)
    xcap.stored(put(proxy, LISTS, said))
    assert proxy.ask("GET", LISTS, fields=[said]).text == xcap.lists("bob")
    assert proxy.ask("GET", BOBS_LISTS, fields=[said]).status == 403
    assert put(proxy, GLOBAL_LISTS, said).status == 403
    assert proxy.ask("DELETE", LISTS, fields=[said]).status == 200


@pytest.mark.parametrize("name", ASSERTED)
def test_nobody_else_does(server, name):
    with xcap.Client(server, source=STRANGER) as client:
        assert client.ask("GET", LISTS, fields=[(name, ALICE)]).status == 401
    with xcap.bob(server, source=STRANGER) as bob:
        assert bob.ask("GET", LISTS, fields=[(name, ALICE)]).status == 403


def test_a_trusted_reader_loses_its_privilege_behind_such_a_header(server):
    with xcap.Client(server, source=READER) as client:
        assert client.get(LISTS).status == 404
        for name in ("Forwarded", "X-Forwarded-For", "Via", "P-Asserted-Identity", *ASSERTED):
            assert client.ask("GET", LISTS, fields=[(name, "x")]).status == 401, name


def test_a_proxy_that_asserts_nothing_passes_logins_on(server):
    with xcap.alice(server, source=PROXY) as alice:
        assert alice.get(LISTS).status == 404
    with xcap.Client(server, source=PROXY) as client:
        assert client.get(LISTS).status == 401


def test_an_unknown_user_is_forbidden(proxy):
    for name in ("sip:nobody@example.com", "sip:alice@elsewhere.org", "admin", "presence"):
        xcap.refused(proxy.ask("GET", LISTS, fields=[(ASSERTED[0], name)]), 403)


def test_two_assertions_are_malformed(proxy):
    xcap.refused(proxy.ask("GET", LISTS, fields=[(ASSERTED[0], ALICE), (ASSERTED[0], ALICE)]), 400)
    xcap.refused(proxy.ask("GET", LISTS, fields=[(name, ALICE) for name in ASSERTED]), 400)


def test_an_intended_identity_is_only_a_hint(proxy):
    assert proxy.ask("GET", LISTS, fields=[("X-3GPP-Intended-Identity", f'"{ALICE}"')]).status == 401


def test_the_log_tells_the_user_and_the_client_behind_the_proxy(server, proxy):
    mark = len(server.log())
    answer = proxy.ask("GET", LISTS, fields=[(ASSERTED[0], ALICE), ("X-Forwarded-For", "10.1.1.1, 2001:db8::7")])
    line = xcap.eventually(lambda: next((line for line in server.log_since(mark).splitlines()
                                         if answer["X-Request-Id"] in line), None))
    assert ALICE in line and "2001:db8::7" in line and "10.1.1.1" not in line and PROXY not in line, line


def test_login_limits_count_the_client_behind_the_proxy(server):
    def attempt(address, password="wrong"):
        with xcap.Client(server, source=PROXY) as client:
            return client.ask("GET", LISTS, fields=[("Authorization", xcap.basic("alice", password)),
                                                    ("X-Forwarded-For", address)]).status

    assert [attempt("203.0.113.1") for _ in range(4)] == [401, 401, 401, 429]
    assert attempt("203.0.113.1", "alice") == 429
    assert attempt("203.0.113.2", "alice") == 404


def test_a_stranger_cannot_hide_from_the_limit(server):
    def attempt(number):
        with xcap.Client(server, source=STRANGER) as client:
            return client.ask("GET", LISTS, fields=[("Authorization", xcap.basic("bob", "wrong")),
                                                    ("X-Forwarded-For", f"203.0.113.{number}")]).status

    assert [attempt(number) for number in range(5)] == [401, 401, 401, 429, 429]
