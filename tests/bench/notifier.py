# SPDX-License-Identifier: BSD-2-Clause
"""What scripts/bench measures of xcap-notifier: changes told to a presence server, and subscriptions.

`bench` is that script's Bench: its programs, its rows, its stores.
"""
import asyncio
import base64
import contextlib
import json
import pathlib
import signal
import socket
import statistics
import subprocess
import time

LATENCY_RATE, LATENCY_USERS, CONNECTIONS = 500, 500, 16
TELLING_HOLD, LATENCY_HOLD_MS, CHANGE_HOLD_MS = 10_000, 5, 2
SUBSCRIBE_HOLD, MEMORY_HOLD_MB = 5_000, 150


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cpu_seconds(pid):
    words = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(words[11]) + int(words[12])) / 100


def anonymous_mb(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


def percentile(sorted_values, part):
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * part))]


class Writer:
    """PUTs at a steady pace over some connections; knows when each etag was answered."""

    def __init__(self, port, path, body, login):
        self.port, self.path, self.body, self.answered = port, path, body, {}
        self.login = base64.b64encode(login.encode()).decode()

    async def one(self, waiting):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        while (number := await waiting.get()) is not None:
            writer.write((f"PUT {self.path.format(n=number)} HTTP/1.1\r\nHost: x\r\n"
                          f"Authorization: Basic {self.login}\r\nContent-Type: application/resource-lists+xml\r\n"
                          f"Content-Length: {len(self.body)}\r\n\r\n").encode() + self.body)
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            now = time.time()
            fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
            await reader.readexactly(int(fields.get("Content-Length", 0)))
            if "ETag" not in fields:
                raise SystemExit(f"bench: {head}")
            self.answered[fields["ETag"].strip('"')] = now
        writer.close()

    async def all(self, rate, seconds, users):
        waiting = asyncio.Queue()
        workers = [asyncio.create_task(self.one(waiting)) for _ in range(CONNECTIONS)]
        began = time.time()
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(0, began + number / rate - time.time()))
            waiting.put_nowait(number % users)
        for _ in workers:
            waiting.put_nowait(None)
        await asyncio.gather(*workers)

    def run(self, rate, seconds, users):
        asyncio.run(self.all(rate, seconds, users))
        return self.answered


