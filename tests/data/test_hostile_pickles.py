"""Restricted reading of hostile files: nothing in them runs, they take little time and memory, and refusals say why."""

import builtins
import io
import os
import pickle
import struct
import time
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cs285.data.expert_data import load_expert_data
from cs285.data.restricted_pickle import load_pickle, load_torch_file
from cs285.errors import InvalidInput
from tests.fakes import course_episode, pickle_file, pickled_by_python_2
from tests.fuzzing import Call

PROTOCOLS = (0, 2, pickle.HIGHEST_PROTOCOL)


def attacks(canary: Path) -> list[tuple[Any, str]]:
    """Values whose pickles name a function, each with a pattern of its refusal; the first two create ``canary``."""
    shell = Call(os.system, f"touch {canary}")
    return [
        (shell, f"{os.name}.system"),
        (Call(eval, f"open({str(canary)!r}, 'w').close()"), "eval"),
        (Call(Call, os.mkdir, str(canary)), "Call"),
        (Call(getattr, Call(__import__, "os"), "system"), "getattr"),
        (os.system, f"{os.name}.system"),
        (Call(np.load, "x.npy", None, True), "load"),
        (np.array([shell], object), f"{os.name}.system|plain numbers"),
    ]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_calls_are_refused_by_name_and_do_not_run(tmp_path: Path, protocol: int) -> None:
    canary = tmp_path / "canary"
    for attack, named in attacks(canary):
        path = pickle_file(tmp_path / "x.pkl", [{"observation": attack}], protocol)
        with pytest.raises(InvalidInput, match=rf"x\.pkl can't be read as .*({named})"):
            load_expert_data(path)
        torch.save({"logstd": attack}, path, pickle_protocol=max(2, protocol))
        with pytest.raises(InvalidInput, match=rf"x\.pkl can't be read as .*({named})"):
            load_torch_file(path)
    assert not canary.exists()
    # Plain pickle does call the functions of the first two attacks, which create the canary.
    for attack, _ in attacks(canary)[:2]:
        pickle.loads(pickle.dumps(attack, protocol))
        canary.unlink()


OPCODES = [
    b"(S'touch canary'\nios\nsystem\n.",
    b"(cos\nsystem\nS'touch canary'\no.",
    b"\x80\x04\x8c\x05numpy\x8c\x0fndarray.__new__\x93.",
    b"cnumpy.core.multiarray\n_reconstruct.__globals__\n.",
    b"Ppersistent\n.",
    b"\x80\x02K\x01Q.",
    b"\x80\x02\x82\x01.",
    # The opcode BUILD sets attributes of the object on the stack, here of a function of the reader.
    b"\x80\x02c_codecs\nencode\nN}U\x0c__defaults__U\x05rot13\x85s\x86b.",
]


def test_opcodes_and_builtins_that_plain_data_do_not_need_are_refused(tmp_path: Path) -> None:
    names = {(module, name) for module in ("builtins", "__builtin__") for name in dir(builtins)}
    names -= {("builtins", "slice"), ("__builtin__", "bytes")}
    names |= {("os", "system"), ("numpy", "load"), ("torch", "load"), ("copyreg", "_reconstructor")}
    named = {f"c{module}\n{name}\n.".encode() for module, name in names}
    for pickled in (*OPCODES, *named):
        (tmp_path / "x.pkl").write_bytes(pickled)
        with pytest.raises(InvalidInput, match="it names" if pickled in named else r"x\.pkl"):
            load_pickle(tmp_path / "x.pkl")


def test_files_cut_short_and_arrays_of_anything_but_real_numbers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.pkl"
    for whole in (pickle.dumps([course_episode(2020, steps=3)], protocol) for protocol in PROTOCOLS):
        for size in range(0, len(whole), 5):
            path.write_bytes(whole[:size])
            with pytest.raises(InvalidInput, match=r"x\.pkl"):
                load_expert_data(path)
    for dtype in ("U3", "S3", "M8[s]", "c16", [("a", "f4"), ("b", "i8")], "O"):
        with pytest.raises(InvalidInput, match="plain numbers"):
            load_pickle(pickle_file(path, np.zeros(2, dtype)))


