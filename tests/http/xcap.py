# SPDX-License-Identifier: BSD-2-Clause
"""What the stories are told with: a client that logs in, documents to put, answers to check."""
import pathlib
import re
import subprocess
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from urllib.parse import unquote

from daemon import USERS, Server, eventually, free_port  # noqa: F401 (for the stories)
from digest import Login, basic, parameters, unquoted  # noqa: F401
from place import SLOW, SOURCE  # noqa: F401
from wire import Answer, Hangup, Wire, chunked, head  # noqa: F401

ALICE, BOB = "sip:alice@example.com", "sip:bob@example.com"
LISTS = "resource-lists/users/sip:alice@example.com/index"
BOBS_LISTS = "resource-lists/users/sip:bob@example.com/index"
GLOBAL_LISTS = "resource-lists/global/index"
SERVICES = "rls-services/users/sip:alice@example.com/index"
RULES = "pres-rules/users/sip:alice@example.com/index"
CAPS = "xcap-caps/global/index"
TYPES = {
    "resource-lists": "application/resource-lists+xml",
    "rls-services": "application/rls-services+xml",
    "pres-rules": "application/auth-policy+xml",
    "org.openmobilealliance.pres-rules": "application/auth-policy+xml",
    "xcap-caps": "application/xcap-caps+xml",
}
ELEMENT, ATTRIBUTE = "application/xcap-el+xml", "application/xcap-att+xml"
ERROR, ERROR_NAMESPACE = "application/xcap-error+xml", "{urn:ietf:params:xml:ns:xcap-error}"
LISTS_NAMESPACE = "urn:ietf:params:xml:ns:resource-lists"
STRONG = re.compile(r'"[A-Za-z0-9._~-]{1,32}"')
DEFAULT = object()


def media_type(path):
    """What a PUT to this path (below the root) has to say it carries."""
    document, node, selector = re.sub("%7[Ee]", "~", path).partition("/~~/")
    if node:
        return ATTRIBUTE if selector.split("?")[0].split("/")[-1].startswith(("@", "%40")) else ELEMENT
    return TYPES.get(document.split("/")[0], "application/xml")


class Client:
    """A person at a server, over one connection that is kept alive; logs in when asked to.

    A target that starts with neither `/` nor `http:` is below the XCAP root.
    """

    def __init__(self, server, name=None, password=None, algorithm=None, source=None):
        self.server, self.source, self.wire = server, source, None
        self.login = Login(name, password, algorithm) if name else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.wire:
            self.wire.close()
        self.wire = None

    def target(self, path):
        return path if path.startswith(("/", "http:")) else f"{self.server.root_path}/{path}"

    def once(self, method, path, body=None, fields=()):
        """One request, one answer, with what is known of the challenge so far."""
        target, fields = self.target(path), list(fields)
        if not any(name.lower() == "host" for name, _ in fields):
            fields.insert(0, ("Host", self.server.authority))
        if self.login and self.login.ready:
            fields.append(("Authorization", self.login.header(method, target)))
        if body is not None and not any(name.lower() == "transfer-encoding" for name, _ in fields):
            fields.append(("Content-Length", len(body)))
        self.wire = self.wire or self.server.wire(source=self.source)
        try:
            self.wire.send(head(method, target, fields))
            self.push(body or b"")
            answer = self.wire.answer(method)
        except (Hangup, OSError):
            self.close()
            raise
        if answer.closes:
            self.close()
        return answer

    def push(self, body):
        """A server may refuse a body before all of it is sent: then its answer counts."""
        try:
            self.wire.send(body)
        except ConnectionError:
            pass

    def ask(self, method, path, body=None, fields=()):
        if self.login and not self.login.ready:
            self.challenge(path)
        answer = self.once(method, path, body, fields)
        if answer.status == 401 and self.login and "stale=true" in str(answer.all("WWW-Authenticate")).lower():
            self.login.learn(answer)
            answer = self.once(method, path, body, fields)
        return answer

    def challenge(self, path):
        """Asks without credentials, for the realm of this path; a path that is refused before anybody
        is asked who they are has none, and then any other does."""
        answer = self.once("GET", path)
        self.login.learn(answer if answer.status == 401 else self.once("GET", CAPS))

    def get(self, path, **fields):
        return self.ask("GET", path, fields=spelled(fields))

    def head(self, path, **fields):
        return self.ask("HEAD", path, fields=spelled(fields))

    def delete(self, path, **fields):
        return self.ask("DELETE", path, fields=spelled(fields))

    def put(self, path, body, type=DEFAULT, **fields):
        """`type` is the Content-Type: the right one unless told, none for None."""
        said = media_type(path) if type is DEFAULT else type
        more = [("Content-Type", said)] if said is not None else []
        return self.ask("PUT", path, octets(body), more + spelled(fields))


