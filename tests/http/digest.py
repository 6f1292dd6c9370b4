# SPDX-License-Identifier: BSD-2-Clause
"""The client's half of RFC 7616 (Digest) and RFC 7617 (Basic)."""
import base64
import hashlib
import os
import re

HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
PARAMETER = re.compile(r'([A-Za-z][\w-]*)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,"]+)')


def parameters(challenge):
    """A challenge's parameters as written: quotes stay, so that a test can look at them."""
    scheme, _, rest = challenge.partition(" ")
    return scheme, dict(PARAMETER.findall(rest))


def unquoted(value):
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


def hashed(algorithm, *parts):
    return HASHES[algorithm](":".join(parts).encode("utf-8")).hexdigest()


class Login:
    """A name, a password and what the server's challenge said; counts nc by itself."""

    def __init__(self, name, password, algorithm=None):
        self.name, self.password, self.wanted = name, password, algorithm
        self.realm = self.nonce = self.algorithm = self.opaque = None
        self.count = 0

    @property
    def ready(self):
        return self.nonce is not None

    def learn(self, answer):
        """Takes the first Digest challenge whose algorithm suits."""
        for challenge in answer.all("WWW-Authenticate"):
            scheme, said = parameters(challenge)
            algorithm = unquoted(said.get("algorithm", "MD5"))
            if scheme != "Digest" or (self.wanted or algorithm) != algorithm:
                continue
            self.realm, self.nonce = unquoted(said["realm"]), unquoted(said["nonce"])
            self.algorithm = algorithm
            self.opaque = said.get("opaque")
            self.count = 0
            return self
        raise AssertionError(f"no suitable challenge: {answer}")

    def header(self, method, target, count=None, **overrides):
        """The value of Authorization. An override of None leaves that parameter out; others are put in
        as they are, quotes and all."""
        self.count = count if count is not None else self.count + 1
        count, cnonce = f"{self.count:08x}", os.urandom(8).hex()
        secret = hashed(self.algorithm, self.name, self.realm, self.password)
        proof = hashed(self.algorithm, secret, self.nonce, count, cnonce, "auth",
                       hashed(self.algorithm, method, target))
        said = {"username": f'"{self.name}"', "realm": f'"{self.realm}"', "nonce": f'"{self.nonce}"',
                "uri": f'"{target}"', "response": f'"{proof}"', "algorithm": self.algorithm,
                "cnonce": f'"{cnonce}"', "qop": "auth", "nc": count}
        if self.opaque:
            said["opaque"] = self.opaque
        said.update(overrides)
        return "Digest " + ", ".join(f"{k}={v}" for k, v in said.items() if v is not None)


def basic(name, password):
    return "Basic " + base64.b64encode(f"{name}:{password}".encode("utf-8")).decode("ascii")
