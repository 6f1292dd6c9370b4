# SPDX-License-Identifier: BSD-2-Clause
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import itertools  # noqa: E402

import pytest  # noqa: E402

import xcap  # noqa: E402

NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def server():
    """One plain server for all tests of a file; a file with other wishes has its own fixture."""
    with xcap.Server() as running:
        yield running


@pytest.fixture
def alice(server):
    with xcap.alice(server) as client:
        yield client


@pytest.fixture
def bob(server):
    with xcap.bob(server) as client:
        yield client


@pytest.fixture
def admin(server):
    with xcap.admin(server) as client:
        yield client


@pytest.fixture
def reader(server):
    with xcap.reader(server) as client:
        yield client


@pytest.fixture
def nobody(server):
    with xcap.Client(server) as client:
        yield client


@pytest.fixture
def path(alice):
    """Where alice has no document yet; gone afterwards."""
    name = f"resource-lists/users/sip:alice@example.com/test{next(NUMBERS)}"
    yield name
    alice.close()
    alice.delete(name)
