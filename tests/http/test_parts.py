# SPDX-License-Identifier: BSD-2-Clause
"""Elements, attributes, namespaces: RFC 4825 §6.3, §6.4, §7.4-7.10, §8.2-8.4, §10, §13; issue 4."""
import threading
import xml.etree.ElementTree as ElementTree
from urllib.parse import quote

import pytest

import xcap
from xcap import (ATTRIBUTE, ELEMENT, LISTS_NAMESPACE, TYPES, conflict, lists, refused, stored, strong)

OPEN = f'<resource-lists xmlns="{LISTS_NAMESPACE}">'
CLOSE = "</resource-lists>"
DOCUMENT = f'''<?xml version="1.0" encoding="UTF-8"?>\r
<!-- дружба 🧡 -->{OPEN}<!-- <list name="not-me"/> -->\r
 <list name="friends" xmlns:x="urn:example:x" x:colour='red &amp; "blue"'>\r
  <?pi <entry uri="sip:pi@example.com"/> ?>\r
  <entry uri="sip:ann@example.com"><display-name>Аня <![CDATA[<entry/> ]]]]><![CDATA[>]]></display-name></entry>\r
\t<entry\turi='sip:ben@example.com' ><x:note>п'ять > 4 🙂</x:note></entry ><!--a--><entry uri="sip:cas@example.com"/>\r
  <entry-ref ref="a/b"/>\r
  <x:end/></list>\r
 <list name="&#x66;oes"><list name="inner"/></list>\r
{CLOSE}\r
<!-- end -->'''
ENTRIES = [DOCUMENT[DOCUMENT.index("<entry uri=\"sip:ann"):DOCUMENT.index("</entry>") + 8],
           DOCUMENT[DOCUMENT.index("<entry\turi"):DOCUMENT.index("</entry >") + 9],
           '<entry uri="sip:cas@example.com"/>']
X = "?xmlns(x=urn:example:x)"


@pytest.fixture
def document(alice, path):
    stored(alice.put(path, DOCUMENT), 201)
    return path


def part(path, selector):
    """The URI of a part: a node selector written as in the RFC's text, escaped here."""
    selector, mark, query = selector.partition("?")
    return f"{path}/~~/{quote(selector, safe='/@=:*()')}{mark}{query}"


def unchanged(client, path, etag):
    answer = client.get(path)
    assert (answer["ETag"], answer.body.decode()) == (etag, DOCUMENT)


# --- fetching ---

@pytest.mark.parametrize("selector, expected", [
    ("resource-lists/list[1]/entry[1]", ENTRIES[0]),
    ("resource-lists/list[1]/entry[2]", ENTRIES[1]),
    ("resource-lists/list[1]/entry[3]", ENTRIES[2]),
    ("resource-lists/list[1]/*[2]", ENTRIES[1]),
    ("resource-lists/*[1]/*[3]", ENTRIES[2]),
    ('resource-lists/list[@name="friends"]/entry[@uri="sip:ben@example.com"]', ENTRIES[1]),
    ("resource-lists/list[@name='friends']/entry[@uri='sip:ben@example.com']", ENTRIES[1]),
    ('resource-lists/list[@name="friends"]/*[@uri="sip:cas@example.com"]', ENTRIES[2]),
    ('*/*[1]/entry[3][@uri="sip:cas@example.com"]', ENTRIES[2]),
    ('resource-lists/list[@name="foes"]/list', '<list name="inner"/>'),
    ('resource-lists/list[2][@name="foes"]/list[@name="inner"]', '<list name="inner"/>'),
    ("resource-lists/list[1]/x:end" + X, "<x:end/>"),
    ("resource-lists/list[1]/entry[2]/y:note?xmlns(y=urn:example:x)", "<x:note>п'ять > 4 🙂</x:note>"),
    ("resource-lists/list[@x:colour='red &amp; \"blue\"']/entry[3]" + X, ENTRIES[2]),
    ("resource-lists/list[1]/entry[1]/display-name",
     "<display-name>Аня <![CDATA[<entry/> ]]]]><![CDATA[>]]></display-name>"),
    ("resource-lists", DOCUMENT[DOCUMENT.index(OPEN):DOCUMENT.index(CLOSE) + len(CLOSE)]),
    ("r:resource-lists/r:list[1]/r:entry[3]?xmlns(r=urn:ietf:params:xml:ns:resource-lists)", ENTRIES[2]),
    ("resource-lists/list[1]/entry[3]?xmlns(a=urn:a)xmlns(b=urn:b)", ENTRIES[2]),
    ("resource-lists/list[1]/entry[3]?unknown(scheme)xmlns(b=urn:b)", ENTRIES[2]),
])
def test_an_element_is_the_octets_of_the_document(alice, document, selector, expected):
    answer = alice.get(part(document, selector))
    assert answer.status == 200, answer
    assert answer.body.decode() == expected
    assert answer["Content-Type"] == ELEMENT
    assert answer["ETag"] == alice.get(document)["ETag"]
    headed = alice.head(part(document, selector))
    assert (headed.status, headed.body, headed["Content-Length"]) == (200, b"", str(len(expected.encode())))


