"""A question on a pseudo-terminal: a yes that was typed before it stood there counts for nothing, and a no is
answered with what was not done and how to go on."""

import os
import re
import select
import subprocess
import sys
import tempfile

DEADLINE = 30.0
COLORS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
SAID = (
    "error: not confirmed: write {place}/.hotfix.toml\n"
    "hint: it was not done; run the same command again when it is wanted\n"
)


def main(place):
    subprocess.run(["git", "init", "--quiet", place], check=True)
    ours, theirs = os.openpty()
    os.write(ours, b"y\r")
    asked = subprocess.Popen(["git-hotfix", "init", "--app", "shop"], cwd=place, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = ""

    def until(pattern):
        nonlocal seen
        while not re.search(pattern, seen):
            ready, _, _ = select.select([ours], [], [], DEADLINE)
            if not ready:
                sys.exit(f"failed: waited in vain for {pattern}: {seen!r}")
            try:
                seen += COLORS.sub("", os.read(ours, 65536).decode("utf-8", "replace"))
            except OSError:
                sys.exit(f"failed: ended before {pattern}: {seen!r}")

    until(r"\[y/N\]")
    os.write(ours, b"n\r")
    until("error: .*\r\nhint: .*\r\n")
    said = seen[seen.rindex("error: "):].replace("\r\n", "\n")
    if asked.wait(timeout=DEADLINE) != 5 or said != SAID.format(place=place):
        sys.exit(f"failed: exit {asked.returncode}: {seen!r}")
    print("ok: a yes typed ahead answers nothing, and a no is told what was not done")


with tempfile.TemporaryDirectory() as folder:
    main(folder)
