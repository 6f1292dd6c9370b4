# SPDX-License-Identifier: BSD-2-Clause
"""No room: PUT is 507, reading and deleting go on, and once there is room so does writing (CONTRACT.md, clear errors)."""
import contextlib
import os
import subprocess
import tempfile
import threading

import pytest

import xcap
from xcap import LISTS, big_lists, eventually, lists, refused, stored

HOME = "resource-lists/users/sip:alice@example.com/"


def document(number):
    return big_lists(70_000, f"-{number}")  # large enough to be stored as it is


def fill(client, most=400):
    """PUTs documents until one is refused: how many there are."""
    for number in range(most):
        answer = client.put(f"{HOME}d{number}", document(number))
        if answer.status != 201:
            refused(answer, 507)
            return number
    raise AssertionError("never full")


def smaller_too(client):
    """Fills what is left with smaller ones, so that nothing at all fits any more: how many there are."""
    for number in range(2000):
        answer = client.put(f"{HOME}s{number}", big_lists(4_000))
        if answer.status != 201:
            refused(answer, 507)
            return number
    raise AssertionError("never full")


def all_there(client, numbers):
    for number in numbers:
        answer = client.get(f"{HOME}d{number}")
        assert answer.status == 200 and answer.body == document(number).encode(), number


@contextlib.contextmanager
def tiny(**more):
    settings = {"store.max-size": "4M", "limits.documents-per-user": 5000}
    settings.update({key.replace("__", "."): value for key, value in more.items()})
    with xcap.Server(settings) as server, xcap.alice(server) as alice:
        yield server, alice


def test_a_full_store_refuses_puts_and_goes_on_reading_and_deleting():
    with tiny() as (server, alice):
        count = fill(alice)
        assert count >= 5
        small = smaller_too(alice)
        all_there(alice, range(count))
        refused(alice.get(f"{HOME}d{count}"), 404)
        assert server.ready()
        for number in range(count):
            assert alice.delete(f"{HOME}d{number}").status == 200, f"{number} of {count}"
        for number in range(small):
            assert alice.delete(f"{HOME}s{number}").status == 200, f"small {number} of {small}"
        refused(alice.get(f"{HOME}d0"), 404)


def test_after_deleting_there_is_room_again():
    with tiny(store__history_versions=0) as (_, alice):
        count = fill(alice)
        for number in range(0, count, 2):
            assert alice.delete(f"{HOME}d{number}").status == 200
        stored(alice.put(f"{HOME}again", document(1)), 201)
        assert alice.get(f"{HOME}again").body == document(1).encode()
        all_there(alice, range(1, count, 2))
        for _ in range(5):  # and it does not leak away
            while alice.put(f"{HOME}again",
                            document(1)).status == 200 and alice.delete(f"{HOME}again").status == 200:
                if stored(alice.put(f"{HOME}again", document(1)), 201):
                    break
        assert alice.get(f"{HOME}again").status == 200


def test_a_full_store_opens_again_after_a_kill():
    with tiny() as (server, alice):
        count = fill(alice)
        smaller_too(alice)
        server.kill()
        alice.close()
        server.start()
        all_there(alice, range(count))
        refused(alice.put(f"{HOME}more", document(1)), 507)
        assert alice.delete(f"{HOME}d0").status == 200


def test_one_write_that_does_not_fit_takes_no_other_along():
    """Big and small writes at once: they share commits, and only the big ones are refused."""
    with tiny(store__history_versions=0) as (server, alice):
        count = fill(alice)
        for number in range(4):
            assert alice.delete(f"{HOME}d{number}").status == 200
        wrong = []

        def small(number):
            with xcap.bob(server) as bob:
                for turn in range(5):
                    answer = bob.put(f"resource-lists/users/sip:bob@example.com/s{number}", lists(f"t{turn}"))
                    if answer.status not in (200, 201):
                        wrong.append(answer)

        def big(number):
            with xcap.alice(server) as client:
                for turn in range(5):
                    answer = client.put(f"{HOME}b{number}-{turn}", big_lists(600_000))
                    if answer.status != 507:
                        wrong.append(answer)
        threads = [threading.Thread(target=work, args=(number,)) for number in range(4) for work in (small,
                                                                                                     big)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not wrong, wrong[:3]
        all_there(alice, range(4, count))


@contextlib.contextmanager
def small_disk(size):
    if os.geteuid() != 0:
        pytest.skip("only root may mount")
    with tempfile.TemporaryDirectory(prefix="xcapd-disk-") as folder:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder], check=False,
                                 capture_output=True, timeout=20)
        if mounted.returncode:
            pytest.skip("mounting is not allowed here")
        try:
            yield folder
        finally:
            subprocess.run(["umount", "-l", folder], check=False, timeout=20)


def test_a_full_disk_is_no_end():
    with small_disk("12M") as disk:
        filler = os.path.join(disk, "filler")
        with open(filler, "wb") as file:
            file.write(b"x" * 4_000_000)
        settings = {"store.path": os.path.join(disk, "store"), "limits.documents-per-user": 5000}
        with xcap.Server(settings) as server, xcap.alice(server) as alice:
            count = fill(alice)
            assert count >= 5
            all_there(alice, range(count))
            assert alice.delete(f"{HOME}d0").status == 200
            os.remove(filler)
            assert eventually(lambda: alice.put(f"{HOME}more", document(7)).status in (200, 201))
            all_there(alice, range(1, count))
            server.restart()
            alice.close()
            all_there(alice, range(1, count))
            assert alice.get(f"{HOME}more").body == document(7).encode()


def test_a_full_disk_is_in_the_log_and_the_answer_says_why():
    with tiny() as (server, alice):
        mark = len(server.log())
        count = fill(alice)
        answer = refused(alice.put(f"{HOME}d{count}", document(count)), 507)
        assert "full" in answer.text.lower() or "room" in answer.text.lower() or "space" in answer.text.lower()
        assert eventually(lambda: " 507 " in server.log_since(mark))
        refused(alice.get(LISTS), 404)
