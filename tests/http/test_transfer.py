# SPDX-License-Identifier: BSD-2-Clause
"""Everything out, everything back: former versions, export, import, backup, restore, verify."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import pytest

from daemon import SLOW, XCAPCTL
from xcap import (ALICE, BOB, BOBS_LISTS, GLOBAL_LISTS, LISTS, RULES, SERVICES, USERS, Server, alice, bob,
                  eventually, lists, rules, services, stored)


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory(prefix="xcapd-transfer-") as name:
        yield pathlib.Path(name)


@pytest.fixture
def server():
    """One of its own: some stories stop it, or bring an older store back."""
    with Server() as running:
        yield running


@pytest.fixture
def store():
    """A store with users, nobody serving it."""
    with Server(start=False) as server:
        yield server


def told(server, *words, status=0):
    """What xcapctl says to programs."""
    done = server.ctl("--json", *words, check=False)
    assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
    return json.loads(done.stdout)


def put(server, path, body):
    server.ctl("doc", "put", path, data=body.encode("utf-8"))


def documents(server):
    """Every document's octets, by name."""
    return {row["document"]: server.ctl("doc", "get", row["document"]).stdout
            for row in told(server, "doc", "list")}


def files(top):
    return {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()}


def clean(server):
    return told(server, "verify")["clean"]


def refused(server, *words, words_said=()):
    done = server.ctl(*words, check=False)
    said = done.stderr.decode()
    assert done.returncode == 1 and all(word in said for word in words_said), (done.returncode, said)
    return said


# --- former versions ---

def test_a_document_deleted_by_mistake_comes_back(server):
    body = lists("ann", "jörg", extra="  <!-- mine -->\n")
    with alice(server) as client:
        first = stored(client.put(LISTS, body), 201)
        assert client.delete(LISTS).status == 200
        assert client.get(LISTS).status == 404
        server.ctl("doc", "restore", LISTS)
        answer = client.get(LISTS)
        assert answer.status == 200 and answer.body == body.encode() and answer["ETag"] != first
        assert client.get(LISTS, if_none_match=first).status == 200


def test_history_lists_what_restore_can_bring_back(store):
    for name in ("ann", "ben", "cat"):
        put(store, LISTS, lists(name))
    store.ctl("doc", "delete", LISTS)
    history = told(store, "doc", "history", LISTS)
    assert [row["removed"] for row in history] == [True, False, False, False]
    assert not any(row["current"] for row in history)
    assert all(row["who"].startswith("xcapctl") and row["modified"] and row["etag"] for row in history)
    numbers = [row["version"] for row in history]
    assert numbers == sorted(numbers, reverse=True)
    store.ctl("doc", "restore", LISTS, "--version", str(numbers[3]))
    assert store.ctl("doc", "get", LISTS).stdout == lists("ann").encode()
    store.ctl("doc", "restore", LISTS, f"--version={history[2]['etag']}")
    assert store.ctl("doc", "get", LISTS).stdout == lists("ben").encode()
    assert told(store, "doc", "history", LISTS)[0]["current"]
    refused(store, "doc", "restore", LISTS, "--version", str(numbers[0]), words_said=["deletion"])
    refused(store, "doc", "restore", LISTS, "--version", "999999", words_said=["no former version"])
    refused(store, "doc", "history", BOBS_LISTS, words_said=["no document"])


def test_a_version_that_would_be_refused_today_stays_away(store):
    """Bob has taken the service URI meanwhile."""
    put(store, SERVICES, services("sip:one@example.com"))
    store.ctl("doc", "delete", SERVICES)
    put(store, f"rls-services/users/{BOB}/index", services("sip:one@example.com", owner=BOB))
    refused(store, "doc", "restore", SERVICES, words_said=["uniqueness-failure"])


# --- export and import ---

ODD = (f"resource-lists/users/{ALICE}/a b", f"resource-lists/users/{ALICE}/Добро-пожаловать",
       f"resource-lists/users/{ALICE}/100%25", f"resource-lists/users/{ALICE}/" + "%D0%96" * 90,
       f"resource-lists/users/{ALICE}/...", f"resource-lists/users/{ALICE}/users.tsv",
       "resource-lists/users/sip:" + "%D0%B6" * 119 + "@example.com/index",
       "resource-lists/users/sip:a%2Fb@example.com/index")