def test_a_condition_on_a_part_counts_only_where_there_is_one(alice, document):
    etag = alice.get(document)["ETag"]
    there, lost = part(document, "resource-lists/list[1]/@name"), part(document, "resource-lists/list[9]")
    unchanged = alice.get(there, if_none_match=etag)
    assert (unchanged.status, unchanged["ETag"], unchanged["Content-Length"]) == (304, etag, "7")
    assert alice.get(document, if_none_match=etag)["Content-Length"] == str(len(DOCUMENT.encode()))
    assert alice.get(lost, if_none_match=etag).status == 404
    assert alice.get(lost, if_match=etag).status == 404


@pytest.mark.parametrize("query", ["xmlns(q=urn:x^(y^))", "xmlns(q=urn:x^^y)", "xmlns(q=urn:x%25y)"])
def test_the_location_of_a_part_can_be_used_as_it_is(server, alice, document, query):
    namespace = query[8:-1].replace("^", "", 1).replace("^)", ")").replace("%25", "%")
    target = part(document, f'resource-lists/list[1]/q:new[@a="ж"]?{query}')
    made = alice.put(target, f'<q:new xmlns:q="{namespace}" a="ж"/>', type=ELEMENT)
    assert made.status == 201, made
    root, _, found = made["Location"].partition(f"{server.root_path}/")
    assert root == f"http://{server.authority}", made
    assert alice.get(found).status == 200


@pytest.mark.parametrize("selector, expected", [
    ('resource-lists/list[1]/entry[1]/@uri', "sip:ann@example.com"),
    ('resource-lists/list[1]/entry[2]/@uri', "sip:ben@example.com"),
    ('resource-lists/list[1]/@name', "friends"),
])
def test_an_attribute_is_its_value(alice, document, selector, expected):
    answer = alice.get(part(document, selector))
    assert answer.status == 200 and answer.body.decode().strip("\"'") == expected
    assert answer["Content-Type"] == ATTRIBUTE
    assert strong(answer) == alice.get(document)["ETag"]


def test_namespaces_in_scope_are_told(alice, document):
    """RFC 4825 §10."""
    answer = alice.get(part(document, "resource-lists/list[1]/entry[2]/namespace::*"))
    assert answer.status == 200 and answer["Content-Type"] == "application/xcap-ns+xml"
    text = answer.body.decode()
    assert text.startswith("<entry ") and f'xmlns="{LISTS_NAMESPACE}"' in text and 'xmlns:x="urn:example:x"' in text
    assert "uri=" not in text
    ElementTree.fromstring(answer.body)


