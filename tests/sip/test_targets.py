# SPDX-License-Identifier: BSD-2-Clause
"""Presence servers are told of every change (CONTRACT: Targets, Merging, Failure; PRESENCE-SERVERS)."""
import contextlib
import json
import signal
import ssl
import time

import pytest

import xcap
from certificates import Authority
from digest import hashed, parameters, unquoted
from server import PresenceServer, RpcServer
from sipua import parameter, uri_of
from station import Station, diff_of, items

ALICE_LISTS, ALICE_MORE = xcap.LISTS, "resource-lists/users/sip:alice@example.com/more"
BOB_LISTS = xcap.BOBS_LISTS


@contextlib.contextmanager
def told_by(server, settings=None, uri=None, **more):
    """A station with one target."""
    wanted = {"target ps.uri": uri or server.uri(), "target ps.method": "notify"}
    with Station({**wanted, **(settings or {})}, **more) as station:
        yield station


@pytest.fixture
def server():
    with PresenceServer() as one:
        yield one


def put(station, path=ALICE_LISTS, *names, who="alice"):
    """The etag, without its quotes."""
    with xcap.Client(station, who, {"admin": "ruling"}.get(who, who)) as client:
        return xcap.stored(client.put(path, xcap.lists(*(names or ("bob",))))).strip('"')


def remove(station, path=ALICE_LISTS, who="alice"):
    with xcap.Client(station, who, who) as client:
        assert client.delete(path).status == 200


def only(message):
    (item,) = items(message)
    assert item.kind == "document" and not item.children
    return item


def changes(messages):
    return [(item.sel, item.previous, item.new) for item in map(only, messages)]


def status(station):
    """What `feed status` says of the one target."""
    said = json.loads(station.ctl("--json", "feed", "status").stdout)
    return next(one for one in said["targets"] if one["name"] == "ps")


# --- the message ---

def test_a_notify_is_the_one_that_presence_servers_take(server):
    with told_by(server) as station:
        etag = put(station)
        (notify,) = server.wait(1)
        assert notify.start == f"NOTIFY {server.uri()} SIP/2.0"
        assert uri_of(notify["From"]) == "sip:xcapd@example.com" and parameter(notify["From"], "tag")
        assert uri_of(notify["To"]) == f"sip:presence@127.0.0.1:{server.port}" and not parameter(notify["To"], "tag")
        assert notify["Event"] == "xcap-diff; diff-processing=no-patching"
        assert notify["Subscription-State"] == "active;expires=3600"
        assert notify["Content-Type"] == "application/xcap-diff+xml"
        assert uri_of(notify["Contact"]) == f"sip:xcapd@127.0.0.1:{station.sip_port}"
        assert int(notify["Max-Forwards"]) > 0 and int(notify["Content-Length"]) == len(notify.body)
        assert diff_of(notify).get("xcap-root") == station.root
        assert (only(notify).sel, only(notify).previous, only(notify).new) == (ALICE_LISTS, None, etag)


def test_created_changed_and_removed_are_told_in_order_with_their_etags(server):
    with told_by(server) as station:
        first = put(station)
        server.wait(1)
        second = put(station, ALICE_LISTS, "carol")
        server.wait(2)
        remove(station)
        assert changes(server.wait(3)) == [
            (ALICE_LISTS, None, first), (ALICE_LISTS, first, second), (ALICE_LISTS, second, None)]
        server.quiet(3)


def test_a_sel_is_escaped_only_where_a_path_segment_has_to_be(server):
    with told_by(server) as station:
        put(station, "resource-lists/users/sip:alice@example.com/my%20list%3F%C3%A9")
        put(station, "resource-lists/global/index", who="admin")
        assert {only(one).sel for one in server.wait(2)} == {
            "resource-lists/users/sip:alice@example.com/my%20list%3F%C3%A9", "resource-lists/global/index"}


def test_a_refused_change_is_not_told_and_an_edit_of_a_part_is_a_change_of_the_document(server):
    with told_by(server) as station, xcap.alice(station) as alice:
        first = put(station)
        assert alice.put(ALICE_LISTS, b"<no/>").status == 409
        answer = alice.put(ALICE_LISTS + "/~~/resource-lists/list/entry%5b@uri=%22sip:new@example.com%22%5d",
                           b'<entry uri="sip:new@example.com"/>')
        second = xcap.stored(answer, 201).strip('"')
        assert changes(server.wait(2))[1] == (ALICE_LISTS, first, second)
        server.quiet(2)


