# SPDX-License-Identifier: BSD-2-Clause
"""NOTIFYs on their way: order, pace, answers, dialogs, conditions. Numbers: the statements in statements.md."""
import socket
import threading
import time

import pytest

import certificates
import sipua
import xcap
from place import SLOW
from sipua import Dialog, parameter, uri_of
from station import Station, bare, items, only, told

HOME = "resource-lists/users/sip:alice@example.com/"


def put(alice, path, *friends):
    return bare(xcap.stored(alice.put(path, xcap.lists(*friends))))


def test_one_notify_at_a_time(alice, phone, path):
    """78, 58"""
    phone.subscribe(path)
    phone.notify()
    slow = threading.Event()

    def later(notify):
        slow.wait(5)
        return 200

    phone.answer = later
    first = put(alice, path, "bob")
    time.sleep(0.2)
    for n in range(5):
        last = put(alice, path, f"friend{n}")
    time.sleep(0.3)
    assert phone.notifies.empty()
    slow.set()
    one, two = phone.notify(), phone.notify()
    assert only(one).new == first
    assert (only(two).previous, only(two).new) == (first, last)
    assert phone.quiet(0.3)


def test_cseq_only_grows_and_the_dialog_is_that_of_the_200(alice, phone, path):
    """86, 90"""
    response, dialog = phone.subscribe(path)
    seen = []
    for n in range(4):
        notify = phone.notify()
        seen.append(notify.cseq)
        assert parameter(notify["From"], "tag") == parameter(response["To"], "tag") == dialog.remote_tag
        assert parameter(notify["To"], "tag") == dialog.local_tag
        assert notify.uri == phone.contact and notify["Call-ID"] == dialog.call_id
        assert uri_of(notify["From"]) == dialog.to_uri
        for name in ("Contact", "Max-Forwards", "Event", "Subscription-State", "Content-Length", "SIP-ETag"):
            assert notify[name], name
        if n < 3:
            put(alice, path, f"friend{n}")
    assert seen == sorted(set(seen))


def test_the_contact_is_where_the_notifier_listens(station, phone, path):
    """89: a routable Contact that stays the same"""
    response, _ = phone.subscribe(path)
    notify = phone.notify()
    for contact in (response["Contact"], notify["Contact"]):
        assert uri_of(contact).split("@")[1].split(";")[0] == f"127.0.0.1:{station.sip_port}"
    with station.phone(transport="tcp") as other:
        response, _ = other.subscribe(path)
        assert "transport=tcp" in uri_of(response["Contact"]).lower()
        assert uri_of(other.notify()["Contact"]) == uri_of(response["Contact"])


def test_by_tls(tmp_path):
    """21, 86: login, state, a change and a refresh over one connection"""
    authority = certificates.Authority(tmp_path, "ca")
    certificate, key = authority.sign("sip")
    port = xcap.free_port()
    settings = {"notifier.tls-certificate": certificate, "notifier.tls-key": key}

    class Secure(Station):
        def choose_ports(self):
            super().choose_ports()
            self.configure(notifier__listen=f"udp:127.0.0.1:{self.sip_port},tls:127.0.0.1:{port}")

    with Secure(settings) as station, xcap.alice(station) as alice:
        with station.phone(transport="tls", peer=("127.0.0.1", port), tls=certificates.client_context(authority),
                           contact="sip:alice@192.0.2.7:5061;transport=tls") as phone:
            response, dialog = phone.subscribe(HOME + "tls")
            assert response.status == 200 and "transport=tls" in uri_of(response["Contact"]).lower()
            assert told(phone.notify()) == {}
            etag = put(alice, HOME + "tls", "bob")
            assert told(phone.notify()) == {HOME + "tls": etag}
            assert phone.subscribe(dialog=dialog)[0].status == 200
            assert told(phone.notify()) == {HOME + "tls": etag}


def test_a_refresh_moves_the_target(station, alice, phone, path):
    """86"""
    _, dialog = phone.subscribe(path)
    phone.notify()
    with station.phone() as other:
        phone.subscribe(dialog=dialog, Contact=f"<{other.contact}>")
        notify = other.notify()
        assert notify.uri == other.contact
        put(alice, path, "bob")
        assert only(other.notify()).sel == path
        assert phone.notifies.empty()