@pytest.mark.parametrize("selector", [
    "resource-lists/list[3]", "resource-lists/list[0]", "resource-lists/list", "resource-lists/list[1]/entry",
    "resource-lists/*", "lists", "resource-lists/list[@name='nobody']", "resource-lists/list[1]/@colour",
    "resource-lists/list[1]/colour", "resource-lists/list[@xmlns='urn:x']",
    "resource-lists/list[1]/entry[1]/text()",
    "resource-lists/list[last()]", "id('x')", "resource-lists/list[1][@name='foes']",
    "resource-lists/list[1]/entry[1][2]",
    "resource-lists/list[@name='not-me']", "resource-lists/list[1]/entry[@uri='sip:pi@example.com']",
    "resource-lists/list[2]/@xmlns",
])
def test_what_selects_nothing_or_too_much_is_404(alice, document, selector):
    refused(alice.get(part(document, selector)), 404)
    refused(alice.delete(part(document, selector)), 404)


@pytest.mark.parametrize("selector", [
    "p:resource-lists", "resource-lists/p:list", "resource-lists/list[@p:a='b']",
    "resource-lists/list[1]/@p:a",
    "p:resource-lists?xmlns(q=urn:q)", "p:resource-lists?xmlns(P=urn:q)", "resource-lists?xmlns(",
    "resource-lists?xmlns(a",
])
def test_an_unbound_prefix_or_a_broken_query_is_400(alice, document, selector):
    refused(alice.get(part(document, selector)), 400)
    refused(alice.put(part(document, selector), "<x/>", type=ELEMENT), 400)


def test_a_part_can_be_asked_for_conditionally(alice, document):
    selector = part(document, "resource-lists/list[1]/entry[3]")
    etag = alice.get(document)["ETag"]
    answer = alice.get(selector, if_none_match=etag)
    assert answer.status == 304 and answer["ETag"] == etag
    refused(alice.get(selector, if_match='"other"'), 412)


def test_parts_of_what_is_not_there(alice, path):
    refused(alice.get(part(path, "resource-lists/list")), 404)
    refused(alice.delete(part(path, "resource-lists/list")), 404)
    conflict(alice.put(part(path, "resource-lists/list"), "<list/>"), "no-parent")


# --- putting elements ---

LINES = ['<list name="a"/>', '<list name="b"/>', "<!-- c -->"]


def frame(*items):
    return OPEN + "\n " + "\n ".join(items) + "\n" + CLOSE


NEW = '<list name="n"/>'


@pytest.mark.parametrize("selector, expected", [
    pytest.param('resource-lists/list[@name="n"]', frame(LINES[0], LINES[1] + NEW, LINES[2]),
                 id="earliest-last"),
    pytest.param('resource-lists/*[@name="n"]', frame(*LINES)[:-len(CLOSE)] + NEW + CLOSE,
                 id="wildcard-without-position"),
    pytest.param('resource-lists/list[1][@name="n"]', frame(NEW + LINES[0], *LINES[1:]),
                 id="before-the-first"),
    pytest.param('resource-lists/*[1][@name="n"]', frame(NEW + LINES[0], *LINES[1:]), id="before-all"),
    pytest.param('resource-lists/list[2][@name="n"]', frame(LINES[0] + NEW, *LINES[1:]),
                 id="earliest-second"),
    pytest.param('resource-lists/*[2][@name="n"]', frame(LINES[0] + NEW, *LINES[1:]),
                 id="earliest-second-of-any-name"),
    pytest.param("resource-lists/list[3]", frame(LINES[0], LINES[1] + NEW, LINES[2]), id="earliest-third"),
    pytest.param('resource-lists/*[3][@name="n"]', frame(LINES[0], LINES[1] + NEW, LINES[2]),
                 id="earliest-third-of-any"),
])
def test_a_new_element_lands_where_the_rfc_says(alice, path, selector, expected):
    """RFC 4825 §8.2.3."""
    before = stored(alice.put(path, frame(*LINES)), 201)
    answer = alice.put(part(path, selector), NEW)
    assert stored(answer, 201) != before
    got = alice.get(path)
    assert got.body.decode() == expected and got["ETag"] == answer["ETag"]
    assert alice.get(part(path, selector)).body.decode() == NEW


