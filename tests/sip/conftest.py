# SPDX-License-Identifier: BSD-2-Clause
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "http")]

import itertools  # noqa: E402

import pytest  # noqa: E402

import xcap  # noqa: E402
from station import Station  # noqa: E402

NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def station():
    """Both daemons for all tests of a file; a file with other wishes has its own fixture."""
    with Station() as running:
        yield running


@pytest.fixture
def alice(station):
    with xcap.alice(station) as client:
        yield client


@pytest.fixture
def bob(station):
    with xcap.bob(station) as client:
        yield client


@pytest.fixture
def phone(station):
    with station.phone() as one:
        yield one


@pytest.fixture
def path(alice):
    """Where alice has no document yet; gone afterwards."""
    name = f"resource-lists/users/sip:alice@example.com/test{next(NUMBERS)}"
    yield name
    alice.close()
    alice.delete(name)
