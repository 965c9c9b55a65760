"""Work that may end its process, or never end."""

from __future__ import annotations

import os
import pickle
import select
import signal
from collections.abc import Callable
from typing import Any


def isolated(work: Callable[[], Any], patience: float = 30.0) -> Any:
    """What ``work`` gives in a copy of this process; a text where that ends, or takes more than so many seconds."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reading)
            os.environ["RUST_BACKTRACE"] = "0"  # collecting one takes longer than the program
            result = pickle.dumps(work())
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(result)
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        ready, _, _ = select.select([pipe], [], [], patience)
        if not ready:
            os.kill(child, signal.SIGKILL)
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    if not ready:
        return "hangs"
    if not answer:
        return f"ended with code {os.waitstatus_to_exitcode(status)}"
    return pickle.loads(answer)
