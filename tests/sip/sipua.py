# SPDX-License-Identifier: BSD-2-Clause
"""A SIP user agent for tests: UDP, TCP or TLS, digest, dialogs that SUBSCRIBE makes, NOTIFYs that are answered.

What a test wants to be odd it writes itself: every header can be given, every answer chosen.
"""
import itertools
import queue
import re
import socket
import threading
import time
import uuid

from digest import Login
from place import SLOW

T1 = 0.5
PATIENCE = 10 * SLOW  # seconds; no test waits longer for one message
LISTS_NAMESPACE = "urn:ietf:params:xml:ns:resource-lists"
XCAP_DIFF, RESOURCE_LISTS = "application/xcap-diff+xml", "application/resource-lists+xml"
NUMBERS = itertools.count(1)


class Message:
    """One message: `start` is its first line, `fields` its headers in order."""

    def __init__(self, start, fields, body=b""):
        self.start, self.fields, self.body = start, list(fields), body

    @classmethod
    def parse(cls, octets):
        head, _, body = octets.partition(b"\r\n\r\n")
        lines = head.decode("utf-8").split("\r\n")
        fields = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines[1:])]
        return cls(lines[0], fields, body)

    def octets(self):
        fields = [field for field in self.fields if field[0].lower() != "content-length"]
        fields.append(("Content-Length", str(len(self.body))))
        head = "\r\n".join([self.start] + [f"{name}: {value}" for name, value in fields])
        return (head + "\r\n\r\n").encode("utf-8") + self.body

    def all(self, name):
        return [value for field, value in self.fields if field.lower() == name.lower()]

    def __getitem__(self, name):
        """The header's only value; None when it is absent."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} came {len(values)} times: {self.start}"
        return values[0] if values else None

    @property
    def is_request(self):
        return not self.start.startswith("SIP/2.0 ")

    @property
    def status(self):
        return int(self.start.split(" ")[1])

    @property
    def method(self):
        return self.start.split(" ")[0]

    @property
    def uri(self):
        return self.start.split(" ")[1]

    @property
    def cseq(self):
        return int(self["CSeq"].split()[0])

    @property
    def branch(self):
        return parameter(self.all("Via")[0], "branch")

    @property
    def state(self):
        """active, pending or terminated."""
        return self["Subscription-State"].split(";")[0].strip()

    @property
    def reason(self):
        return parameter(self["Subscription-State"], "reason")

    def __repr__(self):
        return f"<{self.start} {self.fields} {self.body[:500]!r}>"


def parameter(value, name):
    found = re.search(rf';\s*{re.escape(name)}\s*=\s*("[^"]*"|[^;,\s]*)', value or "", re.IGNORECASE)
    return found.group(1).strip('"') if found else None


def uri_of(value):
    """What stands between the angle brackets, or before the parameters."""
    found = re.search(r"<([^>]*)>", value)
    return found.group(1) if found else value.split(";")[0].strip()


def entry_list(*uris):
    """The body of a SUBSCRIBE for these resources."""
    def escaped(uri):
        return uri.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    entries = "".join(f'  <entry uri="{escaped(uri)}"/>\n' for uri in uris)
    return (f'<?xml version="1.0" encoding="UTF-8"?>\n<resource-lists xmlns="{LISTS_NAMESPACE}">\n'
            f" <list>\n{entries} </list>\n</resource-lists>\n").encode("utf-8")


class Phone:
    """A subscriber with one socket. A thread of its own reads, and answers NOTIFYs with what `answer` gives
    for them: a status, (status, extra header fields), or None for silence."""

    def __init__(self, server, user="alice", password=None, transport="udp", domain="example.com", peer=None,
                 contact=None, listen=True, source="127.0.0.1", tls=None):
        self.peer = peer or server
        self.user, self.domain, self.transport = user, domain, transport
        self.login = Login(user, user if password is None else password)
        self.answer = lambda notify: 200
        self.notifies, self.responses = queue.Queue(), queue.Queue()
        self.answered, self.closed = {}, False
        kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
        self.socket = socket.socket(socket.AF_INET, kind)
        self.socket.bind((source, 0))
        if transport != "udp":
            self.socket.connect(self.peer)
        if transport == "tls":
            self.socket = tls.wrap_socket(self.socket, server_hostname=self.peer[0])
        self.host, self.port = self.socket.getsockname()
        self.contact = contact or f"sip:{user}@{self.host}:{self.port}" + (
            "" if transport == "udp" else f";transport={transport}")
        if listen:
            self.thread = threading.Thread(target=self._listen, daemon=True)
            self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if not self.closed:
            self.closed = True
            try:
                self.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            self.socket.close()

    # --- octets ---

    def send(self, octets):
        if self.transport == "udp":
            self.socket.sendto(octets, self.peer)
        else:
            self.socket.sendall(octets)

    def _datagrams(self):
        while True:
            octets, _ = self.socket.recvfrom(65536)
            if octets.strip():
                yield octets
            elif self.closed:
                return

    def _stream(self):
        buffer = b""
        while True:
            while b"\r\n\r\n" in (buffer := buffer.lstrip(b"\r\n")):
                head, _, rest = buffer.partition(b"\r\n\r\n")
                size = int(re.search(rb"(?im)^content-length\s*:\s*(\d+)", head).group(1))
                if len(rest) < size:
                    break
                yield buffer[:len(head) + 4 + size]
                buffer = rest[size:]
            more = self.socket.recv(65536)
            if not more:
                return
            buffer += more

    def _listen(self):
        try:
            for octets in self._datagrams() if self.transport == "udp" else self._stream():
                self._take(Message.parse(octets))
        except OSError:
            pass

    def _take(self, message):
        if not message.is_request:
            if message.status >= 200:
                self.responses.put(message)
            return
        again = message.branch in self.answered
        if not again:
            said = self.answer(message)
            status, more = said if isinstance(said, tuple) else (said, [])
            self.answered[message.branch] = status and self.reply(message, status, more)
            message.answered = status
        if self.answered[message.branch]:
            try:
                self.send(self.answered[message.branch])
            except OSError:
                pass
        if not again:
            message.at = time.monotonic()
            self.notifies.put(message)

    def reply(self, request, status, more=()):
        fields = [(name, value) for name, value in request.fields
                  if name.lower() in ("via", "from", "to", "call-id", "cseq")]
        return Message(f"SIP/2.0 {status} As-Told", fields + [("Contact", f"<{self.contact}>")] + list(more)).octets()

    # --- requests ---

    def head(self, method, uri, dialog, fields):
        """The fields of a request; those in `fields` take the place of the usual ones, None leaves one out."""
        branch = f"z9hG4bK{uuid.uuid4().hex}"
        usual = {
            "Via": f"SIP/2.0/{self.transport.upper()} {self.host}:{self.port};rport;branch={branch}",
            "Max-Forwards": "70",
            "From": f"<sip:{self.user}@{self.domain}>;tag={dialog.local_tag}",
            "To": f"<{dialog.to_uri}>" + (f";tag={dialog.remote_tag}" if dialog.remote_tag else ""),
            "Call-ID": dialog.call_id,
            "CSeq": f"{dialog.next_cseq()} {method}",
            "Contact": f"<{self.contact}>",
        }
        given = [(name.replace("_", "-"), value) for name, value in fields]
        names = {name.lower() for name, _ in given}
        out = [(name, value) for name, value in usual.items() if name.lower() not in names]
        return out + [(name, value) for name, value in given if value is not None]

    def ask(self, message, patience=None):
        """Sends a request and waits for its final response, sending again by UDP as RFC 3261 §17.1.2 says."""
        octets, pause = message.octets(), T1
        self.send(octets)
        end = time.monotonic() + (patience or PATIENCE)
        again = time.monotonic() + pause
        while (now := time.monotonic()) < end:
            try:
                response = self.responses.get(timeout=max(0.01, min(again, end) - now))
            except queue.Empty:
                if self.transport == "udp" and time.monotonic() >= again:
                    self.send(octets)
                    pause = min(2 * pause, 4)
                    again = time.monotonic() + pause
                continue
            if response.branch == message.branch:
                return response
        raise AssertionError(f"no response to {message.start}")

    def request(self, method, dialog, fields=(), body=b"", uri=None, login=True):
        uri = uri or dialog.target
        fields = list(fields)
        for _ in range(3):
            more = list(fields)
            if login and self.login.ready:
                more.append(("Authorization", self.login.header(method, uri)))
            response = self.ask(Message(f"{method} {uri} SIP/2.0", self.head(method, uri, dialog, more), body))
            if response.status != 401 or not login:
                return response
            self.login.learn(response)
        return response

    def subscribe(self, *uris, dialog=None, event="xcap-diff", expires=None, body=None, login=True, **fields):
        """SUBSCRIBE for these resources; without any the list stays away. Returns (response, dialog)."""
        dialog = dialog or Dialog(self)
        if body is None and uris:
            body = entry_list(*uris)
        more = [("Event", event)] if event is not None else []
        if expires is not None:
            more.append(("Expires", str(expires)))
        if body:
            more.append(("Content-Type", RESOURCE_LISTS))
        given = [(name.replace("_", "-"), value) for name, value in fields.items()]
        names = {name.lower() for name, _ in given}
        more = [field for field in more if field[0].lower() not in names] + given
        response = self.request("SUBSCRIBE", dialog, more, body or b"", login=login)
        if 200 <= response.status < 300:
            dialog.learn(response)
        return response, dialog

    # --- NOTIFYs ---

    def notify(self, seconds=None):
        """The next NOTIFY."""
        try:
            return self.notifies.get(timeout=seconds or PATIENCE)
        except queue.Empty:
            raise AssertionError("no NOTIFY came") from None

    def quiet(self, seconds):
        """Nothing comes for so long."""
        try:
            notify = self.notifies.get(timeout=seconds)
        except queue.Empty:
            return True
        raise AssertionError(f"a NOTIFY came: {notify}")


class Dialog:
    """What SUBSCRIBE makes, from the subscriber's side."""

    def __init__(self, phone, target=None, to_uri=None):
        self.call_id, self.local_tag = uuid.uuid4().hex, uuid.uuid4().hex[:8]
        self.remote_tag, self.cseq = None, next(NUMBERS)
        self.to_uri = to_uri or f"sip:{phone.user}@{phone.domain}"
        self.target = target or f"sip:{phone.user}@{phone.domain}"

    def next_cseq(self):
        self.cseq += 1
        return self.cseq

    def learn(self, response):
        self.remote_tag = parameter(response["To"], "tag")
        self.target = uri_of(response["Contact"])
