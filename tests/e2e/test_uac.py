# SPDX-License-Identifier: BSD-2-Clause
"""Kamailio subscribes to us (PRESENCE-SERVERS: other ways in): its uac and rtimer modules ask for `pres-rules/`, log
in as a reader, and are told of everybody's rules. Each SUBSCRIBE is a dialog of its own."""
import contextlib
import pathlib
import re
import tempfile

import pytest

import xcap
from daemon import Server, eventually
from kamailio import PROGRAM, Process, free_udp_port
from world import Notifier

CONFIGURATION = (pathlib.Path(__file__).resolve().parent / "uac.cfg").read_text()
RULES_OF = {name: f"pres-rules/users/sip:{name}@example.com/index" for name in ("alice", "bob")}


@pytest.fixture
def place():
    """(xcapd, Kamailio, xcap-notifier)"""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server())
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kamailio-test-")))
        port, notifier_port, notifier = free_udp_port(), free_udp_port(), Notifier(server)
        server.configure(**{"notifier.listen": f"udp:127.0.0.1:{notifier_port},tcp:127.0.0.1:{notifier_port}",
                            "notifier.admin_listen": f"127.0.0.1:{notifier.admin_port}",
                            "notifier.min_interval": "0s"})
        stack.callback(notifier.end)
        notifier.start()
        (folder / "kamailio.cfg").write_text(
            CONFIGURATION.replace("@PORT@", str(port)).replace("@NOTIFIER@", str(notifier_port)))
        subscriber = Process(folder, "kamailio")
        stack.callback(subscriber.kill)
        subscriber.launch(PROGRAM, "-DD", "-E", "-f", folder / "kamailio.cfg", "-m", "64", "-M", "8",
                          "-Y", folder, "-w", folder)
        yield server, subscriber, notifier


def told(subscriber):
    """{(sel, new etag)} of all NOTIFYs so far."""
    return set(re.findall(r"DOCUMENT (\S+) (\S+)", subscriber.log()))


def put(server, name, *friends):
    with xcap.Client(server, name, name) as client:
        return xcap.stored(client.put(RULES_OF[name], xcap.rules(*friends))).strip('"')


def test_kamailio_is_answered_and_told_of_everybodys_rules(place):
    server, subscriber, _ = place
    assert eventually(lambda: "ANSWERED 200" in subscriber.log(), 20), subscriber.log()[-3000:]
    assert eventually(lambda: "TOLD active" in subscriber.log(), 20), subscriber.log()[-3000:]
    for name, friend in (("alice", "bob"), ("bob", "alice"), ("alice", "carol")):
        etag = put(server, name, friend)
        assert eventually(lambda n=name, e=etag: (RULES_OF[n], e) in told(subscriber), 20), subscriber.log()[-3000:]
    assert set(re.findall(r"ANSWERED (\d+)", subscriber.log())) == {"200", "401"}


def test_a_notifier_that_was_killed_tells_what_changed_meanwhile(place):
    server, subscriber, notifier = place
    assert eventually(lambda: "TOLD active" in subscriber.log(), 20), subscriber.log()[-3000:]
    notifier.kill()
    etag = put(server, "alice", "bob")
    notifier.start()
    assert eventually(lambda: (RULES_OF["alice"], etag) in told(subscriber), 20), subscriber.log()[-3000:]
