# SPDX-License-Identifier: BSD-2-Clause
"""What real clients do, each habit named by the client that has it: CLIENTS.md decision 10 and its table."""
import pytest

import xcap
from xcap import (ALICE, CAPS, ELEMENT, LISTS, RULES, TYPES, Client, Login, conflict, head, lists, refused,
                  rules, services, stored)

HOME = "resource-lists/users/sip:alice@example.com/"
TYPE = TYPES["resource-lists"]
FRIENDS = lists("ann", "ben")
ANN, BEN = b'<entry uri="sip:ann@example.com"/>', b'<entry uri="sip:ben@example.com"/>'


@pytest.fixture
def friends(alice):
    stored(alice.put(LISTS, FRIENDS), 201)
    yield
    alice.delete(LISTS)


# --- how parts are asked for ---

@pytest.mark.parametrize("selector, expected", [
    pytest.param('resource-lists/list[@name="friends"]/entry[@uri="sip:ben@example.com"]', BEN,
                 id="xcaplib-raw-brackets-and-quotes"),
    pytest.param('resource-lists/list%5B@name=%22friends%22%5D/entry%5B2%5D', BEN,
                 id="tinyxcap-upper-case-escapes"),
    pytest.param('resource-lists/list%5b@name=%22friends%22%5d/entry%5b2%5d', BEN,
                 id="rfc-lower-case-escapes"),
    pytest.param("resource-lists/list%5B%40name%3D%22friends%22%5D/entry%5B1%5D", ANN,
                 id="everything-escaped"),
    pytest.param("resource-lists/*%5B1%5D/*%5B2%5D", BEN, id="tinyxcap-wildcards"),
    pytest.param("resource-lists/list/entry%5B2%5D%5B@uri=%22sip:ben@example.com%22%5D", BEN,
                 id="tinyxcap-position-and-attribute"),
    pytest.param("resource-lists/list/entry%5B@uri='sip%3Aann%40example.com'%5D", ANN,
                 id="rcsjta-escaped-uri-in-the-predicate"),
    pytest.param("resource-lists/list/entry%5B@uri=%22sip%3aann%40example.com%22%5D", ANN,
                 id="escaped-uri-in-lower-case"),
    pytest.param('p:resource-lists/p:list/p:entry[1]?xmlns(p="urn:ietf:params:xml:ns:resource-lists")', ANN,
                 id="quoted-namespace-in-the-query"),
    pytest.param("p:resource-lists/p:list/p:entry%5B1%5D?xmlns(p=urn:ietf:params:xml:ns:resource-lists)", ANN,
                 id="opal-namespace-in-the-query"),
    pytest.param("p:resource-lists/p:list/p:entry%5B1%5D%3Fxmlns(p=%22urn:ietf:params:xml:ns:resource-lists%22)", ANN,
                 id="tinyxcap-query-in-the-path"),
    pytest.param("p:resource-lists/p:list/p:entry%5B1%5D%3Fxmlns(p=urn:ietf:params:xml:ns:resource-lists)",
                 ANN,
                 id="query-in-the-path-without-quotes"),
])
@pytest.mark.parametrize("separator", ["~~", "%7E%7E", "%7e%7e", "~%7E"])
def test_a_part_is_found_however_its_selector_is_written(alice, friends, separator, selector, expected):
    answer = alice.get(f"{LISTS}/{separator}/{selector}")
    assert answer.status == 200 and answer.body == expected, answer
    assert answer["Content-Type"] == ELEMENT


def test_a_question_mark_in_a_value_is_not_a_query(alice):
    """Only `%3Fxmlns(` at the path's end, outside quotes, is the query."""
    body = lists(extra='  <entry uri="sip:q?xmlns(p=urn:x)"/>\n')
    stored(alice.put(LISTS, body))
    answer = alice.get(LISTS + "/~~/resource-lists/list/entry%5B@uri=%22sip:q%3Fxmlns(p=urn:x)%22%5D")
    assert answer.status == 200 and answer.body == b'<entry uri="sip:q?xmlns(p=urn:x)"/>'
    alice.delete(LISTS)


def test_opal_asks_for_rules_with_two_bindings(alice):
    stored(alice.put(RULES, rules("bob")))
    query = "?xmlns(cr=urn:ietf:params:xml:ns:common-policy)xmlns(pr=urn:ietf:params:xml:ns:pres-rules)"
    answer = alice.get(f"{RULES}/~~/cr:ruleset/cr:rule%5B@id=%22a%22%5D/cr:actions/pr:sub-handling{query}")
    assert answer.status == 200 and answer.body == b"<sub-handling>allow</sub-handling>"
    alice.delete(RULES)


