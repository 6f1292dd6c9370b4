# SPDX-License-Identifier: BSD-2-Clause
"""Real softphones without sound or screen: one baresip publishes, another watches."""
import shutil

import pytest

from daemon import eventually
from kamailio import Process
from ua import Message

PROGRAM = shutil.which("baresip")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no baresip here: scripts/deps --kamailio")


class Softphone(Process):
    """baresip, whose log has every SIP message."""

    def __init__(self, folder, world, person, account="", contact="", *words):
        super().__init__(folder, person.name)
        home = folder / person.name
        home.mkdir()
        modules = "".join(f"module_app {name}.so\n" for name in ("contact", "menu", "presence"))
        (home / "config").write_text("sip_listen 127.0.0.1:0\nmodule_path /usr/lib/baresip/modules\n"
                                     f"module account.so\n{modules}")
        (home / "accounts").write_text(
            f'<{person.uri};transport=udp>;regint=600;outbound="sip:127.0.0.1:{world.kamailio.port};transport=udp"'
            f"{account}\n")
        (home / "contacts").write_text(contact + "\n")
        self.words = ["stdbuf", "-oL", PROGRAM, "-f", home, "-v", "-s", *words]

    def __enter__(self):
        self.launch(*self.words)
        return self

    def __exit__(self, *_):
        self.stop()

    def heard(self):
        """What the last NOTIFY said of the subscription, and of whom it is about: open, closed or nothing."""
        blocks = [Message(block.strip().replace("\r\n", "\n").replace("\n", "\r\n").encode())
                  for block in self.log().split("\x1b[;m") if "\nNOTIFY sip:" in block]
        return [(block["Subscription-State"].split(";")[0], b">open<" in block.body) for block in blocks]


@pytest.fixture
def pair(place, tmp_path):
    alice, bob = place.people("alice", "bob")
    with Softphone(tmp_path, place, alice, ";pubint=600", "", "-e", "/presence_online") as phone:
        assert eventually(lambda: "PUBLISH sip:" in phone.log() and "SIP-ETag:" in phone.log(), 30), phone.log()
        with Softphone(tmp_path, place, bob, "", f'"Alice" <{alice.uri}>;presence=p2p') as watcher:
            yield alice, bob, watcher


def test_a_softphone_sees_what_the_rules_let_it_see(pair):
    alice, bob, phone = pair

    def hears(state):
        assert eventually(lambda: phone.heard()[-1:] == [state], 20), (phone.heard(), phone.log()[-3000:])

    hears(("pending", False))
    alice.allows(bob)
    hears(("active", True))
    alice.allows(bob, handling="polite-block")
    hears(("active", False))
    alice.allows(bob)
    hears(("active", True))
    alice.allows(bob, handling="block")
    hears(("terminated", False))
    assert eventually(lambda: "subscriber closed" in phone.log())
