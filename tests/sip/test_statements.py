# SPDX-License-Identifier: BSD-2-Clause
"""Every statement of statements.md has a story that names its number at the beginning of its docstring."""
import pathlib
import re

HERE = pathlib.Path(__file__).resolve().parent
NUMBERS = re.compile(r"(\d+)(?:-(\d+))?")


def told_in_stories():
    seen = set()
    for story in HERE.glob("test_*.py"):
        for text in re.findall(r'def test_\w+\([^)]*\):\n\s+"""(.*?)"""', story.read_text(), re.DOTALL):
            for first, last in NUMBERS.findall(re.split(r"[(:;a-zA-Z]", text)[0]):
                seen |= set(range(int(first), int(last or first) + 1))
    return seen


def test_no_statement_is_without_a_story():
    stated = {int(number) for number in re.findall(r"(?m)^(\d+)\. [MSYC] ", (HERE / "statements.md").read_text())}
    assert stated == set(range(1, 99))
    assert not stated - told_in_stories()