def test_opal_puts_an_element_first_and_the_document_after_the_409(alice):
    entry = '<entry uri="sip:ann@example.com"/>'
    conflict(alice.put(LISTS + "/~~/resource-lists/list/entry", entry), "no-parent")
    stored(alice.put(LISTS, FRIENDS), 201)
    alice.delete(LISTS)


# --- how users and documents are named ---

@pytest.mark.parametrize("xui", [
    pytest.param("sip:alice@example.com", id="tinyxcap-raw"),
    pytest.param("sip%3Aalice%40example.com", id="rcsjta-escaped"),
    pytest.param("alice@example.com", id="xcaplib-without-scheme"),
    pytest.param("alice", id="sip-simple-sdk-bare-name"),
])
@pytest.mark.parametrize("tail", [pytest.param("", id="plain"), pytest.param("/", id="trailing-slash")])
def test_the_document_is_found_however_its_user_is_written(alice, friends, xui, tail):
    answer = alice.get(f"resource-lists/users/{xui}/index{tail}")
    assert answer.status == 200 and answer.body == FRIENDS.encode()


def test_a_trailing_slash_names_the_document_in_every_method(alice):
    stored(alice.put(LISTS + "/", FRIENDS, type=TYPE), 201)
    assert alice.get(LISTS).body == FRIENDS.encode()
    stored(alice.put(LISTS + "/", lists("ann"), type=TYPE), 200)
    assert alice.delete(LISTS + "/").status == 200
    refused(alice.get(LISTS), 404)


def test_a_trailing_slash_is_not_tolerated_twice_or_in_a_node_selector(alice, friends):
    assert alice.get(LISTS + "//").status in (400, 404)
    assert alice.get(LISTS + "/~~/resource-lists/list/").status in (400, 404)


@pytest.mark.parametrize("document", ["index", "pres-rules", "directory.xml", "buddies-resource-list.xml",
                                      "presrules"])
def test_documents_have_the_names_that_clients_choose(alice, document):
    """tinyXCAP, eyeBeam, Jitsi, Snom."""
    stored(alice.put(HOME + document, FRIENDS), 201)
    assert alice.delete(HOME + document).status == 200


def test_a_phone_number_is_a_user():
    """Android's Ut client: tel: numbers, `+` as %2B, the root at `/`, a quoted X-3GPP-Intended-Identity."""
    number = "tel:+15551234567"
    users = xcap.USERS + ((number, "user", "phone"),)
    port = xcap.free_port()
    settings = {"http.listen": f"127.0.0.1:{port}", "http.root": f"http://127.0.0.1:{port}/"}
    with xcap.Server(settings, users=users) as server:
        server.port = port
        with Client(server, number, "phone") as phone:
            for xui in ("tel:+15551234567", "tel:%2B15551234567", "tel%3A%2B15551234567",
                        "tel:+1-555-123-4567",
                        "tel:+1(555)123.4567"):
                answer = phone.put(f"/resource-lists/users/{xui}/index", FRIENDS, type=TYPE,
                                   x_3gpp_intended_identity=f'"{number}"', accept_encoding="")
                stored(answer, 201 if xui == number else 200)
                assert phone.get(f"/resource-lists/users/{xui}/index").body == FRIENDS.encode()
            refused(phone.get("/resource-lists/users/tel:+15551234568/index"), 403)


def test_tinyxcap_logs_in_with_the_full_xui_and_says_a_type_on_get(server, friends):
    with Client(server, ALICE, "alice") as imsdroid:
        answer = imsdroid.get(LISTS, content_type=TYPE, x_3gpp_intended_identity=ALICE,
                              user_agent="IM-OMAv1.0")
        assert answer.status == 200


# --- etags ---

def test_rcsjta_quotes_an_etag_that_is_quoted(alice):
    etag = stored(alice.put(LISTS, FRIENDS))
    stored(alice.put(LISTS, lists("ann"), if_match=f'"{etag}"'), 200)
    refused(alice.put(LISTS, lists("ben"), if_match=f'"{etag}"'), 412)
    alice.delete(LISTS)


def test_the_sip_simple_sdk_creates_and_updates_on_a_new_connection_each_time(server):
    """Blink: a new connection and a 401 for every request; If-None-Match * to create, If-Match to update."""
    def ask(method, body=None, *fields):
        with Client(server) as first:
            login = Login("alice", "alice").learn(first.once(method, LISTS, body, fields))
        with Client(server) as second:
            signed = [("Authorization", login.header(method, second.target(LISTS)))]
            return second.once(method, LISTS, body, [*fields, *signed])
    etag = stored(ask("PUT", FRIENDS.encode(), ("Content-Type", TYPE), ("If-None-Match", "*")), 201)
    assert ask("PUT", FRIENDS.encode(), ("Content-Type", TYPE), ("If-None-Match", "*")).status == 412
    etag = stored(ask("PUT", lists("ann").encode(), ("Content-Type", TYPE), ("If-Match", etag)), 200)
    assert ask("GET", None, ("If-None-Match", etag)).status == 304
    assert ask("DELETE", None, ("If-Match", etag)).status == 200


