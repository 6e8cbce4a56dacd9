"""Writes PyTorch checkpoints of every kind into a folder, and what they hold to manifest.json."""
import argparse, base64, collections, io, json, os, sys, zipfile
import numpy
import torch

folder = sys.argv[1]
manifest = {}
names = {
    torch.float32: "F32", torch.float64: "F64", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
    torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL", torch.complex64: "C64",
}


def described(tensor):
    tensor = tensor.detach().contiguous()
    bits = tensor.view(torch.int16) if tensor.dtype == torch.bfloat16 else tensor
    data = base64.b64encode(bits.numpy().tobytes()).decode()
    return {"dtype": names[tensor.dtype], "shape": list(tensor.shape), "data": data}


def save(file, value, tensors, root="", metadata=None, **options):
    torch.save(value, os.path.join(folder, file), **options)
    note(file, tensors, root, metadata)


def note(file, tensors, root="", metadata=None):
    entries = {name: described(tensor) for name, tensor in tensors.items()}
    manifest[file] = {"tensors": entries, "root": root, "metadata": metadata or {}}


def refused(file, value, message, **options):
    torch.save(value, os.path.join(folder, file), **options)
    manifest[file] = {"refused": message}


torch.manual_seed(1)
shapes = [(), (0,), (1,), (7,), (2, 0, 3), (3, 4), (2, 1, 3, 2)]
every = {
    f"{names[dtype]}.{index}": (torch.randn(shape) * 50).to(dtype)
    for dtype in names for index, shape in enumerate(shapes)
}
for protocol in (2, 3, 4, 5):
    save(f"dtypes{protocol}.pt", every, every, pickle_protocol=protocol)

base = torch.arange(24.0).reshape(2, 3, 4)
views = {
    "base": base, "transposed": base.transpose(0, 2), "permuted": base.permute(1, 2, 0), "step": base[:, ::2, 1::2],
    "narrow": base.narrow(1, 1, 2), "row": base[1, 2], "one": base[1, 2, 3], "expanded": base[0, 0].expand(3, 4),
    "windows": base.reshape(-1).unfold(0, 5, 2), "empty": base[:, :0], "double": torch.randn(4, 5, dtype=torch.float64).t(),
    "complex": torch.randn(3, 4, dtype=torch.complex64).t(), "bytes": torch.arange(12, dtype=torch.uint8).reshape(3, 4).t(),
    "half": torch.randn(3, 4).half().t(),
}
save("views.pt", views, views)
tied = torch.randn(3)
save("shared.pt", {"a": tied, "b": tied, "c": tied[1:]}, {"a": tied, "b": tied, "c": tied[1:]})

net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.LayerNorm([4]))
state = net.state_dict()
for protocol in (2, 3, 4, 5):
    save(f"state{protocol}.pt", state, state, pickle_protocol=protocol)
parallel = torch.nn.DataParallel(net).state_dict()
save("parallel.pth", parallel, parallel)

wrapped = {"state_dict": state, "epoch": 3, "lr": 0.5, "arch": "net", "best": None, "amsgrad": True, "seed": 2**70, "args": {"wd": 0.1}}
told = {"epoch": "3", "lr": "0.5", "arch": "net", "best": "None", "amsgrad": "True", "seed": str(2**70), "args.wd": "0.1"}
save("wrapped.pt", wrapped, state, "state_dict", told)
save("deeper.pt", {"checkpoint": {"model": state}, "history": [1, [2.5]]}, state, "checkpoint.model")

optimizer = torch.optim.Adam(net.parameters())
net(torch.randn(2, 1, 6, 6)).sum().backward()
optimizer.step()
both = {**{f"model.{key}": value for key, value in state.items()}}
for index, moments in optimizer.state_dict()["state"].items():
    both.update({f"optimizer.state.{index}.{key}": value for key, value in moments.items()})
torch.save({"model": state, "optimizer": optimizer.state_dict()}, os.path.join(folder, "training.pt"))
note("training.pt", both, metadata=None)

