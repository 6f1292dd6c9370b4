# SPDX-License-Identifier: BSD-2-Clause
"""What may not be stored, and how the refusal says why: RFC 4825 §8.2.2, §8.2.5, §11; RFC 4826 §3.4."""
import gzip
import re
from urllib.parse import unquote

import pytest

import xcap
from xcap import (ELEMENT, LISTS, LISTS_NAMESPACE, RULES, SERVICES, TYPES, big_lists, chunked, conflict,
                  lists, refused, rules, services, stored)

OPEN = f'<resource-lists xmlns="{LISTS_NAMESPACE}">'
CLOSE = "</resource-lists>"
TYPE = TYPES["resource-lists"]


@pytest.fixture(scope="module")
def server():
    with xcap.Server({"limits.document": "64K", "limits.timeout": "5s"}) as running:
        yield running


@pytest.fixture
def before(alice, path):
    """A good document stands where the bad one is put; afterwards it has to be there unchanged."""
    etag = stored(alice.put(path, lists("ann")), 201)
    yield path
    answer = alice.get(path)
    assert (answer.status, answer["ETag"], answer.body) == (200, etag, lists("ann").encode())


def laughs(levels=10):
    entities = '<!ENTITY l0 "lol">' + "".join(
        f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, levels))
    return f'<!DOCTYPE resource-lists [{entities}]>{OPEN}<list name="&l{levels - 1};"/>{CLOSE}'


# --- not XML, not ours to parse ---

@pytest.mark.parametrize("body", [
    pytest.param("", id="empty"),
    pytest.param(" \n\t", id="white-space"),
    pytest.param("\ufeff", id="byte-order-mark-alone"),
    pytest.param("hello", id="text"),
    pytest.param(lists("ann", "ben")[:-30], id="truncated"),
    pytest.param(lists("ann", "ben")[:90], id="truncated-in-a-tag"),
    pytest.param(OPEN + "<list></lists>" + CLOSE, id="mismatched"),
    pytest.param(OPEN + CLOSE + OPEN + CLOSE, id="two-roots"),
    pytest.param(lists("ann") + "x", id="text-after-the-root"),
    pytest.param(OPEN + '<list name="a" name="b"/>' + CLOSE, id="attribute-twice"),
    pytest.param(OPEN + '<list name=a/>' + CLOSE, id="attribute-unquoted"),
    pytest.param(OPEN + '<list name="<"/>' + CLOSE, id="less-than-in-an-attribute"),
    pytest.param(OPEN + '<list name="&nbsp;"/>' + CLOSE, id="unknown-entity"),
    pytest.param(OPEN + '<list name="&#0;"/>' + CLOSE, id="reference-to-nul"),
    pytest.param(OPEN + '<list name="&#xFFFE;"/>' + CLOSE, id="reference-to-a-noncharacter"),
    pytest.param(OPEN + '<list name="&#xD800;"/>' + CLOSE, id="reference-to-a-surrogate"),
    pytest.param(OPEN + "<list name=\"\x01\"/>" + CLOSE, id="control-character"),
    pytest.param((OPEN + "<list/>\0" + CLOSE).encode(), id="nul-octet"),
    pytest.param(lists("ann") + "\0", id="nul-octet-at-the-end"),
    pytest.param(OPEN + "<p:list/>" + CLOSE, id="unbound-prefix"),
    pytest.param(OPEN + "<!-- -- -->" + CLOSE, id="double-hyphen-in-a-comment"),
    pytest.param('<?xml version="1.1"?>' + OPEN + CLOSE, id="xml-1.1"),
    pytest.param(" " + lists("ann"), id="space-before-the-declaration"),
    pytest.param(f"<!DOCTYPE resource-lists>{OPEN}{CLOSE}", id="doctype"),
    pytest.param(f'<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">{OPEN}{CLOSE}', id="doctype-system"),
    pytest.param(f'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>{OPEN}<list name="a">'
                 f"<display-name>&e;</display-name></list>{CLOSE}", id="external-entity"),
    pytest.param(f'<!DOCTYPE x [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>{OPEN}{CLOSE}',
                 id="parameter-entity"),
    pytest.param(laughs(), id="billion-laughs"),
    pytest.param(f'<!DOCTYPE x [<!ENTITY a "{"x" * 20000}">]>{OPEN}<list name="{"&a;" * 2000}"/>{CLOSE}',
                 id="quadratic-blow-up"),
    pytest.param(OPEN + "<list>" * 10_000 + "</list>" * 10_000 + CLOSE,
                 id="depth-10000-too-long-or-too-deep"),
    pytest.param(OPEN + "<a>" * 8_000 + CLOSE, id="depth-8000-never-closed"),
    pytest.param(OPEN + "<list>" * 64 + "</list>" * 64 + CLOSE, id="depth-65"),
])
def test_what_is_not_well_formed_is_refused(alice, before, body):
    answer = alice.put(before, body)
    if len(body) > 65_536:
        refused(answer, 413)
        return
    error = conflict(answer, "not-well-formed")
    assert len(error.get("phrase")) < 500


