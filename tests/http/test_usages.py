# SPDX-License-Identifier: BSD-2-Clause
"""Application usages as people use them: what is listed, what is generated, what phones put, how one is added."""
import base64
import pathlib
import re
import shutil
import threading
import xml.etree.ElementTree as ElementTree

import pytest

import xcap

ALL = """geolocation-policy oma_status-icon org.etsi.ngn.simservs org.openmobilealliance.group-usage-list
org.openmobilealliance.groups org.openmobilealliance.locked-user-profile org.openmobilealliance.pres-content
org.openmobilealliance.pres-rules org.openmobilealliance.user-profile org.openmobilealliance.xcap-directory
org.openxcap.dialog-rules pidf-manipulation pres-rules resource-lists rls-services simservs.ngn.etsi.org
xcap-caps""".split()
PRINTED = xcap.SOURCE / "tests" / "data" / "documents"
SERVICE_INDEX = "rls-services/global/index"
NAMES = {"s": "urn:ietf:params:xml:ns:rls-services", "l": xcap.LISTS_NAMESPACE,
         "c": "urn:ietf:params:xml:ns:xcap-caps", "d": "urn:oma:xml:xdm:xcap-directory", "e": xcap.ERROR_NAMESPACE[1:-1]}
DIRECTORY = "org.openmobilealliance.xcap-directory/users/sip:alice@example.com/directory.xml"
SIMSERVS = "simservs.ngn.etsi.org/users/{}/simservs.xml"
SIMSERVS_NAMESPACE = "http://uri.etsi.org/ngn/params/xml/simservs/xcap"
ICON = "org.openmobilealliance.pres-content/users/sip:alice@example.com/oma_status-icon/rcs_status_icon"
ICON_TYPE = "application/vnd.oma.pres-content+xml"
PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==")


def conflict(answer, kind, words=""):
    assert answer.status == 409 and answer["Content-Type"] == xcap.ERROR, answer
    found = ElementTree.fromstring(answer.body)[0]
    assert found.tag == xcap.ERROR_NAMESPACE + kind, answer
    assert words in found.get("phrase", ""), answer
    return found


def tree(answer, status=200):
    assert answer.status == status, answer
    return ElementTree.fromstring(answer.body)


# --- what is there ---

def test_the_capabilities_list_every_usage_with_its_namespaces(alice):
    caps = tree(alice.get(xcap.CAPS))
    assert sorted(node.text for node in caps.iterfind("c:auids/c:auid", NAMES)) == ALL
    spaces = {node.text for node in caps.iterfind("c:namespaces/c:namespace", NAMES)}
    assert {xcap.LISTS_NAMESPACE, "urn:ietf:params:xml:ns:pidf", "urn:ietf:params:xml:ns:pidf:rpid",
            "urn:ietf:params:xml:ns:common-policy", "urn:oma:xml:prs:pres-content", SIMSERVS_NAMESPACE} <= spaces


@pytest.mark.parametrize("folder,type", [
    ("resource-lists", "application/resource-lists+xml"), ("pres-rules", "application/auth-policy+xml"),
    ("pidf-manipulation", "application/pidf+xml"), ("geolocation-policy", "application/auth-policy+xml")])
def test_what_the_rfcs_print_is_stored_and_comes_back(alice, folder, type):
    path = f"{folder}/users/sip:alice@example.com/index"
    for document in sorted((PRINTED / folder).iterdir()):
        body = document.read_bytes()
        if document.name == "rfc4479-7.xml":  # it lacks what RFC 3863 asks for
            conflict(alice.put(path, body, type), "schema-validation-error", "presence")
            continue
        xcap.stored(alice.put(path, body, type))
        assert alice.get(path).body == body
    alice.delete(path)


def test_services_as_printed_are_stored_by_joe():
    with xcap.Server(users=[("sip:joe@example.com", "user", "joe")]) as server, xcap.Client(server, "joe", "joe") as joe:
        for document in sorted((PRINTED / "rls-services").iterdir()):
            xcap.stored(joe.put("rls-services/users/sip:joe@example.com/index", document.read_bytes()))


