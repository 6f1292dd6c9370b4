# SPDX-License-Identifier: BSD-2-Clause
"""TLS: what is negotiated, client certificates, certificates that are swapped under open connections."""
import pathlib
import shutil
import socket
import ssl
import subprocess
import time
import warnings

import pytest

import xcap
from certificates import Authority, client_context
from wire import Wire

OLD = [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1]


class TlsServer(xcap.Server):
    """Its clients speak TLS and believe `authority`."""

    def __init__(self, folder, authority, settings=None, **more):
        self.context = client_context(authority)
        super().__init__({"http.tls-certificate": folder / "server.crt",
                          "http.tls-key": folder / "server.key",
                          "auth.schemes": "digest, basic", **(settings or {})}, **more)

    def configure(self, **more):
        if hasattr(self, "port"):
            self.overrides["http.root"] = f"https://{self.authority}/xcap-root"
        super().configure(**more)

    def wire(self, tls=None, **options):
        return super().wire(tls=tls or self.context, **options)


def install(folder, pair):
    for file, name in zip(pair, ("server.crt", "server.key")):
        shutil.copy(file, folder / name)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"), "authority")


@pytest.fixture(scope="module")
def first(authority):
    return authority.sign("first")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, first):
    made = tmp_path_factory.mktemp("tls")
    install(made, first)
    return made


@pytest.fixture(scope="module")
def server(folder, authority):
    with TlsServer(folder, authority) as running:
        yield running


@pytest.fixture(scope="module")
def strict(tmp_path_factory, folder, authority):
    """Believes client certificates of `authority`."""
    with TlsServer(folder, authority, {"http.tls-client-ca": authority.certificate}) as running:
        yield running


def serial(wire):
    return ssl.DER_cert_to_PEM_cert(wire.socket.getpeercert(binary_form=True))


