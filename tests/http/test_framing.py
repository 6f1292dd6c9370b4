# SPDX-License-Identifier: BSD-2-Clause
"""HTTP itself, from polite to hostile: RFC 9112, SECURITY.md ("Seen with Debian 12's libraries")."""
import re
import time

import pytest

import xcap
from xcap import LISTS, SLOW, TYPES, Hangup, chunked, eventually, head, lists, refused, stored

TYPE = TYPES["resource-lists"]
HOME = "resource-lists/users/sip:alice@example.com/"
BODY = lists("ann").encode()


def signed(client, method, path, *fields, version="HTTP/1.1"):
    """The head of a request by this client, complete but for `fields`."""
    if not client.login.ready:
        client.get(path)
    target = client.target(path)
    standard = [("Host", client.server.authority), ("Authorization", client.login.header(method, target))]
    return head(method, target, standard + list(fields), version)


def put_head(client, path, *fields):
    return signed(client, "PUT", path, ("Content-Type", TYPE), *fields)


def answers_until_closed(wire, seconds=10):
    """Every answer that comes before the server closes the connection."""
    answers = []
    wire.socket.settimeout(seconds)
    try:
        while True:
            answers.append(wire.answer())
    except Hangup:
        return answers
    except TimeoutError:
        raise AssertionError(f"still open after {answers}") from None


# --- messages that two readers could read differently: RFC 9112 §6.3, §11.2 ---

SMUGGLED = b"GET /xcap-root/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("fields, body", [
    pytest.param([("Content-Length", len(BODY)), ("Content-Length", len(BODY))], BODY,
                 id="length-twice-the-same"),
    pytest.param([("Content-Length", len(BODY)), ("Content-Length", len(BODY) + len(SMUGGLED))],
                 BODY + SMUGGLED,
                 id="length-twice-short-first"),
    pytest.param([("Content-Length", len(BODY) + len(SMUGGLED)), ("Content-Length", len(BODY))],
                 BODY + SMUGGLED,
                 id="length-twice-long-first"),
    pytest.param([("Content-Length", f"{len(BODY)}, {len(BODY)}")], BODY, id="length-as-a-list"),
    pytest.param([("Content-Length", len(BODY)), ("Transfer-Encoding", "chunked")], chunked(BODY) + SMUGGLED,
                 id="length-and-chunked"),
    pytest.param([("Transfer-Encoding", "chunked"), ("Content-Length", "0")], chunked(BODY) + SMUGGLED,
                 id="chunked-and-length"),
    pytest.param([("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "identity")], chunked(BODY),
                 id="codings-twice"),
    pytest.param([("Transfer-Encoding", "chunked, chunked")], chunked(BODY), id="chunked-chunked"),
    pytest.param([("Transfer-Encoding", "gzip")], BODY, id="gzip"),
    pytest.param([("Transfer-Encoding", "gzip, chunked")], chunked(BODY), id="gzip-chunked"),
    pytest.param([("Transfer-Encoding", "xchunked")], chunked(BODY), id="unknown-coding"),
    pytest.param([("Transfer-Encoding", "chunked;q=1")], chunked(BODY), id="coding-with-parameter"),
    pytest.param([("Content-Length", "-1")], BODY, id="length-negative"),
    pytest.param([("Content-Length", "+5")], BODY, id="length-with-plus"),
    pytest.param([("Content-Length", "0x10")], BODY, id="length-hexadecimal"),
    pytest.param([("Content-Length", "ten")], BODY, id="length-a-word"),
    pytest.param([("Content-Length", "99999999999999999999999")], BODY, id="length-beyond-64-bits"),
])
def test_an_ambiguous_length_is_refused_and_the_connection_closed(server, alice, path, fields, body):
    with server.wire() as wire:
        wire.send(put_head(alice, path, *fields))
        wire.trickle(body, len(body))
        answers = answers_until_closed(wire)
    assert len(answers) == 1 and answers[0].status in (400, 413, 501), answers
    assert alice.get(path).status == 404


