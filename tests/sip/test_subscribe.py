# SPDX-License-Identifier: BSD-2-Clause
"""SUBSCRIBE: events, logins, bodies, expiry, dialogs. The numbers are those of the statements in statements.md."""
import time

import pytest

import sipua
import xcap
from place import SLOW
from sipua import Dialog, entry_list, parameter
from station import bare, items, only, told

HOME = "resource-lists/users/sip:alice@example.com/"


def test_a_subscriber_is_challenged_then_told_the_state(station, alice, phone, path):
    """21, 28, 29, 43"""
    etag = xcap.stored(alice.put(path, xcap.lists("bob")))
    refused, _ = phone.subscribe(path, login=False)
    assert refused.status == 401 and refused["WWW-Authenticate"].startswith("Digest ")
    response, dialog = phone.subscribe(path)
    assert response.status == 200 and response["Contact"]
    notify = phone.notify()
    item = only(notify)
    assert (item.kind, item.sel, item.new, item.previous) == ("document", path, bare(etag), None)
    assert not item.children
    assert notify["Call-ID"] == dialog.call_id and notify.state == "active"


def test_a_wrong_password_is_challenged_again(station):
    """21, 22"""
    with station.phone(password="wrong") as phone:
        response, _ = phone.subscribe(HOME)
        assert response.status == 401
        phone.quiet(0.3)


@pytest.mark.parametrize("event", ["presence", "XCAP-DIFF", "xcap-diff.winfo", None])
def test_other_events_are_unknown(phone, event):
    """1, 2"""
    response, _ = phone.subscribe(HOME, event=event)
    assert response.status == 489 and "xcap-diff" in response["Allow-Events"]


@pytest.mark.parametrize("mode", ["no-patching", "xcap-patching", "aggregate", "telepathy", '"aggregate"'])
def test_any_mode_is_taken(alice, phone, path, mode):
    """3, 4, 5"""
    response, _ = phone.subscribe(path, event=f"xcap-diff;diff-processing={mode}")
    assert response.status == 200
    assert told(phone.notify()) == {}
    alice.put(path, xcap.lists("bob"))
    assert only(phone.notify()).new


@pytest.mark.parametrize("mode", ["no-patching", "xcap-patching", "aggregate"])
def test_parts_are_told_the_same_in_every_mode(alice, phone, path, mode):
    """6"""
    alice.put(path, xcap.lists("bob"))
    sel = path + "/~~/resource-lists/list/@name"
    phone.subscribe(sel, event=f"xcap-diff;diff-processing={mode}")
    assert only(phone.notify()).text == "friends"
    alice.put(sel, "others")
    item = only(phone.notify())
    assert (item.kind, item.text, item.children) == ("attribute", "others", [])


def test_no_patching_is_never_given_patches(alice, phone, path):
    """3, 5, 45"""
    alice.put(path, xcap.lists("bob"))
    for event in ("xcap-diff", "xcap-diff;diff-processing=no-patching", "xcap-diff;diff-processing=unheard-of"):
        _, dialog = phone.subscribe(path, event=event)
        phone.notify()
        alice.put(path, xcap.lists("bob", event[-3:].strip("=-")))
        item = only(phone.notify())
        assert item.previous and item.new and not item.children
        phone.subscribe(dialog=dialog, expires=0)
        phone.notify()


def test_the_event_id_is_part_of_the_key_and_echoed(phone, path):
    """8, 9"""
    response, dialog = phone.subscribe(path, event="xcap-diff;id=7;diff-processing=aggregate")
    assert response.status == 200
    event = phone.notify()["Event"]
    assert event.split(";")[0] == "xcap-diff" and parameter(event, "id") == "7"
    for other, status in (("xcap-diff", 481), ("xcap-diff;id=8", 481), ("xcap-diff;id", 400)):
        response, _ = phone.subscribe(dialog=dialog, event=other)
        assert response.status == status, other
    response, _ = phone.subscribe(dialog=dialog, event="xcap-diff ; diff-processing=no-patching; id=7")
    assert response.status == 200
    assert parameter(phone.notify()["Event"], "id") == "7"


