# SPDX-License-Identifier: BSD-2-Clause
"""What was acknowledged stays, nobody overwrites anybody, nobody waits for long: issue 2, "Shows it"."""
import contextlib
import ctypes.util
import multiprocessing
import os
import re
import threading
import time
import xml.etree.ElementTree as ElementTree

import pytest

import xcap
from xcap import LISTS, LISTS_NAMESPACE, SLOW, Hangup, big_lists, lists, refused, stored, strong

ROUNDS = int(os.environ.get("XCAPD_ROUNDS", "5"))
WRITERS = 32
HOME = "resource-lists/users/sip:alice@example.com/"


def run_all(*jobs, seconds=120):
    """Runs the jobs side by side in threads; the first error of any is the test's."""
    errors = []

    def guarded(job):
        try:
            job()
        except BaseException as error:  # noqa: B902 (told below)
            errors.append(error)
    threads = [threading.Thread(target=guarded, args=(job,), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds * SLOW)
        assert not thread.is_alive(), "a client hangs"
    if errors:
        raise errors[0]


# --- kill -9 ---

class Writer:
    """Writes one document again and again; knows what was acknowledged and what was on its way."""

    def __init__(self, number):
        self.path, self.serial, self.acknowledged = f"{HOME}w{number}", 0, 0
        self.present, self.etag, self.body, self.pending, self.seen = False, None, None, None, set()

    def run(self, server, stop):
        with xcap.alice(server) as client:
            client.login.learn(client.once("GET", self.path))
            while not stop.is_set():
                try:
                    self.step(client)
                except (Hangup, OSError):
                    return

    def step(self, client):
        self.serial += 1
        if self.present and self.serial % 10 == 0:
            self.pending = (False, None)
            answer = client.once("DELETE", self.path)
            assert answer.status == 200, answer
            self.present, self.etag, self.body = False, None, None
        else:
            body = lists(f"n{self.serial}", f"of-{self.path[-3:].strip('/')}").encode()
            self.pending = (True, body)
            fields = [("Content-Type", xcap.TYPES["resource-lists"])]
            answer = client.once("PUT", self.path, body, fields)
            etag = stored(answer, 200 if self.present else 201)
            assert etag not in self.seen, "an etag was used again"
            self.seen.add(etag)
            self.present, self.etag, self.body = True, etag, body
        self.pending = None
        self.acknowledged += 1

    def check(self, client):
        """After a restart: the acknowledged state, or the one that was on its way."""
        answer = client.get(self.path)
        now = (answer.status == 200, answer.body if answer.status == 200 else None)
        assert answer.status in (200, 404), answer
        if now == (self.present, self.body):
            assert answer["ETag"] == self.etag, (answer, self.etag)
        else:
            assert now == self.pending, f"{self.path}: acknowledged {self.body!r}, {self.etag}; there is {answer}"
            self.present, self.body = now
            self.etag = answer["ETag"]
            if self.etag:
                assert self.etag not in self.seen, "an etag was used again"
                self.seen.add(self.etag)
        self.pending = None


def test_every_acknowledged_write_survives_kill_9():
    with xcap.Server() as server:
        writers = [Writer(number) for number in range(WRITERS)]
        for turn in range(ROUNDS):
            stop = threading.Event()

            def killer(turn=turn):
                time.sleep(0.5 + (turn * 0.37) % 0.8)
                server.kill()
                stop.set()
            run_all(killer, *(lambda w=writer: w.run(server, stop) for writer in writers))
            server.start()
            with xcap.alice(server) as alice:
                for writer in writers:
                    writer.check(alice)
        total = sum(writer.acknowledged for writer in writers)
        print(f"{ROUNDS} kills, {total} acknowledged writes, none lost")
        assert total > ROUNDS * WRITERS


def test_a_clean_stop_loses_nothing_either():
    with xcap.Server() as server:
        writers = [Writer(number) for number in range(8)]
        stop = threading.Event()

        def stopper():
            time.sleep(0.7)
            assert server.stop() == 0
            stop.set()
        run_all(stopper, *(lambda w=writer: w.run(server, stop) for writer in writers))
        server.start()
        with xcap.alice(server) as alice:
            for writer in writers:
                writer.check(alice)


def test_an_etag_survives_a_restart(server, alice):
    etag = stored(alice.put(LISTS, lists("ann")))
    server.restart()
    alice.close()
    answer = alice.get(LISTS)
    assert (answer["ETag"], answer.body) == (etag, lists("ann").encode())
    stored(alice.put(LISTS, lists("ben"), if_match=etag), 200)
    refused(alice.put(LISTS, lists("cas"), if_match=etag), 412)
    alice.delete(LISTS)


# --- lost updates ---

def entries(body):
    root = ElementTree.fromstring(body)
    return {entry.get("uri") for entry in root.iter(f"{{{LISTS_NAMESPACE}}}entry")}


def test_twenty_clients_edit_one_list_by_get_and_conditional_put(server, alice, path):
    stored(alice.put(path, lists()), 201)

    def add(number):
        entry = f'  <entry uri="sip:n{number}@example.com"/>\n </list>'
        with xcap.alice(server) as client:
            for _ in range(200):
                old = client.get(path)
                new = old.text.replace(" </list>", entry, 1)
                answer = client.put(path, new, if_match=strong(old))
                if answer.status == 200:
                    return
                refused(answer, 412)
        raise AssertionError("never got through")
    run_all(*(lambda n=number: add(n) for number in range(20)))
    assert entries(alice.get(path).body) == {f"sip:n{number}@example.com" for number in range(20)}


def test_one_of_many_conditional_writers_wins_each_round(server, alice, path):
    etag = stored(alice.put(path, lists()), 201)
    for turn in range(10):
        answers = []

        def write(number, etag=etag, turn=turn, answers=answers):
            with xcap.alice(server) as client:
                answers.append(client.put(path, lists(f"t{turn}n{number}"), if_match=etag))
        run_all(*(lambda n=number: write(n) for number in range(8)))
        winners = [answer for answer in answers if answer.status == 200]
        assert len(winners) == 1 and len(answers) == 8
        etag = winners[0]["ETag"]
        assert alice.get(path)["ETag"] == etag


# --- nobody waits ---

def hammer(address, path, body, until, results):
    """GET and conditional PUT of the big document, again and again; tells its longest wait."""
    longest, done = 0.0, 0
    with xcap.alice(address) as client:
        client.login.learn(client.once("GET", path))
        old = client.get(path)["ETag"]
        while time.monotonic() < until:
            with xcap.Stopwatch() as watch:
                answer = client.put(path, body, if_match=old)
            assert answer.status in (200, 412), answer
            longest, done = max(longest, watch.seconds), done + 1
            old = answer["ETag"] or client.head(path)["ETag"]
    results.append((longest, done))


def small(address, number, until, results):
    longest, done = 0.0, 0
    path = f"resource-lists/users/sip:bob@example.com/small{number}"
    with xcap.bob(address) as client:
        client.login.learn(client.once("GET", path))
        while time.monotonic() < until:
            with xcap.Stopwatch() as watch:
                stored(client.put(path, lists(f"n{done}")))
            longest, done = max(longest, watch.seconds), done + 1
    results.append((longest, done))


def in_process(count, work, queue):
    results = []
    try:
        run_all(*(lambda n=number: work(n, results) for number in range(count)))
        queue.put(results)
    except BaseException as error:  # noqa: B902 (told by the parent)
        queue.put(repr(error))


def test_sixty_four_clients_on_a_megabyte_and_nobody_waits_a_second(server, alice, path):
    body = big_lists(1_000_000).encode()
    stored(alice.put(path, body), 201)
    fork, until = multiprocessing.get_context("fork"), time.monotonic() + 5
    groups = [("big", 32, lambda n, r: hammer(server, path, body, until, r))] * 2 + \
             [("small", 8, lambda n, r: small(server, n, until, r))]
    queues = [fork.SimpleQueue() for _ in groups]
    processes = [fork.Process(target=in_process, args=(count, work, queue), daemon=True)
                 for (_, count, work), queue in zip(groups, queues)]
    for process in processes:
        process.start()
    told = {"big": [], "small": []}
    answers = [queue.get() for queue in queues]
    for process in processes:
        process.join(20)
    for (name, _, _), results in zip(groups, answers):
        assert isinstance(results, list), results
        told[name] += results
    for name, results in told.items():
        longest, done = max(longest for longest, _ in results), sum(done for _, done in results)
        print(f"{name}: {len(results)} clients, {done} writes, longest wait {longest * 1000:.0f} ms")
    assert len(told["big"]) == 64 and len(told["small"]) == 8
    assert max(longest for longest, _ in told["small"]) < SLOW
    assert max(longest for longest, _ in told["big"]) < SLOW
    assert alice.get(path).body == body


def test_edits_go_on_when_the_whole_list_is_replaced_under_them(server, alice, path):
    """What was prepared on the former list is prepared again, and nobody is told to come back later."""
    stored(alice.put(path, lists()), 201)
    replaced = threading.Event()

    def edit(number):
        with xcap.alice(server) as client:
            client.login.learn(client.once("GET", path))
            for turn in range(6):
                uri = f"sip:w{number}n{turn}@example.com"
                target = f"{path}/~~/resource-lists/list/entry%5B@uri=%22{uri}%22%5D"
                stored(client.put(target, f'<entry uri="{uri}"/>'), 201)

    def replace():
        with xcap.alice(server) as client:
            for turn in range(8):
                stored(client.put(path, lists(f"turn{turn}")), 200)
                time.sleep(0.02)
        replaced.set()
    run_all(replace, *(lambda n=number: edit(n) for number in range(32)))
    assert replaced.is_set() and "sip:turn7@example.com" in alice.get(path).text


def test_parts_of_one_list_by_twenty_writers_are_all_there_after_kill_9():
    """Edits that share a commit: each acknowledged one is in the document."""
    with xcap.Server() as server:
        with xcap.alice(server) as alice:
            stored(alice.put(LISTS, lists()), 201)
        sure, stop = [], threading.Event()

        def add(writer):
            with xcap.alice(server) as client:
                client.login.learn(client.once("GET", LISTS))
                number = 0
                while not stop.is_set():
                    number += 1
                    uri = f"sip:w{writer}n{number}@example.com"
                    target = f"{LISTS}/~~/resource-lists/list/entry%5B@uri=%22{uri}%22%5D"
                    try:
                        answer = client.put(target, f'<entry uri="{uri}"/>')
                    except (Hangup, OSError):
                        return
                    stored(answer, 201)
                    sure.append(uri)

        def killer():
            time.sleep(1)
            server.kill()
            stop.set()
        run_all(killer, *(lambda w=writer: add(w) for writer in range(20)))
        server.start()
        with xcap.alice(server) as alice:
            found = entries(alice.get(LISTS).body)
        assert sure and found >= set(sure) and len(found) <= len(sure) + 20


def test_readers_see_whole_versions_only(server, alice, path):
    """A GET beside many PUTs is one version, its body and etag belonging together."""
    versions, stop, lock = {}, threading.Event(), threading.Lock()

    def note(etag, body):
        with lock:
            assert versions.setdefault(etag, body) == body, "one etag, two bodies"

    def write(number):
        with xcap.alice(server) as client:
            for turn in range(60):
                body = lists(*(f"w{number}t{turn}e{n}" for n in range(turn % 7 * 20)))
                note(stored(client.put(path, body)), body.encode())
        stop.set()

    def read():
        with xcap.alice(server) as client:
            while not stop.is_set():
                answer = client.get(path)
                if answer.status == 200:
                    assert re.search(rb"</resource-lists>\n$", answer.body)
                    note(answer["ETag"], answer.body)
    stored(alice.put(path, lists()))
    run_all(*(lambda n=number: write(n) for number in range(3)), read, read)


# --- a connection that is alone on its thread, which waits for the disk itself ---

FRIEND = "/~~/resource-lists/list/entry%5B@uri=%22sip:{}@example.com%22%5D"


def add_friend(client, path, name):
    return client.put(path + FRIEND.format(name), f'<entry uri="sip:{name}@example.com"/>')


@contextlib.contextmanager
def another_writer(server):
    """This process holds the store's writer lock, as a program would that got stuck in the middle of a change."""
    lmdb, environment, change = ctypes.CDLL(ctypes.util.find_library("lmdb")), ctypes.c_void_p(), ctypes.c_void_p()
    assert lmdb.mdb_env_create(ctypes.byref(environment)) == 0
    assert lmdb.mdb_env_open(environment, os.fsencode(server.folder / "data"), 0, 0o600) == 0
    assert lmdb.mdb_txn_begin(environment, None, 0, ctypes.byref(change)) == 0
    try:
        yield
    finally:
        lmdb.mdb_txn_abort(change)
        lmdb.mdb_env_close(environment)


def test_one_connection_writes_and_another_comes_later_to_read():
    count = 100
    with xcap.Server({"http.threads": 2}) as server:
        with xcap.alice(server) as writer, xcap.alice(server) as reader:
            for number in range(count):
                stored(writer.put(f"{HOME}d{number}", lists(f"n{number}")), 201)
                stored(add_friend(writer, f"{HOME}d{number}", "more"), 201)
                if number >= count // 2:
                    assert entries(reader.get(f"{HOME}d{number}").body) == {
                        f"sip:n{number}@example.com", "sip:more@example.com"}
        server.kill()
        server.start()
        with xcap.alice(server) as alice:
            for number in range(count):
                answer = alice.get(f"{HOME}d{number}")
                assert entries(answer.body) == {f"sip:n{number}@example.com", "sip:more@example.com"}


def change_document(client):
    return client.put(LISTS, lists("ann", "ben"))


def change_part(client):
    return add_friend(client, LISTS, "ben")


@pytest.mark.parametrize("change", [change_document, change_part])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_change_that_does_not_get_its_turn_keeps_nobody_else_waiting(change, threads):
    """However few the threads are: reads go on, further changes are refused, and the first one is made in the end."""
    with xcap.Server({"http.threads": threads, "limits.timeout": "1s"}) as server, xcap.alice(server) as lonely:
        stored(lonely.put(LISTS, lists("ann")), 201)
        answers = []
        with another_writer(server):
            hanging = threading.Thread(target=lambda: answers.append(change(lonely)), daemon=True)
            hanging.start()
            time.sleep(0.3)
            for _ in range(10):
                with xcap.Stopwatch() as watch, xcap.alice(server) as guest:
                    assert entries(guest.get(LISTS).body) == {"sip:ann@example.com"}
                assert watch.seconds < 0.5 * SLOW
            assert xcap.eventually(lambda: server.admin("/readyz").status == 503, 10)
            assert "another process holds the store" in server.admin("/readyz").text
            with xcap.bob(server) as bob:
                refused(bob.put(xcap.BOBS_LISTS, lists()), 503)
            time.sleep(2)  # longer than a connection may be silent
            assert not answers
        hanging.join(10 * SLOW)
        stored(answers[0], 200 if change is change_document else 201)
        assert server.admin("/readyz").status == 200
        assert entries(lonely.get(LISTS).body) == {"sip:ann@example.com", "sip:ben@example.com"}


@pytest.mark.parametrize("turn", range(3))
def test_a_store_opened_in_the_middle_of_writes_is_whole(turn):
    """kill -9 right after the first answer, thrice."""
    with xcap.Server() as server:
        with xcap.alice(server) as alice:
            etag = stored(alice.put(LISTS, big_lists(300_000)), 201)
        server.kill()
        server.start()
        with xcap.alice(server) as alice:
            answer = alice.get(LISTS)
            assert answer["ETag"] == etag and answer.body == big_lists(300_000).encode()
