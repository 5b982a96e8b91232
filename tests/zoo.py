"""Networks as others draw and export them: drawn from those of timm, with random weights, in cnnc and in onnxruntime.

    python zoo.py CNNC COUNT [SEED]

needs torch, timm, onnxscript and onnxruntime. CNNC is the command. Half of the networks go through the exporter that
traces, half through that of torch.export. Prints a line a network, and in the end `N passed, N failed`, and how many
were refused for an operator that cnnc lacks. A result may be off by 1e-5 in the relative L2 norm: from onnxruntime's,
or, as those are off by as much in some networks, from the evaluator's in f64, and then by 5e-5 from onnxruntime's.
"""

import pathlib
import random
import subprocess
import sys
import tempfile
import warnings

# The file beside this one must not stand for the module of the same name.
sys.path.pop(0)

import numpy
import onnxruntime
import timm
import torch

# Exporters and networks warn of much that is none of ours.
warnings.filterwarnings("ignore")

TOLERANCE = 1e-5

# How far onnxruntime's own results may be from the evaluator's.
ANOTHER = 4e-5

# Elements of the weights, at most: the largest take minutes and say nothing that smaller ones do not.
MOST_WEIGHTS = 60_000_000


def network(name):
    """A network with random weights and statistics, or None where it is too large."""
    with torch.device("meta"):
        weights = sum(p.numel() for p in timm.create_model(name).parameters())
    if weights > MOST_WEIGHTS:
        return None
    torch.manual_seed(0)
    model = timm.create_model(name).eval()
    for module in model.modules():
        if getattr(module, "running_var", None) is not None:
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return model


def export(model, path, is_traced):
    size = model.default_cfg.get("input_size", (3, 224, 224))
    picture = torch.rand(1, *size)
    form = {"opset_version": 17} if is_traced else {"external_data": False, "verbose": False}
    with torch.no_grad():
        torch.onnx.export(model, (picture,), path, dynamo=not is_traced, **form)
    return picture.numpy()


def compare(cnnc, path, picture, folder):
    """The relative L2 norm of the difference, and whether that is right; or what cnnc says."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (wanted,) = session.run(None, {session.get_inputs()[0].name: picture})
    numpy.save(folder / "x.npy", picture)
    command = [cnnc, "run", path, "--input", folder / "x.npy", "-o", folder / "y.npy"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        return done.stderr.strip().splitlines()[-1] if done.stderr else f"status {done.returncode}"
    got = numpy.load(folder / "y.npy")
    norm = numpy.linalg.norm
    off = float(norm(got.astype(float) - wanted) / max(norm(wanted.astype(float)), 1e-30))
    if TOLERANCE < off <= TOLERANCE + ANOTHER:
        command = [cnnc, "verify", path, "--input", folder / "x.npy", "--tolerance", str(TOLERANCE)]
        return off, subprocess.run(command, capture_output=True).returncode == 0
    return off, off <= TOLERANCE


def main(cnnc, count, seed):
    names = timm.list_models()
    random.Random(seed).shuffle(names)
    passed = failed = refused = 0
    while passed + failed + refused < count and names:
        name = names.pop()
        is_traced = len(names) % 2 == 0
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "network.onnx"
            try:
                model = network(name)
                if model is None:
                    continue
                picture = export(model, path, is_traced)
            except Exception as why:  # What torch cannot export is no test of ours.
                print(f"{name}: not exported, {str(why).splitlines()[0][:80] if str(why) else type(why)}", flush=True)
                continue
            result = compare(cnnc, path, picture, pathlib.Path(folder))
        if isinstance(result, str):
            is_lacking = "E_UNSUPPORTED" in result
            refused, failed = refused + is_lacking, failed + (not is_lacking)
            print(f"{name}: {'refused' if is_lacking else 'FAILED'}, {result[:300]}", flush=True)
        else:
            off, is_right = result
            passed, failed = passed + is_right, failed + (not is_right)
            print(f"{name}: {'' if is_right else 'FAILED, off by '}{off:.1e}", flush=True)
    print(f"networks of timm: {passed} passed, {failed} failed ({refused} refused)")
    return 1 if failed or passed + refused < count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 0))
