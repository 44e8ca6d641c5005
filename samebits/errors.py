"""A mistake of the user is one line and exit status 2; anything else is a bug and keeps its traceback."""

import atexit
import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn


class UserError(Exception):
    """What is wrong, where, and what would be right, in one line."""


def run(main: Callable[[], int | None]) -> NoReturn:
    """Call `main`, the body of a program, and exit with the status that it returns.

    On UserError, exit with status 2 and one line on stderr; on a bug, with status 2 and its traceback; on Ctrl-C, or
    where the reader of stdout has gone, as the shell expects, with 130 or 141 and none.
    """
    gc.enable()
    try:
        status = main() or 0
        sys.stdout.flush()
    except UserError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        status = 2
    except KeyboardInterrupt:
        status = 128 + signal.SIGINT
    except BrokenPipeError:
        os._exit(128 + signal.SIGPIPE)
    except Exception:
        traceback.print_exc()
        status = 2  # 1 is an answer of several programs, as "not reproduced"
    sys.stdout.flush()
    sys.stderr.flush()
    atexit._run_exitfuncs()
    os._exit(status)  # all files are closed; to tear down an interpreter with torch in it takes 0.4 s


def warn(message: str) -> None:
    """Tell the user, in one line on stderr, what is allowed but probably not meant."""
    print(f"warning: {message}", file=sys.stderr)