def test_an_hour_is_the_default_and_nothing_longer_is_granted(phone, path):
    """10, 11, 82"""
    response, _ = phone.subscribe(path)
    assert response["Expires"] == "3600"
    notify = phone.notify()
    assert 3590 <= int(parameter(notify["Subscription-State"], "expires")) <= 3600
    response, _ = phone.subscribe(path, expires=120)
    assert response["Expires"] == "120"
    assert 110 <= int(parameter(phone.notify()["Subscription-State"], "expires")) <= 120
    response, _ = phone.subscribe(path, expires=4000000)
    assert response["Expires"] == "86400"
    phone.notify()


@pytest.mark.parametrize("expires, status", [(1, 423), (59, 423), (60, 200), ("soon", 400)])
def test_too_brief_is_refused_with_what_is_enough(phone, path, expires, status):
    """12"""
    response, _ = phone.subscribe(path, expires=expires)
    assert response.status == status
    assert response["Min-Expires"] == ("60" if status == 423 else None)
    if status == 200:
        phone.notify()


@pytest.mark.parametrize("accept, status", [
    (None, 200), ("application/xcap-diff+xml", 200), ("application/pidf+xml, application/xcap-diff+xml", 200),
    ("*/*", 200), ("application/*", 200), ("Application/XCAP-Diff+XML", 200),
    ("application/pidf+xml", 406), ("application/xcap-diff+xml;q=0", 406)])
def test_accept_has_to_have_the_only_type(phone, path, accept, status):
    """13"""
    response, _ = phone.subscribe(path, **({"Accept": accept} if accept else {}))
    assert response.status == status, response
    if status == 200:
        assert phone.notify()["Content-Type"] == "application/xcap-diff+xml"


@pytest.mark.parametrize("kind, body, status", [
    ("application/xcap-diff+xml", b"<a/>", 415), ("text/plain", b"hello", 415),
    (None, b"<not closed", 400), (None, b"<a/>", 400), (None, b"<!DOCTYPE a []><a/>", 400),
    (None, b'<resource-lists xmlns="urn:else"/>', 400), (None, b"\xff\xfe", 400)])
def test_bodies_that_are_no_list(phone, kind, body, status):
    """14"""
    more = {"Content-Type": kind} if kind else {}
    response, _ = phone.subscribe(body=body, **more)
    assert response.status == status, response
    assert (response["Accept"] == "application/resource-lists+xml") == (status == 415)


def test_a_first_subscribe_needs_a_list(phone):
    """14"""
    response, _ = phone.subscribe()
    assert response.status == 400


def test_an_encoded_body_is_not_read(phone, path):
    """14"""
    response, _ = phone.subscribe(path, Content_Encoding="gzip")
    assert response.status == 415 and response["Accept-Encoding"] == "identity"


def test_only_the_uris_of_a_flat_list_matter(alice, phone, path):
    """15, 27"""
    for name in (path, path + "-nested", path + "-ref"):
        alice.put(name, xcap.lists("bob"))
    body = f"""<?xml version="1.0"?>
<rl:resource-lists xmlns:rl="{sipua.LISTS_NAMESPACE}" xmlns:x="urn:x" x:a="b"><x:y><entry uri="a"/></x:y>
 <rl:list><rl:display-name>Mine</rl:display-name>
  <rl:entry uri='{path}' x:other="1" name="n"><rl:display-name>d</rl:display-name></rl:entry>
  <rl:entry-ref ref="{path}-ref"/><rl:external anchor="{path}-ref"/><x:entry uri="{path}-nested"/>
  <rl:list name="inner"><rl:entry uri="{path}-nested"/></rl:list><rl:entry/>
 </rl:list></rl:resource-lists>""".encode()
    response, _ = phone.subscribe(body=body)
    assert response.status == 200
    assert list(told(phone.notify())) == [path]
    for name in (path + "-nested", path + "-ref"):
        alice.delete(name)


def test_uris_are_relative_to_the_root_or_absolute(station, alice, phone, path):
    """16, 34"""
    etag = bare(xcap.stored(alice.put(path, xcap.lists("bob"))))
    for uri in (path, station.root + path, path.replace("sip:alice@", "sip%3Aalice%40")):
        phone.subscribe(uri)
        assert told(phone.notify()) == {uri: etag}