def spelled(fields):
    """if_match='*' becomes If-Match: *; a list becomes several fields."""
    return [(name.replace("_", "-"), value) for name, values in fields.items() if values is not None
            for value in (values if isinstance(values, list) else [values])]


def octets(body):
    return body.encode("utf-8") if isinstance(body, str) else body


def alice(server, **more):
    return Client(server, "alice", "alice", **more)


def bob(server, **more):
    return Client(server, "bob", "bob", **more)


def admin(server, **more):
    return Client(server, "admin", "ruling", **more)


def reader(server, **more):
    return Client(server, "presence", "reading", **more)


# --- documents ---

def lists(*names, extra=""):
    """A resource-lists document with one list of these friends."""
    entries = "".join(f'  <entry uri="sip:{name}@example.com"/>\n' for name in names)
    return ('<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<resource-lists xmlns="{LISTS_NAMESPACE}">\n'
            f' <list name="friends">\n{entries}{extra} </list>\n</resource-lists>\n')


def big_lists(size, mark=""):
    """A valid document of about `size` octets."""
    line = '  <entry uri="sip:{:07d}{}@example.com"><display-name>Somebody</display-name></entry>\n'
    count = size // len(line.format(0, mark))
    return lists(extra="".join(line.format(n, mark) for n in range(count)))


def services(*uris, owner=ALICE, root="http://xcap.example.com"):
    items = "".join(
        f' <service uri="{uri}">\n  <resource-list>{root}/resource-lists/users/{owner}/index/~~/'
        'resource-lists/list%5B@name=%22friends%22%5D</resource-list>\n'
        '  <packages><package>presence</package></packages>\n </service>\n' for uri in uris)
    return ('<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<rls-services xmlns="urn:ietf:params:xml:ns:rls-services">\n{items}</rls-services>\n')


def rules(*friends):
    ones = "".join(f'<cr:one id="sip:{name}@example.com"/>' for name in friends)
    return ('<?xml version="1.0" encoding="UTF-8"?>\n'
            '<cr:ruleset xmlns="urn:ietf:params:xml:ns:pres-rules"'
            ' xmlns:cr="urn:ietf:params:xml:ns:common-policy">\n'
            f' <cr:rule id="a">\n  <cr:conditions><cr:identity>{ones}</cr:identity></cr:conditions>\n'
            '  <cr:actions><sub-handling>allow</sub-handling></cr:actions>\n'
            '  <cr:transformations><provide-services><all-services/></provide-services>'
            '</cr:transformations>\n </cr:rule>\n</cr:ruleset>\n')


# --- what an answer must be ---

def refused(answer, status):
    """A refusal that says why in one line of text (CONTRACT.md, clear errors)."""
    assert answer.status == status, answer
    assert (answer["Content-Type"] or "").split(";")[0] == "text/plain", answer
    assert answer.text.strip() and len(answer.text.strip().splitlines()) == 1, answer
    return answer


def conflict(answer, *kinds):
    """A 409 whose body is valid against RFC 4825 §11.2 and of one of these kinds: its error element."""
    assert answer.status == 409, answer
    assert answer["Content-Type"] == ERROR, answer
    assert_valid_error(answer.body)
    error = ElementTree.fromstring(answer.body)[0]
    assert error.tag.removeprefix(ERROR_NAMESPACE) in kinds, answer
    assert error.get("phrase"), f"no phrase: {answer}"
    return error


def assert_valid_error(body):
    schema = next(path for path in (SOURCE / "tests/data/xcap-error.xsd", SOURCE / "schemas/xcap-error.xsd")
                  if path.exists())
    assert_valid(body, schema)


def assert_valid(body, schema):
    with tempfile.NamedTemporaryFile(suffix=".xml") as document:
        document.write(body)
        document.flush()
        judged = subprocess.run(["xmllint", "--noout", "--nonet", "--schema", schema, document.name],
                                capture_output=True, timeout=20, check=False)
    assert judged.returncode == 0, (judged.stderr.decode(), body)


def stored(answer, status=None):
    """A successful PUT: 201 with Location or 200 without a body, and an etag; returns the etag."""
    assert answer.status in ((status,) if status else (200, 201)), answer
    if answer.status == 201:
        assert answer["Location"], answer
    else:
        assert answer.body == b"", answer
    return strong(answer)


def strong(answer):
    etag = answer["ETag"]
    assert etag and STRONG.fullmatch(etag), answer
    return etag


def below_root(path):
    return unquote(pathlib.PurePosixPath(path).as_posix())


class Stopwatch:
    """with Stopwatch() as watch: ...; then watch.seconds"""

    def __enter__(self):
        self.start = time.monotonic()
        return self

    def __exit__(self, *_):
        self.seconds = time.monotonic() - self.start
