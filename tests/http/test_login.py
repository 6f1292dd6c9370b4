# SPDX-License-Identifier: BSD-2-Clause
"""Who is asking, and what may they: RFC 7616, RFC 7617, CLIENTS.md decisions 1-3 and 13, CONTRACT.md roles."""
import re

import pytest

import xcap
from xcap import (ALICE, BOBS_LISTS, CAPS, GLOBAL_LISTS, LISTS, SERVICES, TYPES, Client, Login, basic,
                  eventually, lists, parameters, refused, services, stored, unquoted)

UNKNOWN = "resource-lists/users/sip:nobody@example.com/index"


def challenge_of(answer):
    """The only challenge's scheme and parameters."""
    assert answer.status == 401, answer
    return parameters(answer["WWW-Authenticate"])


def ask_with(client, authorization, method="GET", path=LISTS, **more):
    return client.once(method, path, fields=[("Authorization", authorization)], **more)


@pytest.fixture
def login(nobody):
    """Alice's login with a fresh challenge, for headers written by hand."""
    return Login("alice", "alice").learn(nobody.get(LISTS))


# --- the challenge ---

def test_there_is_one_challenge_and_it_is_exact(nobody):
    answer = refused(nobody.get(LISTS), 401)
    assert len(answer.all("WWW-Authenticate")) == 1
    scheme, said = challenge_of(answer)
    assert scheme == "Digest"
    assert said["realm"] == '"example.com"' and said["qop"] == '"auth"' and said["algorithm"] == "MD5"
    assert re.fullmatch(r'"[!-~]{16,}"', said["nonce"])
    assert set(said) <= {"realm", "qop", "algorithm", "nonce", "opaque", "charset", "userhash", "stale"}
    assert said.get("stale", "false") == "false"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "POST"])
def test_every_method_is_challenged(nobody, method):
    answer = nobody.ask(method, LISTS, b"" if method in ("PUT", "POST") else None)
    assert challenge_of(answer)[0] == "Digest"


def test_nonces_differ(nobody):
    nonces = {challenge_of(nobody.get(LISTS))[1]["nonce"] for _ in range(20)}
    assert len(nonces) == 20


@pytest.fixture(scope="module")
def both():
    """A server that offers SHA-256, then MD5."""
    with xcap.Server({"auth.digest-algorithms": "SHA-256, MD5"}) as running:
        yield running


def test_two_algorithms_are_two_challenges_in_the_order_of_the_setting(both):
    with Client(both) as nobody:
        challenges = [parameters(text) for text in nobody.get(LISTS).all("WWW-Authenticate")]
    assert [said["algorithm"] for _, said in challenges] == ["SHA-256", "MD5"]


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
def test_either_algorithm_logs_in(both, algorithm):
    with Client(both, "alice", "alice", algorithm=algorithm) as alice:
        assert alice.get(LISTS).status == 404
    with Client(both, "alice", "wrong", algorithm=algorithm) as alice:
        assert alice.get(LISTS).status == 401


def test_an_algorithm_that_is_not_offered_does_not_log_in(nobody):
    login = Login("alice", "alice").learn(nobody.get(LISTS))
    login.algorithm = "SHA-256"
    assert ask_with(nobody, login.header("GET", nobody.target(LISTS))).status == 401


# --- names and passwords ---

@pytest.mark.parametrize("name", ["alice", "alice@example.com", "sip:alice@example.com"])
def test_three_forms_of_a_name_log_in(server, name):
    with Client(server, name, "alice") as alice:
        stored(alice.put(LISTS, lists("ann")))
        assert alice.delete(LISTS).status == 200


@pytest.mark.parametrize("name, password", [
    ("alice", "wrong"), ("alice", ""), ("alice", "Alice"), ("alice", "bob"), ("nobody", "alice"), ("", ""),
    ("Alice", "alice"),
    ("alice@example.org", "alice"), ("sips:alice@example.com", "alice"), ("bob", "alice"),
    ("alice:alice", ""),
])
def test_a_wrong_name_or_password_gets_the_same_answer(server, nobody, name, password):
    plain = nobody.get(LISTS)
    with Client(server, name, password) as somebody:
        answer = somebody.get(LISTS)
    assert answer.status == 401

    def gist(answer):
        scheme, said = challenge_of(answer)
        said.pop("nonce"), said.pop("opaque", None)
        return scheme, said
    assert gist(answer) == gist(plain)
    assert [name for name, _ in answer.fields] == [name for name, _ in plain.fields]


