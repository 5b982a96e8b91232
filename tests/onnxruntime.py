"""Runs ONNX models in onnxruntime.

    python onnxruntime.py MODEL FOLDER [MODEL FOLDER ..]

reads input_0.pb, input_1.pb, .. in a folder and writes output_0.pb, output_1.pb, .. there; all are TensorProto files.
Each model is checked first, its shapes inferred and compared with those that it declares. What is wrong with a model
goes into a file called error.
"""

import pathlib
import sys

# This file must not stand for the module of the same name.
sys.path.pop(0)

import onnx
import onnxruntime
from onnx import numpy_helper


def read(path):
    tensor = onnx.TensorProto()
    tensor.ParseFromString(path.read_bytes())
    return numpy_helper.to_array(tensor)


def run(model, folder):
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    inputs = {value.name: read(folder / f"input_{k}.pb") for k, value in enumerate(session.get_inputs())}
    for k, (info, value) in enumerate(zip(session.get_outputs(), session.run(None, inputs))):
        (folder / f"output_{k}.pb").write_bytes(numpy_helper.from_array(value, info.name).SerializeToString())


options = onnxruntime.SessionOptions()
# An oracle computes what is written: its rewrites fail on some networks that it runs without them.
options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
options.log_severity_level = 3  # errors, not advice
for model, folder in zip(sys.argv[1::2], map(pathlib.Path, sys.argv[2::2])):
    try:
        run(model, folder)
    except Exception as error:
        (folder / "error").write_text(str(error))
