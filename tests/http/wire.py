# SPDX-License-Identifier: BSD-2-Clause
"""HTTP/1.1 on a raw socket: what is sent is exactly what the test wrote, what came is kept as it came.

Every read and write is bounded by the socket's timeout.
"""
import socket
import time

from place import SLOW

TIMEOUT = 20 * SLOW  # seconds; no test waits longer for one octet


class Hangup(Exception):
    """The server closed the connection where an answer should have come."""


class Answer:
    """One answer: status, reason, header fields in order, body octets."""

    def __init__(self, version, status, reason, fields):
        self.version, self.status, self.reason, self.fields = version, status, reason, fields
        self.body = b""
        self.interim = []  # 1xx answers before this one

    def all(self, name):
        return [value for field, value in self.fields if field.lower() == name.lower()]

    def __getitem__(self, name):
        """The field's only value; None when it is absent; an error when it came twice."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} came {len(values)} times: {values}"
        return values[0] if values else None

    @property
    def text(self):
        return self.body.decode("utf-8")

    @property
    def closes(self):
        said = (self["Connection"] or "").lower()
        return said == "close" or (self.version == "HTTP/1.0" and said != "keep-alive")

    def __repr__(self):
        return f"<{self.status} {self.reason} {self.fields} {self.body[:300]!r}>"


class Wire:
    """One connection; `tls` is the client's ssl.SSLContext."""

    def __init__(self, address, source=None, timeout=TIMEOUT, tls=None):
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        if source:
            self.socket.bind((source, 0))
        try:
            self.socket.connect(address)
            if tls:
                self.socket = tls.wrap_socket(self.socket, server_hostname=address[0])
        except OSError:
            self.socket.close()
            raise
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, octets):
        if isinstance(octets, str):
            octets = octets.encode()
        self.socket.sendall(octets)
        return self

    def trickle(self, octets, piece=1, pause=0.0):
        """Sends in small pieces. False when the server had enough of it."""
        for start in range(0, len(octets), piece):
            try:
                self.socket.sendall(octets[start:start + piece])
            except OSError:
                return False
            time.sleep(pause)
        return True

    def _more(self):
        try:
            octets = self.socket.recv(1 << 18)
        except ConnectionError as reset:
            raise Hangup(f"{reset}; so far {self.buffer[:200]!r}") from reset
        if not octets:
            raise Hangup(f"closed; so far {self.buffer[:200]!r}")
        self.buffer += octets

    def _until(self, mark):
        while mark not in self.buffer:
            self._more()
        head, self.buffer = self.buffer.split(mark, 1)
        return head

    def _exactly(self, count):
        if len(self.buffer) < count:
            parts, have = [self.buffer], len(self.buffer)
            self.buffer = b""
            while have < count:
                self._more()
                parts.append(self.buffer)
                have += len(self.buffer)
                self.buffer = b""
            self.buffer = b"".join(parts)
        octets, self.buffer = self.buffer[:count], self.buffer[count:]
        return octets

    def _head(self):
        lines = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        version, status, reason = (lines[0].split(" ", 2) + [""])[:3]
        assert version in ("HTTP/1.1", "HTTP/1.0"), lines[0]
        fields = [(name, value.strip()) for name, value in (line.split(":", 1) for line in lines[1:])]
        return Answer(version, int(status), reason, fields)

    def answer(self, method="GET"):
        """The next final answer."""
        interim = []
        answer = self._head()
        while answer.status < 200:
            interim.append(answer)
            answer = self._head()
        answer.interim = interim
        if method == "HEAD" or answer.status in (204, 304):
            return answer
        if (answer["Transfer-Encoding"] or "").lower() == "chunked":
            answer.body = self._chunks()
        elif answer["Content-Length"] is not None:
            answer.body = self._exactly(int(answer["Content-Length"]))
        else:
            answer.body = self._rest()
        return answer

    def interim(self):
        """The next answer's head alone, a 100 for example."""
        return self._head()

    def _chunks(self):
        parts = []
        while size := int(self._until(b"\r\n").split(b";")[0], 16):
            parts.append(self._exactly(size))
            self._exactly(2)
        while self._until(b"\r\n"):
            pass
        return b"".join(parts)

    def _rest(self):
        try:
            while True:
                self._more()
        except Hangup:
            octets, self.buffer = self.buffer, b""
            return octets

    def closed_within(self, seconds):
        """How long until the server closed the connection; None when it did not in time."""
        start = time.monotonic()
        before = self.socket.gettimeout()
        try:
            while (left := start + seconds - time.monotonic()) > 0:
                self.socket.settimeout(left)
                octets = self.socket.recv(65536)
                if not octets:
                    return time.monotonic() - start
                self.buffer += octets
        except ConnectionError:
            return time.monotonic() - start
        except TimeoutError:
            pass
        finally:
            self.socket.settimeout(before)
        return None

    def is_closed(self, seconds=5):
        return self.closed_within(seconds) is not None


def head(method, target, fields=(), version="HTTP/1.1"):
    """A request's head, octet for octet as asked: target and fields are not touched."""
    lines = [f"{method} {target} {version}"] + [f"{name}: {value}" for name, value in fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8")


def chunked(octets, piece=1000):
    parts = [octets[at:at + piece] for at in range(0, len(octets), piece)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