def test_a_target_hears_of_its_usages_only(server):
    with told_by(server, {"target ps.usages": "pres-rules, rls-services"}) as station, \
            xcap.alice(station) as alice:
        put(station)
        etag = xcap.stored(alice.put(xcap.RULES, xcap.rules("bob"))).strip('"')
        assert changes(server.wait(1)) == [(xcap.RULES, None, etag)]
        server.quiet(1)


# --- merging and order ---

def held(server):
    """From now on the server is silent until each message is answered by the test."""
    server.answer = lambda message: None


def test_unsent_changes_of_one_document_are_told_as_one(server):
    held(server)
    with told_by(server) as station:
        etags = [put(station, ALICE_LISTS, name) for name in ("a", "b", "c", "d")]
        (first,) = server.wait(1)
        server.reply(first)
        second = server.wait(2)[1]
        server.reply(second)
        assert changes([first, second]) == [(ALICE_LISTS, None, etags[0]), (ALICE_LISTS, etags[0], etags[3])]
        server.quiet(2)


def test_removed_and_created_again_is_one_document_with_both_etags(server):
    held(server)
    with told_by(server) as station:
        first = put(station)
        message = server.wait(1)[0]
        remove(station)
        again = put(station, ALICE_LISTS, "carol")
        server.reply(message)
        assert changes(server.wait(2))[1] == (ALICE_LISTS, first, again)


def test_created_and_removed_before_anything_left_disappears(server):
    held(server)
    with told_by(server) as station:
        put(station)
        message = server.wait(1)[0]
        put(station, ALICE_MORE)
        remove(station, ALICE_MORE)
        server.reply(message)
        server.quiet(1)


def test_one_message_at_a_time_for_each_owner_and_no_order_between_owners(server):
    server.answer = lambda message: None if "alice" in only(message).sel else 200
    with told_by(server) as station:
        put(station)
        put(station, ALICE_MORE)
        put(station, BOB_LISTS, who="bob")
        assert eventually_sels(server, 2) == [ALICE_LISTS, BOB_LISTS]
        server.quiet(2)
        server.reply(server.heard[0])
        assert eventually_sels(server, 3)[2] == ALICE_MORE


def eventually_sels(server, count):
    return [only(one).sel for one in server.wait(count)]


def test_min_interval_is_the_least_time_between_messages_about_one_document(server):
    with told_by(server, {"target ps.min-interval": "1s"}) as station:
        etags = [put(station, ALICE_LISTS, name) for name in ("a", "b", "c")]
        put(station, ALICE_MORE)
        put(station, BOB_LISTS, who="bob")
        first, bobs, second, other = server.wait(4)
        assert changes([first, second]) == [(ALICE_LISTS, None, etags[0]), (ALICE_LISTS, etags[0], etags[2])]
        assert only(bobs).sel == BOB_LISTS and bobs.time - first.time < 0.9
        assert second.time - first.time >= 0.99
        assert only(other).sel == ALICE_MORE  # behind what came before it, as it is the same owner's
        server.quiet(4)


# --- failure ---

def test_a_target_that_refuses_one_owner_for_ever_hears_of_all_others(server):
    server.answer = lambda message: 404 if "alice" in only(message).sel else 200
    with told_by(server) as station:
        etag = put(station)
        server.wait(1)
        for name in ("a", "b", "c"):
            put(station, BOB_LISTS, name, who="bob")
        assert eventually(lambda: sum("bob" in only(one).sel for one in server.heard) >= 1)
        assert eventually(lambda: status(station)["parked"] == 1)
        assert "404" in json.dumps(status(station))
        server.answer = lambda message: 200
        assert eventually(lambda: status(station)["parked"] == 0, 15)
        assert (ALICE_LISTS, None, etag) == changes(server.heard)[-1]


def eventually(check, seconds=10):
    return xcap.eventually(check, seconds)


def test_failures_are_retried_after_one_then_two_seconds_with_the_same_content(server):
    answers = iter((500, 503, 200))
    server.answer = lambda message: next(answers)
    with told_by(server) as station:
        etag = put(station)
        messages = server.wait(3)
        assert changes(messages) == [(ALICE_LISTS, None, etag)] * 3
        first, second, third = (one.time for one in messages)
        assert 0.8 < second - first < 2.5 and 1.6 < third - second < 4
        server.quiet(3)


def test_retry_after_wins(server):
    answers = iter(((503, (("Retry-After", "3"),)), 200))
    server.answer = lambda message: next(answers)
    with told_by(server) as station:
        put(station)
        first, second = server.wait(2)
        assert second.time - first.time >= 2.9


@pytest.mark.parametrize("code, asks, gives", [(401, "WWW-Authenticate", "Authorization"),
                                               (407, "Proxy-Authenticate", "Proxy-Authorization")])