parameters = {"p": torch.nn.Parameter(torch.randn(2, 3)), "frozen": torch.nn.Parameter(torch.randn(2), requires_grad=False)}
save("parameters.pt", parameters, parameters)
noted = torch.randn(2)
noted.note = "x"
save("attribute.pt", {"noted": noted, "plain": tied}, {"noted": noted, "plain": tied})
save("alone.pt", tied, {"tensor": tied})
save("list.pt", [tied, (base, [base])], {"0": tied, "1.0": base, "1.1.0": base})
save("numbers.pt", {0: tied, 1: base, -5: tied}, {"0": tied, "1": base, "-5": tied})
save("odd.pt", {"__proto__": tied, "constructor": base, "": tied, "é😀": tied}, {"__proto__": tied, "constructor": base, "": tied, "é😀": tied})
save("nothing.pt", {}, {})
others = {
    "w": tied, "size": torch.Size([2, 3]), "device": torch.device("cpu"), "dtype": torch.float16, "layout": torch.strided, "set": {1, 2}, "frozen": frozenset([3]),
    "bytes": b"\x00\xff", "counter": collections.Counter({5: 1}), "f8": numpy.float64(0.25), "f4": numpy.float32(0.5), "f2": numpy.float16(1.5),
    "i8": numpy.int64(-7), "b": numpy.bool_(True), "big": numpy.array([2.0], ">f8")[0], "storage": tied.storage(),
}
for protocol in (2, 4):
    scalars = {"f8": "0.25", "f4": "0.5", "f2": "1.5", "i8": "-7", "b": "True", "big": "2", "device": "cpu", "layout": "torch.strided", "counter.5": "1"}
    save(f"others{protocol}.pt", others, {"w": tied}, "", scalars, pickle_protocol=protocol)

# The same archive with another folder, compressed, and with big-endian data.
def rewritten(file, source, compression=zipfile.ZIP_STORED, folder_name="archive", big=False):
    with zipfile.ZipFile(os.path.join(folder, source)) as old, zipfile.ZipFile(os.path.join(folder, file), "w", compression) as new:
        for entry in old.namelist():
            data = old.read(entry)
            rest = entry.split("/", 1)[1]
            if big and rest.startswith("data/"):
                data = numpy.frombuffer(data, "<f4").astype(">f4").tobytes()
            new.writestr(f"{folder_name}/{rest}", data)
        if big:
            new.writestr(f"{folder_name}/byteorder", "big")
    manifest[file] = manifest[source]


rewritten("archive.pt", "views.pt")
rewritten("compressed.pt", "dtypes2.pt", zipfile.ZIP_DEFLATED, "any name")
floats = {"x": torch.randn(2, 3), "y": torch.randn(4, 3).t()[1:], "z": torch.randn(())}
save("little.pt", floats, floats)
rewritten("big.pt", "little.pt", big=True)


class Net(torch.nn.Linear):
    pass


class Bomb:
    def __reduce__(self):
        return os.system, ("touch " + os.path.join(folder, "ran"),)


refused("module.pt", Net(2, 2), "got __main__.Net, which is refused and never run; save the tensors alone")
refused("bomb.pt", {"w": tied, "x": Bomb()}, "got posix.system, which is refused")
refused("bomb4.pt", {"w": tied, "x": Bomb()}, "got posix.system, which is refused", pickle_protocol=4)
refused("namespace.pt", {"args": argparse.Namespace(lr=1)}, "got argparse.Namespace, which is refused")
refused("eval.pt", {"x": eval}, "got __builtin__.eval, which is refused")
refused("array.pt", {"x": numpy.zeros(2)}, "got numpy.core.multiarray._reconstruct, which is refused")
refused("sparse.pt", torch.eye(2).to_sparse(), "got torch._utils._rebuild_sparse_tensor, which is refused and never run; make the tensor a plain one in PyTorch: tensor.to_dense()")
refused("quantized.pt", torch.quantize_per_tensor(tied, 0.1, 0, torch.qint8), "got torch._utils._rebuild_qtensor, which is refused and never run; make the tensor a plain one in PyTorch: tensor.dequantize()")
refused("complex.pt", {"z": torch.zeros(2, dtype=torch.complex128)}, "expected a dtype that safetensors knows too, got torch.complex128")
refused("protocol0.pt", state, "expected an opcode of a pickle of tensors (protocol 2 to 5)", pickle_protocol=0)
refused("legacy.pt", state, "got the form before PyTorch 1.6; load it in PyTorch and save it again", _use_new_zipfile_serialization=False)
torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), os.path.join(folder, "script.pt"))
manifest["script.pt"] = {"refused": "got a TorchScript program"}

with open(os.path.join(folder, "manifest.json"), "w") as out:
    json.dump(manifest, out)
