"""A trap for whoever would use the network: the kernel kills the process, or any that it starts, as it tries."""

from __future__ import annotations

import ctypes
import platform
import struct
import sys

# connect, sendto, sendmsg, sendmmsg: no name is looked up and nothing is sent without one of them.
_CALLS = {"x86_64": (42, 44, 46, 307), "aarch64": (203, 206, 211, 269)}
_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 38, 22, 2  # prctl(2)
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # seccomp(2): instructions, and what they return
_KILL, _ALLOW = 0x80000000, 0x7FFF0000


def possible() -> bool:
    """Whether there is such a trap on this system."""
    return sys.platform == "linux" and platform.machine() in _CALLS


def trap() -> None:
    """Set the trap for this process, for good."""
    calls = _CALLS[platform.machine()]
    program = [(_LOAD, 0, 0, 0)]  # the number of the system call
    program += [(_EQUAL, len(calls) - i, 0, number) for i, number in enumerate(calls)]
    program += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _KILL)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))
    header = struct.pack("HxxxxxxQ", len(program), ctypes.addressof(code))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) or prctl(_SECCOMP, _FILTER, ctypes.c_char_p(header)):
        raise OSError(ctypes.get_errno(), "no trap can be set")