def test_a_wrong_password_and_an_unknown_name_cannot_be_told_apart(server):
    def told(name):
        with Client(server, name, "wrong") as somebody:
            answer = somebody.get(LISTS)
        return answer.status, answer.body, len(str(answer.fields))
    assert told("alice") == told("nobody")


def test_passwords_are_what_was_given(server):
    passwords = ["with:colon", ":", "with space", "Grüße", "пароль", '"quoted\\"', "x" * 200,
                 "tab?percent%41"]
    server.add_users(*((f"sip:user{n}@example.com", "user", word) for n, word in enumerate(passwords)))
    for n, word in enumerate(passwords):
        with Client(server, f"user{n}", word) as user:
            assert user.get(f"resource-lists/users/sip:user{n}@example.com/index").status == 404, word


def test_a_changed_password_holds_at_once(server):
    server.add_users(("sip:carol@example.com", "user", "old"))
    home = "resource-lists/users/sip:carol@example.com/index"
    with Client(server, "carol", "old") as old, Client(server, "carol", "new") as new:
        assert old.get(home).status == 404
        server.add_users(("sip:carol@example.com", "user", "new"))
        assert old.get(home).status == 401
        assert new.get(home).status == 404
        server.ctl("user", "remove", "sip:carol@example.com")
        assert new.get(home).status == 401


# --- nonces ---

def test_a_nonce_serves_many_uris_and_connections(server, nobody, login):
    for path in (LISTS, CAPS, SERVICES, GLOBAL_LISTS):
        for method in ("GET", "HEAD"):
            with Client(server) as fresh:
                answer = ask_with(fresh, login.header(method, fresh.target(path)), method, path)
                assert answer.status in (200, 404), answer


def test_a_replayed_request_is_refused(nobody, login):
    header = login.header("GET", nobody.target(LISTS))
    assert ask_with(nobody, header).status == 404
    for _ in range(3):
        assert ask_with(nobody, header).status == 401


def test_the_same_count_in_another_request_is_refused(nobody, login):
    assert ask_with(nobody, login.header("GET", nobody.target(LISTS), count=1)).status == 404
    assert ask_with(nobody, login.header("GET", nobody.target(CAPS), count=1), path=CAPS).status == 401


def test_counts_may_come_out_of_order(nobody, login):
    for count in (5, 3, 4, 1, 2, 100, 50, 99):
        assert ask_with(nobody, login.header("GET", nobody.target(LISTS), count=count)).status == 404, count
    for count in (5, 1, 100, 50):
        assert ask_with(nobody, login.header("GET", nobody.target(LISTS), count=count)).status == 401, count


def test_a_count_that_fell_out_of_the_window_is_stale(nobody, login):
    assert ask_with(nobody, login.header("GET", nobody.target(LISTS), count=1000)).status == 404
    answer = ask_with(nobody, login.header("GET", nobody.target(LISTS), count=1))
    assert challenge_of(answer)[1].get("stale", "").lower() == "true", answer


@pytest.mark.parametrize("nonce", ["invented", "", "a" * 500, "0" * 32])
def test_a_nonce_of_ones_own_is_refused(nobody, login, nonce):
    login.nonce = nonce
    assert ask_with(nobody, login.header("GET", nobody.target(LISTS))).status in (400, 401)


def test_a_nonce_with_a_bit_changed_is_refused(nobody, login):
    fine = login.nonce
    for at in range(0, len(fine) - 1, 5):
        login.nonce = fine[:at] + ("A" if fine[at] != "A" else "B") + fine[at + 1:]
        assert ask_with(nobody, login.header("GET", nobody.target(LISTS))).status == 401, at


