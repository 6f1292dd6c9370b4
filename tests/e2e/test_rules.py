# SPDX-License-Identifier: BSD-2-Clause
"""Rules that a person puts take hold with the real Kamailio, without any restart."""
import json
import time

import pytest

from daemon import eventually
from place import SLOW
from world import rules


@pytest.fixture
def couple(place):
    alice, bob = place.people("alice", "bob")
    alice.agent.publish("here")
    return alice, bob


def stored(place, owner, mark):
    """Waits until Kamailio has rules with this text: who subscribes from now on is judged by them."""
    assert eventually(lambda: mark in place.kamailio.rows(owner.rules))


def test_from_pending_to_all_that_rules_can_say(place, couple):
    alice, bob = couple
    watch = bob.watches(alice).becomes("pending")
    alice.allows(bob)
    watch.becomes("active with state").says("here")
    alice.agent.publish("busy")
    watch.says("busy")
    alice.allows(bob, handling="polite-block")
    watch.becomes("active")
    alice.allows(bob)
    watch.says("busy")
    alice.allows(bob, handling="confirm")
    watch.becomes("pending")
    alice.allows(bob)
    watch.says("busy")
    alice.allows(bob, handling="block")
    watch.becomes("terminated rejected")
    bob.watches(alice).becomes("terminated rejected")
    alice.allows(bob)
    stored(place, alice, ">allow<")
    watch = bob.watches(alice).says("busy")
    alice.delete(alice.rules)
    watch.becomes("terminated probation")
    assert bob.watches(alice).becomes("terminated probation").note is None


def test_a_blocked_watcher_sees_her_vanish_within_a_second(place, couple):
    alice, bob = couple
    took = []
    for _ in range(3):  # the machine may be busy with something else once
        alice.allows(bob)
        stored(place, alice, ">allow<")
        watch = bob.watches(alice).says("here")
        alice.allows(bob, handling="block")
        start = time.monotonic()
        watch.becomes("terminated rejected")
        took.append(time.monotonic() - start)
    assert min(took) < SLOW, took


def test_watchers_who_are_there_when_the_rules_go_are_sent_away(couple):
    alice, bob = couple
    alice.allows(bob)
    watch = bob.watches(alice).says("here")
    alice.delete(alice.rules)
    watch.becomes("terminated probation")


def test_each_watcher_is_judged_alone(place):
    alice, bob, carol, dave = place.people("alice", "bob", "carol", "dave")
    alice.agent.publish("here")
    alice.allows(bob)
    seen = [who.watches(alice) for who in (bob, carol, dave)]
    seen[0].says("here"), seen[1].becomes("pending"), seen[2].becomes("pending")
    alice.allows(bob, carol)
    seen[1].says("here")
    alice.allows(carol, dave)
    seen[2].says("here")
    # nobody mentions bob any more, who was in
    seen[0].becomes("terminated probation")


def test_a_part_that_changes_is_enough(couple):
    alice, bob = couple
    watch = bob.watches(alice).becomes("pending")
    alice.allows(alice)
    alice.xcap.close()
    part = ("/~~/ruleset/rule%5B@id=%22r1%22%5D/conditions/identity/one%5B@id=%22" + bob.uri + "%22%5D"
            "?xmlns(urn:ietf:params:xml:ns:common-policy)").replace("?xmlns(urn", "?xmlns(c=urn")
    part = part.replace("ruleset/rule", "c:ruleset/c:rule").replace("/conditions/identity/one",
                                                                    "/c:conditions/c:identity/c:one")
    answer = alice.xcap.put(alice.rules + part,
                            f'<one xmlns="urn:ietf:params:xml:ns:common-policy" id="{bob.uri}"/>')
    assert answer.status == 201, answer
    watch.says("here")


def test_many_changes_in_a_row_end_as_the_last(couple):
    alice, bob = couple
    watch = bob.watches(alice).becomes("pending")
    for _ in range(20):
        for handling in ("allow", "polite-block", "confirm"):
            alice.allows(bob, handling=handling)
    alice.allows(bob)
    watch.says("here")
    alice.agent.publish("still here")
    watch.says("still here")


def test_many_people_change_their_rules_at_once(place):
    bob, *people = place.people("bob", *"abcdefghijklmnopqrst")
    watches = []
    for one in people:
        one.agent.publish(one.name)
        watches.append(bob.watches(one))
    for one in people:
        one.allows(bob)
    for one, watch in zip(people, watches):
        watch.says(one.name, 20)


def test_rules_with_a_body_too_big_for_one_datagram_are_told_too(place, couple):
    alice, bob = couple
    watch = bob.watches(alice).becomes("pending")
    many = "".join(f'<one id="sip:friend{n}@example.com"/>' for n in range(2000))
    alice.put(alice.rules, rules("allow", bob).replace("<identity>", f"<identity>{many}"))
    assert eventually(lambda: "friend1999" in place.kamailio.rows(alice.rules))
    watch.says("here")


def test_the_feed_shows_nothing_left_to_tell(place, couple):
    alice, bob = couple
    alice.allows(bob)
    bob.watches(alice).says("here")

    def target():
        return json.loads(place.server.ctl("--json", "feed", "status").stdout)["targets"][0]

    assert eventually(lambda: (target()["behind"], target()["parked"]) == (0, 0)), target()


def test_who_subscribes_while_the_rules_change_is_judged_by_the_new_ones(couple):
    alice, bob = couple
    for _ in range(15):
        alice.allows(bob, handling="block")
        bob.watches(alice, check=False)
        alice.allows(bob)
        watch = bob.watches(alice)
        if not eventually(lambda: watch.note or watch.over):
            raise AssertionError(watch.notices)
        alice.allows(bob, handling="block")
        watch.becomes("terminated rejected")