def test_entries_outside_the_root_are_left_out(alice, phone, path):
    """16, 31"""
    etag = bare(xcap.stored(alice.put(path, xcap.lists("bob"))))
    outside = ("http://elsewhere.example.com/xcap-root/" + path, "/other-root/" + path, "/etc/passwd", "../" + path,
               "no-such-usage/users/sip:alice@example.com/index", "", "/", "%", "resource-lists/nobody/x", "urn:x",
               path + "/~~/resource-lists/namespace::*", path + "/~~/", path + "/~~/[", path + "/~~/p:resource-lists")
    response, _ = phone.subscribe(*outside, path)
    assert response.status == 200
    assert told(phone.notify()) == {path: etag}


def test_a_collection_is_all_documents_below_it(station, alice, bob, phone):
    """17, 30, 33"""
    names = [HOME + name for name in ("index", "a", "b")]
    etags = {name: bare(xcap.stored(alice.put(name, xcap.lists("bob")))) for name in names}
    rules = "pres-rules/users/sip:alice@example.com/index"
    etags[rules] = bare(xcap.stored(alice.put(rules, xcap.rules("bob"))))
    xcap.stored(bob.put("resource-lists/users/sip:bob@example.com/index", xcap.lists("alice")))
    _, dialog = phone.subscribe(HOME)
    assert told(phone.notify()) == {name: etags[name] for name in names}
    for folder in ("resource-lists/", "resource-lists/users/", "resource-lists/users/sip%3Aalice%40example.com/",
                   "resource-lists/users/alice/", station.root + HOME):
        phone.subscribe(folder)
        assert told(phone.notify()) == {name: etags[name] for name in names}, folder
    phone.subscribe("pres-rules/", "resource-lists/")
    assert told(phone.notify()) == etags
    phone.subscribe(HOME.removesuffix("/"))
    assert told(phone.notify()) == {}
    with station.phone("bob") as other:
        other.subscribe(HOME, "pres-rules/")
        assert told(other.notify()) == {}
    for name in etags:
        alice.delete(name)
    assert dialog


def test_a_new_list_takes_the_place_of_the_old_one(alice, phone, path):
    """20, 35"""
    one, two = path + "1", path + "2"
    etags = {name: bare(xcap.stored(alice.put(name, xcap.lists("bob")))) for name in (one, two)}
    _, dialog = phone.subscribe(one)
    assert told(phone.notify()) == {one: etags[one]}
    phone.subscribe(two, dialog=dialog)
    assert told(phone.notify()) == {two: etags[two]}
    phone.subscribe(dialog=dialog)
    assert told(phone.notify()) == {two: etags[two]}
    alice.put(one, xcap.lists("carol"))
    assert phone.quiet(0.5)
    assert alice.delete(two).status == 200
    assert only(phone.notify()).sel == two
    alice.delete(one)


def test_a_bad_new_list_leaves_the_old_one(alice, phone, path):
    """14, 20"""
    _, dialog = phone.subscribe(path)
    phone.notify()
    assert phone.subscribe(body=b"<broken", dialog=dialog)[0].status == 400
    xcap.stored(alice.put(path, xcap.lists("bob")))
    assert only(phone.notify()).sel == path


def test_a_poll_is_told_once(alice, phone, path):
    """24"""
    etag = bare(xcap.stored(alice.put(path, xcap.lists("bob"))))
    response, _ = phone.subscribe(path, expires=0)
    assert response.status == 200 and response["Expires"] == "0"
    notify = phone.notify()
    assert (notify.state, notify.reason) == ("terminated", "timeout")
    assert told(notify) == {path: etag}
    alice.put(path, xcap.lists("carol"))
    assert phone.quiet(0.5)


