# SPDX-License-Identifier: BSD-2-Clause
"""What NOTIFYs say of documents, collections and parts. The numbers are those of the statements in statements.md."""
import re
import xml.etree.ElementTree as ElementTree

import pytest

import xcap
from station import DIFF, Station, bare, diff_of, items, only, told

ALICE = "sip:alice@example.com"
HOME = f"resource-lists/users/{ALICE}/"
FRIENDS = "/~~/resource-lists/list%5B@name=%22friends%22%5D"
LISTS = "{urn:ietf:params:xml:ns:resource-lists}"


def put_part(alice, path, body):
    return bare(xcap.stored(alice.put(path, body)))


def test_the_body_is_xcap_diff(station, alice, phone, path):
    """28, 31, 38, 39, 41, 42"""
    phone.subscribe(path)
    notify = phone.notify()
    assert notify.body.startswith(b'<?xml version="1.0" encoding="UTF-8"?>')
    root = diff_of(notify)
    assert root.get("xcap-root") == station.root and station.root.endswith("/") and not len(root)
    etag = xcap.stored(alice.put(path, xcap.lists("bob")))
    item = only(phone.notify())
    assert item.sel == path and not item.sel.startswith("/")
    assert item.new == bare(etag) and '"' not in item.new


def test_a_body_has_three_kinds_of_items(alice, phone, path):
    """40, 98: a client refetches what has another tag"""
    etag = put_part(alice, path, xcap.lists("bob"))
    phone.subscribe(path, path + FRIENDS, path + "/~~/resource-lists/list/@name")
    document, element, attribute = diff_of(phone.notify())
    assert [node.tag for node in (document, element, attribute)] == [
        DIFF + "document", DIFF + "element", DIFF + "attribute"]
    assert alice.get(path, if_none_match=f'"{document.get("new-etag")}"').status == 304
    assert document.get("new-etag") == etag


def test_a_refresh_tells_the_whole_state_again(alice, phone, path):
    """35, 7"""
    _, dialog = phone.subscribe(path, event="xcap-diff;diff-processing=aggregate")
    phone.notify()
    alice.put(path, xcap.lists("bob"))
    phone.notify()
    etag = put_part(alice, path, xcap.lists("bob", "carol"))
    phone.notify()
    phone.subscribe(dialog=dialog, event="xcap-diff;diff-processing=no-patching")
    assert told(phone.notify()) == {path: etag}
    alice.put(path, xcap.lists("bob", "carol", "dave"))
    item = only(phone.notify())
    assert item.previous == etag and not item.children


def test_only_what_may_be_read_is_told(station, alice, bob, phone):
    """30, 22"""
    mine, his = HOME + "index", "resource-lists/users/sip:bob@example.com/index"
    phone.subscribe(mine, his, his + FRIENDS, "resource-lists/users/sip:bob@example.com/")
    assert told(phone.notify()) == {}
    bob.put(his, xcap.lists("alice"))
    assert phone.quiet(0.4)
    alice.put(mine, xcap.lists("bob"))
    assert only(phone.notify()).sel == mine
    alice.delete(mine)
    bob.delete(his)


def test_a_reader_hears_everything(station, alice, bob):
    """CONTRACT: a reader reads everything"""
    with station.phone("presence") as server:
        server.subscribe("resource-lists/")
        before = told(server.notify())
        for client, name in ((alice, HOME + "x"), (bob, "resource-lists/users/sip:bob@example.com/x")):
            client.put(name, xcap.lists("carol"))
            item = only(server.notify())
            assert item.sel == name and name not in before
            client.delete(name)
            assert only(server.notify()).new is None


def test_documents_of_a_collection_come_and_go(alice, phone):
    """33, 43, 44 and RFC 5875 A.3"""
    phone.subscribe(HOME)
    assert told(phone.notify()) == {}
    etag = put_part(alice, HOME + "another_document", xcap.lists("bob"))
    assert told(phone.notify()) == {HOME + "another_document": etag}
    alice.delete(HOME + "another_document")
    item = only(phone.notify())
    assert (item.previous, item.new) == (etag, None)


