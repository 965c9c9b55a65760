"""Runs random programs at length: ``python tests/programs --programs 200000 --seed 0``."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from programs.marathon import main

    sys.exit(main())
