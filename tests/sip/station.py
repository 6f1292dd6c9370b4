# SPDX-License-Identifier: BSD-2-Clause
"""xcapd and xcap-notifier as processes over one store; and what xcap-diff bodies say."""
import pathlib
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "http"))

from daemon import Server, end_with_parent, eventually, free_port  # noqa: E402
from place import BUILD, SLOW  # noqa: E402
from sipua import Phone  # noqa: E402
from wire import Hangup, Wire, head  # noqa: E402

NOTIFIER = BUILD / "notifier" / "xcap-notifier"
DIFF = "{urn:ietf:params:xml:ns:xcap-diff}"


class Station(Server):
    """Both daemons. Pacing is off unless a test asks for it."""

    def __init__(self, settings=None, **more):
        self.notifier = None
        usual = {"notifier.min-interval": "0s", "notifier.max-per-user": "1000"}
        super().__init__({**usual, **(settings or {})}, **more)

    def choose_ports(self):
        self.sip_port, self.notifier_admin_port = free_port(), free_port()
        self.overrides.update({
            "notifier.listen": f"udp:127.0.0.1:{self.sip_port},tcp:127.0.0.1:{self.sip_port}",
            "notifier.admin-listen": f"127.0.0.1:{self.notifier_admin_port}",
        })
        super().choose_ports()

    @property
    def sip(self):
        return "127.0.0.1", self.sip_port

    @property
    def notifier_log_path(self):
        return self.folder / "notifier.log"

    @property
    def root(self):
        return f"http://{self.authority}/xcap-root/"

    def start(self):
        super().start()
        return self.start_notifier()

    def start_notifier(self):
        with open(self.notifier_log_path, "ab") as log:
            self.notifier = subprocess.Popen([NOTIFIER, "-c", self.configuration], stderr=log, stdout=log,
                                             stdin=subprocess.DEVNULL, preexec_fn=end_with_parent)
        assert eventually(lambda: self.notifier.poll() is not None or self.notifier_ready(), 20)
        assert self.notifier.poll() is None, self.notifier_log()[-5000:]
        return self

    def notifier_ready(self):
        try:
            with Wire(("127.0.0.1", self.notifier_admin_port)) as wire:
                wire.send(head("GET", "/readyz", [("Host", "localhost"), ("Connection", "close")]))
                return wire.answer().status == 200
        except (OSError, Hangup):
            return False

    def stop_notifier(self, number=signal.SIGTERM):
        """The exit status."""
        if self.notifier is None:
            return None
        self.notifier.send_signal(number)
        status = self.notifier.wait(40 * SLOW)
        self.notifier = None
        return status

    def restart_notifier(self, number=signal.SIGTERM):
        self.stop_notifier(number)
        return self.start_notifier()

    def notifier_log(self):
        path = self.notifier_log_path
        return path.read_text(errors="replace") if path.exists() else ""

    def __exit__(self, kind, *rest):
        status, log = self.stop_notifier(), self.notifier_log()
        super().__exit__(kind, *rest)
        if kind is None:
            assert status in (0, None), f"ended with {status}\n{log[-5000:]}"
            assert "Sanitizer" not in log and "runtime error:" not in log, log[-9000:]

    def kill(self):
        if self.notifier is not None:
            self.notifier.kill()
            self.notifier.wait()
            self.notifier = None
        super().kill()

    def phone(self, user="alice", password=None, **more):
        passwords = {"presence": "reading", "admin": "ruling"}
        return Phone(self.sip, user, password or passwords.get(user, user), **more)

    def notifier_kilobytes(self, name="RssAnon"):
        status = pathlib.Path(f"/proc/{self.notifier.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(name))


class Item:
    """One document, element or attribute of a body."""

    def __init__(self, node):
        self.node, self.kind, self.sel = node, node.tag.removeprefix(DIFF), node.get("sel")
        self.previous, self.new = node.get("previous-etag"), node.get("new-etag")
        self.exists = node.get("exists") not in ("false", "0")
        self.children, self.text = list(node), node.text

    def __repr__(self):
        return f"<{self.kind} {self.sel} {self.previous} {self.new} {self.exists} {self.children}>"


def diff_of(notify):
    assert notify["Content-Type"] == "application/xcap-diff+xml", notify
    root = ElementTree.fromstring(notify.body)
    assert root.tag == DIFF + "xcap-diff", root.tag
    return root


def items(notify):
    """All that a NOTIFY tells, in order."""
    return [Item(node) for node in diff_of(notify)]


def told(notify):
    """{sel: new etag} of a body that has nothing but documents that are there."""
    out = {}
    for item in items(notify):
        assert item.kind == "document" and item.new and item.sel not in out, notify
        out[item.sel] = item.new
    return out


def only(notify):
    (item,) = items(notify)
    return item


def bare(etag):
    """An HTTP etag as xcap-diff has it."""
    return etag.strip('"')
