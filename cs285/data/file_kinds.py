"""Recognition of the kind of a file by its first bytes or, if it is a zip, by the names of its members."""

import re
import zipfile
from pathlib import Path

from cs285.data.whole_files import open_regular

FOLDER, PICKLE, NPZ = "a folder", "a pickle", "a numpy archive"
SB3_ZIP, TORCH_FILE = "a zip of stable-baselines3", "a torch checkpoint"
# Kinds of files that can't be read: a regular expression for the first bytes, and the kind's description for messages.
BEGINNINGS = {
    rb"\x1f\x8b|BZh|\xfd7zXZ": "compressed by gzip, bzip2 or xz; unpack it first",
    rb"\x89HDF": "HDF5 (a Minari data set is given as minari:<id or folder>)",
    rb"version https://git-lfs": "a Git LFS pointer, not the file itself; run git lfs pull",
    rb"\x93NUMPY": "a single numpy array (.npy)",
    rb"PAR1": "a Parquet table",
    rb"itr,": "the log.csv of a run",
    rb"\s*\{": "JSON, such as the config.json of a run",
    rb".{4}ftyp": "an MP4 video",
    rb".{20,30}brain\.Event": "an event file of TensorBoard",
    rb"\x80\x02\x8a\x0al\xfc\x9cF\xf9": "a torch checkpoint of a version before 1.6; save it again with a newer torch",
    rb"\s*<(!doctype|html|\?xml)": "a web page, not the file that it links to",
}


def kind_of(path: Path) -> str:
    """Return one of the five constants above, or a text that describes another kind of file in a message.

    A file that is of no known kind counts as a pickle. Raises InvalidInput when the file can't be read.
    """
    if path.is_dir():
        return FOLDER
    with open_regular(path) as file:
        start = file.read(1024)
    for beginning, kind in BEGINNINGS.items():
        if re.match(beginning, start, re.DOTALL | re.IGNORECASE):
            return kind
    if start.startswith(b"PK"):
        return _kind_of_zip(path)
    return PICKLE if start else "empty"


def _kind_of_zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return "a damaged or unfinished zip"
    if {"data", "policy.pth"} <= set(names):
        return SB3_ZIP
    if any(name.endswith("/code/") or "/code/" in name for name in names):
        return "TorchScript, which runs as code; load it, and give the module as the expert"
    if any(name.endswith("data.pkl") for name in names):
        return TORCH_FILE
    return NPZ if names and all(name.endswith(".npy") for name in names) else "a zip of other files"