def test_challenges_are_answered_at_once(server, code, asks, gives):
    challenge = 'Digest realm="ps", nonce="n1", qop="auth", algorithm=MD5'
    server.answer = lambda message: 200 if message[gives] else (code, ((asks, challenge),))
    with told_by(server, {"target ps.username": "xcapd", "target ps.password": "secret"}) as station:
        put(station)
        first, second = server.wait(2)
        assert second.time - first.time < 0.8 and first.body == second.body
        _, said = parameters(second[gives])
        assert unquoted(said["username"]) == "xcapd" and unquoted(said["uri"]) == server.uri()
        secret = hashed("MD5", "xcapd", "ps", "secret")
        proof = hashed("MD5", secret, "n1", said["nc"], unquoted(said["cnonce"]), "auth",
                       hashed("MD5", "NOTIFY", server.uri()))
        assert unquoted(said["response"]) == proof
        put(station, ALICE_LISTS, "carol")
        third = server.wait(3)[2]
        assert parameters(third[gives])[1]["nc"] == "00000002"


def test_wrong_credentials_do_not_become_a_storm(server):
    server.answer = lambda message: (401, (("WWW-Authenticate", 'Digest realm="ps", nonce="n", qop="auth"'),))
    with told_by(server, {"target ps.username": "xcapd", "target ps.password": "wrong"}) as station:
        put(station)
        server.wait(2)
        time.sleep(0.7)
        assert len(server.heard) == 2
        assert eventually(lambda: "401" in json.dumps(status(station)))


def test_nobody_at_the_target_does_not_hold_up_those_who_write(server):
    server.close()
    with told_by(server) as station, xcap.alice(station) as alice:
        watch = time.monotonic()
        for name in "abcdefghij":
            xcap.stored(alice.put(ALICE_LISTS, xcap.lists(name)))
        assert time.monotonic() - watch < 5
        with PresenceServer(port=server.port) as back:
            back.wait(1, 60)
            assert only(back.wait(1)[0]).sel == ALICE_LISTS


def test_a_name_that_is_no_name_is_told_in_the_status(server):
    with told_by(server, uri="sip:presence@no-such-name.invalid") as station:
        put(station)
        assert eventually(lambda: status(station)["parked"] or json.dumps(status(station)).count("error") and
                          "null" not in json.dumps(status(station).get("last_error")), 30)
        assert station.notifier_ready()


# --- restarts ---

def test_what_may_have_left_is_repeated_identically_after_sigkill(server):
    held(server)
    with told_by(server) as station:
        etags = [put(station, ALICE_LISTS, name) for name in ("a", "b", "c")]
        server.reply(server.wait(1)[0])
        second = server.wait(2)[1]
        etags += [put(station, ALICE_LISTS, name) for name in ("d", "e")]
        station.restart_notifier(signal.SIGKILL)
        third = server.wait(3)[2]
        assert third.body == second.body
        assert changes([third]) == [(ALICE_LISTS, etags[0], etags[2])]
        server.reply(third)
        assert changes(server.wait(4))[3] == (ALICE_LISTS, etags[2], etags[4])


def test_what_was_confirmed_is_not_told_again_after_sigkill(server):
    with told_by(server) as station:
        for name in "abcdefgh":
            put(station, ALICE_LISTS, name)
        put(station, BOB_LISTS, who="bob")
        assert eventually(lambda: any(only(one).sel == BOB_LISTS for one in server.heard))
        time.sleep(0.2)
        count = len(server.heard)
        station.stop_notifier(signal.SIGKILL)
        etag = put(station, ALICE_MORE)
        station.start_notifier()
        assert changes(server.wait(count + 1))[count] == (ALICE_MORE, None, etag)
        server.quiet(count + 1)


def test_kills_at_any_moment_lose_nothing_and_keep_the_order(server):
    with told_by(server) as station:
        written = {}
        for turn in range(8):
            for number in range(12):
                path = f"resource-lists/users/sip:{('alice', 'bob')[number % 2]}@example.com/doc{number % 5}"
                written.setdefault(path, []).append(
                    put(station, path, f"x{turn}-{number}", who=("alice", "bob")[number % 2]))
            station.restart_notifier(signal.SIGKILL)
        assert eventually(lambda: all(any(item[2] == etags[-1] for item in changes(server.heard))
                                      for etags in written.values()), 40)
        for path, etags in written.items():
            position, seen = -1, {}
            for sel, previous, new in changes(server.heard):
                if sel != path:
                    continue
                assert seen.setdefault(new, previous) == previous
                assert (previous is None and position == -1) or previous is None or previous in etags
                assert etags.index(new) >= position or new in seen
                position = max(position, etags.index(new))
            assert position == len(etags) - 1


