# SPDX-License-Identifier: BSD-2-Clause
"""A UDP path between a phone and the notifier that loses, doubles and delays some of what it carries."""
import random
import socket
import threading
import time


class Relay:
    def __init__(self, server, seed, loss=0.2, double=0.1):
        self.server, self.random, self.loss, self.double = server, random.Random(seed), loss, double
        self.inner, self.outer = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        self.inner.bind(("127.0.0.1", 0))
        self.outer.bind(("127.0.0.1", 0))
        self.phone, self.lost = None, 0
        for source, there in ((self.inner, self.to_server), (self.outer, self.to_phone)):
            threading.Thread(target=self.carry, args=(source, there), daemon=True).start()

    @property
    def address(self):
        """Where the phone sends."""
        return self.inner.getsockname()

    @property
    def contact(self):
        """Where the notifier sends."""
        return f"sip:alice@127.0.0.1:{self.outer.getsockname()[1]}"

    def to_server(self, octets, sender):
        self.phone = sender
        self.outer.sendto(octets, self.server)

    def to_phone(self, octets, _):
        if self.phone:
            self.inner.sendto(octets, self.phone)

    def carry(self, source, there):
        while True:
            try:
                octets, sender = source.recvfrom(65536)
            except OSError:
                return
            if self.random.random() < self.loss:
                self.lost += 1
                continue
            for _ in range(2 if self.random.random() < self.double else 1):
                time.sleep(self.random.random() * 0.01)
                try:
                    there(octets, sender)
                except OSError:
                    return

    def close(self):
        for one in (self.inner, self.outer):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()