def refuses(server, context):
    """A handshake that fails, or a connection on which nothing is ever answered."""
    try:
        with server.wire(tls=context, timeout=5) as wire:
            wire.send(f"GET {server.root_path}/{xcap.CAPS} HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = wire.answer()
    except (OSError, xcap.Hangup):
        return True
    return pytest.fail(f"answered: {answer}")


# --- what is spoken ---

@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_documents_travel_over_both_versions(server, authority, path, version):
    context = client_context(authority, least=version, most=version)
    with xcap.alice(server) as client:
        client.wire = server.wire(tls=context)
        assert client.wire.socket.version() == {ssl.TLSVersion.TLSv1_2: "TLSv1.2"}.get(version, "TLSv1.3")
        xcap.stored(client.put(path, xcap.lists("bob")), 201)
        assert client.get(path).text == xcap.lists("bob")
        client.delete(path)


@pytest.mark.parametrize("version", OLD)
def test_older_versions_are_refused(server, authority, version):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context = client_context(authority, least=version, most=version)
    with pytest.raises(OSError):
        server.wire(tls=context)


@pytest.mark.parametrize("cipher", ["ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA",
                                    "DHE-RSA-AES128-GCM-SHA256",
                                    "AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-CCM8"])
def test_ciphers_without_secrecy_or_integrity_are_refused(server, authority, cipher):
    context = client_context(authority, most=ssl.TLSVersion.TLSv1_2)
    context.set_ciphers(cipher + ":@SECLEVEL=0")
    with pytest.raises(OSError):
        server.wire(tls=context)


def test_plain_http_is_not_answered_on_a_tls_listener(server):
    with Wire((server.host, server.port), timeout=5) as wire:
        wire.send(f"GET {server.root_path}/{xcap.CAPS} HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises((xcap.Hangup, OSError, AssertionError, ValueError)):
            wire.answer()


def test_a_megabyte_travels_both_ways(server, path, alice):
    document = xcap.big_lists(1_000_000)
    xcap.stored(alice.put(path, document), 201)
    assert alice.get(path).text == document


def test_locations_are_those_of_the_root(server, path, alice):
    answer = alice.put(path, xcap.lists("bob"))
    assert answer["Location"].startswith(f"https://{server.authority}/xcap-root/"), answer


def test_basic_is_offered_and_taken(server, nobody):
    schemes = [challenge.split()[0] for challenge in nobody.get(xcap.CAPS).all("WWW-Authenticate")]
    assert schemes == ["Digest", "Basic"]
    assert nobody.get(xcap.CAPS, Authorization=xcap.basic("alice", "alice")).status == 200


def test_curl_believes_the_certificate(server, authority):
    done = subprocess.run(["curl", "-sS", "--cacert", authority.certificate, "-u", "alice:alice", "--digest",
                           "-o",
                           "/dev/null", "-w", "%{http_code}",
                           f"https://{server.authority}/xcap-root/{xcap.CAPS}"],
                          capture_output=True, timeout=30, check=False)
    assert done.stdout == b"200", done


def test_ipv6_speaks_tls_too(folder, authority):
    with TlsServer(folder, authority, host="::1") as six, xcap.alice(six) as client:
        assert client.get(xcap.CAPS).status == 200


# --- client certificates ---

def test_no_client_certificate_is_demanded(strict):
    with xcap.alice(strict) as client:
        assert client.get(xcap.CAPS).status == 200


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_good_client_certificate_passes(strict, authority, version):
    context = client_context(authority, authority.sign("phone", "clientAuth"), most=version)
    with xcap.alice(strict) as client:
        client.wire = strict.wire(tls=context)
        assert client.get(xcap.CAPS).status == 200


def test_a_client_certificate_names_nobody(strict, authority):
    context = client_context(authority, authority.sign("alice", "clientAuth"))
    with xcap.Client(strict) as client:
        client.wire = strict.wire(tls=context)
        assert client.get(xcap.LISTS).status == 401


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("fault", ["foreign", "expired", "purpose"])
def test_a_bad_client_certificate_ends_the_handshake(strict, authority, tmp_path, version, fault):
    pair = {"foreign": lambda: Authority(tmp_path, "foreign").sign("phone", "clientAuth"),
            "expired": lambda: authority.sign("expired", "clientAuth", days=-1),
            "purpose": lambda: authority.sign("purpose", "serverAuth")}[fault]()
    mark = len(strict.log())
    assert refuses(strict, client_context(authority, pair, most=version))
    assert "a client certificate is refused" in strict.log_since(mark)


# --- reload ---

def test_a_new_certificate_is_for_new_connections_and_drops_none(server, folder, authority, first, alice,
                                                                 path):
    xcap.stored(alice.put(path, xcap.lists("bob")), 201)
    before, connection = serial(alice.wire), alice.wire
    try:
        for turn in range(3):
            install(folder, authority.sign(f"turn{turn}", key=("rsa", "rsa_keygen_bits:2048")))
            assert "reloaded" in server.reload()
            assert alice.get(path).status == 200 and alice.wire is connection
            with server.wire() as wire:
                assert serial(wire) != before
    finally:
        install(folder, first)
        server.reload()
    with server.wire() as wire:
        assert serial(wire) == before


def test_a_reload_during_a_handshake_and_an_upload_disturbs_neither(server, alice, path):
    document = xcap.big_lists(200_000)
    alice.get(path)  # logs in
    target = alice.target(path)
    alice.wire.send(xcap.head("PUT", target, [
        ("Host", server.authority), ("Authorization", alice.login.header("PUT", target)),
        ("Content-Type", xcap.TYPES["resource-lists"]), ("Content-Length", len(document))]))
    alice.wire.send(document[:100_000])
    with socket.create_connection((server.host, server.port)) as half:
        half.sendall(b"\x16\x03\x01")
        server.reload()
        server.reload()
    alice.wire.send(document[100_000:])
    xcap.stored(alice.wire.answer(), 201)


BROKEN = {"not there": lambda folder, authority: (folder / "server.key").unlink(),
          "no key in it": lambda folder, authority: (folder / "server.key").write_text("nothing\n"),
          "key of another": lambda folder, authority: shutil.copy(authority.key, folder / "server.key"),
          "no certificate": lambda folder, authority: (folder / "server.crt").write_text("nothing\n")}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_new_certificate_is_refused_and_the_old_one_stays(server, folder, authority, first, fault):
    try:
        BROKEN[fault](folder, authority)
        said = server.reload()
        assert "reload refused" in said and "server." in said, said
        with server.wire() as wire:
            assert serial(wire) == first[0].read_text()
        status, told = server.run_to_end("--check")
        assert status == 1 and "server." in told, told
    finally:
        install(folder, first)
    assert "reloaded" in server.reload()


def test_check_is_content_with_good_files(server):
    assert server.run_to_end("--check")[0] == 0


def test_a_start_with_a_broken_key_says_which(folder, authority, tmp_path):
    (tmp_path / "server.crt").write_bytes((folder / "server.crt").read_bytes())
    (tmp_path / "server.key").write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    with TlsServer(tmp_path, authority, start=False) as stopped:
        status, told = stopped.run_to_end()
    assert status == 2 and "server.key" in told and "server.crt" not in told, told


def test_clients_authorities_are_swapped_too(folder, authority, tmp_path):
    other = Authority(tmp_path, "other")
    trusted = tmp_path / "trusted.crt"
    shutil.copy(authority.certificate, trusted)
    context = client_context(authority, other.sign("phone", "clientAuth"))
    with TlsServer(folder, authority, {"http.tls-client-ca": trusted}) as server:
        assert refuses(server, context)
        trusted.write_bytes(other.certificate.read_bytes())
        server.reload()
        with xcap.alice(server) as client:
            client.wire = server.wire(tls=context)
            assert client.get(xcap.CAPS).status == 200


# --- slow clients ---

def test_half_a_handshake_falls_under_the_time_limit(folder, authority):
    with TlsServer(folder, authority, {"limits.timeout": "1s"}) as server:
        with Wire((server.host, server.port)) as silent, Wire((server.host, server.port)) as half:
            half.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
            start = time.monotonic()
            assert silent.closed_within(6 * xcap.SLOW) is not None
            assert half.closed_within(6 * xcap.SLOW) is not None
            assert time.monotonic() - start > 0.5


def test_many_connections_under_reloads_leave_nothing_behind(server):
    for _ in range(5):
        wires = [server.wire() for _ in range(20)]
        server.reload()
        for wire in wires:
            wire.close()
    assert xcap.eventually(lambda: len(list(pathlib.Path(f"/proc/{server.process.pid}/fd").iterdir())) < 60)
