"""Off-screen rendering of MuJoCo tasks: graphics library, speed settings and a camera that follows the walker."""

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
HELP = "on Debian and Ubuntu: apt-get install libegl1 libopengl0 libgl1-mesa-dri; or set MUJOCO_GL=osmesa"


def advice() -> str:
    """What to install or unset if MuJoCo can't render, for an error message."""
    installed = all(map(ctypes.util.find_library, ("EGL", "OpenGL")))
    chosen = os.environ.get("MUJOCO_GL")
    return f"EGL is installed, but MUJOCO_GL is {chosen}; unset it" if installed and chosen != "egl" else HELP


@functools.cache
def import_mujoco() -> None:
    """Import MuJoCo, if it is installed, without graphics; Gymnasium loads the graphics library when it renders.

    MuJoCo's warnings become Python warnings; by default, MuJoCo would write them to the file MUJOCO_LOG.TXT.
    """
    chosen = os.environ.get("MUJOCO_GL")
    os.environ["MUJOCO_GL"] = "disabled"
    try:
        with signals_blocked():  # MuJoCo's C++ code turns KeyboardInterrupt into ImportError
            mujoco = importlib.import_module("mujoco")
    except ModuleNotFoundError:
        return
    finally:
        if chosen is None:
            del os.environ["MUJOCO_GL"]
        else:
            os.environ["MUJOCO_GL"] = chosen

    def warn(message: object) -> None:
        if "deprecated" not in str(message):
            warnings.warn(f"MuJoCo: {message!s}", RuntimeWarning, stacklevel=2)

    mujoco.set_mju_user_warning(warn)


def prepare_rendering(env: Any) -> None:
    """Make an environment render off screen, and a MuJoCo task also faster and with a camera that follows the walker.

    Call this before the first frame. On Linux, MuJoCo renders by EGL unless MUJOCO_GL is set, and pygame without a
    screen unless SDL_VIDEODRIVER is set.
    """
    if sys.platform.startswith("linux"):
        os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
        chosen = os.environ["MUJOCO_GL"] = os.environ.get("MUJOCO_GL", "").strip().lower() or "egl"
        if chosen in ("egl", "osmesa"):
            os.environ["PYOPENGL_PLATFORM"] = chosen  # with another value, the library can't be loaded
    model: Any = getattr(env.unwrapped, "model", None)
    if not hasattr(model, "vis"):
        return
    model.vis.quality.shadowsize = model.vis.quality.offsamples = 0  # frames have no shadows and no anti-aliasing
    model.mat_reflectance[:] = 0  # frames have no reflections; all three effects are slow in software rendering
    renderer = getattr(env.unwrapped, "mujoco_renderer", None)
    if renderer is None:  # a task of mujoco-py, whose camera already follows the walker
        return
    import mujoco

    for plane in np.flatnonzero(model.geom_type == mujoco.mjtGeom.mjGEOM_PLANE):  # walkers can leave the drawn floor
        size, material = model.geom_size[plane, :2], model.geom_matid[plane]
        if material >= 0 and size.all():  # on an endless plane, texrepeat counts per metre, not per plane
            model.mat_texrepeat[material] /= 2 * size
        size[:] = 0  # the drawn floor becomes endless, as it is in the physics
    if renderer.camera_id == -1:  # no camera was chosen, and Gymnasium's default camera does not move
        renderer.camera_id = None  # with -1, Gymnasium would make the camera free again at each frame
        tracking = {"type": mujoco.mjtCamera.mjCAMERA_TRACKING, "trackbodyid": 1, "elevation": -20.0}
        renderer.default_cam_config = tracking | (renderer.default_cam_config or {})
