# SPDX-License-Identifier: BSD-2-Clause
"""A client's half of xcap-diff: a copy of each document, kept by what NOTIFYs say (RFC 5874, RFC 5875 §4.8),
patched as RFC 5261 tells, from its text alone."""
import io
import re
import xml.parsers.expat

from lxml import etree

DIFF_NAMESPACE = "urn:ietf:params:xml:ns:xcap-diff"
XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace"


class PatchError(Exception):
    """An operation that cannot be applied, under its name in RFC 5261 §5.1."""


# --- a tree that keeps prefixes ---

class Node:
    """kind: element, text, comment or pi; `name` of an element as written, or a processing instruction's."""

    def __init__(self, kind, name="", value=""):
        self.kind, self.name, self.value = kind, name, value
        self.attributes, self.children, self.parent = {}, [], None

    def add(self, node, index=None):
        node.parent = self
        self.children.insert(len(self.children) if index is None else index, node)

    def copy(self):
        out = Node(self.kind, self.name, self.value)
        out.attributes = dict(self.attributes)
        for child in self.children:
            out.add(child.copy())
        return out

    def merge(self):
        """Texts side by side are one, empty ones are none (RFC 5261 §4.5.6)."""
        merged = []
        for child in self.children:
            if child.kind == "text" and not child.value:
                continue
            if child.kind == "text" and merged and merged[-1].kind == "text":
                merged[-1].value += child.value
            else:
                merged.append(child)
        self.children = merged

    def namespace(self, prefix):
        """None: the prefix is not bound; "" for no namespace."""
        if prefix == "xml":
            return XML_NAMESPACE
        key = f"xmlns:{prefix}" if prefix else "xmlns"
        node = self
        while node is not None:
            if key in node.attributes:
                return node.attributes[key]
            node = node.parent
        return None if prefix else ""

    def expanded(self):
        prefix, _, local = self.name.rpartition(":")
        return self.namespace(prefix), local

    def text(self):
        return "".join(child.value for child in self.children if child.kind == "text")

    def write(self, out):
        if self.kind == "text":
            out.write(escaped(self.value))
        elif self.kind == "comment":
            out.write(f"<!--{self.value}-->")
        elif self.kind == "pi":
            out.write(f"<?{self.name} {self.value}?>" if self.value else f"<?{self.name}?>")
        else:
            said = "".join(f' {name}="{quoted(value)}"' for name, value in self.attributes.items())
            out.write(f"<{self.name}{said}>")
            for child in self.children:
                child.write(out)
            out.write(f"</{self.name}>")


def escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def quoted(text):
    text = escaped(text).replace('"', "&quot;")
    return text.replace("\t", "&#9;").replace("\n", "&#10;")


def parse(octets):
    """The document node: its children are the root and what stands beside it."""
    document = Node("document")
    here = [document]
    parser = xml.parsers.expat.ParserCreate()
    parser.ordered_attributes = parser.buffer_text = True

    def begin(name, attributes):
        node = Node("element", name)
        node.attributes = dict(zip(attributes[::2], attributes[1::2]))
        here[-1].add(node)
        here.append(node)

    parser.StartElementHandler = begin
    parser.EndElementHandler = lambda name: here.pop().merge()
    parser.CharacterDataHandler = lambda text: here[-1].add(Node("text", value=text))
    parser.CommentHandler = lambda text: here[-1].add(Node("comment", value=text))
    parser.ProcessingInstructionHandler = lambda name, text: here[-1].add(Node("pi", name, text))
    parser.Parse(octets, True)
    return document


def canonical(document):
    """Canonical XML 1.0 with comments."""
    octets = document
    if isinstance(document, Node):
        out = io.StringIO()
        for child in document.children:
            child.write(out)
        octets = out.getvalue().encode("utf-8")
    tree = etree.parse(io.BytesIO(octets), etree.XMLParser(resolve_entities=False, no_network=True))
    return etree.tostring(tree, method="c14n", with_comments=True)


# --- where an operation applies (RFC 5261 §4.1) ---

STEP = re.compile(r"(?P<test>\*|text\(\)|comment\(\)|processing-instruction\((?:'[^']*'|\"[^\"]*\")?\)|[\w.:-]+)"
                  r"(?P<predicates>(?:\[[^\]]*\])*)$")


