# SPDX-License-Identifier: BSD-2-Clause
"""Peers that mean harm: what they can learn, spend and hold."""
import shutil
import signal
import socket
import threading
import time

import pytest

import xcap
from daemon import eventually
from place import SLOW, SOURCE
from sipua import Message
from station import Station, bare, items, only, told

CAROL = "sip:carol@example.com"
HER_INDEX = f"resource-lists/users/{CAROL}/index"


@pytest.fixture
def own_station():
    with Station() as running:
        running.add_users((CAROL, "user", "first"))
        yield running


def carol(station, password):
    return xcap.Client(station, "carol", password)


@pytest.mark.parametrize("running", [True, False])
def test_who_gets_a_removed_users_name_is_not_told_to_the_former_one(own_station, running):
    station = own_station
    with station.phone("carol", "first") as phone:
        phone.subscribe(f"resource-lists/users/{CAROL}/", HER_INDEX)
        phone.notify()
        if not running:
            station.stop_notifier()
        station.ctl("user", "remove", CAROL)
        station.add_users((CAROL, "user", "second"))
        with carol(station, "second") as client:
            xcap.stored(client.put(HER_INDEX, xcap.lists("secret")))
        if not running:
            station.start_notifier()
        notify = phone.notify(40 * SLOW)
        assert notify.state == "terminated" and not notify.body
        assert phone.quiet(0.5)


def test_another_password_ends_what_the_former_one_began(own_station):
    station = own_station
    with station.phone("carol", "first") as old, station.phone("carol", "second") as new:
        _, dialog = old.subscribe(HER_INDEX)
        old.notify()
        station.ctl("user", "passwd", CAROL, "--password-stdin", data=b"second\n")
        assert old.subscribe(dialog=dialog)[0].status == 401
        assert new.subscribe(HER_INDEX)[0].status == 200
        assert items(new.notify()) == []
        with carol(station, "second") as client:
            etag = xcap.stored(client.put(HER_INDEX, xcap.lists("bob")))
        assert only(new.notify()).new == bare(etag)
        notify = old.notify()
        assert (notify.state, notify.reason, notify.body) == ("terminated", "deactivated", b"")


SOON = 0.5 if SLOW == 1 else 8  # seconds; sanitizers are slow on whatever is dear


def slowest_but_few(station, phone, client, path, count=9):
    """How long a change takes to be heard, for all but the worst of them."""
    waits = []
    for n in range(count):
        start = time.monotonic()
        etag = bare(xcap.stored(client.put(path, xcap.lists(f"friend{n}"))))
        assert only(phone.notify()).new == etag
        waits.append(time.monotonic() - start)
        time.sleep(0.1)
    return sorted(waits)[-3]


@pytest.mark.parametrize("fields", [{"expires": 0}, {"Suppress_If_Match": "*"}, {"Suppress_If_Match": "none"}])
def test_one_who_asks_for_much_again_and_again(station, alice, bob, path, fields):
    theirs = "resource-lists/users/sip:bob@example.com/index"
    other = path + "-other"
    for name in (path, other):
        xcap.stored(alice.put(name, xcap.big_lists(900000)))
    dear = [f"{(path, other)[n % 2]}/~~/resource-lists/list/entry[@uri='x{n}']" for n in range(198)]
    whole = [f"{path}/~~/resource-lists/list[1]", f"{other}/~~/resource-lists/list[1]"]
    done = threading.Event()

    def ask(greedy):
        while not done.is_set():
            assert greedy.subscribe(*dear, *whole, **fields)[0].status in (200, 403, 503)

    before = station.notifier_kilobytes()
    with station.phone(transport="tcp") as greedy, station.phone("bob") as phone:
        phone.subscribe(theirs)
        phone.notify()
        thread = threading.Thread(target=ask, args=(greedy,))
        thread.start()
        try:
            time.sleep(0.5)
            assert slowest_but_few(station, phone, bob, theirs) < SOON
        finally:
            done.set()
            thread.join()
    assert SLOW > 1 or station.notifier_kilobytes() - before < 60000
    for client, name in ((alice, other), (bob, theirs)):
        client.delete(name)


