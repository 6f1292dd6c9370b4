# SPDX-License-Identifier: BSD-2-Clause
"""Bad input: clear answers, bounded work, and the others are served."""
import shutil
import signal
import threading
import time

import pytest

import xcap
from place import SLOW, SOURCE
from sipua import Dialog, Message, entry_list
from station import Station, bare, items, only, told

HOME = "resource-lists/users/sip:alice@example.com/"
FRIENDS = "/~~/resource-lists/list%5B@name=%22friends%22%5D"


def put(alice, path, *friends):
    return bare(xcap.stored(alice.put(path, xcap.lists(*friends))))


def test_ten_thousand_entries(station, alice, path):
    for transport, count in (("tcp", 10000), ("tcp", 700), ("udp", 700)):
        with station.phone(transport=transport) as phone:
            phone.subscribe("resource-lists/")  # learns the challenge
            phone.notify()
            try:
                response, _ = phone.subscribe(*(f"a{n}" for n in range(count)))
                assert response.status in (413, 513), response
            except (AssertionError, OSError) as silence:
                assert count == 10000, silence
    with station.phone() as phone:
        put(alice, path, "bob")
        phone.subscribe(path)
        assert list(told(phone.notify())) == [path]


def test_selectors_that_choose_nothing_or_thousands(station, alice, phone, path):
    xcap.stored(alice.put(path, xcap.big_lists(900000)))
    tails = ["/*/*/*", "/resource-lists/list/entry", "/resource-lists/list/entry/display-name", "/nothing/at/all",
             "/*/*/*[999999]", "/*" * 200, "/resource-lists/list/entry[@uri='x']", "/*/*[1]/*[1]"]
    start = time.monotonic()
    response, _ = phone.subscribe(*(f"{path}/~~{tail}" for tail in tails))
    assert response.status == 200
    element = only(phone.notify())
    assert element.sel.endswith("/*/*[1]/*[1]")
    assert time.monotonic() - start < 3 * SLOW


def test_who_asks_for_much_waits_so_that_others_do_not(station, alice, bob, path):
    """Twenty subscriptions to two hundred parts of a large document each, which changes all the time."""
    other = "resource-lists/users/sip:bob@example.com/index"
    xcap.stored(alice.put(path, xcap.big_lists(900000)))
    dear = [f"{path}/~~/resource-lists/list/entry[@uri='x{n}']" for n in range(200)]
    greedy = station.phone(transport="tcp")
    for _ in range(20):
        assert greedy.subscribe(*dear)[0].status == 200
    with station.phone("bob") as phone:
        phone.subscribe(other)
        phone.notify()
        waits = []
        for n in range(8):
            alice.put(path + "/~~/resource-lists/list/@name", f"n{n}")
            start = time.monotonic()
            etag = put(bob, other, f"friend{n}")
            assert only(phone.notify()).new == etag
            waits.append(time.monotonic() - start)
        assert sorted(waits)[4] < 0.5 * SLOW, waits
    greedy.close()
    bob.delete(other)


def test_a_sel_of_a_thousand_octets(alice, phone, path):
    put(alice, path, "bob")
    sels = [f"{path}/~~/resource-lists/list%5B@name=%22{'x' * 1000}{n}%22%5D" for n in range(40)]
    response, _ = phone.subscribe(*sels, path)
    assert response.status == 200
    assert list(told(phone.notify())) == [path]


@pytest.mark.parametrize("header", ["From: <sip:alice@example.com>;tag=" + "x" * 5000,
                                    "Contact: <sip:" + "a" * 5000 + "@127.0.0.1>"])
def test_a_dialog_too_long_to_keep(phone, path, header):
    name, _, value = header.partition(": ")
    response, _ = phone.subscribe(path, **{name: value})
    assert response.status == 400


def test_a_flood_of_refreshes(station, alice, path):
    put(alice, path, "bob")
    with station.phone() as flood, station.phone() as calm:
        _, dialog = flood.subscribe(path)
        flood.notify()
        answers = [flood.subscribe(*(f"{HOME}{n}" for n in range(150)), dialog=dialog)[0].status for _ in range(60)]
        assert set(answers) == {200, 503} and answers[:10] == [200] * 10
        start = time.monotonic()
        calm.subscribe(path)
        assert list(told(calm.notify())) == [path]
        assert time.monotonic() - start < 1 * SLOW


