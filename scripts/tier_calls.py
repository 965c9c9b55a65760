"""Lists functions that code of a SIMD tier calls and that were compiled without the tier's instructions.

    python scripts/tier_calls.py LIBRARY

LIBRARY is an extension module or a program with symbols: build with `CARGO_PROFILE_FAST_STRIP=none`, and with
`strip = false` for maturin in pyproject.toml. A function counts as code of a tier if it uses registers of 256 or 512
bits, and as compiled without it if it moves or computes packed numbers and uses none of them. Each line: instructions
of 128 bits, all instructions, the function, one that calls it. Needs objdump.
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass, field

HEAD = re.compile(r"^([0-9a-f]+) <(.*)>:$")
CALL = re.compile(r"\b(?:call|jmp)\s+([0-9a-f]+) <")
NARROW = re.compile(r"\t(?:add|sub|mul|div|max|min)[ps][sd]\b|\tmov(?:up|ap|s)[sd]\b|\t(?:movdqu|paddd)\b")
# Fewer instructions of 128 bits are not a loop.
LEAST = 4


@dataclass
class Function:
    name: str
    instructions: int = 0
    wide: int = 0
    narrow: int = 0
    calls: set[int] = field(default_factory=set)


def functions(library: str) -> dict[int, Function]:
    """All functions of a library by their address."""
    found: dict[int, Function] = {}
    current = Function("")
    command = ["objdump", "--disassemble", "--no-show-raw-insn", "--demangle", library]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if head := HEAD.match(line):
                current = found[int(head[1], 16)] = Function(head[2])
                continue
            current.instructions += 1
            if "ymm" in line or "zmm" in line:
                current.wide += 1
            elif NARROW.search(line):
                current.narrow += 1
            if call := CALL.search(line):
                current.calls.add(int(call[1], 16))
    if process.returncode:
        sys.exit(f"objdump failed on {library}")
    return found


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    found = functions(sys.argv[1])
    callers: dict[int, str] = {}
    for function in found.values():
        if function.wide:
            for address in function.calls:
                callers.setdefault(address, function.name)
    listed = [
        (found[address], caller)
        for address, caller in callers.items()
        if address in found and not found[address].wide and found[address].narrow >= LEAST
    ]
    for function, caller in sorted(listed, key=lambda pair: -pair[0].narrow):
        if "tenfold" in function.name or "iter" in function.name:
            print(f"{function.narrow:5} {function.instructions:6}  {function.name}  <-  {caller}")


if __name__ == "__main__":
    main()
