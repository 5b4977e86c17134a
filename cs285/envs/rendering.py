"""Off-screen rendering of MuJoCo tasks: graphics library, speed settings and a camera that follows the walker."""

from __future__ import annotations

import ctypes.util
import functools
import importlib
import os
import sys
import warnings
from typing import Any

import numpy as np

from cs285.process import signals_blocked

FRAME_SIZE = 320
DISABLED = "disabled"  # a value of MUJOCO_GL
HELP = "on Debian and Ubuntu: apt-get install libegl1 libopengl0 libgl1-mesa-dri"


@functools.cache
def choose_gl_backend() -> None:
    """Let MuJoCo and pygame render off screen on Linux, unless MUJOCO_GL or SDL_VIDEODRIVER is set.

    EGL works with and without a display, and where DISPLAY is set but no server answers.
    """
    if not sys.platform.startswith("linux"):
        return
    display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if not display:
        os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    egl = ctypes.util.find_library("EGL") and ctypes.util.find_library("OpenGL")
    osmesa = ctypes.util.find_library("OSMesa") and not display
    chosen = os.environ.pop("MUJOCO_GL", "").strip().lower() or ("egl" if egl else "osmesa" if osmesa else "")
    if chosen:
        os.environ["MUJOCO_GL"] = chosen
    if chosen in ("egl", "osmesa"):
        os.environ["PYOPENGL_PLATFORM"] = chosen  # MuJoCo refuses to import with another one


@functools.cache
def import_mujoco() -> None:
    """Import MuJoCo where it is installed, and turn its warnings into Python's.

    Where the graphics library that MUJOCO_GL names can't be loaded, MuJoCo is imported without, since only videos need
    it. MuJoCo's own warnings would create MUJOCO_LOG.TXT in the current folder.
    """
    try:
        with signals_blocked():  # its C++ code turns KeyboardInterrupt into ImportError
            mujoco = importlib.import_module("mujoco")
    except ModuleNotFoundError:
        return
    except Exception:  # each graphics library has exceptions of its own
        for name in [name for name in sys.modules if name.partition(".")[0] in ("mujoco", "OpenGL")]:
            del sys.modules[name]
        os.environ["MUJOCO_GL"] = DISABLED
        mujoco = importlib.import_module("mujoco")

    def warn(message: bytes | str) -> None:
        text = message.decode(errors="replace") if isinstance(message, bytes) else message
        if "deprecated" not in text:
            warnings.warn(f"MuJoCo: {text}", RuntimeWarning, stacklevel=2)

    mujoco.set_mju_user_warning(warn)


def prepare_rendering(env: Any) -> None:
    """Set up how a MuJoCo environment draws its frames; others stay as they are.

    Args:
        env: a Gymnasium environment made to render that has not rendered yet. Its physics stay as they are.
    """
    model: Any = getattr(env.unwrapped, "model", None)
    if not hasattr(model, "vis"):
        return
    model.vis.quality.shadowsize = model.vis.quality.offsamples = 0  # shadows, anti-aliasing and reflections make
    model.mat_reflectance[:] = 0  # software rendering many times slower
    renderer = getattr(env.unwrapped, "mujoco_renderer", None)
    if renderer is None:  # a task of mujoco-py, whose camera follows the walker
        return
    import mujoco

    for plane in np.flatnonzero(model.geom_type == mujoco.mjtGeom.mjGEOM_PLANE):  # a fast walker leaves the drawn floor
        size, material = model.geom_size[plane, :2], model.geom_matid[plane]
        if material >= 0 and size.all():  # on an endless plane a texture repeats by length, not by plane
            model.mat_texrepeat[material] /= 2 * size
        size[:] = 0  # endless, as in the physics
    if renderer.camera_id == -1:  # no camera of the model was asked for, and Gymnasium's default stands still
        renderer.camera_id = None  # otherwise each frame sets the type back to a free camera
        tracking = {"type": mujoco.mjtCamera.mjCAMERA_TRACKING, "trackbodyid": 1, "elevation": -20.0}
        renderer.default_cam_config = tracking | (renderer.default_cam_config or {})
