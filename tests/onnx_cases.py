"""Writes the test cases of the installed onnx package: `onnx_cases.py FOLDER`.

    FOLDER/node/NAME/model.onnx, test_data_set_0/input_0.pb, .., output_0.pb, ..    one operator each, generated
    FOLDER/pytorch-converted/NAME/.., pytorch-operator/NAME/.., simple/NAME/..      as they lie in the package

The node cases are the same bytes whenever they are made. Cases of sequences, maps and optional values are left out:
they are no tensors.
"""

import pathlib
import shutil
import sys
import warnings

import onnx.backend.test
from onnx import TensorProto, numpy_helper

out = pathlib.Path(sys.argv[1])
data = pathlib.Path(onnx.backend.test.__file__).parent / "data"


def write_tensors(folder, stem, values, infos):
    for i, (value, info) in enumerate(zip(values, infos)):
        tensor = value if isinstance(value, TensorProto) else numpy_helper.from_array(value, info.name)
        (folder / f"{stem}_{i}.pb").write_bytes(tensor.SerializeToString())


def write(case):
    graph = case.model.graph
    if not all(info.type.HasField("tensor_type") for info in [*graph.input, *graph.output]):
        return 0
    folder = out / "node" / case.name
    for k, (inputs, outputs) in enumerate(case.data_sets):
        data_set = folder / f"test_data_set_{k}"
        data_set.mkdir(parents=True, exist_ok=True)
        write_tensors(data_set, "input", inputs, graph.input)
        write_tensors(data_set, "output", outputs, graph.output)
    (folder / "model.onnx").write_bytes(case.model.SerializeToString())
    return 1


with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from onnx.backend.test.case.node import collect_testcases

    count = sum(write(case) for case in collect_testcases(None))
for kind in ["pytorch-converted", "pytorch-operator", "simple"]:
    shutil.copytree(data / kind, out / kind, dirs_exist_ok=True)
print(f"{count} node cases of onnx {onnx.__version__} in {out}")
