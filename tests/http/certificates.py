# SPDX-License-Identifier: BSD-2-Clause
"""Certificates of a test: an authority, and what it signs, as PEM files in one folder."""
import ssl
import subprocess


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, timeout=60)


class Authority:
    """A certificate authority named `name`; its certificate is in FOLDER/NAME.crt."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.certificate, self.key = folder / f"{name}.crt", folder / f"{name}.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 30,
                "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.certificate)

    def sign(self, name, usage="serverAuth", days=30, key=("ec", "ec_paramgen_curve:P-256")):
        """(certificate, key) files; -1 days: it has expired."""
        certificate, secret, request, more = (self.folder / f"{name}.{end}" for end in ("crt", "key", "csr",
                                                                                        "cnf"))
        more.write_text(f"extendedKeyUsage = {usage}\n"
                        "subjectAltName = DNS:localhost, IP:127.0.0.1, IP:::1\n")
        openssl("req", "-newkey", key[0], "-pkeyopt", key[1], "-nodes", "-subj", f"/CN={name}",
                "-keyout", secret, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key,
                "-CAcreateserial", "-days", days, "-extfile", more, "-out", certificate)
        return certificate, secret


def client_context(authority, certificate=None, least=ssl.TLSVersion.TLSv1_2, most=ssl.TLSVersion.TLSv1_3):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authority.certificate)
    if most < ssl.TLSVersion.TLSv1_2:  # the client itself would refuse
        context.set_ciphers("ALL:@SECLEVEL=0")
    context.maximum_version = most
    context.minimum_version = least
    if certificate:
        context.load_cert_chain(*certificate)
    return context
