# SPDX-License-Identifier: BSD-2-Clause
"""Whole documents go in, survive and come out: RFC 4825 §7.1-7.3, §8.2-8.5; CONTRACT.md, HTTP."""
import re
import xml.etree.ElementTree as ElementTree

import pytest

from xcap import (ALICE, BOBS_LISTS, CAPS, GLOBAL_LISTS, LISTS, RULES, SERVICES, SOURCE, TYPES,
                  assert_valid, big_lists, conflict, lists, refused, rules, services, stored, strong)

CRLF = lists("ann", "ben").replace("\n", "\r\n")
DECORATED = '''<?xml version='1.0' encoding='utf-8' standalone="yes"?>
<!-- before the root: - a single hyphen is fine -->
<?word some processing instruction ?>
<rl:resource-lists xmlns:rl="urn:ietf:params:xml:ns:resource-lists"
\t xmlns:x='urn:example:extension'   >
<rl:list  name = 'Дружба 🧡'   x:colour="&#x1F49B; &amp; &lt;&quot;" >
<!-- комментарий --><rl:entry   uri="sip:ann@example.com"  ><rl:display-name xml:lang="uk"
>Аня <![CDATA[<&]]> 👩‍👩‍👧</rl:display-name  ></rl:entry
>
   <rl:entry uri='sip:ben@example.com'/><x:more>  <x:deeper/>\t</x:more>
</rl:list></rl:resource-lists>
<!-- after the root -->

'''


@pytest.mark.parametrize("body", [
    pytest.param(lists("ann", "ben"), id="plain"),
    pytest.param(b"\xef\xbb\xbf" + lists("ann").encode(), id="byte-order-mark"),
    pytest.param(CRLF, id="crlf"),
    pytest.param(DECORATED, id="comments-pi-cdata-emoji-cyrillic"),
    pytest.param(lists("ann").split("\n", 1)[1], id="no-xml-declaration"),
    pytest.param(lists("ann").rstrip("\n"), id="no-last-newline"),
    pytest.param(lists("ann") + "\n" * 500 + " " * 500, id="trailing-white-space"),
    pytest.param(big_lists(900_000), id="900-kilobytes"),
])
def test_a_document_comes_back_octet_for_octet(alice, path, body):
    etag = stored(alice.put(path, body), 201)
    answer = alice.get(path)
    assert answer.status == 200
    assert answer.body == (body.encode() if isinstance(body, str) else body)
    assert answer["ETag"] == etag
    assert answer["Content-Type"] == TYPES["resource-lists"]


def test_creating_is_201_with_a_location_that_leads_to_the_document(alice, path):
    answer = alice.put(path, lists("ann"))
    stored(answer, 201)
    location = answer["Location"]
    assert re.match(r"http://|/", location), location
    assert alice.get(location).body == lists("ann").encode()


def test_replacing_is_200_without_a_body_and_with_another_strong_etag(alice, path):
    first = stored(alice.put(path, lists("ann")), 201)
    answer = alice.put(path, lists("ben"))
    second = stored(answer, 200)
    assert answer.body == b""
    assert second != first
    assert alice.get(path).body == lists("ben").encode()


def test_putting_the_same_again_is_200_and_stays_the_same(alice, path):
    stored(alice.put(path, lists("ann")), 201)
    etag = stored(alice.put(path, lists("ann")), 200)
    answer = alice.get(path)
    assert (answer.body, answer["ETag"]) == (lists("ann").encode(), etag)


def test_an_etag_stays_until_the_document_changes(alice, path):
    etag = stored(alice.put(path, lists("ann")))
    assert {alice.get(path)["ETag"] for _ in range(5)} == {etag}


def test_head_says_what_get_says_without_the_body(alice, path):
    stored(alice.put(path, lists("ann")))
    got, headed = alice.get(path), alice.head(path)
    assert headed.status == 200 and headed.body == b""
    for name in ("ETag", "Content-Type", "Content-Length", "Cache-Control"):
        assert headed[name] == got[name], name
    assert int(headed["Content-Length"]) == len(lists("ann"))


def test_deleting_is_200_then_404(alice, path):
    stored(alice.put(path, lists("ann")))
    answer = alice.delete(path)
    assert answer.status == 200
    assert answer["ETag"] is None  # the document is no more (RFC 4825 §8.5)
    refused(alice.get(path), 404)
    refused(alice.delete(path), 404)