def test_a_document_of_another_name_or_in_a_folder_is_refused(alice):
    body = (PRINTED / "pidf-manipulation" / "rfc4827-11.xml").read_bytes()
    conflict(alice.put("pidf-manipulation/users/sip:alice@example.com/other", body, "application/pidf+xml"),
             "constraint-failure", "index")
    conflict(alice.put("resource-lists/users/sip:alice@example.com/folder/index", xcap.lists("bob")), "no-parent")


# --- uniqueness ---

def fields(answer):
    return [node.get("field") for node in conflict(answer, "uniqueness-failure").iterfind("e:exists", NAMES)]


def test_a_violation_names_places_that_select_the_offenders(alice, path):
    twice = xcap.lists("bob", "carol", "bob")
    assert fields(alice.put(path, twice)) == ["resource-lists/list/entry%5B3%5D/@uri"]
    prefixed = ('<r:resource-lists xmlns:r="{}"><r:list name="a"/><r:list name="a"/></r:resource-lists>'
                .format(xcap.LISTS_NAMESPACE))
    assert fields(alice.put(path, prefixed)) == ["resource-lists/list%5B2%5D/@name"]
    service = xcap.services("sip:a@example.com").replace(
        "<resource-list>", '<list xmlns:l="urn:ietf:params:xml:ns:resource-lists"><l:entry uri="sip:x@y"/>'
        '<l:entry uri="sip:x@y"/></list><resource-list>', 1)
    service = re.sub("<resource-list>.*?</resource-list>", "", service)
    found = fields(alice.put(xcap.SERVICES, service))
    assert len(found) == 1 and found[0].startswith("rls-services/service/list/a:entry%5B2%5D/@uri?xmlns(a="), found


def test_unnamed_lists_and_one_entry_in_two_lists_are_fine(alice, path):
    body = ('<resource-lists xmlns="{}"><list><entry uri="sip:a@b"/></list><list><entry uri="sip:a@b"/></list>'
            '</resource-lists>').format(xcap.LISTS_NAMESPACE)
    xcap.stored(alice.put(path, body), 201)


def test_a_uri_that_is_none_of_the_kind_is_a_constraint_failure(alice, path):
    body = ('<resource-lists xmlns="{}"><list><entry-ref ref="http://x/y"/></list></resource-lists>'
            .format(xcap.LISTS_NAMESPACE))
    conflict(alice.put(path, body), "constraint-failure", "entry-ref, attribute ref: must be a relative path")
    foreign = xcap.services("sip:a@example.com", owner=xcap.BOB)
    conflict(alice.put(xcap.SERVICES, foreign), "constraint-failure", "home of the document's owner")


def test_ten_thousand_entries_are_fine_and_one_duplicate_is_named(alice, path):
    line = '<entry uri="sip:{}@example.com"/>\n'
    body = xcap.lists(extra="".join(line.format(n) for n in range(10000)))
    xcap.stored(alice.put(path, body))
    assert fields(alice.put(path, body.replace("sip:9999@", "sip:17@"))) == [
        "resource-lists/list/entry%5B10000%5D/@uri"]


# --- services ---

@pytest.fixture
def no_services(alice, bob):
    yield
    alice.delete(xcap.SERVICES)
    bob.delete(xcap.SERVICES.replace("alice", "bob"))


def bobs(*uris):
    return xcap.SERVICES.replace("alice", "bob"), xcap.services(*uris, owner=xcap.BOB)


def index_uris(client):
    return sorted(node.get("uri") for node in tree(client.get(SERVICE_INDEX)).iterfind("s:service", NAMES))


def test_the_index_holds_the_services_of_all_and_is_always_fresh(alice, bob, reader, admin, no_services):
    assert index_uris(reader) == []
    empty = xcap.strong(reader.get(SERVICE_INDEX))
    assert reader.get(SERVICE_INDEX, if_none_match=empty).status == 304
    xcap.stored(alice.put(xcap.SERVICES, xcap.services("sip:a1@example.com", "sip:a2@example.com")))
    xcap.stored(bob.put(*bobs("sip:b1@example.com")))
    answer = reader.get(SERVICE_INDEX)
    assert answer["Content-Type"] == "application/rls-services+xml"
    assert index_uris(admin) == ["sip:a1@example.com", "sip:a2@example.com", "sip:b1@example.com"]
    first = xcap.strong(answer)
    assert first != empty
    xcap.assert_valid(answer.body, xcap.SOURCE / "schemas" / "rls-services.xsd")
    # a document that is not the index is no part of it, and changes nothing
    xcap.stored(bob.put(bobs()[0].replace("/index", "/more"), bobs("sip:b2@example.com")[1]))
    assert xcap.strong(reader.get(SERVICE_INDEX)) == first
    bob.delete(bobs()[0].replace("/index", "/more"))
    # a part that changes does
    package = ('rls-services/service%5B@uri=%22sip:b1@example.com%22%5D/packages/package%5B1%5D')
    xcap.stored(bob.put(bobs()[0] + "/~~/" + package, "<package>dialog</package>"))
    changed = reader.get(SERVICE_INDEX)
    assert xcap.strong(changed) != first and b"dialog" in changed.body
    assert bob.delete(bobs()[0]).status == 200
    assert index_uris(reader) == ["sip:a1@example.com", "sip:a2@example.com"]


