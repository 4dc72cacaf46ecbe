# Sourced by ./demo and ./test.

# environment DIR EXTRAS: make DIR a virtual environment that holds this project with EXTRAS, unless it does already.
environment() {
    local directory=$1 extras=$2 python stamp
    python=$(python_of_the_right_version)
    # What is installed is known by the extras and the content of pyproject.toml; extras only ever add up.
    stamp="$(cat "$directory/.installed" 2>/dev/null || true)"
    case " $stamp " in *" $extras:$(cksum <pyproject.toml | tr ' ' '-') "*) return ;; esac
    echo "Setting up $directory (inspectd[$extras]) ..." >&2
    [ -x "$directory/bin/python" ] || "$python" -m venv "$directory"
    "$directory/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile --editable ".[$extras]"
    # pip would compile on one core. What cannot be compiled are templates and samples that nobody imports.
    "$directory/bin/python" -m compileall -q -j 0 "$directory"/lib/python3*/site-packages >/dev/null 2>&1 || true
    echo "$stamp $extras:$(cksum <pyproject.toml | tr ' ' '-')" >"$directory/.installed"
}

python_of_the_right_version() {
    local candidate
    for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11; do
        if [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "inspectd needs Python 3.11 or newer with venv (Debian, Ubuntu: apt install python3-venv)." >&2
    echo "Name another interpreter in PYTHON, as in: PYTHON=/opt/python3.12/bin/python3 $0" >&2
    exit 1
}
