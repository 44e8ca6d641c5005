"""A mistake of the user is one line and exit status 2; anything else is a bug and keeps its traceback."""

import atexit
import errno
import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EBADF)  # a full disk, or a stdout that takes nothing


class UserError(Exception):
    """What is wrong, where, and what would be right, in one line."""


def run(main: Callable[[], int | None]) -> NoReturn:
    """Call `main`, the body of a program, and exit with the status that it returns.

    On UserError, or if the output cannot be written, exit with status 2 and one line on stderr; on a bug, with status 2
    and its traceback; on Ctrl-C or where the reader of stdout has gone, as the shell expects, with 130 or 141 and none.
    """
    gc.enable()
    try:
        status = main() or 0
        _flush()
    except UserError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        status = 2
    except KeyboardInterrupt:
        status = 128 + signal.SIGINT
    except BrokenPipeError:
        os._exit(128 + signal.SIGPIPE)
    except Exception as error:
        if isinstance(error, OSError) and error.filename is None and error.errno in UNWRITABLE:
            print(f"error: cannot write the output: {error.strerror}", file=sys.stderr)
        else:
            traceback.print_exc()
        status = 2  # 1 is an answer of several programs, as "not reproduced"
    with suppress(OSError):  # it was told above
        _flush()
    atexit._run_exitfuncs()
    os._exit(status)  # all files are closed; to tear down an interpreter with torch in it takes 0.4 s


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream:  # None where it was closed when the program began
            stream.flush()


def warn(message: str) -> None:
    """Warn the user, in one line on stderr, of something allowed but probably not intended."""
    print(f"warning: {message}", file=sys.stderr)
