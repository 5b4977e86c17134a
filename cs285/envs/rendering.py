"""Pictures of MuJoCo tasks: without a screen, fast, and with the walker in them."""

from __future__ import annotations

import ctypes.util
import functools
import importlib
import os
import sys
from types import ModuleType
from typing import Any

import numpy as np

from cs285.process import signals_blocked

FRAME_SIZE = 320
RENDERING_DISABLED = "disabled"  # a value of MUJOCO_GL
RENDERING_HELP = "on Debian and Ubuntu: apt-get install libegl1 libopengl0 libgl1-mesa-dri"


@functools.cache
def choose_gl_backend() -> None:
    """On Linux without a display, have MuJoCo and pygame render off screen. A user's choice stands."""
    if not sys.platform.startswith("linux") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    if "MUJOCO_GL" in os.environ:
        return
    if ctypes.util.find_library("EGL") and ctypes.util.find_library("OpenGL"):
        os.environ["MUJOCO_GL"] = "egl"
    elif ctypes.util.find_library("OSMesa"):
        os.environ["MUJOCO_GL"] = "osmesa"


def import_mujoco() -> ModuleType | None:
    """MuJoCo's package, None where there is none.

    Importing it loads the library that MUJOCO_GL names. Where that fails MuJoCo is imported
    without rendering: only videos need it.
    """
    try:
        with signals_blocked():  # its C++ makes an ImportError of Ctrl-C
            return importlib.import_module("mujoco")
    except ModuleNotFoundError:
        return None
    except Exception:  # each library fails in a way of its own
        for name in [name for name in sys.modules if name.partition(".")[0] in ("mujoco", "OpenGL")]:
            del sys.modules[name]
        os.environ["MUJOCO_GL"] = RENDERING_DISABLED
        return importlib.import_module("mujoco")


def prepare_rendering(env: Any) -> None:
    """Set up how an environment made to render draws its frames; without MuJoCo there is nothing to do.

    Args:
        env: a Gymnasium environment that has not rendered yet. Its physics stay as they are.
    """
    model = getattr(env.unwrapped, "model", None)
    renderer = getattr(env.unwrapped, "mujoco_renderer", None)
    if not hasattr(model, "vis"):
        return
    _render_fast(model)
    if renderer is None:  # mujoco-py's tasks have a camera that follows
        return
    _draw_endless_floor(model)
    _follow_with_camera(renderer)


def _render_fast(model: Any) -> None:
    """Leave out shadows, anti-aliasing and reflections: software rendering is 8 to 24 times faster."""
    model.vis.quality.shadowsize = 0
    model.vis.quality.offsamples = 0
    model.mat_reflectance[:] = 0


def _draw_endless_floor(model: Any) -> None:
    """Draw planes as endless as they are in the physics: a fast walker runs off their drawn part."""
    import mujoco

    for plane in np.flatnonzero(model.geom_type == mujoco.mjtGeom.mjGEOM_PLANE):
        size, material = model.geom_size[plane, :2], model.geom_matid[plane]
        if material >= 0 and size.all():  # on an endless plane a texture repeats by length, not by plane
            model.mat_texrepeat[material] /= 2 * size
        size[:] = 0


def _follow_with_camera(renderer: Any) -> None:
    """Keep the walker in the picture: Gymnasium's camera stands still and loses it within seconds."""
    if renderer.camera_id != -1:  # a camera of the model's own was asked for
        return
    import mujoco

    renderer.camera_id = None  # else each frame sets the type back to a free camera
    tracking = {"type": mujoco.mjtCamera.mjCAMERA_TRACKING, "trackbodyid": 1, "elevation": -20.0}
    renderer.default_cam_config = tracking | (renderer.default_cam_config or {})