def test_the_story_of_bill(server):
    """RFC 4825 §13, request by request."""
    server.add_users(("sip:bill@example.com", "user", "bill"))
    index = "resource-lists/users/sip:bill@example.com/index"
    first = ('<?xml version="1.0" encoding="UTF-8"?>\n<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists">\n'
             '  <list name="friends">\n  </list>\n</resource-lists>\n')
    bob = '<entry uri="sip:bob@example.com">\n    <display-name>Bob Jones</display-name>\n  </entry>'
    close = ('<list name="close-friends">\n' + "".join(
        f'   <entry uri="sip:{uri}@example.com">\n     <display-name>{name}</display-name>\n   </entry>\n'
        for uri, name in (("joe", "Joe Smith"), ("nancy", "Nancy Gross"),
                          ("petri", "Petri Aukia"))) + "</list>")
    with xcap.Client(server, "bill", "bill") as bill:
        stored(bill.put(index, first), 201)
        stored(bill.put(part(index, 'resource-lists/list[@name="friends"]/entry'), bob), 201)
        assert bill.get(index).text == first.replace("  </list>", f"  {bob}</list>")
        stored(bill.put(part(index, 'resource-lists/list[@name="friends"]/list[@name="close-friends"]'),
                        close), 201)
        assert bill.get(index).text == first.replace("  </list>", f"  {bob}{close}</list>")
        answer = bill.delete(part(index, 'resource-lists/list/list/entry[@uri="sip:petri@example.com"]'))
        assert answer.status == 200 and strong(answer) == bill.get(index)["ETag"]
        left = close[:close.index('<entry uri="sip:petri')] + "\n</list>"
        assert bill.get(index).text == first.replace("  </list>", f"  {bob}{left}</list>")
        answer = bill.get(part(index, "resource-lists/list/list/entry[2]/@uri"))
        assert answer.text.strip('"') == "sip:nancy@example.com" and answer["Content-Type"] == ATTRIBUTE
        server.ctl("user", "remove", "sip:bill@example.com")


def test_replacing_an_element_leaves_every_other_octet(alice, document):
    new = '<entry uri="sip:ben@example.com"><!-- new --><display-name>Бен</display-name></entry>'
    stored(alice.put(part(document, 'resource-lists/list[1]/entry[@uri="sip:ben@example.com"]'), new), 200)
    assert alice.get(document).body.decode() == DOCUMENT.replace(ENTRIES[1], new)


def test_a_fragment_may_use_its_parents_prefixes(alice, document):
    new = '<entry uri="sip:new@example.com"><x:note>parent declares x</x:note></entry>'
    stored(alice.put(part(document, 'resource-lists/list[1]/entry[@uri="sip:new@example.com"]'), new), 201)
    assert alice.get(document).body.decode() == DOCUMENT.replace(ENTRIES[2], ENTRIES[2] + new)


def test_redundant_declarations_stay(alice, document):
    new = f'<entry xmlns="{LISTS_NAMESPACE}" uri="sip:new@example.com"/>'
    stored(alice.put(part(document, 'resource-lists/list[1]/entry[@uri="sip:new@example.com"]'), new), 201)
    assert alice.get(part(document, "resource-lists/list[1]/entry[4]")).body.decode() == new


def test_the_root_element_can_be_replaced(alice, document):
    new = f'{OPEN}<list name="only"/>{CLOSE}'
    stored(alice.put(part(document, "resource-lists"), new), 200)
    start, end = DOCUMENT.index(OPEN), DOCUMENT.index(CLOSE) + len(CLOSE)
    assert alice.get(document).body.decode() == DOCUMENT[:start] + new + DOCUMENT[end:]


