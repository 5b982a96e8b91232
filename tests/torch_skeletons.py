"""Writes the skeletons of the networks that torchvision and timm have, each exported to ONNX and read by skeleton.py.

    python torch_skeletons.py FOLDER

needs torch, torchvision, timm and onnx. No weights are read; the skeletons in tests/skeletons are made by
torchvision 0.24.0 and timm 1.0.22. Prints the lines of tests/torch_names.txt: for each network the count of its tensors,
and a SHA-256 of their names and shapes.
"""

import hashlib
import io
import pathlib
import sys

import onnx
import timm
import torch
import torchvision

import skeleton

TORCHVISION = {
    "alexnet-torchvision": "alexnet", "googlenet-bn": "googlenet", "inception-v3": "inception_v3",
    "vgg11": "vgg11", "vgg13": "vgg13", "vgg16": "vgg16", "vgg19": "vgg19",
    "vgg11-bn": "vgg11_bn", "vgg13-bn": "vgg13_bn", "vgg16-bn": "vgg16_bn", "vgg19-bn": "vgg19_bn",
    "resnet18": "resnet18", "resnet34": "resnet34", "resnet50": "resnet50",
    "resnet101": "resnet101", "resnet152": "resnet152",
    "wide-resnet50-2": "wide_resnet50_2", "wide-resnet101-2": "wide_resnet101_2",
    "resnext50-32x4d": "resnext50_32x4d", "resnext101-32x8d": "resnext101_32x8d",
    "densenet121": "densenet121", "densenet161": "densenet161", "densenet169": "densenet169",
    "densenet201": "densenet201",
    "squeezenet1.0": "squeezenet1_0", "squeezenet1.1": "squeezenet1_1",
}
TIMM = {
    "inception-v4": "inception_v4", "preresnet50": "resnetv2_50", "preresnet101": "resnetv2_101",
    "preresnet152": "resnetv2_152", "seresnet50": "seresnet50", "seresnext50-32x4d": "seresnext50_32x4d",
    "senet154": "legacy_senet154",
}


def network(name):
    if name in TIMM:
        return timm.create_model(TIMM[name], pretrained=False)
    # Drawing weights takes minutes; auxiliary classifiers are left out as they are at inference.
    quick = {"init_weights": False} if name.startswith(("googlenet", "inception")) else {}
    aux = {"aux_logits": False} if quick else {}
    return torchvision.models.get_model(TORCHVISION[name], weights=None, **quick, **aux)


def exported(model, size):
    """The ONNX file of a model, its batch norms kept as they are."""
    file = io.BytesIO()
    torch.onnx.export(
        model.eval(), (torch.zeros(1, 3, size, size),), file, dynamo=False, do_constant_folding=False,
        training=torch.onnx.TrainingMode.PRESERVE,
    )
    return onnx.load_from_string(file.getvalue())


def names(model):
    """The tensors that a file of weights holds, a line each, sorted."""
    tensors = {k: v for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")}
    return sorted(f"{name} {'x'.join(map(str, tensor.shape))}\n" for name, tensor in tensors.items())


folder = pathlib.Path(sys.argv[1])
folder.mkdir(exist_ok=True)
for name in [*TORCHVISION, *TIMM]:
    size = 299 if name.startswith("inception") else 224
    model = network(name)
    tensors = names(model)
    print(name, len(tensors), hashlib.sha256("".join(tensors).encode()).hexdigest(), flush=True)
    (folder / f"{name}.txt").write_text(skeleton.text(exported(model, size)))