def one(nodes, sel):
    if len(nodes) != 1:
        raise PatchError(f"unlocated-node: {sel} chooses {len(nodes)}")
    return nodes[0]


def matches(node, test, operation):
    if test == "text()":
        return node.kind == "text"
    if test == "comment()":
        return node.kind == "comment"
    if test.startswith("processing-instruction("):
        wanted = test[len("processing-instruction("):-1].strip("'\"")
        return node.kind == "pi" and wanted in ("", node.name)
    if node.kind != "element" or test == "*":
        return node.kind == "element"
    prefix, _, local = test.rpartition(":")
    space = operation.namespace(prefix)
    if space is None:
        raise PatchError(f"invalid-namespace-prefix: {prefix}")
    return node.expanded() == (space, local)


def predicate(nodes, text, operation):
    if text.isdigit():
        return nodes[int(text) - 1:int(text)]
    found = re.fullmatch(r"@([\w.:-]+)=(?:'([^']*)'|\"([^\"]*)\")", text)
    if not found:
        raise PatchError(f"invalid-patch-directive: [{text}]")
    name, value = found.group(1), found.group(2) if found.group(2) is not None else found.group(3)
    return [node for node in nodes if attribute_named(node, name, operation, value) is not None]


def attribute_named(node, name, operation, value=None):
    """The name under which the node has that attribute (unprefixed: in no namespace, RFC 5261 §4.2.3)."""
    prefix, _, local = name.rpartition(":")
    space = operation.namespace(prefix) if prefix else ""
    for known, said in node.attributes.items():
        if known == "xmlns" or known.startswith("xmlns:"):
            continue
        its, _, its_local = known.rpartition(":")
        if its_local == local and (node.namespace(its) if its else "") == space and value in (None, said):
            return known
    return None


def locate(document, sel, operation):
    """(node, attribute's name, prefix of a declaration): of the two last at most one."""
    steps = sel.strip().lstrip("/").split("/")
    attribute = prefix = None
    if steps[-1].startswith("@"):
        attribute = steps.pop()[1:]
    elif steps[-1].startswith("namespace::"):
        prefix = steps.pop()[len("namespace::"):]
    nodes = [document]
    for step in steps:
        found = STEP.match(step)
        if not found:
            raise PatchError(f"invalid-patch-directive: {step}")
        nodes = [child for node in nodes for child in chosen(node, found, operation)]
    node = one(nodes, sel)
    if attribute is not None:
        attribute = attribute_named(node, attribute, operation)
        if attribute is None:
            raise PatchError(f"unlocated-node: {sel}")
    if prefix is not None and f"xmlns:{prefix}" not in node.attributes:
        raise PatchError(f"unlocated-node: {sel}")
    return node, attribute, prefix


def chosen(node, found, operation):
    nodes = [child for child in node.children if matches(child, found.group("test"), operation)]
    for text in re.findall(r"\[([^\]]*)\]", found.group("predicates")):
        nodes = predicate(nodes, text, operation)
    return nodes


# --- operations (RFC 5261 §4.3 to §4.5) ---

def brought(node, operation, target):
    """A copy for the document: its names mean there what they mean in the diff (RFC 5261 §4.2.2)."""
    copy = node.copy()
    if copy.kind != "element":
        return copy
    copy.parent = target
    declare(copy, node, target)
    return copy


def declare(copy, original, target):
    used = {copy.name.rpartition(":")[0]}
    used |= {name.rpartition(":")[0] for name in copy.attributes if ":" in name and not name.startswith("xmlns:")}
    for prefix in sorted(used - {"xml"}):
        wanted, there = original.namespace(prefix), copy.namespace(prefix)
        if wanted == there:
            continue
        if wanted is None:
            raise PatchError(f"invalid-namespace-prefix: {prefix}")
        copy.attributes[f"xmlns:{prefix}" if prefix else "xmlns"] = wanted
    for mine, its in zip(copy.children, original.children):
        if mine.kind == "element":
            declare(mine, its, target)


def add(document, operation):
    node, attribute, prefix = locate(document, operation.attributes["sel"], operation)
    kind, pos = operation.attributes.get("type"), operation.attributes.get("pos")
    if attribute is not None or prefix is not None:
        raise PatchError("invalid-patch-directive: add to an attribute")
    if kind and kind.startswith("namespace::"):
        node.attributes["xmlns:" + kind[len("namespace::"):]] = operation.text()
    elif kind:
        add_attribute(node, kind.removeprefix("@"), operation)
    else:
        add_nodes(node, pos, operation)