def claimed_array(shape: Any, content: bytes = b"\x05\x06") -> bytes:
    honest = pickled_by_python_2(np.zeros(1, np.int8), 0)
    start = honest.index(b"(I1\ntp")
    end = honest.index(b"\n", start + 6) + 1
    claimed = honest[:start] + pickled_by_python_2(shape, 0)[:-1] + honest[end:]
    return claimed.replace(b"S'\\x00'", b"S" + repr(content)[1:].encode())


def test_the_bytes_of_an_array_must_fill_its_shape_and_may_be_shared(tmp_path: Path) -> None:
    (tmp_path / "x.pkl").write_bytes(claimed_array((2, 1)))
    assert load_pickle(tmp_path / "x.pkl").tolist() == [[5], [6]]
    for shared in (shared_content(2), shared_content(1)[:-2] + b"q\xfe" + SLICE * 2 + b"l."):
        (tmp_path / "x.pkl").write_bytes(shared)
        assert {len(part) for part in load_pickle(tmp_path / "x.pkl")} == {2**18}
    for shape in ((2**39,), (2**31,) * 3, (10**300,) * 8, (-1,), (1,) * 100, (0, 2**62), (1.5,), ("2",)):
        (tmp_path / "x.pkl").write_bytes(claimed_array(shape))
        with pytest.raises(InvalidInput, match=r"x\.pkl can't be read as a pickle"):
            load_pickle(tmp_path / "x.pkl")