def test_unsubscribing_tells_the_state_a_last_time(alice, phone, path):
    """24, 28"""
    etag = bare(xcap.stored(alice.put(path, xcap.lists("bob"))))
    _, dialog = phone.subscribe(path)
    phone.notify()
    response, _ = phone.subscribe(dialog=dialog, expires=0)
    assert response.status == 200 and response["Expires"] == "0"
    notify = phone.notify()
    assert (notify.state, notify.reason) == ("terminated", "timeout") and told(notify) == {path: etag}
    alice.put(path, xcap.lists("carol"))
    assert phone.quiet(0.5)
    assert phone.subscribe(dialog=dialog)[0].status == 481


def test_an_unknown_extension_is_refused(phone, path):
    """25"""
    response, _ = phone.subscribe(path, Require="telepathy")
    assert response.status == 420 and response["Unsupported"] == "telepathy"


def test_a_dialog_that_nobody_knows(phone, path):
    """26"""
    _, dialog = phone.subscribe(path)
    phone.notify()
    for wrong in ("remote_tag", "local_tag", "call_id"):
        other = Dialog(phone)
        other.remote_tag, other.local_tag, other.call_id = dialog.remote_tag, dialog.local_tag, dialog.call_id
        setattr(other, wrong, "x" + getattr(other, wrong))
        assert phone.subscribe(path, dialog=other)[0].status == 481, wrong


def test_an_old_cseq_is_refused(phone, path):
    """26 (RFC 3261 §12.2.2)"""
    _, dialog = phone.subscribe(path)
    phone.notify()
    dialog.cseq -= 2
    assert phone.subscribe(path, dialog=dialog)[0].status == 500


def test_somebody_elses_dialog_is_forbidden(station, phone, path):
    """22 (CONTRACT: a refresh with other credentials is 403)"""
    _, dialog = phone.subscribe(path)
    phone.notify()
    with station.phone("bob") as bob:
        dialog.local_port = bob.port
        response, _ = bob.subscribe(path, dialog=dialog)
        assert response.status == 403


def test_what_the_sip_simple_sdk_sends(station, alice):
    """27"""
    name = "resource-lists/users/sip%3Aalice%40example.com/index"
    etag = bare(xcap.stored(alice.put("resource-lists/users/sip:alice@example.com/index", xcap.lists("bob"))))
    body = (f'<?xml version="1.0" encoding="UTF-8"?>\n<rl:resource-lists xmlns:rl="{sipua.LISTS_NAMESPACE}">'
            f'<rl:list><rl:entry uri="{name}"/></rl:list></rl:resource-lists>').encode()
    with station.phone(transport="tcp", contact="sip:73201849@127.0.0.1;transport=tcp") as phone:
        response, _ = phone.subscribe(body=body, expires=600, Accept="application/xcap-diff+xml")
        assert response.status == 200
        assert told(phone.notify()) == {name: etag}
    alice.delete("resource-lists/users/sip:alice@example.com/index")


def test_the_list_is_looked_at_once_for_each_entry(alice, phone, path):
    """32"""
    etag = bare(xcap.stored(alice.put(path, xcap.lists("bob"))))
    encoded = path.replace(":", "%3A")
    phone.subscribe(path, HOME, path, encoded, "resource-lists/", HOME)
    assert told(phone.notify()) == {path: etag}
    etag = bare(xcap.stored(alice.put(path, xcap.lists("carol"))))
    item = only(phone.notify())
    assert (item.sel, item.new) == (path, etag)


def test_there_is_nobody_to_wait_for(phone, path):
    """23, 37: the first answer is final, and the first state is active"""
    start = time.monotonic()
    response, _ = phone.subscribe(path)
    assert response.status == 200 and time.monotonic() - start < 2 * SLOW
    assert phone.notify().state == "active"


def test_too_many_entries(phone):
    """CONTRACT: notifier.max-entries"""
    assert phone.subscribe(*(f"{HOME}{n}" for n in range(201)))[0].status == 413
    response, _ = phone.subscribe(*(f"{HOME}{n}" for n in range(200)))
    assert response.status == 200 and items(phone.notify()) == []
    assert entry_list()


def test_a_contact_is_needed(phone, path):
    """86 (RFC 6665 §4.2.1.1: the target of NOTIFYs)"""
    assert phone.subscribe(path, Contact=None)[0].status == 400
    assert phone.subscribe(path, Contact="<mailto:alice@example.com>")[0].status == 400