def test_a_nonce_from_before_a_restart_is_stale():
    """The password was right, so the client may go on without asking its user again."""
    with xcap.Server() as server, xcap.alice(server) as alice:
        refused(alice.get(LISTS), 404)
        server.restart()
        alice.close()
        answer = alice.once("GET", LISTS)
        scheme, said = challenge_of(answer)
        assert said["stale"].lower() == "true" and unquoted(said["nonce"]) != alice.login.nonce
        alice.login.learn(answer)
        refused(alice.get(LISTS), 404)


def test_stale_is_only_said_to_who_knows_the_password(nobody, login):
    login.nonce, login.password = "invented", "wrong"
    answer = ask_with(nobody, login.header("GET", nobody.target(LISTS)))
    assert challenge_of(answer)[1].get("stale", "false").lower() == "false"


# --- the header ---

def good(login, target, **overrides):
    return login.header("GET", target, **overrides)


@pytest.mark.parametrize("overrides", [
    pytest.param({"response": '"' + "0" * 32 + '"'}, id="response-wrong"),
    pytest.param({"response": '""'}, id="response-empty"),
    pytest.param({"response": None}, id="response-missing"),
    pytest.param({"response": '"' + "a" * 5000 + '"'}, id="response-long"),
    pytest.param({"username": None}, id="username-missing"),
    pytest.param({"nonce": None}, id="nonce-missing"),
    pytest.param({"uri": None}, id="uri-missing"), pytest.param({"nc": None}, id="nc-missing"),
    pytest.param({"cnonce": None}, id="cnonce-missing"),
    pytest.param({"realm": '"other.example"'}, id="realm-other"),
    pytest.param({"realm": None}, id="realm-missing"),
    pytest.param({"nc": "xyz"}, id="nc-not-hexadecimal"), pytest.param({"nc": "00000000"}, id="nc-zero"),
    pytest.param({"nc": "1"}, id="nc-short"), pytest.param({"nc": "000000000000000001"}, id="nc-long"),
    pytest.param({"qop": "auth-int"}, id="qop-auth-int"), pytest.param({"qop": "none"}, id="qop-unknown"),
    pytest.param({"qop": None}, id="qop-missing"),
    pytest.param({"algorithm": "MD5-sess"}, id="algorithm-sess"),
    pytest.param({"algorithm": "SHA-512"}, id="algorithm-unknown"),
    pytest.param({"username": '"alice'}, id="quote-unclosed"),
])
def test_a_header_that_is_not_right_does_not_log_in(nobody, login, overrides):
    answer = ask_with(nobody, good(login, nobody.target(LISTS), **overrides))
    assert answer.status in (400, 401), answer


@pytest.mark.parametrize("overrides", [
    pytest.param({"algorithm": None}, id="md5-unsaid"),
    pytest.param({"algorithm": '"MD5"'}, id="algorithm-quoted"),
    pytest.param({"algorithm": "md5"}, id="algorithm-lower-case"),
    pytest.param({"qop": '"auth"'}, id="qop-quoted"),
    pytest.param({"opaque": '"whatever"'}, id="opaque-unasked"),
    pytest.param({"unknown": "parameter"}, id="unknown-parameter"),
])
def test_a_header_as_clients_write_it_logs_in(nobody, login, overrides):
    assert ask_with(nobody, good(login, nobody.target(LISTS), **overrides)).status == 404


@pytest.mark.parametrize("rewrite", [
    pytest.param(lambda h: h.replace(", ", ","), id="no-spaces"),
    pytest.param(lambda h: h.replace(", ", " ,\t "), id="odd-spaces"),
    pytest.param(lambda h: h.replace("Digest ", "digest ").replace("username", "UserName"), id="letter-case"),
    pytest.param(lambda h: "Digest " + ", ".join(reversed(h[7:].split(", "))), id="another-order"),
])
def test_spaces_order_and_letter_case_do_not_matter(nobody, login, rewrite):
    assert ask_with(nobody, rewrite(good(login, nobody.target(LISTS)))).status == 404


@pytest.mark.parametrize("value", ["", "Digest", "Digest ", "Digest ,,,,", "Digest x", "Bearer abc", "Basic",
                                   "Basic !!!!", "x" * 3000,
                                   'Digest username="alice', "Digest " + "a=b," * 1000, "Negotiate YII="])