def test_nothing_is_ever_answered_204(alice, path):
    statuses = [alice.put(path, lists("a")).status, alice.put(path, lists("b")).status,
                alice.ask("OPTIONS", path).status, alice.delete(path).status]
    assert statuses == [201, 200, 200, 200]


def test_an_etag_is_never_used_again_after_delete_and_create(alice, path):
    seen = set()
    for _ in range(5):
        etags = {stored(alice.put(path, lists("ann")), 201), stored(alice.put(path, lists("ann")), 200)}
        assert len(etags) == 2 and not etags & seen
        seen |= etags
        alice.delete(path)


def test_two_documents_never_share_an_etag(alice, path):
    one, two = stored(alice.put(path, lists("ann"))), stored(alice.put(path + "b", lists("ann")))
    assert one != two
    alice.delete(path + "b")


@pytest.mark.parametrize("target, body", [(LISTS, lists("ann")),
                                          (SERVICES, services("sip:friends@example.com")),
                                          (RULES, rules("bob"))],
                                          ids=["resource-lists", "rls-services", "pres-rules"])
def test_the_media_type_is_exactly_the_usages(alice, target, body):
    stored(alice.put(target, body), 201)
    assert alice.get(target)["Content-Type"] == TYPES[target.split("/")[0]]
    assert alice.delete(target).status == 200


@pytest.mark.parametrize("how", ["get", "head", "put"])
def test_caches_are_told_to_ask_again(alice, path, how):
    stored(alice.put(path, lists("ann")))
    answer = alice.put(path, lists("ann")) if how == "put" else getattr(alice, how)(path)
    assert answer.status == 200
    if how != "put":
        assert answer["Cache-Control"] == "no-cache"


def test_many_documents_of_one_user_stand_side_by_side(alice, path):
    names = [f"{path}-{n}" for n in range(20)]
    for name in names:
        stored(alice.put(name, lists(name[-2:].strip("-"))), 201)
    for name in names:
        assert alice.get(name).body == lists(name[-2:].strip("-")).encode()
        assert alice.delete(name).status == 200


def test_a_name_is_case_sensitive_and_may_be_anything_a_segment_holds(alice):
    home = "resource-lists/users/sip:alice@example.com/"
    names = ["Index", "INDEX", "%D0%B4%D1%80%D1%83%D0%B7%D1%8C%D1%8F", "a+b", "a%20b;c=d,e!$'()*",
             "contacts-resource-list.xml"]
    for name in names:
        stored(alice.put(home + name, lists(f"n{names.index(name)}")), 201)
    for name in names:
        assert alice.get(home + name).body == lists(f"n{names.index(name)}").encode(), name
        assert alice.delete(home + name).status == 200


@pytest.mark.parametrize("same", ["inde%78", "%69%6E%64%65%78", "%69%6e%64%65%78"])
def test_percent_encoding_that_is_not_needed_names_the_same_document(alice, same):
    stored(alice.put(LISTS, lists("ann")))
    assert alice.get(LISTS.replace("index", same)).body == lists("ann").encode()
    alice.delete(LISTS)


# --- places where no document is ---

@pytest.mark.parametrize("target", [
    "resource-lists/users/sip:alice@example.com/nothing-here",
    "resource-lists/users/sip:alice@example.com",
    "resource-lists/global/nothing-here",
    "xcap-caps/global/other",
    "no-such-usage/users/sip:alice@example.com/index",
    "no-such-usage/global/index",
    "resource-lists/neither/sip:alice@example.com/index",
    "/",
    "/elsewhere",
    "/xcap-rooted/resource-lists/users/sip:alice@example.com/index",
])
def test_where_nothing_is_the_answer_is_404(alice, target):
    refused(alice.get(target), 404)


def test_a_folder_that_does_not_exist_is_no_parent(alice):
    """RFC 4825 §8.2.1: the directory has to be there; nobody can make one."""
    answer = alice.put("resource-lists/users/sip:alice@example.com/folder/index", lists("ann"))
    conflict(answer, "no-parent")
    refused(alice.get("resource-lists/users/sip:alice@example.com/folder/index"), 404)


@pytest.mark.parametrize("method", ["POST", "PATCH", "TRACE"])
def test_other_methods_are_405_with_allow(alice, path, method):
    stored(alice.put(path, lists("ann")))
    answer = refused(alice.ask(method, path), 405)
    assert allowed(answer) >= {"GET", "HEAD", "PUT", "DELETE"}
    assert method not in allowed(answer)