def test_ten_thousand_deep_is_refused_where_length_allows_it():
    with xcap.Server() as server, xcap.alice(server) as alice:
        body = OPEN + "<list>" * 10_000 + "</list>" * 10_000 + CLOSE
        error = conflict(alice.put(LISTS, body), "not-well-formed")
        assert re.search("deep|depth|level|nest", error.get("phrase")), error.get("phrase")
        refused(alice.get(LISTS), 404)
        assert server.ready()


def test_depth_up_to_the_limit_is_fine(alice, path):
    stored(alice.put(path, OPEN + "<list>" * 63 + "</list>" * 63 + CLOSE), 201)


def test_a_phrase_names_the_line_of_a_mistake(alice, before):
    body = OPEN + "\n<list>\n\n</lists>\n" + CLOSE
    phrase = conflict(alice.put(before, body), "not-well-formed").get("phrase")
    assert re.search(r"line 4\b", phrase), phrase


# --- encodings ---

@pytest.mark.parametrize("body", [
    pytest.param(lists("ann").encode("utf-16"), id="utf-16-with-mark"),
    pytest.param(lists("ann").replace("UTF-8", "UTF-16").encode("utf-16-le"), id="utf-16-without-mark"),
    pytest.param(lists("ann").replace("UTF-8", "UTF-16").encode(), id="utf-16-claimed"),
    pytest.param(lists("ann").encode("utf-32"), id="utf-32"),
    pytest.param(lists("ann").replace("UTF-8", "ISO-8859-1").encode("latin-1"), id="latin-1-declared"),
    pytest.param(lists("ann").replace("UTF-8", "windows-1251").encode("cp1251"), id="windows-1251-declared"),
    pytest.param(lists("ann").replace("UTF-8", "US-ASCII").encode(), id="us-ascii-declared"),
    pytest.param(lists("ann").replace("UTF-8", "x-unknown").encode(), id="unknown-encoding"),
    pytest.param(OPEN.encode() + b'<list name="Fran\xe7ois"/>' + CLOSE.encode(),
                 id="latin-1-without-declaration"),
    pytest.param(OPEN.encode() + b'<list name="\xc0\xaf"/>' + CLOSE.encode(), id="overlong"),
    pytest.param(OPEN.encode() + b'<list name="\xed\xa0\x80"/>' + CLOSE.encode(), id="surrogate"),
    pytest.param(OPEN.encode() + b'<list name="\xf4\x90\x80\x80"/>' + CLOSE.encode(), id="beyond-unicode"),
    pytest.param(OPEN.encode() + b'<list name="\xe2\x82"/>' + CLOSE.encode(), id="cut-character"),
    pytest.param(OPEN.encode() + b"<!-- \xff -->" + CLOSE.encode(), id="in-a-comment"),
    pytest.param(lists("ann").encode() + b"\xfe", id="after-the-root"),
])
def test_what_is_not_utf_8_is_refused(alice, before, body):
    conflict(alice.put(before, body), "not-utf-8")


def test_a_latin_1_name_under_a_utf_8_declaration_is_shown_where_it_is(alice, before):
    """What Jitsi sends (CLIENTS.md decision 8)."""
    body = lists("ann", extra="  <entry uri='sip:f@example.com'><display-name>Fran@ois</display-name></entry>\n")
    body = body.encode().replace(b"Fran@ois", b"Fran\xe7ois")
    phrase = conflict(alice.put(before, body), "not-utf-8").get("phrase")
    line, offset = body[:body.index(b"\xe7")].count(b"\n") + 1, body.index(b"\xe7")
    assert re.search(rf"line {line}\b", phrase), phrase
    assert re.search(rf"\b({offset}|{offset + 1})\b", phrase), phrase


@pytest.mark.parametrize("name", ["utf-8", "UTF-8", "Utf-8"])
def test_utf_8_may_be_declared_in_any_letter_case(alice, path, name):
    stored(alice.put(path, lists("ann").replace("UTF-8", name)), 201)


# --- schema ---

def schema_case(body, line, element, id):
    return pytest.param(body, line, element, id=id)