def test_an_export_is_imported_octet_for_octet(store, folder):
    long_one = "sip:" + "ж" * 119 + "@example.com"
    store.add_users((long_one, "user", "x"), ("sip:a/b@example.com", "user", "y"))
    for number, path in enumerate(ODD):
        put(store, path, lists(f"odd{number}", extra="\t<!-- ☺ -->\r\n"))
    put(store, LISTS, "\ufeff" + lists("with a mark"))
    put(store, GLOBAL_LISTS, lists("all"))
    put(store, SERVICES, services("sip:one@example.com", "sip:two@example.com"))
    put(store, RULES, rules("ann"))
    out = folder / "out"
    said = told(store, "export", str(out))
    assert said["documents"] == len(ODD) + 4 and said["users"] == len(USERS) + 2
    assert (out / LISTS).read_bytes() == ("\ufeff" + lists("with a mark")).encode()
    assert (out / GLOBAL_LISTS).exists() and os.stat(out / "users.tsv").st_mode & 0o77 == 0
    assert all(len(os.fsencode(part)) <= 255 for path in files(out) for part in path.split("/"))
    with Server(start=False, users=()) as other:
        assert told(other, "import", str(out))["created"] == said["documents"]
        assert documents(other) == documents(store)
        other.ctl("export", str(folder / "again"))
        assert files(folder / "again") == files(out)
        assert clean(other)
        again = told(other, "import", str(out))
        assert (again["created"], again["replaced"], again["unchanged"]) == (0, 0, said["documents"])
        assert again["users_written"] == 0
        other.start()
        with alice(other) as client:  # the digests came along
            assert client.get(LISTS).body == ("\ufeff" + lists("with a mark")).encode()


def test_a_document_and_a_folder_may_have_one_name(store, folder):
    """Where a usage lets documents stand in folders."""
    icons = f"org.openmobilealliance.pres-content/users/{ALICE}/"
    done = store.ctl("doc", "put", icons + "oma_status-icon/rcs", check=False, data=b"<x/>")
    if b"there is no usage" in done.stderr:
        pytest.skip("no usage with folders")
    import_from = folder / "in"
    (import_from / "resource-lists/users" / ALICE / "index%-").mkdir(parents=True)
    (import_from / "resource-lists/users" / ALICE / "index").write_text(lists("ann"))
    (import_from / "resource-lists/users" / ALICE / "index%-" / "below").write_text(lists("ann"))
    said = told(store, "import", str(import_from), status=1)
    assert said["created"] == 1 and said["refused"][0]["file"].endswith("index%-/below")
    assert said["refused"][0]["error"] == "no-parent"


def test_what_a_put_would_refuse_is_told_and_the_rest_comes_in(store, folder):
    top = folder / "in"
    home = top / "resource-lists/users" / ALICE
    home.mkdir(parents=True)
    (home / "index").write_text(lists("ann"))
    (home / "broken").write_text("<resource-lists>")
    (home / "doctype").write_text("<!DOCTYPE x>" + lists("ann"))
    (home / "twice").write_text(lists("ann", "ann"))
    (home / "bad%zz").write_text(lists("ann"))
    (home / "huge").write_bytes(b" " * 2_000_000)
    (top / "no-such-usage/global").mkdir(parents=True)
    (top / "no-such-usage/global/index").write_text(lists("ann"))
    (top / "resource-lists/users/sip:nobody@example.com").mkdir()
    (top / "resource-lists/users/sip:nobody@example.com/index").write_text(lists("ann"))
    (top / "xcap-caps/global").mkdir(parents=True)
    (top / "xcap-caps/global/index").write_text(lists("ann"))
    (top / "stray").write_text("x")
    secret = folder / "secret"
    secret.write_text(lists("secret"))
    (home / "link").symlink_to(secret)
    (top / "resource-lists/users/sip:bob@example.com").symlink_to(home)
    os.mkfifo(home / "pipe")
    said = told(store, "import", str(top), status=1)
    wrong = {row["file"].rsplit("/", 1)[-1]: (row["error"], row["phrase"]) for row in said["refused"]}
    assert said["created"] == 1 and list(documents(store)) == [LISTS]
    assert wrong["broken"][0] == wrong["doctype"][0] == "not-well-formed"
    assert wrong["twice"][0] == "uniqueness-failure" and wrong["huge"][0] == "constraint-failure"
    assert wrong["link"] == wrong[BOB] == (None, "a symbolic link")
    for words in ("nobody added", "no usage", "generated"):
        assert words in str(said["refused"])
    assert set(wrong) == {"broken", "doctype", "twice", "bad%zz", "huge", "index", "stray", "link", BOB, "pipe"}
    assert len(said["refused"]) == 12
    assert clean(store)


