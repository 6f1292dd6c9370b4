# SPDX-License-Identifier: BSD-2-Clause
"""systemd's protocols: sockets that are handed over, readiness that is told, a unit that is locked up."""
import contextlib
import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

import pytest

import xcap
from daemon import BUILD, XCAPD, end_with_parent


def listening(host="127.0.0.1", port=0):
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if ":" in host:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    made.bind((host, port))
    made.listen(64)
    return made


class Handed(xcap.Server):
    """Started as systemd would: `sockets` are (name, socket) and become descriptors 3, 4, .."""

    def __init__(self, sockets, settings=None, **more):
        self.sockets, self.notify = sockets, None
        super().__init__(settings, **more)

    def command(self):
        """The words to run, and the descriptors that they need."""
        if not self.sockets:
            return [XCAPD, "-c", self.configuration], []
        high = [fcntl.fcntl(one, fcntl.F_DUPFD, 100 + 10 * i) for i, (_, one) in enumerate(self.sockets)]
        moves = " ".join(f"{3 + i}<&{fd} {fd}<&-" for i, fd in enumerate(high))
        names = ":".join(name for name, _ in self.sockets)
        script = (f"exec {moves}; export LISTEN_PID=$$ LISTEN_FDS={len(high)} LISTEN_FDNAMES={names}; "
                  'exec "$@"')
        return ["bash", "-c", script, "-", XCAPD, "-c", self.configuration], high

    def launch(self):
        command, high = self.command()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command, stderr=log, stdout=log, stdin=subprocess.DEVNULL, pass_fds=high,
                                            env={**os.environ, **({"NOTIFY_SOCKET": self.notify} if self.notify else {})},
                                            preexec_fn=end_with_parent)
        for fd in high:
            os.close(fd)

    def run_to_end(self, *words, seconds=20):
        command, high = self.command()
        done = subprocess.run([*command, *words], capture_output=True, pass_fds=high, timeout=seconds * xcap.SLOW,
                              check=False)
        for fd in high:
            os.close(fd)
        return done.returncode, (done.stdout + done.stderr).decode()

    def choose_ports(self):
        super().choose_ports()
        for name, one in self.sockets:
            if name in ("http", "xcapd.socket"):
                self.port = one.getsockname()[1]
            if name == "admin":
                self.admin_port = one.getsockname()[1]
        self.configure()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("name", ["http", "xcapd.socket"])
def test_a_socket_that_was_handed_over_is_served(host, name):
    with listening(host) as one, Handed([(name, one)], host=host) as server, xcap.alice(server) as alice:
        xcap.stored(alice.put(xcap.LISTS, xcap.lists("bob")), 201)


def test_both_listeners_may_be_handed_over():
    with listening() as one, listening() as two, Handed([("admin", one), ("http", two)]) as server:
        assert server.admin("/healthz").status == 200
        with xcap.Client(server) as nobody:
            assert nobody.get(xcap.CAPS).status == 401


def test_what_was_not_handed_over_is_bound():
    with listening() as one, Handed([("http", one)]) as server:
        assert server.admin("/readyz").status == 200


def test_clients_of_a_handed_socket_wait_through_a_restart():
    with listening() as one, Handed([("http", one)]) as server, xcap.Client(server) as nobody:
        server.stop()
        nobody.wire = server.wire()
        nobody.wire.send(f"GET {server.root_path}/{xcap.CAPS} HTTP/1.1\r\nHost: x\r\n\r\n")
        server.start()
        assert nobody.wire.answer().status == 401


def test_a_socket_that_no_setting_names_is_an_error():
    with listening() as one, listening() as stray, Handed([("http", one), ("stray", stray)], start=False) as server:
        status, told = server.run_to_end()
        assert status == 1 and "stray" in told and f"port {stray.getsockname()[1]}" in told, told


def test_a_name_binds_a_socket_to_its_listener():
    with listening() as one, Handed([("admin", one)], start=False) as server:
        server.configure(**{"http.listen": "127.0.0.1:%d" % one.getsockname()[1],
                            "admin.listen": f"127.0.0.1:{xcap.free_port()}"})
        status, told = server.run_to_end()
    assert status == 1 and "127.0.0.1" in told, told


def test_a_socket_that_listens_not_is_an_error():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.bind(("127.0.0.1", 0))
        with Handed([("http", datagrams)], start=False) as server:
            status, told = server.run_to_end()
    assert status == 1 and "http" in told, told


# --- readiness ---