def test_notifies_go_the_way_of_record_route(station, alice, phone, path):
    """86"""
    with station.phone(user="proxy") as proxy:
        routes = [f"<sip:127.0.0.1:{proxy.port};lr;x=1>", "<sip:edge.invalid;lr>"]
        response, _ = phone.subscribe(path, Record_Route=", ".join(routes))
        assert response.status == 200
        assert [uri_of(route) for value in response.all("Record-Route") for route in value.split(",")] == [
            uri_of(route) for route in routes]
        notify = proxy.notify()
        assert notify.uri == phone.contact
        said = [uri_of(route) for value in notify.all("Route") for route in value.split(",")]
        assert said == [uri_of(route) for route in routes]


def test_a_subscriber_behind_a_nat_is_reached_where_it_came_from(alice, station, path):
    """86 (RFC 3581)"""
    with station.phone(contact="sip:alice@192.0.2.77:5062") as phone:
        phone.subscribe(path)
        notify = phone.notify()
        assert notify.uri == "sip:alice@192.0.2.77:5062"
        put(alice, path, "bob")
        assert only(phone.notify()).sel == path


def test_a_connection_is_used_again(alice, station, path):
    """86 (RFC 5626 §5.3)"""
    with station.phone(transport="tcp", contact="sip:alice@192.0.2.77:5062;transport=tcp") as phone:
        _, dialog = phone.subscribe(path)
        phone.notify()
        put(alice, path, "bob")
        assert only(phone.notify()).sel == path
        assert phone.subscribe(dialog=dialog)[0].status == 200
        assert list(told(phone.notify())) == [path]


def test_the_state_says_how_long_it_lasts(phone, path):
    """82, 85"""
    _, dialog = phone.subscribe(path, expires=100)
    assert 95 <= int(parameter(phone.notify()["Subscription-State"], "expires")) <= 100
    time.sleep(1.2)
    phone.subscribe(dialog=dialog, expires=70)
    assert 65 <= int(parameter(phone.notify()["Subscription-State"], "expires")) <= 70


@pytest.mark.parametrize("status", [404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604])
def test_answers_that_remove_the_subscription(alice, phone, path, status):
    """80, 88"""
    _, dialog = phone.subscribe(path)
    phone.notify()
    phone.answer = lambda notify: status
    put(alice, path, "bob")
    phone.notify()
    assert xcap.eventually(lambda: phone.subscribe(dialog=dialog)[0].status == 481)
    put(alice, path, "carol")
    assert phone.quiet(0.3)


@pytest.mark.parametrize("status", [500, 503])
def test_a_busy_subscriber_is_told_all_of_it_later(alice, phone, path, status):
    """80 (CONTRACT: retried with full state, by Retry-After)"""
    gone = path + "gone"
    put(alice, gone, "bob")
    phone.subscribe(path, gone)
    phone.notify()
    phone.answer = lambda notify: (status, [("Retry-After", "1")])
    put(alice, path, "bob")
    start = time.monotonic()
    phone.notify()
    phone.answer = lambda notify: 200
    alice.delete(gone)
    etag = put(alice, path, "carol")
    said = {item.sel: item for item in items(phone.notify())}
    assert time.monotonic() - start >= 0.9
    assert said[path].new == etag and said[path].previous is None
    assert said[gone].new is None and said[gone].previous
    assert phone.quiet(0.3)


def test_a_body_that_is_too_large_is_said_in_short(alice, phone, path):
    """80, 91 (413 needs no teardown)"""
    phone.subscribe(path, event="xcap-diff;diff-processing=aggregate")
    phone.notify()
    put(alice, path, "bob")
    phone.notify()
    phone.answer = lambda notify: 413
    put(alice, path, "carol")
    phone.notify()
    phone.answer = lambda notify: 200
    assert only(phone.notify()).sel == path


def test_conditions(alice, phone, path):
    """36 (RFC 5839)"""
    put(alice, path, "bob")
    _, dialog = phone.subscribe(path, HOME)
    tag = phone.notify()["SIP-ETag"]
    response, _ = phone.subscribe(dialog=dialog, Suppress_If_Match=tag, expires=300)
    assert (response.status, response["Expires"]) == (204, "300")
    response, _ = phone.subscribe(HOME, path, dialog=dialog, Suppress_If_Match=tag)
    assert response.status == 204
    assert phone.quiet(0.3)
    put(alice, path, "carol")
    notify = phone.notify()
    assert notify["SIP-ETag"] not in (None, tag) and only(notify).previous
    response, _ = phone.subscribe(dialog=dialog, Suppress_If_Match=tag)
    assert response.status == 200 and list(told(phone.notify())) == [path]
    response, _ = phone.subscribe(dialog=dialog, Suppress_If_Match=notify["SIP-ETag"])
    assert response.status == 204
    response, _ = phone.subscribe(path, dialog=dialog, Suppress_If_Match=notify["SIP-ETag"])
    assert response.status == 200 and list(told(phone.notify())) == [path]


