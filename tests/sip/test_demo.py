# SPDX-License-Identifier: BSD-2-Clause
"""scripts/demo-two-phones does what the README says."""
import subprocess

from daemon import end_with_parent, free_port
from place import BUILD, SLOW, SOURCE


def test_both_phones_hear_every_edit():
    done = subprocess.run(
        [SOURCE / "scripts/demo-two-phones", "--http", f"127.0.0.1:{free_port()}", "--sip",
         f"127.0.0.1:{free_port()}", "--build-dir", BUILD],
        capture_output=True, text=True, timeout=90 * SLOW, check=False, preexec_fn=end_with_parent)
    assert done.returncode == 0, done.stderr
    for name in ("kitchen", "pocket"):
        heard = [line.removeprefix(f"{name}: ") for line in done.stdout.splitlines() if line.startswith(name)]
        ends = ("is there, version", "is now version", "add ", "is now version", "remove ", "is gone")
        assert len(heard) == 7 and heard[0] == "nothing is there yet", done.stdout
        assert all(end in line for line, end in zip(heard[1:], ends)), done.stdout