def test_garbage_in_authorization_does_not_log_in(nobody, value):
    assert ask_with(nobody, value).status in (400, 401)


def test_the_header_of_another_target_or_method_does_not_log_in(nobody, login):
    target = nobody.target(LISTS)
    assert ask_with(nobody, login.header("GET", target), path=CAPS).status in (400, 401)
    assert ask_with(nobody, login.header("DELETE", target)).status == 401
    assert ask_with(nobody, login.header("GET", nobody.target(CAPS), uri=f'"{target}"')).status in (400, 401)


def test_two_authorization_headers_do_not_log_in(nobody, login):
    header = login.header("GET", nobody.target(LISTS))
    fields = [("Authorization", header), ("Authorization", header)]
    assert nobody.once("GET", LISTS, fields=fields).status in (400, 401)


def test_a_uri_with_raw_quotes_logs_in(server, nobody, alice):
    """curl puts the target as it is between quotes: CLIENTS.md decision 1."""
    stored(alice.put(LISTS, lists("ann")))
    path = LISTS + '/~~/resource-lists/list[@name="friends"]/entry[@uri="sip:ann@example.com"]'
    login = Login("alice", "alice").learn(nobody.get(path))
    target = nobody.target(path)
    last = login.header("GET", target, uri=None) + f', uri="{target}"'
    for header in (login.header("GET", target), last):
        answer = ask_with(nobody, header, path=path)
        assert answer.status == 200 and answer.body == b'<entry uri="sip:ann@example.com"/>', answer
        login.count += 1
    alice.delete(LISTS)


# --- Basic ---

@pytest.fixture(scope="module")
def plain():
    users = xcap.USERS + (("sip:colon@example.com", "user", "pass:with:colons:"),)
    with xcap.Server({"auth.schemes": "digest,basic"}, users=users) as running:
        yield running


def test_basic_is_offered_beside_digest_where_the_admin_says_so(plain):
    with Client(plain) as nobody:
        challenges = nobody.get(LISTS).all("WWW-Authenticate")
    assert [text.split(" ")[0] for text in challenges] == ["Digest", "Basic"]
    assert unquoted(parameters(challenges[1])[1]["realm"]) == "example.com"


@pytest.mark.parametrize("name, password, path, status", [
    ("alice", "alice", LISTS, 404), ("alice@example.com", "alice", LISTS, 404),
    ("alice", "wrong", LISTS, 401),
    ("alice", "", LISTS, 401), ("", "", LISTS, 401), ("nobody", "alice", LISTS, 401),
    ("bob", "bob", LISTS, 403),
    ("colon", "pass:with:colons:", "resource-lists/users/colon/index", 404),
    ("colon", "pass", "resource-lists/users/colon/index", 401),
    ("admin", "ruling", LISTS, 404), ("presence", "reading", LISTS, 404),
])
def test_basic_logs_in(plain, name, password, path, status):
    with Client(plain) as client:
        assert ask_with(client, basic(name, password), path=path).status == status


def test_basic_in_any_letter_case_and_garbage(plain):
    with Client(plain) as client:
        assert ask_with(client, basic("alice", "alice").replace("Basic", "bAsIc")).status == 404
        for value in ("Basic", "Basic ", "Basic YWxpY2U", "Basic ====", "Basic YWxp\u00e9",
                      "Basic " + "QUFB" * 2000):
            assert ask_with(client, value).status in (400, 401), value


def test_basic_is_not_taken_by_default(nobody):
    assert ask_with(nobody, basic("alice", "alice")).status == 401


# --- too many failed logins ---

def test_failed_logins_are_limited_by_address_and_name():
    with xcap.Server({"limits.login-failures": 3}) as server:
        with Client(server, "alice", "wrong") as guesser:
            answers = [guesser.get(LISTS) for _ in range(5)]
        assert [answer.status for answer in answers] == [401, 401, 401, 429, 429]
        wait = answers[-1]["Retry-After"]
        assert wait.isdigit() and 1 <= int(wait) <= 60
        refused(answers[-1], 429)
        with xcap.bob(server) as bob, xcap.alice(server, source="127.0.0.2") as elsewhere:
            assert bob.get(BOBS_LISTS).status == 404
            assert elsewhere.get(LISTS).status == 404
        with xcap.alice(server) as alice:
            assert alice.get(LISTS).status == 429  # the right password too, or guessing would pay


