# SPDX-License-Identifier: BSD-2-Clause
"""/metrics on the admin listener: text that Prometheus takes, figures that follow what happened."""
import re

import pytest

import xcap

SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-z_]+="[^"\\\n]*",?)*)\})? (-?[0-9.]+|\+Inf)')
SUFFIXES = ("_bucket", "_sum", "_count")


def scrape(server):
    """({name with sorted labels: value}, text)"""
    answer = server.admin("/metrics")
    assert answer.status == 200 and answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8", answer
    found = {}
    for line in answer.text.splitlines():
        if not line.startswith("#"):
            name, labels, value = SAMPLE.fullmatch(line).groups()
            key = name + "".join(sorted(re.findall(r'[a-z_]+="[^"]*"', labels or "")))
            assert key not in found, f"twice: {line}"
            found[key] = float(value)
    return found, answer.text


def requests(server, method, usage, status):
    return scrape(server)[0].get(f'xcapd_requests_totalmethod="{method}"status="{status}"usage="{usage}"', 0)


def figure(server, name):
    return scrape(server)[0][name]


def test_the_text_keeps_prometheus_rules(server, alice, path):
    alice.put(path, xcap.lists("bob"))
    found, text = scrape(server)
    helps = re.findall(r"^# HELP (\S+) \S.*$", text, re.M)
    types = dict(re.findall(r"^# TYPE (\S+) (counter|gauge|histogram)$", text, re.M))
    assert len(helps) == len(set(helps)) and set(helps) == set(types) and text.endswith("\n")
    for name, kind in types.items():
        assert name.startswith("xcapd_") and name.endswith("_total") == (kind == "counter"), name
        assert not re.search(r"_(milliseconds|minutes|kilobytes|gauge|counter|histogram)", name)
    current = None
    for line in text.splitlines():
        if line.startswith("# HELP"):
            current = line.split()[2]
        elif line.startswith("# TYPE"):
            assert line.split()[2] == current, "HELP and TYPE are apart"
        else:
            name = SAMPLE.fullmatch(line)[1]
            base = next((name[:-len(s)] for s in SUFFIXES if name.endswith(s)), name)
            assert current == (base if types[current] == "histogram" else name), line
    assert found


def test_histograms_only_grow_and_end_in_infinity(server, alice, path):
    alice.put(path, xcap.lists("bob"))
    _, text = scrape(server)
    series = {}
    for name, label, bound, count in re.findall(r'^(xcapd_\w+)_bucket\{(.*?)le="([^"]+)"\} (\d+)$', text, re.M):
        series.setdefault((name, label), []).append((float(bound.replace("+Inf", "inf")), int(count)))
    assert len(series) >= 4
    for (name, label), buckets in series.items():
        assert buckets == sorted(buckets) and buckets[-1][0] == float("inf"), name
        assert [count for _, count in buckets] == sorted(count for _, count in buckets), name
        shown = f"{{{label[:-1]}}}" if label else ""
        assert f"{name}_count{shown} {buckets[-1][1]}\n" in text


def test_requests_are_counted_by_method_usage_and_status(server, alice, path):
    before = {key: requests(server, *key) for key in (
        ("PUT", "resource-lists", 201), ("GET", "resource-lists", 200), ("GET", "resource-lists", 401),
        ("GET", "none", 404), ("other", "none", 501), ("PUT", "resource-lists", 409))}
    alice.get(path)
    alice.put(path, xcap.lists("bob"))
    alice.get(path)
    alice.get(path)
    alice.put(path, "<nonsense/>")
    with xcap.Client(server) as nobody:
        nobody.get(path)
        nobody.get("no-such-usage/users/sip:alice@example.com/index")
        nobody.ask("BREW", path)
    grown = {key: requests(server, *key) - count for key, count in before.items()}
    assert grown[("PUT", "resource-lists", 201)] == 1
    assert grown[("GET", "resource-lists", 200)] == 2
    assert grown[("GET", "resource-lists", 401)] >= 1
    assert grown[("GET", "none", 404)] == 1 and grown[("other", "none", 501)] == 1
    assert grown[("PUT", "resource-lists", 409)] == 1


def test_names_of_unknown_usages_never_become_labels(server, nobody):
    for number in range(20):
        nobody.get(f"made-up-{number}/global/index")
    assert "made-up" not in scrape(server)[1]


def test_the_store_is_described(server, alice, path):
    before, _ = scrape(server)
    alice.put(path, xcap.lists("bob"))
    after, _ = scrape(server)
    assert after["xcapd_documents"] == before["xcapd_documents"] + 1
    assert after["xcapd_feed_position"] == before["xcapd_feed_position"] + 1
    assert after["xcapd_users"] == len(xcap.USERS)
    assert after["xcapd_store_used_bytes"] > 0 and after["xcapd_store_free_bytes"] > 0
    assert after["xcapd_store_used_bytes"] + after["xcapd_store_free_bytes"] <= 2**30
    assert after["xcapd_commit_writes_sum"] == before["xcapd_commit_writes_sum"] + 1
    assert after["xcapd_commit_duration_seconds_count"] == before["xcapd_commit_duration_seconds_count"] + 1
    assert 0 <= after["xcapd_feed_oldest_age_seconds"] < 600
    assert after["xcapd_store_up"] == 1


def test_open_connections_come_and_go():
    with xcap.Server() as server:  # of its own: no connection of another test ends meanwhile
        assert figure(server, "xcapd_connections") == 0
        wires = [server.wire() for _ in range(5)]
        assert xcap.eventually(lambda: figure(server, "xcapd_connections") == 5)
        for wire in wires:
            wire.close()
        assert xcap.eventually(lambda: figure(server, "xcapd_connections") == 0)


def test_failed_logins_are_counted(server):
    before = figure(server, "xcapd_login_failures_total")
    with xcap.Client(server, "alice", "wrong") as client:
        assert client.get(xcap.LISTS).status == 401
    assert figure(server, "xcapd_login_failures_total") == before + 1


def test_reloads_are_counted(server):
    accepted, refused = 'xcapd_reloads_totalresult="accepted"', 'xcapd_reloads_totalresult="refused"'
    before, _ = scrape(server)
    server.reload()
    good = server.configuration.read_text()
    server.configuration.write_text(good + "\n[nonsense]\na = b\n")
    server.reload()
    server.configuration.write_text(good)
    after, _ = scrape(server)
    assert after[accepted] == before[accepted] + 1 and after[refused] == before[refused] + 1


def test_a_client_that_leaves_is_told_apart(server, alice, path):
    before = requests(server, "PUT", "resource-lists", "gone")
    alice.get(path)
    target = alice.target(path)
    with server.wire() as wire:
        wire.send(xcap.head("PUT", target, [
            ("Host", server.authority), ("Authorization", alice.login.header("PUT", target)),
            ("Content-Type", xcap.TYPES["resource-lists"]), ("Content-Length", 1000)]) + b"<half")
    assert xcap.eventually(lambda: requests(server, "PUT", "resource-lists", "gone") == before + 1)


@pytest.mark.parametrize("path", ["/metrics", "/xcap-root/metrics"])
def test_the_public_listener_has_no_figures(server, path):
    with xcap.Client(server) as nobody:
        assert nobody.get(path).status == 404