class NotifierGroups:
    def __init__(self, bench, path, body):
        self.bench, self.path, self.body = bench, path, body.encode()
        self.tool = bench.tools / "bench_sip"

    # --- programs ---

    def configure(self, store, target=None):
        """The store's configuration with a notifier; (its SIP port, its admin port)."""
        sip, admin = free_port(), free_port()
        text = (store / "xcapd.conf").read_text().split("[auth]")[0]
        text += (f"[auth]\nschemes = digest, basic\n[log]\nlevel = warning\n[notifier]\nlisten = udp:127.0.0.1:{sip},"
                 f"tcp:127.0.0.1:{sip}\nadmin-listen = 127.0.0.1:{admin}\nmin-interval = 0s\n")
        if target:
            text += f"[target ps]\nuri = sip:presence@127.0.0.1:{target}\n"
        (store / "xcapd.conf").write_text(text)
        return sip, admin

    @contextlib.contextmanager
    def notifier(self, store, admin):
        with self.bench.log("notifier") as log:
            child = subprocess.Popen([self.bench.build / "notifier/xcap-notifier", "-c", store / "xcapd.conf"],
                                     stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            while not self.figures(admin):
                if child.poll() is not None:
                    raise SystemExit(f"bench: xcap-notifier does not start, see {self.bench.dir}/notifier.log")
                time.sleep(0.01)
            yield child
        finally:
            child.terminate()
            child.wait(60)

    @staticmethod
    def figures(admin):
        try:
            with socket.create_connection(("127.0.0.1", admin)) as wire:
                wire.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
                with wire.makefile("rb") as said:
                    lines = said.read().decode().splitlines()
        except OSError:
            return {}
        return {line.rsplit(" ", 1)[0]: int(line.rsplit(" ", 1)[1]) for line in lines
                if line.startswith("xcap_notifier_") and line.rsplit(" ", 1)[1].isdigit()}

    def wait(self, admin, name, least, seconds=600):
        end = time.monotonic() + seconds
        while self.figures(admin).get("xcap_notifier_" + name, 0) < least:
            if time.monotonic() > end:
                raise SystemExit(f"bench: {name} does not reach {least}")
            time.sleep(0.05)

    @contextlib.contextmanager
    def sip(self, *words):
        """bench_sip; `result` of what is yielded is its line of JSON, once it was told to end."""
        child = subprocess.Popen([str(word) for word in (self.tool, *words)], stdout=subprocess.PIPE, text=True)
        try:
            yield child
        finally:
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
            child.wait(60)

    # --- a presence server is told ---

    def latency(self, store):
        port, log = free_port(), self.bench.dir / "sink.log"
        _, admin = self.configure(store, port)
        with self.bench.xcapd(store) as (http, _), self.sip("sink", port, "--log", log), \
                self.notifier(store, admin):
            answered = Writer(http, self.path, self.body, "admin:admin").run(
                LATENCY_RATE, 2 * self.bench.seconds, LATENCY_USERS)
            time.sleep(1)
        took = self.delays(answered, log)
        self.bench.row(f"HTTP answer to NOTIFY at {LATENCY_RATE} PUT/s, p99; beside: p50", percentile(took, 0.99),
                       statistics.median(took), "ms", f"< {LATENCY_HOLD_MS} ms", None,
                       percentile(took, 0.99) < LATENCY_HOLD_MS)

    @staticmethod
    def delays(answered, log):
        told = {}
        for line in log.read_text().splitlines():
            when, etag = line.split()
            told.setdefault(etag, float(when))
        return sorted(max(0.0, told[etag] - when) * 1000 for etag, when in answered.items() if etag in told)

    def telling(self, store, count):
        port = free_port()
        _, admin = self.configure(store, port)
        with self.sip("sink", port) as sink, self.notifier(store, admin) as notifier:
            self.wait(admin, 'target_told_total{target="ps"}', count)
            spent = cpu_seconds(notifier.pid)
            sink.send_signal(signal.SIGTERM)
            said = json.loads(sink.stdout.readline())
        rate, per_core = said["requests"] / said["span"], count / spent
        self.bench.row("NOTIFYs to a target that answers at once, on one core; beside: with the target on the same cores",
                       per_core, rate, "/s", f"≥ {TELLING_HOLD:,} /s", None, per_core >= TELLING_HOLD)

    def absent(self, store, count):
        others = (store / "xcapd.conf").read_text()  # the store serves other rows too
        _, admin = self.configure(store, free_port())
        with self.notifier(store, admin) as notifier:
            before = anonymous_mb(notifier.pid)
            time.sleep(5 * self.bench.seconds)
            after = anonymous_mb(notifier.pid)
        (store / "xcapd.conf").write_text(others)
        self.bench.row(f"RssAnon with {count:,} changes and an absent target; beside: at its start", after, before, "MB",
                       "< 40 MB", None, after < 40)

    def group_targets(self):
        store = self.bench.store("targets")
        people = "".join(f"sip:u{n}@example.com\tuser\tx\n" for n in range(LATENCY_USERS))
        self.bench.ctl(store, "user", "import", "-", data=people.encode())
        self.latency(store)
        count = 20_000 if self.bench.quick else 100_000
        filled, _ = self.bench.filled("told", count)
        self.telling(filled, count)
        big, _ = self.bench.big()
        self.absent(big, self.bench.documents)

    # --- clients subscribe ---

    def group_subscriptions(self):
        count = 10_000 if self.bench.quick else 100_000
        store, log = self.bench.store("subscribed"), self.bench.dir / "subscribed.log"
        people = "sip:u0@example.com\tuser\tx\npresence\treader\tpresence\n"
        self.bench.ctl(store, "user", "import", "-", data=people.encode())
        sip, admin = self.configure(store)
        with self.bench.xcapd(store) as (http, _), self.notifier(store, admin) as notifier:
            empty, spent = anonymous_mb(notifier.pid), cpu_seconds(notifier.pid)
            with self.sip("subscribe", sip, count, "--user", "presence", "--password", "presence", "--window", 400,
                          "--stay", 600, "--log", log) as phone:
                said = json.loads(phone.stdout.readline())
                per_core = said["accepted"] / (cpu_seconds(notifier.pid) - spent)
                self.bench.row("SUBSCRIBEs with digest and their NOTIFYs, on one core; beside: with the phones on the same "
                               "cores", per_core, said["accepted"] / said["took"], "/s", f"≥ {SUBSCRIBE_HOLD:,} /s", None,
                               per_core >= SUBSCRIBE_HOLD)
                time.sleep(40)  # what answers retransmissions is kept for 32 s
                used = anonymous_mb(notifier.pid)
                hold = MEMORY_HOLD_MB * count / 100_000
                self.bench.row(f"RssAnon with {count:,} subscriptions; beside: none", used, empty, "MB",
                               f"< {hold:.3g} MB", None, used < hold)
                answered = Writer(http, self.path, self.body, "admin:admin").run(20, 5, 1)
                time.sleep(1)
                phone.send_signal(signal.SIGTERM)
                phone.wait(60)
        took = self.delays(answered, log)
        self.bench.row(f"HTTP answer to NOTIFY, one change among {count:,} subscriptions; beside: the slowest",
                       statistics.median(took), took[-1], "ms", f"< {CHANGE_HOLD_MS} ms", None,
                       statistics.median(took) < CHANGE_HOLD_MS)