@pytest.mark.parametrize("body, line, element", [
    schema_case("<resource-lists/>", 1, "resource-lists", "no-namespace"),
    schema_case('\n<rls-services xmlns="urn:ietf:params:xml:ns:rls-services"/>', 2, "rls-services",
                "wrong-root"),
    schema_case(f'<list xmlns="{LISTS_NAMESPACE}"/>', 1, "list", "an-inner-element-as-root"),
    schema_case(OPEN + "\n<buddy/>\n" + CLOSE, 2, "buddy", "unknown-element"),
    schema_case(OPEN + "\n<list>\n<entry/>\n</list>" + CLOSE, 3, "entry", "entry-without-uri"),
    schema_case(OPEN + "\n<list>\n<entry-ref/>\n</list>" + CLOSE, 3, "entry-ref", "entry-ref-without-ref"),
    schema_case(OPEN + "\n<list>\n<entry uri='sip:a@b' colour='red'/></list>" + CLOSE, 3, "entry",
                "unknown-attribute"),
    schema_case(OPEN + "\n<list>\n<entry uri='sip:a@b'/>\n\n<display-name>x</display-name></list>" + CLOSE, 5,
                "display-name", "wrong-order"),
    schema_case(OPEN + "\n<list>\n<entry uri='sip:a@b'><display-name>a</display-name>\n<display-name>b</display-name>"
                "</entry></list>" + CLOSE, 4, "display-name", "display-name-twice"),
    schema_case(OPEN + "\n\n<list>some text</list>\n" + CLOSE, 3, "list", "text-where-elements-are"),
    schema_case(OPEN + "\n<entry uri='sip:a@b'/>\n" + CLOSE, 2, "entry", "entry-outside-a-list"),
])
def test_a_schema_error_names_line_and_element(alice, before, body, line, element):
    phrase = conflict(alice.put(before, body), "schema-validation-error").get("phrase")
    assert re.search(rf"line {line}\b", phrase) and element in phrase, phrase


@pytest.mark.parametrize("target, body", [
    pytest.param(SERVICES, services("sip:a@example.com").replace(' uri="sip:a@example.com"', ""),
                 id="service-without-uri"),
    pytest.param(SERVICES, services("sip:a@example.com").replace("packages", "package"),
                 id="packages-misspelt"),
    pytest.param(RULES, rules("bob").replace("allow", "perhaps"), id="sub-handling-unknown"),
    pytest.param(RULES, rules("bob").replace(' id="a"', ""), id="rule-without-id"),
    pytest.param(RULES, lists("bob"), id="a-list-as-rules"),
])
def test_every_usage_has_its_schema(alice, target, body):
    conflict(alice.put(target, body), "schema-validation-error")
    refused(alice.get(target), 404)


@pytest.mark.parametrize("body", [
    pytest.param(lists("ann", extra='<x:pal xmlns:x="urn:example:x" a="b"><x:y/>text</x:pal>'),
                 id="foreign-element"),
    pytest.param(lists("ann").replace("<list ", '<list xmlns:x="urn:example:x" x:colour="red" '),
                 id="foreign-attribute"),
    pytest.param(lists("ann").replace("<list ", '<list xml:lang="uk" '), id="xml-lang"),
])
def test_unknown_namespaces_are_kept_where_the_schema_lets_them(alice, path, body):
    stored(alice.put(path, body), 201)
    assert alice.get(path).body == body.encode()


# --- uniqueness and other constraints ---

def fields(error):
    return [exists.get("field") for exists in error.iter(xcap.ERROR_NAMESPACE + "exists")]


@pytest.mark.parametrize("inner, attribute", [
    pytest.param('<list name="a"/><list name="a"/>', "@name", id="list-name"),
    pytest.param('<list name="a"/><list name="&#x61;"/>', "@name", id="list-name-by-reference"),
    pytest.param('<list><entry uri="sip:a@b"/><entry uri="sip:a@b"/></list>', "@uri", id="entry-uri"),
    pytest.param('<list><entry-ref ref="a/b"/><entry-ref ref="a/b"/></list>', "@ref", id="entry-ref"),
    pytest.param('<list><external anchor="http://x/y"/><external anchor="http://x/y"/></list>', "@anchor",
                 id="external-anchor"),
    pytest.param('<list name="o"><list name="a"/><entry uri="sip:x@y"/><list name="a"/></list>', "@name",
                 id="nested"),
])
def test_the_same_twice_is_a_uniqueness_failure(alice, before, inner, attribute):
    error = conflict(alice.put(before, OPEN + inner + CLOSE), "uniqueness-failure")
    assert fields(error)
    for field in fields(error):
        assert re.fullmatch(r"[A-Za-z0-9%/@*:=._~!$&'()+,;?-]+", field), f"not percent-encoded: {field}"
        assert unquote(field).startswith("resource-lists/") and unquote(field).endswith("/" + attribute), field


