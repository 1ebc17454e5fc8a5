"""RNN, GRU and LSTM against onnxruntime."""

import numpy as np
import pytest
from nn import floats, model, one, ort_run, reference_run

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
NAMES = ["Relu", "Tanh", "Sigmoid", "Affine", "LeakyRelu", "ThresholdedRelu", "ScaledTanh", "HardSigmoid", "Elu", "Softsign"]
ALPHA, BETA = {"Affine", "LeakyRelu", "ThresholdedRelu", "ScaledTanh", "HardSigmoid", "Elu"}, {"Affine", "ScaledTanh", "HardSigmoid"}


def inputs_of(rng, op, dirs, steps, batch, size, hidden, bias, lens, init, peep, dtype=np.float32):
    g = GATES[op] * hidden
    f = lambda *s: floats(rng, *s, dtype=dtype, scale=0.5)
    inputs = [f(steps, batch, size), f(dirs, g, size), f(dirs, g, hidden)]
    inputs.append(f(dirs, 2 * g) if bias else None)
    inputs.append(rng.integers(1, steps + 1, batch).astype(np.int32) if lens else None)
    inputs.append(f(dirs, batch, hidden) if init else None)
    if op == "LSTM":
        inputs.append(f(dirs, batch, hidden) if init else None)
        inputs.append(f(dirs, 3 * hidden) if peep else None)
    return inputs


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("op", list(GATES))
def test_recurrent(op, seed):
    rng = np.random.default_rng(seed)
    coin = lambda p=0.5: bool(rng.random() < p)
    direction = ["forward", "reverse", "bidirectional"][seed % 3]
    dirs, hidden = 2 if direction == "bidirectional" else 1, int(rng.integers(1, 20))
    inputs = inputs_of(rng, op, dirs, int(rng.integers(1, 7)), int(rng.integers(1, 5)), int(rng.integers(1, 9)), hidden, coin(), coin(),
                       coin(), coin())  # fmt: skip
    attrs = dict(hidden_size=hidden, direction=direction)
    if coin(0.3):
        attrs["clip"] = 0.4
    if op == "GRU" and coin():
        attrs["linear_before_reset"] = 1
    if op == "LSTM" and coin(0.3):
        attrs["input_forget"] = 1
    n = {"RNN": 1, "GRU": 2, "LSTM": 3}[op] * dirs
    if coin():
        names = [NAMES[rng.integers(len(NAMES))] for _ in range(n)]
        attrs["activations"] = names
        attrs["activation_alpha"] = [float(rng.random()) for a in names if a in ALPHA] or [0.5]
        attrs["activation_beta"] = [float(rng.random()) for a in names if a in BETA] or [0.5]
    outputs = 3 if op == "LSTM" else 2
    one(op, inputs, attrs, opset=14, outputs=outputs, constant=(1, 2) if seed % 2 else (), threads=2)


@pytest.mark.parametrize("op", list(GATES))
def test_double(op):
    rng = np.random.default_rng(1)
    inputs = inputs_of(rng, op, 1, 5, 3, 4, 6, True, False, False, False)
    doubles = [a if a is None or a.dtype != np.float32 else a.astype(np.float64) for a in inputs]
    m, feeds = model(op, inputs, dict(hidden_size=6), opset=14, outputs=2)
    want = ort_run(m, feeds)
    one(op, doubles, dict(hidden_size=6), opset=14, outputs=2, oracle=lambda *_: [w.astype(np.float64) for w in want])


@pytest.mark.parametrize("op", list(GATES))
def test_batch_first(op):
    """The same with batch and time exchanged everywhere."""
    rng = np.random.default_rng(1)
    inputs = inputs_of(rng, op, 2, 5, 3, 4, 6, True, True, True, op == "LSTM")
    attrs = dict(hidden_size=6, direction="bidirectional")
    m, feeds = model(op, inputs, attrs, opset=14, outputs=2)
    y, h = ort_run(m, feeds)
    turned = [a if a is None or i not in (0, 5, 6) else np.ascontiguousarray(np.swapaxes(a, 0, 1)) for i, a in enumerate(inputs)]
    want = [np.transpose(y, (2, 0, 1, 3)), np.swapaxes(h, 0, 1)]
    one(op, turned, dict(attrs, layout=1), opset=14, outputs=2, oracle=lambda *_: want)


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("each", [False, True])
def test_quantized_lstm(direction, each):
    rng = np.random.default_rng(1)
    dirs, hidden, size = 2 if direction == "bidirectional" else 1, 8, 6
    q = lambda *s: rng.integers(-127, 128, s).astype(np.int8)
    shape = (dirs, 4 * hidden) if each else (dirs,)
    scale = lambda: (rng.random(shape) * 0.01 + 0.005).astype(np.float32)
    inputs = [floats(rng, 5, 3, size), q(dirs, size, 4 * hidden), q(dirs, hidden, 4 * hidden), floats(rng, dirs, 8 * hidden), None, None,
              None, None, scale(), np.zeros(shape, np.int8), scale(), np.zeros(shape, np.int8)]  # fmt: skip
    attrs = dict(hidden_size=hidden, direction=direction)
    one("DynamicQuantizeLSTM", inputs, attrs, domain="com.microsoft", outputs=3, constant=(1, 2, 8, 9, 10, 11), atol=5e-3)


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("layer", [False, True])
@pytest.mark.parametrize("lens", [False, True])
def test_attention_lstm(direction, layer, lens):
    rng = np.random.default_rng(1)
    dirs, hidden, size, depth, attn, batch = 2 if direction == "bidirectional" else 1, 5, 4, 6, 3, 2
    state = 7 if layer else depth
    f = lambda *s: floats(rng, *s, scale=0.5)
    inputs = [f(6, batch, size), f(dirs, 4 * hidden, size + state), f(dirs, 4 * hidden, hidden), f(dirs, 8 * hidden),
              np.array([6, 4], np.int32) if lens else None, None, None, None, f(dirs, hidden, attn), f(dirs, depth, attn), f(dirs, attn),
              f(batch, 8, depth), np.array([8, 5], np.int32) if lens else None, f(dirs, depth + hidden, state) if layer else None]  # fmt: skip
    one("AttnLSTM", inputs, dict(hidden_size=hidden, direction=direction), domain="com.microsoft", outputs=3)