def test_challenges_and_stale_nonces_are_no_failures():
    with xcap.Server({"limits.login-failures": 3}) as server:
        with Client(server) as nobody:
            assert {nobody.get(LISTS).status for _ in range(10)} == {401}
        with xcap.alice(server) as alice:
            for _ in range(10):
                alice.get(LISTS)
                alice.login.nonce = "invented"
                assert alice.once("GET", LISTS).status == 401
            alice.login.nonce = None
            assert alice.get(LISTS).status == 404


# --- roles ---

@pytest.fixture
def furnished(alice, admin):
    stored(alice.put(LISTS, lists("ann")))
    stored(admin.put(GLOBAL_LISTS, lists("all")))
    yield
    alice.delete(LISTS)
    admin.delete(GLOBAL_LISTS)


@pytest.mark.parametrize("who, method, path, status", [
    ("alice", "GET", LISTS, 200), ("alice", "PUT", LISTS, 200), ("alice", "DELETE", LISTS, 200),
    ("alice", "GET", GLOBAL_LISTS, 200), ("alice", "PUT", GLOBAL_LISTS, 403),
    ("alice", "DELETE", GLOBAL_LISTS, 403),
    ("bob", "GET", LISTS, 403), ("bob", "HEAD", LISTS, 403), ("bob", "PUT", LISTS, 403),
    ("bob", "DELETE", LISTS, 403),
    ("bob", "GET", LISTS + "-absent", 403), ("bob", "GET", UNKNOWN, 403), ("bob", "PUT", UNKNOWN, 403),
    ("bob", "GET", LISTS + "/~~/resource-lists/list", 403),
    ("bob", "DELETE", LISTS + "/~~/resource-lists/list", 403),
    ("reader", "GET", LISTS, 200), ("reader", "PUT", LISTS, 403), ("reader", "DELETE", LISTS, 403),
    ("reader", "GET", GLOBAL_LISTS, 200), ("reader", "PUT", GLOBAL_LISTS, 403),
    ("reader", "GET", UNKNOWN, 404),
    ("reader", "GET", CAPS, 200),
    ("admin", "GET", LISTS, 200), ("admin", "PUT", LISTS, 200), ("admin", "DELETE", LISTS, 200),
    ("admin", "PUT", GLOBAL_LISTS, 200), ("admin", "DELETE", GLOBAL_LISTS, 200),
    ("admin", "GET", UNKNOWN, 404),
    ("admin", "PUT", UNKNOWN, 404), ("admin", "DELETE", UNKNOWN, 404), ("admin", "PUT", CAPS, 405),
    ("nobody", "GET", LISTS, 401), ("nobody", "PUT", LISTS, 401), ("nobody", "GET", UNKNOWN, 401),
    ("nobody", "GET", GLOBAL_LISTS, 401), ("nobody", "GET", CAPS, 401),
])
def test_who_may_do_what(request, furnished, who, method, path, status):
    client = request.getfixturevalue(who)
    answer = client.put(path, lists("new"),
                        type=TYPES["resource-lists"]) if method == "PUT" else client.ask(method, path)
    assert answer.status == status, answer


def test_a_strangers_home_looks_the_same_whether_it_exists_or_not(bob, furnished):
    def told(path):
        answer = bob.get(path)
        return answer.status, answer.body, [name for name, _ in answer.fields]
    assert told(LISTS) == told(LISTS + "-absent") == told(UNKNOWN)


def test_rls_services_global_index_is_for_trusted_elements_only(alice, reader):
    """RFC 4826 §4.4.9: it is everybody's buddy lists."""
    assert alice.get("rls-services/global/index").status == 403
    assert reader.get("rls-services/global/index").status in (200, 404)


# --- trusted readers by address ---

