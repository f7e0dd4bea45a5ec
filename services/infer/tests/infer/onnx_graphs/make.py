"""Writes the ONNX graphs of tests/infer/openvino.rs: python3 make.py FOLDER (package onnx).

The same network as in torchscript_modules: logits are the mean and the sum of the 8x8 input; two maps come with them.
"""

import os
import sys

import onnx
from onnx import TensorProto, helper


def graph(maps):
    nodes = [
        helper.make_node("GlobalAveragePool", ["x"], ["mean4"]),
        helper.make_node("Flatten", ["mean4"], ["mean"]),
        helper.make_node("Mul", ["mean", "cells"], ["sum"]),
        helper.make_node("Concat", ["mean", "sum"], ["logits"], axis=1),
    ]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2])]
    if maps:
        nodes.append(helper.make_node("Add", ["x", "x"], ["twice"]))
        nodes.append(helper.make_node("Concat", ["x", "twice"], ["maps"], axis=1))
        outputs.append(helper.make_tensor_value_info("maps", TensorProto.FLOAT, ["batch", 2, 8, 8]))
    cells = helper.make_tensor("cells", TensorProto.FLOAT, [], [64.0])
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 1, 8, 8])]
    return helper.make_graph(nodes, "mean-and-sum", inputs, outputs, [cells])


for name, maps in (("logits", False), ("maps", True)):
    model = helper.make_model(graph(maps), opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, os.path.join(sys.argv[1], name + ".onnx"))
