# SPDX-License-Identifier: BSD-2-Clause
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "http")]

import pytest  # noqa: E402

import kamailio  # noqa: E402
import world  # noqa: E402


def pytest_collection_modifyitems(items):
    if kamailio.PROGRAM is None:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="no kamailio here: scripts/deps --kamailio"))


@pytest.fixture(scope="module")
def place():
    """xcapd, Kamailio and xcap-notifier for all tests of a file; each test takes people of its own."""
    with world.World() as running:
        yield running
