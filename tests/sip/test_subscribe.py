# SPDX-License-Identifier: BSD-2-Clause
"""SUBSCRIBE: events, logins, bodies, expiry, dialogs. The numbers are those of the statements in XCAP-DIFF.md."""
import pytest

import sipua
import xcap
from station import bare, only, told

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


def test_a_change_is_told(station, alice, phone, path):
    """31, 43, 45, 44"""
    phone.subscribe(path)
    assert told(phone.notify()) == {}
    first = xcap.stored(alice.put(path, xcap.lists("bob")), 201)
    item = only(phone.notify())
    assert (item.sel, item.previous, item.new) == (path, None, bare(first))
    second = xcap.stored(alice.put(path, xcap.lists("bob", "carol")), 200)
    item = only(phone.notify())
    assert (item.previous, item.new) == (bare(first), bare(second)) and not item.children
    assert alice.delete(path).status == 200
    item = only(phone.notify())
    assert (item.previous, item.new) == (bare(second), None)


@pytest.mark.parametrize("event", ["presence", "XCAP-DIFF", "xcap-diff.winfo", None])
def test_other_events_are_unknown(phone, event):
    """1, 2"""
    response, _ = phone.subscribe(HOME, event=event)
    assert response.status == 489 and "xcap-diff" in response["Allow-Events"]
