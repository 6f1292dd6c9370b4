# SPDX-License-Identifier: BSD-2-Clause
"""Patches keep a client's copy what the document is. The numbers are those of the statements in statements.md."""
import re
import signal
import time

import pytest

import xcap
from author import Author
from patcher import Copies, PatchError, canonical, parse
from place import SLOW
from relay import Relay
from station import DIFF, Station, bare, items, only

HOME = "resource-lists/users/sip:alice@example.com/"
FRIENDS = "/~~/resource-lists/list%5B@name=%22friends%22%5D"


def event(mode):
    return f"xcap-diff;diff-processing={mode}"


@pytest.fixture(scope="module")
def station():
    with Station({"notifier.min-interval": "200ms", "store.history-versions": "50"}) as running:
        yield running


class Reader:
    """A phone with copies, checked against what the author wrote after each NOTIFY."""

    def __init__(self, phone, client, author, mode, sel=None, **more):
        self.phone, self.author, self.sel = phone, author, sel or author.path
        self.copies = Copies(self.fetch)
        self.client = client
        _, self.dialog = phone.subscribe(self.sel, event=event(mode), **more)

    def fetch(self, sel):
        answer = self.client.get(sel)
        return None if answer.status == 404 else (bare(answer["ETag"]), answer.body)

    def hear(self, seconds=None):
        notify = self.phone.notify(seconds)
        self.copies.take(notify.body)
        for etag, document in self.copies.have.values():
            assert canonical(document) == canonical(self.author.versions[etag]), notify
        return notify

    def up_to_date(self):
        have = self.copies.have.get(self.sel)
        return (have[0] if have else None) == self.author.etag

    def catch_up(self, seconds=20):
        end = time.monotonic() + seconds * SLOW
        while not self.up_to_date():
            self.hear(max(0.1, end - time.monotonic()))


@pytest.mark.parametrize("mode", ["xcap-patching", "aggregate"])
@pytest.mark.parametrize("seed", range(3))
def test_random_edits_keep_the_copy_the_same(station, alice, mode, seed):
    """46, 48, 49, 64-77"""
    author = Author(alice, f"{HOME}random{mode}{seed}", seed)
    author.step()
    with station.phone() as phone, xcap.alice(station) as client:
        reader = Reader(phone, client, author, mode)
        reader.catch_up()
        for n in range(60):
            author.step()
            if n % (7 if mode == "xcap-patching" else 2) == 0:
                reader.catch_up()
        reader.catch_up()
        assert reader.copies.patched > 15, (reader.copies.patched, reader.copies.fetched)
    alice.delete(author.path)


@pytest.mark.parametrize("mode, number", [("xcap-patching", signal.SIGKILL), ("aggregate", signal.SIGKILL),
                                          ("xcap-patching", signal.SIGTERM), ("aggregate", signal.SIGTERM)])
def test_through_lost_packets_and_restarts(mode, number):
    """46, 48, 49, 78, 86, 96"""
    settings = {"notifier.min-interval": "100ms", "store.history-versions": "50"}
    with Station(settings) as station, xcap.alice(station) as alice, xcap.alice(station) as client:
        author = Author(alice, f"{HOME}lossy{mode}", mode)
        author.step()
        relay = Relay(station.sip, seed=mode + str(number))
        with station.phone(peer=relay.address, contact=relay.contact) as phone:
            reader = Reader(phone, client, author, mode)
            reader.catch_up()
            cseq = 0
            for n in range(40):
                author.step()
                if n % 10 == 4:
                    station.stop_notifier(number)
                    author.step()
                    author.step()
                    station.start_notifier()
                if n % 4 == 0:
                    while not reader.up_to_date():
                        notify = reader.hear(40)
                        assert notify.cseq > cseq
                        cseq = notify.cseq
            reader.catch_up(40)
            assert relay.lost > 2 and reader.copies.patched > (8 if mode == "xcap-patching" else 0)
        relay.close()