def test_a_matching_tag_outside_a_dialog_gets_a_notify_without_body(alice, phone, path):
    """36 (RFC 5839 §6.2)"""
    put(alice, path, "bob")
    phone.subscribe(path)
    tag = phone.notify()["SIP-ETag"]
    for wanted in (tag, "*"):
        response, _ = phone.subscribe(path, expires=0, Suppress_If_Match=wanted)
        assert response.status == 200
        notify = phone.notify()
        assert (notify.body, notify["Content-Type"], notify["SIP-ETag"]) == (b"", None, tag)
        assert notify.state == "terminated"
    response, dialog = phone.subscribe(path, Suppress_If_Match=tag)
    notify = phone.notify()
    assert (response.status, notify.body, notify.state) == (200, b"", "active")
    etag = put(alice, path, "carol")
    while only(notify := phone.notify()).new != etag or notify["Call-ID"] != dialog.call_id:
        pass
    response, _ = phone.subscribe(dialog=dialog, expires=0, Suppress_If_Match=notify["SIP-ETag"])
    assert response.status == 204
    assert phone.subscribe(dialog=dialog)[0].status == 481


def test_a_quenched_subscription_says_nothing(alice, phone, path):
    """36 (RFC 5839 §5.2)"""
    _, dialog = phone.subscribe(path)
    phone.notify()
    assert phone.subscribe(dialog=dialog, Suppress_If_Match="*")[0].status == 204
    put(alice, path, "bob")
    assert phone.quiet(0.5)
    assert phone.subscribe(dialog=dialog)[0].status == 200
    assert list(told(phone.notify())) == [path]
    put(alice, path, "carol")
    assert only(phone.notify()).previous


def test_the_tag_of_news_is_that_of_the_whole_state(alice, phone, path):
    """36 (RFC 5839 §6.4)"""
    sels = (path, HOME, path + "/~~/resource-lists/list%5B1%5D/@name")
    phone.subscribe(*sels)
    phone.notify()
    put(alice, path, "bob")
    news = phone.notify()["SIP-ETag"]
    phone.subscribe(*sels, expires=0)
    assert phone.notify()["SIP-ETag"] == news


@pytest.fixture(scope="module")
def paced():
    with Station({"notifier.min-interval": "2s", "notifier.min-expires": "1s"}) as running:
        yield running


def test_the_pace(paced):
    """81"""
    with xcap.alice(paced) as alice, paced.phone() as phone:
        _, dialog = phone.subscribe(HOME + "pace")
        phone.notify()
        time.sleep(2.1)
        put(alice, HOME + "pace", "bob")
        first = phone.notify()
        put(alice, HOME + "pace", "carol")
        last = put(alice, HOME + "pace", "dave")
        phone.subscribe(dialog=dialog)
        refreshed = phone.notify()
        assert refreshed.at - first.at < 1
        assert told(refreshed) == {HOME + "pace": last}
        put(alice, HOME + "pace", "erin")
        assert phone.notify().at - refreshed.at > 1.8
        alice.delete(HOME + "pace")


def test_the_subscriber_may_ask_for_less(paced):
    """92, 93, 94 (RFC 6446): min-rate is declined"""
    with xcap.alice(paced) as alice, paced.phone() as phone:
        _, dialog = phone.subscribe(HOME + "rate", event="xcap-diff;max-rate=0.25")
        first = phone.notify()
        assert float(parameter(first["Subscription-State"], "max-rate")) == pytest.approx(0.25)
        put(alice, HOME + "rate", "bob")
        assert phone.notify().at - first.at > 3.8
        phone.subscribe(dialog=dialog, event="xcap-diff;max-rate=10", expires=60)
        first = phone.notify()
        assert float(parameter(first["Subscription-State"], "max-rate")) == pytest.approx(10)
        put(alice, HOME + "rate", "carol")
        assert phone.notify().at - first.at > 1.8
        phone.subscribe(dialog=dialog, event="xcap-diff;max-rate=0.001", expires=60)
        rate = float(parameter(phone.notify()["Subscription-State"], "max-rate"))
        assert 1 / 61 <= rate <= 1 / 55
        phone.subscribe(dialog=dialog, event="xcap-diff;min-rate=1")
        assert "rate" not in phone.notify()["Subscription-State"]
        alice.delete(HOME + "rate")


