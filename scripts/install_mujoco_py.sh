#!/usr/bin/env bash
# Installs mujoco-py and the MuJoCo 2.1 library, for --backend mujoco_py, in a separate virtual environment:
# $CS285_MUJOCO_PY_VENV, or .venv-mujoco-py in the project. $PYTHON is the CPython 3.11 to use.
# If there is a complete installation, it is kept; an incomplete one is replaced.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=${CS285_MUJOCO_PY_VENV:-$root/.venv-mujoco-py}
python=${PYTHON:-python3.11}
library=$venv/mj210/mujoco_py/binaries/linux/mujoco210
# numpy is last so that no other requirement can raise it.
requirements=(
    'gymnasium-robotics[mujoco-py]==1.4.2' 'gymnasium[mujoco]==1.4.0' mujoco-py-cython3==2.1.2.15
    torch==2.13.0 numpy==1.26.4
)
imports='import numpy; assert numpy.__version__ < "2"; import gymnasium_robotics, mujoco_py, cs285.infrastructure.rl_trainer'

stop() { echo "error: $*" >&2; exit 2; }
works() {  # CC=false fails at once where a broken mujoco_py would compile itself for minutes
    CC=false MUJOCO_PY_MUJOCO_PATH=$library LD_LIBRARY_PATH=$library/bin${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} \
        timeout 60 "$venv/bin/python" -c "$imports" >/dev/null 2>&1
}

[ $# -eq 0 ] || stop "no arguments are allowed, not '$*'; the settings are CS285_MUJOCO_PY_VENV and PYTHON"
[ "$(uname -s) $(uname -m)" = "Linux x86_64" ] ||
    stop "mujoco-py has wheels for Linux x86_64 only; the -v2 tasks run on the official bindings too"
"$python" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null ||
    stop "$python is no Python 3.11 with venv; set PYTHON to one, or on Debian and Ubuntu: apt-get install python3.11-venv"
"$python" -c 'import ctypes; ctypes.CDLL("libEGL.so.1"), ctypes.CDLL("libOpenGL.so.0")' 2>/dev/null ||
    stop "libEGL or libOpenGL is missing; on Debian and Ubuntu: apt-get install libegl1 libopengl0"
[ ! -e "$venv" ] || [ -e "$venv/pyvenv.cfg" ] || stop "$venv exists and is no virtual environment; move it away"
if [ -e "$venv/cs285-finished" ] && works; then
    echo "mujoco-py is already installed in $venv"
    exit 0
fi

rm -f "$venv/cs285-finished"
echo "installing mujoco-py in $venv"
"$python" -m venv --clear "$venv"
pip=("$venv/bin/python" -m pip install --quiet --disable-pip-version-check)
"${pip[@]}" --editable "$root[experts]" "${requirements[@]}" || stop "pip could not install mujoco-py; its message is above"
# free-mujoco-py's wheel contains the MuJoCo 2.1 library; its Python part is not used.
"${pip[@]}" --no-deps --ignore-requires-python --target "$venv/mj210" free-mujoco-py==2.1.6 ||
    stop "pip could not install free-mujoco-py; its message is above"
# The module compiled for EGL serves machines without a GPU too.
(cd "$venv"/lib/python3.11/site-packages/mujoco_py/generated &&
    ln -sf cymj_2.1.2.15_311_linuxgpuextensionbuilder_311.so cymj_2.1.2.15_311_linuxcpuextensionbuilder_311.so)
works || stop "mujoco_py was installed in $venv but can't be imported; see: $venv/bin/python -c '$imports'"
touch "$venv/cs285-finished"
echo "done: run the scripts with --backend mujoco_py"