def add_attribute(node, name, operation):
    if node.kind != "element" or attribute_named(node, name, operation) is not None:
        raise PatchError(f"invalid-patch-directive: @{name}")
    prefix = name.rpartition(":")[0]
    if prefix and node.namespace(prefix) != operation.namespace(prefix):
        node.attributes[f"xmlns:{prefix}"] = operation.namespace(prefix)
    node.attributes[name] = operation.text()


def add_nodes(node, pos, operation):
    parent, index = node, len(node.children)
    if pos in ("before", "after"):
        parent = node.parent
        index = parent.children.index(node) + (pos == "after")
    elif pos == "prepend":
        index = 0
    elif pos is not None or node.kind != "element":
        raise PatchError(f"invalid-patch-directive: pos={pos}")
    if parent.kind == "document" and any(child.kind == "element" for child in operation.children):
        raise PatchError("invalid-root-element-operation")
    for child in operation.children:
        parent.add(brought(child, operation, parent), index)
        index += 1
    parent.merge()


def replace(document, operation):
    node, attribute, prefix = locate(document, operation.attributes["sel"], operation)
    if attribute is not None:
        node.attributes[attribute] = operation.text()
    elif prefix is not None:
        node.attributes[f"xmlns:{prefix}"] = operation.text()
    elif node.kind == "text":
        node.value = operation.text()
        node.parent.merge()
    else:
        new = one(operation.children, "the new node")
        if new.kind != node.kind:
            raise PatchError("invalid-node-types")
        parent = node.parent
        index = parent.children.index(node)
        parent.children.pop(index)
        parent.add(brought(new, operation, parent), index)


def remove(document, operation):
    node, attribute, prefix = locate(document, operation.attributes["sel"], operation)
    ws = operation.attributes.get("ws")
    if attribute is not None or prefix is not None:
        if ws:
            raise PatchError("invalid-patch-directive: ws")
        del node.attributes[attribute if attribute is not None else f"xmlns:{prefix}"]
        return
    parent = node.parent
    if parent.kind == "document" and node.kind == "element":
        raise PatchError("invalid-root-element-operation")
    index = parent.children.index(node)
    first, last = index - (ws in ("before", "both")), index + (ws in ("after", "both"))
    gone = parent.children[max(first, 0):last + 1]
    if len(gone) != last - first + 1 or any(
            other is not node and (other.kind != "text" or other.value.strip(" \t\r\n")) for other in gone):
        raise PatchError("invalid-whitespace-directive")
    del parent.children[first:last + 1]
    parent.merge()


OPERATIONS = {"add": add, "replace": replace, "remove": remove}


# --- copies ---

class Copies:
    """What a client has, by sel. `fetch` gives (etag, octets) of a document, or None when it is gone."""

    def __init__(self, fetch):
        self.fetch, self.have, self.patched, self.fetched = fetch, {}, 0, 0

    def take(self, body):
        root = one([child for child in parse(body).children if child.kind == "element"], "the root")
        stale = []
        for item in root.children:
            if item.kind == "element" and item.expanded() == (DIFF_NAMESPACE, "document"):
                self.take_document(item, stale)
        for sel in stale:
            self.get(sel)

    def get(self, sel):
        fetched = self.fetch(sel)
        self.fetched += 1
        if fetched is None:
            self.have.pop(sel, None)
        else:
            self.have[sel] = (fetched[0], parse(fetched[1]))

    def take_document(self, item, stale):
        sel, new, previous = (item.attributes.get(name) for name in ("sel", "new-etag", "previous-etag"))
        if sel in stale:
            stale.remove(sel)
        if new is None:
            self.have.pop(sel, None)
            return
        etag, document = self.have.get(sel, (None, None))
        if etag == new:
            return
        operations = [child for child in item.children if child.kind == "element"]
        if previous is None or etag != previous or not operations:
            stale.append(sel)
            return
        self.patch(document, operations)
        self.have[sel] = (new, document)

    def patch(self, document, operations):
        for operation in operations:
            space, name = operation.expanded()
            assert space == DIFF_NAMESPACE, operation.name
            if name == "body-not-changed":
                assert len(operations) == 1
            else:
                OPERATIONS[name](document, operation)
                self.patched += 1
