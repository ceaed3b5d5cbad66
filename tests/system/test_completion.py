"""Completion by bash and zsh, as a user has it at a terminal, and the manual page: what is made of
the tables of commands and settings."""

import os
import pty
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from process import wait_until
from results import RESULTS
from streamer import INPUTS, environment, run_once

# --- what help says of the commands, which is what shells must propose


def told(*arguments: str) -> str:
    done = run_once(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def commands() -> list[str]:
    names = re.findall(r"^  streamer ([a-z]+)", told("help"), re.MULTILINE)
    assert len(names) >= 13
    return names


def options(command: str) -> dict[str, str]:
    """Each option with what stands for its value: "--config": "FILE"."""
    found = re.findall(r"^  (?:-\w, )?(--[\w-]+)(?: (.+))?$", told(command, "--help"), re.MULTILINE)
    assert len(found) >= 1
    return dict(found)


def settings() -> list[str]:
    return re.findall(r"^\| `([\w.]+)` \|", told("help", "--markdown"), re.MULTILINE)


# --- what bash proposes

REPLIES = r"""
compopt() { echo "compopt $*"; }
source "$1"
shift
COMP_WORDS=(streamer "$@")
COMP_CWORD=$#
_streamer
printf '%s\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both scripts, by the names that they have where they are installed."""
    folder = tmp_path_factory.mktemp("completion")
    (folder / "streamer").write_text(told("completion", "bash"))
    (folder / "_streamer").write_text(told("completion", "zsh"))
    return folder


def proposed(scripts: Path, *words: str) -> list[str]:
    """For the last of the words that follow `streamer`, which bash has split at each '='."""
    done = subprocess.run(
        ["bash", "--norc", "-c", REPLIES, "bash", scripts / "streamer", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_completion__bash_proposes_all_commands_and_options(scripts: Path) -> None:
    assert proposed(scripts, "") == [*commands(), "--help", "--version"]
    for command in commands():
        assert proposed(scripts, command, "-") == list(options(command)), command
        assert proposed(scripts, command, "x", "--h") == ["--help"], command


def test_completion__bash_proposes_all_values(scripts: Path) -> None:
    for command in commands():
        for option, value in options(command).items():
            got = proposed(scripts, command, option, "")
            if value == "FILE":
                assert got == ["compopt -o default", ""]
            elif value == "KEY=VALUE":
                keys = [line.removesuffix("=") for line in got[1:]]
                assert got[0] == "compopt -o nospace" and keys[: len(settings())] == settings()
                assert "kafka.ssl.ca.location" in keys and "kafka.group.id" not in keys
            elif value == "TOPIC":
                assert got == list(INPUTS)
            elif value == "CODE":
                assert {"invalid_balance", "too_late"} <= set(got)
            elif value in ("FIELD", "NAME=VALUE"):
                fields = {line.removesuffix("=") for line in got}
                assert {"customer_name", "has_loan", "balance", "updated_at"} <= fields
            elif "|" in value:
                assert got == value.split("|"), (command, option)


def test_completion__bash_proposes_words_of_commands(scripts: Path) -> None:
    for command in commands():
        usage = told(command, "--help").splitlines()[0]
        operands = re.sub(r"\[-.*?\](\.\.\.)?", "", usage).split(command, 1)[1].strip(" []")
        got = proposed(scripts, command, "")
        if operands == "":
            assert got == [""], command
        elif "|" in operands:
            words = [re.split(r"[ \]]", word)[0] for word in operands.split("|")]
            assert got == words, command
    assert proposed(scripts, "schemas", "-c", "x", "show", "") == list(RESULTS)
    assert proposed(scripts, "help", "") == commands()
    assert proposed(scripts, "help", "feed", "") == [""]  # it takes one
    assert proposed(scripts, "export", "") == list(RESULTS)
    assert proposed(scripts, "export", "account_summary", "") == [""]


# --- what a user types, and what the command gets

LINES = [
    ("rese\t--y\t", ["reset", "--yes"]),
    ("feed cust\tmy\t", ["feed", "customers", "my file.csv"]),
    ("feed -c set\tcust\tmy\t", ["feed", "-c", "settings.properties", "customers", "my file.csv"]),
    ("run --config=set\t", ["run", "--config=settings.properties"]),
    ("status --format=j\t", ["status", "--format=json"]),
    ("status --format j\t--w\t", ["status", "--format", "json", "--watch"]),
    ("status --url x --wa\t", ["status", "--url", "x", "--watch"]),
    ("run --set late.w\t3d --emb\t", ["run", "--set", "late.window=3d", "--embedded"]),
    ("run --set log.fo\tlo\t", ["run", "--set", "log.format=logfmt"]),
    ("run --set=kafka.ssl.ca.l\tx", ["run", "--set=kafka.ssl.ca.location=x"]),
    ("run --set output.format=av\t", ["run", "--set", "output.format=avro"]),
    ("schemas sh\taccount_s\t", ["schemas", "show", "account_summary"]),
    ("feed --missing bal\t", ["feed", "--missing", "balance"]),
    (
        "quarantine rep\t--field bal\t5 --ye\t",
        ["quarantine", "replay", "--field", "balance=5", "--yes"],
    ),
    ("help fre\t", ["help", "freshness"]),
]

# The command writes what it gets into a file, so that nothing has to be read off the screen.
COMMAND = "streamer() { printf '%s\\n' \"$@\" >got.new; mv got.new got; }\n"
ZSH = "PS1='> '\nautoload -U compinit\n"
RC = {
    "bash": "PS1='> '\nsource {scripts}/streamer\n",
    "zsh": ZSH + "fpath=({scripts} $fpath)\ncompinit -u -D\n",
    "zsh that has read it": ZSH + "compinit -u -D\nsource {scripts}/_streamer\n",
}


class Terminal:
    """An interactive shell whose terminal is ours."""

    def __init__(self, shell: str, scripts: Path, folder: Path) -> None:
        self.folder = folder
        (folder / ".zshrc").write_text(RC[shell].format(scripts=scripts) + COMMAND)
        bash = ["bash", "--noprofile", "--rcfile", str(folder / ".zshrc"), "-i"]
        self._ours, theirs = pty.openpty()
        self._shell = subprocess.Popen(
            ["setsid", "--ctty", *(bash if shell == "bash" else ["zsh", "-d", "-i"])],
            cwd=folder,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment() | {"TERM": "xterm", "ZDOTDIR": str(folder), "HISTFILE": ""},
        )
        os.close(theirs)
        os.set_blocking(self._ours, False)
        self._screen = b""
        self._log = folder / "screen"

    def _shows(self) -> bytes:
        try:
            self._screen += os.read(self._ours, 1 << 16)
        except (BlockingIOError, OSError):
            pass
        self._log.write_bytes(self._screen)
        return self._screen

    def type(self, keys: str) -> list[str]:
        """Types a line at the prompt. Gives what the command got."""
        got = self.folder / "got"
        got.unlink(missing_ok=True)
        wait_until("a prompt", lambda: b"> " in self._shows(), self._log)
        self._screen = b""
        os.write(self._ours, keys.encode() + b"\n")

        def is_there() -> bool:
            self._shows()
            return got.exists()

        wait_until(repr(keys), is_there, self._log)
        return got.read_text().splitlines()

    def close(self) -> None:
        self._shell.kill()
        self._shell.wait()
        os.close(self._ours)


@pytest.fixture(scope="module", params=RC)
def terminal(
    request: pytest.FixtureRequest, scripts: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Terminal]:
    folder = tmp_path_factory.mktemp("terminal")
    for name in ("my file.csv", "settings.properties"):
        (folder / name).touch()
    shell = Terminal(request.param, scripts, folder)
    yield shell
    shell.close()


@pytest.mark.parametrize(("keys", "words"), LINES, ids=[repr(keys) for keys, _ in LINES])
def test_completion__of_what_is_typed(terminal: Terminal, keys: str, words: list[str]) -> None:
    assert terminal.type(f"streamer {keys}") == words


def test_completion__zsh_knows_all_options(scripts: Path) -> None:
    script = scripts / "_streamer"
    subprocess.run(["zsh", "-n", script], check=True, timeout=60)
    for command in commands():
        (part,) = re.findall(
            rf"^    {command}\)\n(.*?)^        ;;$", script.read_text(), re.MULTILINE | re.DOTALL
        )
        for option, value in options(command).items():
            assert f"{option}{'=' if value else ''}" in part, (command, option)


def test_completion__of_another_shell() -> None:
    done = run_once("completion", "zhs")
    assert done.returncode == 2 and "did you mean zsh?" in done.stderr
    done = run_once("completion")
    assert done.returncode == 2 and "streamer completion bash|zsh" in done.stderr


# --- the manual page


def read_by(*command: str) -> Any:
    return subprocess.run(
        command,
        input=told("help", "--man"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "command", [["groff", "-ww", "-man", "-Tutf8"], ["man", "--warnings", "-l", "-"]]
)
def test_manual__no_reader_warns(command: list[str]) -> None:
    done = read_by(*command)
    assert (done.returncode, done.stderr) == (0, "")


def test_manual__has_only_no_date() -> None:
    """It would be that of the build, and two builds of one source are to be equal."""
    (line,) = read_by("mandoc", "-T", "lint", "-W", "warning").stdout.splitlines()
    assert "missing date" in line


def test_manual__has_all_commands_options_and_settings() -> None:
    page = re.sub(r"\s+", " ", re.sub(".\b", "", read_by("mandoc", "-T", "ascii").stdout))
    assert not re.search("@[A-Z]+@", page)
    for command in commands():
        usage, *lines = told(command, "--help").splitlines()
        assert f" streamer {command} {usage} " in page, command
        for line in lines:
            words = " ".join(line.split())
            assert words in ("Options:", "Examples:") or words in page, line
    assert len(settings()) > 30
    for key in settings():
        assert f" {key}=" in page, key
