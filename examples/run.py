#!/usr/bin/env python3
"""Runs a compiled model from Python, with ctypes and numpy alone.

    cnnc compile squeezenet.onnx -o squeezenet.so
    python3 examples/run.py squeezenet.so picture.npy scores.npy

The structs are those of `cnnc.h`, ABI version 1. Without a picture the input is random.
"""
import ctypes
import os
import sys

import numpy as np

DTYPES = {
    1: np.float32,
    2: np.uint8,
    3: np.int8,
    4: np.uint16,
    5: np.int16,
    6: np.int32,
    7: np.int64,
    9: np.bool_,
    10: np.float16,
    11: np.float64,
}


class Tensor(ctypes.Structure):
    _fields_ = [
        ("struct_bytes", ctypes.c_uint32),
        ("dtype", ctypes.c_uint32),
        ("name", ctypes.c_char_p),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("rank", ctypes.c_uint32),
        ("zero_point", ctypes.c_int32),
        ("scale", ctypes.c_float),
        ("bytes", ctypes.c_uint64),
    ]

    def zeros(self):
        return np.zeros(self.shape[: self.rank], DTYPES[self.dtype])


class Call(ctypes.Structure):
    _fields_ = [
        ("struct_bytes", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("inputs", ctypes.POINTER(ctypes.c_void_p)),
        ("outputs", ctypes.POINTER(ctypes.c_void_p)),
        ("workspace", ctypes.c_void_p),
        ("workspace_bytes", ctypes.c_uint64),
        ("weights", ctypes.c_void_p),
        ("weights_bytes", ctypes.c_uint64),
        ("executor", ctypes.c_void_p),
        ("on_step", ctypes.c_void_p),
        ("step_context", ctypes.c_void_p),
    ]


class Struct(ctypes.Structure):
    pass


Struct._fields_ = [
    ("abi_version", ctypes.c_uint32),
    ("struct_bytes", ctypes.c_uint32),
    ("name", ctypes.c_char_p),
    ("inputs", ctypes.POINTER(ctypes.POINTER(Tensor))),
    ("outputs", ctypes.POINTER(ctypes.POINTER(Tensor))),
    ("input_count", ctypes.c_uint32),
    ("output_count", ctypes.c_uint32),
    ("arena_bytes", ctypes.c_uint64),
    ("scratch_bytes", ctypes.c_uint64),
    ("workspace_align", ctypes.c_uint64),
    ("weights", ctypes.c_void_p),
    ("weights_bytes", ctypes.c_uint64),
    ("weights_align", ctypes.c_uint64),
    ("manifest", ctypes.c_void_p),
    ("manifest_bytes", ctypes.c_uint64),
    ("stack_bytes", ctypes.c_uint64),
    ("step_count", ctypes.c_uint32),
    ("reserved", ctypes.c_uint32),
    ("run", ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.POINTER(Struct), ctypes.POINTER(Call))),
]


class Model:
    """A compiled model. Call it with one array an input; it gives a list of arrays."""

    def __init__(self, path):
        self.library = ctypes.CDLL(os.path.abspath(path))
        self.library.cnnc_model_v1.restype = ctypes.POINTER(Struct)
        self.pointer = self.library.cnnc_model_v1()
        model = self.pointer.contents
        if model.abi_version != 1:
            raise ValueError(f"{path}: ABI version {model.abi_version}, expected 1")
        self.run = model.run
        self.inputs = [model.inputs[i].contents for i in range(model.input_count)]
        self.outputs = [model.outputs[i].contents for i in range(model.output_count)]
        # One thread: the arena, and scratch for one.
        self.workspace_bytes = model.arena_bytes + model.scratch_bytes
        self.memory = np.zeros(self.workspace_bytes + model.workspace_align, np.uint8)
        self.workspace = -(-self.memory.ctypes.data // model.workspace_align) * model.workspace_align

    def __call__(self, *arrays):
        if len(arrays) != len(self.inputs):
            raise ValueError(f"{len(arrays)} arrays were given, the model takes {len(self.inputs)}")
        given = []
        for array, tensor in zip(arrays, self.inputs):
            want = tensor.zeros()
            if array.shape != want.shape or array.dtype != want.dtype:
                raise ValueError(f"{array.dtype}{array.shape} was given, expected {want.dtype}{want.shape}")
            given.append(np.ascontiguousarray(array))
        results = [tensor.zeros() for tensor in self.outputs]
        pointers = lambda list: (ctypes.c_void_p * len(list))(*[array.ctypes.data for array in list])
        call = Call(
            struct_bytes=ctypes.sizeof(Call),
            inputs=pointers(given),
            outputs=pointers(results),
            workspace=self.workspace,
            workspace_bytes=self.workspace_bytes,
        )
        status = self.run(self.pointer, ctypes.byref(call))
        if status != 0:
            raise RuntimeError(f"run answered {status}")
        return results


def main():
    if len(sys.argv) not in (2, 3, 4):
        sys.exit("usage: run.py MODEL.so [INPUT.npy [OUTPUT.npy]]")
    model = Model(sys.argv[1])
    if len(sys.argv) > 2:
        arrays = [np.load(sys.argv[2])]
    else:
        random = np.random.default_rng(0)
        arrays = [random.uniform(-1, 1, tensor.zeros().shape).astype(DTYPES[tensor.dtype]) for tensor in model.inputs]
    results = model(*arrays)
    for tensor, result in zip(model.outputs, results):
        best = f"highest at {result.argmax()}, {float(result.max()):.6f}" if result.size else "no elements"
        print(f"{tensor.name.decode()} {result.shape}: {best}")
    if len(sys.argv) > 3:
        np.save(sys.argv[3], results[0])


if __name__ == "__main__":
    main()
