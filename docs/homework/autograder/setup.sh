#!/usr/bin/env bash
# Builds the autograder's image; Gradescope runs it once, as root.
set -euo pipefail
python=python3
if ! python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))'; then
  apt-get update -qq && apt-get install -y -qq python3-pip python3-venv
  python3 -m venv /opt/uv && /opt/uv/bin/pip install -q uv
  export UV_PYTHON_INSTALL_DIR=/opt/python  # unprivileged users can read this folder
  /opt/uv/bin/uv python install 3.12
  python=$(/opt/uv/bin/uv python find 3.12)
fi
cd "${1:-/autograder}"
"$python" -m venv venv
venv/bin/pip install -q "$(grep ^torch== source/edition/requirements.txt)" --index-url https://download.pytorch.org/whl/cpu
venv/bin/pip install -q -r source/edition/requirements.txt