def test_a_stop_waits_two_seconds_for_answers_and_repeats_what_had_none(server):
    held(server)
    with told_by(server) as station:
        put(station)
        first = server.wait(1)[0]
        began = time.monotonic()
        assert station.stop_notifier() == 0
        assert time.monotonic() - began < 10
        put(station, ALICE_LISTS, "carol")
        server.answer = lambda message: 200
        station.start_notifier()
        assert server.wait(2)[1].body == first.body
        server.wait(3)


def test_changes_while_the_notifier_is_down_are_told_as_one(server):
    with told_by(server) as station:
        first = put(station)
        server.wait(1)
        assert station.stop_notifier() == 0
        etags = [put(station, ALICE_LISTS, name) for name in ("a", "b", "c")]
        station.start_notifier()
        assert changes(server.wait(2))[1] == (ALICE_LISTS, first, etags[2])
        server.quiet(2)


def test_a_new_target_is_told_of_all_that_is_there(server):
    with told_by(server) as station:
        etags = {path: put(station, path, who=who) for path, who in (
            (ALICE_LISTS, "alice"), (ALICE_MORE, "alice"), (BOB_LISTS, "bob"))}
        server.wait(3)
        with PresenceServer() as other:
            station.configure(**{"target new__uri": other.uri()})
            station.notifier.send_signal(signal.SIGHUP)
            assert {item[0]: (item[1], item[2]) for item in changes(other.wait(3))} == {
                path: (None, etag) for path, etag in etags.items()}
            etag = put(station, BOB_LISTS, "later", who="bob")
            assert changes(other.wait(4))[3] == (BOB_LISTS, etags[BOB_LISTS], etag)
        server.quiet(4)


def test_a_removed_user_is_told_as_removed_documents(server):
    with told_by(server) as station:
        etag = put(station, BOB_LISTS, who="bob")
        server.wait(1)
        station.ctl("user", "remove", "sip:bob@example.com")
        assert changes(server.wait(2))[1] == (BOB_LISTS, etag, None)


def test_a_bad_configuration_is_refused_and_the_old_one_goes_on(server):
    with told_by(server) as station:
        station.configure(**{"target other__uri": "nonsense"})
        station.notifier.send_signal(signal.SIGHUP)
        assert eventually(lambda: "reload refused" in station.notifier_log())
        put(station)
        server.wait(1)


# --- transports ---

def test_a_target_is_told_over_tcp_when_its_uri_says_so(server):
    with told_by(server, uri=server.uri("transport=tcp")) as station:
        for name in "abc":
            put(station, ALICE_LISTS, name)
        messages = server.wait(1)
        assert {one.transport for one in messages} == {"TCP"} and "/TCP" in messages[0].all("Via")[0]
        assert len(server.streams) == 1


def test_a_connection_that_is_gone_is_made_again(server):
    with told_by(server, uri=server.uri("transport=tcp")) as station:
        put(station)
        server.wait(1)
        for stream in server.streams:
            stream.close()
        etag = put(station, ALICE_LISTS, "carol")
        assert eventually(lambda: changes(server.heard)[-1][2] == etag, 15)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("keys"), "authority")


@pytest.mark.parametrize("scheme", ("sip", "sips"))
def test_a_target_is_told_over_tls(authority, scheme):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.sign(f"server-{scheme}"))
    with PresenceServer(context) as server:
        uri = server.uri("transport=tls") if scheme == "sip" else server.uri().replace("sip:", "sips:")
        with told_by(server, {"notifier.tls-ca": authority.certificate}, uri=uri) as station:
            put(station)
            (message,) = server.wait(1)
            assert "/TLS" in message.all("Via")[0]


def test_a_certificate_of_somebody_else_is_refused_and_told(authority, tmp_path):
    stranger = Authority(tmp_path, "stranger")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*stranger.sign("server"))
    with PresenceServer(context) as server:
        wanted = {"notifier.tls-ca": authority.certificate, "target ps.tls-verify": "yes"}
        with told_by(server, wanted, uri=server.uri("transport=tls")) as station:
            put(station)
            assert eventually(lambda: "certificate" in json.dumps(status(station)), 15), status(station)
            assert not server.heard
            station.configure(**{"target ps__tls-verify": "no"})
            station.notifier.send_signal(signal.SIGHUP)
            server.wait(1, 20)


# --- PUBLISH ---