@pytest.mark.parametrize("selector, body, kinds", [
    pytest.param('resource-lists/list[@name="n"]', '<list name="m"/>', ["cannot-insert"],
                 id="other-attribute"),
    pytest.param('resource-lists/list[@name="n"]', '<entry name="n"/>', ["cannot-insert"], id="other-name"),
    pytest.param('resource-lists/list[9][@name="n"]', '<list name="n"/>', ["cannot-insert"], id="too-far"),
    pytest.param('resource-lists/*[9][@name="n"]', '<list name="n"/>', ["cannot-insert"],
                 id="wildcard-too-far"),
    pytest.param('resource-lists/list[@name="friends"]', '<list name="renamed"/>', ["cannot-insert"],
                 id="replaced-under-another-name"),
    pytest.param('resource-lists/list[@name="n"]', '<list name="n" xmlns="urn:other"/>', ["cannot-insert"],
                 id="other-namespace"),
    pytest.param('resource-lists/list[3][@name="friends"]', '<list name="friends"/>', ["uniqueness-failure"],
                 id="unique-name"),
    pytest.param('resource-lists/list[7]/entry', '<entry uri="a:b"/>', ["no-parent"], id="no-parent"),
    pytest.param('resource-lists/list/entry', '<entry uri="a:b"/>', ["no-parent"], id="ambiguous-parent"),
    pytest.param('wrong/list', '<list/>', ["no-parent"], id="wrong-root"),
    pytest.param('resource-lists/list[@name="n"]', '<list name="n">', ["not-xml-frag"], id="not-closed"),
    pytest.param('resource-lists/list[@name="n"]', '<list name="n"/><list/>', ["not-xml-frag"],
                 id="two-elements"),
    pytest.param('resource-lists/list[@name="n"]', 'text', ["not-xml-frag"], id="text"),
    pytest.param('resource-lists/list[@name="n"]', 'text <list name="n"/>', ["not-xml-frag"],
                 id="text-before"),
    pytest.param('resource-lists/list[@name="n"]', '', ["not-xml-frag"], id="empty"),
    pytest.param('resource-lists/list[@name="n"]', '<!DOCTYPE list><list name="n"/>', ["not-xml-frag"],
                 id="doctype"),
    pytest.param('resource-lists/list[@name="n"]', '<list name="n"><u:x/></list>', ["not-xml-frag"],
                 id="unbound-prefix"),
    pytest.param('resource-lists/list[@name="n"]', '</resource-lists><list name="n"/>', ["not-xml-frag"],
                 id="closes-its-parent"),
    pytest.param('resource-lists/list[@name="n"]',
                 b'<list name="n"><display-name>\xe7</display-name></list>', ["not-utf-8"], id="latin-1"),
    pytest.param('resource-lists/list[@name="n"]', '<list name="n" colour="red"/>',
                 ["schema-validation-error"], id="schema"),
    pytest.param('resource-lists/buddy', '<buddy/>', ["schema-validation-error"],
                 id="schema-unknown-element"),
    pytest.param('resource-lists/list[1]/entry[@uri="sip:n@x"]',
                 '<entry uri="sip:n@x"><display-name/><display-name/></entry>',
                 ["schema-validation-error"], id="schema-inside"),
])
def test_an_element_that_may_not_stand_there_is_refused(alice, document, selector, body, kinds):
    etag = alice.get(document)["ETag"]
    conflict(alice.put(part(document, selector), body, type=ELEMENT), *kinds)
    unchanged(alice, document, etag)


def test_no_parent_names_the_closest_ancestor(alice, document):
    error = conflict(alice.put(part(document, "resource-lists/list[1]/list[5]/entry"), '<entry uri="a:b"/>'),
                     "no-parent")
    ancestor = error.findtext(xcap.ERROR_NAMESPACE + "ancestor")
    assert ancestor and alice.get(ancestor if ancestor.startswith(("/", "http")) else
                                  document.rsplit("/", 1)[0] + "/" + ancestor).status == 200, ancestor


# --- attributes ---

@pytest.mark.parametrize("selector, body, status, old, new", [
    pytest.param("resource-lists/list[1]/@name", '"pals"', 200, 'name="friends"', 'name="pals"',
                 id="replace"),
    pytest.param("resource-lists/list[1]/@name", "'pals'", 200, 'name="friends"', "pals", id="apostrophes"),
    pytest.param("resource-lists/list[2]/list/@name", '"a &amp; b"', 200, 'name="inner"', 'name="a &amp; b"',
                 id="reference"),
])
def test_an_attribute_is_put(alice, document, selector, body, status, old, new):
    stored(alice.put(part(document, selector), body), status)
    text = alice.get(document).body.decode()
    assert new in text and old not in text
    assert len(text) == len(DOCUMENT) + len(body) - 2 - len(old.split("=")[1]) + 2


