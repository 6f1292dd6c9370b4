# SPDX-License-Identifier: BSD-2-Clause
"""Presence servers of a test: one that speaks SIP, one that speaks JSON-RPC. What they were told is in
`heard`, in order; `answer` decides what each message gets."""
import http.server
import json
import socket
import threading
import time

from daemon import eventually
from sipua import Message, parameter


def sockets_at(port):
    """For TCP and UDP at the same port; 0: at one that is free for both."""
    for attempt in range(1 if port else 20):
        stream = socket.create_server(("127.0.0.1", port))
        datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            datagram.bind(stream.getsockname())
            return stream, datagram
        except OSError:
            stream.close()
            datagram.close()
    raise OSError(f"no port is free for both TCP and UDP, {attempt + 1} tried")


class PresenceServer:
    """SIP over UDP, and over TCP (or TLS) at the same port. `answer(message)` gives a status, (status, extra header
    fields), or None for silence; a retransmission gets what its first copy got."""

    def __init__(self, context=None, port=0, answer=None):
        self.answer, self.heard, self.copies, self.times = answer or (lambda message: 200), [], 0, []
        self.known, self.lock, self.closed, self.context = {}, threading.Lock(), False, context
        self.stream, self.datagram = sockets_at(port)
        self.port = self.stream.getsockname()[1]
        self.streams = []
        for run in (self._datagrams, self._accept):
            threading.Thread(target=run, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.closed = True
        for one in (self.datagram, self.stream, *self.streams):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()

    def uri(self, *parameters):
        return ";".join([f"sip:presence@127.0.0.1:{self.port}", *parameters])

    # --- what comes in ---

    def _datagrams(self):
        while not self.closed:
            try:
                octets, source = self.datagram.recvfrom(65536)
                if octets:
                    self._take(octets, "UDP", lambda answer, to=source: self.datagram.sendto(answer, to))
            except OSError:
                return

    def _accept(self):
        while not self.closed:
            try:
                stream, _ = self.stream.accept()
                if self.context:
                    stream = self.context.wrap_socket(stream, server_side=True)
            except OSError:
                continue
            self.streams.append(stream)
            threading.Thread(target=self._stream, args=(stream,), daemon=True).start()

    def _stream(self, stream):
        held = b""
        try:
            while more := stream.recv(65536):
                held += more
                while b"\r\n\r\n" in held:
                    first = Message.parse(held)
                    size = held.index(b"\r\n\r\n") + 4 + int(first["Content-Length"])
                    if len(held) < size:
                        break
                    self._take(held[:size], "TCP", stream.sendall)
                    held = held[size:]
        except OSError:
            pass

    def _take(self, octets, transport, send):
        message = Message.parse(octets)
        message.transport = transport
        with self.lock:
            if message.branch in self.known:
                self.copies += 1
                answer = self.known[message.branch]
            else:
                message.time = time.monotonic()
                answer = self.known[message.branch] = self.answer(message)
                message.send = send
                self.heard.append(message)
        if answer is not None:
            send(self.response(message, *(answer if isinstance(answer, tuple) else (answer, ()))))

    def reply(self, message, status=200, fields=()):
        """Answers one that `answer` was silent about."""
        with self.lock:
            self.known[message.branch] = (status, fields)
        message.send(self.response(message, status, fields))

    @staticmethod
    def response(message, status, fields=()):
        kept = [(name, value) for name, value in message.fields if name in ("Via", "From", "To", "Call-ID", "CSeq")]
        kept = [(name, value + ";tag=there" if name == "To" and not parameter(value, "tag") else value)
                for name, value in kept]
        return Message(f"SIP/2.0 {status} Said", kept + list(fields)).octets()

    # --- what a test asks ---

    def wait(self, count, seconds=10):
        """The first `count` messages; more may have come."""
        assert eventually(lambda: len(self.heard) >= count, seconds), (count, self.heard)
        return self.heard[:count]

    def quiet(self, count, seconds=0.7):
        """No more than `count` messages come within that time."""
        time.sleep(seconds)
        assert len(self.heard) == count, self.heard[count:]


class RpcServer:
    """JSON-RPC 2.0 over HTTP. `answer(call)` gives (status, object or None, extra header fields)."""

    def __init__(self):
        self.heard, self.paths = [], []
        self.answer = lambda call: (200, {"jsonrpc": "2.0", "result": {}, "id": call["id"]}, ())
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):  # noqa: N802
                call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.paths.append((self.path, self.headers["Content-Type"], self.headers["Authorization"]))
                outer.heard.append(call)
                status, said, fields = outer.answer(call)
                body = json.dumps(said).encode() if said is not None else b""
                self.send_response(status)
                for name, value in (*fields, ("Content-Length", str(len(body)))):
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.uri = f"http://127.0.0.1:{self.server.server_address[1]}/rpc"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def wait(self, count, seconds=10):
        assert eventually(lambda: len(self.heard) >= count, seconds), (count, self.heard)
        return self.heard[:count]