def test_long_requests_that_nobody_answers_for_are_not_kept(station, phone):
    """Their answers would be as long, and wait half a minute to be asked for again."""
    before = station.notifier_kilobytes()
    for n in range(1500):
        phone.send(Message("SUBSCRIBE sip:alice@example.com SIP/2.0", [
            ("Via", f"SIP/2.0/UDP {phone.host}:{phone.port};rport;branch=z9hG4bKlong{n}"),
            ("From", f"<sip:alice@example.com>;tag={n}"), ("To", "<sip:alice@example.com>"),
            ("Call-ID", f"{'c' * 50000}{n}"), ("CSeq", "1 SUBSCRIBE"), ("Max-Forwards", "70"),
            ("Contact", f"<{phone.contact}>"), ("Event", "xcap-diff")]).octets())
        phone.responses.get(timeout=10 * SLOW)
    assert SLOW > 1 or station.notifier_kilobytes() - before < 50000


@pytest.mark.parametrize("fields", [{"event": 'xcap-diff;id="a;b=c"'}, {"event": 'xcap-diff;id="a b"'},
                                    {"From": '<sip:alice@example.com>;tag="a;b=c"'},
                                    {"From": "<sip:alice@example.com>;tag=a\\\x01"}])
def test_what_would_be_more_parameters_in_a_notify(phone, path, fields):
    assert phone.subscribe(path, **fields)[0].status == 400
    assert phone.quiet(0.1)


def test_an_end_waits_for_no_retry_after(tmp_path):
    definitions = tmp_path / "auids"
    shutil.copytree(SOURCE / "auids", definitions, ignore=shutil.ignore_patterns("*.c", "*.h", "CMakeLists.txt"))
    shutil.copy(SOURCE / "tests/sip/tests-usage.xml", definitions / "tests.xml")
    with Station({"usage.definitions": definitions}) as station, station.phone() as phone:
        phone.answer = lambda notify: (503, [("Retry-After", "4294967295")])
        phone.subscribe("tests/users/sip:alice@example.com/index")
        phone.notify()
        phone.answer = lambda notify: 200
        (definitions / "tests.xml").unlink()
        station.notifier.send_signal(signal.SIGHUP)
        assert phone.notify().reason == "deactivated"


def test_whose_documents_are_not_theirs_is_not_said(station, alice, bob, path):
    """Neither bodies nor tags tell whether somebody else has a document."""
    with station.phone("bob") as phone:
        entries = [path, path + "/~~/resource-lists", "resource-lists/users/sip:alice@example.com/",
                   path.replace("sip:alice@", "sip:alice%40"), path.replace("sip:alice", "SIP:ALICE"),
                   "resource-lists/users/sip:bob@example.com/../sip:alice@example.com/" + path.split("/")[-1],
                   "/xcap-root/" + path, f"{station.root}{path}"]
        phone.subscribe(*entries)
        empty = phone.notify()
        assert told(empty) == {}
        alice.put(path, xcap.lists("bob"))
        assert phone.quiet(0.3)
        phone.subscribe(*entries)
        full = phone.notify()
        assert told(full) == {} and (full["SIP-ETag"], full.body) == (empty["SIP-ETag"], empty.body)


def test_who_asks_all_the_time_and_never_reads(station, alice, phone, path):
    """100 connections full of requests: the others wait for a little of each, not for all of it."""
    one = (b"OPTIONS sip:example.com SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=a\r\n"
           b"To: <sip:a@b>\r\nCall-ID: q\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")
    phone.subscribe(path)
    phone.notify()
    before = station.notifier_kilobytes()
    flood = [socket.create_connection(station.sip) for _ in range(100)]
    for stream in flood:
        stream.setblocking(False)
    for _ in range(20):
        for stream in flood:
            try:
                stream.send(one * 400)
            except BlockingIOError:
                pass
    try:
        assert slowest_but_few(station, phone, alice, path, 7) < SOON
        assert SLOW > 1 or station.notifier_kilobytes() - before < 100000
    finally:
        for stream in flood:
            stream.close()


@pytest.mark.parametrize("where", ["239.1.2.3", "224.0.0.1"])
def test_a_crowd_is_not_notified(station, phone, path, where):
    before = station.notifier_log().count("a multicast address")
    response, _ = phone.subscribe(path, expires=0, Record_Route=f"<sip:{where};lr>")
    assert response.status == 200
    assert eventually(lambda: station.notifier_log().count("a multicast address") > before, 5)