def test_an_edit_of_a_part_is_one_operation(station, alice, phone, path):
    """46, 61, 66 and RFC 5875 A.4"""
    alice.put(path, xcap.lists("bob"))
    phone.subscribe(path, event=event("xcap-patching"))
    phone.notify()
    entry = path + FRIENDS + "/entry%5B@uri=%22sip:bob@example.com%22%5D"
    for change, name in ((lambda: alice.put(entry, '<entry uri="sip:bob@example.com"><display-name/></entry>'), "replace"),
                         (lambda: alice.put(path + FRIENDS + "/entry%5B2%5D", '<entry uri="sip:c@d"/>'), "add"),
                         (lambda: alice.delete(entry), "remove")):
        change()
        (operation,) = only(phone.notify()).children
        assert operation.tag == DIFF + name


def test_what_cannot_be_patched_is_told_by_tags_then_patched_again(station, alice, phone, path):
    """60, 75"""
    alice.put(path, xcap.lists("bob"))
    for mode in ("xcap-patching", "aggregate"):
        _, dialog = phone.subscribe(path, event=event(mode))
        phone.notify()
        alice.put(path, re.sub("xmlns=", "xmlns:q=", xcap.lists("bob")).replace("<", "<q:").replace("<q:/", "</q:")
                  .replace("<q:?", "<?"))
        item = only(phone.notify())
        assert item.previous and item.new and not item.children
        alice.put(path, xcap.lists("bob"))
        assert not only(phone.notify()).children
        alice.put(path, xcap.lists("bob", "carol"))
        assert only(phone.notify()).children
        phone.subscribe(dialog=dialog, expires=0)
        phone.notify()


def test_a_patch_longer_than_the_document_is_not_sent(station, alice, phone, path):
    """60"""
    alice.put(path, xcap.lists(*(f"a{n}" for n in range(40))))
    phone.subscribe(path, event=event("aggregate"))
    phone.notify()
    alice.put(path, xcap.lists("z"))
    item = only(phone.notify())
    assert not item.children or len(canonical(alice.get(path).body)) > 100
    alice.put(path, xcap.lists("z", "y"))
    assert only(phone.notify()).children


def test_history_that_is_gone():
    """60"""
    settings = {"notifier.min-interval": "1s", "store.history-versions": "2"}
    with Station(settings) as station, xcap.alice(station) as alice, station.phone() as phone:
        path = HOME + "gone"
        etags = [bare(xcap.stored(alice.put(path, xcap.lists("bob"))))]
        phone.subscribe(path, event=event("xcap-patching"))
        phone.notify()
        for n in range(8):
            etags.append(bare(xcap.stored(alice.put(path, xcap.lists("bob", f"friend{n}")))))
        said = items(phone.notify())
        assert [(item.previous, item.new) for item in said] == list(zip(etags, etags[1:]))
        assert not said[0].children and said[-1].children


@pytest.mark.parametrize("operation, wanted", [
    ('<d:add sel="*"><c xmlns=""/></d:add>', "<a><b>t</b>u<c/></a>"),
    ('<d:add sel="*" pos="prepend">x</d:add>', "<a>x<b>t</b>u</a>"),
    ('<d:add sel="*/b" pos="after">x</d:add>', "<a><b>t</b>xu</a>"),
    ('<d:add sel="*/b" type="@k">v</d:add>', '<a><b k="v">t</b>u</a>'),
    ('<d:replace sel="*/b/text()">y</d:replace>', "<a><b>y</b>u</a>"),
    ('<d:replace sel="*/b/text()[1]"></d:replace>', "<a><b/>u</a>"),
    ('<d:remove sel="*/*[1]"/>', "<a>u</a>"),
    ('<d:remove sel="*/c"/>', PatchError), ('<d:remove sel="*"/>', PatchError),
    ('<d:remove sel="*/b" ws="after"/>', PatchError), ('<d:replace sel="*/b">text</d:replace>', PatchError)])
def test_the_applier_itself(operation, wanted):
    """64-75, of the tests' own applier"""
    body = f'<d:document xmlns:d="urn:ietf:params:xml:ns:xcap-diff">{operation}</d:document>'.encode()
    document = parse(b"<a><b>t</b>u</a>")
    operations = parse(body).children[0].children
    copies = Copies(None)
    if wanted is PatchError:
        with pytest.raises(PatchError):
            copies.patch(document, operations)
        return
    copies.patch(document, operations)
    assert canonical(document) == canonical(wanted.encode())
