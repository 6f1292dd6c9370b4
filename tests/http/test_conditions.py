# SPDX-License-Identifier: BSD-2-Clause
"""If-Match, If-None-Match (RFC 9110 §13) and the order in which a request is checked (CONTRACT.md)."""
import threading

import pytest

import xcap
from xcap import ELEMENT, LISTS, conflict, lists, refused, stored, strong

BOTH = pytest.mark.parametrize("method", ["PUT", "DELETE"])


@pytest.fixture
def etag(alice, path):
    return stored(alice.put(path, lists("ann")), 201)


def change(client, method, target, body=lists("ben"), **fields):
    return client.put(target, body, **fields) if method == "PUT" else client.delete(target, **fields)


def untouched(client, target, etag):
    answer = client.get(target)
    assert (answer.status, answer["ETag"], answer.body) == (200, etag, lists("ann").encode())


# `{}` is the current etag in its quotes, `{bare}` the same without
MATCHES = ["{}", "*", '"other", {}', '{}, "other"', '"a","b" , {},"c"', "{bare}", "other,{bare}",
           '"a,b", {}', ",, {} ,",
           '"""{bare}"""', " {} "]
FAILS = ['"other"', "W/{}", '"a", "b"', 'W/{}, "other"', '"{bare}x"', '"x{bare}"', '""']


def spell(text, etag):
    return text.replace("{bare}", etag.strip('"')).replace("{}", etag)


@BOTH
@pytest.mark.parametrize("value", MATCHES)
def test_if_match_lets_a_change_of_this_version_pass(alice, path, etag, method, value):
    assert change(alice, method, path, if_match=spell(value, etag)).status == 200


@BOTH
@pytest.mark.parametrize("value", FAILS)
def test_if_match_refuses_a_change_of_another_version(alice, path, etag, method, value):
    refused(change(alice, method, path, if_match=spell(value, etag)), 412)
    untouched(alice, path, etag)


@BOTH
@pytest.mark.parametrize("value", ["other", '"unclosed', '{}"', "{bare}x", "W/{bare}", "a b c"])
def test_a_tag_that_cannot_be_read_matches_nothing(alice, path, etag, method, value):
    assert change(alice, method, path, if_match=spell(value, etag)).status in (400, 412)
    untouched(alice, path, etag)


@BOTH
def test_several_if_match_fields_are_one_list(alice, path, etag, method):
    assert change(alice, method, path, if_match=['"other"', etag]).status == 200


@BOTH
def test_the_former_etag_is_stale_at_once(alice, path, etag, method):
    second = stored(alice.put(path, lists("ben"), if_match=etag), 200)
    refused(change(alice, method, path, if_match=etag), 412)
    assert alice.get(path)["ETag"] == second


def test_if_match_star_does_not_create(alice, path):
    refused(alice.put(path, lists("ann"), if_match="*"), 412)
    refused(alice.put(path, lists("ann"), if_match='"any"'), 412)
    refused(alice.get(path), 404)


def test_if_none_match_star_creates_once(alice, path):
    etag = stored(alice.put(path, lists("ann"), if_none_match="*"), 201)
    refused(alice.put(path, lists("ben"), if_none_match="*"), 412)
    untouched(alice, path, etag)


@BOTH
@pytest.mark.parametrize("value", ["{}", "*", 'W/{}', '"other", {}'])
def test_if_none_match_refuses_a_change_when_it_matches(alice, path, etag, method, value):
    """Weak comparison for If-None-Match: RFC 9110 §13.1.2."""
    refused(change(alice, method, path, if_none_match=spell(value, etag)), 412)
    untouched(alice, path, etag)


@BOTH
def test_if_none_match_lets_a_change_pass_when_it_does_not(alice, path, etag, method):
    assert change(alice, method, path, if_none_match='"other", "another"').status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("value", ["{}", "*", "W/{}", '"other", {}', '{},"other"', '"""{bare}"""', "{bare}"])
def test_a_reader_who_has_it_gets_304_with_the_etag(alice, path, etag, method, value):
    answer = alice.ask(method, path, fields=[("If-None-Match", spell(value, etag))])
    assert answer.status == 304
    assert strong(answer) == etag
    assert answer.body == b""
    assert alice.get(path).status == 200  # and the connection is still in step


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("value", ['"other"', "other", '"{bare}x"'])
def test_a_reader_who_has_another_gets_it(alice, path, etag, method, value):
    answer = alice.ask(method, path, fields=[("If-None-Match", spell(value, etag))])
    assert answer.status == 200 and answer["ETag"] == etag


def test_a_get_with_if_match(alice, path, etag):
    assert alice.get(path, if_match=etag).status == 200
    refused(alice.get(path, if_match='"other"'), 412)
    refused(alice.get(path, if_match="W/" + etag), 412)


def test_if_match_is_looked_at_before_if_none_match(alice, path, etag):
    """RFC 9110 §13.2.2."""
    refused(alice.get(path, if_match='"other"', if_none_match=etag), 412)
    assert alice.get(path, if_match=etag, if_none_match=etag).status == 304


def test_dates_do_not_make_conditions(alice, path, etag):
    """We send no Last-Modified; If-Unmodified-Since without it is ignored (RFC 9110 §13.1.4)."""
    past = "Sat, 29 Oct 1994 19:43:31 GMT"
    assert alice.get(path)["Last-Modified"] is None
    assert alice.get(path, if_modified_since=past).status == 200
    assert alice.put(path, lists("ben"), if_unmodified_since=past).status == 200


def test_conditions_on_what_is_not_there(alice, path):
    refused(alice.get(path, if_none_match="*"), 404)
    refused(alice.get(path, if_match='"x"'), 404)
    refused(alice.delete(path, if_match='"x"'), 404)
    refused(alice.delete(path, if_match="*"), 404)