def test_an_attribute_is_created_and_deleted(alice, path):
    stored(alice.put(path, OPEN + "<list><entry uri='sip:a@b'/></list>" + CLOSE), 201)
    target = part(path, "resource-lists/list/@name")
    stored(alice.put(target, '"мої"'), 201)
    assert alice.get(target).body.decode().strip("\"'") == "мої"
    answer = alice.delete(target)
    assert answer.status == 200 and strong(answer) == alice.get(path)["ETag"]
    refused(alice.get(target), 404)


@pytest.mark.parametrize("body, kind", [
    ('"a<b"', "not-xml-att-value"), ('"a&b"', "not-xml-att-value"), ('"a" b="c"', "not-xml-att-value"),
    ('"a', "not-xml-att-value"),
    ('"&unknown;"', "not-xml-att-value"), (b'"\xe7"', "not-utf-8"),
])
def test_what_is_no_attribute_value_is_refused(alice, document, body, kind):
    etag = alice.get(document)["ETag"]
    conflict(alice.put(part(document, "resource-lists/list[1]/@name"), body), kind)
    unchanged(alice, document, etag)


def test_an_attribute_that_the_selector_would_lose_cannot_be_put(alice, document):
    """RFC 4825 §7.7."""
    etag = alice.get(document)["ETag"]
    conflict(alice.put(part(document, 'resource-lists/list[@name="friends"]/@name'), '"pals"'),
             "cannot-insert")
    unchanged(alice, document, etag)


def test_attributes_obey_the_schema_and_uniqueness(alice, document):
    etag = alice.get(document)["ETag"]
    conflict(alice.put(part(document, "resource-lists/list[1]/@colour"), '"red"'), "schema-validation-error")
    conflict(alice.put(part(document, "resource-lists/list[2]/@name"), '"friends"'), "uniqueness-failure")
    conflict(alice.delete(part(document, "resource-lists/list[1]/entry[1]/@uri")), "schema-validation-error")
    conflict(alice.put(part(document, "resource-lists/list[9]/@name"), '"x"'), "no-parent")
    unchanged(alice, document, etag)


# --- deleting ---

@pytest.mark.parametrize("selector, gone", [
    ('resource-lists/list[1]/entry[@uri="sip:ben@example.com"]', ENTRIES[1]),
    ("resource-lists/list[1]/entry[3]", ENTRIES[2]),
    ('resource-lists/list[@name="foes"]/list', '<list name="inner"/>'),
    ("resource-lists/list[1]/x:end" + X, "<x:end/>"),
])
def test_deleting_an_element_leaves_every_other_octet(alice, document, selector, gone):
    answer = alice.delete(part(document, selector))
    assert answer.status == 200
    got = alice.get(document)
    assert got.body.decode() == DOCUMENT.replace(gone, "") and got["ETag"] == strong(answer)
    refused(alice.delete(part(document, selector)), 404)


@pytest.mark.parametrize("selector", ["resource-lists/list[1]/entry[1]", "resource-lists/*[1]",
                                      "resource-lists/list[1]/*[2]"])
def test_deleting_by_a_position_that_another_takes_is_refused(alice, document, selector):
    """RFC 4825 §7.5, §8.4: the URI would select another element."""
    etag = alice.get(document)["ETag"]
    conflict(alice.delete(part(document, selector)), "cannot-delete")
    unchanged(alice, document, etag)


def test_deleting_the_root_element_is_refused(alice, document):
    etag = alice.get(document)["ETag"]
    answer = alice.delete(part(document, "resource-lists"))
    conflict(answer, "cannot-delete", "schema-validation-error", "not-well-formed", "constraint-failure")
    unchanged(alice, document, etag)


# --- types, methods, conditions ---