@pytest.mark.parametrize("line", [
    b"Content-Length : %d", b"Content-Length\t: %d", b"Transfer-Encoding : chunked", b"X-a b: %d",
    b"Content-Length:\r\n %d", b"X-a: b\r\n\tTransfer-Encoding: chunked", b"Transfer-Encoding: chunked ",
    b"Content-Lengthy: %d", b"(comment): 1",
])
def test_a_field_that_two_readers_read_differently_is_refused(server, alice, path, line):
    """RFC 9112 §5.1, §5.2: white space before the colon, a folded line, a name that is no token."""
    line = line.replace(b"%d", b"%d" % len(BODY))
    request = put_head(alice, path).replace(b"\r\nHost:", b"\r\n" + line + b"\r\nHost:", 1)
    with server.wire() as wire:
        wire.send(request)
        wire.trickle(chunked(BODY) + SMUGGLED, len(BODY) + len(SMUGGLED) + 100)
        answers = answers_until_closed(wire)
    assert len(answers) == 1 and answers[0].status in (400, 501), answers
    assert alice.get(path).status == 404


def test_a_get_that_announces_a_huge_body_is_refused(server, alice, path):
    with server.wire() as wire:
        wire.send(signed(alice, "GET", path, ("Content-Length", 2**64 - 1)))
        answers = answers_until_closed(wire)
    assert len(answers) == 1 and answers[0].status in (400, 413), answers


@pytest.mark.parametrize("encoded", [
    pytest.param(b"5\r\nhello\r\nzz\r\n", id="size-not-hexadecimal"),
    pytest.param(b"-5\r\nhello\r\n0\r\n\r\n", id="size-negative"),
    pytest.param(b"ffffffffffffffffff\r\nhello\r\n0\r\n\r\n", id="size-beyond-64-bits"),
    pytest.param(b"5\r\nhello, this is longer\r\n0\r\n\r\n", id="chunk-longer-than-it-says"),
])
def test_a_broken_chunk_stores_nothing(server, alice, path, encoded):
    with server.wire() as wire:
        wire.send(put_head(alice, path, ("Transfer-Encoding", "chunked")))
        wire.trickle(encoded, len(encoded))
        answers = answers_until_closed(wire)
    assert [answer.status for answer in answers] in ([], [400], [413]), answers
    assert alice.get(path).status == 404
    assert server.ready()


def test_chunks_of_every_size_are_fine(server, alice, path):
    for piece in (1, 13, len(BODY)):
        with server.wire() as wire:
            wire.send(put_head(alice, path, ("Transfer-Encoding", "chunked")) + chunked(BODY, piece))
            stored(wire.answer())
        assert alice.get(path).body == BODY


def test_chunk_extensions_and_trailers_are_skipped(server, alice, path):
    encoded = b"%x;name=value\r\n%b\r\n0\r\nContent-Type: text/plain\r\nX-Trailer: yes\r\n\r\n" % (len(BODY),
                                                                                                   BODY)
    with server.wire() as wire:
        wire.send(put_head(alice, path, ("Transfer-Encoding", "chunked")) + encoded)
        stored(wire.answer(), 201)


def test_a_length_without_a_space_is_fine(server, alice, path):
    request = put_head(alice, path, ("Content-Length", len(BODY))).replace(b"Content-Length: ",
                                                                           b"Content-Length:")
    with server.wire() as wire:
        stored(wire.send(request + BODY).answer(), 201)


def test_a_put_without_a_length_has_an_empty_body(server, alice, path):
    with server.wire() as wire:
        answer = wire.send(put_head(alice, path)).answer()
    assert answer.status in (409, 411), answer


# --- targets ---

@pytest.mark.parametrize("target", [
    HOME + "%00", HOME + "a%00b", "resource-lists/users/%00/index",
    HOME + "..", HOME + "../sip:bob@example.com/index", HOME + ".", HOME + "./index",
    HOME + "%2e%2e", HOME + "%2E%2E/sip:bob@example.com/index", HOME + "%2e/index", HOME + ".%2e",
    "resource-lists/users/../users/sip:alice@example.com/index", "../xcap-root/" + LISTS,
    HOME + "%", HOME + "%2", HOME + "%zz", HOME + "%2g", HOME + "a%",
    HOME + "%C0%AF", HOME + "%ff", HOME + "%ED%A0%80", HOME + "%F4%90%80%80", HOME + "%E2%82", HOME + "%80",
    HOME + "a%2Fb", HOME + "a%01b", HOME + "a%7Fb", HOME + "a%0D%0ASet-Cookie:%20x=y", HOME + "/index",
    "resource-lists//sip:alice@example.com/index", "resource-lists/users//index",
])
def test_a_malformed_target_is_400(server, alice, target):
    answer = alice.get(target)
    assert answer.status in (400, 404) if target.startswith("../") else answer.status == 400, answer
    answer = alice.put(target, lists("ann"), type=TYPE)
    assert answer.status in (400, 404) if target.startswith("../") else answer.status == 400, answer