def test_one_service_is_selected_by_its_uri(alice, reader, no_services):
    xcap.stored(alice.put(xcap.SERVICES, xcap.services("sip:a1@example.com", "sip:a2@example.com")))
    one = SERVICE_INDEX + "/~~/rls-services/service%5B@uri=%22sip:a2@example.com%22%5D"
    answer = reader.get(one)
    assert answer.status == 200 and answer["Content-Type"] == xcap.ELEMENT, answer
    assert answer.body.startswith(b'<service uri="sip:a2@example.com">') and answer.body.endswith(b"</service>")
    assert xcap.strong(answer) == xcap.strong(reader.get(SERVICE_INDEX))
    assert reader.get(one + "/packages/package").body == b"<package>presence</package>"
    assert reader.get(one + "/@uri").body == b"sip:a2@example.com"
    assert reader.get(one.replace("a2@", "a3@")).status == 404
    assert reader.get(one.replace("sip:a2", "SIP:a2")).status == 404, "another spelling is another text"
    assert reader.get(SERVICE_INDEX + "/~~/rls-services/service").status == 404, "there are two"
    assert reader.get(SERVICE_INDEX + "/~~/rls-services/service%5B2%5D").status == 200


def test_namespaces_that_a_service_needs_stay_with_it(alice, reader, no_services):
    body = ('<r:rls-services xmlns:r="urn:ietf:params:xml:ns:rls-services" xmlns:l="{}" xmlns:u="urn:unused"'
            ' xmlns:x="urn:x">\n<r:service uri="sip:p@example.com" x:mark="1"><r:list><l:entry uri="sip:q@example.com"/>'
            '</r:list></r:service></r:rls-services>').format(xcap.LISTS_NAMESPACE)
    body = body.replace(' x:mark="1"', "")
    xcap.stored(alice.put(xcap.SERVICES, body))
    answer = reader.get(SERVICE_INDEX)
    entry = tree(answer).find("s:service/s:list/l:entry", NAMES)
    assert entry is not None and entry.get("uri") == "sip:q@example.com", answer.body
    assert b"urn:unused" not in answer.body
    xcap.assert_valid(answer.body, xcap.SOURCE / "schemas" / "rls-services.xsd")


def test_the_index_is_for_readers_and_admins_and_nobody_writes_it(alice, reader, admin):
    assert alice.get(SERVICE_INDEX).status == 403
    assert alice.put(SERVICE_INDEX, xcap.services()).status == 403
    answer = admin.put(SERVICE_INDEX, xcap.services())
    assert answer.status == 405 and "PUT" not in answer["Allow"], answer
    assert admin.delete(SERVICE_INDEX).status == 405
    assert reader.get("rls-services/global/other").status == 404


def test_an_index_over_its_limit_is_not_made():
    with xcap.Server({"limits.index": "64K"}) as server, xcap.alice(server) as alice, xcap.reader(server) as reader:
        uris = [f"sip:{n:06d}@example.com" for n in range(400)]
        xcap.stored(alice.put(xcap.SERVICES, xcap.services(*uris)))
        xcap.refused(reader.get(SERVICE_INDEX), 507)
        one = SERVICE_INDEX + "/~~/rls-services/service%5B@uri=%22sip:000007@example.com%22%5D"
        assert reader.get(one).status == 200