def test_the_quota_holds_for_an_import_too(store, folder):
    store.configure(limits__documents_per_user=3)
    home = folder / "resource-lists/users" / ALICE
    home.mkdir(parents=True)
    for number in range(5):
        (home / f"list{number}").write_text(lists(f"n{number}"))
    said = told(store, "import", str(folder), status=1)
    assert said["created"] == 3
    assert {row["error"] for row in said["refused"]} == {"constraint-failure"}


def test_an_export_overwrites_nothing_and_follows_no_link(store, folder):
    put(store, LISTS, lists("ann"))
    (folder / "out").mkdir()
    (folder / "out" / "something").write_text("mine")
    refused(store, "export", str(folder / "out"), words_said=["not empty"])
    assert files(folder / "out") == {"something": b"mine"}


def many(folder, users, each=3):
    with open(folder / "users.tsv", "w", encoding="utf-8") as table:
        for number in range(users):
            name = f"sip:u{number:05d}@example.com"
            table.write(f"{name}\tuser\t\n")
            home = folder / "resource-lists/users" / name
            home.mkdir(parents=True)
            for document in range(each):
                (home / f"d{document}").write_text(lists(f"f{number}", f"g{document}"))
    return users * each


@pytest.mark.parametrize("pause", [0.02, 0.15, 0.4])
def test_an_import_that_was_killed_leaves_a_clean_store_and_is_run_again(store, folder, pause):
    count = many(folder, 3000)
    with subprocess.Popen([XCAPCTL, "-c", store.configuration, "import", folder],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        time.sleep(pause * SLOW)
        child.send_signal(signal.SIGKILL)
    assert clean(store)
    said = told(store, "import", str(folder))
    assert said["created"] + said["unchanged"] == count and not said["refused"]
    verified = told(store, "verify")
    assert verified["clean"] and verified["documents"] == count


# --- backup and restore ---

def test_after_a_restore_an_etag_of_the_lost_future_never_answers_304(server, folder):
    with alice(server) as client:
        old = stored(client.put(LISTS, lists("ann")), 201)
        server.ctl("backup", str(folder / "backup"))
        lost = stored(client.put(LISTS, lists("lost")), 200)
    refused(server, "restore", str(folder / "backup"), words_said=["open"])
    server.stop()
    assert told(server, "restore", str(folder / "backup"))["documents"] == 1
    server.start()
    with alice(server) as client:
        assert client.get(LISTS).body == lists("ann").encode()
        for tag in (old, lost):
            assert client.get(LISTS, if_none_match=tag).status == 200
            assert client.put(LISTS, lists("x"), if_match=tag).status == 412
        new = stored(client.put(LISTS, lists("new future")), 200)
        assert new not in (old, lost)


def test_a_backup_among_writes_is_one_moment_of_the_store(server, folder):
    stop, sent, failed = threading.Event(), [], []

    def write():
        with alice(server) as client:
            while not stop.is_set():
                body = lists(f"n{len(sent)}")
                answer = client.put(LISTS, body)
                if answer.status not in (200, 201):
                    failed.append(answer)
                sent.append(body.encode())
    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert eventually(lambda: len(sent) > 20)
        before = len(sent)
        server.ctl("backup", str(folder / "backup"))
        after = len(sent)
    finally:
        stop.set()
        writer.join()
    assert not failed and os.stat(folder / "backup").st_mode & 0o777 == 0o600
    assert os.listdir(folder) == ["backup"]
    server.stop()
    server.ctl("restore", str(folder / "backup"))
    assert clean(server)
    assert server.ctl("doc", "get", LISTS).stdout in sent[before - 1:after + 2]


def test_a_restored_store_is_the_one_that_was_backed_up(store, folder):
    put(store, LISTS, lists("ann"))
    put(store, LISTS, lists("ben"))
    put(store, SERVICES, services("sip:one@example.com"))
    store.ctl("backup", str(folder / "backup"))
    kept, users = documents(store), told(store, "user", "list")
    store.ctl("user", "remove", ALICE)
    store.ctl("restore", str(folder / "backup"))
    assert documents(store) == kept and told(store, "user", "list") == users
    assert len(told(store, "doc", "history", LISTS)) == 2
    with Server(start=False, users=()) as other:  # also where nothing was
        shutil.rmtree(other.folder / "data", ignore_errors=True)
        other.ctl("restore", str(folder / "backup"))
        assert documents(other) == kept


@pytest.mark.parametrize("damage", ["text", "empty", "short", "other", "missing", "pages"])
def test_what_is_no_sound_backup_replaces_nothing(store, folder, damage):
    put(store, LISTS, lists("ann"))
    for number in range(30):
        put(store, f"resource-lists/users/{ALICE}/d{number}", lists(*(f"n{n}" for n in range(100))))
    backup = folder / "backup"
    store.ctl("backup", str(backup))
    octets = backup.read_bytes()
    backup.write_bytes({"text": b"not a store\n" * 1000, "empty": b"", "short": octets[:len(octets) // 2],
                        "other": octets.replace(b"xcapd-store", b"other-store"), "missing": b"",
                        "pages": octets[:8192] + os.urandom(len(octets) - 8192)}[damage])
    if damage == "missing":
        backup.unlink()
    kept = documents(store)
    done = store.ctl("restore", str(backup), check=False)
    assert done.returncode == 1 and b"not restored" in done.stderr, done
    assert documents(store) == kept and clean(store)


def test_nobody_opens_a_store_while_it_is_restored(store, folder):
    """The lock is there for as long as the copy is made and verified."""
    (folder / "in").mkdir()
    many(folder / "in", 2000)
    store.ctl("import", str(folder / "in"))
    store.ctl("backup", str(folder / "backup"))
    with subprocess.Popen([XCAPCTL, "-c", store.configuration, "restore", folder / "backup"],
                          stdout=subprocess.DEVNULL) as child:
        said = b""
        while child.poll() is None and b"being restored" not in said:
            said = store.ctl("user", "list", check=False).stderr
        assert child.wait(60 * SLOW) in (0, 1)
    assert b"being restored" in said or child.returncode == 1
    store.ctl("restore", str(folder / "backup"))
    assert clean(store)


# --- verify, stats ---

def test_verify_names_a_document_that_would_be_refused_today(store):
    put(store, LISTS, lists("ann", extra='<list><list><list name="deep"/></list></list>'))
    put(store, BOBS_LISTS, lists("ann"))
    store.configure(limits__depth=4)
    done = store.ctl("--json", "verify", check=False)
    said = json.loads(done.stdout)
    assert done.returncode == 1 and said["not_accepted"] == 1 and said["damage"] == 0
    assert LISTS.encode() in done.stderr and BOBS_LISTS.encode() not in done.stderr


def test_verify_counts_beside_a_busy_daemon(server):
    stop = threading.Event()

    def write():
        with bob(server) as client:
            turn = 0
            while not stop.is_set():
                turn += 1
                client.put(f"resource-lists/users/{BOB}/d{turn % 7}", lists(f"n{turn}"))
                client.delete(f"resource-lists/users/{BOB}/d{(turn + 3) % 7}")
    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(10):
            assert clean(server)
    finally:
        stop.set()
        writer.join()


def test_stats_and_feed_tell_what_there_is(store):
    put(store, LISTS, lists("ann"))
    put(store, RULES, rules("ann"))
    stats = told(store, "stats")
    assert stats["documents"] == 2 and stats["users"] == len(USERS)
    assert {row["auid"]: row["documents"] for row in stats["usages"]} == {"resource-lists": 1, "pres-rules": 1}
    assert 0 < stats["size_used"] < stats["size_max"]
    feed = told(store, "feed", "status")
    assert feed["newest"] - feed["oldest"] + 1 == feed["rows"] == 2


def test_progress_is_told_when_asked_for(store, folder):
    many(folder, 500)
    done = store.ctl("import", str(folder), "--progress")
    assert b"import: " in done.stderr and b"/s" in done.stderr
    assert store.ctl("import", str(folder)).stderr == b""


def test_what_the_admin_restores_others_are_told(server):
    """A restored version is a change like any other."""
    with alice(server) as client:
        stored(client.put(RULES, rules("ann")), 201)
        before = told(server, "feed", "status")["newest"]
        client.delete(RULES)
        server.ctl("doc", "restore", RULES)
        assert told(server, "feed", "status")["newest"] == before + 2
