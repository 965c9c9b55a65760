"""What all tests share: hypothesis profiles and the folder of recorded fixtures."""

import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# `make test` draws the same examples each time; `make fuzz` draws new ones, and many; few where each is slow.
common = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("default", derandomize=True, max_examples=50, **common)
settings.register_profile("few", derandomize=True, max_examples=10, **common)
settings.register_profile("fuzz", derandomize=False, max_examples=20_000, **common)
settings.load_profile("default")


# A shell that starts the tests in the background has Ctrl-C ignored, in them and all that they start; some press it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--recorded",
        type=Path,
        default=Path(__file__).parent / "fixtures",
        help="folder with what scripts/record_fixtures.py wrote",
    )


@pytest.fixture(scope="session")
def recorded(request: pytest.FixtureRequest) -> Path:
    """The folder of the fixtures recorded from PyTorch."""
    return request.config.getoption("--recorded")