def test_a_hundred_tags_in_a_list(alice, path, etag):
    crowd = ", ".join(f'"tag{n}"' for n in range(100))
    refused(alice.put(path, lists("ben"), if_match=crowd), 412)
    assert alice.put(path, lists("ben"), if_match=crowd + ", " + etag).status == 200


# --- the order of checks: each row fails in two ways, and the earlier check answers ---

UNKNOWN = "resource-lists/users/sip:nobody@example.com/index"
LONG = "x" * 1_200_000


@pytest.mark.parametrize("who, method, target, fields, body, status", [
    pytest.param("nobody", "GET", "no-such-usage/global/index", {}, None, 404, id="usage-before-login"),
    pytest.param("nobody", "PUT", "no-such-usage/users/sip:bob@example.com/index", {"Content-Type": "a/b"},
                 "x", 404,
                 id="usage-before-login-put"),
    pytest.param("nobody", "GET", UNKNOWN, {}, None, 401, id="login-before-unknown-user"),
    pytest.param("nobody", "GET", LISTS + "/~~/p:x", {}, None, 401, id="login-before-unbound-prefix"),
    pytest.param("nobody", "POST", LISTS, {}, "x", 401, id="login-before-method"),
    pytest.param("nobody", "PUT", LISTS, {}, "x", 401, id="login-before-media-type"),
    pytest.param("bob", "GET", LISTS, {}, None, 403, id="permission-before-absence"),
    pytest.param("bob", "GET", UNKNOWN, {}, None, 403, id="permission-before-unknown-user"),
    pytest.param("bob", "GET", LISTS + "/~~/p:x", {}, None, 403, id="permission-before-unbound-prefix"),
    pytest.param("bob", "POST", LISTS, {}, "x", 403, id="permission-before-method"),
    pytest.param("bob", "PUT", LISTS, {"Content-Type": "text/plain"}, "x", 403,
                 id="permission-before-media-type"),
    pytest.param("admin", "GET", UNKNOWN + "/~~/p:x", {}, None, 404, id="unknown-user-before-unbound-prefix"),
    pytest.param("admin", "PUT", UNKNOWN, {"Content-Type": "text/plain"}, "x", 404,
                 id="unknown-user-before-media-type"),
    pytest.param("alice", "POST", LISTS + "/~~/p:x", {}, "x", 400, id="unbound-prefix-before-method"),
    pytest.param("alice", "PUT", LISTS + "/~~/p:x", {"Content-Type": "text/plain"}, "x", 400,
                 id="unbound-prefix-before-media-type"),
    pytest.param("alice", "POST", LISTS, {"Content-Type": "text/plain"}, LONG, 405,
                 id="method-before-length"),
    pytest.param("alice", "PUT", LISTS + "/~~/resource-lists/namespace::*", {"Content-Type": "text/plain"},
                 "x", 405,
                 id="method-before-media-type"),
    pytest.param("alice", "PUT", LISTS, {"Content-Type": "text/plain"}, LONG, 415,
                 id="media-type-before-length"),
    pytest.param("alice", "PUT", LISTS, {"Content-Type": "text/plain", "If-Match": '"x"'}, "x", 415,
                 id="media-type-before-conditions"),
    pytest.param("alice", "PUT", "absent/~~/resource-lists/list", {"Content-Type": ELEMENT}, LONG, 413,
                 id="length-before-parent"),
    pytest.param("alice", "PUT", LISTS, {"Content-Type": "application/resource-lists+xml",
                                         "If-Match": '"x"'}, LONG, 413,
                 id="length-before-conditions"),
    pytest.param("alice", "PUT", "absent/~~/resource-lists/list",
                 {"Content-Type": ELEMENT, "If-Match": '"x"'},
                 "<list/>", "no-parent", id="parent-before-conditions"),
    pytest.param("alice", "PUT", "absent/~~/resource-lists/list", {"Content-Type": ELEMENT}, "<list>",
                 "no-parent",
                 id="parent-before-content"),
    pytest.param("alice", "PUT", LISTS, {"Content-Type": "application/resource-lists+xml",
                                         "If-Match": '"x"'}, "<bad",
                 412, id="conditions-before-content"),
    pytest.param("alice", "PUT", "present",
                 {"Content-Type": "application/resource-lists+xml", "If-None-Match": "*"},
                 "<bad", 412, id="creation-condition-before-content"),
])
def test_the_earlier_check_answers(request, server, alice, path, who, method, target, fields, body, status):
    if target.startswith(("absent", "present")):
        stored(alice.put(path, lists("ann")))
        target = target.replace("absent", path + "-absent").replace("present", path)
    client = request.getfixturevalue(who)
    answer = client.ask(method, target, body and body.encode(), list(fields.items()))
    if isinstance(status, str):
        conflict(answer, status)
    else:
        refused(answer, status)
    assert alice.get(LISTS).status == 404, "something was stored"


def test_a_refusal_never_keeps_the_connection_out_of_step(alice, path):
    """After each refusal of a request with a body the next answer belongs to the next request."""
    for fields in ({"type": "text/plain"}, {"if_match": '"x"'}, {}):
        alice.put(path, "<bad", **fields)
        answer = alice.get(path)
        assert answer.status == 404 and answer["Content-Type"].startswith("text/plain")


def test_ten_if_none_match_star_at_once_create_one(server, path):
    answers = []

    def create(name):
        with xcap.alice(server) as client:
            answers.append(client.put(path, lists(name), if_none_match="*").status)
    threads = [threading.Thread(target=create, args=(f"n{n}",)) for n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(answers) == [201] + [412] * 9
