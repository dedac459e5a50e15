"""Tie this process to its parent, then become the program named on the command line.

    python tether.py PARENT_PID PROGRAM [ARGUMENT ...]

A supervisor that is killed with -9 cannot stop its children; they would go on as orphans and hold
the port, the socket and the data folder. Linux ends a process whose parent dies when the process
asked for it (PR_SET_PDEATHSIG). The wish survives exec, but has to be made in the child, and code
between fork and exec (`preexec_fn`) is not safe in a program with threads: hence this program.

The signal is SIGKILL, the one nobody can miss; every part of the console is made to be killed.
Run with `python -I -S`, imports the standard library only.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Never returns."""
    parent, program = int(arguments[0]), arguments[1:]
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the supervisor ended before its child began")
    try:
        os.execvp(program[0], program)  # noqa: S606  no shell on purpose
    except OSError as problem:
        sys.exit(f"{program[0]}: {problem.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
