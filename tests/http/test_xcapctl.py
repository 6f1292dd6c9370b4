# SPDX-License-Identifier: BSD-2-Clause
"""The admin's command line, with and without the daemon beside it (CONTRACT.md, xcapctl)."""
import json
import os
import pty
import select
import subprocess

import pytest

from daemon import SLOW, XCAPCTL
from xcap import (ALICE, BOBS_LISTS, CAPS, GLOBAL_LISTS, LISTS, SERVICES, Client, Server, alice, lists,
                  services, stored)

CAROL = "sip:carol@example.com"


@pytest.fixture
def store():
    """A store with users, nobody serving it."""
    with Server(start=False) as server:
        yield server


def rows(server, *words):
    return json.loads(server.ctl("--json", *words).stdout)


def failed(done, status, *words):
    """It ended with this status and said these words on stderr, nothing on stdout."""
    said = done.stderr.decode()
    assert done.returncode == status, (done.returncode, said)
    assert done.stdout == b"" and all(word in said for word in words), (done.stdout, said)
    return done


def refuse(server, status, *arguments, data=None, words=()):
    return failed(server.ctl(*arguments, data=data, check=False), status, *words)


# --- users ---

def test_a_user_is_added_shown_and_removed(store):
    store.ctl("user", "add", "carol", "--password-stdin", data=b"secret\n")
    assert {"name": CAROL, "role": "user"} in rows(store, "user", "list")
    shown = rows(store, "user", "show", "carol")
    assert (shown["name"], shown["role"], shown["documents"]) == (CAROL, "user", 0)
    assert {(login["login"], login["realm"], login["algorithm"]) for login in shown["logins"]} == {
        (name, "example.com", algorithm) for algorithm in ("MD5", "SHA-256")
        for name in ("carol", "carol@example.com", CAROL)}
    store.ctl("user", "remove", CAROL)
    assert CAROL not in [row["name"] for row in rows(store, "user", "list")]
    refuse(store, 1, "user", "show", CAROL, words=["nobody added"])


def test_neither_hash_nor_password_is_ever_printed(store):
    store.ctl("user", "add", CAROL, "--password-stdin", data=b"secret\n")
    for words in (["user", "list"], ["user", "show", CAROL], ["--json", "user", "show", CAROL]):
        said = store.ctl(*words).stdout.decode()
        assert "secret" not in said
        assert not any(len(word.strip('",')) in (32, 64) for word in said.split()), said


def test_a_new_password_holds_at_once_beside_the_running_daemon(server):
    with Client(server, "dora", "first") as dora:
        path = "resource-lists/users/sip:dora@example.com/index"
        server.ctl("user", "add", "sip:dora@example.com", "--password-stdin", data=b"first\n")
        stored(dora.put(path, lists("ann")), 201)
    server.ctl("user", "passwd", "sip:dora@example.com", "--password-stdin", data=b"second: with colon\n")
    with Client(server, "dora", "first") as dora:
        assert dora.get(path).status == 401
    with Client(server, "dora", "second: with colon") as dora:
        assert dora.get(path).status == 200
    server.ctl("user", "remove", "sip:dora@example.com")
    with Client(server, "admin", "ruling") as admin:
        assert admin.get(path).status == 404


def test_who_is_there_is_not_added_again_and_who_is_not_has_no_password_to_change(store):
    refuse(store, 1, "user", "add", ALICE, "--password-stdin", data=b"x\n", words=["there already"])
    refuse(store, 1, "user", "passwd", CAROL, "--password-stdin", data=b"x\n", words=["nobody added"])
    refuse(store, 1, "user", "remove", CAROL, words=["nobody added"])


def test_two_people_cannot_log_in_by_the_same_name(store):
    refuse(store, 1, "user", "add", "alice", "--role", "admin", "--password-stdin", data=b"x\n",
           words=["same name", ALICE])
    refuse(store, 1, "user", "add", "sip:admin@example.com", "--password-stdin", data=b"x\n",
           words=["same name"])


def test_a_domain_that_is_not_served_is_a_warning(store):
    done = store.ctl("user", "add", "sip:erin@elsewhere.org", "--password-stdin", data=b"x\n")
    assert b"auth.domains" in done.stderr


@pytest.mark.parametrize("password", [b"", b"\n", b"x" * 256 + b"\n", b"a\0b\n"],
                         ids=["none", "empty", "long", "nul"])
def test_what_is_no_password_is_refused(store, password):
    refuse(store, 1, "user", "add", CAROL, "--password-stdin", data=password, words=["password"])


