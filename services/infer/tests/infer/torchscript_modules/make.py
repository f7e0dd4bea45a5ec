"""Writes the TorchScript modules of tests/infer/torchscript.rs: python3 make.py FOLDER (PyTorch 2.13, Python below 3.14)."""

import os
import sys

import torch


class Network(torch.nn.Module):
    """Logits are the mean and the sum of the 8x8 input; `maps` more channels come with them."""

    def __init__(self, maps):
        super().__init__()
        self.maps = maps

    def forward(self, x):
        cells = x.flatten(1)
        logits = torch.cat([cells.mean(1, keepdim=True), cells.sum(1, keepdim=True)], 1)
        if self.maps == 0:
            return logits
        return logits, torch.cat([x * (channel + 1) for channel in range(self.maps)], 1)


for name, maps in (("logits", 0), ("features", 3), ("maps", 2)):
    torch.jit.trace(Network(maps), torch.zeros(2, 1, 8, 8)).save(os.path.join(sys.argv[1], name + ".pt"))