@pytest.mark.parametrize("name", ["%22%3E%3C", "%D0%B4%20%25", "a&b=c"])
def test_a_strange_name_is_escaped_in_headers(alice, name):
    answer = alice.put(HOME + name, lists("ann"))
    stored(answer, 201)
    assert re.fullmatch(r"[!-~]+", answer["Location"]) and alice.get(answer["Location"]).body == BODY
    assert alice.delete(HOME + name).status == 200


@pytest.mark.parametrize("line", [
    pytest.param(b"GET /xcap-root/resource-lists/users/a\0b/index HTTP/1.1\r\nHost: x\r\n\r\n",
                 id="nul-in-the-target"),
    pytest.param(b"GET /xcap-root/x HTTP/1.1\r\nHost: a\0b\r\n\r\n", id="nul-in-a-field"),
    pytest.param(b"\0\0\0\0\0\0\r\n\r\n", id="nuls"),
    pytest.param(b"GET\r\n\r\n", id="method-alone"),
    pytest.param(b"GET /xcap-root/x HTTP/9.9\r\nHost: x\r\n\r\n", id="version-9.9"),
    pytest.param(b"GET /xcap-root/x HTTP/1.1\r\nHost x\r\n\r\n", id="field-without-colon"),
    pytest.param(b"GET /xcap-root/x HTTP/1.1\r\nHost : x\r\n\r\n", id="space-before-the-colon"),
    pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 200 + b"\r\n\r\n",
                 id="a-tls-hello"),
    pytest.param(b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP x\r\n\r\n", id="sip"),
    pytest.param(b"GET /xcap-root/" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
                 id="a-line-of-100-kilobytes"),
    pytest.param(b"GET /xcap-root/x HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 1_000_000 + b"\r\n\r\n",
                 id="a-field-of-a-megabyte"),
    pytest.param(b"GET /xcap-root/x HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 100_000 + b"\r\n",
                 id="100000-fields"),
    pytest.param(b"\r\n" * 1000, id="empty-lines"),
])
def test_garbage_is_refused_or_hung_up_on_and_the_server_goes_on(server, alice, line):
    with server.wire() as wire:
        wire.trickle(line, 65_536)
        wire.socket.settimeout(2)
        try:
            answer = wire.answer()
            assert answer.status in (400, 401, 404, 405, 413, 414, 431, 501, 505), answer
        except (Hangup, TimeoutError):
            pass
    assert server.ready() and alice.get(LISTS).status == 404


@pytest.mark.parametrize("target, status", [
    pytest.param("a" * 64 + "/global/index", 404, id="auid-64"),
    pytest.param("a" * 65 + "/global/index", 414, id="auid-65"),
    pytest.param("%61" * 64 + "/global/index", 404, id="auid-64-encoded"),
    pytest.param("resource-lists/users/sip:" + "a" * (255 - 16) + "@example.com/x", 403, id="xui-255"),
    pytest.param("resource-lists/users/sip:" + "a" * (256 - 16) + "@example.com/x", 414, id="xui-256"),
    pytest.param(HOME + "p" * 180, 404, id="path-180"),
    pytest.param(HOME + "p" * 181, 414, id="path-181"),
    pytest.param(HOME + "%D0%B4" * 90, 404, id="path-180-encoded"),
    pytest.param(HOME + "%D0%B4" * 90 + "x", 414, id="path-181-encoded"),
    pytest.param(HOME + "p" * 90 + "/" + "p" * 90, 414, id="path-181-with-a-folder"),
])
def test_names_have_a_length(alice, target, status):
    refused(alice.get(target), status)


def test_a_document_at_the_longest_name_can_be_stored(alice):
    name = HOME + "p" * 180
    stored(alice.put(name, lists("ann")), 201)
    assert alice.get(name).body == BODY
    assert alice.delete(name).status == 200
    refused(alice.put(name + "p", lists("ann")), 414)


def test_an_absolute_form_target_is_the_same_document(server, alice, path):
    """RFC 9112 §3.2.2."""
    stored(alice.put(path, lists("ann")))
    absolute = f"http://{server.authority}{alice.target(path)}"
    assert alice.get(absolute).body == BODY
    stored(alice.put(absolute, lists("ben"), type=TYPE), 200)
    assert alice.get(path).body == lists("ben").encode()


def test_a_root_of_a_slash_serves_documents_at_the_top():
    """What phones do on Ut: CLIENTS.md."""
    port = xcap.free_port()
    settings = {"http.listen": f"127.0.0.1:{port}", "http.root": f"http://127.0.0.1:{port}/"}
    with xcap.Server(settings) as server:
        server.port = port
        with xcap.alice(server) as alice:
            answer = alice.put("/" + LISTS, lists("ann"), type=TYPE)
            stored(answer, 201)
            assert alice.get("/" + LISTS).body == BODY and alice.get(answer["Location"]).body == BODY


# --- connections ---

def test_requests_in_one_packet_are_answered_in_order(server, alice, path):
    """RFC 9112 §9.3.2, pipelining."""
    requests = b""
    for name in ("a", "b", "c"):
        body = lists(name).encode()
        requests += put_head(alice, path, ("Content-Length", len(body))) + body + signed(alice, "GET", path)
    with server.wire() as wire:
        wire.send(requests)
        answers = [wire.answer() for _ in range(6)]
    assert [answer.status for answer in answers] == [201, 200, 200, 200, 200, 200]
    assert [answer.body for answer in answers[1::2]] == [lists(name).encode() for name in "abc"]


def test_a_hundred_requests_share_a_connection(alice, path):
    stored(alice.put(path, lists("ann")))
    wire = alice.wire
    assert {alice.get(path).status for _ in range(100)} == {200}
    assert alice.wire is wire


def test_a_request_in_single_octets_is_a_request(server, alice, path):
    with server.wire() as wire:
        wire.trickle(put_head(alice, path, ("Content-Length", len(BODY))) + BODY, 1)
        stored(wire.answer(), 201)


def test_connection_close_is_obeyed(server, alice, path):
    with server.wire() as wire:
        answer = wire.send(signed(alice, "GET", path, ("Connection", "close"))).answer()
        assert answer.status == 404 and answer.closes and wire.is_closed()


def test_http_1_0_is_answered_and_closed(server, alice, path):
    stored(alice.put(path, lists("ann")))
    with server.wire() as wire:
        answer = wire.send(signed(alice, "GET", path, version="HTTP/1.0")).answer()
        assert answer.status == 200 and answer.body == BODY and wire.is_closed()


def test_http_1_1_needs_a_host(server):
    """RFC 9112 §3.2."""
    with server.wire() as wire:
        assert wire.send(b"GET /xcap-root/" + LISTS.encode() + b" HTTP/1.1\r\n\r\n").answer().status == 400
    with server.wire() as wire:
        twice = b"GET /xcap-root/x/global/y HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"
        assert wire.send(twice).answer().status == 400


def test_expect_100_continue_is_answered_before_the_body(server, alice, path):
    with server.wire() as wire:
        wire.send(put_head(alice, path, ("Content-Length", len(BODY)), ("Expect", "100-continue")))
        assert wire.interim().status == 100
        stored(wire.send(BODY).answer(), 201)


@pytest.mark.parametrize("fields, status", [
    pytest.param([("Content-Type", TYPE), ("Content-Length", 50_000_000)], 413, id="too-long"),
    pytest.param([("Content-Type", "text/plain"), ("Content-Length", 100)], 415, id="wrong-type"),
])
def test_expect_100_continue_is_refused_without_the_body(server, alice, path, fields, status):
    with server.wire() as wire:
        wire.send(signed(alice, "PUT", path, *fields, ("Expect", "100-continue")))
        answer = wire.answer()
    assert answer.status == status and answer.interim == [], (answer, answer.interim)


def test_no_credentials_are_refused_before_the_body(server):
    fields = [("Host", "x"), ("Content-Type", TYPE), ("Content-Length", 5000), ("Expect", "100-continue")]
    with server.wire() as wire:
        answer = wire.send(head("PUT", f"/xcap-root/{LISTS}", fields)).answer()
    assert answer.status == 401 and answer.interim == []


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_an_aborted_upload_stores_nothing(server, alice, path, share):
    for fields, body in (([("Content-Length", len(BODY))], BODY),
                         ([("Transfer-Encoding", "chunked")], chunked(BODY, 9))):
        with server.wire() as wire:
            wire.send(put_head(alice, path, *fields) + body[:int(len(body) * share)])
            time.sleep(0.05)
        assert alice.get(path).status == 404
    assert server.ready()


