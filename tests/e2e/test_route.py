# SPDX-License-Identifier: BSD-2-Clause
"""packaging/kamailio/xcapd.cfg: what Kamailio does with a NOTIFY of changes, and with the first SUBSCRIBE."""
import pytest

import xcap
from daemon import eventually, free_port
from world import StandIn, World, rules


@pytest.fixture(scope="module")
def place():
    with World(with_notifier=False) as running:
        yield running


@pytest.fixture
def notifier(place):
    with StandIn(place) as sender:
        yield sender


def test_what_is_told_is_fetched_and_stored_and_the_watchers_hear_of_it(place, notifier):
    alice, bob = place.people("alice", "bob")
    alice.agent.publish("here")
    watch = bob.watches(alice).becomes("pending")
    alice.allows(bob)
    assert notifier.tell(alice.rules).status == 200
    assert place.kamailio.rows(alice.rules) == rules("allow", bob).strip()
    watch.says("here")


def test_the_root_in_the_message_is_not_believed(place, notifier):
    alice, bob = place.people("alice", "bob")
    alice.allows(bob)
    body = (f'<xcap-diff xmlns="urn:ietf:params:xml:ns:xcap-diff" xcap-root="http://127.0.0.1:{free_port()}/">'
            f'<document new-etag="n" sel="{alice.rules}"/></xcap-diff>')
    assert notifier.tell(body=body).status == 200
    assert place.kamailio.rows(alice.rules) == rules("allow", bob).strip()


def test_all_documents_of_one_message_are_stored(place, notifier):
    alice, bob = place.people("alice", "bob")
    alice.allows(bob)
    alice.offers_list(bob)
    assert notifier.tell(alice.rules, alice.lists, alice.services).status == 200
    for path in (alice.rules, alice.lists, alice.services):
        assert place.kamailio.rows(path), path


def test_a_deleted_document_is_stored_as_an_empty_one(place, notifier):
    alice, bob = place.people("alice", "bob")
    alice.allows(bob)
    notifier.tell(alice.rules)
    alice.delete(alice.rules)
    assert notifier.tell(alice.rules).status == 200
    assert place.kamailio.rows(alice.rules) == '<ruleset xmlns="urn:ietf:params:xml:ns:common-policy"/>'


def test_a_sender_that_is_not_trusted_is_refused(place, notifier):
    alice, bob = place.people("alice", "bob")
    alice.allows(bob)
    assert notifier.tell(alice.rules, agent=bob.agent).status == 403
    assert place.kamailio.rows(alice.rules) == ""


@pytest.mark.parametrize("status, more", [
    (489, {"event": "presence"}),
    (489, {"event": None}),
    (489, {"event": "xcap-diffs"}),
    (415, {"type": "text/plain"}),
    (415, {"type": None}),
    (415, {"type": "application/xcap-diff+xmlish"}),
    (400, {"body": ""}),
    (400, {"body": "<xcap-diff"}),
    (400, {"body": '<xcap-diff xmlns="urn:ietf:params:xml:ns:xcap-diff" xcap-root="http://x/"/>'}),
    (400, {"body": '<xcap-diff xcap-root="http://x/"><document sel="pres-rules/x"/></xcap-diff>'}),
])
def test_a_message_of_another_kind_is_refused(notifier, status, more):
    assert notifier.tell("pres-rules/users/sip:nobody@example.com/index", **more).status == status


def test_a_refused_body_does_not_leave_the_one_before_in_its_place(place, notifier):
    alice, bob = place.people("alice", "bob")
    alice.allows(bob)
    for _ in range(8):  # each of Kamailio's workers had it once
        assert notifier.tell(alice.rules).status == 200
    for body in ("", "<xcap-diff"):
        for _ in range(8):
            assert notifier.tell(body=body).status == 400


def test_documents_that_are_none_of_its_business_are_taken_and_passed_over(place, notifier):
    alice, = place.people("alice")
    passed = ["xcap-caps/global/index", "resource-lists/global/index", f"pres-rules/users/{alice.uri}/other",
              f"org.openmobilealliance.pres-rules/users/{alice.uri}/pres-rules",
              "pres-rules/users/tel:+4930123/index", "pres-rules/users/sip:o'neill@example.com/index",
              "pres-rules/users/sip:a@example.com/index' or '1'='1", "pres-rules/users/sip:a@b/../../../etc",
              "pres-rules/users/sip:a%40b@example.com/index", "pres-rules/users/sip:" + "a" * 300 + "@b/index",
              "nonsense"]
    for selector in passed:
        assert notifier.tell(selector).status == 200, selector
        assert place.kamailio.rows(selector.replace("'", "''")) == ""


def test_octets_of_all_kinds_are_stored_as_they_are(place, notifier):
    alice, = place.people("alice")
    document = xcap.lists(extra="<entry uri=\"sip:o'neill@example.com\"><display-name>'); drop table xcap; --"
                          " \\ $var(x) $$ %s \U0001f431 Zo\u00eb</display-name></entry>\n")
    alice.put(alice.lists, document)
    assert notifier.tell(alice.lists).status == 200
    assert place.kamailio.rows(alice.lists) == document.strip()


@pytest.mark.parametrize("size", [16384, 40000, 200000, 260000])
def test_a_big_document_is_stored_whole(place, notifier, size):
    alice, = place.people("alice")
    alice.put(alice.lists, xcap.big_lists(size))
    assert notifier.tell(alice.lists).status == 200
    assert place.kamailio.rows(alice.lists) == xcap.big_lists(size).strip()


