"""Turns a torchxrayvision weights file into safetensors, with golden outputs of the reference implementation.

Run by `hilum-model import`. The weights file is a pickled module: loading it runs code from it, so its SHA-256 is
compared first, on the very bytes that are then loaded.

Writes to --out: weights.safetensors, golden.json, model.json (labels, operating points, versions).
"""

import argparse
import hashlib
import io
import json
import math
import os
import sys
import warnings


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("weights")
    parser.add_argument("--sha256", required=True)
    parser.add_argument("--weights-set", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--packages", help="folder with torch, torchxrayvision and safetensors")
    parser.add_argument("--golden", action="append", required=True, metavar="NAME=FILE")
    return parser.parse_args()


def verified_bytes(path, expected):
    with open(path, "rb") as file:
        content = file.read()
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        sys.exit(f"{path}: expected SHA-256 {expected}, found {found}")
    return content


def unpickled(torch, content):
    module = torch.load(io.BytesIO(content), map_location="cpu", weights_only=False)
    # Modules pickled by old versions of torch lack this attribute (pytorch issue 42242).
    for part in module.modules():
        if not hasattr(part, "_non_persistent_buffers_set"):
            part._non_persistent_buffers_set = set()
    return module


def thresholds(xrv, weights_set, labels):
    """One per label; None where there is none."""
    values = xrv.models.model_urls[weights_set].get("op_threshs", [math.nan] * len(labels))
    pairs = zip(labels, (float(value) for value in values))
    return [None if math.isnan(value) or not label else value for label, value in pairs]


def reference(xrv, state, labels):
    model = xrv.models.DenseNet(weights=None, num_classes=len(labels), in_channels=1)
    missing, unexpected = model.load_state_dict(state, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unexpected:
        sys.exit(f"not a torchxrayvision DenseNet-121: missing {missing[:3]}, unexpected {unexpected[:3]}")
    return model.eval()


def golden_case(torch, xrv, model, op_threshs, name, path):
    """Logits, operating-point scores and the map of the highest logit, as torchxrayvision computes them."""
    import numpy

    tensor = torch.from_numpy(numpy.fromfile(path, dtype="<f4").reshape(1, 1, 224, 224))
    with torch.no_grad():
        features = torch.nn.functional.relu(model.features(tensor))
        pooled = torch.nn.functional.adaptive_avg_pool2d(features, (1, 1)).flatten(1)
        logits = model.classifier(pooled)
        maps = torch.einsum("ck,bkhw->bchw", model.classifier.weight, features)[0]
        points = torch.tensor([math.nan if value is None else value for value in op_threshs])
        scores = xrv.models.op_norm(torch.sigmoid(logits), points)[0]
    top = int(logits[0].argmax())
    return {
        "name": os.path.basename(name).rsplit(".", 1)[0],
        "tensor": name,
        "logits": logits[0].tolist(),
        "operating_point_scores": scores.tolist(),
        "maps": [{"label_index": top, "height": 7, "width": 7, "values": maps[top].flatten().tolist()}],
    }


def write_json(folder, name, value):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1, allow_nan=False)


def main():
    args = arguments()
    if args.packages:
        sys.path.insert(0, args.packages)
    warnings.filterwarnings("ignore")
    content = verified_bytes(args.weights, args.sha256)

    import torch
    import torchxrayvision as xrv
    from safetensors.torch import save_file

    if args.weights_set not in xrv.models.model_urls:
        known = [name for name in xrv.models.model_urls if name.startswith("densenet121")]
        sys.exit(f"unknown weights set {args.weights_set}; known are {', '.join(known)}")
    labels = list(xrv.models.model_urls[args.weights_set]["labels"])
    module = unpickled(torch, content)
    state = {
        name: tensor.detach().to(torch.float32).contiguous().clone()
        for name, tensor in module.state_dict().items()
        if name != "op_threshs" and not name.endswith("num_batches_tracked")
    }
    model = reference(xrv, state, labels)
    op_threshs = thresholds(xrv, args.weights_set, labels)

    save_file(state, os.path.join(args.out, "weights.safetensors"))
    golden = [entry.split("=", 1) for entry in args.golden]
    versions = f"torchxrayvision {xrv.__version__} on PyTorch {torch.__version__}, fp32, CPU"
    cases = [golden_case(torch, xrv, model, op_threshs, name, path) for name, path in golden]
    outputs = {"labels": labels, "op_threshs": op_threshs}
    write_json(args.out, "golden.json", {"reference": versions, **outputs, "cases": cases})
    write_json(args.out, "model.json", outputs)


if __name__ == "__main__":
    main()