@pytest.mark.parametrize("sel", ["resource-lists/users/sip%3Aalice%40example.com/odd",
                                 "resource-lists/users/sip%3aalice@example.com/odd",
                                 "resource-lists/users/alice/odd"])
def test_sel_is_what_the_subscriber_wrote(alice, phone, sel):
    """34"""
    phone.subscribe(sel)
    assert told(phone.notify()) == {}
    alice.put(HOME + "odd", xcap.lists("bob"))
    assert only(phone.notify()).sel == sel
    alice.delete(HOME + "odd")
    assert only(phone.notify()).sel == sel


def test_an_element_is_told_with_its_content(alice, phone, path):
    """18, 19, 29, 52, 55, 57"""
    entry = path + "/~~/resource-lists/list%5B@name=%22friends%22%5D/entry%5B@uri=%22sip:bob@example.com%22%5D"
    alice.put(path, xcap.lists("bob", "carol"))
    phone.subscribe(entry)
    item = only(phone.notify())
    assert (item.kind, item.sel, item.exists) == ("element", entry, True)
    (child,) = item.children
    assert child.tag == LISTS + "entry" and child.get("uri") == "sip:bob@example.com"
    alice.put(path, xcap.lists("bob", "carol", "dave"))
    assert phone.quiet(0.4)
    put_part(alice, entry, '<entry uri="sip:bob@example.com"><display-name>Bob</display-name></entry>')
    (child,) = only(phone.notify()).children
    assert child[0].text == "Bob"
    assert alice.delete(path).status == 200
    item = only(phone.notify())
    assert (item.kind, item.sel, item.exists, item.children) == ("element", entry, False, [])
    alice.put(path, xcap.lists("carol"))
    assert phone.quiet(0.4)
    alice.put(path, xcap.lists("bob"))
    assert only(phone.notify()).exists


def test_an_attribute_is_told_with_its_value(alice, phone, path):
    """31, 53 and RFC 5875 A.5"""
    name = path + "/~~/resource-lists/list%5B1%5D/@name"
    phone.subscribe(name)
    assert items(phone.notify()) == []
    alice.put(path, xcap.lists("bob"))
    item = only(phone.notify())
    assert (item.kind, item.sel, item.exists, item.text) == ("attribute", name, True, "friends")
    put_part(alice, name, "a &lt;b&gt; &amp; &quot;c&quot;")
    assert only(phone.notify()).text == 'a <b> & "c"'
    alice.delete(name)
    item = only(phone.notify())
    assert (item.exists, item.text) == (False, None)


def test_prefixes_of_a_selector_mean_what_its_query_says(alice, phone, path):
    """19, 34, 97"""
    alice.put(path, xcap.lists("bob"))
    sel = path + "/~~/r:resource-lists/r:list%5B1%5D?xmlns(r=urn:ietf:params:xml:ns:resource-lists)"
    wrong = path + "/~~/r:resource-lists?xmlns(r=urn:other)"
    phone.subscribe(sel, wrong)
    item = only(phone.notify())
    assert item.sel == sel and item.children[0].tag == LISTS + "list"


def test_quoted_data_survives(alice, phone, path):
    """97"""
    name = 'Zoë <"&\'> \U0001f600 ]]&gt;'.replace("&'", "&amp;'").replace("<", "&lt;")
    alice.put(path, xcap.lists("bob"))
    entry = path + FRIENDS + '/entry%5B@uri="sip:bob@example.com"%5D'
    phone.subscribe(entry)
    phone.notify()
    put_part(alice, entry.replace('"', "%22"),
             f'<entry uri="sip:bob@example.com"><display-name>{name}</display-name></entry>')
    item = only(phone.notify())
    assert item.sel == entry
    assert item.children[0][0].text == 'Zoë <"&\'> \U0001f600 ]]>'


