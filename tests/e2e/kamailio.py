# SPDX-License-Identifier: BSD-2-Clause
"""Kamailio with the configuration of packaging/kamailio, and xcap-notifier, as processes; always ended."""
import ctypes
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile

from daemon import eventually, free_port
from place import BUILD, SLOW, SOURCE
from ua import Agent

PREPARE = SOURCE / "packaging" / "kamailio" / "prepare"
NOTIFIER = BUILD / "notifier" / "xcap-notifier"
PROGRAM = shutil.which("kamailio", path=os.environ["PATH"] + ":/usr/sbin")


class Process:
    """A program in a process group of its own, with a log."""

    def __init__(self, folder, name):
        self.log_path, self.process = folder / f"{name}.log", None

    def launch(self, *words):
        def in_child():
            ctypes.CDLL(None).prctl(1, signal.SIGTERM)

        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                            start_new_session=True, preexec_fn=in_child)

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def kill(self):
        """SIGKILL for all of them."""
        if self.process is not None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()
            self.process = None

    def stop(self, seconds=20):
        """SIGTERM; the exit status."""
        if self.process is None:
            return None
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(seconds * SLOW)
        except subprocess.TimeoutExpired:
            status = None
        self.kill()
        return status


class Kamailio(Process):
    """`root` is xcapd's http.root, `values` more of what `prepare` takes."""

    def __init__(self, root, notifier_port, **values):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="kamailio-test-"))
        super().__init__(self.folder, "kamailio")
        self.port = free_udp_port()
        self.values = {"SIP_PORT": self.port, "NOTIFIER_PORT": notifier_port, "WITH_AUTH": "no",
                       "XCAP_HOST": "127.0.0.1", "url": root, "username": "presence", "password": "reading", **values}
        if "XCAP_CA" in values:  # where Kamailio's user may read it
            self.authority = self.folder / "authority.crt"
            shutil.copy(values["XCAP_CA"], self.authority)
            self.values["XCAP_CA"] = self.authority
        self.prepare()
        self.as_user = []
        if os.geteuid() == 0:
            user = pwd.getpwnam("kamailio")
            for path in [self.folder, *self.folder.rglob("*")]:
                os.chown(path, user.pw_uid, user.pw_gid)
            self.as_user = ["setpriv", "--reuid=kamailio", "--regid=kamailio", "--clear-groups", "--pdeathsig=TERM"]

    def prepare(self):
        subprocess.run([PREPARE, self.folder, *[f"{name}={value}" for name, value in self.values.items()]],
                       check=True, timeout=60 * SLOW)

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        self.stop()
        log = self.log()
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        if kind is None:
            assert "exited by a signal" not in log, log[-5000:]

    @property
    def address(self):
        return "127.0.0.1", self.port

    def start(self):
        self.launch(*self.as_user, PROGRAM, "-DD", "-E", "-f", self.folder / "kamailio.cfg", "-m", "64", "-M", "32",
                    "-Y", self.folder, "-w", self.folder)
        ready = eventually(lambda: self.process.poll() is not None or self.answers(), 30) and self.answers()
        assert ready, self.log()[-5000:]
        return self

    def answers(self):
        with Agent("probe", self.address) as probe:
            answer = probe.send("OPTIONS", f"sip:127.0.0.1:{self.port}", [], seconds=0.4)
        return answer is not None and answer.status == 200

    def agent(self, name, **more):
        return Agent(name, self.address, **more)

    def sql(self, statement):
        done = subprocess.run(["sqlite3", "-batch", "-cmd", ".timeout 5000",
                               self.folder / "presence.sqlite", statement],
                              check=True, capture_output=True, timeout=60 * SLOW)
        return done.stdout.decode().strip()

    def rows(self, selector):
        """The documents that Kamailio has under this selector."""
        return self.sql(f"select cast(doc as text) from xcap where doc_uri='/xcap-root/{selector}'")


def free_udp_port():
    """Free for UDP and TCP."""
    while True:
        port = free_port()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass
