# SPDX-License-Identifier: BSD-2-Clause
"""xcapd as a process: a folder of its own, a configuration, users, loopback ports; always ended."""
import ctypes
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from place import BUILD, SLOW, SOURCE
from wire import Hangup, Wire, head

XCAPD, XCAPCTL = BUILD / "xcapd" / "xcapd", BUILD / "xcapctl" / "xcapctl"
USERS = (("sip:alice@example.com", "user", "alice"), ("sip:bob@example.com", "user", "bob"),
         ("presence", "reader", "reading"), ("admin", "admin", "ruling"))


def free_port(host="127.0.0.1"):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def end_with_parent():
    """Runs in the child: SIGKILL when the test program goes away, however it goes; SIGINT heard even where
    the tests themselves run in the background of a shell, which has it ignored."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def eventually(check, seconds=10, pause=0.02):
    """The first true value of check() within `seconds`; else its last value."""
    end = time.monotonic() + seconds * SLOW
    while not (value := check()) and time.monotonic() < end:
        time.sleep(pause)
    return value


class Server:
    """One xcapd. Use it in a `with` block: its end is the server's end, and a clean one."""

    def __init__(self, settings=None, users=USERS, host="127.0.0.1", start=True, folder=None):
        self.own_folder = folder is None
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="xcapd-test-"))
        self.configuration, self.log_path = self.folder / "xcapd.conf", self.folder / "log"
        self.host, self.users, self.process, self.exit_status = host, list(users), None, None
        self.overrides = dict(settings or {})
        self.choose_ports()
        try:
            self.add_users(*self.users)
            if start:
                self.start()
        except BaseException:
            self.kill()
            self.forget()
            raise

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        running = self.process is not None
        status = self.stop()
        log = self.log()
        self.forget()
        if kind is None:
            assert not running or status == 0, f"ended with {status}\n{log[-5000:]}"
            assert "Sanitizer" not in log and "runtime error:" not in log, log[-9000:]

    def forget(self):
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    # --- configuration ---

    def choose_ports(self):
        self.port, self.admin_port = free_port(self.host), free_port()
        self.configure()

    @property
    def authority(self):
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def configure(self, **more):
        """Writes the configuration anew; `more` is kept, in keys such as limits__document."""
        self.overrides.update({key.replace("__", "."): value for key, value in more.items()})
        settings = {
            "http.listen": self.authority,
            "http.root": f"http://{self.authority}/xcap-root",
            "admin.listen": f"127.0.0.1:{self.admin_port}",
            "store.path": self.folder / "data",
            "store.max-size": "1G",
            "auth.realm": "example.com",
            "usage.definitions": SOURCE / "auids",
            "usage.schemas": SOURCE / "schemas",
        }
        settings.update(self.overrides)
        sections = {}
        for name, value in settings.items():
            section, _, key = name.rpartition(".")
            sections.setdefault(section, []).append(f"{key.replace('_', '-')} = {value}")
        self.configuration.write_text("\n\n".join(
            f"[{section}]\n" + "\n".join(lines) for section, lines in sections.items()) + "\n")
        self.root_path = settings["http.root"].split("/", 3)[3].rstrip("/")
        self.root_path = "/" + self.root_path if self.root_path else ""

    def ctl(self, *words, data=None, check=True):
        """Runs xcapctl on this server's configuration."""
        done = subprocess.run([XCAPCTL, "-c", self.configuration, *words], input=data, timeout=60 * SLOW,
                              capture_output=True, check=False)
        assert not check or done.returncode == 0, (words, done.returncode, done.stderr.decode())
        return done

    def add_users(self, *users):
        lines = "".join(f"{name}\t{role}\t{password}\n" for name, role, password in users)
        if lines:
            self.ctl("user", "import", "-", data=lines.encode("utf-8"))

    # --- life ---

    def launch(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([XCAPD, "-c", self.configuration], stderr=log, stdout=log,
                                            stdin=subprocess.DEVNULL, preexec_fn=end_with_parent)

    def start(self):
        for _ in range(3):
            self.launch()
            if eventually(lambda: self.process.poll() is not None or self.ready(), 20) and self.ready():
                return self
            self.kill()
            if "in use" not in self.log():
                break
            self.choose_ports()
        raise AssertionError(f"xcapd does not get ready\n{self.log()[-5000:]}")

    def ready(self):
        try:
            return self.admin("/readyz").status == 200
        except (OSError, Hangup):
            return False

    def run_to_end(self, *words, seconds=20):
        """Runs xcapd until it ends by itself: (exit status, what it said)."""
        command = [XCAPD, "-c", self.configuration, *words]
        done = subprocess.run(command, capture_output=True, timeout=seconds * SLOW, check=False,
                              preexec_fn=end_with_parent)
        return done.returncode, (done.stdout + done.stderr).decode()

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self, seconds=20):
        """SIGTERM; the exit status."""
        if self.process is None:
            return None
        self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def wait(self, seconds=20):
        try:
            status = self.process.wait(seconds * SLOW)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"xcapd does not stop\n{self.log()[-5000:]}") from None
        self.process = None
        return status

    def kill(self):
        """SIGKILL, if it still lives."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def restart(self):
        self.stop()
        return self.start()

    def reload(self):
        """SIGHUP; what the log said until it told what came of it."""
        mark = len(self.log())
        self.signal(signal.SIGHUP)
        told = eventually(lambda: "reloaded" in self.log()[mark:] or "reload refused" in self.log()[mark:])
        assert told, self.log()[mark:]
        return self.log()[mark:]

    # --- looks ---

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def log_since(self, mark):
        return self.log()[mark:]

    def wire(self, **options):
        return Wire((self.host, self.port), **options)

    def admin(self, path):
        with Wire(("127.0.0.1", self.admin_port)) as wire:
            wire.send(head("GET", path, [("Host", "localhost"), ("Connection", "close")]))
            return wire.answer()

    def resident_kilobytes(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
