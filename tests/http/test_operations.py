# SPDX-License-Identifier: BSD-2-Clause
"""What an admin sees: health, signals, reload, bad configurations and stores, the log, xcapctl (CONTRACT.md)."""
import json
import re
import shutil
import signal
import socket
import struct
import threading
import time

import pytest

import xcap
from xcap import (CAPS, LISTS, LISTS_NAMESPACE, SLOW, SOURCE, TYPES, Client, Hangup, Wire, conflict,
                  eventually, head, lists, refused, stored)

TYPE = TYPES["resource-lists"]
GLOBAL = "resource-lists/global/index"


# --- health ---

@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_is_told_on_the_admin_listener_alone(server, nobody, path):
    assert server.admin(path).status == 200
    assert nobody.get(path).status in (401, 404) and nobody.get(f"{server.root_path}{path}").status in (401,
                                                                                                        404)
    assert server.admin("/xcap-root/" + LISTS).status == 404
    assert server.admin("/other").status == 404


def test_health_is_told_to_many_askers(server):
    assert {server.admin("/readyz").status for _ in range(100)} == {200}


# --- SIGTERM ---

def start_put(server, client, path, body):
    """A PUT of which half has been sent."""
    client.get(path)
    target = client.target(path)
    fields = [("Host", server.authority), ("Authorization", client.login.header("PUT", target)),
              ("Content-Type", TYPE),
              ("Content-Length", len(body))]
    return server.wire().send(head("PUT", target, fields) + body[:len(body) // 2])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_in_flight_is_answered_before_the_end(number):
    with xcap.Server() as server, xcap.alice(server) as alice:
        body = lists("ann").encode()
        with start_put(server, alice, LISTS, body) as wire:
            time.sleep(0.2)
            server.signal(number)
            time.sleep(0.2)
            wire.send(body[len(body) // 2:])
            stored(wire.answer(), 201)
        assert server.wait() == 0
        server.start()
        alice.close()
        assert alice.get(LISTS).body == body


def test_an_idle_connection_does_not_hold_up_the_end():
    with xcap.Server() as server, xcap.alice(server) as alice:
        alice.get(LISTS)
        idle = [server.wire() for _ in range(20)]
        with xcap.Stopwatch() as watch:
            assert server.stop() == 0
        assert watch.seconds < 5 * SLOW
        for wire in idle:
            wire.close()


def test_an_upload_that_never_ends_does_not_hold_up_the_end_for_ever():
    with xcap.Server({"limits.timeout": "2s"}) as server, xcap.alice(server) as alice:
        with start_put(server, alice, LISTS, lists("ann").encode()):
            assert server.stop(10) == 0
        server.start()
        alice.close()
        refused(alice.get(LISTS), 404)


def test_an_abandoned_upload_does_not_hold_up_the_end():
    """Clients that went away in the middle of a large upload are noticed before limits.timeout (30 s)."""
    with xcap.Server() as server, xcap.alice(server) as alice:
        alice.get(LISTS)
        for _ in range(10):
            target = alice.target(LISTS)
            fields = [("Host", server.authority), ("Authorization", alice.login.header("PUT", target)),
                      ("Content-Type", TYPE), ("Transfer-Encoding", "chunked")]
            with server.wire() as wire:
                wire.send(head("PUT", target, fields) + b"e0000\r\n" + b"x" * 0xe0000)
        time.sleep(2)
        with xcap.Stopwatch() as watch:
            assert server.stop(60) == 0
        assert watch.seconds < 5 * SLOW


@pytest.mark.parametrize("rude", [False, True])
def test_clients_that_leave_before_their_answer_do_not_hold_up_the_end(rude):
    """The whole request was sent, the answer not waited for: FIN, or RST."""
    with xcap.Server() as server, xcap.alice(server) as alice:
        alice.get(LISTS)
        body = xcap.big_lists(100_000).encode()
        for _ in range(30):
            with start_put(server, alice, LISTS, body) as wire:
                wire.send(body[len(body) // 2:])
                if rude:
                    wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        alice.close()
        assert alice.get(LISTS).status in (200, 404)
        time.sleep(1)
        with xcap.Stopwatch() as watch:
            assert server.stop(20) == 0
        assert watch.seconds < 5 * SLOW


@pytest.mark.parametrize("turn", range(8))
def test_a_stop_in_a_storm_of_requests_is_clean(turn):
    with xcap.Server() as server:
        stop, wrong = threading.Event(), []

        def storm(number):
            with xcap.alice(server) as client:
                while not stop.is_set():
                    try:
                        answer = client.put(f"resource-lists/users/alice/s{number}", lists("ann"), type=TYPE)
                        if answer.status not in (200, 201, 503):
                            wrong.append(answer)
                    except (Hangup, OSError):
                        return
        threads = [threading.Thread(target=storm, args=(number,), daemon=True) for number in range(16)]
        for thread in threads:
            thread.start()
        time.sleep(0.1 + turn * 0.03)
        assert server.stop() == 0
        stop.set()
        for thread in threads:
            thread.join(30)
        assert not wrong, wrong[:3]


# --- SIGHUP ---

def test_a_reload_takes_new_settings():
    with xcap.Server() as server, xcap.alice(server) as alice:
        stored(alice.put(LISTS, lists("ann")), 201)
        server.configure(limits__document="1K")
        assert "reloaded" in server.reload()
        refused(alice.put(LISTS, xcap.big_lists(5000)), 413)
        stored(alice.put(LISTS, lists("ben")), 200)


@pytest.mark.parametrize("line, said", [
    ("limits__document", "nonsense"), ("limits__no-such-key", "1"), ("auth__schemes", "magic"),
    ("usage__definitions", "/nowhere"),
])
def test_a_bad_reload_is_refused_and_the_old_settings_stay(line, said):
    with xcap.Server({"limits.document": "2K"}) as server, xcap.alice(server) as alice:
        stored(alice.put(LISTS, lists("ann")), 201)
        server.configure(**{line: said})
        told = server.reload()
        assert "reload refused" in told
        if line != "usage__definitions":
            assert re.search(r"xcapd\.conf:\d+: ", told), told
        refused(alice.put(LISTS, xcap.big_lists(5000)), 413)
        stored(alice.put(LISTS, lists("ben")), 200)


def test_a_reload_takes_new_usages(tmp_path):
    definitions = tmp_path / "auids"
    shutil.copytree(SOURCE / "auids", definitions)
    with xcap.Server({"usage.definitions": definitions}) as server, xcap.alice(server) as alice:
        path = "org.example.lists/users/sip:alice@example.com/index"
        refused(alice.get(path), 404)
        refused(alice.put(path, lists("ann"), type=TYPE), 404)
        before = alice.get(CAPS)
        text = (definitions / "resource-lists.xml").read_text()
        (definitions / "org.example.lists.xml").write_text(text.replace('auid="resource-lists"',
                                                                        'auid="org.example.lists"'))
        assert "reloaded" in server.reload()
        after = alice.get(CAPS)
        assert b"<auid>org.example.lists</auid>" in after.body and after["ETag"] != before["ETag"]
        stored(alice.put(path, lists("ann"), type=TYPE), 201)
        (definitions / "broken.xml").write_text("<usage")
        assert "reload refused" in server.reload() and "broken.xml" in server.log()
        stored(alice.put(path, lists("ben"), type=TYPE), 200)


def test_reloads_under_load_harm_no_request():
    with xcap.Server() as server:
        stop, wrong = threading.Event(), []

        def storm(number):
            with xcap.alice(server) as client:
                while not stop.is_set():
                    answer = client.put(f"resource-lists/users/alice/s{number}", lists("ann"), type=TYPE)
                    if answer.status not in (200, 201) or client.get(CAPS).status != 200:
                        wrong.append(answer)
        threads = [threading.Thread(target=storm, args=(number,), daemon=True) for number in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(10):
            server.reload()
        stop.set()
        for thread in threads:
            thread.join(30)
        assert not wrong, wrong[:3]


# --- what it does not start with ---

@pytest.mark.parametrize("key, value", [
    ("http.listen", "nonsense"), ("http.root", "ftp://x/"), ("store.max-size", "tiny"),
    ("limits.timeout", "5"), ("limits.depth", "-1"),
    ("auth.schemes", "bearer"), ("auth.digest-algorithms", "SHA-1"), ("auth.trusted-readers", "10.0.0.0/99"),
    ("no-such.section", "1"),
    ("http.no-such-key", "1"), ("log.level", "loud"), ("http.tls-certificate", "/nowhere.pem"),
])
def test_a_bad_configuration_is_told_with_file_and_line(key, value):
    with xcap.Server(start=False) as server:
        server.configure(**{key: value})
        for words, expected in (((), 2), (("--check",), 1)):
            status, said = server.run_to_end(*words)
            assert status == expected, said
            assert re.search(r"xcapd\.conf:\d+: ", said) or "tls" in key, said
        lines = server.configuration.read_text().splitlines()
        number = int(re.search(r"xcapd\.conf:(\d+): ", said + "xcapd.conf:0: ").group(1))
        section, _, word = key.rpartition(".")
        assert number == 0 or word in lines[number - 1] or section in lines[number - 1], said


def test_trusted_and_trusted_readers_may_not_overlap():
    with xcap.Server(start=False) as server:
        server.configure(auth__trusted="10.0.0.0/8", **{"auth__trusted-readers": "10.1.2.3"})
        status, said = server.run_to_end("--check")
        assert status == 1 and "trusted" in said, said


def test_basic_without_tls_is_for_loopback_only():
    with xcap.Server(start=False) as server:
        port = xcap.free_port()
        server.configure(auth__schemes="digest,basic", http__listen=f"0.0.0.0:{port}")
        status, said = server.run_to_end("--check")
        assert status == 1 and "basic" in said.lower(), said


def test_a_good_configuration_passes_the_check():
    with xcap.Server(start=False) as server:
        assert server.run_to_end("--check")[0] == 0


@pytest.mark.parametrize("words, expected",
                         [(("--help",), 0), (("--version",), 0), (("--no-such-option",), 2), (("word",), 2)])
def test_the_command_line(words, expected):
    with xcap.Server(start=False) as server:
        status, said = server.run_to_end(*words)
        assert status == expected and said.strip()


def test_a_missing_configuration_is_told():
    with xcap.Server(start=False) as server:
        server.configuration.unlink()
        status, said = server.run_to_end()
        assert status == 2 and "xcapd.conf" in said


@pytest.mark.parametrize("spoil", [
    pytest.param(lambda data: data.write_bytes(b"not a database at all" * 1000), id="text"),
    pytest.param(lambda data: data.write_bytes(data.read_bytes()[:5000]), id="cut"),
    pytest.param(lambda data: data.write_bytes(b"\0" * 65536), id="zeros"),
])
def test_a_foreign_store_is_refused_with_a_message(spoil):
    with xcap.Server(start=False) as server:
        data = server.folder / "data" / "data.mdb"
        spoil(data)
        before = data.read_bytes()
        status, said = server.run_to_end()
        assert status == 2, (status, said)
        assert str(server.folder / "data") in said and len(said.strip().splitlines()) <= 3, said
        assert data.read_bytes() == before, "the foreign file was touched"


def test_a_store_that_is_a_file_is_refused_with_a_message():
    with xcap.Server(start=False, users=()) as server:
        (server.folder / "data").write_text("I am a file")
        status, said = server.run_to_end()
        assert status == 2 and str(server.folder / "data") in said


def test_a_port_in_use_is_told():
    with xcap.Server() as server:
        status, said = server.run_to_end()
        assert status in (1, 2) and str(server.port) in said, said


# --- listeners ---

def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
def test_it_speaks_ipv6():
    with xcap.Server(host="::1") as server, xcap.alice(server) as alice:
        stored(alice.put(LISTS, lists("ann")), 201)
        assert alice.get(LISTS).body == lists("ann").encode()
        assert eventually(lambda: "peer=::1" in server.log() or "peer=[::1]" in server.log())


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
def test_several_listeners_are_one_server():
    ports = [xcap.free_port(), xcap.free_port(), xcap.free_port("::1")]
    settings = {"http.listen": f"127.0.0.1:{ports[0]}, 127.0.0.2:{ports[1]}, [::1]:{ports[2]}",
                "http.root": f"http://127.0.0.1:{ports[0]}/xcap-root"}
    with xcap.Server(settings) as server:
        server.port = ports[0]
        with xcap.alice(server) as alice:
            stored(alice.put(LISTS, lists("ann")))
        for address in (("127.0.0.2", ports[1]), ("::1", ports[2])):
            server.host, server.port = address
            with xcap.alice(server) as alice:
                assert alice.get(LISTS).body == lists("ann").encode()


# --- the log ---

SECRETS = ("Geheim-Passwort", "Freundesname", "response=", "Digest ", "cnonce", "Authorization")


def access_lines(server, mark):
    return [line for line in server.log_since(mark).splitlines() if " access:" in line]


def test_each_request_is_one_line(server):
    server.add_users(("sip:dora@example.com", "user", "Geheim-Passwort"))
    path = "resource-lists/users/sip:dora@example.com/index"
    mark = len(server.log())
    with Client(server, "dora", "Geheim-Passwort") as dora:
        dora.get(path)
        stored(dora.put(path, lists("Freundesname")), 201)
        dora.get(path)
        conflict(dora.put(path, lists("Freundesname", "Freundesname")), "uniqueness-failure")
        refused(dora.put(path, lists("Freundesname"), if_match='"old"'), 412)
        dora.delete(path)
    expected = [("GET", 401), ("GET", 404), ("PUT", 201), ("GET", 200), ("PUT", 409), ("PUT", 412),
                ("DELETE", 200)]
    assert eventually(lambda: len(access_lines(server, mark)) >= len(expected)), server.log_since(mark)
    lines = access_lines(server, mark)
    assert len(lines) == len(expected)
    for line, (method, status) in zip(lines, expected):
        assert re.search(rf" {method} /xcap-root/{path} {status} \d+ \d+us", line), line
        assert re.search(r" id=\S+ peer=127\.0\.0\.1", line), line
        assert ("who=sip:dora@example.com" in line) == (status != 401), line
        assert ('why="' in line) == (status >= 400), line
    assert len({re.search(r" id=(\S+)", line).group(1) for line in lines}) == len(lines)
    for secret in SECRETS:
        assert secret not in server.log_since(mark), secret


SECRET = "Geheimnis"


@pytest.mark.parametrize("body", [
    pytest.param(f"<!-- -- {SECRET} -->", id="comment"), pytest.param(f"<{SECRET}>", id="element-unclosed"),
    pytest.param(lists(SECRET)[:-20], id="truncated"),
    pytest.param(lists("a") + SECRET, id="text-at-the-end"),
    pytest.param(lists("a", extra=f"{SECRET}"), id="text-between"),
    pytest.param(lists("a", extra=f'<entry name="{SECRET}"/>'), id="unknown-attribute"),
    pytest.param(lists("a", extra=f'<entry uri="{SECRET} %%"/><x/>'), id="bad-uri"),
    pytest.param(lists("a", extra=f'<entry uri="&{SECRET};"/>'), id="unknown-entity"),
    pytest.param(lists("a", extra=f"<entry uri='{SECRET}'/>" * 2), id="twice"),
    pytest.param(lists("a", extra=f"<entry-ref ref='http://{SECRET}'/>"), id="not-relative"),
    pytest.param(lists("a", extra=f"{SECRET}\xe7").encode("latin-1"), id="latin-1"),
    pytest.param(lists("a", extra=f"<{SECRET}:x/>"), id="unbound-prefix"),
])
def test_no_word_of_a_refused_document_is_in_the_log(server, alice, body):
    mark = len(server.log())
    conflict(alice.put(LISTS, body), "not-well-formed", "not-utf-8", "schema-validation-error",
             "uniqueness-failure",
             "constraint-failure")
    assert eventually(lambda: " 409 " in server.log_since(mark))
    assert SECRET not in server.log_since(mark)


def test_the_log_for_programs_is_json():
    with xcap.Server({"log.format": "json"}) as server, xcap.alice(server) as alice:
        stored(alice.put(LISTS, lists("ann")), 201)
        alice.get("resource-lists/users/sip:alice@example.com/%22%0Aquote\"d")
        assert eventually(lambda: '"PUT"' in server.log())
        time.sleep(0.3)
        records = [json.loads(line) for line in server.log().splitlines()]
        record = next(r for r in records if r.get("method") == "PUT" and r.get("status") == 201)
        assert record["who"] == "sip:alice@example.com" and record["target"].endswith(LISTS)
        assert record["microseconds"] > 0 and record["id"] and record["peer"] == "127.0.0.1"


def test_a_target_cannot_forge_a_line(server):
    mark = len(server.log())
    with server.wire() as wire:
        wire.send(head("GET", "/xcap-root/%0Ax%1B[31m\"y\x7f\u2028",
                       [("Host", "x"), ("Connection", "close")])).is_closed()
    time.sleep(0.4)
    for line in server.log_since(mark).splitlines():
        assert re.match(r"\d{4}-\d\d-\d\dT", line), line
        assert "\x1b" not in line and "\u2028" not in line


# --- xcapctl beside the running daemon ---

def test_what_xcapctl_puts_is_served_at_once(server, alice, tmp_path):
    stored(alice.put(LISTS, lists("ann")), 201)
    old = alice.get(LISTS)["ETag"]
    server.ctl("doc", "put", LISTS, data=lists("ben").encode())
    answer = alice.get(LISTS)
    assert answer.body == lists("ben").encode() and answer["ETag"] != old
    refused(alice.put(LISTS, lists("cas"), if_match=old), 412)
    (tmp_path / "lists.xml").write_text(lists("dan"))
    server.ctl("doc", "put", GLOBAL, str(tmp_path / "lists.xml"))
    assert alice.get(GLOBAL).body == lists("dan").encode()
    server.ctl("doc", "delete", GLOBAL)
    refused(alice.get(GLOBAL), 404)
    alice.delete(LISTS)


def test_what_is_put_over_http_xcapctl_sees(server, alice):
    body = b"\xef\xbb\xbf" + lists("Ann").replace("\n", "\r\n").encode()
    etag = stored(alice.put(LISTS, body), 201)
    assert server.ctl("doc", "get", LISTS).stdout == body
    listed = server.ctl("doc", "list", "sip:alice@example.com").stdout.decode()
    assert "resource-lists" in listed and "index" in listed and etag.strip('"') in listed
    records = json.loads(server.ctl("--json", "doc", "list", "alice").stdout)
    assert len(records) == 1 and records[0]["etag"].strip('"') == etag.strip('"') and records[0]["size"] == len(body)
    server.ctl("doc", "delete", LISTS)
    refused(alice.get(LISTS), 404)
    assert server.ctl("doc", "get", LISTS, check=False).returncode == 1


@pytest.mark.parametrize("body", [lists("ann", "ann"), "<x", f'<list xmlns="{LISTS_NAMESPACE}"/>'])
def test_xcapctl_judges_as_http_does(server, alice, body):
    done = server.ctl("doc", "put", LISTS, data=body.encode(), check=False)
    assert done.returncode == 1 and done.stderr.strip()
    refused(alice.get(LISTS), 404)


def test_a_user_whom_xcapctl_adds_can_log_in_at_once(server):
    home = "resource-lists/users/sip:eve@example.com/index"
    server.ctl("user", "add", "sip:eve@example.com", "--password-stdin", data=b"first:one\n")
    with Client(server, "eve", "first:one") as eve:
        stored(eve.put(home, lists("ann")), 201)
    server.ctl("user", "passwd", "eve", "--password-stdin", data=b"second\n")
    with Client(server, "eve", "second") as eve, Client(server, "eve", "first:one") as old:
        assert eve.get(home).status == 200 and old.get(home).status == 401
    assert "sip:eve@example.com" in server.ctl("user", "list").stdout.decode()
    shown = server.ctl("user", "show", "eve").stdout.decode()
    assert "sip:eve@example.com" in shown and "second" not in shown
    server.ctl("user", "remove", "eve")
    with Client(server, "eve", "second") as eve, xcap.admin(server) as admin:
        assert eve.get(home).status == 401
        refused(admin.get(home), 404)
    server.ctl("user", "add", "eve", "--password-stdin", data=b"third\n")
    with Client(server, "eve", "third") as eve:
        refused(eve.get(home), 404)  # her documents went with her
    server.ctl("user", "remove", "eve")


def test_an_import_says_which_line_is_wrong(server):
    for lines in (b"sip:x@example.com\tuser\n", b"sip:x@example.com\tking\tpassword\n",
                  b"\tuser\tpassword\n", b"just words\n"):
        done = server.ctl("user", "import", "-", data=b"sip:fine@example.com\tuser\tfine\n" + lines,
                          check=False)
        assert done.returncode == 1 and b":2: " in done.stderr, done.stderr
    assert b"fine@example.com" not in server.ctl("user", "list").stdout


def test_no_password_is_in_the_store(server):
    server.add_users(("sip:gina@example.com", "user", "Sesam-oeffne-dich"))
    assert b"Sesam-oeffne-dich" not in (server.folder / "data" / "data.mdb").read_bytes()


def test_xcapctl_works_without_the_daemon():
    with xcap.Server(start=False) as server:
        server.ctl("doc", "put", LISTS, data=lists("ann").encode())
        server.start()
        with xcap.alice(server) as alice:
            assert alice.get(LISTS).body == lists("ann").encode()


def test_xcapctl_config_prints_every_key(server):
    said = server.ctl("config").stdout.decode()
    for key in ("listen", "limits", "document", "trusted-readers", "history-versions"):
        assert key in said


def test_writers_of_two_processes_never_lose_each_others_edit(server, alice):
    """xcapctl and xcapd write at once; If-Match holds between them."""
    stored(alice.put(LISTS, lists("start")), 201)
    for turn in range(5):
        etag = alice.get(LISTS)["ETag"]
        server.ctl("doc", "put", LISTS, "--if-match", etag, data=lists(f"ctl{turn}").encode())
        refused(alice.put(LISTS, lists("http"), if_match=etag), 412)
        etag = stored(alice.put(LISTS, lists(f"http{turn}"), if_match=alice.get(LISTS)["ETag"]), 200)
        assert server.ctl("doc", "put", LISTS, "--if-match", '"old"', data=lists("no").encode(),
                          check=False).returncode == 1
        assert alice.get(LISTS)["ETag"] == etag
    alice.delete(LISTS)


def test_the_admin_listener_survives_strangers(server):
    for octets in (b"\0\1\2\r\n\r\n", b"GET",
                   b"POST /readyz HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"):
        with Wire(("127.0.0.1", server.admin_port)) as wire:
            wire.send(octets)
    assert server.ready()
