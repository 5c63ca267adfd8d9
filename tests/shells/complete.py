"""Types into real shells on a pseudo-terminal, presses Tab, and reads what the line became.

After Tab the line is made an argument of printf (Ctrl-A, then Enter), so that each shell itself says which
words the completed line has: quoting counts, and nothing depends on how a screen looks.
"""

import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import fcntl
import time

HOME = os.environ["HOME"]
DEADLINE = 30.0

# What is typed before Tab, and the words that must come of it.
BOTH = [
    ("git hot", "git hotfix"),
    ("git hotfix backp", "git hotfix backport"),
    ("git-hotfix backp", "git-hotfix backport"),
    ("git hotfix status --off", "git hotfix status --offline"),
    ("git-hotfix status --off", "git-hotfix status --offline"),
    ("git hotfix --asc", "git hotfix --ascii"),
    ("git hotfix status hotfix/log", "git hotfix status hotfix/login-500"),
    ("git hotfix status hotfix/far", "git hotfix status hotfix/far-away"),
    ("git-hotfix status hotfix/log", "git-hotfix status hotfix/login-500"),
    ("git hotfix status \\!41", "git hotfix status !412"),
    ("git-hotfix approve \\!41", "git-hotfix approve !412"),
    ("git hotfix backport --to dev", "git hotfix backport --to develop"),
    ("git hotfix backport --to=dev", "git hotfix backport --to=develop"),
    ("git hotfix wait pipe", "git hotfix wait pipeline"),
    ("git hotfix wait deploy hotfix/log", "git hotfix wait deploy hotfix/login-500"),
    ("git hotfix status --color al", "git hotfix status --color always"),
    ("git-hotfix status --color=al", "git-hotfix status --color=always"),
    ("git hotfix approve --as tech", "git hotfix approve --as tech-lead"),
    ("git hotfix completion fi", "git hotfix completion fish"),
    ("git hotfix install --prefix somewh", "git hotfix install --prefix somewhere"),
    # A slug is the user's own word, not a file.
    ("git hotfix start somewh", "git hotfix start somewh"),
]
BASH = BOTH + [
    ("git -C ../other hotfix status hotfix/ot", "git -C ../other hotfix status hotfix/other"),
    ("git-hotfix -C ../other status hotfix/ot", "git-hotfix -C ../other status hotfix/other"),
]
SHELLS = {
    "bash": (["bash", "-i"], BASH),
    "zsh": (["zsh", "-i"], BOTH),
    "fish": (["fish", "-i"], BOTH),
}


def git(*args, at):
    subprocess.run(["git", *args], cwd=at, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def clone(path, branch):
    """A clone with develop, hotfix branches and a landed merge request. Its remote does not exist."""
    os.makedirs(os.path.join(path, "somewhere"))
    git("init", "-b", "main", at=path)
    for key, value in [("user.name", "Ana"), ("user.email", "ana@example.com")]:
        git("config", key, value, at=path)
    git("commit", "--allow-empty", "-m", "Begin", at=path)
    git("branch", "develop", at=path)
    git("switch", "-c", "fix", at=path)
    git("commit", "--allow-empty", "-m", "Fix", at=path)
    git("switch", "main", at=path)
    git("merge", "--no-ff", "fix", "-m", "Merge branch 'fix' into 'main'\n\nFix it\n\nSee merge request shop/web!412", at=path)
    git("branch", branch, at=path)
    git("remote", "add", "origin", "https://gitlab.invalid/shop/web.git", at=path)
    for ref in ["main", "develop"]:
        git("update-ref", f"refs/remotes/origin/{ref}", ref, at=path)
    git("update-ref", "refs/remotes/origin/hotfix/far-away", "main", at=path)


def start_files():
    """What a user has, and what `git hotfix install` tells to add."""
    write(".bashrc", ". /usr/share/bash-completion/bash_completion\nPS1='ready> '\n")
    functions = f"{HOME}/.local/share/zsh/site-functions"
    write(".zshrc", f"fpath=({functions} $fpath)\nautoload -Uz compinit\ncompinit -u\nPS1='ready> '\n")
    os.makedirs(f"{HOME}/.config/fish", exist_ok=True)
    write(".config/fish/config.fish", "set fish_greeting\nfunction fish_prompt; echo 'ready> '; end\n")


def write(name, text):
    with open(os.path.join(HOME, name), "w", encoding="utf-8") as file:
        file.write(text)


class Terminal:
    """A shell on a pseudo-terminal."""

    def __init__(self, argv, cwd):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execvp(argv[0], argv)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
        self.seen = ""

    def until(self, pattern):
        """Reads until the pattern is there; what it matched, or None when time is over."""
        end = time.monotonic() + DEADLINE
        while True:
            found = re.search(pattern, self.seen)
            if found:
                self.seen = self.seen[found.end():]
                return found
            ready, _, _ = select.select([self.fd], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                return None
            try:
                chunk = os.read(self.fd, 65536)
            except OSError:
                return None
            self.seen += chunk.decode("utf-8", "replace")
            # Newer shells ask the terminal who it is.
            if "\x1b[c" in self.seen or "\x1b[0c" in self.seen:
                os.write(self.fd, b"\x1b[?1;2c")
                self.seen = self.seen.replace("\x1b[c", "").replace("\x1b[0c", "")

    def send(self, text):
        os.write(self.fd, text.encode())

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def check(shell, cwd):
    argv, cases = SHELLS[shell]
    terminal = Terminal(argv, cwd)
    failures = []
    try:
        if not terminal.until("ready> "):
            return [f"{shell}: no prompt: {terminal.seen!r}"]
        for number, (typed, expected) in enumerate(cases):
            terminal.send(typed + "\t")
            # Ctrl-E, a word of our own to end on, Ctrl-A, and printf before it.
            terminal.send(f"\x05 end{number}\x01printf '[%s]' \r")
            found = terminal.until(r"((?:\[[^\]%\x1b\r\n]*\])+)\[end" + str(number) + r"\]")
            words = " ".join(re.findall(r"\[([^\]]*)\]", found.group(1))) if found else repr(terminal.seen[-500:])
            # zsh takes the slash of a directory back when a space follows.
            if words.rstrip("/") != expected:
                failures.append(f"{shell}: {typed!r} became {words!r}, not {expected!r}")
                if not found:
                    break
            terminal.until("ready> ")
    finally:
        terminal.close()
    return failures


def main():
    place = tempfile.mkdtemp(dir=HOME)
    here = os.path.join(place, "here")
    clone(here, "hotfix/login-500")
    clone(os.path.join(place, "other"), "hotfix/other")
    start_files()
    wanted = sys.argv[1:] or list(SHELLS)
    failures = []
    for shell in wanted:
        found = check(shell, here)
        failures += found
        if not found:
            print(f"ok: {len(SHELLS[shell][1])} completions in {shell}")
    for failure in failures:
        print(f"failed: {failure}", file=sys.stderr)
    sys.exit(1 if failures else 0)


main()