def test_a_service_takes_no_uri_of_another_service_or_user(alice, bob, no_services):
    xcap.stored(alice.put(xcap.SERVICES, xcap.services("sip:friends@example.com")))
    for uri in ("sip:friends@example.com", "SIP:friends@EXAMPLE.com", "sip%3Afriends%40example.com",
                "sip:alice@example.com", "sip:bob@example.com;transport=tcp"):
        found = conflict(bob.put(*bobs(uri)), "uniqueness-failure")
        places = found.findall("e:exists", NAMES)
        assert [node.get("field") for node in places] == ["rls-services/service/@uri"]
        others = [node.text for node in places[0].findall("e:alt-value", NAMES)]
        assert len(others) == 2 and len(set(others)) == 2, others
    xcap.stored(bob.put(*bobs(others[0])), 201)


def test_two_who_claim_one_uri_at_the_same_moment(server):
    for turn in range(20):
        answers, start = [], threading.Barrier(2)

        def claim(client, path, body):
            with client(server) as own:
                own.challenge(path)
                start.wait()
                answers.append(own.put(path, body))

        uri = f"sip:race{turn}@example.com"
        ones = [threading.Thread(target=claim, args=(xcap.alice, xcap.SERVICES, xcap.services(uri))),
                threading.Thread(target=claim, args=(xcap.bob, *bobs(uri)))]
        for one in ones:
            one.start()
        for one in ones:
            one.join()
        assert sorted(answer.status for answer in answers) == [201, 409], answers
        with xcap.alice(server) as alice, xcap.bob(server) as bob:
            alice.delete(xcap.SERVICES)
            bob.delete(bobs()[0])


# --- OMA's ---

