"""A wall clock that the tests can move under programs while they run."""

import struct
import subprocess
from pathlib import Path

from kafka import ROOT


class Clock:
    """The wall clock of programs that are started with `environment`, moved while they run."""

    def __init__(self, directory: Path) -> None:
        library = directory / "clock_shift.so"
        source = ROOT / "tests" / "fault" / "clock_shift.c"
        subprocess.run(
            ["gcc", "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", "-o", library, source], check=True
        )
        self._file = directory / "clock_shift"
        self._file.write_bytes(struct.pack("=q", 0))
        self.environment = {"LD_PRELOAD": str(library), "CLOCK_SHIFT_FILE": str(self._file)}

    def shift(self, seconds: int) -> None:
        with self._file.open("r+b") as file:  # in place: it is mapped
            file.write(struct.pack("=q", seconds * 1000))