def test_subscribers_that_never_answer_hold_up_nobody(station, alice, path):
    silent = [station.phone() for _ in range(20)]
    for phone in silent:
        phone.answer = lambda notify: None
        phone.subscribe(path)
    with station.phone() as phone:
        phone.subscribe(path)
        assert told(phone.notify()) == {}
        for n in range(5):
            start = time.monotonic()
            etag = put(alice, path, f"friend{n}")
            assert only(phone.notify()).new == etag
            assert time.monotonic() - start < 1 * SLOW
    for phone in silent:
        assert phone.notify()
        phone.close()


def test_a_hasty_writer_is_merged(alice, phone, path):
    _, dialog = phone.subscribe(path, event="xcap-diff;diff-processing=aggregate")
    phone.notify()
    gate = threading.Event()
    phone.answer = lambda notify: gate.wait(20 * SLOW) and 200
    put(alice, path, "bob")
    time.sleep(0.2)
    for n in range(600):
        etag = put(alice, path, f"friend{n % 7}", f"other{n % 11}")
    gate.set()
    seen = [only(phone.notify())]
    while seen[-1].new != etag:
        seen += items(phone.notify())
    assert len(seen) <= 6 and dialog
    for one, two in zip(seen, seen[1:]):
        assert two.previous == one.new


def test_every_row_of_a_hasty_writer_in_xcap_patching(alice, phone, path):
    phone.subscribe(path, event="xcap-diff;diff-processing=xcap-patching")
    phone.notify()
    gate = threading.Event()
    phone.answer = lambda notify: gate.wait(20 * SLOW) and 200
    etags = [put(alice, path, "bob")]
    time.sleep(0.2)
    for n in range(400):
        etags.append(put(alice, path, f"friend{n % 7}", f"other{n % 11}"))
    gate.set()
    seen = []
    while len(seen) < len(etags):
        seen += items(phone.notify())
    assert [item.new for item in seen] == etags
    assert [item.previous for item in seen] == [None] + etags[:-1]
    assert any(item.children for item in seen)


def test_nonsense_in_odd_places(station, alice, phone, path):
    for event in ("xcap-diff;diff-processing", "xcap-diff;max-rate=x", "xcap-diff;max-rate=", "xcap-diff;id=",
                  "xcap-diff;max-rate=99999999999999", "xcap-diff;max-rate=0.0000000001", "xcap-diff;;id=1"):
        response, _ = phone.subscribe(path, event=event)
        assert response.status in (200, 400), event
        if response.status == 200:
            phone.notify()
    for tag in ("", '"x"', "x" * 3000, "*, x"):
        response, _ = phone.subscribe(path, Suppress_If_Match=tag)
        assert response.status in (200, 400), tag
        if response.status == 200:
            phone.notify()


def test_other_usages_after_a_reload(tmp_path):
    """95, 63: whose names or rights changed subscribes again; the capabilities are told"""
    definitions = tmp_path / "auids"
    shutil.copytree(SOURCE / "auids", definitions, ignore=shutil.ignore_patterns("*.c", "*.h", "CMakeLists.txt"))
    mine = SOURCE / "tests/sip/tests-usage.xml"
    shutil.copy(mine, definitions / "tests.xml")
    with Station({"usage.definitions": definitions}) as station, station.phone() as phone, station.phone() as other:
        phone.subscribe("tests/users/sip:alice@example.com/index")
        phone.notify()
        other.subscribe(HOME, xcap.CAPS)
        before = told(other.notify())[xcap.CAPS]
        (definitions / "tests.xml").unlink()
        station.notifier.send_signal(signal.SIGHUP)
        notify = phone.notify()
        assert (notify.state, notify.reason) == ("terminated", "deactivated")
        item = only(other.notify())
        assert item.sel == xcap.CAPS and item.new != before


def test_a_subscription_within_a_subscription(phone, path):
    """A body that is itself a diff, an entry that points back at the notifier, an empty list."""
    for uri in (f"sip:{phone.user}@example.com", "sip:alice@example.com/index", "?", "#", "~~", "/~~/", "////"):
        response, _ = phone.subscribe(uri)
        assert response.status == 200 and items(phone.notify()) == [], uri
    assert phone.subscribe(body=entry_list())[0].status == 200
    assert items(phone.notify()) == []


def test_answers_nobody_asked_for(station, alice, phone, path):
    phone.subscribe(path)
    notify = phone.notify()
    for status in (200, 481, 503):
        phone.send(phone.reply(notify, status))
        phone.send(Message(f"SIP/2.0 {status} X", [("Via", notify.all("Via")[0]), ("From", "<sip:x@y>;tag=1"),
                                                   ("To", "<sip:x@y>"), ("Call-ID", "no"), ("CSeq", "9 NOTIFY")]).octets())
    etag = put(alice, path, "bob")
    assert only(phone.notify()).new == etag
    assert Dialog(phone).remote_tag is None