def at_a_terminal(server, answers, *words):
    """Runs xcapctl as the leader of a session at a terminal; what it showed and its status."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(XCAPCTL, [str(XCAPCTL), "-c", str(server.configuration), *words])
    shown = b""
    for question, answer in answers:
        while question not in shown:
            assert select.select([terminal], [], [], 20 * SLOW)[0], shown
            shown += os.read(terminal, 1024)
        os.write(terminal, answer)
    try:
        while select.select([terminal], [], [], 20 * SLOW)[0] and (piece := os.read(terminal, 1024)):
            shown += piece
    except OSError:
        pass
    os.close(terminal)
    return shown, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_password_is_asked_for_twice_and_never_echoed(store):
    shown, status = at_a_terminal(store, [(b"Password", b"hidden\n"), (b"Once more", b"hidden\n")],
                                  "user", "add", CAROL)
    assert status == 0 and b"hidden" not in shown, shown
    shown, status = at_a_terminal(store, [(b"Password", b"hidden\n"), (b"Once more", b"hiddem\n")],
                                  "user", "passwd", CAROL)
    assert status == 1 and b"differ" in shown, shown
    shown, status = at_a_terminal(store, [(b"Password", b"hid\x03")], "user", "passwd", CAROL)
    assert status == 1, shown


# --- import ---

def test_an_import_adds_updates_and_leaves_alone(store):
    table = f"# people\n\n{CAROL}\tuser\tpass\tword: with tab \r\nrls\treader\tx\nadmin\tadmin\truling\n"
    done = rows_of_import(store, table)
    assert done == {"users": 3, "written": 2}
    assert rows_of_import(store, table) == {"users": 3, "written": 0}
    assert rows_of_import(store, table.replace("\tx\n", "\ty\n")) == {"users": 3, "written": 1}


def rows_of_import(server, table):
    return json.loads(server.ctl("--json", "user", "import", "-", data=table.encode()).stdout)


@pytest.mark.parametrize("line, why", [
    ("sip:carol@example.com\tuser", "tab"), ("sip:carol@example.com\tking\tx", "king"),
    ("\tuser\tx", "XUI"), ("sip:carol@example.com\tuser\t", "password"),
    ("sip:ann@example.com\tuser\tx", "twice"), ("ALICE@Example.com\tadmin\tx\nalice\tadmin\tx", "same name"),
])
def test_a_wrong_line_is_named_and_nobody_is_imported(store, tmp_path, line, why):
    table = tmp_path / "users.tsv"
    table.write_text(f"sip:ann@example.com\tuser\tx\n{line}\n")
    done = refuse(store, 1, "user", "import", table, words=[why, "nobody was imported"])
    assert f"{table}:2: ".encode() in done.stderr or f"{table}:3: ".encode() in done.stderr
    assert "sip:ann@example.com" not in [row["name"] for row in rows(store, "user", "list")]


def test_thousands_of_users_are_imported_in_one_pass(store):
    table = "".join(f"sip:u{n}@example.com\tuser\tp{n}\n" for n in range(5000))
    assert rows_of_import(store, table) == {"users": 5000, "written": 5000}
    assert len(rows(store, "user", "list")) == 5000 + len(store.users)
    assert rows_of_import(store, table) == {"users": 5000, "written": 0}


# --- documents ---

def test_documents_go_in_and_come_out_as_over_http(server):
    body = lists("ann").replace("\n", "\r\n").encode()
    first = json.loads(server.ctl("--json", "doc", "put", LISTS, data=body).stdout)
    assert first["result"] == "created"
    assert server.ctl("doc", "get", LISTS).stdout == body
    with alice(server) as client:
        answer = client.get(LISTS)
        assert (answer.body, answer["ETag"]) == (body, f'"{first["etag"]}"')
        etag = stored(client.put(LISTS, lists("ben")), 200)
    refuse(server, 1, "doc", "put", LISTS, "--if-match", first["etag"], data=body, words=["--if-match"])
    assert rows(server, "doc", "list", ALICE)[0]["etag"] == etag.strip('"')
    assert b"replaced" in server.ctl("doc", "put", LISTS, "--if-match", etag, data=body).stdout
    refuse(server, 1, "doc", "delete", LISTS, "--if-match", '"nonsense"', words=["--if-match"])
    server.ctl("doc", "delete", LISTS)
    refuse(server, 1, "doc", "get", LISTS, words=["no document"])
    refuse(server, 1, "doc", "delete", LISTS, words=["no document"])


def test_lists_of_documents_choose_everything_a_user_or_global(store):
    for path in (LISTS, BOBS_LISTS, GLOBAL_LISTS):
        store.ctl("doc", "put", path, data=lists("ann").encode())
    every = [row["document"] for row in rows(store, "doc", "list")]
    assert sorted(every) == sorted([LISTS, BOBS_LISTS, GLOBAL_LISTS])
    assert [row["document"] for row in rows(store, "doc", "list", "alice")] == [LISTS]
    assert [row["document"] for row in rows(store, "doc", "list", "global")] == [GLOBAL_LISTS]
    shown = store.ctl("doc", "list").stdout.decode().splitlines()
    assert shown[0].split() == ["DOCUMENT", "ETAG", "SIZE", "MODIFIED"] and len(shown) == 4
    refuse(store, 1, "doc", "list", CAROL, words=["nobody added"])


@pytest.mark.parametrize("path, body, words", [
    (LISTS, "<broken", ["not-well-formed"]),
    (LISTS, lists("ann").replace("uri=", "url="), ["schema-validation-error"]),
    (LISTS, lists("ann", "ann"), ["uniqueness-failure"]),
    (LISTS, lists("ann").replace("ann", "\xe9").encode("latin-1"), ["not-utf-8"]),
    (LISTS, lists("ann") + " " * (1 << 20), ["1048576"]),
    ("resource-lists/users/sip:carol@example.com/index", lists("ann"), ["nobody added"]),
    ("nonsense/users/sip:alice@example.com/index", lists("ann"), ["no usage"]),
    (CAPS, lists("ann"), ["generated"]),
], ids=["broken", "schema", "twins", "latin-1", "large", "stranger", "usage", "generated"])
def test_what_a_put_would_refuse_is_refused_in_words(store, path, body, words):
    refuse(store, 1, "doc", "put", path, data=body if isinstance(body, bytes) else body.encode(), words=words)
    assert rows(store, "doc", "list") == []


def test_a_service_uri_that_another_document_holds_is_refused(store):
    store.ctl("doc", "put", SERVICES, data=services("sip:friends@example.com").encode())
    refuse(store, 1, "doc", "put", SERVICES.replace("alice", "bob"),
           data=services("sip:friends@example.com", owner="sip:bob@example.com").encode(),
           words=["uniqueness-failure"])


def test_the_quota_of_a_user_holds_here_too(store):
    store.configure(limits__documents_per_user=1)
    store.ctl("doc", "put", LISTS, data=lists("ann").encode())
    refuse(store, 1, "doc", "put", LISTS + "2", data=lists("ann").encode(), words=["1 documents"])


def test_a_generated_document_can_be_read(store):
    assert b"xcap-caps" in store.ctl("doc", "get", CAPS).stdout


# --- configuration, usage, trouble ---

def test_config_prints_every_key_with_its_value(store):
    store.configure(limits__depth=10)
    keys = {row["key"]: row for row in rows(store, "config")}
    assert keys["limits.depth"]["value"] == "10" and keys["limits.depth"]["default"] == "64"
    assert keys["store.max-size"] == {"key": "store.max-size", "value": "1G", "default": "64G",
                                      "range": keys["store.max-size"]["range"],
                                      "meaning": keys["store.max-size"]["meaning"]}
    assert all(row["meaning"] for row in keys.values())
    assert store.ctl("config").stdout.splitlines()[0].split() == [b"KEY", b"VALUE", b"DEFAULT", b"RANGE",
                                                                  b"MEANING"]


@pytest.mark.parametrize("words", [
    [], ["nonsense"], ["user"], ["user", "nonsense"], ["user", "add"], ["user", "add", "a", "b"],
    ["user", "list", "--if-match", "x"], ["user", "add", "a", "--role", "king"], ["--nonsense"],
    ["doc", "get", "nonsense"], ["doc", "get", "a/users/../b"], ["user", "add", "", "--password-stdin"],
])
def test_what_is_no_command_says_so_with_2(store, words):
    refuse(store, 2, *words, data=b"x\n")


def test_a_wrong_configuration_or_store_ends_with_2(store, tmp_path):
    store.configure(store__path=tmp_path / "absent")
    refuse(store, 2, "user", "list", words=["store"])
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign/data.mdb").write_bytes(b"this is not a store" * 1000)
    store.configure(store__path=tmp_path / "foreign")
    refuse(store, 2, "user", "list", words=["store"])
    store.configure(limits__depth="deep")
    refuse(store, 2, "user", "list", words=["xcapd.conf:", "depth"])


def test_help_and_version_end_with_0(store):
    assert b"usage: xcapctl" in store.ctl("--help").stdout
    assert b"doc put" not in store.ctl("user", "--help").stdout
    assert store.ctl("--version").stdout.startswith(b"xcapctl ")


def test_an_output_that_cannot_be_written_is_a_failure(store):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([XCAPCTL, "-c", store.configuration, "config"], stdout=full, timeout=60 * SLOW,
                              stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1 and b"stdout" in done.stderr
