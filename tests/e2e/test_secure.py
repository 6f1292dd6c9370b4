# SPDX-License-Identifier: BSD-2-Clause
"""The same with TLS and Digest towards xcapd, and with logins of the SIP users."""
import hashlib

import pytest

from certificates import Authority
from daemon import eventually
from world import World, friends


def let_in(world, *people):
    """Gives these people logins at Kamailio."""
    for one in people:
        ha1 = hashlib.md5(f"{one.name}:example.com:secret".encode()).hexdigest()
        world.kamailio.sql("insert into subscriber (username, domain, password, ha1, ha1b)"
                           f" values ('{one.name}', 'example.com', '', '{ha1}', '')")
    return people


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    with World(tls_folder=tmp_path_factory.mktemp("tls"), WITH_AUTH="yes") as running:
        yield running


def test_rules_take_hold_over_tls(place):
    alice, bob = let_in(place, *place.people("alice", "bob"))
    assert alice.agent.publish("here").status == 200
    watch = bob.watches(alice).becomes("pending")
    alice.allows(bob)
    watch.says("here")
    alice.allows(bob, handling="polite-block")
    watch.becomes("active")
    alice.allows(bob, handling="block")
    watch.becomes("terminated rejected")
    alice.allows(bob)
    assert eventually(lambda: ">allow<" in place.kamailio.rows(alice.rules))
    watch = bob.watches(alice).says("here")
    alice.delete(alice.rules)
    watch.becomes("terminated probation")
    assert 'who=presence' in place.server.log() and "why=\"no credentials\"" in place.server.log()


def test_a_list_gains_and_loses_a_contact_over_tls(place):
    alice, bob, carol = let_in(place, *place.people("alice", "bob", "carol"))
    for one in (bob, carol):
        one.allows(alice)
        assert one.agent.publish("here").status == 200
    alice.offers_list(bob)
    watch = alice.watches_list()
    assert eventually(lambda: watch.members == {bob.uri: "here"}, 15), watch.members
    alice.put(alice.lists, friends(bob, carol))
    assert eventually(lambda: watch.members == {bob.uri: "here", carol.uri: "here"}, 15), watch.members
    alice.put(alice.lists, friends(carol))
    assert eventually(lambda: watch.members == {carol.uri: "here"}, 15), watch.members


def test_nobody_registers_publishes_or_watches_without_a_login_or_for_somebody_else(place):
    alice, bob = let_in(place, *place.people("alice", "bob"))
    alice.allows(bob)
    assert alice.agent.register().status == 200
    assert alice.agent.send("PUBLISH", bob.uri, [("Event", "presence")]).status == 407
    with place.kamailio.agent(bob.name, password="wrong") as thief:
        assert thief.subscribe(alice.uri, check=False).answer.status == 407
        assert thief.register().status == 401
        assert thief.publish("mine").status == 407
    with place.kamailio.agent(bob.name) as stranger:
        assert stranger.subscribe(alice.uri, check=False).answer.status == 407
    body = b'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="x"/>'
    fields = [("Event", "presence"), ("Expires", 60), ("Content-Type", "application/pidf+xml")]
    assert bob.agent.ask("PUBLISH", alice.uri, fields, body)[0].status == 403


def test_a_server_that_the_authority_does_not_vouch_for_is_not_believed(place, tmp_path):
    alice, bob = let_in(place, *place.people("alice", "bob"))
    other = Authority(tmp_path, "other")
    place.kamailio.stop()
    kept = place.kamailio.authority.read_bytes()
    place.kamailio.authority.write_bytes(other.certificate.read_bytes())
    try:
        place.kamailio.start()
        alice.allows(bob)
        assert bob.watches(alice, check=False).answer.status == 503
        assert place.kamailio.rows(alice.rules) == ""
    finally:
        place.kamailio.stop()
        place.kamailio.authority.write_bytes(kept)
        place.kamailio.start()
    assert eventually(lambda: place.kamailio.rows(alice.rules), 60)
