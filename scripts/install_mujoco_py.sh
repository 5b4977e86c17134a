#!/usr/bin/env bash
# Installs mujoco-py and the MuJoCo 2.1 library, for --backend mujoco_py, into a virtual
# environment of their own: .venv-mujoco-py, or the folder that $CS285_MUJOCO_PY_VENV names.
# $PYTHON names the CPython 3.11 to use. It can be run again: a whole installation stays as
# it is, a half-finished one is made anew.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=${CS285_MUJOCO_PY_VENV:-$root/.venv-mujoco-py}
python=${PYTHON:-python3.11}
finished=$venv/cs285-finished

stop() { echo "error: $*" >&2; exit 2; }
say() { echo "install_mujoco_py: $*"; }

check_platform() {
    local system library
    system="$(uname -s) $(uname -m)"
    [ "$system" = "Linux x86_64" ] ||
        stop "mujoco-py has wheels for Linux x86_64 only, this is $system; -v2 tasks run on the official bindings too"
    "$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) or sys.implementation.name != "cpython")' \
        2>/dev/null || stop "mujoco-py needs CPython 3.11, and $python is none; set PYTHON to one"
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        stop "$python can't make virtual environments; on Debian and Ubuntu: apt-get install python3.11-venv"
    for library in libEGL.so.1 libOpenGL.so.0; do
        "$python" -c "import ctypes; ctypes.CDLL('$library')" 2>/dev/null ||
            stop "$library is missing; on Debian and Ubuntu: apt-get install libegl1 libopengl0"
    done
}

# numpy last, so that no other requirement can lift it.
requirements=(
    'gymnasium-robotics[mujoco-py]==1.4.2' 'gymnasium[mujoco]==1.4.0' mujoco-py-cython3==2.1.2.15
    torch==2.13.0 numpy==1.26.4
)
# Its wheel holds the MuJoCo 2.1 library; its own Python part stays unused.
library_wheel=free-mujoco-py==2.1.6

install() {
    [ ! -e "$venv" ] || [ -e "$venv/pyvenv.cfg" ] || stop "$venv exists and is no virtual environment; move it away"
    say "making $venv"
    "$python" -m venv --clear "$venv"
    local pip=("$venv/bin/python" -m pip install --quiet --disable-pip-version-check)
    say "installing the project, ${requirements[*]}"
    "${pip[@]}" --editable "$root[experts]" "${requirements[@]}" || stop "pip could not install mujoco-py; its message is above"
    say "installing the MuJoCo 2.1 library"
    "${pip[@]}" --no-deps --ignore-requires-python --target "$venv/mj210" "$library_wheel" ||
        stop "pip could not install $library_wheel; its message is above"
    # One compiled module, which draws with EGL, serves machines without a GPU as well.
    (cd "$venv"/lib/python3.11/site-packages/mujoco_py/generated &&
        ln -sf cymj_2.1.2.15_311_linuxgpuextensionbuilder_311.so cymj_2.1.2.15_311_linuxcpuextensionbuilder_311.so)
}

# A broken import would start a compile of minutes: the compiler is one that fails, and the time is limited.
imports='import gymnasium_robotics, mujoco_py, cs285.infrastructure.rl_trainer'
works() {
    local library=$venv/mj210/mujoco_py/binaries/linux/mujoco210
    CC=false MUJOCO_PY_MUJOCO_PATH=$library LD_LIBRARY_PATH=$library/bin${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} \
        timeout 60 "$venv/bin/python" -c "import numpy; assert numpy.__version__ < '2'; $imports" >/dev/null 2>&1
}

[ $# -eq 0 ] || stop "it takes no arguments, so '$*' means nothing; CS285_MUJOCO_PY_VENV and PYTHON are its settings"
check_platform
if [ -e "$finished" ] && works; then
    say "mujoco-py is already in $venv"
    exit 0
fi
rm -f "$finished"
install
works || stop "mujoco_py was installed in $venv but does not import; see: $venv/bin/python -c '$imports'"
touch "$finished"
say "done: run the scripts as always, with --backend mujoco_py"
