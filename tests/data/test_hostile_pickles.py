"""A pickle is a program: whatever it asks for, nothing of it runs, and the refusal says what it named."""

from __future__ import annotations

import builtins
import os
import pickle
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cs285.data.expert_data import load_expert_data, load_pickle
from cs285.errors import InvalidInput
from cs285.policies.loaded_gaussian_policy import LoadedGaussianPolicy
from tests.fakes import course_episode, expert_content, pickle_file, pickled_by_python_2

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


class Calls:
    """Pickles to a call."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


def attacks(canary: Path) -> dict[str, tuple[Any, str]]:
    """What to pickle, and the name that the refusal must give. The first three would make ``canary``."""
    return {
        "os.system": (Calls(os.system, f"touch {canary}"), f"{os.name}.system"),
        "eval": (Calls(eval, f"open({str(canary)!r}, 'w').close()"), "eval"),
        "called later": (Calls(Calls, os.mkdir, str(canary)), "Calls"),
        "getattr": (Calls(getattr, Calls(__import__, "os"), "system"), "getattr"),
        "a bare callable": (os.system, f"{os.name}.system"),
        "numpy.load": (Calls(np.load, "x.npy", None, True), "load"),
        "numpy.fromfile": (Calls(np.fromfile, "/etc/passwd"), "fromfile"),
        "a class": (Path("x"), "Path"),
    }


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", list(attacks(Path())))
def test_calls_are_refused_and_do_not_run(tmp_path: Path, name: str, protocol: int) -> None:
    canary = tmp_path / "canary"
    attack, named = attacks(canary)[name]
    episode, expert = course_episode(2023), expert_content()
    episode["observation"], expert["GaussianPolicy"]["logstdevs_1_Da"] = attack, attack
    for read, content in ((load_pickle, attack), (load_expert_data, [episode]), (LoadedGaussianPolicy, expert)):
        with pytest.raises(InvalidInput, match=rf"x\.pkl is refused: it names \S*{named}; only numpy"):
            read(pickle_file(tmp_path / "x.pkl", content, protocol))
    assert not canary.exists()


def test_the_attacks_are_real(tmp_path: Path) -> None:
    for name in ("os.system", "eval"):
        canary = tmp_path / name
        pickle.loads(pickle.dumps(attacks(canary)[name][0]))
        assert canary.exists()


@pytest.mark.parametrize(
    "pickled",
    [
        b"cos\nsystem\n(S'touch canary'\ntR.",
        b"(S'touch canary'\nios\nsystem\n.",
        b"(cos\nsystem\nS'touch canary'\no.",
        b"\x80\x04\x8c\x05numpy\x8c\x0fndarray.__new__\x93.",
        b"\x80\x04\x8c\x05numpy\x8c\x12dtype.__subclasses\x93.",
        b"cnumpy.core.multiarray\n_reconstruct.__globals__\n.",
        b"c__builtin__\neval\n.",
        b"cbuiltins\nexec\n.",
    ],
)
def test_hand_written_opcodes_are_refused(tmp_path: Path, pickled: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.pkl").write_bytes(pickled)
    with pytest.raises(InvalidInput, match="it names"):
        load_pickle(tmp_path / "x.pkl")
    assert not Path("canary").exists()


@pytest.mark.parametrize("pickled", [b"Ppersistent\n.", b"\x80\x02K\x01Q.", b"\x80\x02\x82\x01.", b"\x80\x63N."])
def test_persistent_ids_extensions_and_unknown_protocols_are_refused(tmp_path: Path, pickled: bytes) -> None:
    (tmp_path / "x.pkl").write_bytes(pickled)
    with pytest.raises(InvalidInput):
        load_pickle(tmp_path / "x.pkl")


@same_folder
@given(protocol=st.sampled_from(PROTOCOLS), data=st.data())
def test_a_file_cut_short_anywhere_is_refused(tmp_path: Path, protocol: int, data: st.DataObject) -> None:
    whole = pickle.dumps([course_episode(2020, steps=3)], protocol)
    (tmp_path / "x.pkl").write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(InvalidInput, match=r"x\.pkl"):
        load_expert_data(tmp_path / "x.pkl")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_arrays_of_objects_run_nothing(tmp_path: Path, protocol: int) -> None:
    canary = tmp_path / "canary"
    for array in (np.array([None, {}], object), np.array([Calls(os.system, f"touch {canary}")], object)):
        with pytest.raises(InvalidInput):
            load_pickle(pickle_file(tmp_path / "x.pkl", array, protocol))
    assert not canary.exists()


@pytest.mark.parametrize("dtype", ["U3", "S3", "M8[s]", "c16", [("a", "f4"), ("b", "i8")]])
def test_arrays_of_other_things_than_real_numbers_are_refused(tmp_path: Path, dtype: Any) -> None:
    with pytest.raises(InvalidInput):
        load_pickle(pickle_file(tmp_path / "x.pkl", np.zeros(2, dtype)))


def python_2_array(shape: tuple[int, ...], dtype: str, content: bytes) -> bytes:
    """A pickled array that claims to be of this shape and dtype."""
    honest = pickled_by_python_2(np.zeros(1, np.int8), 0)
    claimed = pickled_by_python_2(shape, 0)[:-1]
    assert honest.count(b"(I1\ntp") == 1
    start = honest.index(b"(I1\ntp")
    end = honest.index(b"\n", start + 6) + 1
    lying = honest[:start] + claimed + honest[end:]
    return lying.replace(b"S'i1'", b"S'" + dtype.encode() + b"'").replace(
        b"S'\\x00'", b"S" + repr(content)[1:].encode()
    )


def test_the_lying_array_can_tell_the_truth(tmp_path: Path) -> None:
    (tmp_path / "x.pkl").write_bytes(python_2_array((2, 1), "i1", b"\x05\x06"))
    assert load_pickle(tmp_path / "x.pkl").tolist() == [[5], [6]]


@pytest.mark.parametrize("shape", [(2**40,), (2**31, 2**31, 2**31), (10**300,), (-1,), (1,) * 100, (0, 2**62)])
def test_a_shape_that_the_bytes_do_not_fill_is_refused_at_once(tmp_path: Path, shape: tuple[int, ...]) -> None:
    (tmp_path / "x.pkl").write_bytes(python_2_array(shape, "i1", b"\x00"))
    with pytest.raises(InvalidInput, match="an array in the file"):
        load_pickle(tmp_path / "x.pkl")


@pytest.mark.parametrize("dtype", ["O", "f,f", "i,O", "2f4", "V8", "U2"])
def test_a_dtype_of_anything_but_one_number_is_refused(tmp_path: Path, dtype: str) -> None:
    (tmp_path / "x.pkl").write_bytes(python_2_array((1,), dtype, bytes(np.dtype(dtype).itemsize)))
    with pytest.raises(InvalidInput):
        load_pickle(tmp_path / "x.pkl")


@pytest.mark.parametrize("size", [2**32, 2**62])
def test_a_string_longer_than_the_file_is_refused(tmp_path: Path, size: int) -> None:
    (tmp_path / "x.pkl").write_bytes(b"\x80\x04\x8e" + struct.pack("<Q", size) + b"short.")
    with pytest.raises(InvalidInput, match="not a whole pickle"):
        load_pickle(tmp_path / "x.pkl")


def test_containers_within_themselves_are_refused(tmp_path: Path) -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(InvalidInput, match="nested"):
        load_pickle(pickle_file(tmp_path / "x.pkl", endless))


def test_shared_containers_are_read_once(tmp_path: Path) -> None:
    """Else a file of 200 bytes, each list holding the next one twice, takes years to read."""
    shared: list[Any] = []
    for _ in range(16):
        shared = [shared, shared]
    try:
        loaded = load_pickle(pickle_file(tmp_path / "x.pkl", shared))
    except InvalidInput:
        return  # refusing them is as good
    assert loaded[0] is loaded[1]


def test_a_file_leaves_no_trace_in_the_reader(tmp_path: Path) -> None:
    """The opcode BUILD sets attributes of whatever is on the stack, a function of the reader's included."""
    set_defaults = b"\x80\x02c_codecs\nencode\nN}U\x0c__defaults__U\x05rot13\x85s\x86b."
    (tmp_path / "x.pkl").write_bytes(set_defaults)
    with pytest.raises(InvalidInput):
        load_pickle(tmp_path / "x.pkl")
    (tmp_path / "x.pkl").write_bytes(b"\x80\x02c_codecs\nencode\nU\x02ab\x85R.")
    assert load_pickle(tmp_path / "x.pkl") == b"ab"