def test_namespaces_from_around_an_element_come_with_it(alice, phone, path):
    """55"""
    body = ('<?xml version="1.0"?>\n<rl:resource-lists xmlns:rl="urn:ietf:params:xml:ns:resource-lists"'
            ' xmlns:x="urn:x" xmlns="urn:d"><rl:list name="friends" x:a="1"><x:b/><c/></rl:list></rl:resource-lists>')
    alice.put(path, body)
    phone.subscribe(path + FRIENDS)
    (child,) = only(phone.notify()).children
    assert child.tag == LISTS + "list" and child.get("{urn:x}a") == "1"
    assert [node.tag for node in child] == ["{urn:x}b", "{urn:d}c"]


def test_unprefixed_elements_are_not_captured_by_the_diff(alice, phone, path):
    """55, 75"""
    alice.put(path, xcap.lists("bob"))
    phone.subscribe(path + FRIENDS)
    notify = phone.notify()
    assert b"<list" in notify.body
    assert only(notify).children[0].tag == LISTS + "list"
    assert not re.search(rb'<[^>]*xcap-diff[^>]*\sxmlns="urn:ietf:params:xml:ns:xcap-diff"', notify.body)


def test_a_selector_of_several_nodes_is_pending(alice, phone, path):
    """56"""
    several = path + FRIENDS + "/entry"
    alice.put(path, xcap.lists("bob", "carol"))
    phone.subscribe(several)
    assert items(phone.notify()) == []
    alice.put(path, xcap.lists("bob"))
    assert only(phone.notify()).exists
    alice.put(path, xcap.lists("bob", "carol"))
    assert not only(phone.notify()).exists


def test_a_part_and_its_document(alice, phone, path):
    """32, 57, 59, 61"""
    phone.subscribe(path, path + FRIENDS, path + "/~~/resource-lists/list%5B1%5D/@name")
    assert items(phone.notify()) == []
    alice.put(path, xcap.lists("bob"))
    assert [item.kind for item in items(phone.notify())] == ["document", "element", "attribute"]
    alice.delete(path)
    kinds = [(item.kind, item.exists if item.kind != "document" else item.new) for item in items(phone.notify())]
    assert kinds == [("document", None), ("element", False), ("attribute", False)]


def test_edits_of_parts_change_the_document(alice, phone, path):
    """61, 62"""
    first = put_part(alice, path, xcap.lists("bob"))
    phone.subscribe(path)
    phone.notify()
    second = put_part(alice, path + FRIENDS + "/entry%5B@uri=%22sip:eve@example.com%22%5D",
                      '<entry uri="sip:eve@example.com"/>')
    item = only(phone.notify())
    assert (item.previous, item.new) == (first, second)
    assert alice.put(path, "<resource-lists/>").status == 409
    assert alice.put(path, xcap.lists("x"), if_match='"no"').status == 412
    assert alice.put(path + FRIENDS + "/entry%5B5%5D/@uri", "x").status in (404, 409)
    assert phone.quiet(0.4)


def test_the_capabilities_are_a_document_too(station, phone):
    """63"""
    phone.subscribe(xcap.CAPS)
    (sel,) = told(phone.notify())
    assert sel == xcap.CAPS


@pytest.fixture(scope="module")
def slow():
    """Two seconds between NOTIFYs, so that what happens between two is one."""
    with Station({"notifier.min-interval": "2s"}) as running:
        yield running


@pytest.fixture
def slow_alice(slow):
    with xcap.alice(slow) as client:
        yield client


@pytest.fixture
def slow_phone(slow):
    with slow.phone() as one:
        yield one


