# SPDX-License-Identifier: BSD-2-Clause
"""A small SIP user agent over UDP: publishes, subscribes, answers every NOTIFY and keeps it."""
import email
import re
import secrets
import socket
import threading
import time
import xml.etree.ElementTree as ElementTree

from daemon import eventually
from digest import Login
from place import SLOW

PIDF, RLMI, WINFO = ("urn:ietf:params:xml:ns:pidf", "urn:ietf:params:xml:ns:rlmi",
                     "urn:ietf:params:xml:ns:watcherinfo")


class Message:
    """A request or a response: start line, fields in order, body."""

    def __init__(self, octets):
        head, _, self.body = octets.partition(b"\r\n\r\n")
        self.start, *lines = head.decode("utf-8", "replace").split("\r\n")
        self.fields = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        words = self.start.split(" ", 2)
        self.status = int(words[1]) if words[0] == "SIP/2.0" else None
        self.method = None if self.status else words[0]

    def all(self, name):
        return [value for field, value in self.fields if field.lower() == name.lower()]

    def __getitem__(self, name):
        return next(iter(self.all(name)), None)

    @property
    def sequence(self):
        return self["CSeq"].split()[0]

    def __repr__(self):
        return f"<{self.start} {self.fields} {self.body[:500]!r}>"


class Challenge:
    """A challenge as tests/http's Login wants to read it."""

    def __init__(self, message):
        self.values = message.all("WWW-Authenticate") + message.all("Proxy-Authenticate")

    def all(self, _):
        return self.values


class Agent:
    """`with Agent("bob", ("127.0.0.1", 5060)) as bob:` – one socket, one thread that reads it."""

    def __init__(self, name, server, domain="example.com", password=None, port=0):
        self.name, self.server, self.domain, self.password = name, server, domain, password
        self.uri = f"sip:{name}@{domain}"
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", port))
        self.socket.settimeout(0.2)
        self.port = self.socket.getsockname()[1]
        self.answers, self.notices, self.subscriptions, self.etag = {}, [], [], None
        self.lock, self.ended = threading.Lock(), False
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended = True
        self.thread.join()
        self.socket.close()

    # --- what comes ---

    def listen(self):
        while not self.ended:
            try:
                octets, source = self.socket.recvfrom(65535)
            except OSError:
                continue
            if octets.strip():
                self.take(Message(octets), source)

    def take(self, message, source):
        with self.lock:
            if message.status:
                if message.status >= 200:
                    self.answers[message["Call-ID"], message["CSeq"]] = message
                return
            known = self.notices + [notice for one in self.subscriptions for notice in one.notices]
            seen = any((old["Call-ID"], old["CSeq"]) == (message["Call-ID"], message["CSeq"]) for old in known)
            mine = [one for one in self.subscriptions if one.call == message["Call-ID"]]
            ended = any(one.over for one in mine)
            if not seen and not ended:
                (mine[0].notices if mine else self.notices).append(message)
        status = "481 Gone" if ended and not seen else "200 OK"
        copied = "".join(f"{name}: {value}\r\n" for name, value in message.fields
                         if name.lower() in ("via", "from", "to", "call-id", "cseq"))
        self.socket.sendto(f"SIP/2.0 {status}\r\n{copied}Content-Length: 0\r\n\r\n".encode(), source)

    # --- what goes ---

    def send(self, method, target, fields, body=b"", to=None, call=None, number=1, tag=None, seconds=10):
        """One request, retransmitted until its final answer; None when there is none in time."""
        call = call or secrets.token_hex(8)
        request = "\r\n".join([
            f"{method} {target} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK{secrets.token_hex(8)};rport",
            f"From: <{self.uri}>;tag={tag or secrets.token_hex(4)}", f"To: {to or f'<{target}>'}",
            f"Call-ID: {call}", f"CSeq: {number} {method}", "Max-Forwards: 70",
            f"Contact: <sip:{self.name}@127.0.0.1:{self.port}>",
            *[f"{name}: {value}" for name, value in fields], f"Content-Length: {len(body)}", "", ""]).encode() + body
        key, end, pause = (call, f"{number} {method}"), time.monotonic() + seconds * SLOW, 0.5
        while time.monotonic() < end:
            self.socket.sendto(request, self.server)
            if eventually(lambda: key in self.answers, pause / SLOW, 0.005):
                return self.answers[key]
            pause = min(pause * 2, 4)
        return None

    def ask(self, method, target, fields, body=b"", number=1, **more):
        """send(), and once more with credentials when they are asked for: (answer, number of the request)."""
        more.setdefault("call", secrets.token_hex(8))
        more.setdefault("tag", secrets.token_hex(4))
        answer = self.send(method, target, fields, body, number=number, **more)
        if answer is not None and answer.status in (401, 407) and self.password:
            login = Login(self.name, self.password).learn(Challenge(answer))
            name = "Authorization" if answer.status == 401 else "Proxy-Authorization"
            number += 1
            answer = self.send(method, target, [*fields, (name, login.header(method, target))], body,
                               number=number, **more)
        assert answer is not None, f"{method} {target}: no answer"
        return answer, number

    def register(self, seconds=600):
        target = f"sip:{self.domain}"
        return self.ask("REGISTER", target, [("Expires", seconds)], to=f"<{self.uri}>")[0]

    def publish(self, note, basic="open"):
        """Says how this person is; the tag of the publication is kept."""
        body = (f'<?xml version="1.0" encoding="UTF-8"?>\n<presence xmlns="{PIDF}" entity="{self.uri}">'
                f'<tuple id="t1"><status><basic>{basic}</basic></status><note>{note}</note></tuple></presence>\n')
        fields = [("Event", "presence"), ("Expires", 600), ("Content-Type", "application/pidf+xml")]
        if self.etag:
            fields.append(("SIP-If-Match", self.etag))
        answer, _ = self.ask("PUBLISH", self.uri, fields, body.encode())
        self.etag = answer["SIP-ETag"] if answer.status == 200 else None
        return answer

    def subscribe(self, target, **more):
        return Subscription(self, target, **more)


