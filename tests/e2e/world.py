# SPDX-License-Identifier: BSD-2-Clause
"""A small world: xcapd, Kamailio and, unless told otherwise, xcap-notifier between them, all on loopback."""
import contextlib
import itertools

import xcap
from certificates import Authority, client_context
from daemon import Server, eventually, free_port
from kamailio import NOTIFIER, Kamailio, Process, free_udp_port
from ua import Agent
from wire import Hangup, Wire, head

COUNT = itertools.count(1)
RULES = ('<?xml version="1.0" encoding="UTF-8"?>\n'
         '<ruleset xmlns="urn:ietf:params:xml:ns:common-policy" xmlns:p="urn:ietf:params:xml:ns:pres-rules">\n'
         '<rule id="r1"><conditions><identity>{}</identity></conditions>'
         '<actions><p:sub-handling>{}</p:sub-handling></actions></rule>\n</ruleset>\n')


def rules(handling, *watchers):
    """Rules of presence: these watchers are handled so, nobody else is mentioned."""
    return RULES.format("".join(f'<one id="{watcher.uri}"/>' for watcher in watchers), handling)


def friends(*people):
    return xcap.lists(*(person.name for person in people))


class SecureServer(Server):
    """xcapd with TLS on every listener."""

    def __init__(self, folder):
        self.authority_of_tls = Authority(folder, "authority")
        certificate, key = self.authority_of_tls.sign("server")
        self.context = client_context(self.authority_of_tls)
        super().__init__({"http.tls-certificate": certificate, "http.tls-key": key})

    def configure(self, **more):
        super().configure(**{"http.root": f"https://{self.authority}/xcap-root", **more})

    def wire(self, tls=None, **options):
        return super().wire(tls=tls or self.context, **options)


class Notifier(Process):
    """xcap-notifier with xcapd's configuration."""

    def __init__(self, server):
        super().__init__(server.folder, "notifier")
        self.server, self.admin_port = server, free_port()

    def start(self):
        self.launch(NOTIFIER, "-c", self.server.configuration)
        eventually(lambda: self.process.poll() is not None or self.ready(), 30)
        assert self.process.poll() is None and self.ready(), (self.process.poll(), self.log()[-5000:])
        return self

    def end(self):
        """A clean one."""
        status, log = self.stop(), self.log()
        assert status in (0, None), (status, log[-5000:])
        assert "Sanitizer" not in log and "runtime error:" not in log, log[-9000:]

    def admin(self, path):
        with Wire(("127.0.0.1", self.admin_port)) as wire:
            wire.send(head("GET", path, [("Host", "localhost"), ("Connection", "close")]))
            return wire.answer()

    def ready(self):
        try:
            return self.admin("/readyz").status == 200
        except (OSError, Hangup):
            return False


class Person:
    """Somebody with a password, a softphone (`agent`) and an XCAP client (`xcap`)."""

    def __init__(self, world, name):
        self.name, self.uri = name, f"sip:{name}@example.com"
        self.rules, self.lists, self.services = (f"{usage}/users/{self.uri}/index" for usage in
                                                 ("pres-rules", "resource-lists", "rls-services"))
        self.list_uri = f"sip:{name}-friends@example.com"
        world.server.add_users((self.uri, "user", "secret"))
        self.xcap = world.stack.enter_context(xcap.Client(world.server, name, "secret"))
        self.agent = world.stack.enter_context(world.kamailio.agent(name, password="secret"))
        self.root = world.root

    def allows(self, *watchers, handling="allow"):
        return self.put(self.rules, rules(handling, *watchers))

    def put(self, path, body):
        self.xcap.close()  # these tests may pause for longer than a connection may idle
        answer = self.xcap.put(path, body)
        assert answer.status in (200, 201), answer
        return answer

    def delete(self, path):
        self.xcap.close()
        answer = self.xcap.delete(path)
        assert answer.status == 200, answer

    def offers_list(self, *people):
        self.put(self.lists, friends(*people))
        self.put(self.services, xcap.services(self.list_uri, owner=self.uri, root=self.root))

    def watches(self, whom, **more):
        return self.agent.subscribe(whom.uri, **more)

    def watches_list(self, **more):
        return self.agent.subscribe(self.list_uri, lists=True, **more)


class World:
    """Use it in a `with` block."""

    def __init__(self, tls_folder=None, with_notifier=True, **kamailio_values):
        self.tls_folder, self.with_notifier, self.values = tls_folder, with_notifier, kamailio_values
        self.stack = contextlib.ExitStack()
        self.notifier = None

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.server = stack.enter_context(SecureServer(self.tls_folder) if self.tls_folder else Server())
            self.root = f"{'https' if self.tls_folder else 'http'}://{self.server.authority}/xcap-root"
            self.notifier_port = free_udp_port()
            if self.tls_folder:
                self.values["XCAP_CA"] = self.server.authority_of_tls.certificate
            self.kamailio = stack.enter_context(Kamailio(self.root, self.notifier_port, **self.values))
            if self.with_notifier:
                self.notifier = Notifier(self.server)
                stack.callback(self.notifier.end)
                self.server.configure(**{
                    "notifier.listen": f"udp:127.0.0.1:{self.notifier_port},tcp:127.0.0.1:{self.notifier_port}",
                    "notifier.admin_listen": f"127.0.0.1:{self.notifier.admin_port}",
                    "target kamailio.uri": f"sip:presence@127.0.0.1:{self.kamailio.port}",
                })
                self.notifier.start()
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *reason):
        return self.stack.__exit__(*reason)

    def people(self, *names):
        """New people, whose names nobody else has."""
        number = next(COUNT)
        return [Person(self, f"{name}{number}") for name in names]


class StandIn:
    """What xcap-notifier sends, by hand: for what it would never send, and when it would."""

    def __init__(self, world):
        self.agent = Agent("xcapd", world.kamailio.address, port=world.notifier_port)
        self.target = f"sip:presence@127.0.0.1:{world.kamailio.port}"

    def __enter__(self):
        return self

    def __exit__(self, *reason):
        self.agent.__exit__(*reason)

    def tell(self, *selectors, event="xcap-diff; diff-processing=no-patching", type="application/xcap-diff+xml",
             body=None, agent=None):
        documents = "".join(f'<document new-etag="n" sel="{selector}"/>' for selector in selectors)
        body = body if body is not None else (
            '<?xml version="1.0" encoding="UTF-8"?>\n<xcap-diff xmlns="urn:ietf:params:xml:ns:xcap-diff"'
            f' xcap-root="http://elsewhere.invalid/">{documents}</xcap-diff>')
        fields = [("Event", event), ("Subscription-State", "active;expires=3600"), ("Content-Type", type)]
        answer = (agent or self.agent).send("NOTIFY", self.target, [field for field in fields if field[1]],
                                            body.encode(), to="<sip:presence@example.com>")
        assert answer is not None, "no answer to NOTIFY"
        return answer
