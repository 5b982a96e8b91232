"""Runs an ONNX model in onnxruntime.

    python onnxruntime.py MODEL FOLDER

reads input_0.pb, input_1.pb, .. in the folder and writes output_0.pb, output_1.pb, .. there; all are TensorProto files.
The model is checked first, its shapes inferred and compared with those that it declares.
"""

import pathlib
import sys

# This file must not stand for the module of the same name.
sys.path.pop(0)

import onnx
import onnxruntime
from onnx import numpy_helper

model, folder = sys.argv[1], pathlib.Path(sys.argv[2])
onnx.checker.check_model(model, full_check=True)
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])


def read(path):
    tensor = onnx.TensorProto()
    tensor.ParseFromString(path.read_bytes())
    return numpy_helper.to_array(tensor)


inputs = {value.name: read(folder / f"input_{k}.pb") for k, value in enumerate(session.get_inputs())}
for k, (info, value) in enumerate(zip(session.get_outputs(), session.run(None, inputs))):
    (folder / f"output_{k}.pb").write_bytes(numpy_helper.from_array(value, info.name).SerializeToString())