class Subscription:
    """A dialog that this agent began with SUBSCRIBE, and the NOTIFYs that came in it."""

    def __init__(self, agent, target, event="presence", lists=False, seconds=600, check=True):
        self.agent, self.target, self.event, self.lists = agent, target, event, lists
        self.call, self.tag, self.number, self.to = secrets.token_hex(8), secrets.token_hex(4), 0, None
        self.notices = []
        with agent.lock:
            agent.subscriptions.append(self)
        self.answer = self.refresh(seconds)
        assert not check or self.answer.status in (200, 202), self.answer

    def refresh(self, seconds=600):
        accepted = "application/pidf+xml, application/watcherinfo+xml"
        fields = [("Event", self.event), ("Expires", seconds)]
        if self.lists:
            accepted += ", application/rlmi+xml, multipart/related"
            fields.append(("Supported", "eventlist"))
        answer, self.number = self.agent.ask(
            "SUBSCRIBE", self.target, [*fields, ("Accept", accepted)], number=self.number + 1, call=self.call,
            tag=self.tag, to=self.to)
        if answer.status in (200, 202):
            self.to = answer["To"]
        return answer

    @property
    def over(self):
        """Whether a NOTIFY ended it: what still comes gets 481."""
        return any(notice["Subscription-State"].startswith("terminated") for notice in self.notices)

    # --- how it stands ---

    @property
    def last(self):
        with self.agent.lock:
            return max(self.notices, key=lambda notice: int(notice.sequence), default=None)

    @property
    def state(self):
        """What the last NOTIFY said: active, pending, or terminated with its reason; with or without a body."""
        if self.last is None:
            return None
        said = self.last["Subscription-State"]
        reason = re.search(r"reason=([\w-]+)", said)
        state = said.split(";")[0].strip()
        if reason:
            return f"{state} {reason[1]}"
        return f"{state} with state" if self.note else state

    @property
    def note(self):
        """What the person says of themselves in the last NOTIFY, if it carries anything."""
        return said_in(self.last.body) if self.last is not None else None

    def becomes(self, state, seconds=10):
        eventually(lambda: self.state == state, seconds)
        assert self.state == state, (self.state, self.notices[-2:])
        return self

    def says(self, note, seconds=10):
        eventually(lambda: self.note == note, seconds)
        assert self.note == note, (self.note, self.notices[-2:])
        return self

    # --- lists ---

    @property
    def members(self):
        """Of a list: whom it shows, and the note that each has, None without one."""
        shown = {}
        with self.agent.lock:
            notices = sorted(self.notices, key=lambda notice: int(notice.sequence))
        for notice in notices:
            list_notice(notice, shown)
        return shown


def said_in(body):
    if b"<" not in body:
        return None
    presence = ElementTree.fromstring(body[body.index(b"<"):].strip())
    notes = [note.text for note in presence.iter(f"{{{PIDF}}}note") if note.text]
    return notes[0] if notes else None


def list_notice(notice, shown):
    """Takes one NOTIFY of a list into `shown`."""
    if not notice.body or "multipart/related" not in (notice["Content-Type"] or ""):
        return
    whole = email.message_from_bytes(f"Content-Type: {notice['Content-Type']}\r\n\r\n".encode() + notice.body)
    parts = {part["Content-ID"].strip("<>"): part for part in whole.walk() if part["Content-ID"]}
    first = next(part for part in parts.values() if part.get_content_type() == "application/rlmi+xml")
    overview = ElementTree.fromstring(first.get_payload(decode=True))
    if overview.get("fullState") == "true":
        shown.clear()
    for resource in overview.iter(f"{{{RLMI}}}resource"):
        instance = resource.find(f"{{{RLMI}}}instance")
        shown[resource.get("uri")] = None
        if instance is None:
            continue
        # Kamailio leaves the state out where it is not active; only who is gone has a reason
        if instance.get("reason"):
            del shown[resource.get("uri")]
        elif instance.get("cid") in parts:
            shown[resource.get("uri")] = said_in(parts[instance.get("cid")].get_payload(decode=True))
