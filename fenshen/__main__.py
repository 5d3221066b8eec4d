"""``python -m fenshen``, and what the script ``fenshen`` calls."""

from __future__ import annotations

import atexit
import os
import signal
import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command line, also where Ctrl-C comes before it is loaded or while Python ends."""
    code = 0

    def leave() -> None:  # registered first, runs last
        if code == INTERRUPTED:
            # Where an interrupt passed through compiled code, Python would end itself by a signal instead.
            os._exit(code)

    atexit.register(leave)
    try:
        from fenshen.cli import main

        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    except KeyboardInterrupt:
        from fenshen.messages import message

        code = INTERRUPTED
        print(message("cli.interrupted"), file=sys.stderr)
    signal.signal(signal.SIGINT, lambda *_: os._exit(code))  # all is done: Ctrl-C only hurries the end
    sys.exit(code)


if __name__ == "__main__":
    main()
