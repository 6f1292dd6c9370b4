# SPDX-License-Identifier: BSD-2-Clause
"""The manual says what the programs say: every command, option and key, no other."""
import json
import re
import shutil
import subprocess

import pytest

from daemon import SOURCE, XCAPCTL, XCAPD, Server

PAGES = sorted((SOURCE / "docs" / "man").glob("*.[1-9]"))
CTL, CONF, DAEMON = ((SOURCE / "docs" / "man" / name).read_text() for name in ("xcapctl.8", "xcapd.conf.5", "xcapd.8"))


def said(program, *words):
    return subprocess.run([program, *words], capture_output=True, check=True, text=True).stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_good_mdoc(page):
    if not shutil.which("mandoc"):
        pytest.skip("mandoc is not installed")
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "style", page.name], cwd=page.parent,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stdout, done.stdout


def test_every_command_and_its_options_are_explained():
    commands = re.findall(r"^  ([a-z].*)$", said(XCAPCTL, "--help"), re.M)
    items = re.findall(r"^\.It Ic (.*)$", CTL, re.M)

    def words(text):
        return re.match(r"[a-z]+(?: [a-z]+)?(?= |$)", text).group()

    assert sorted(map(words, commands)) == sorted(re.sub(r" Ar.*| Oo.*| Op.*", "", item) for item in items)
    for command in commands:
        item = next(item for item in items if re.match(re.escape(words(command)) + "(?: |$)", item))
        for option in re.findall(r"--([a-z-]+)", command):
            assert f"Fl -{option}" in item, (command, item)
        assert ("Ar file" in item) == ("FILE" in command), (command, item)
    for option in re.findall(r"--([a-z-]+)", said(XCAPCTL, "--help")):
        assert f"Fl -{option}" in CTL, option


def test_every_option_of_the_daemon_is_explained():
    for option in re.findall(r"--([a-z-]+)", said(XCAPD, "--help")):
        assert f"Fl -{option}" in DAEMON, option


def sections():
    """What the page says of each key: section.key -> text."""
    found, section, key = {}, None, None
    for line in CONF.splitlines():
        if line.startswith(".Ss Section "):
            section = line.removeprefix(".Ss Section ")
        elif line.startswith(".S"):
            section = None
        elif section and line.startswith(".It Cm "):
            key = f"{section}.{line.removeprefix('.It Cm ')}"
            found[key] = ""
        elif section and key:
            found[key] += line + "\n"
    return found


def test_every_key_is_explained_with_its_default_and_range():
    with Server(start=False) as server:
        rows = json.loads(server.ctl("--json", "config").stdout)
    page = sections()
    assert sorted(page) == sorted(row["key"] for row in rows)
    for row in rows:
        about = page[row["key"]]
        assert f"default: {row['default'] or 'none'}" in about, (row, about)
        for word in re.findall(r"[\w.]+", row["range"] or ""):
            assert word.strip(".") in about, (row, about)
        assert row["meaning"][1:] in " ".join(about.split()), (row, about)