def test_expiry_is_told(paced):
    """84, 83"""
    with paced.phone() as phone:
        response, dialog = phone.subscribe(HOME, expires=2)
        assert response["Expires"] == "2"
        start = phone.notify().at
        notify = phone.notify()
        assert (notify.state, notify.reason) == ("terminated", "timeout")
        assert 1.5 < notify.at - start < 3
        assert phone.subscribe(dialog=dialog)[0].status == 481


def test_a_removed_user_is_rejected(station):
    """83, 95"""
    station.ctl("user", "add", "sip:mallory@example.com", "--password-stdin", data=b"mallory")
    with xcap.Client(station, "mallory", "mallory") as mallory, station.phone("mallory") as phone:
        name = "resource-lists/users/sip:mallory@example.com/index"
        put(mallory, name, "bob")
        phone.subscribe(name)
        phone.notify()
        station.ctl("user", "remove", "sip:mallory@example.com")
        notify = phone.notify(5)
        assert (notify.state, notify.reason, notify.body) == ("terminated", "rejected", b"")


def test_a_subscriber_without_news_is_rejected_too(station):
    """83, 95"""
    station.ctl("user", "add", "sip:trudy@example.com", "--password-stdin", data=b"trudy")
    with station.phone("trudy") as phone:
        phone.subscribe(HOME)
        phone.notify()
        station.ctl("user", "remove", "sip:trudy@example.com")
        notify = phone.notify(40)
        assert (notify.state, notify.reason) == ("terminated", "rejected")


def test_another_role_has_to_subscribe_again(station, alice):
    """95"""
    station.ctl("user", "add", "watcher", "--role", "reader", "--password-stdin", data=b"watching")
    with station.phone("watcher", "watching") as phone:
        phone.subscribe(HOME)
        phone.notify()
        station.ctl("user", "remove", "watcher")
        station.ctl("user", "add", "watcher", "--role", "admin", "--password-stdin", data=b"watching")
        notify = phone.notify(40)
        assert (notify.state, notify.reason) == ("terminated", "deactivated")


def test_a_silent_subscriber_is_removed(station, alice):
    """79"""
    with station.phone() as phone:
        phone.answer = lambda notify: None
        _, dialog = phone.subscribe(HOME)
        start = phone.notify().at
        assert xcap.eventually(lambda: phone.subscribe(HOME, dialog=dialog, expires=None)[0].status == 481
                               if time.monotonic() - start > 33 else False, 45, 1)


def test_a_full_size_notify_goes_by_tcp(station, alice):
    """91"""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(10 * SLOW)
        port = listener.getsockname()[1]
        names = [f"{HOME}large{n}" for n in range(20)]
        for name in names:
            put(alice, name, "bob")
        with station.phone(contact=f"sip:alice@127.0.0.1:{port}") as phone:
            phone.subscribe(HOME)
            connection, _ = listener.accept()
            connection.settimeout(10 * SLOW)
            octets = b""
            while octets.count(b"<document") < 20:
                octets += connection.recv(65536)
            notify = sipua.Message.parse(octets)
            assert "/TCP " in notify.all("Via")[0]
            connection.sendall(phone.reply(notify, 200))
            connection.close()
        for name in names:
            alice.delete(name)


def test_a_full_size_notify_goes_by_udp_where_tcp_is_refused(station, alice, phone):
    """91"""
    names = [f"{HOME}large{n}" for n in range(20)]
    for name in names:
        put(alice, name, "bob")
    phone.subscribe(HOME)
    assert len(told(phone.notify())) >= 20
    for name in names:
        alice.delete(name)


def test_a_notify_may_overtake_the_200(station, alice, path):
    """87: the notifier waits for nothing of the subscriber's but the answer"""
    with station.phone() as phone:
        dialog = Dialog(phone)
        phone.subscribe(path, dialog=dialog)
        assert phone.notify()["Call-ID"] == dialog.call_id


def test_more_subscriptions_than_a_user_may_have():
    """CONTRACT: notifier.max-per-user; readers are exempt"""
    with Station({"notifier.max-per-user": "3"}) as station, station.phone() as phone:
        dialogs = [phone.subscribe(HOME)[1] for _ in range(3)]
        for _ in range(3):
            phone.notify()
        assert phone.subscribe(HOME)[0].status == 403
        assert phone.subscribe(dialog=dialogs[0])[0].status == 200
        phone.subscribe(dialog=dialogs[1], expires=0)
        assert xcap.eventually(lambda: phone.subscribe(HOME)[0].status == 200)
        with station.phone("presence") as reader:
            assert all(reader.subscribe(HOME)[0].status == 200 for _ in range(6))
