#!/usr/bin/env python3
"""Writes testdata/torch/: small files of torch.save, and the same tensors as safetensors for comparison.

Run it with the Python of `./dev setup oracle`. The tensors are seeded: the same versions give the same files.
"""

import collections
import json
import pathlib

import safetensors
import safetensors.torch
import torch

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "testdata" / "torch"


def state_dict():
    generator = torch.Generator().manual_seed(6)
    base = torch.randn(3, 5, generator=generator)
    tensors = collections.OrderedDict()
    tensors["base"] = base
    tensors["tied"] = base
    tensors["transposed"] = base.t()
    tensors["row"] = base[1]
    tensors["column"] = base[:, 2]
    tensors["middle"] = base[1:, 1:4]
    tensors["permuted"] = torch.randn(2, 3, 4, generator=generator).permute(2, 0, 1)
    tensors["half"] = base.to(torch.float16)
    tensors["brain"] = base.to(torch.bfloat16)
    tensors["double"] = base.to(torch.float64)
    tensors["long"] = torch.arange(4)
    tensors["int"] = torch.arange(4, dtype=torch.int32)
    tensors["short"] = torch.arange(4, dtype=torch.int16)
    tensors["byte"] = torch.arange(4, dtype=torch.uint8)
    tensors["char"] = torch.arange(-2, 2, dtype=torch.int8)
    tensors["bool"] = torch.tensor([True, False, True])
    tensors["scalar"] = torch.tensor(2.5)
    tensors["empty"] = torch.zeros(0, 7)
    tensors["parameter"] = torch.nn.Parameter(torch.randn(2, 2, generator=generator))
    return tensors


def training_checkpoint(tensors):
    optimizer = {"state": {0: {"step": torch.tensor(3.0), "exp_avg": torch.ones(2)}}, "param_groups": [{"lr": 1e-3}]}
    return {"epoch": 3, "best": 0.25, "name": "run", "done": True, "none": None, "big": 1 << 70,
            "state_dict": tensors, "optimizer_states": [optimizer]}


def write_refused():
    torch.save(torch.nn.Linear(2, 2), FOLDER / "whole_module.pt")
    torch.save(torch.ones(2), FOLDER / "tensor.pt")
    torch.save({"epoch": 3, "optimizer": {"lr": 0.1}}, FOLDER / "no_tensors.pt")
    torch.save({"a": torch.ones(1).expand(1000)}, FOLDER / "expanded.pt")
    torch.save({"a": torch.ones(2, dtype=torch.complex64)}, FOLDER / "complex.pt")
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), FOLDER / "torchscript.pt")


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    tensors = state_dict()
    torch.save(tensors, FOLDER / "zip.pt")
    torch.save(tensors, FOLDER / "zip_protocol_5.pt", pickle_protocol=5)
    torch.save(tensors, FOLDER / "legacy.pt", _use_new_zipfile_serialization=False)
    torch.save(training_checkpoint(tensors), FOLDER / "training.ckpt")
    torch.save({"encoder": {"a": tensors["base"]}, "head": {"b": {"c": tensors["row"]}}}, FOLDER / "nested.pt")
    module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.LayerNorm(3))
    torch.save(module.state_dict(), FOLDER / "metadata.pt")
    write_refused()
    plain = {name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}
    safetensors.torch.save_file(plain, FOLDER / "expected.safetensors")
    versions = {"torch": torch.__version__, "safetensors": safetensors.__version__}
    (FOLDER / "versions.json").write_text(json.dumps(versions, indent=1) + "\n")


if __name__ == "__main__":
    main()