def test_the_directory_lists_what_its_owner_has(server, alice, bob, reader):
    xcap.stored(alice.put(xcap.LISTS, xcap.lists("bob")))
    etag = xcap.stored(alice.put(xcap.RULES, xcap.rules("bob")))
    answer = alice.get(DIRECTORY)
    assert answer["Content-Type"] == "application/vnd.oma.xcap-directory+xml"
    folders = {node.get("auid"): node for node in tree(answer)}
    assert {"resource-lists", "pres-rules"} <= set(folders)
    entry = folders["pres-rules"].find("d:entry", NAMES)
    assert entry.get("uri") == f"http://{server.authority}/xcap-root/{xcap.RULES}"
    assert entry.get("etag") == etag.strip('"') and int(entry.get("size")) == len(xcap.rules("bob"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", entry.get("last-modified"))
    assert alice.get(entry.get("uri").partition("/xcap-root/")[2], if_none_match=etag).status == 304
    assert alice.get(DIRECTORY, if_none_match=xcap.strong(answer)).status == 304
    one = alice.get(DIRECTORY + "/~~/xcap-directory/folder%5B@auid=%22pres-rules%22%5D")
    assert one.status == 200 and one.body.startswith(b'<folder auid="pres-rules">')
    alice.delete(xcap.RULES)
    assert xcap.strong(alice.get(DIRECTORY)) != xcap.strong(answer)
    assert bob.get(DIRECTORY).status == 403 and reader.get(DIRECTORY).status == 200
    assert alice.put(DIRECTORY, "<a/>", "application/vnd.oma.xcap-directory+xml").status in (403, 405)


def oma_rules(conditions, handling="allow", transformations=""):
    return ('<ruleset xmlns="urn:ietf:params:xml:ns:common-policy" xmlns:pr="urn:ietf:params:xml:ns:pres-rules"'
            ' xmlns:ocp="urn:oma:xml:xdm:common-policy"><rule id="wp_prs_one">'
            f'<conditions>{conditions}</conditions><actions><pr:sub-handling>{handling}</pr:sub-handling></actions>'
            f'<transformations>{transformations}</transformations></rule></ruleset>')


def external(owner, root="http://xcap.example.com"):
    return (f'<ocp:external-list><ocp:entry anc="{root}/resource-lists/users/{owner}/index/~~/resource-lists/'
            'list%5B@name=%22oma_grantedcontacts%22%5D"/></ocp:external-list>')


def test_presence_rules_of_omas_kind(alice):
    path = "org.openmobilealliance.pres-rules/users/sip:alice@example.com/pres-rules"
    services = "<pr:provide-services><pr:all-services/></pr:provide-services>"
    xcap.stored(alice.put(path, oma_rules("<ocp:other-identity/>", "polite-block")))
    xcap.stored(alice.put(path, oma_rules(external(xcap.ALICE), "allow", services)))
    assert alice.get(path + "/~~/ruleset/rule%5B@id=%22wp_prs_one%22%5D").status == 200
    conflict(alice.put(path, oma_rules("<identity/><ocp:anonymous-request/>")), "constraint-failure",
             "Complex rules are not allowed")
    conflict(alice.put(path, oma_rules("<identity/>", "block", services)), "constraint-failure", "transformations")
    conflict(alice.put(path, oma_rules(external(xcap.BOB))), "constraint-failure", "home of the document's owner")
    conflict(alice.put(path, oma_rules('<ocp:external-list><ocp:entry anc="ftp://x/y"/></ocp:external-list>')),
             "constraint-failure", "entry, attribute anc")


def icon(type="image/png", encoding="base64", data=PIXEL):
    text = data if isinstance(data, str) else base64.encodebytes(data).decode()
    return ('<?xml version="1.0" encoding="UTF-8"?>\n<content xmlns="urn:oma:xml:prs:pres-content">'
            f'<mime-type>{type}</mime-type><encoding>{encoding}</encoding><description>Me</description>'
            f'<data>{text}</data></content>')


def test_a_status_icon_is_a_document_and_an_image(alice, reader):
    xcap.stored(alice.put(ICON, icon(), ICON_TYPE), 201)
    for path in (ICON, ICON.replace("org.openmobilealliance.pres-content", "oma_status-icon")):
        answer = alice.get(path)
        assert answer.body == icon().encode() and answer["Content-Type"] == ICON_TYPE and answer["Vary"] == "Accept"
        image = reader.get(path, accept="image/png, image/*;q=0.8, */*;q=0.1")
        assert image.status == 200 and image["Content-Type"] == "image/png" and image.body == PIXEL, image
        assert image["X-Content-Type-Options"] == "nosniff"
    for accept in ("*/*", ICON_TYPE, f"{ICON_TYPE}, image/*;q=0.5", "image/gif", "text/html"):
        assert alice.get(ICON, accept=accept)["Content-Type"] == ICON_TYPE, accept
    jitsi = "oma_status-icon/users/sip:alice@example.com/photo"
    xcap.stored(alice.put(jitsi, icon("image/jpeg"), ICON_TYPE), 201)
    for body, words in ((icon("text/html"), "mime-type"), (icon(encoding="quoted"), "encoding"), (icon(data="<b/>"), "data"),
                        (icon(data="a-b="), "data"), (icon(data=b"x" * 310000), "300 KiB")):
        conflict(alice.put(ICON, body, ICON_TYPE), "constraint-failure", words)
    conflict(alice.put(ICON.replace("oma_status-icon/", "other/"), icon(), ICON_TYPE), "no-parent")


def profile(uri):
    return (f'<user-profiles xmlns="urn:oma:xml:xdm:user-profile"><user-profile uri="{uri}">'
            '<display-name>A</display-name></user-profile></user-profiles>')


def test_user_profiles(alice, bob, admin):
    type = "application/vnd.oma.user-profile+xml"
    path = "org.openmobilealliance.user-profile/users/sip:alice@example.com/user-profile"
    for uri in ("sip:alice@example.com", "sip%3Aalice%40example.com"):
        xcap.stored(alice.put(path, profile(uri), type))
    conflict(alice.put(path, profile("sip:bob@example.com"), type), "constraint-failure", "Wrong User Profile URI")
    conflict(alice.put(path + "s", profile("sip:alice@example.com"), type), "constraint-failure")
    assert bob.get(path).status == 200 and bob.put(path, profile("sip:alice@example.com"), type).status == 403
    locked = path.replace("user-profile", "locked-user-profile")
    assert alice.put(locked, profile("sip:alice@example.com"), type).status == 403
    xcap.stored(admin.put(locked, profile("sip:alice@example.com"), type), 201)
    assert alice.get(locked).status == 200 and bob.get(locked).status == 403


def group(uri):
    return (f'<group xmlns="urn:oma:xml:poc:list-service"><list-service uri="{uri}"><list/></list-service></group>')


def test_groups_have_uris_of_their_own_in_the_owners_domain(alice, bob):
    type, path = "application/vnd.oma.poc.groups+xml", "org.openmobilealliance.groups/users/{}/g"
    xcap.stored(alice.put(path.format(xcap.ALICE), group("sip:team@example.com"), type), 201)
    conflict(bob.put(path.format(xcap.BOB), group("sip:team@example.com"), type), "uniqueness-failure")
    conflict(bob.put(path.format(xcap.BOB), group("sip:bob@example.com"), type), "uniqueness-failure")
    conflict(bob.put(path.format(xcap.BOB), group("sip:team@example.net"), type), "constraint-failure", "domain")


# --- telephones ---

def test_a_phone_finds_its_services_and_puts_parts_of_them():
    with xcap.Server({"http.root": "http://xcap.ims.example.com/"}) as server, xcap.alice(server) as alice, \
            xcap.reader(server) as reader, xcap.bob(server) as bob, xcap.admin(server) as admin:
        for unknown in ("", "/~~/simservs"):
            xcap.refused(admin.get("/" + SIMSERVS.format("sip:nobody@example.com") + unknown), 404)
        assert server.ctl("doc", "list").stdout.count(b"simservs") == 0, "who does not exist gets no document"
        path = "/" + SIMSERVS.format("sip:alice@example.com")
        unstored = reader.get(path)
        assert unstored.status == 200 and b"communication-diversion" in unstored.body
        assert reader.get(path, if_none_match=xcap.strong(unstored)).status == 304
        assert server.ctl("doc", "list").stdout.count(b"simservs") == 0, "a reader writes nothing"
        first = alice.get(path)
        assert first.status == 200 and first["Content-Type"] == "application/vnd.etsi.simservs+xml"
        assert server.ctl("doc", "list").stdout.count(b"simservs.xml") == 1
        assert alice.get(path, if_none_match=xcap.strong(first)).status == 304
        assert xcap.strong(alice.get("/org.etsi.ngn.simservs/users/sip:alice%40example.com/simservs")) == xcap.strong(first)
        query = f"?xmlns(ss={SIMSERVS_NAMESPACE})xmlns(cp=urn:ietf:params:xml:ns:common-policy)"
        rule = path + "/~~/ss:simservs/ss:communication-diversion/cp:ruleset/cp:rule%5B@id=%22cfu%22%5D" + query
        body = ('<cp:rule xmlns:cp="urn:ietf:params:xml:ns:common-policy" id="cfu"><cp:conditions/><cp:actions/></cp:rule>')
        xcap.stored(alice.put(rule, body, xcap.ELEMENT), 201)
        timer = path + "/~~/simservs/communication-diversion/NoReplyTimer"
        xcap.stored(alice.put(timer, "<NoReplyTimer>30</NoReplyTimer>", xcap.ELEMENT), 200)
        assert b">30<" in alice.get(path).body and alice.get(rule).body == body.encode()
        assert bob.get(path).status == 403


def test_a_part_put_first_makes_the_document_in_one_write(server, bob, reader):
    path = SIMSERVS.format(xcap.BOB)
    timer = path + "/~~/simservs/communication-diversion/NoReplyTimer"
    assert bob.put(path + "/~~/simservs/nonsense/child", "<child/>", xcap.ELEMENT).status == 409
    etag = xcap.stored(bob.put(timer, "<NoReplyTimer>25</NoReplyTimer>", xcap.ELEMENT), 200)
    assert xcap.strong(bob.get(path)) == etag
    assert bob.get(timer).body == b"<NoReplyTimer>25</NoReplyTimer>"
    assert bob.delete(path).status == 200
    etag = xcap.stored(bob.put(path + "/~~/simservs/extra", f'<extra xmlns="{SIMSERVS_NAMESPACE}"/>', xcap.ELEMENT), 201)
    assert bob.delete(path).status == 200
    answer = bob.delete(path + "/~~/simservs/communication-waiting")
    assert answer.status == 200 and b"communication-waiting" not in bob.get(path).body
    assert bob.delete(path).status == 200


def test_parts_put_at_the_same_moment_all_stay(server, bob):
    path, start = SIMSERVS.format(xcap.BOB), threading.Barrier(12)
    answers = []

    def put(number):
        with xcap.bob(server) as own:
            own.challenge(path)
            start.wait()
            answers.append(own.put(f"{path}/~~/simservs/x:e{number}?xmlns(x=urn:x)", f'<e{number} xmlns="urn:x"/>', xcap.ELEMENT))

    ones = [threading.Thread(target=put, args=(number,)) for number in range(12)]
    for one in ones:
        one.start()
    for one in ones:
        one.join()
    assert [answer.status for answer in answers] == [201] * 12, answers
    body = bob.get(path).text
    assert all(f"<e{number} " in body for number in range(12)) and body.count("<communication-waiting") == 1
    assert bob.delete(path).status == 200


# --- a usage of one's own ---

def example(kind):
    """The n-th XML block of docs/usages.md."""
    blocks = re.findall(r"```xml\n(.*?)```", (xcap.SOURCE / "docs" / "usages.md").read_text(), re.S)
    return blocks[kind]


def test_two_files_and_a_hangup_make_a_new_usage(tmp_path):
    for folder in ("auids", "schemas"):
        shutil.copytree(xcap.SOURCE / folder, tmp_path / folder)
    settings = {"usage.definitions": tmp_path / "auids", "usage.schemas": tmp_path / "schemas"}
    path, type = "com.example.bookmarks/users/sip:alice@example.com/index", "application/bookmarks+xml"
    with xcap.Server(settings) as server, xcap.alice(server) as alice:
        before = xcap.strong(alice.get(xcap.CAPS))
        assert alice.get(path).status == 404
        draft = tmp_path / "com.example.bookmarks.xml"
        draft.write_text(example(0))
        assert server.ctl("usage", "check", draft, check=False).returncode == 1, "its schema is not there yet"
        (tmp_path / "schemas" / "bookmarks.xsd").write_text(example(1))
        assert server.ctl("usage", "check", draft).returncode == 0
        shutil.copy(draft, tmp_path / "auids")
        assert "reloaded" in server.reload()
        caps = alice.get(xcap.CAPS)
        assert xcap.strong(caps) != before and b"<auid>com.example.bookmarks</auid>" in caps.body
        assert b"<namespace>urn:example:bookmarks</namespace>" in caps.body
        xcap.stored(alice.put(path, example(2), type), 201)
        twice = example(2).replace("</bookmarks>", '<bookmark name="xcap" href="http://a/"/></bookmarks>')
        assert fields(alice.put(path, twice, type)) == ["bookmarks/bookmark%5B2%5D/@name"]
        conflict(alice.put(path, example(2).replace("https:", "ftp:"), type), "constraint-failure")
        conflict(alice.put(path, example(2).replace("<bookmark ", "<folder/><bookmark "), type), "schema-validation-error")
        # a bad one leaves all as it was
        (tmp_path / "auids" / "com.example.bookmarks.xml").write_text(example(0).replace('judge="strict"', 'judge="sharp"'))
        told = server.reload()
        assert "reload refused" in told and "com.example.bookmarks.xml:4:" in told, told
        assert alice.get(path).body == example(2).encode()
        assert xcap.strong(alice.get(xcap.CAPS)) == xcap.strong(caps)


# --- the command line ---

def test_xcapctl_lists_and_shows_usages(server):
    import json
    names = [row["auid"] for row in json.loads(server.ctl("usage", "list", "--json").stdout)]
    assert names == [name for name in ALL if name not in ("oma_status-icon", "org.etsi.ngn.simservs")]
    shown = server.ctl("usage", "show", "org.etsi.ngn.simservs").stdout.decode()
    assert "auid: simservs.ngn.etsi.org" in shown and "simservs.ngn.etsi.org.template" in shown
    facts = json.loads(server.ctl("usage", "show", "rls-services", "--json").stdout)
    assert facts["claim"] == ["service/@uri, in service-uri"] and facts["notifies"] == ["presence of services"]
    assert server.ctl("usage", "show", "nothing", check=False).returncode == 1


def test_xcapctl_gets_what_is_generated(server, alice, reader, no_services):
    xcap.stored(alice.put(xcap.SERVICES, xcap.services("sip:a1@example.com")))
    assert server.ctl("doc", "get", SERVICE_INDEX).stdout == reader.get(SERVICE_INDEX).body
    assert server.ctl("doc", "get", xcap.CAPS).stdout == alice.get(xcap.CAPS).body
    told = server.ctl("doc", "get", DIRECTORY, check=False)
    assert told.returncode == 1 and b"over HTTP" in told.stderr
    assert server.ctl("doc", "get", "rls-services/global/other", check=False).returncode == 1
