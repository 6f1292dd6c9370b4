# SPDX-License-Identifier: BSD-2-Clause
"""Somebody who edits a document at random over HTTP, and remembers every version of it."""
import random

import xcap
from station import bare

NAMES = ("ann", "ben", "cid", "dot", "eve", "fay", "gus")
EXTRA = ('<x:note xmlns:x="urn:x" x:a="1">n &amp; m</x:note>', '<note xmlns="urn:y"><!-- c --><b/></note>',
         '<y:z xmlns:y="urn:y" a="&lt;"><![CDATA[<raw>]]></y:z>', "")


class Author:
    def __init__(self, client, path, seed):
        self.client, self.path, self.random = client, path, random.Random(seed)
        self.versions, self.etag = {}, None
        self.lists = [["friends", ["ann", "ben"]]]
        self.prefix, self.comment, self.indent = "", "", " "

    # --- the whole document ---

    def entry(self, name):
        more = self.random.choice(EXTRA)
        inner = f"<{self.prefix}display-name>{name} \u00e9 {self.random.randint(0, 9)}</{self.prefix}display-name>"
        return f'<{self.prefix}entry uri="sip:{name}@example.com">{inner}{more}</{self.prefix}entry>'

    def text(self):
        space = f' xmlns:{self.prefix[:-1]}' if self.prefix else " xmlns"
        out = [f'<?xml version="1.0" encoding="UTF-8"?>\n{self.comment}<{self.prefix}resource-lists'
               f'{space}="{xcap.LISTS_NAMESPACE}">']
        for name, entries in self.lists:
            out.append(f'{self.indent}<{self.prefix}list name="{name}">')
            out += [self.indent * 2 + self.entry(one) for one in entries]
            out.append(f"{self.indent}</{self.prefix}list>")
        out.append(f"</{self.prefix}resource-lists>")
        return "\n".join(out) + "\n"

    def change(self):
        rng = self.random
        kind = rng.randint(0, 9)
        if kind == 0:
            self.comment = rng.choice(("", "<!-- top -->\n", "<?app data?>\n"))
        elif kind == 1:
            self.indent = rng.choice((" ", "\t", "  "))
        elif kind == 2:
            self.prefix = rng.choice(("", "rl:"))
        elif kind in (3, 4):
            self.lists.append([f"list{rng.randint(0, 10 ** 6)}", rng.sample(NAMES, rng.randint(0, 4))])
            rng.shuffle(self.lists)
        elif kind == 5 and len(self.lists) > 1:
            self.lists.pop(rng.randrange(len(self.lists)))
        else:
            chosen = rng.choice(self.lists)
            chosen[1] = rng.sample(NAMES, rng.randint(0, 5))

    def put_whole(self):
        self.change()
        return self.client.put(self.path, self.text())

    # --- parts ---

    def part(self):
        rng, name = self.random, self.random.choice(NAMES)
        where = f"{self.path}/~~/resource-lists/list%5B1%5D"
        entry = f"{where}/entry%5B@uri=%22sip:{name}@example.com%22%5D"
        kind = rng.randint(0, 3)
        if kind == 0:
            return self.client.delete(entry)
        if kind == 1:
            return self.client.put(f"{entry}/display-name", f"<display-name>Dr {rng.randint(0, 99)}</display-name>")
        if kind == 2:
            return self.client.put(f"{where}/@name", f"n{rng.randint(0, 10 ** 6)}")
        return self.client.put(entry, f'<entry uri="sip:{name}@example.com"/>')

    # --- one step ---

    def step(self):
        """One edit that took place; its etag."""
        while True:
            kind = self.random.random()
            if self.etag is None or kind < 0.35:
                answer = self.put_whole()
            elif kind < 0.4:
                answer = self.client.delete(self.path)
                if answer.status == 200:
                    self.etag = None
                    return None
            elif kind < 0.45:
                answer = self.client.put(self.path, self.versions[self.etag])
            else:
                answer = self.part()
            if answer.status in (200, 201):
                now = self.client.get(self.path)
                self.etag = bare(now["ETag"])
                self.versions[self.etag] = now.body
                return self.etag
            assert answer.status in (404, 409), answer