@pytest.mark.parametrize("inner", [
    pytest.param('<list name="a"/><list name="A"/>', id="letter-case-counts"),
    pytest.param('<list name="a"><list name="a"/></list>', id="in-another-parent"),
    pytest.param('<list><entry uri="sip:a@b"/></list><list><entry uri="sip:a@b"/></list>',
                 id="entry-in-another-list"),
    pytest.param('<list><entry uri="sip:%61@b"/><entry uri="sip:a@b"/></list>',
                 id="octets-are-compared-not-uris"),
    pytest.param("<list/><list/>", id="no-names-at-all"),
])
def test_what_only_looks_the_same_is_fine(alice, path, inner):
    stored(alice.put(path, OPEN + inner + CLOSE), 201)


@pytest.mark.parametrize("inner", [
    pytest.param('<list><entry-ref ref="http://example.com/x"/></list>', id="entry-ref-absolute"),
    pytest.param('<list><entry-ref ref="/x/y"/></list>', id="entry-ref-absolute-path"),
    pytest.param('<list><external anchor="x/y"/></list>', id="external-relative"),
    pytest.param('<list><external anchor="ftp://x/y"/></list>', id="external-not-http"),
])
def test_uri_rules_of_lists(alice, before, inner):
    conflict(alice.put(before, OPEN + inner + CLOSE), "constraint-failure")


@pytest.mark.parametrize("inner", [
    pytest.param('<list><entry-ref ref="resource-lists/users/sip:bill@example.com/index/~~/x"/></list>',
                 id="entry-ref"),
    pytest.param('<list><external anchor="https://example.com/x"/></list>', id="external-https"),
])
def test_uri_rules_met(alice, path, inner):
    stored(alice.put(path, OPEN + inner + CLOSE), 201)


@pytest.mark.parametrize("body", [
    pytest.param(services("sip:a@example.com", owner="sip:bob@example.com"), id="another-users-list"),
    pytest.param(services("sip:a@example.com").replace("http://xcap.example.com/", "/"), id="relative"),
    pytest.param(services("sip:a@example.com").replace("/resource-lists/users", "/pres-rules/users"),
                 id="another-usage"),
])
def test_a_resource_list_is_ones_own(alice, body):
    conflict(alice.put(SERVICES, body), "constraint-failure")
    refused(alice.get(SERVICES), 404)


def test_a_service_uri_belongs_to_one_document_of_the_server(server, alice, bob):
    bobs = SERVICES.replace("alice", "bob")
    stored(alice.put(SERVICES, services("sip:club@example.com", "sip:team@example.com")), 201)
    error = conflict(bob.put(bobs, services("sip:club@example.com", owner=xcap.BOB)), "uniqueness-failure")
    assert [unquote(field).endswith("@uri") for field in fields(error)] == [True]
    refused(bob.get(bobs), 404)
    stored(alice.put(SERVICES, services("sip:team@example.com")), 200)
    stored(bob.put(bobs, services("sip:club@example.com", owner=xcap.BOB)), 201)
    conflict(alice.put(SERVICES, services("sip:club@example.com")), "uniqueness-failure")
    assert bob.delete(bobs).status == 200
    stored(alice.put(SERVICES, services("sip:club@example.com")), 200)
    assert alice.delete(SERVICES).status == 200


# --- media types ---

@pytest.mark.parametrize("type", [
    pytest.param(None, id="none"), pytest.param("", id="empty"), "application/xml", "text/xml", "text/plain",
    "application/octet-stream", "application/x-www-form-urlencoded", "application/resource-lists",
    "application/resource-lists+xml2", "application/rls-services+xml", ELEMENT, "*/*",
    "multipart/form-data; boundary=x",
])
def test_another_media_type_is_415(alice, before, type):
    refused(alice.put(before, lists("ben"), type=type), 415)


@pytest.mark.parametrize("type", [
    TYPE, TYPE.upper(), f"{TYPE};charset=utf-8", f'{TYPE} ; charset="UTF-8"', f" {TYPE} ",
])
def test_parameters_and_letter_case_of_a_media_type_do_not_matter(alice, path, type):
    stored(alice.put(path, lists("ann"), type=type), 201)
    assert alice.get(path)["Content-Type"] == TYPE


