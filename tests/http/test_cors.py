# SPDX-License-Identifier: BSD-2-Clause
"""Pages of the origins in http.cors-origins may call from a browser; others may not (CLIENTS.md 12)."""
import contextlib
import functools
import http.server
import json
import shutil
import subprocess
import tempfile
import threading

import pytest

import xcap
from xcap import LISTS

APP, OTHER = "https://app.example.com", "http://127.0.0.1:9999"
CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def server():
    with xcap.Server({"http.cors-origins": f"{APP}, http://localhost:3000", "auth.schemes": "digest, basic"}) as running:
        yield running


def items(value):
    return {item.strip().lower() for item in (value or "").split(",")}


def allowed(answer, origin=APP):
    assert answer["Access-Control-Allow-Origin"] == origin, answer
    assert "origin" in items(answer["Vary"]), answer
    assert answer["Access-Control-Allow-Credentials"] is None
    return answer


def silent(answer):
    assert not [name for name, _ in answer.fields if name.lower().startswith("access-control-")], answer
    return answer


def preflight(client, path, origin=APP, method="PUT", headers="authorization,content-type,if-match"):
    return client.ask("OPTIONS", path, fields=[("Origin", origin), ("Access-Control-Request-Method", method),
                                               ("Access-Control-Request-Headers", headers)])


@pytest.mark.parametrize("origin", [APP, "http://localhost:3000"])
def test_a_preflight_needs_no_credentials(nobody, origin):
    answer = allowed(preflight(nobody, LISTS, origin), origin)
    assert answer.status == 200 and answer.body == b""
    assert items(answer["Access-Control-Allow-Methods"]) >= {"get", "put", "delete"}
    assert items(answer["Access-Control-Allow-Headers"]) >= {"authorization", "content-type", "if-match", "if-none-match"}
    assert int(answer["Access-Control-Max-Age"]) > 0


@pytest.mark.parametrize("origin", ["https://evil.example.com", "http://app.example.com", APP + ":8443", APP + ".evil.org",
                                    "https://evil.org/" + APP, "null", "*", "", "https://app.example.co", APP + "/"])
def test_other_origins_are_told_nothing(nobody, alice, origin):
    silent(preflight(nobody, LISTS, origin))
    answer = silent(alice.get(LISTS, Origin=origin))
    assert "origin" in items(answer["Vary"]), "a cache must not give a page another page's answer"


def test_two_origins_are_none(nobody):
    silent(nobody.ask("OPTIONS", LISTS, fields=[("Origin", APP), ("Origin", APP), ("Access-Control-Request-Method", "PUT")]))


def test_answers_can_be_read(alice, path):
    created = allowed(alice.put(path, xcap.lists("bob"), Origin=APP))
    assert created.status == 201
    assert items(created["Access-Control-Expose-Headers"]) >= {"etag", "location", "www-authenticate", "x-request-id"}
    etag = created["ETag"]
    assert allowed(alice.get(path, Origin=APP)).status == 200
    assert allowed(alice.get(path, Origin=APP, If_None_Match=etag)).status == 304
    assert allowed(alice.delete(path, Origin=APP)).status == 200


def test_refusals_can_be_read(server, nobody, alice, bob, path):
    alice.put(path, xcap.lists("bob"))
    answers = [nobody.get(path, Origin=APP), bob.get(path, Origin=APP),
               alice.get("resource-lists/users/sip:alice@example.com/nothing", Origin=APP),
               alice.put(path, "<nonsense", Origin=APP), alice.put(path, xcap.lists(), type="text/plain", Origin=APP),
               alice.put(path, xcap.lists(), If_Match='"no"', Origin=APP), alice.ask("BREW", path, fields=[("Origin", APP)]),
               nobody.ask("GET", "/elsewhere", fields=[("Origin", APP)])]
    assert [answer.status for answer in answers] == [401, 403, 404, 409, 415, 412, 501, 404]
    for answer in answers:
        allowed(answer)
    assert answers[0].all("WWW-Authenticate")


def test_a_preflight_of_anything_reveals_nothing(nobody):
    told = {str([field for field in preflight(nobody, path).fields if field[0] not in ("Date", "X-Request-Id")])
            for path in (LISTS, xcap.BOBS_LISTS, "nonsense/users/x", "/elsewhere", "resource-lists/%zz")}
    assert len(told) == 1


def test_options_alone_is_no_preflight(nobody):
    answer = nobody.ask("OPTIONS", LISTS, fields=[("Origin", APP)])
    assert answer["Allow"] and answer["Access-Control-Allow-Methods"] is None
    allowed(answer)


def test_without_the_setting_nothing_is_said():
    with xcap.Server() as plain, xcap.Client(plain) as nobody:
        answer = silent(preflight(nobody, LISTS))
        assert answer["Vary"] is None


