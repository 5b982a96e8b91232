"""Prints the skeleton of an ONNX model: its parameters, its multiply-adds, and its layers, each with its count.

    python skeleton.py MODEL

It knows the model from its protobuf alone. `tests/src/skeleton.rs` says what the lines mean.
"""

import collections
import math
import sys

import onnx
from onnx import helper

# What changes neither numbers nor channels, computes shapes, or holds constants.
SILENT = {
    "Constant", "ConstantOfShape", "Dropout", "Flatten", "Identity", "Reshape", "Softmax", "Squeeze", "Transpose",
    "Unsqueeze",
}
NAMES = {"BatchNormalization": "batch_norm", "Sum": "add"}


def pads(attributes):
    top, left, bottom, right = attributes.get("pads", [0] * 4)
    return f"pad={top},{left},{bottom},{right}"


def pair(numbers):
    return "x".join(map(str, numbers))


def skeleton(model):
    """Parameters, multiply-adds, and a counter of lines."""
    graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    dims = {i.name: list(i.dims) for i in graph.initializer}
    for value in [*graph.input, *graph.value_info, *graph.output]:
        dims.setdefault(value.name, [d.dim_value for d in value.type.tensor_type.shape.dim])
    readers = collections.defaultdict(set)
    for node in graph.node:
        for operand in node.input:
            readers[operand].add(node.op_type)
    lines, macs, parameters = collections.Counter(), 0, {}
    for node in graph.node:
        nested = node.op_type == "Concat" and (len(node.input) == 1 or readers[node.output[0]] == {"Concat"})
        if node.op_type in SILENT or nested:
            continue
        a = {x.name: helper.get_attribute_value(x) for x in node.attribute}
        y = dims[node.output[0]]
        name = NAMES.get(node.op_type, node.op_type.lower())
        volume = pair(y[1:])
        if node.op_type == "Conv":
            w, x = dims[node.input[1]], dims[node.input[0]]
            macs += math.prod(y) * math.prod(w[1:])
            if w[2:] == [1, 1] and y[2:] == [1, 1]:
                line = f"linear {w[0]}x{w[1]}"
            else:
                line = (f"conv {pair(w)} stride={pair(a.get('strides', [1, 1]))} {pads(a)}"
                        f" groups={a.get('group', 1)} -> {volume}")
        elif node.op_type in ("Gemm", "MatMul"):
            w = dims[node.input[1]]
            w = w if a.get("transB") else w[::-1]
            macs += math.prod(y) * w[1]
            line = f"linear {w[0]}x{w[1]}"
        elif node.op_type in ("GlobalAveragePool", "ReduceMean") or node.op_type == "AveragePool" and y[2:] == [1, 1]:
            line = f"mean {y[1]}"
        elif node.op_type in ("MaxPool", "AveragePool"):
            if a["kernel_shape"] == [1, 1]:
                continue
            kind = "max_pool" if node.op_type == "MaxPool" else "avg_pool"
            line = f"{kind} {pair(a['kernel_shape'])} stride={pair(a.get('strides', [1, 1]))} -> {volume}"
        else:
            line = f"{name} {volume}"
        lines[line] += 1
        if node.op_type in ("Conv", "Gemm", "MatMul", "BatchNormalization"):
            parameters.update({w: math.prod(dims[w]) for w in node.input[1:3]})
    return sum(parameters.values()), macs, lines


def text(model):
    parameters, macs, lines = skeleton(model)
    head = [f"parameters {parameters}", f"multiply-adds {macs}"]
    return "\n".join(head + [f"{count} {line}" for line, count in sorted(lines.items())]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text(onnx.load(sys.argv[1], load_external_data=False)))
