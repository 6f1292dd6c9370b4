# SPDX-License-Identifier: BSD-2-Clause
"""scripts/demo-kamailio, from outside: the README's lines."""
import os
import pathlib
import shutil
import signal
import subprocess
import time

import pytest

from daemon import end_with_parent, eventually, free_port
from kamailio import free_udp_port
from place import BUILD, SLOW, SOURCE

SCRIPT, KIT = SOURCE / "scripts" / "demo-kamailio", SOURCE / "packaging" / "kamailio" / "demo"
pytestmark = pytest.mark.skipif(shutil.which("baresip") is None, reason="no baresip here: scripts/deps --kamailio")


class Demo:
    """The demo with ports of its own; always ended."""

    def __init__(self, folder, *options):
        self.http, self.sip = f"127.0.0.1:{free_port()}", free_udp_port()
        self.errors = open(folder / "stderr", "a+", encoding="utf-8")
        self.process = subprocess.Popen(
            [SCRIPT, "--http", self.http, "--notifier", str(free_udp_port()), "--sip", str(self.sip),
             "--build-dir", BUILD, *options],
            stdout=subprocess.PIPE, stderr=self.errors, stdin=subprocess.DEVNULL, text=True,
            preexec_fn=end_with_parent)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.end()
        self.process.stdout.close()
        self.errors.close()

    def ready(self):
        """The line that it prints."""
        return self.process.stdout.readline().rstrip("\n")

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(80 * SLOW)

    def said(self):
        self.errors.seek(0)
        return self.errors.read()[-5000:]

    def put(self, document):
        subprocess.run(["curl", "-sf", "--digest", "-u", "alice:alice",
                        "-H", "Content-Type: application/auth-policy+xml", "-T", KIT / document,
                        f"http://{self.http}/xcap-root/pres-rules/users/sip:alice@example.com/index"],
                       check=True, timeout=60 * SLOW, stdout=subprocess.DEVNULL)


def leftovers(mark):
    """Processes whose command line has this text."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark.encode() in entry.read_bytes() and int(entry.parent.name) != os.getpid():
                found.append(entry.parent.name)
        except OSError:
            pass
    return found


def reachable(tmp_path):
    """A folder that Kamailio's user may enter."""
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    return tmp_path / "demo"


def test_bob_sees_alice_vanish_within_a_second_of_her_put(tmp_path):
    with Demo(tmp_path) as demo:
        assert demo.ready() == f"ready http://{demo.http}/xcap-root sip:127.0.0.1:{demo.sip}", demo.said()
        with subprocess.Popen([SCRIPT, "watch", "--sip", str(demo.sip)], stdout=subprocess.PIPE, text=True,
                              stdin=subprocess.DEVNULL, preexec_fn=end_with_parent) as watch:
            try:
                assert watch.stdout.readline() == "alice: pending\n"
                demo.put("allow.xml")
                assert watch.stdout.readline() == "alice: active (open)\n"
                demo.put("block.xml")
                start = time.monotonic()
                assert watch.stdout.readline() == "alice: terminated;reason=rejected\n"
                assert time.monotonic() - start < SLOW
                assert watch.wait(20 * SLOW) == 0
            finally:
                watch.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_clean_end_leaves_nothing_behind(tmp_path, number):
    folder = reachable(tmp_path)
    with Demo(tmp_path, "--dir", folder) as demo:
        assert demo.ready().startswith("ready "), demo.said()
        assert leftovers(str(folder))
        assert demo.end(number) == 0, demo.said()
    assert eventually(lambda: not leftovers(str(folder))), leftovers(str(folder))


@pytest.mark.parametrize("victim", ["kamailio.cfg", "xcapd.conf"])
def test_when_one_dies_all_end(tmp_path, victim):
    folder = reachable(tmp_path)
    with Demo(tmp_path, "--dir", folder) as demo:
        assert demo.ready().startswith("ready "), demo.said()
        for process in leftovers(str(folder)):
            try:
                if victim.encode() in pathlib.Path(f"/proc/{process}/cmdline").read_bytes():
                    os.kill(int(process), signal.SIGKILL)
            except (OSError, ProcessLookupError):
                pass
        assert demo.process.wait(80 * SLOW) == 1, demo.said()
    assert eventually(lambda: not leftovers(str(folder))), leftovers(str(folder))


def test_what_it_does_not_know_is_refused():
    done = subprocess.run([SCRIPT, "--nonsense"], capture_output=True, text=True, timeout=60 * SLOW, check=False)
    assert done.returncode == 2 and "usage:" in done.stderr
