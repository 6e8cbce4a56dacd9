"""PyTorch as a peer: the protocol of protocol.ts, one request per line on stdin, answers on descriptor 3."""

import ctypes
import json
import os
import resource
import sys
import time
from statistics import median

answers = os.fdopen(3, "w", buffering=1)


def answer(**fields):
    answers.write(json.dumps(fields) + "\n")


try:
    import torch
    import torch.nn.functional as F
except ImportError as error:
    answer(skip=f"no torch in {sys.executable}: {error}")
    sys.exit(0)

EPS = 1e-5
MOMENTUM = 0.1
BATCH_NANOSECONDS = 100_000


def read(folder, name):
    with open(os.path.join(folder, name + ".f32"), "rb") as file:
        data = bytearray(file.read())
    return torch.frombuffer(data, dtype=torch.float32).clone() if data else torch.empty(0)


def write(folder, name, tensor):
    dense = tensor.detach().contiguous()
    with open(os.path.join(folder, name + ".f32"), "wb") as file:
        file.write(ctypes.string_at(dense.data_ptr(), dense.numel() * 4))


class Prepared:
    def __init__(self, case, folder):
        self.case = case
        self.layer = case["layer"]
        self.training = case["mode"] != "eval"
        self.backward = case["mode"] == "forward+backward"
        shape = case["shape"]
        self.x = self.seen(read(folder, "x").view(shape))
        self.weight = read(folder, "weight")
        self.bias = read(folder, "bias")
        self.mean = read(folder, "runningMean")
        self.var = read(folder, "runningVar")
        self.gradient = self.seen(read(folder, "dy").view(shape)) if self.backward else None
        if self.backward:
            for leaf in (self.x, self.weight, self.bias):
                leaf.requires_grad_(True)

    def seen(self, tensor):
        """The tensor with its channels second, as PyTorch names the axes; the memory stays as it is."""
        if self.case["layout"] == "channels-last" and tensor.dim() > 2:
            return tensor.permute(0, -1, *range(1, tensor.dim() - 1))
        return tensor

    def unseen(self, tensor):
        if self.case["layout"] == "channels-last" and tensor.dim() > 2:
            return tensor.permute(0, *range(2, tensor.dim()), 1)
        return tensor

    def forward(self):
        if self.layer.startswith("BatchNorm"):
            return F.batch_norm(self.x, self.mean, self.var, self.weight, self.bias, self.training, MOMENTUM, EPS)
        if self.layer.startswith("InstanceNorm"):
            return F.instance_norm(self.x, None, None, self.weight, self.bias, True, MOMENTUM, EPS)
        if self.layer == "GroupNorm":
            return F.group_norm(self.x, self.case["groups"], self.weight, self.bias, EPS)
        if self.layer == "LayerNorm":
            return F.layer_norm(self.x, self.weight.shape, self.weight, self.bias, EPS)
        if hasattr(F, "rms_norm"):
            return F.rms_norm(self.x, self.weight.shape, self.weight, EPS)
        return self.x * torch.rsqrt(self.x.pow(2).mean(-1, keepdim=True) + EPS) * self.weight

    def call(self):
        if not self.backward:
            with torch.no_grad():
                return self.forward()
        for leaf in (self.x, self.weight, self.bias):
            leaf.grad = None
        y = self.forward()
        y.backward(self.gradient)
        return y

    def results(self):
        y = self.call()
        found = {"y": self.unseen(y)}
        if self.backward:
            found["dx"] = self.unseen(self.x.grad)
            found["dWeight"] = self.weight.grad
            if self.layer != "RMSNorm":
                found["dBias"] = self.bias.grad
        if self.training and self.layer.startswith("BatchNorm"):
            found["runningMean"] = self.mean
            found["runningVar"] = self.var
        return found


def time_batch(call, count):
    start = time.perf_counter_ns()
    for _ in range(count):
        call()
    return time.perf_counter_ns() - start


def time_calls(call, milliseconds):
    """As timing.ts: the first call is not timed where it is short."""
    budget = milliseconds * 1e6
    first = time_batch(call, 1)
    if first > budget / 2:
        return first, 1
    per_batch = 1
    spent = time_batch(call, 1)
    while spent < BATCH_NANOSECONDS and per_batch < 1_000_000:
        per_batch *= 2
        spent = time_batch(call, per_batch)
    samples = []
    spent = 0
    while spent < budget or len(samples) < 3:
        elapsed = time_batch(call, per_batch)
        samples.append(elapsed / per_batch)
        spent += elapsed
    return median(samples), len(samples) * per_batch


def serve(threads):
    torch.set_num_threads(threads)
    note = "" if hasattr(F, "rms_norm") else "RMSNorm composed: this version has no rms_norm"
    answer(version=torch.__version__, note=note)
    prepared = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["op"] == "prepare":
                prepared = None
                prepared = Prepared(request["case"], request["folder"])
                answer()
            elif request["op"] == "check":
                found = prepared.results()
                for name, tensor in found.items():
                    write(request["folder"], name, tensor)
                answer(results=list(found))
            elif request["op"] == "run":
                faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
                nanoseconds, calls = time_calls(prepared.call, request["milliseconds"])
                faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
                answer(nanoseconds=nanoseconds, calls=calls, pageFaults=faults)
            else:
                prepared = None
                answer()
        except Exception as error:  # The orchestrator reports it and goes on with the other cases.
            answer(error=f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    serve(int(sys.argv[1]))