def test_publish_goes_for_the_owner_through_the_target(server):
    tags = iter(("t1", "t2", "t3", "t4"))
    server.answer = lambda message: (200, (("SIP-ETag", next(tags)), ("Expires", "120")))
    with told_by(server, {"target ps.method": "publish"}) as station:
        put(station)
        first = server.wait(1)[0]
        assert first.start == "PUBLISH sip:alice@example.com SIP/2.0" and first["Event"] == "xcap-diff"
        assert first["Expires"] == "120" and first["SIP-If-Match"] is None
        assert uri_of(first["To"]) == "sip:alice@example.com"
        put(station, ALICE_LISTS, "carol")
        assert server.wait(2)[1]["SIP-If-Match"] == "t1"
        put(station, "resource-lists/global/index", who="admin")
        third = server.wait(3)[2]
        assert third.uri == "sip:xcapd@example.com" and third["SIP-If-Match"] is None


def test_a_publication_that_is_gone_is_begun_anew_at_once(server):
    server.answer = lambda message: 412 if message["SIP-If-Match"] else (200, (("SIP-ETag", "t"),))
    with told_by(server, {"target ps.method": "publish"}) as station:
        put(station)
        server.wait(1)
        put(station, ALICE_LISTS, "carol")
        _, second, third = server.wait(3)
        assert second["SIP-If-Match"] == "t" and third["SIP-If-Match"] is None and second.body == third.body
        assert third.time - second.time < 0.8


# --- RPC ---

def rpc_settings(server, dialect="kamailio", **more):
    return {"target ps.uri": server.uri, "target ps.method": "rpc", "target ps.rpc-dialect": dialect, **more}


@pytest.mark.parametrize("dialect, watchers, lists", [
    ("kamailio", ("presence.refreshWatchers", ["sip:alice@example.com", "presence", 0]),
     ("rls.update_subs", ["sip:alice@example.com", "presence"])),
    ("opensips", ("presence:refresh_watchers", {"presentity_uri": "sip:alice@example.com", "event": "presence",
                                                "refresh_type": 0}),
     ("rls_update_subscriptions", {"presentity_uri": "sip:alice@example.com"}))])
def test_rpc_refreshes_what_a_usage_says(dialect, watchers, lists):
    with RpcServer() as server, Station(rpc_settings(server, dialect)) as station, xcap.alice(station) as alice:
        xcap.stored(alice.put(xcap.RULES, xcap.rules("bob")))
        (call,) = server.wait(1)
        assert call["jsonrpc"] == "2.0" and (call["method"], call["params"]) == watchers
        assert server.paths[0][:2] == ("/rpc", "application/json")
        put(station)  # a list is read by RLS, and by rules that point at it
        calls = [(one["method"], one["params"]) for one in server.wait(3)[1:]]
        assert sorted(calls, key=str) == sorted([watchers, lists], key=str)


def test_an_rpc_error_is_a_failure_and_is_tried_again():
    with RpcServer() as server:
        said = iter((
            (200, {"jsonrpc": "2.0", "error": {"code": -32000, "message": "not today"}, "id": 1}, ()),
            (503, None, ()),
            (200, {"jsonrpc": "2.0", "result": "ok", "id": 1}, ())))
        server.answer = lambda call: next(said)
        with Station(rpc_settings(server)) as station, xcap.alice(station) as alice:
            xcap.stored(alice.put(xcap.RULES, xcap.rules("bob")))
            server.wait(1)
            assert eventually(lambda: "not today" in json.dumps(status(station)))
            server.wait(3)
            assert eventually(lambda: status(station)["parked"] == 0)


# --- what an operator sees ---

def test_rules_that_kamailio_reads_differently_are_named_in_the_log(server):
    with told_by(server) as station, xcap.alice(station) as alice:
        odd = xcap.octets(xcap.rules("bob")).replace(b"<rule", b"<!-- friends --><rule", 1)
        xcap.stored(alice.put(xcap.RULES, odd))
        server.wait(1)
        assert eventually(lambda: "Kamailio reads rule" in station.notifier_log())


def test_figures_say_where_each_target_is(server):
    with told_by(server) as station:
        put(station)
        server.wait(1)

        def figures():
            with xcap.Wire(("127.0.0.1", station.notifier_admin_port)) as wire:
                wire.send(xcap.head("GET", "/metrics", [("Host", "x"), ("Connection", "close")]))
                return wire.answer().body.decode()
        assert eventually(lambda: 'xcap_notifier_target_told_total{target="ps"} 1\n' in figures())
        assert 'xcap_notifier_target_parked_owners{target="ps"} 0\n' in figures()
        assert eventually(lambda: status(station)["position"] == 1)
