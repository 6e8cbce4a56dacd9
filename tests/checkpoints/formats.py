"""Holds files that Evenkeel wrote against numpy and torch, and writes the same tensors as numpy and torch do.

Usage: formats.py numpy|torch FOLDER. FOLDER/tensors.json lists name, dtype (safetensors' names), shape and the bytes in hex.
"""

import json
import struct
import sys
from pathlib import Path

import numpy as np

DTYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4",
    "U64": "<u8", "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8",
}


def safetensors(path):
    """By the format's README alone: a length, a JSON header, the bytes."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    assert length % 8 == 0
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__", None)
    data = content[8 + length :]
    return {name: (info, data[slice(*info["data_offsets"])]) for name, info in header.items()}


def check(name, tensor, array):
    assert array.dtype == np.dtype(DTYPES[tensor["dtype"]]), (name, array.dtype)
    assert list(array.shape) == tensor["shape"], (name, array.shape)
    assert array.tobytes().hex() == tensor["bytes"], name


def with_numpy(folder, tensors):
    arrays = {
        name: np.frombuffer(bytes.fromhex(t["bytes"]), DTYPES[t["dtype"]]).reshape(t["shape"])
        for name, t in tensors.items()
        if t["dtype"] in DTYPES
    }
    for file in ["stored.npz", "deflated.npz"]:
        with np.load(folder / file) as npz:
            assert set(npz.files) == set(arrays)
            for name in npz.files:
                check(name, tensors[name], npz[name])
    for i, name in enumerate(arrays):
        check(name, tensors[name], np.load(folder / f"{i}.npy"))
        saved = folder / f"numpy-{i}.npy"
        np.save(saved, arrays[name])
        assert saved.read_bytes() == (folder / f"{i}.npy").read_bytes(), name
    np.savez(folder / "numpy-stored.npz", **arrays)
    np.savez_compressed(folder / "numpy-deflated.npz", **arrays)
    found = safetensors(folder / "all.safetensors")
    assert set(found) == set(tensors)
    for name, (info, data) in found.items():
        assert (info["dtype"], info["shape"]) == (tensors[name]["dtype"], tensors[name]["shape"])
        assert data.hex() == tensors[name]["bytes"]


def with_torch(folder, tensors):
    import torch

    dtypes = {
        "BOOL": torch.bool, "U8": torch.uint8, "I8": torch.int8, "I16": torch.int16, "I32": torch.int32,
        "I64": torch.int64, "F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32,
        "F64": torch.float64, "C64": torch.complex64,
    }

    def tensor_of(dtype, shape, data):
        flat = torch.frombuffer(bytearray(data), dtype=dtypes[dtype]) if data else torch.empty(0, dtype=dtypes[dtype])
        return flat.reshape(shape)

    def as_bits(tensor):
        if tensor.dtype == torch.bfloat16:
            tensor = tensor.view(torch.int16)
        return tensor.numpy().tobytes()

    saved = {}
    for name, (info, data) in safetensors(folder / "all.safetensors").items():
        if info["dtype"] not in dtypes:
            continue
        saved[name] = tensor_of(info["dtype"], info["shape"], data)
        expected = tensor_of(tensors[name]["dtype"], tensors[name]["shape"], bytes.fromhex(tensors[name]["bytes"]))
        assert saved[name].dtype == expected.dtype and saved[name].shape == expected.shape
        # NaN differs from itself: the bits are compared.
        assert as_bits(saved[name]) == as_bits(expected), name
    torch.save(saved, folder / "torch.pt")


if __name__ == "__main__":
    folder = Path(sys.argv[2])
    tensors = json.loads((folder / "tensors.json").read_text())
    {"numpy": with_numpy, "torch": with_torch}[sys.argv[1]](folder, tensors)
