"""Makes the models that are measured: well-known architectures with random weights, as exporters write them, and their inputs.

usage: bench/models.py DIR [NAME]...
Needs onnx, numpy and (for the quantized ones) onnxruntime. Nothing is downloaded; what is there already stays as it is.
"""
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FOLDER = Path(sys.argv[1])


class Net:
    """A graph under construction: methods add a layer and give the name of its result."""

    def __init__(self, name, **inputs):
        self.name, self.rng, self.nodes, self.weights, self.n = name, np.random.default_rng(sum(name.encode())), [], [], 0
        self.inputs = {k: (self.draw(v) if isinstance(v, tuple) else v) for k, v in inputs.items()}

    def draw(self, shape, scale=1.0):
        return (self.rng.standard_normal(shape, dtype=np.float32) * np.float32(scale)).astype(np.float32)

    def weight(self, value):
        self.n += 1
        self.weights.append(numpy_helper.from_array(np.asarray(value), f"w{self.n}"))
        return f"w{self.n}"

    def op(self, kind, *inputs, outputs=1, domain="", **attributes):
        names = [self.weight(x) if isinstance(x, (np.ndarray, np.generic)) else x for x in inputs]
        out = [f"t{self.n + i}_{kind}" for i in range(outputs)]
        self.n += outputs
        self.nodes.append(helper.make_node(kind, names, out, domain=domain, **attributes))
        return out[0] if outputs == 1 else out

    def conv(self, x, i, o, k=1, stride=1, group=1, act=None, norm=True):
        fan = i // group * k * k
        x = self.op("Conv", x, self.draw((o, i // group, k, k), (2 / fan) ** 0.5), self.draw(o, 0.1), kernel_shape=[k, k], strides=[stride] * 2,
                    pads=[k // 2] * 4, group=group)
        if norm:
            x = self.op("BatchNormalization", x, *(np.abs(self.draw(o, 0.1)) + np.float32(v) for v in (0.6, 0, 0, 0.9)))
        return self.activate(x, act)

    def activate(self, x, act):
        if act == "silu":
            return self.op("Mul", x, self.op("Sigmoid", x))
        if act == "relu6":
            return self.op("Clip", x, np.float32(0), np.float32(6))
        if act == "gelu":
            e = self.op("Add", self.op("Erf", self.op("Div", x, np.float32(2**0.5))), np.float32(1))
            return self.op("Mul", x, self.op("Mul", np.float32(0.5), e))
        return self.op(act, x) if act else x

    def linear(self, x, i, o, act=None, bias=True):
        x = self.op("MatMul", x, self.draw((i, o), i**-0.5))
        return self.activate(self.op("Add", x, self.draw(o, 0.1)) if bias else x, act)

    def norm(self, x, d):
        return self.op("LayerNormalization", x, np.abs(self.draw(d, 0.1)) + np.float32(0.9), self.draw(d, 0.1), axis=-1, epsilon=1e-5)

    def heads(self, x, h, size, perm):
        return self.op("Transpose", self.op("Reshape", x, np.array([1, -1, h, size])), perm=perm)

    def attention(self, x, d, h, mask=None):
        q, k, v = (self.linear(x, d, d) for _ in range(3))
        q, k, v = self.heads(q, h, d // h, [0, 2, 1, 3]), self.heads(k, h, d // h, [0, 2, 3, 1]), self.heads(v, h, d // h, [0, 2, 1, 3])
        s = self.op("Mul", self.op("MatMul", q, k), np.float32((d // h) ** -0.5))
        s = self.op("Softmax", self.op("Add", s, mask) if mask else s, axis=-1)
        y = self.op("Transpose", self.op("MatMul", s, v), perm=[0, 2, 1, 3])
        return self.linear(self.op("Reshape", y, np.array([1, -1, d])), d, d)

    def encoder(self, x, d, h, layers, first, mask=None):
        for _ in range(layers):
            if first:
                x = self.op("Add", x, self.attention(self.norm(x, d), d, h, mask))
                x = self.op("Add", x, self.linear(self.linear(self.norm(x, d), d, 4 * d, "gelu"), 4 * d, d))
            else:
                x = self.norm(self.op("Add", self.attention(x, d, h, mask), x), d)
                x = self.norm(self.op("Add", self.linear(self.linear(x, d, 4 * d, "gelu"), 4 * d, d), x), d)
        return x

    def pool_and_classify(self, x, channels, classes):
        x = self.op("Flatten", self.op("GlobalAveragePool", x))
        return self.op("Gemm", x, self.draw((classes, channels), channels**-0.5), self.draw(classes, 0.1), transB=1)

    def save(self, *outputs):
        types = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int64): TensorProto.INT64}
        graph = helper.make_graph(self.nodes, self.name, [helper.make_tensor_value_info(k, types[v.dtype], v.shape) for k, v in self.inputs.items()],
                                  [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.save(onnx.shape_inference.infer_shapes(model), FOLDER / f"{self.name}.onnx")
        np.savez(FOLDER / f"{self.name}.npz", **self.inputs)


def resnet50():
    n = Net("resnet50", x=(1, 3, 224, 224))
    x, i = n.op("MaxPool", n.conv("x", 3, 64, 7, 2, act="Relu"), kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4), 64
    for stage, (mid, count) in enumerate([(64, 3), (128, 4), (256, 6), (512, 3)]):
        for b in range(count):
            stride = 2 if stage and not b else 1
            y = n.conv(n.conv(n.conv(x, i, mid, act="Relu"), mid, mid, 3, stride, act="Relu"), mid, 4 * mid)
            x = n.op("Relu", n.op("Add", y, x if b else n.conv(x, i, 4 * mid, 1, stride)))
            i = 4 * mid
    n.save(n.pool_and_classify(x, i, 1000))


def mobile(name, stem, blocks, head, act, squeeze):
    n = Net(name, x=(1, 3, 224, 224))
    x, i = n.conv("x", 3, stem, 3, 2, act=act), stem
    for expand, out, count, stride, k in blocks:
        for b in range(count):
            wide, y, s = i * expand, x, stride if b == 0 else 1
            y = n.conv(y, i, wide, act=act) if expand > 1 else y
            y = n.conv(y, wide, wide, k, s, wide, act)
            if squeeze:
                g = n.conv(n.op("ReduceMean", y, axes=[2, 3], keepdims=1), wide, i // 4, act="silu", norm=False)
                y = n.op("Mul", y, n.op("Sigmoid", n.conv(g, i // 4, wide, norm=False)))
            y = n.conv(y, wide, out)
            x, i = n.op("Add", x, y) if s == 1 and i == out else y, out
    n.save(n.pool_and_classify(n.conv(x, i, head, act=act), head, 1000))


def mobilenet_v2():
    mobile("mobilenet_v2", 32, [(1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 32, 3, 2, 3), (6, 64, 4, 2, 3), (6, 96, 3, 1, 3), (6, 160, 3, 2, 3),
                                (6, 320, 1, 1, 3)], 1280, "relu6", False)


def efficientnet_b0():
    mobile("efficientnet_b0", 32, [(1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5), (6, 192, 4, 2, 5),
                                   (6, 320, 1, 1, 3)], 1280, "silu", True)


def unet():
    n = Net("unet", x=(1, 3, 256, 256))
    x, i, kept, b = "x", 3, [], 32
    for o in (b, 2 * b, 4 * b, 8 * b):
        x = n.conv(n.conv(x, i, o, 3, act="Relu"), o, o, 3, act="Relu")
        kept.append(x)
        x, i = n.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]), o
    x = n.conv(n.conv(x, i, 16 * b, 3, act="Relu"), 16 * b, 16 * b, 3, act="Relu")
    for o in (8 * b, 4 * b, 2 * b, b):
        x = n.op("ConvTranspose", x, n.draw((2 * o, o, 2, 2), 0.05), n.draw(o, 0.1), kernel_shape=[2, 2], strides=[2, 2])
        x = n.op("Concat", x, kept.pop(), axis=1)
        x = n.conv(n.conv(x, 2 * o, o, 3, act="Relu"), o, o, 3, act="Relu")
    n.save(n.conv(x, b, 5, norm=False))


def bert_base():
    ids = np.random.default_rng(1).integers(0, 30000, (1, 128))
    n = Net("bert_base", ids=ids, mask=np.where(np.arange(128) < 120, 0, -1e9).astype(np.float32).reshape(1, 1, 1, 128))
    x = n.op("Add", n.op("Gather", n.draw((30522, 768), 0.02), "ids"), n.draw((1, 128, 768), 0.02))
    n.save(n.encoder(n.norm(x, 768), 768, 12, 12, False, "mask"))


def vit_base():
    n = Net("vit_base", x=(1, 3, 224, 224))
    x = n.op("Conv", "x", n.draw((768, 3, 16, 16), 0.03), n.draw(768, 0.1), kernel_shape=[16, 16], strides=[16, 16])
    x = n.op("Transpose", n.op("Reshape", x, np.array([1, 768, 196])), perm=[0, 2, 1])
    x = n.op("Add", n.op("Concat", n.draw((1, 1, 768)), x, axis=1), n.draw((1, 197, 768), 0.02))
    n.save(n.linear(n.norm(n.encoder(x, 768, 12, 12, True), 768), 768, 1000))


def decoder_step():
    """One token of a small llama-like decoder with 128 tokens cached."""
    d, h, ff, past = 1024, 16, 2816, 128
    n = Net("decoder_step", x=(1, 1, d), **{f"past_{i}_{c}": (1, h, past, d // h) for i in range(4) for c in "kv"})
    x, outputs = "x", []

    def rms(x):
        m = n.op("Add", n.op("ReduceMean", n.op("Pow", x, np.float32(2)), axes=[-1]), np.float32(1e-5))
        return n.op("Mul", n.op("Mul", x, n.op("Div", np.float32(1), n.op("Sqrt", m))), np.abs(n.draw(d, 0.1)) + np.float32(0.9))

    for i in range(4):
        y = rms(x)
        q, k, v = (n.heads(n.linear(y, d, d, bias=False), h, d // h, [0, 2, 1, 3]) for _ in range(3))
        k, v = n.op("Concat", f"past_{i}_k", k, axis=2), n.op("Concat", f"past_{i}_v", v, axis=2)
        s = n.op("Div", n.op("MatMul", q, n.op("Transpose", k, perm=[0, 1, 3, 2])), np.float32((d // h) ** 0.5))
        y = n.op("Transpose", n.op("MatMul", n.op("Softmax", s, axis=-1), v), perm=[0, 2, 1, 3])
        x = n.op("Add", x, n.linear(n.op("Reshape", y, np.array([1, -1, d])), d, d, bias=False))
        y = rms(x)
        y = n.op("Mul", n.linear(y, d, ff, "silu", bias=False), n.linear(y, d, ff, bias=False))
        x = n.op("Add", x, n.linear(y, ff, d, bias=False))
        outputs += [k, v]
    n.save(n.linear(rms(x), d, 32000, bias=False), *outputs)


def recurrent(name, kind, gates, steps, size, hidden, layers, directions):
    n = Net(name, x=(steps, 1, size))
    x = "x"
    for layer in range(layers):
        i = size if layer == 0 else hidden * directions
        s = hidden**-0.5
        y = n.op(kind, x, n.draw((directions, gates * hidden, i), s), n.draw((directions, gates * hidden, hidden), s),
                 n.draw((directions, 2 * gates * hidden), 0.1), hidden_size=hidden, direction="bidirectional" if directions == 2 else "forward",
                 **({"linear_before_reset": 1} if kind == "GRU" else {}))
        x = n.op("Reshape", n.op("Transpose", y, perm=[0, 2, 1, 3]), np.array([0, 0, -1]))
    n.save(n.linear(x, hidden * directions, 40))


def lstm():
    recurrent("lstm", "LSTM", 4, 100, 256, 512, 3, 1)


def gru():
    recurrent("gru", "GRU", 3, 200, 80, 256, 2, 2)


def mlp():
    n = Net("mlp", x=(32, 784))
    x = n.linear("x", 784, 1024, "Relu")
    x = n.linear(n.linear(x, 1024, 1024, "Relu"), 1024, 1024, "Relu")
    n.save(n.op("Softmax", n.linear(x, 1024, 10), axis=-1))


def static_int8(source):
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.items = iter([dict(np.load(FOLDER / f"{source}.npz"))])

        def get_next(self):
            return next(self.items, None)

    quantize_static(FOLDER / f"{source}.onnx", FOLDER / f"{source}_int8.onnx", Reader(), quant_format=QuantFormat.QDQ, per_channel=True,
                    activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)
    (FOLDER / f"{source}_int8.npz").write_bytes((FOLDER / f"{source}.npz").read_bytes())


def resnet50_int8():
    static_int8("resnet50")


def mobilenet_v2_int8():
    static_int8("mobilenet_v2")


def bert_base_int8():
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(FOLDER / "bert_base.onnx", FOLDER / "bert_base_int8.onnx", weight_type=QuantType.QInt8, per_channel=True)
    (FOLDER / "bert_base_int8.npz").write_bytes((FOLDER / "bert_base.npz").read_bytes())


MAKERS = [resnet50, mobilenet_v2, efficientnet_b0, unet, bert_base, vit_base, decoder_step, lstm, gru, mlp, resnet50_int8, mobilenet_v2_int8,
          bert_base_int8]
FOLDER.mkdir(parents=True, exist_ok=True)
for make in MAKERS:
    if (sys.argv[2:] and make.__name__ not in sys.argv[2:]) or (FOLDER / f"{make.__name__}.npz").exists():
        continue
    make()
    print(f"made {make.__name__}", flush=True)