@contextlib.contextmanager
def manager():
    """What systemd would hear: (path of the socket, list of messages)."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(f"{folder}/notify")
        heard = []

        def listen():
            while (message := ear.recv(4096)) != b"end":
                heard.append(dict(line.split("=", 1) for line in message.decode().splitlines()))

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield f"{folder}/notify", heard
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as mouth:
            mouth.sendto(b"end", f"{folder}/notify")
        thread.join(5)


def test_start_reload_and_stop_are_told():
    with manager() as (path, heard):
        server = Handed([], start=False)
        server.notify = path
        with server:
            server.start()
            assert xcap.eventually(lambda: {"READY": "1"} in heard), heard
            heard.clear()
            server.reload()
            assert xcap.eventually(lambda: len(heard) == 2), heard
            assert heard[0]["RELOADING"] == "1" and int(heard[0]["MONOTONIC_USEC"]) > 0
            assert heard[1] == {"READY": "1"}
            heard.clear()
            server.signal(signal.SIGTERM)
            server.wait()
        assert xcap.eventually(lambda: {"STOPPING": "1"} in heard), heard


def test_readiness_is_not_told_before_the_sockets_answer():
    with manager() as (path, heard):
        server = Handed([], start=False)
        server.notify = path
        with server:
            server.launch()
            assert xcap.eventually(lambda: {"READY": "1"} in heard)
            assert server.ready()


# --- the unit ---

UNIT = BUILD / "packaging" / "xcapd.service"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
@pytest.mark.parametrize("unit", (UNIT, UNIT.with_name("xcap-notifier.service")))
def test_the_units_are_rated_below_two(unit):
    done = subprocess.run(["systemd-analyze", "--no-pager", "security", "--offline=yes", unit], capture_output=True,
                          timeout=60, check=False)
    rating = re.search(rf"Overall exposure level for {unit.name}: ([0-9.]+)", done.stdout.decode())
    assert rating and float(rating[1]) < 2, done.stdout.decode() + done.stderr.decode()


@pytest.mark.parametrize("program", ("xcapd", "xcap-notifier"))
def test_the_units_name_what_is_installed(program):
    text = UNIT.with_name(f"{program}.service").read_text()
    assert re.search(rf"^ExecStart=/\S+/sbin/{program}$", text, re.M), text
    assert re.search(r"^User=xcapd$", text, re.M) and "@" not in re.sub("@(system-service|privileged|resources)", "", text)


def allowed_calls():
    """What SystemCallFilter= of the unit lets through."""
    def members(group):
        listed = subprocess.run(["systemd-analyze", "--no-pager", "syscall-filter", group], capture_output=True,
                                timeout=60, check=True).stdout.decode().split("\n")
        words = [line.strip() for line in listed[1:] if line.strip() and not line.strip().startswith("#")]
        return set().union(*(members(word) if word.startswith("@") else {word} for word in words))

    calls = set()
    for words in re.findall(r"^SystemCallFilter=(.*)$", UNIT.read_text(), re.M):
        named = set().union(*(members(word) for word in words.lstrip("~").split()))
        calls = calls - named if words.startswith("~") else calls | named
    return calls


@pytest.mark.skipif(not (shutil.which("strace") and shutil.which("systemd-analyze")), reason="strace is not installed")
@pytest.mark.skipif(xcap.SLOW > 1, reason="a sanitizer makes calls of its own")
def test_the_filter_lets_through_what_a_day_needs():
    class Traced(xcap.Server):
        def launch(self):
            with open(self.log_path, "ab") as log:
                self.process = subprocess.Popen(
                    ["strace", "-f", "-qq", "-o", self.folder / "trace", XCAPD, "-c", self.configuration], stderr=log,
                    stdout=log, stdin=subprocess.DEVNULL, preexec_fn=end_with_parent)

        def signal(self, number):
            child = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, check=True)
            os.kill(int(child.stdout.split()[0]), number)

    with Traced({"limits.connections": 100}) as server:
        with xcap.alice(server) as alice:
            xcap.stored(alice.put(xcap.LISTS, xcap.lists("bob")), 201)
            alice.put(xcap.LISTS, xcap.big_lists(300_000))
            alice.get(xcap.LISTS)
            alice.delete(xcap.LISTS)
        server.reload()
        server.admin("/metrics")
        server.stop()
        made = set(re.findall(r"^\d+\s+([a-z_0-9]+)\(", (server.folder / "trace").read_text(), re.M))
    assert len(made) > 30 and not made - allowed_calls() - {"execve", "arch_prctl"}, made - allowed_calls()
