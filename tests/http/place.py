# SPDX-License-Identifier: BSD-2-Clause
"""Where the sources and the programs are, and how patient to be with these programs."""
import os
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent.parent
BUILD = pathlib.Path(os.environ.get("XCAPD_BUILD", SOURCE / "build")).resolve()


def slowness():
    """How much longer than a plain build this one may take."""
    cache = BUILD / "CMakeCache.txt"
    lines = cache.read_text().splitlines() if cache.exists() else []
    chosen = [line.partition("=")[2] for line in lines if line.startswith("SANITIZE:")]
    return {"address": 4, "thread": 8}.get(chosen[0] if chosen else "", 1)


SLOW = slowness()