def doubled(depth: int, add: bytes) -> bytes:
    """Opcodes of an empty tuple, then of a tuple that holds it twice, and so on; ``add`` uses the outermost."""
    return b"\x80\x04)" + b"2\x86" * depth + add + b"."


# A memo number of 2**25 makes the plain unpickler take half a gigabyte, one of 2**32 all there is.
SMALL_FILES = {
    "a high memo number": b"\x80\x02K\x00r" + struct.pack("<I", 2**25) + b".",
    "a byte array longer than the file": b"\x80\x05\x96" + struct.pack("<Q", 2**30) + b"short.",
    "a state whose text is endless": b"\x80\x04cnumpy\ndtype\nU\x02f4\x85R" + doubled(60, b"b")[2:],
    "a dtype whose text is endless": b"\x80\x04cnumpy\ndtype\n" + doubled(60, b"\x85R")[2:],
    "a key whose hash takes years": b"\x80\x04}" + doubled(60, b"K\x00s")[2:],
    "keys whose hash takes years": b"\x80\x04}(" + doubled(60, b"K\x00u")[2:],
    "a dict of them": b"\x80\x04(" + doubled(60, b"K\x00d")[2:],
    "a set of them": b"\x80\x04\x8f(" + doubled(60, b"\x90")[2:],
    "a frozen set of them": b"\x80\x04(" + doubled(60, b"\x91")[2:],
}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peak memory is read as Linux tells it")
@pytest.mark.parametrize("name", SMALL_FILES)
def test_a_small_file_takes_little_memory_and_time(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.pkl"
    path.write_bytes(SMALL_FILES[name])
    code = """
import pathlib, sys
from cs285.errors import InvalidInput
from cs285.data.expert_data import load_pickle
def peak():
    return int(pathlib.Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
before = peak()
try: load_pickle(pathlib.Path(sys.argv[1]))
except InvalidInput: pass
print(peak() - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True, timeout=60
    )
    assert int(done.stdout) < 100 * 1024


def test_the_stand_ins_cover_no_builtin_that_runs_code(tmp_path: Path) -> None:
    for module in ("builtins", "__builtin__", "os", "numpy", "copyreg", "_codecs"):
        for name in dir(builtins):
            (tmp_path / "x.pkl").write_bytes(f"c{module}\n{name}\n.".encode())
            with pytest.raises(InvalidInput):
                load_pickle(tmp_path / "x.pkl")
