# SPDX-License-Identifier: BSD-2-Clause
"""scripts/run, from outside (CONTRACT.md, Two commands)."""
import configparser
import os
import pathlib
import signal
import subprocess

import pytest

from daemon import BUILD, SLOW, SOURCE, end_with_parent, eventually, free_port
from wire import Wire
from xcap import LISTS, Client, lists, stored


class Run:
    """scripts/run with a folder and ports of its own; always ended."""

    def __init__(self, folder, *options, http=None):
        self.folder, self.authority = folder, http or f"127.0.0.1:{free_port()}"
        self.host, self.port = self.authority.rsplit(":",
                                                     1)[0].strip("[]"), int(self.authority.rsplit(":", 1)[1])
        self.errors = open(folder / "stderr", "a+", encoding="utf-8")
        self.process = subprocess.Popen(
            [SOURCE / "scripts/run", "--dir", folder / "run", "--http", self.authority, "--build-dir", BUILD,
             "--no-notifier", *options],
            stdout=subprocess.PIPE, stderr=self.errors, stdin=subprocess.DEVNULL, text=True,
            preexec_fn=end_with_parent)
        self.root_path = "/xcap-root"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.end()
        self.process.stdout.close()
        self.errors.close()

    def wire(self, **options):
        return Wire((self.host, self.port), **options)

    def ready(self):
        """The line it prints."""
        return self.process.stdout.readline().rstrip("\n")

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(30 * SLOW)

    def daemon(self):
        return int((self.folder / "run/xcapd.pid").read_text())

    def said(self):
        return (self.folder / "stderr").read_text(errors="replace")

    def configuration(self):
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(self.folder / "run/xcapd.conf")
        return parser


def is_alive(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_ready_line_then_a_clean_end_that_leaves_nothing_behind(tmp_path, number):
    with Run(tmp_path) as run:
        assert run.ready() == f"ready http://{run.authority}/xcap-root", run.said()
        pid = run.daemon()
        with Client(run, "alice", "alice") as alice:
            stored(alice.put(LISTS, lists("ann")), 201)
        assert run.end(number) == 0, run.said()
        assert run.process.stdout.read() == ""
        assert not is_alive(pid)


def test_documents_stay_users_are_not_written_again_and_a_new_password_holds(tmp_path):
    users = ["--user", "sip:alice@example.com:first", "--user", "sip:a:b@example.com:pass word"]
    with Run(tmp_path, *users) as run:
        run.ready()
        with Client(run, "alice", "first") as alice:
            etag = stored(alice.put(LISTS, lists("ann")), 201)
        run.end()
    with Run(tmp_path, *users) as run:
        run.ready()
        run.end()
        assert "3 users, 0 of them new or changed" in run.said()
    users[1] = "sip:alice@example.com:second"
    with Run(tmp_path, *users) as run:
        run.ready()
        with Client(run, "alice", "first") as alice:
            assert alice.get(LISTS).status == 401
        with Client(run, "alice", "second") as alice:
            assert alice.get(LISTS)["ETag"] == etag


def test_a_daemon_that_dies_ends_the_run_with_1(tmp_path):
    with Run(tmp_path) as run:
        run.ready()
        os.kill(run.daemon(), signal.SIGKILL)
        assert run.process.wait(30 * SLOW) == 1


def test_a_run_that_is_killed_takes_its_daemon_along(tmp_path):
    with Run(tmp_path) as run:
        run.ready()
        pid = run.daemon()
        run.end(signal.SIGKILL)
        assert eventually(lambda: not is_alive(pid))


def test_options_become_the_configuration(tmp_path):
    options = ["--reader", "rls:reading", "--target", "sip:127.0.0.1:5060", "--target", "sip:127.0.0.1:5062",
               "--set", "limits.depth=10", "--set", "target.usages=pres-rules", "--set",
               "target.password=b=c", "--set", "target.username=xcapd",
               "--set", "http.cors-origins=http://a.example", "--set", "http.root=http://x.example/root"]
    with Run(tmp_path, *options) as run:
        assert run.ready() == "ready http://x.example/root", run.said()
        written = run.configuration()
        assert written["limits"]["depth"] == "10"
        assert written["http"]["cors-origins"] == "http://a.example"
        for name, uri in (("target run1", "sip:127.0.0.1:5060"), ("target run2", "sip:127.0.0.1:5062")):
            assert dict(written[name]) == {"uri": uri, "usages": "pres-rules", "method": "notify",
                                           "min-interval": "0s", "username": "xcapd", "password": "b=c"}


def test_two_runs_at_once_do_not_get_in_each_others_way(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with Run(tmp_path / "one") as one, Run(tmp_path / "two", http=f"[::1]:{free_port('::1')}") as two:
        assert one.ready().startswith("ready "), one.said()
        assert two.ready() == f"ready http://{two.authority}/xcap-root", two.said()


@pytest.mark.parametrize("options", [
    ["--nonsense"], ["--user"], ["--user", "nopassword"], ["--set", "limits.depth"],
    ["--set", "limits.deepness=3"], ["--set", "limits.depth=many"],
])
def test_what_cannot_be_meant_is_refused_with_2(tmp_path, options):
    with Run(tmp_path, *options) as run:
        assert run.process.wait(30 * SLOW) == 2
        assert run.said().strip()
        assert run.process.stdout.read() == ""