# --- contents ---

ADDRESSBOOK = lists("ann", extra='''  <entry uri="bob%40example.com"><display-name>Bob</display-name>
   <ext:attributes xmlns:ext="urn:ag-projects:xml:ns:addressbook"><ext:attribute name="icon" nil="true"/></ext:attributes>
  </entry>
''')


def test_blinks_addressbook_survives(alice):
    stored(alice.put(LISTS, ADDRESSBOOK), 201)
    assert alice.get(LISTS).body == ADDRESSBOOK.encode()
    alice.delete(LISTS)


def test_brias_properties_survive_an_edit_beside_them(alice):
    prop = ('<entry uri="sip:cas@example.com"><display-name>Cas</display-name>'
            '<cp:prop xmlns:cp="counterpath:properties" name="im" value="1"/></entry>')
    stored(alice.put(LISTS, lists("ann", extra=prop)), 201)
    stored(alice.put(LISTS + "/~~/resource-lists/list/entry%5B1%5D", '<entry uri="sip:dan@example.com"/>'),
           200)
    assert prop.encode() in alice.get(LISTS).body and b"sip:dan@example.com" in alice.get(LISTS).body
    alice.delete(LISTS)


def test_the_sip_simple_sdk_escapes_uris_inside_documents(alice):
    """CLIENTS.md decision 6: constraints are checked on the decoded value, the octets stay."""
    body = services("sip%3Aalice-buddies%40example.com").replace(
        "http://xcap.example.com/resource-lists/users/sip:alice@example.com",
        "http%3A//xcap.example.com/resource-lists/users/sip%3Aalice%40example.com")
    path = "rls-services/users/sip:alice@example.com/index"
    stored(alice.put(path, body), 201)
    assert alice.get(path).body == body.encode()
    theirs = body.replace("sip%3Aalice%40", "sip%3Abob%40")
    conflict(alice.put(path, theirs), "constraint-failure")
    alice.delete(path)


def test_rcsjta_puts_an_entry_without_a_namespace(alice, friends):
    """The fragment stands in its parent's namespaces (RFC 4825 §7.4): <entry> without xmlns becomes one of ours."""
    body = "<entry uri='sip:new@example.com'></entry>"
    target = LISTS + "/~~/resource-lists/list%5B@name=%22friends%22%5D/entry%5B@uri=%22sip%3Anew%40example.com%22%5D"
    stored(alice.put(target, body), 201)
    assert alice.get(target).body == body.encode()


def test_oma_rules_stand_where_blink_looks_for_them(alice):
    path = "org.openmobilealliance.pres-rules/users/sip:alice@example.com/index"
    body = rules("bob").replace("a\">\n", "wp_prs_allow_one\">\n")
    answer = alice.put(path, body)
    stored(answer, 201)
    part = alice.get(path + "/~~/ruleset/rule%5B@id=%22wp_prs_allow_one%22%5D/conditions")
    assert part.status == 200, part  # this usage's default namespace is common-policy
    assert alice.delete(path).status == 200


def test_jitsi_deletes_what_it_emptied_and_says_an_encoding(alice):
    stored(alice.put(LISTS, FRIENDS, content_encoding="UTF-8"), 201)
    assert alice.get(CAPS).status == 200
    assert alice.delete(LISTS).status == 200
    refused(alice.get(LISTS), 404)


# --- the message itself ---

def test_a_length_right_behind_its_colon(server, alice):
    """Old Opal: `Content-Length:5`."""
    alice.get(LISTS)
    target = alice.target(LISTS)
    fields = [("Host", server.authority), ("Authorization", alice.login.header("PUT", target)),
              ("Content-Type", TYPE),
              ("Content-Length", len(FRIENDS.encode()))]
    with server.wire() as wire:
        wire.send(head("PUT", target, fields).replace(b": ", b":") + FRIENDS.encode())
        stored(wire.answer(), 201)
    alice.delete(LISTS)


def test_without_the_setting_no_origin_may_call(nobody):
    answer = nobody.ask("OPTIONS", LISTS, fields=[("Origin", "https://phone.example.com"),
                                                  ("Access-Control-Request-Method", "PUT")])
    assert answer["Access-Control-Allow-Origin"] is None


def test_kamailio_reads_without_credentials_from_its_own_address():
    with xcap.Server({"auth.trusted-readers": "127.0.0.7"}) as server:
        with xcap.alice(server) as alice:
            stored(alice.put(RULES, rules("bob")))
        with Client(server, source="127.0.0.7") as kamailio:
            answer = kamailio.get(RULES, user_agent="kamailio", accept="*/*")
            assert answer.status == 200 and answer.body == rules("bob").encode()