def archive_of(pickled: bytes, compression: int = zipfile.ZIP_STORED, storage: bytes = b"\0\0\x80?") -> bytes:
    """A file like those of torch.save, whose data.pkl is ``pickled``."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("policy/data.pkl", pickled)
        archive.writestr("policy/data/0", storage)
    return file.getvalue()


def tensor_of(offset: int, size: Any, stride: Any, numel: int = 1, kind: str = "Float") -> bytes:
    """A data.pkl with a tensor on the storage "0"; the arguments are the fields of the tensor."""
    storage = f"(S'storage'\nctorch\n{kind}Storage\nS'0'\nS'cpu'\nI{numel}\ntQ"
    numbers = "".join(f"({''.join(f'I{n}' + chr(10) for n in part)}t" for part in (size, stride))
    return f"ctorch._utils\n_rebuild_tensor_v2\n({storage}I{offset}\n{numbers}I00\nNtR.".encode()


def test_tensors_beyond_their_storage_and_damaged_or_compressed_archives_are_refused(tmp_path: Path) -> None:
    path, whole = tmp_path / "x.pt", archive_of(tensor_of(0, (1,), (1,)))
    path.write_bytes(whole)
    np.testing.assert_array_equal(load_torch_file(path), [1.0])
    beyond: list[Any] = [(1, (1,), (1,)), (0, (2,), (1,)), (-1, (1,), (1,)), (0, (2,), (-1,))]
    beyond += [(0, (2**39,), (0,)), (0, (1, 1), (1,)), (0, (1,), (1,), 1, "Untyped")]
    for tensor in beyond:
        path.write_bytes(archive_of(tensor_of(*tensor)))
        with pytest.raises(InvalidInput, match=r"x\.pt"):
            load_torch_file(path)
    deflated = archive_of(pickle.dumps({}), zipfile.ZIP_DEFLATED, storage=bytes(2**24))
    for content in (deflated, b"", b"not a zip", b"PK\x03\x04", whole[:-30], whole.replace(b"\x80?", b"\x80@")):
        path.write_bytes(content)
        with pytest.raises(InvalidInput, match=r"x\.pt can't be read as a file of torch\.save: "):
            load_torch_file(path)


def shared_content(count: int) -> bytes:
    """The pickle of a list of ``count`` arrays with the same content, which is in the memo under the number 255."""
    pickled = pickle.dumps(np.zeros(2**18, np.uint8), 3)
    start = pickled.index(b"B" + struct.pack("<I", 2**18))
    end = start + 5 + 2**18
    array = pickled[2:start] + b"h\xff" + pickled[end:-1]
    return b"\x80\x03(" + pickled[start:end] + b"q\xff" + array * count + b"l."


LONG_TEXT = b"X" + struct.pack("<I", 2**18) + b"a" * 2**18
ENCODED = b"c_codecs\nencode\nh\0U\x06latin1\x86R"
SLICE = b"c_operator\ngetitem\nh\xfecbuiltins\nslice\nK\0NN\x87R\x86R"
# Sixty tuples, each of which holds the previous tuple twice.
DOUBLED_TUPLES = b"\x80\x04)q\0" + b"".join(b"h%ch%c\x86q%c" % (n, n, n + 1) for n in range(60))
COLLIDING = [(n * (2**61 - 1)).to_bytes(10, "little", signed=True) for n in range(20_000)]
DOUBLED: list[Any] = []
for _ in range(45):
    DOUBLED = [DOUBLED, DOUBLED]
ENDLESS: list[Any] = []
ENDLESS.append(ENDLESS)
# One array is in pickle's memo under 20,000 numbers, and on pickle's stack 20,000 times. Its state is set 20,000 times.
UNFINISHED = b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n)R"
UNFINISHED += b"".join(b"r" + struct.pack("<I", n) for n in range(20_000)) + b"h\0" * 20_000
UNFINISHED += (
    b"(NK\1\x85cnumpy\ndtype\nU\2i1K\0K\1\x87R(K\3U\1|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb" + b"\x89U\1atb"
) * 20_000
HOSTILE = {
    "array built repeatedly": UNFINISHED,
    "memo of everything": b"\x80\x04N" + b"\x94" * 3 * 10**6 + b".",
    "byte array longer than the file": b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"short.",
    "key that is a deep tuple": DOUBLED_TUPLES + b"}h\x3cNs.",
    "set of deep tuples": DOUBLED_TUPLES + b"\x8f(h\x3c\x90.",
    "integer keys of one hash": b"\x80\x02}(" + b"".join(b"\x8a\x0a" + key + b"N" for key in COLLIDING) + b"u.",
    "long keys": b"\x80\x02}(" + (b"X" + struct.pack("<I", 9000) + b"a" * 9000 + b"N") * 100 + b"u.",
    "arrays that share one content": shared_content(1000),
    "text encoded repeatedly": b"\x80\x02(" + LONG_TEXT + b"q\0" + ENCODED * 2000 + b"l.",
    "slices of one array": shared_content(1)[:-2] + b"q\xfe" + SLICE * 2000 + b"l.",
    "integer of many bytes": b"\x80\x02\x8b" + struct.pack("<i", 10**6) + b"\x7f" * 10**6 + b".",
    "lists that hold a list twice": pickle.dumps(DOUBLED),
    "list that holds itself": pickle.dumps(ENDLESS),
}


def test_lists_of_long_texts_do_not_become_arrays(tmp_path: Path) -> None:
    (tmp_path / "x.pkl").write_bytes(
        b"\x80\x03(}(X\x0b\0\0\0observation(" + LONG_TEXT + b"q\0" + b"h\0" * 10**5 + b"lul."
    )
    with pytest.raises(InvalidInput, match="no array 'observation' with a row of numbers"):
        load_expert_data(tmp_path / "x.pkl")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_small_file_takes_little_memory_and_time(tmp_path: Path, name: str) -> None:
    for read, content in ((load_pickle, HOSTILE[name]), (load_torch_file, archive_of(HOSTILE[name]))):
        (tmp_path / "x").write_bytes(content)
        tracemalloc.start()
        start = time.process_time()
        with pytest.raises(InvalidInput):
            read(tmp_path / "x")
        assert time.process_time() - start < 20
        assert tracemalloc.get_traced_memory()[1] < 100 * 2**20
        tracemalloc.stop()