def test_the_usages_own_type_on_a_part_is_415(alice, before):
    refused(alice.put(before + "/~~/resource-lists/list", "<list/>", type=TYPE), 415)
    refused(alice.put(before + "/~~/resource-lists/list/@name", '"x"', type=ELEMENT), 415)


def test_a_missing_media_type_is_taken_when_the_admin_says_so():
    """CLIENTS.md decision 9: Perl's XCAP::Client, jQuery's xcapClient through forms."""
    with xcap.Server({"compat.missing-content-type": "accept"}) as server, xcap.alice(server) as alice:
        stored(alice.put(LISTS, lists("ann"), type=None), 201)
        stored(alice.put(LISTS, lists("ben"), type="application/x-www-form-urlencoded"), 200)
        refused(alice.put(LISTS, lists("cas"), type="text/plain"), 415)
        assert alice.get(LISTS)["Content-Type"] == TYPE


# --- content encodings ---

@pytest.mark.parametrize("encoding", ["UTF-8", "utf-8", "identity", "ISO-8859-1", "us-ascii"])
def test_a_charset_as_content_encoding_means_identity(alice, path, encoding):
    """Jitsi: CLIENTS.md decision 8."""
    stored(alice.put(path, lists("ann"), content_encoding=encoding), 201)
    answer = alice.get(path)
    assert answer.body == lists("ann").encode() and answer["Content-Encoding"] is None


@pytest.mark.parametrize("encoding, body", [
    ("gzip", gzip.compress(lists("ben").encode())), ("gzip", lists("ben")), ("deflate", lists("ben")),
    ("x-unknown", lists("ben")), ("br", b"\x00"), ("gzip, identity", lists("ben")),
])
def test_another_content_encoding_is_415(alice, before, encoding, body):
    refused(alice.put(before, body, content_encoding=encoding), 415)


def test_a_partial_put_is_refused(alice, before):
    """RFC 9110 §14.5: a server that does not know Content-Range on PUT must not store the part."""
    assert alice.put(before, lists("ben"), content_range="bytes 0-10/200").status in (400, 415, 501)


# --- size ---

def test_a_document_up_to_the_limit_is_stored_one_octet_more_is_413(alice, path):
    body = big_lists(60_000)
    body += " " * (65_536 - len(body))
    stored(alice.put(path, body), 201)
    refused(alice.put(path, body + " "), 413)
    assert alice.get(path).body == body.encode()


@pytest.mark.parametrize("piece", [100, 5_000, 200_000])
def test_the_limit_holds_for_chunked_bodies_too(server, alice, before, piece):
    body = chunked(big_lists(150_000).encode(), piece)
    answer = ask_chunked(alice, before, body)
    refused(answer, 413)


def ask_chunked(client, target, encoded):
    """A PUT whose body is already in chunks, on a connection of its own."""
    client.get(target)  # for the challenge
    target = client.target(target)
    fields = [("Host", client.server.authority), ("Content-Type", TYPE), ("Transfer-Encoding", "chunked"),
              ("Authorization", client.login.header("PUT", target))]
    with client.server.wire() as wire:
        wire.send(xcap.head("PUT", target, fields))
        wire.trickle(encoded, 65_536)
        return wire.answer()


def test_a_chunked_document_is_stored(alice, path):
    stored(ask_chunked(alice, path, chunked(lists("ann", "ben").encode(), 7)), 201)
    assert alice.get(path).body == lists("ann", "ben").encode()


def test_an_endless_body_does_not_fill_memory(server, alice, before):
    alice.get(before)
    target = alice.target(before)
    mark = server.resident_kilobytes()
    fields = [("Host", server.authority), ("Content-Type", TYPE), ("Transfer-Encoding", "chunked"),
              ("Authorization", alice.login.header("PUT", target))]
    piece = b"%x\r\n%b\r\n" % (1 << 20, b"x" * (1 << 20))
    with server.wire() as wire:
        wire.send(xcap.head("PUT", target, fields))
        for _ in range(64):
            if not wire.trickle(piece, len(piece)):
                break
    assert server.resident_kilobytes() < mark + 32 * 1024 * xcap.SLOW


# --- how many ---

def test_a_user_has_only_so_many_documents():
    with xcap.Server({"limits.documents-per-user": 3}) as server, xcap.alice(server) as alice:
        home = "resource-lists/users/sip:alice@example.com/"
        for name in "abc":
            stored(alice.put(home + name, lists(name)), 201)
        conflict(alice.put(home + "d", lists("d")), "constraint-failure")
        refused(alice.get(home + "d"), 404)
        stored(alice.put(home + "a", lists("again")), 200)
        assert alice.delete(home + "b").status == 200
        stored(alice.put(home + "d", lists("d")), 201)
