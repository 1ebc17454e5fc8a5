#!/usr/bin/env python3
"""Writes a model that uses the operators of hann_smooth.c: make_model.py MODEL.onnx"""
import sys

import onnx
from onnx import TensorProto, helper

smooth = helper.make_node("Smooth", ["signal"], ["smooth"], domain="my.audio", width=5)
peaks = helper.make_node("Peaks", ["smooth"], ["peaks"], domain="my.audio")
graph = helper.make_graph(
    [smooth, peaks], "peaks",
    [helper.make_tensor_value_info("signal", TensorProto.FLOAT, ["n"])],
    [helper.make_tensor_value_info("smooth", TensorProto.FLOAT, ["n"]), helper.make_tensor_value_info("peaks", TensorProto.INT64, ["k"])],
)
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("my.audio", 1)], ir_version=8), sys.argv[1])