def allowed(answer):
    return {word.strip() for word in answer["Allow"].split(",")}


# --- OPTIONS ---

def test_options_needs_no_credentials(nobody):
    answer = nobody.ask("OPTIONS", LISTS)
    assert answer.status == 200
    assert allowed(answer) >= {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"}
    assert answer["WWW-Authenticate"] is None


def test_options_reveals_nothing(alice, nobody, path):
    stored(alice.put(path, lists("ann")))

    def told(target):
        answer = nobody.ask("OPTIONS", target)
        return answer.status, [(k, v) for k,
                               v in answer.fields if k.lower() not in ("date", "x-request-id")], \
            answer.body
    assert told(path) == told(path + "-absent") == told(BOBS_LISTS) == \
        told("resource-lists/users/sip:nobody@example.com/index")


# --- the global tree and xcap-caps ---

def test_everybody_reads_global_and_only_an_admin_writes_it(alice, bob, reader, admin, nobody):
    refused(alice.put(GLOBAL_LISTS, lists("ann")), 403)
    refused(reader.put(GLOBAL_LISTS, lists("ann")), 403)
    refused(alice.get(GLOBAL_LISTS), 404)
    stored(admin.put(GLOBAL_LISTS, lists("ann")), 201)
    for client in (alice, bob, reader, admin):
        assert client.get(GLOBAL_LISTS).body == lists("ann").encode()
    assert nobody.get(GLOBAL_LISTS).status == 401
    refused(alice.delete(GLOBAL_LISTS), 403)
    assert admin.delete(GLOBAL_LISTS).status == 200


def test_xcap_caps_lists_what_clients_look_for(alice):
    answer = alice.get(CAPS)
    assert answer.status == 200 and answer["Content-Type"] == TYPES["xcap-caps"]
    strong(answer)
    space = "{urn:ietf:params:xml:ns:xcap-caps}"
    root = ElementTree.fromstring(answer.body)
    assert root.tag == space + "xcap-caps"
    auids = {auid.text.strip() for auid in root.iter(space + "auid")}
    namespaces = {name.text.strip() for name in root.iter(space + "namespace")}
    assert auids >= {"xcap-caps", "resource-lists", "rls-services", "pres-rules",
                     "org.openmobilealliance.pres-rules"}
    assert namespaces >= {"urn:ietf:params:xml:ns:" + name for name in (
        "xcap-caps", "resource-lists", "rls-services", "pres-rules", "common-policy")}


def test_xcap_caps_is_valid_and_stays_the_same(alice):
    answer = alice.get(CAPS)
    schema = SOURCE / "schemas" / "xcap-caps.xsd"
    assert_valid(answer.body, schema)
    again = alice.get(CAPS)
    assert (again.body, again["ETag"]) == (answer.body, answer["ETag"])
    assert alice.get(CAPS, if_none_match=answer["ETag"]).status == 304


def test_xcap_caps_is_written_by_nobody(alice, admin):
    body = alice.get(CAPS).body
    for ask in (lambda: admin.put(CAPS, body), lambda: admin.delete(CAPS)):
        answer = refused(ask(), 405)
        assert "GET" in allowed(answer) and not allowed(answer) & {"PUT", "DELETE"}
    refused(alice.put(CAPS, body), 403)
    assert alice.get(CAPS).body == body
    refused(alice.get("xcap-caps/users/sip:alice@example.com/index"), 404)


# --- how a user is named ---

@pytest.mark.parametrize("xui", ["sip:alice@example.com", "alice@example.com", "alice",
                                 "sip%3Aalice%40example.com",
                                 "sip%3aalice%40example.com", "%73ip:%61lice@example.com",
                                 "sip:alice@EXAMPLE.com",
                                 "SIP:alice@example.com"])
def test_every_form_of_an_xui_names_the_same_user(alice, path, xui):
    stored(alice.put(path, lists("ann")))
    answer = alice.get(path.replace(ALICE, xui))
    assert answer.status == 200 and answer.body == lists("ann").encode()
    stored(alice.put(path.replace(ALICE, xui), lists("ben")), 200)
    assert alice.get(path).body == lists("ben").encode()


def test_another_user_is_another_user_whatever_looks_alike(alice):
    for xui in ("sip:Alice@example.com", "sips:alice@example.com", "sip:alice@example.org", "sip:alice"):
        assert alice.get(f"resource-lists/users/{xui}/index").status in (403, 404), xui
