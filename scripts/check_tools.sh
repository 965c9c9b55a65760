#!/bin/sh
# Names each missing or too old tool and what to do about it; exits with 1 if there is one.
# Usage: check_tools.sh [nextest] [rustfmt] [clippy]; Rust, a linker, Python, venv and pip are always looked at.
set -u
python=${PYTHON:-python3}
rust_needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
missing=0

complain() {
    printf 'missing: %s\n  what to do: %s\n' "$1" "$2" >&2
    missing=1
}

at_least() { # at_least VERSION NEEDED: both like 1.95 or 1.95.0
    [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

if ! command -v cargo >/dev/null 2>&1 || ! command -v rustc >/dev/null 2>&1; then
    complain "Rust (cargo and rustc)" "install Rust $rust_needed or newer from https://rustup.rs"
else
    rust_found=$(rustc --version 2>/dev/null | cut -d ' ' -f 2 | cut -d - -f 1)
    if [ -z "$rust_found" ]; then
        complain "a working rustc" "rustc does not run; install Rust $rust_needed or newer from https://rustup.rs"
    elif ! at_least "$rust_found" "$rust_needed"; then
        complain "Rust $rust_needed or newer (found $rust_found)" "rustup update stable, or install from https://rustup.rs"
    fi
fi

if ! command -v cc >/dev/null 2>&1; then
    complain "a C linker (cc)" "install a C compiler: apt-get install gcc, dnf install gcc, or xcode-select --install"
fi

if ! command -v "$python" >/dev/null 2>&1; then
    complain "Python ($python)" "install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3.11"
elif ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    found=$("$python" -c 'import platform; print(platform.python_version())' 2>/dev/null || echo "one that does not run")
    complain "Python 3.11 or newer ($python is $found)" "install it, or name one: make PYTHON=/path/to/python3.11"
elif ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    complain "Python's modules venv and pip" "on Debian and Ubuntu: apt-get install python3-venv python3-pip"
fi

# Without cargo its subcommands are missing too; one complaint is enough.
command -v cargo >/dev/null 2>&1 || exit 1

for tool in "$@"; do
    case $tool in
        nextest) cargo nextest --version >/dev/null 2>&1 ||
            complain "cargo-nextest" "cargo install --locked cargo-nextest" ;;
        rustfmt) cargo fmt --version >/dev/null 2>&1 || complain "rustfmt" "rustup component add rustfmt" ;;
        clippy) cargo clippy --version >/dev/null 2>&1 || complain "clippy" "rustup component add clippy" ;;
        *) echo "check_tools.sh: unknown tool $tool" >&2; exit 2 ;;
    esac
done
exit $missing