@pytest.mark.parametrize("selector, type", [
    ("resource-lists/list[1]", TYPES["resource-lists"]), ("resource-lists/list[1]", ATTRIBUTE),
    ("resource-lists/list[1]", "text/xml"),
    ("resource-lists/list[1]", None), ("resource-lists/list[1]/@name", ELEMENT),
    ("resource-lists/list[1]/@name", "text/plain"),
])
def test_a_part_has_its_own_media_type(alice, document, selector, type):
    refused(alice.put(part(document, selector), '<list name="friends"/>', type=type), 415)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST"])
def test_namespaces_cannot_be_changed(alice, document, method):
    body = b"<x/>" if method != "DELETE" else None
    answer = refused(alice.ask(method, part(document, "resource-lists/namespace::*"), body,
                               [("Content-Type", ELEMENT)]), 405)
    assert {word.strip() for word in answer["Allow"].split(",")} - {"OPTIONS"} == {"GET", "HEAD"}


def test_the_documents_etag_is_the_condition_of_its_parts(alice, document):
    """RFC 4825 §8.2.6, §8.5."""
    etag = alice.get(document)["ETag"]
    target = part(document, 'resource-lists/list[1]/entry[@uri="sip:n@x"]')
    refused(alice.put(target, '<entry uri="sip:n@x"/>', if_match='"other"'), 412)
    second = stored(alice.put(target, '<entry uri="sip:n@x"/>', if_match=etag), 201)
    refused(alice.delete(target, if_match=etag), 412)
    assert alice.delete(target, if_match=second).status == 200
    assert alice.get(document)["ETag"] not in (etag, second)


def test_creating_a_part_on_condition_that_it_is_new_always_fails(alice, document):
    """RFC 4825 §8.2.6."""
    etag = alice.get(document)["ETag"]
    refused(alice.put(part(document, 'resource-lists/list[1]/entry[@uri="sip:n@x"]'),
                      '<entry uri="sip:n@x"/>',
                      if_none_match="*"), 412)
    unchanged(alice, document, etag)


def test_an_edit_may_not_grow_a_document_past_the_limit():
    with xcap.Server({"limits.document": "4K"}) as server, xcap.alice(server) as alice:
        index = "resource-lists/users/sip:alice@example.com/index"
        stored(alice.put(index, lists("ann")), 201)
        name = "n" * 3900
        target = f"{index}/~~/resource-lists/list/display-name"
        conflict(alice.put(target, f"<display-name>{name}</display-name>"), "constraint-failure",
                 "schema-validation-error")
        assert alice.get(index).body == lists("ann").encode()


# --- many at once ---

def test_twenty_clients_put_an_entry_each_and_all_are_there(server, alice, path):
    """Issue 4: 20 times 201, 20 entries, the document valid."""
    stored(alice.put(path, lists()), 201)
    statuses, start = [], threading.Barrier(20)

    def add(number):
        with xcap.alice(server) as client:
            client.get(path)
            start.wait(20)
            target = part(path, f'resource-lists/list/entry[@uri="sip:n{number}@example.com"]')
            statuses.append(client.put(target, f'<entry uri="sip:n{number}@example.com"/>').status)
    threads = [threading.Thread(target=add, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert statuses == [201] * 20
    root = ElementTree.fromstring(alice.get(path).body)
    uris = {entry.get("uri") for entry in root.iter(f"{{{LISTS_NAMESPACE}}}entry")}
    assert uris == {f"sip:n{number}@example.com" for number in range(20)}


def test_two_writers_of_different_parts_never_lose_each_others_edit(server, alice, path):
    stored(alice.put(path, frame('<list name="a"/>', '<list name="b"/>')), 201)
    failed = []

    def write(name):
        with xcap.alice(server) as client:
            for number in range(40):
                answer = client.put(part(path,
                                         f'resource-lists/list[@name="{name}"]/entry[@uri="sip:{number}@x"]'),
                                    f'<entry uri="sip:{number}@x"/>')
                if answer.status != 201:
                    failed.append(answer)
    threads = [threading.Thread(target=write, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed
    text = alice.get(path).text
    assert text.count("<entry") == 80