@pytest.fixture(scope="module")
def trusting():
    with xcap.Server({"auth.trusted-readers": "127.0.0.7/32, ::1/128"}) as running, xcap.alice(running) as alice:
        stored(alice.put(LISTS, lists("ann")))
        yield running


def test_a_trusted_address_reads_without_credentials(trusting):
    with Client(trusting, source="127.0.0.7") as presence:
        assert presence.get(LISTS).body == lists("ann").encode()
        assert presence.get(CAPS).status == 200
        assert presence.get(UNKNOWN).status == 404
    with Client(trusting) as nobody, Client(trusting, source="127.0.0.8") as neighbour:
        assert nobody.get(LISTS).status == 401 and neighbour.get(LISTS).status == 401


def test_a_trusted_address_writes_nothing(trusting):
    with Client(trusting, source="127.0.0.7") as presence:
        assert presence.put(LISTS, lists("ben")).status in (401, 403)
        assert presence.delete(LISTS).status in (401, 403)
        assert presence.get(LISTS).body == lists("ann").encode()


@pytest.mark.parametrize("field", [
    ("X-Forwarded-For", "127.0.0.7"), ("X-Forwarded-For", ""), ("Forwarded", "for=127.0.0.7"),
    ("Via", "1.1 proxy"),
    ("X-Forwarded-Host", "x"), ("X-Forwarded-Proto", "https"), ("x-forwarded-for", "10.0.0.1"),
    ("X-3GPP-Asserted-Identity", '"sip:alice@example.com"'),
    ("X-XCAP-Asserted-Identity", '"sip:alice@example.com"'),
])
def test_a_forwarded_request_is_not_trusted(trusting, field):
    with Client(trusting, source="127.0.0.7") as proxy:
        assert proxy.ask("GET", LISTS, fields=[field]).status == 401


@pytest.mark.parametrize("field", [("X-Forwarded-For", "127.0.0.7"), ("Forwarded", "for=127.0.0.7"),
                                   ("X-Real-IP", "127.0.0.7")])
def test_a_header_makes_nobody_trusted(trusting, field):
    with Client(trusting) as nobody:
        assert nobody.ask("GET", LISTS, fields=[field]).status == 401


def test_who_logs_in_from_a_trusted_address_is_who_they_are(trusting):
    with xcap.bob(trusting, source="127.0.0.7") as bob:
        bob.login.learn(Client(trusting).get(BOBS_LISTS))
        stored(bob.put(BOBS_LISTS, lists("ann")))
        assert bob.get(LISTS).status == 403
        assert bob.delete(BOBS_LISTS).status == 200


def test_an_asserted_identity_of_a_stranger_means_nothing(nobody, bob):
    for field in (("X-3GPP-Asserted-Identity", f'"{ALICE}"'), ("X-XCAP-Asserted-Identity", f'"{ALICE}"'),
                  ("X-3GPP-Intended-Identity", f'"{ALICE}"')):
        assert nobody.ask("GET", LISTS, fields=[field]).status == 401
        assert bob.ask("GET", LISTS, fields=[field]).status == 403


# --- several domains ---

A, B = "sip:alice@a.example", "sip:alice@b.example"
LISTS_A, LISTS_B = (f"resource-lists/users/{xui}/index" for xui in (A, B))


@pytest.fixture(scope="module")
def domains():
    settings = {"auth.realm": "a.example", "auth.domains": "a.example, b.example"}
    users = ((A, "user", "secret-a"), (B, "user", "secret-b"), ("sip:bob@b.example", "user", "secret-b"),
             ("admin", "admin", "ruling"), ("presence", "reader", "reading"))
    with xcap.Server(settings, users=users) as running:
        yield running


def realm(server, path, host=None):
    with Client(server) as nobody:
        fields = [("Host", host)] if host else []
        return unquoted(challenge_of(nobody.ask("GET", path, fields=fields))[1]["realm"])