def test_rules_too_big_for_kamailio_allow_nobody(place, notifier):
    alice, bob = place.people("alice", "bob")
    alice.allows(bob)
    notifier.tell(alice.rules)
    huge = rules("allow", bob).replace("<one", " " * 270000 + "<one", 1)
    alice.put(alice.rules, huge)
    assert notifier.tell(alice.rules).status == 200
    assert place.kamailio.rows(alice.rules).startswith("<ruleset")
    bob.watches(alice).becomes("terminated probation" if bob.agent.notices else "pending")


@pytest.mark.parametrize("path", [
    "/" + "l" * 99 + "/x", "/list" * 40, "/list%5B@name=%22" + "f" * 200 + "%22%5D", "%2Flist" * 18,
])
def test_a_list_path_that_would_end_kamailio_is_kept_from_it(place, notifier, path):
    alice, bob = place.people("alice", "bob")
    alice.offers_list(bob)
    assert notifier.tell(alice.lists, alice.services).status == 200
    service = xcap.services(alice.list_uri, owner=alice.uri, root=place.root)
    alice.put(alice.services, service.replace("/list%5B@name=%22friends%22%5D", path))
    assert notifier.tell(alice.services).status == 200
    assert place.kamailio.rows(alice.services).startswith("<rls-services xmlns")
    alice.watches_list(check=False)
    assert place.kamailio.answers()


def test_an_address_too_long_for_kamailio_is_kept_from_it(place, notifier):
    alice, = place.people("alice")
    alice.put(alice.lists, xcap.lists("a" * 600))
    assert notifier.tell(alice.lists).status == 200
    assert place.kamailio.rows(alice.lists).startswith("<resource-lists xmlns")


def test_a_document_that_cannot_be_fetched_is_asked_for_again_later(place, notifier):
    alice, bob = place.people("alice", "bob")
    alice.allows(bob)
    place.server.stop()
    try:
        answer = notifier.tell(alice.rules)
        assert answer.status == 503 and answer["Retry-After"], answer
        assert place.kamailio.rows(alice.rules) == ""
    finally:
        place.server.start()
    assert notifier.tell(alice.rules).status == 200
    assert place.kamailio.rows(alice.rules)


def test_a_document_that_cannot_be_stored_is_not_acknowledged(place, notifier):
    alice, bob = place.people("alice", "bob")
    alice.allows(bob)
    place.kamailio.sql("alter table xcap rename to away")
    try:
        assert notifier.tell(alice.rules).status == 500
    finally:
        place.kamailio.sql("alter table away rename to xcap")
    assert notifier.tell(alice.rules).status == 200
    assert place.kamailio.rows(alice.rules)


def test_the_first_to_watch_has_the_rules_fetched(place):
    alice, bob = place.people("alice", "bob")
    alice.allows(bob)
    alice.agent.publish("here")
    bob.watches(alice).says("here")


def test_the_first_to_watch_a_list_has_it_fetched(place):
    alice, bob = place.people("alice", "bob")
    alice.offers_list(bob)
    watch = alice.watches_list()
    assert eventually(lambda: watch.members == {bob.uri: None}), watch.notices


def test_while_the_rules_cannot_be_fetched_nobody_is_judged_without_them(place):
    alice, bob = place.people("alice", "bob")
    alice.allows(bob)
    alice.agent.publish("here")
    place.server.stop()
    try:
        answer = bob.watches(alice, check=False).answer
        assert answer.status == 503 and answer["Retry-After"], answer
    finally:
        place.server.start()
    bob.watches(alice).says("here")


def test_another_spelling_of_the_domain_is_the_same_presentity(place, notifier):
    alice, bob = place.people("alice", "bob")
    alice.allows(bob)
    alice.agent.publish("here")
    watch = bob.agent.subscribe(alice.uri.replace("example.com", "Example.COM")).says("here")
    alice.allows(bob, handling="block")
    assert notifier.tell(alice.rules).status == 200
    watch.becomes("terminated rejected")


def test_parameters_of_the_event_do_not_keep_a_watcher_out(place):
    alice, bob = place.people("alice", "bob")
    bob.watches(alice, event="presence;id=7").becomes("pending")


def test_who_watches_whom_is_told_to_the_watched(place, notifier):
    alice, bob = place.people("alice", "bob")
    watchers = alice.watches(alice, event="presence.winfo")
    bob.watches(alice).becomes("pending")
    assert eventually(lambda: b"pending" in watchers.last.body and bob.uri.encode() in watchers.last.body)
    alice.allows(bob)
    notifier.tell(alice.rules)
    assert eventually(lambda: b"active" in watchers.last.body and bob.uri.encode() in watchers.last.body)


def test_who_watches_whom_is_told_to_nobody_else(place):
    alice, bob = place.people("alice", "bob")
    assert bob.watches(alice, event="presence.winfo", check=False).answer.status == 403


def test_who_has_registered_is_found(place):
    alice, bob = place.people("alice", "bob")
    assert alice.agent.send("MESSAGE", bob.uri, [], b"there?").status == 480
    assert bob.agent.register().status == 200
    assert alice.agent.send("MESSAGE", bob.uri, [], b"there?").status == 200
    assert any(message.method == "MESSAGE" and message.body == b"there?" for message in bob.agent.notices)


@pytest.mark.parametrize("method, target, status", [
    ("MESSAGE", "sip:bob@elsewhere.invalid", 403),
    ("NONSENSE", "sip:bob@example.com", 405),
])
def test_what_it_does_not_serve_is_refused(place, method, target, status):
    alice, = place.people("alice")
    assert alice.agent.send(method, target, []).status == status
