"""Reads with PyTorch as torchxrayvision does: DenseNet-121 of torch.nn modules in eager mode, 32 bits, NCHW.

Run by `hilum-model bench engine --pytorch`. Needs torch and nothing else. Prints one JSON object: the version, the
logits of the image, and the milliseconds of each timed pass for each size of a batch.

Source of the network: Huang et al., "Densely Connected Convolutional Networks"; torchxrayvision 1.5.7 `models.py`.
"""

import argparse
import json
import struct
import sys
import time
import warnings

warnings.filterwarnings("ignore")
try:
    import torch
    from torch import nn
except ImportError as error:
    sys.exit(f"{sys.executable} can't import torch ({error}); install torch there, or name another Python by --pytorch")

GROWTH, BLOCKS, FIRST_MAPS, BOTTLENECK = 32, (6, 12, 24, 16), 64, 128
# Passes before those that are timed: the first ones set things up.
WARM_UP = 3


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", required=True, help="safetensors")
    parser.add_argument("--image", required=True, help="224 × 224 little-endian float32")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--passes", type=int, required=True)
    parser.add_argument("--batch", type=int, action="append", required=True)
    return parser.parse_args()


def norm_relu_convolution(number, maps_in, maps_out, **kernel):
    return {
        f"norm{number}": nn.BatchNorm2d(maps_in),
        f"relu{number}": nn.ReLU(inplace=True),
        f"conv{number}": nn.Conv2d(maps_in, maps_out, bias=False, **kernel),
    }


def sequence(parts, kind=nn.Sequential):
    modules = kind()
    for name, module in parts.items():
        modules.add_module(name, module)
    return modules


class DenseLayer(nn.Sequential):
    def forward(self, maps):
        return torch.cat([maps, super().forward(maps)], 1)


def dense_block(layers, maps):
    def layer(maps):
        bottleneck = norm_relu_convolution(1, maps, BOTTLENECK, kernel_size=1)
        growth = norm_relu_convolution(2, BOTTLENECK, GROWTH, kernel_size=3, padding=1)
        return sequence({**bottleneck, **growth}, DenseLayer)

    return sequence({f"denselayer{index + 1}": layer(maps + index * GROWTH) for index in range(layers)})


class DenseNet121(nn.Module):
    def __init__(self, labels):
        super().__init__()
        parts = {
            "conv0": nn.Conv2d(1, FIRST_MAPS, kernel_size=7, stride=2, padding=3, bias=False),
            "norm0": nn.BatchNorm2d(FIRST_MAPS),
            "relu0": nn.ReLU(inplace=True),
            "pool0": nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
        }
        maps = FIRST_MAPS
        for number, layers in enumerate(BLOCKS, start=1):
            parts[f"denseblock{number}"] = dense_block(layers, maps)
            maps += layers * GROWTH
            if number < len(BLOCKS):
                transition = norm_relu_convolution("", maps, maps // 2, kernel_size=1)
                parts[f"transition{number}"] = sequence({**transition, "pool": nn.AvgPool2d(kernel_size=2, stride=2)})
                maps //= 2
        parts["norm5"] = nn.BatchNorm2d(maps)
        self.features = sequence(parts)
        self.classifier = nn.Linear(maps, labels)

    def forward(self, images):
        features = nn.functional.relu(self.features(images), inplace=True)
        pooled = nn.functional.adaptive_avg_pool2d(features, (1, 1)).flatten(1)
        return self.classifier(pooled)


def float32(content, shape):
    return torch.frombuffer(bytearray(content), dtype=torch.float32).reshape(shape)


def safetensors(path):
    """The tensors of a file, all float32: eight bytes of length, a JSON header, the numbers."""
    with open(path, "rb") as file:
        content = file.read()
    start = 8 + struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8:start])
    header.pop("__metadata__", None)
    found = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        found[name] = float32(content[start + begin : start + end], entry["shape"])
    return found


def network(path):
    weights = safetensors(path)
    model = DenseNet121(weights["classifier.bias"].numel())
    missing, unexpected = model.load_state_dict(weights, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unexpected:
        sys.exit(f"the weights are not those of a DenseNet-121: missing {missing[:3]}, unexpected {unexpected[:3]}")
    return model.eval()


def timed(model, images, passes):
    for _ in range(WARM_UP):
        model(images)
    took_ms = []
    for _ in range(passes):
        began = time.perf_counter()
        model(images)
        took_ms.append((time.perf_counter() - began) * 1000)
    return took_ms


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    model = network(args.weights)
    with open(args.image, "rb") as file:
        image = float32(file.read(), (1, 1, 224, 224))
    with torch.inference_mode():
        logits = model(image)[0].tolist()
        passes = [timed(model, image.repeat(batch, 1, 1, 1), args.passes) for batch in args.batch]
    json.dump({"version": torch.__version__, "logits": logits, "ms_of_passes": passes}, sys.stdout)


if __name__ == "__main__":
    main()