@pytest.mark.parametrize("path, host, expected", [
    (LISTS_A, None, "a.example"), (LISTS_B, None, "b.example"), (LISTS_B, "a.example", "b.example"),
    ("resource-lists/users/alice@B.example/index", None, "b.example"),
    ("resource-lists/users/alice/index", None, "a.example"),
    ("resource-lists/users/alice/index", "b.example", "a.example"),
    ("resource-lists/users/sip:alice@c.example/index", None, "a.example"),
    ("resource-lists/users/tel:+15551234/index", None, "a.example"),
    (CAPS, None, "a.example"), (CAPS, "b.example", "b.example"), (CAPS, "b.example:8080", "b.example"),
    (CAPS, "B.Example", "b.example"), (CAPS, "c.example", "a.example"), (CAPS, "x.b.example", "a.example"),
])
def test_the_realm_is_the_domain_asked_for(domains, path, host, expected):
    assert realm(domains, path, host) == expected


@pytest.mark.parametrize("name, password, path, status", [
    ("alice", "secret-a", LISTS_A, 404), ("alice@a.example", "secret-a", LISTS_A, 404),
    (A, "secret-a", LISTS_A, 404),
    ("alice", "secret-b", LISTS_B, 404), ("alice@b.example", "secret-b", LISTS_B, 404),
    (B, "secret-b", LISTS_B, 404),
    ("alice", "secret-a", LISTS_B, 401), ("alice", "secret-b", LISTS_A, 401),
    ("alice@a.example", "secret-a", LISTS_B, 403), (A, "secret-a", LISTS_B, 403),
    ("alice@b.example", "secret-b", LISTS_A, 403), (B, "secret-b", LISTS_A, 403),
    ("alice@a.example", "secret-b", LISTS_A, 401), ("alice@b.example", "secret-a", LISTS_B, 401),
    ("bob", "secret-b", LISTS_B, 403), ("bob", "secret-b", LISTS_A, 401),
    ("admin", "ruling", LISTS_A, 404), ("admin", "ruling", LISTS_B, 404),
    ("presence", "reading", LISTS_A, 404), ("presence", "reading", LISTS_B, 404),
    ("admin", "ruling", "resource-lists/users/sip:alice@c.example/index", 404),
])
def test_one_domains_alice_is_not_the_others(domains, name, password, path, status):
    with Client(domains, name, password) as client:
        assert client.get(path).status == status


def test_both_alices_keep_their_own_documents(domains):
    with Client(domains, "alice", "secret-a") as one, Client(domains, "alice", "secret-b") as two:
        stored(one.put(LISTS_A, lists("from-a")), 201)
        stored(two.put(LISTS_B, lists("from-b")), 201)
        assert one.get(LISTS_A).body == lists("from-a").encode()
        assert two.get(LISTS_B).body == lists("from-b").encode()
        # the bare name is completed by the default domain, whoever asks
        assert one.get("resource-lists/users/alice/index").body == lists("from-a").encode()
        assert one.delete(LISTS_A).status == 200 and two.get(LISTS_B).status == 200
        assert two.delete(LISTS_B).status == 200


def test_global_is_reached_in_either_realm(domains):
    for host, password in (("a.example", "secret-a"), ("b.example", "secret-b")):
        with Client(domains, "alice", password) as alice:
            alice.login.learn(alice.once("GET", CAPS, fields=[("Host", host)]))
            assert alice.ask("GET", CAPS, fields=[("Host", host)]).status == 200


def test_services_of_two_domains_do_not_collide_silently(domains):
    """A service URI is unique on the whole server (RFC 4826 §4.4.5)."""
    with Client(domains, "alice", "secret-a") as one, Client(domains, "alice", "secret-b") as two:
        mine, yours = (path.replace("resource-lists", "rls-services") for path in (LISTS_A, LISTS_B))
        stored(one.put(mine, services("sip:club@a.example", owner=A)))
        xcap.conflict(two.put(yours, services("sip:club@a.example", owner=B)), "uniqueness-failure")
        assert one.delete(mine).status == 200


def test_a_failed_login_is_in_the_log_without_the_password(server):
    mark = len(server.log())
    with Client(server, "alice", "Geheimnis-77") as guesser:
        assert guesser.get(LISTS).status == 401
    assert eventually(lambda: " 401 " in server.log_since(mark) or "401" in server.log_since(mark))
    said = server.log_since(mark)
    assert "Geheimnis" not in said and "Digest " not in said and "response=" not in said