@pytest.mark.parametrize("mode", ["no-patching", "aggregate"])
def test_what_happens_between_two_notifies_is_one_item(slow_alice, slow_phone, mode):
    """49, 50, 51, 58"""
    alice, phone = slow_alice, slow_phone
    kept, brief, again, part = (HOME + mode + name for name in ("kept", "brief", "again", "part"))
    first, old = put_part(alice, kept, xcap.lists("bob")), put_part(alice, again, xcap.lists("bob"))
    phone.subscribe(HOME, part + FRIENDS, event=f"xcap-diff;diff-processing={mode}")
    phone.notify()
    put_part(alice, kept, xcap.lists("carol"))
    alice.put(brief, xcap.lists("dave"))
    alice.delete(brief)
    alice.delete(again)
    new = put_part(alice, again, xcap.lists("erin"))
    alice.put(part, xcap.lists("frank"))
    alice.delete(part)
    last = put_part(alice, kept, xcap.lists("grace"))
    by_sel = {item.sel: item for item in items(phone.notify())}
    assert set(by_sel) == {kept, again}
    assert (by_sel[kept].previous, by_sel[kept].new) == (first, last)
    assert (by_sel[again].previous, by_sel[again].new) == (old, new) and old != new
    assert phone.quiet(2.5)
    for name in (kept, again):
        alice.delete(name)
    phone.notify()


def test_xcap_patching_tells_each_version(slow_alice, slow_phone):
    """46, 48, 61"""
    alice, phone = slow_alice, slow_phone
    name = HOME + "each"
    etags = [put_part(alice, name, xcap.lists("bob"))]
    phone.subscribe(name, event="xcap-diff;diff-processing=xcap-patching")
    phone.notify()
    for friend in ("carol", "dave", "erin"):
        etags.append(put_part(alice, name + FRIENDS + f"/entry%5B@uri=%22sip:{friend}@example.com%22%5D",
                              f'<entry uri="sip:{friend}@example.com"/>'))
    told_all = items(phone.notify())
    assert [(item.previous, item.new) for item in told_all] == list(zip(etags, etags[1:]))
    assert all(item.children and item.children[0].tag == DIFF + "add" for item in told_all)
    alice.delete(name)
    phone.notify()


def test_another_tag_for_the_same_body(slow_alice, slow_phone):
    """47, 76"""
    alice, phone = slow_alice, slow_phone
    name = HOME + "same"
    for mode in ("xcap-patching", "aggregate"):
        first = put_part(alice, name, xcap.lists("bob"))
        _, dialog = phone.subscribe(name, event=f"xcap-diff;diff-processing={mode}")
        phone.notify()
        second = put_part(alice, name, xcap.lists("bob"))
        item = only(phone.notify())
        assert (item.previous, item.new) == (first, second)
        assert [child.tag for child in item.children] == [DIFF + "body-not-changed"]
        phone.subscribe(dialog=dialog, expires=0)
        phone.notify()
    alice.delete(name)


def test_an_element_too_large_to_send_is_told_without_content():
    """54"""
    with Station({"limits.sip-message": "16K"}) as station, xcap.alice(station) as alice, station.phone() as phone:
        name = HOME + "large"
        alice.put(name, xcap.big_lists(30000))
        phone.subscribe(name + FRIENDS, name)
        element, document = items(phone.notify())
        assert element.exists and not element.children and not (element.text or "")
        assert document.new
        assert ElementTree.fromstring(alice.get(name).body).tag == LISTS + "resource-lists"


def test_a_huge_collection_comes_in_parts():
    """29; bad input: huge collections"""
    settings = {"limits.sip-message": "16K", "limits.documents-per-user": "1000"}
    with Station(settings) as station, xcap.alice(station) as alice:
        etags = {}
        for n in range(300):
            etags[f"{HOME}{n:04}"] = put_part(alice, f"{HOME}{n:04}", xcap.lists("bob"))
        with station.phone("presence") as server:
            server.subscribe("resource-lists/")
            seen = {}
            while len(seen) < len(etags):
                notify = server.notify()
                assert len(notify.body) < 16384
                for sel, etag in told(notify).items():
                    assert sel not in seen
                    seen[sel] = etag
            assert seen == etags
            alice.delete(HOME + "0007")
            assert only(server.notify()).sel == HOME + "0007"
            _, dialog = server.subscribe("resource-lists/", expires=0)
            count = 0
            while (notify := server.notify()).state != "terminated":
                count += len(told(notify))
            assert count + len(told(notify)) == 299 and dialog