def test_a_wildcard_is_no_origin():
    with xcap.Server({"http.cors-origins": "*"}, users=(), start=False) as stopped:
        status, told = stopped.run_to_end("--check")
    assert status == 1 and "cors-origins" in told or "origin" in told


# --- a real browser ---

PAGE = """<!doctype html><title>page</title><body>waiting</body><script>
const target = %(target)s, options = %(options)s, done = %(done)s;
const say = (text) => fetch(done, {method: "POST", body: JSON.stringify(text)});
async function hash(...parts) {
  const octets = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(parts.join(":")));
  return [...new Uint8Array(octets)].map((o) => o.toString(16).padStart(2, "0")).join("");
}
async function digest(method, challenge) {
  const said = Object.fromEntries([...challenge.matchAll(/(\\w+)="?([^",]+)"?/g)].map((m) => [m[1], m[2]]));
  const uri = new URL(target).pathname, nc = "00000001", cnonce = "abcdef";
  const secret = await hash("alice", said.realm, "alice");
  const proof = await hash(secret, said.nonce, nc, cnonce, "auth", await hash(method, uri));
  return `Digest username="alice", realm="${said.realm}", nonce="${said.nonce}", uri="${uri}", response="${proof}", ` +
         `algorithm=SHA-256, qop=auth, nc=${nc}, cnonce="${cnonce}"`;
}
(async () => {
  const told = {};
  try {
    const refused = await fetch(target, {method: "PUT", body: options.body, headers: {"Content-Type": options.type}});
    told.refused = refused.status;
    const challenge = refused.headers.get("WWW-Authenticate");
    const authorization = options.digest ? await digest("PUT", challenge) : "Basic " + btoa("alice:alice");
    const answer = await fetch(target, {method: "PUT", body: options.body,
                                        headers: {"Content-Type": options.type, "Authorization": authorization}});
    told.status = answer.status;
    told.etag = answer.headers.get("ETag");
    told.id = answer.headers.get("X-Request-Id");
  } catch (error) { told.error = String(error); }
  await say(told);
})();
</script>"""


class Page(http.server.BaseHTTPRequestHandler):
    """Serves one page, and hears what it has to tell."""

    def __init__(self, page, told, *words):
        self.page, self.told = page, told
        super().__init__(*words)

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(self.page().encode())

    def do_POST(self):
        self.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def web(page, told):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Page, page, told)) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


def browse(url, told):
    """Opens the page in a headless browser until it has told what came of it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = subprocess.Popen(
            [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--disable-dev-shm-usage", "--no-proxy-server", "--remote-debugging-port=0",
             f"--user-data-dir={profile}", url],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        try:
            assert xcap.eventually(lambda: told, 60), "the page told nothing"
        finally:
            browser.terminate()
            try:
                browser.wait(20)
            except subprocess.TimeoutExpired:
                browser.kill()
                browser.wait()
    return told[0]


@pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed")
@pytest.mark.parametrize("scheme", ["basic", "digest"])
@pytest.mark.parametrize("welcome", [True, False], ids=["allowed", "other"])
def test_a_page_in_a_browser_puts_an_entry(scheme, welcome):
    told, node = [], f"{LISTS}/~~/resource-lists/list/entry%5b@uri=%22sip:carol@example.com%22%5d"
    page = {}
    with web(lambda: page["text"], told) as origin:
        settings = {"http.cors-origins": origin if welcome else OTHER, "auth.schemes": scheme,
                    "auth.digest-algorithms": "SHA-256"}
        with xcap.Server(settings) as server, xcap.Client(server) as client:
            with xcap.Client(server, "alice", "alice") as alice:
                if scheme == "basic":
                    alice.login = None
                    said = [("Authorization", xcap.basic("alice", "alice"))]
                else:
                    said = []
                document = xcap.octets(xcap.lists("bob"))
                put = alice.ask("PUT", LISTS, document, [("Content-Type", xcap.media_type(LISTS)), *said])
                assert put.status == 201, put
                page["text"] = PAGE % {
                    "target": json.dumps(f"http://{server.authority}{client.target(node)}"),
                    "options": json.dumps({"digest": scheme == "digest", "type": xcap.ELEMENT,
                                           "body": '<entry uri="sip:carol@example.com"/>'}),
                    "done": json.dumps(f"{origin}/done")}
                outcome = browse(origin, told)
                stored = alice.ask("GET", LISTS, fields=said).text
    if welcome:
        assert outcome.get("refused") == 401 and outcome.get("status") == 201, outcome
        assert outcome["etag"] and outcome["id"] and "carol" in stored
    else:
        assert "error" in outcome and "status" not in outcome and "carol" not in stored, outcome