def test_a_client_that_does_not_wait_for_the_answer_harms_nobody(server, alice, path):
    body = xcap.big_lists(500_000).encode()
    stored(alice.put(path, body))
    for _ in range(20):
        with server.wire() as wire:
            wire.send(signed(alice, "GET", path))
    assert alice.get(path).body == body


# --- patience has an end: limits.timeout, limits.connections ---

@pytest.fixture(scope="module")
def hasty():
    """A server that waits two seconds, and takes ten connections of one address."""
    settings = {"limits.timeout": "2s", "limits.connections-per-address": 10}
    with xcap.Server(settings) as running:
        yield running


LEAST, MOST = 1.0, 5.0 + 2 * SLOW


@pytest.mark.parametrize("start", [
    pytest.param(b"", id="nothing"), pytest.param(b"GET", id="half-a-word"),
    pytest.param(b"GET /xcap-root/x HTTP/1.1\r\n", id="a-line"),
    pytest.param(b"GET /xcap-root/x HTTP/1.1\r\nHost: x\r\nX-Half", id="half-a-header"),
])
def test_a_half_sent_header_is_hung_up_on(hasty, start):
    with hasty.wire() as wire:
        waited = wire.send(start).closed_within(MOST)
    assert waited is not None and waited > LEAST, waited


def test_a_header_in_drops_is_hung_up_on(hasty):
    """The limit is for the whole header, not for one octet of it."""
    start = time.monotonic()
    with hasty.wire() as wire:
        wire.trickle(b"GET /xcap-root/x HTTP/1.1\r\nX: " + b"x" * 60, 1, 0.2)
        closed = wire.is_closed(0.5)
    assert closed and time.monotonic() - start < 15 + MOST


@pytest.mark.parametrize("pause", [None, 0.2])
def test_a_slow_body_is_hung_up_on(hasty, pause):
    with xcap.alice(hasty) as alice, hasty.wire() as wire:
        wire.send(put_head(alice, LISTS, ("Content-Length", len(BODY))))
        if pause:
            wire.trickle(BODY[:60], 1, pause)
        else:
            wire.send(BODY[:10])
        assert wire.is_closed(MOST)
        alice.close()
        refused(alice.get(LISTS), 404)


def test_an_idle_connection_is_closed(hasty):
    with xcap.alice(hasty) as alice:
        refused(alice.get(LISTS), 404)
        waited = alice.wire.closed_within(MOST)
    assert waited is not None and waited > LEAST, waited


def test_a_slow_reader_is_hung_up_on_and_nobody_waits_for_it(hasty):
    with xcap.alice(hasty) as alice, hasty.wire() as wire:
        body = xcap.big_lists(900_000).encode()
        stored(alice.put(LISTS, body))
        for _ in range(20):
            wire.send(signed(alice, "GET", LISTS))
        with xcap.Stopwatch() as watch:
            assert alice.get(LISTS).body == body
        assert watch.seconds < SLOW
        assert alice.delete(LISTS).status == 200


def test_one_address_has_only_so_many_connections(hasty):
    eventually(lambda: not open_more(hasty, 1)[1])
    wires, turned_away = open_more(hasty, 15)
    assert 8 <= len(wires) <= 10 and len(turned_away) == 15 - len(wires)
    with hasty.wire(source="127.0.0.2") as other:  # another address is not concerned
        assert speak(other)
    for wire in wires:
        wire.close()
    assert eventually(lambda: speaks(hasty))


def speak(wire):
    try:
        return wire.send(head("OPTIONS", f"/xcap-root/{LISTS}", [("Host", "x")])).answer().status == 200
    except (Hangup, OSError):
        return False


def speaks(server):
    with server.wire() as wire:
        return speak(wire)


def open_more(server, count):
    wires = [server.wire() for _ in range(count)]
    spoken = [(wire, speak(wire)) for wire in wires]
    for wire, fine in spoken:
        if not fine:
            wire.close()
    return [wire for wire, fine in spoken if fine], [wire for wire, fine in spoken if not fine]


def test_a_crowd_of_silent_connections_locks_nobody_out():
    """Half-open connections of many addresses fill limits.connections; they are gone after limits.timeout."""
    with xcap.Server({"limits.connections": 50, "limits.timeout": "2s"}) as server:
        crowd = [server.wire(source=f"127.0.0.{2 + n % 9}") for n in range(60)]
        for wire in crowd:
            try:
                wire.send(b"GET /x")
            except OSError:
                pass
        assert eventually(lambda: speaks(server), MOST)
        for wire in crowd:
            wire.close()
        assert server.ready()
