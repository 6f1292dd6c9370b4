# SPDX-License-Identifier: BSD-2-Clause
"""The message sequence of RFC 5875 Appendix A, and a sipp scenario for a subscriber that is none of ours."""
import pathlib
import shutil
import subprocess
import tempfile

import pytest

import xcap
from daemon import end_with_parent
from place import SLOW, SOURCE
from station import DIFF, Station, bare, items, only, told

HERE = pathlib.Path(__file__).resolve().parent
HOME = "tests/users/sip:joe@example.com/"
DOC = '<?xml version="1.0" encoding="UTF-8"?>\n<doc xmlns="urn:tests">\n  <note>This is {} sample document</note>\n</doc>\n'
USERS = (("sip:joe@example.com", "user", "joe"), ("sip:john@example.com", "user", "john"))


@pytest.fixture(scope="module")
def station():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="xcapd-usages-"))
    for path in (SOURCE / "auids").glob("*"):
        if path.suffix in (".xml", ".xsl", ".template"):
            shutil.copy(path, folder)
    shutil.copy(HERE / "tests-usage.xml", folder / "tests.xml")
    settings = {"usage.definitions": folder, "notifier.min-interval": "1s"}
    with Station(settings, users=USERS) as running:
        yield running
    shutil.rmtree(folder)


@pytest.fixture
def joe(station):
    with xcap.Client(station, "joe", "joe") as client:
        client.put(HOME + "index", DOC.format("a"), "application/xml")
        yield client
        client.delete(HOME + "index")
        client.delete(HOME + "another_document")


@pytest.fixture
def phone(station):
    with station.phone("joe") as one:
        yield one


def put(client, path, body, kind="application/xcap-el+xml"):
    return bare(xcap.stored(client.put(path, body, kind)))


def test_a1_to_a3_documents_of_a_collection(station, joe, phone):
    with xcap.Client(station, "john", "john") as john:
        put(john, "tests/users/sip:john@example.com/index", DOC.format("another"), "application/xml")
    index = bare(joe.get(HOME + "index")["ETag"])
    for folder in (HOME, "tests/users/"):
        _, dialog = phone.subscribe(folder, event="xcap-diff; diff-processing=aggregate")
        assert told(phone.notify()) == {HOME + "index": index}
    another = put(joe, HOME + "another_document", DOC.format("another"), "application/xml")
    for _ in range(2):
        assert told(phone.notify()) == {HOME + "another_document": another}
    phone.subscribe(folder, dialog=dialog, event="xcap-diff; diff-processing=aggregate")
    assert told(phone.notify()) == {HOME + "index": index, HOME + "another_document": another}


@pytest.mark.parametrize("mode", ["aggregate", "xcap-patching", "no-patching"])
def test_a4_a_series_of_modifications(station, joe, phone, mode):
    etags = [bare(joe.get(HOME + "index")["ETag"])]
    phone.subscribe(HOME + "index", event=f"xcap-diff; diff-processing={mode}")
    phone.notify()
    for name, text in (("foo", "this is a new element"), ("bar", "this is a bar element\n   "),
                       ("foobar", "this is a foobar element")):
        etags.append(put(joe, HOME + f"index/~~/doc/{name}", f"<{name}>{text}</{name}>"))
    said = items(phone.notify())
    if mode == "xcap-patching":
        assert [(item.previous, item.new) for item in said] == list(zip(etags, etags[1:]))
        assert [[child.tag for child in item.children] for item in said] == [[DIFF + "add"]] * 3
        return
    (item,) = said
    assert (item.previous, item.new) == (etags[0], etags[-1])
    added = [child[0].tag for child in item.children if len(child)]
    if mode == "no-patching":
        assert not item.children
    else:
        assert [tag for child in item.children for tag in (node.tag for node in child)] == [
            "{urn:tests}foo", "{urn:tests}bar", "{urn:tests}foobar"], added


def test_a5_a_component(joe, phone):
    sel = HOME + "index/~~/doc/@id"
    phone.subscribe(sel)
    assert items(phone.notify()) == []
    put(joe, HOME + "index/~~/doc", '<doc xmlns="urn:tests" id="bar">This is a new root element</doc>')
    item = only(phone.notify())
    assert (item.kind, item.sel, item.text, item.exists) == ("attribute", sel, "bar", True)
    joe.delete(HOME + "index/~~/doc/@id")
    item = only(phone.notify())
    assert (item.sel, item.exists, item.text) == (sel, False, None)


def test_the_example_of_section_5(station, joe, phone):
    """RFC 5875 Figure 1: a document, an element and a collection in one list."""
    services = "rls-services/users/sip:joe@example.com/index"
    marketing = services + "/~~/*/service%5b@uri='sip:marketing@example.com'%5d"
    lists = "resource-lists/users/sip:joe@example.com/index"
    put(joe, lists, xcap.lists("petri"), xcap.TYPES["resource-lists"])
    put(joe, services, xcap.services("sip:marketing@example.com", owner="sip:joe@example.com"),
        xcap.TYPES["rls-services"])
    put(joe, "pidf-manipulation/users/sip:joe@example.com/index",
        '<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:joe@example.com"/>',
        "application/pidf+xml")
    response, _ = phone.subscribe(lists, marketing, "pidf-manipulation/", expires=4200,
                                  Accept="application/xcap-diff+xml")
    assert response.status == 200 and response["Expires"] == "4200"
    document, element, member = items(phone.notify())
    assert (document.kind, document.sel) == ("document", lists)
    assert (element.kind, element.sel) == ("element", marketing)
    assert element.children[0].get("uri") == "sip:marketing@example.com"
    assert (member.kind, member.sel) == ("document", "pidf-manipulation/users/sip:joe@example.com/index")


@pytest.mark.parametrize("transport", ["u1", "t1"])
def test_sipp_subscribes(station, joe, transport, tmp_path):
    """A subscriber that others wrote: SUBSCRIBE, 401, SUBSCRIBE, 200, NOTIFY, refresh, NOTIFY, end, NOTIFY."""
    done = subprocess.run(
        ["sipp", f"127.0.0.1:{station.sip_port}", "-sf", HERE / "subscriber.sipp", "-i", "127.0.0.1", "-m", "20", "-r",
         "20", "-t", transport, "-s", "joe", "-au", "joe", "-ap", "joe", "-timeout", "40s", "-timeout_error", "-nostdin",
         "-key", "document", HOME + "index"],
        cwd=tmp_path, capture_output=True, text=True, timeout=90 * SLOW, check=False, preexec_fn=end_with_parent)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
