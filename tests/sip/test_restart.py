# SPDX-License-Identifier: BSD-2-Clause
"""Subscriptions outlive the notifier. The numbers are those of the statements in statements.md."""
import signal
import time

import pytest

import xcap
from station import Station, bare, items, only, told

HOME = "resource-lists/users/sip:alice@example.com/"
BOTH = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])


def put(alice, path, *friends):
    return bare(xcap.stored(alice.put(path, xcap.lists(*friends))))


@BOTH
def test_a_subscription_goes_on(station, alice, phone, path, number):
    """96, 86"""
    first = put(alice, path, "bob")
    _, dialog = phone.subscribe(path)
    phone.notify()
    put(alice, path, "carol")
    before = phone.notify()
    time.sleep(0.2)  # for the answer to it to arrive
    station.restart_notifier(number)
    assert phone.quiet(0.7)
    last = put(alice, path, "dave")
    after = phone.notify()
    assert only(after).new == last and only(after).previous != first
    assert after.cseq == before.cseq + 1
    assert phone.subscribe(dialog=dialog)[0].status == 200
    assert told(phone.notify()) == {path: last}


@BOTH
def test_what_happened_meanwhile_is_told(station, alice, phone, path, number):
    """96, 31, 44, 57"""
    gone, new, part = path + "gone", path + "new", path + "/~~/resource-lists/list/@name"
    old, removed = put(alice, path, "bob"), put(alice, gone, "bob")
    phone.subscribe(path, gone, new, part)
    phone.notify()
    time.sleep(0.2)  # for the answer to it to arrive
    station.stop_notifier(number)
    now = put(alice, path, "carol")
    alice.put(path + "/~~/resource-lists/list/@name", "others")
    last = bare(alice.get(path)["ETag"])
    alice.delete(gone)
    created = put(alice, new, "dave")
    station.start_notifier()
    said = {item.sel: item for item in items(phone.notify())}
    assert (said[path].previous, said[path].new) == (old, last) and last != now
    assert (said[gone].previous, said[gone].new) == (removed, None)
    assert (said[new].previous, said[new].new) == (None, created)
    assert said[part].text == "others"
    assert phone.quiet(0.4)
    alice.delete(new)


def test_a_whole_state_that_may_have_arrived(station, alice, phone, path):
    """44, 96"""
    phone.answer = lambda notify: None
    removed = put(alice, path, "bob")
    phone.subscribe(path)
    phone.notify()
    station.stop_notifier(signal.SIGKILL)
    alice.delete(path)
    phone.answer = lambda notify: 200
    station.start_notifier()
    item = only(phone.notify())
    assert (item.sel, item.previous, item.new) == (path, removed, None)


def test_a_notify_on_its_way_is_repeated_as_it_was(station, alice, phone, path):
    """78, 96"""
    first = put(alice, path, "bob")
    phone.subscribe(path, event="xcap-diff;diff-processing=aggregate")
    phone.notify()
    phone.answer = lambda notify: None
    second = put(alice, path, "carol")
    before = phone.notify()
    station.stop_notifier(signal.SIGKILL)
    third = put(alice, path, "dave")
    phone.answer = lambda notify: 200
    station.start_notifier()
    again, later = phone.notify(), phone.notify()
    assert again.body == before.body and again.cseq > before.cseq
    assert (only(again).previous, only(again).new) == (first, second)
    assert (only(later).previous, only(later).new) == (second, third)


def test_a_full_state_on_its_way_is_repeated(station, alice, phone, path):
    """28, 96"""
    phone.answer = lambda notify: None
    etag = put(alice, path, "bob")
    phone.subscribe(path)
    phone.notify()
    phone.answer = lambda notify: 200
    station.restart_notifier(signal.SIGKILL)
    assert told(phone.notify()) == {path: etag}


def test_one_that_ran_out_meanwhile_is_forgotten():
    """84, 96"""
    with Station({"notifier.min-expires": "1s"}) as station, xcap.alice(station) as alice:
        with station.phone() as phone:
            _, dialog = phone.subscribe(HOME, expires=1)
            phone.notify()
            station.stop_notifier()
            time.sleep(1.2)
            station.start_notifier()
            put(alice, HOME + "late", "bob")
            assert phone.quiet(0.5)
            assert phone.subscribe(dialog=dialog)[0].status == 481


def test_when_what_was_on_its_way_is_lost_all_is_told(station, alice, phone, path):
    """86, 96"""
    gone = path + "gone"
    etag, removed = put(alice, path, "bob"), put(alice, gone, "bob")
    phone.subscribe(path, gone)
    before = phone.notify()
    station.stop_notifier(signal.SIGKILL)
    for file in (station.folder / "data").glob("notifier.flight*"):
        file.unlink()
    alice.delete(gone)
    station.start_notifier()
    after = phone.notify()
    assert after.cseq > before.cseq + 1000
    said = {item.sel: item for item in items(after)}
    assert said[path].new == etag
    assert gone not in said or (said[gone].previous, said[gone].new) == (removed, None)


def test_one_who_was_removed_meanwhile_is_rejected(station):
    """95, 96"""
    station.ctl("user", "add", "sip:walter@example.com", "--password-stdin", data=b"walter")
    name = "resource-lists/users/sip:walter@example.com/index"
    with xcap.Client(station, "walter", "walter") as walter, station.phone("walter") as phone:
        put(walter, name, "bob")
        phone.subscribe(name)
        phone.notify()
        station.stop_notifier()
        station.ctl("user", "remove", "sip:walter@example.com")
        station.start_notifier()
        notify = phone.notify(40)
        assert (notify.state, notify.reason) == ("terminated", "rejected")


def test_a_quenched_one_stays_quenched(station, alice, phone, path):
    """36, 96"""
    _, dialog = phone.subscribe(path)
    phone.notify()
    phone.subscribe(dialog=dialog, Suppress_If_Match="*")
    station.restart_notifier()
    put(alice, path, "bob")
    assert phone.quiet(0.5)
    phone.subscribe(dialog=dialog)
    assert list(told(phone.notify())) == [path]


def test_by_tcp_the_contact_is_the_way_back(station, alice, path):
    """86, 96: a connection does not outlive the notifier"""
    with station.phone() as listener:
        with station.phone(transport="tcp", contact=f"sip:alice@127.0.0.1:{listener.port}") as phone:
            phone.subscribe(path)
            phone.notify()
            station.restart_notifier()
            put(alice, path, "bob")
            assert only(listener.notify()).sel == path
