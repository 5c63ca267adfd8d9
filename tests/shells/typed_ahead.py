"""A yes that was typed before the question stood there counts for nothing: typed ahead on a pseudo-terminal."""

import os
import re
import select
import subprocess
import sys
import tempfile

DEADLINE = 30.0


def main(place):
    subprocess.run(["git", "init", "--quiet", "-b", "hotfix/login-500", place], check=True)
    ours, theirs = os.openpty()
    os.write(ours, b"y\r")
    asked = subprocess.Popen(["git-hotfix", "abort"], cwd=place, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = ""

    def until(pattern):
        nonlocal seen
        while not re.search(pattern, seen):
            ready, _, _ = select.select([ours], [], [], DEADLINE)
            if not ready:
                sys.exit(f"failed: waited in vain for {pattern}: {seen!r}")
            try:
                seen += os.read(ours, 65536).decode("utf-8", "replace")
            except OSError:
                sys.exit(f"failed: ended before {pattern}: {seen!r}")

    until(r"\[y/N\]")
    os.write(ours, b"n\r")
    until("not confirmed: nothing was given up")
    if asked.wait(timeout=DEADLINE) != 5:
        sys.exit(f"failed: exit {asked.returncode}: {seen!r}")
    print("ok: a yes typed ahead answers nothing")


with tempfile.TemporaryDirectory() as folder:
    main(folder)
