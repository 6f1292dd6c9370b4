# SPDX-License-Identifier: BSD-2-Clause
"""A buddy list that a person puts is what Kamailio's resource list server shows, without any restart."""
import time

import pytest

from daemon import eventually
from world import friends


@pytest.fixture
def circle(place):
    """alice with a list of bob alone; bob and carol let her see them."""
    alice, bob, carol = place.people("alice", "bob", "carol")
    for one in (bob, carol):
        one.allows(alice)
        one.agent.publish(f"{one.name} here")
    alice.offers_list(bob)
    return alice, bob, carol


def shows(watch, expected, seconds=15):
    assert eventually(lambda: watch.members == expected, seconds), (watch.members, watch.notices[-1:])


def test_a_list_gains_and_loses_a_contact(circle):
    alice, bob, carol = circle
    watch = alice.watches_list()
    shows(watch, {bob.uri: f"{bob.name} here"})
    alice.put(alice.lists, friends(bob, carol))
    shows(watch, {bob.uri: f"{bob.name} here", carol.uri: f"{carol.name} here"})
    alice.put(alice.lists, friends(carol))
    shows(watch, {carol.uri: f"{carol.name} here"})
    bob.agent.publish("unseen")
    carol.agent.publish("seen")
    shows(watch, {carol.uri: "seen"})
    alice.put(alice.lists, friends(carol, bob))
    shows(watch, {carol.uri: "seen", bob.uri: "unseen"})


def test_many_contacts_leave_at_once(place, circle):
    alice, bob, _ = circle
    others = place.people(*"abcdefghijkl")
    alice.put(alice.lists, friends(bob, *others))
    watch = alice.watches_list()
    assert eventually(lambda: len(watch.members) == 13, 15), watch.members
    assert eventually(lambda: watch.members[bob.uri]), watch.members
    time.sleep(2)  # Kamailio loses sight of who leaves before it has settled
    alice.put(alice.lists, friends(bob))
    shows(watch, {bob.uri: f"{bob.name} here"}, 30)


def test_a_list_inside_the_service_document_is_followed_too(circle):
    alice, bob, carol = circle
    inline = ('<?xml version="1.0" encoding="UTF-8"?>\n<rls-services xmlns="urn:ietf:params:xml:ns:rls-services"'
              ' xmlns:rl="urn:ietf:params:xml:ns:resource-lists">\n'
              f'<service uri="{alice.list_uri}"><list>{{}}</list>'
              '<packages><package>presence</package></packages></service>\n</rls-services>\n')
    entries = [f'<rl:entry uri="{one.uri}"/>' for one in (bob, carol)]
    alice.put(alice.services, inline.format(entries[0]))
    watch = alice.watches_list()
    shows(watch, {bob.uri: f"{bob.name} here"})
    alice.put(alice.services, inline.format("".join(entries)))
    shows(watch, {bob.uri: f"{bob.name} here", carol.uri: f"{carol.name} here"})


def test_rules_hold_behind_a_list_as_well(circle):
    alice, bob, carol = circle
    alice.put(alice.lists, friends(bob, carol))
    watch = alice.watches_list()
    shows(watch, {bob.uri: f"{bob.name} here", carol.uri: f"{carol.name} here"})
    bob.allows(alice, handling="block")
    shows(watch, {carol.uri: f"{carol.name} here"})


def test_lists_are_served_after_a_restart_of_kamailio(place, circle):
    alice, bob, carol = circle
    shows(alice.watches_list(), {bob.uri: f"{bob.name} here"})
    carol.allows(carol)
    alice.put(alice.lists, friends(bob, carol))
    place.kamailio.stop()
    place.kamailio.start()
    watch = alice.watches_list()
    shows(watch, {bob.uri: f"{bob.name} here", carol.uri: None})
    carol.allows(alice)
    shows(watch, {bob.uri: f"{bob.name} here", carol.uri: f"{carol.name} here"})
