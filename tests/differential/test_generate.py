"""Searches of com.microsoft against onnxruntime, on a tiny decoder whose logits depend on all tokens so far."""

import numpy as np
import pytest
import igata
from compare import F, I32, check, model_of, ort_run
from onnx import TensorProto, helper, numpy_helper

MS = "com.microsoft"
V, HEADS, SIZE = 13, 2, 4
rng = np.random.default_rng(11)


def c(name, value):
    return numpy_helper.from_array(np.asarray(value), name)


def decoder(scale=2.0):
    """logits = (running mean of token vectors, weighted by position) * W; the cache holds the vectors."""
    e = rng.standard_normal((V, HEADS * SIZE)).astype(np.float32)
    p = rng.standard_normal((40, HEADS * SIZE)).astype(np.float32) * 0.3
    w = rng.standard_normal((HEADS * SIZE, V)).astype(np.float32) * scale
    n = helper.make_node
    nodes = [
        n("Gather", ["E", "input_ids"], ["e0"]), n("Gather", ["P", "position_ids"], ["e1"]), n("Add", ["e0", "e1"], ["e"]),
        n("Reshape", ["e", "split"], ["e4"]), n("Transpose", ["e4"], ["k"], perm=[0, 2, 1, 3]), n("Unsqueeze", ["k", "zero"], ["k5"]),
        n("Concat", ["k5", "k5"], ["kv"], axis=0), n("Concat", ["past_0", "kv"], ["present_0"], axis=3),
        n("Cast", ["attention_mask"], ["m"], to=F), n("Unsqueeze", ["m", "mask_axes"], ["m4"]),
        n("Gather", ["present_0", "zero_scalar"], ["keys"], axis=0), n("Mul", ["keys", "m4"], ["masked"]),
        n("ReduceSum", ["masked", "two"], ["s"], keepdims=1), n("ReduceSum", ["m4", "two"], ["count"], keepdims=1), n("Div", ["s", "count"], ["mean"]),
        n("Add", ["k", "mean"], ["h"]), n("Transpose", ["h"], ["h4"], perm=[0, 2, 1, 3]), n("Reshape", ["h4", "join"], ["h3"]), n("MatMul", ["h3", "W"], ["logits"]),
    ]
    init = [c("E", e), c("P", p), c("W", w), c("split", np.array([0, 0, HEADS, SIZE])), c("join", np.array([0, 0, HEADS * SIZE])), c("zero", np.array([0])),
            c("zero_scalar", np.int64(0)), c("mask_axes", np.array([1, 3])), c("two", np.array([2]))]
    info = helper.make_tensor_value_info
    return helper.make_graph(
        nodes, "decoder",
        [info("input_ids", I32, ["b", "s"]), info("position_ids", I32, ["b", "s"]), info("attention_mask", I32, ["b", "t"]), info("past_0", F, [2, "b", HEADS, "p", SIZE])],
        [info("logits", F, ["b", "s", V]), info("present_0", F, [2, "b", HEADS, "t", SIZE])], init)


def run(op, order, given, attrs=None, outputs=("sequences",), scale=2.0, rtol=1e-4):
    ids = given["input_ids"]
    types = {np.dtype(np.int32): I32, np.dtype(np.float32): F}
    names = [k if k in given else "" for k in order]
    while not names[-1]:
        names.pop()
    node = helper.make_node(op, names, list(outputs), domain=MS, decoder=decoder(scale), eos_token_id=12, pad_token_id=0, vocab_size=V, **(attrs or {}))
    m = model_of([node], [(k, types[given[k].dtype], list(given[k].shape)) for k in order if k in given],
                 [(o, F if "score" in o else I32, None) for o in outputs], {"": 13, MS: 1}, ir=8)
    if op == "BeamSearch":
        check(m, given, rtol=rtol, atol=1e-4)
        return
    want, got = ort_run(m, given)[0], igata.Session(m).run(given)[0]
    real = (got != 0).any(0).nonzero()[0].max() + 1  # onnxruntime leaves what follows an early end unset
    assert (got[:, :real] == want[:, :real]).all(), f"{got}\nwant {want}"


def i(*v):
    return np.array(v, np.int32)


def f(v):
    return np.array([v], np.float32)


GREEDY = ["input_ids", "max_length", "min_length", "repetition_penalty", "vocab_mask", "prefix_vocab_mask", "attention_mask"]
IDS = np.array([[3, 4, 5], [0, 7, 2]], np.int32)


@pytest.mark.parametrize("more", [{}, {"min_length": i(9)}, {"repetition_penalty": f(1.7)}, {"repetition_penalty": f(0.6)}, {"vocab_mask": i(*([1, 0] * 6 + [1]))},
                                  {"attention_mask": np.array([[1, 1, 1], [0, 1, 1]], np.int32)}, {"prefix_vocab_mask": (rng.random((2, V)) < 0.4).astype(np.int32)}])
@pytest.mark.parametrize("ngram", [0, 1, 2])
@pytest.mark.parametrize("scale", [0.5, 3.0])
def test_greedy(more, ngram, scale):
    run("GreedySearch", GREEDY, {"input_ids": IDS, "max_length": i(15), **more}, {"no_repeat_ngram_size": ngram}, scale=scale)


BEAM = ["input_ids", "max_length", "min_length", "num_beams", "num_return_sequences", "length_penalty", "repetition_penalty", "vocab_mask", "prefix_vocab_mask", "attention_mask"]


@pytest.mark.parametrize("beams,returned", [(1, 1), (2, 2), (4, 3)])
@pytest.mark.parametrize("more", [{}, {"length_penalty": f(2.0)}, {"length_penalty": f(0.5), "min_length": i(8)}, {"repetition_penalty": f(1.5)}, {"vocab_mask": i(*([1, 0] * 6 + [1]))}])
@pytest.mark.parametrize("early", [0, 1])
@pytest.mark.parametrize("ngram", [0, 2])
def test_beams(beams, returned, more, early, ngram):
    for scale, batch in ((0.5, 0), (2.0, 0), (2.0, 1)):  # one at a time: onnxruntime looks at a neighbour's scores to see who is done
        run("BeamSearch", BEAM, {"input_ids": IDS[batch : batch + 1], "max_length": i(12), "min_length": i(1), "length_penalty": f(1), "repetition_penalty": f(1), "num_beams": i(beams), "num_return_sequences": i(returned), **more},
            {"early_stopping": early, "no_repeat_ngram_size": ngram, "model_type": 0}, ("sequences", "sequences_scores"), scale)


def test_sampling_of_the_likeliest():
    """With a tiny top_p only one token is left to draw."""
    run("Sampling", [*GREEDY, "presence_mask", "seed"], {"input_ids": IDS, "max_length": i(10), "seed": i(5)}, {"top_p": 1e-6, "temperature": 1.0, "filter_value": -1e20, "model_type": 0})


def encoder_decoder():
    """As T5: the encoder also runs the decoder's first step; caches of keys and values are apart."""
    e = rng.standard_normal((V, HEADS * SIZE)).astype(np.float32)
    w = rng.standard_normal((HEADS * SIZE, V)).astype(np.float32) * 2
    n, info = helper.make_node, helper.make_tensor_value_info

    def heads(ids, out):
        return [n("Gather", ["E", ids], [out + "_e"]), n("Reshape", [out + "_e", "split"], [out + "_4"]), n("Transpose", [out + "_4"], [out], perm=[0, 2, 1, 3])]

    def tail(own, cross):
        """logits of the newest token's vector, the mean of all so far and the mean of the encoder's."""
        return [n("ReduceMean", [own + "_all"], ["m1"], axes=[2], keepdims=1), n("ReduceMean", [cross], ["m2"], axes=[2], keepdims=1), n("Add", [own, "m1"], ["a"]), n("Add", ["a", "m2"], ["h"]),
                n("Transpose", ["h"], ["h4"], perm=[0, 2, 1, 3]), n("Reshape", ["h4", "join"], ["h3"]), n("MatMul", ["h3", "W"], ["logits"])]

    init = [c("E", e), c("W", w), c("split", np.array([0, 0, HEADS, SIZE])), c("join", np.array([0, 0, HEADS * SIZE]))]
    cache = lambda name: info(name, F, ["b", HEADS, name + "_t", SIZE])
    encoder = helper.make_graph(
        [*heads("encoder_input_ids", "present_key_cross_0"), n("Neg", ["present_key_cross_0"], ["present_value_cross_0"]), *heads("decoder_input_ids", "k"), n("Identity", ["k"], ["k_all"]),
         n("Identity", ["k"], ["present_key_self_0"]), n("Neg", ["k"], ["present_value_self_0"]), *tail("k", "present_key_cross_0"), n("Gather", ["E", "encoder_input_ids"], ["encoder_hidden_states"])],
        "encoder", [info("encoder_input_ids", I32, ["b", "s"]), info("encoder_attention_mask", I32, ["b", "s"]), info("decoder_input_ids", I32, ["b", "one"])],
        [info("logits", F, ["b", "one", V]), info("encoder_hidden_states", F, ["b", "s", HEADS * SIZE]), cache("present_key_cross_0"), cache("present_value_cross_0"), cache("present_key_self_0"),
         cache("present_value_self_0")], init)
    decoder = helper.make_graph(
        [*heads("input_ids", "k"), n("Concat", ["past_key_self_0", "k"], ["k_all"], axis=2), n("Identity", ["k_all"], ["present_key_self_0"]), n("Neg", ["k_all"], ["present_value_self_0"]),
         *tail("k", "past_key_cross_0")],
        "decoder", [info("input_ids", I32, ["b", "one"]), info("encoder_attention_mask", I32, ["b", "s"]), cache("past_key_self_0"),
                    cache("past_value_self_0"), cache("past_key_cross_0"), cache("past_value_cross_0")],
        [info("logits", F, ["b", "one", V]), cache("present_key_self_0"), cache("present_value_self_0")], init)
    return encoder, decoder


def greedily(encoder, decoder_graph, x, most):
    """The tokens and the sum of their log-probabilities, by running the two graphs alone."""
    alone = lambda g: helper.make_model(g, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    mask = np.ones_like(x)
    out = dict(zip([o.name for o in encoder.output], ort_run(alone(encoder), {"encoder_input_ids": x, "encoder_attention_mask": mask, "decoder_input_ids": np.array([[1]], np.int32)})))
    caches = {k[8:]: v for k, v in out.items() if k.startswith("present_")}
    tokens, total, logits = [1], 0.0, out["logits"]
    while len(tokens) < most:
        row = logits[0, -1].astype(np.float64)
        row -= np.log(np.exp(row - row.max()).sum()) + row.max()
        total += row.max()
        if row.argmax() == 12:
            break
        tokens.append(int(row.argmax()))
        feeds = {"input_ids": np.array([[tokens[-1]]], np.int32), "encoder_attention_mask": mask, **{f"past_{k}": v for k, v in caches.items()}}
        out = dict(zip([o.name for o in decoder_graph.output], ort_run(alone(decoder_graph), feeds)))
        caches.update({k[8:]: v for k, v in out.items() if k.startswith("present_")})
        logits = out["logits"]
    return tokens, total


@pytest.mark.parametrize("seed", range(6))
def test_encoder_decoder(seed):
    global rng
    rng = np.random.default_rng(seed)
    encoder, decoder_graph = encoder_decoder()
    x = np.array([[3, 4, 5, 6]], np.int32)
    given = {"input_ids": x, "max_length": i(10), "min_length": i(1), "num_beams": i(1), "num_return_sequences": i(1), "length_penalty": f(0), "repetition_penalty": f(1)}
    node = helper.make_node("BeamSearch", list(given), ["sequences", "sequences_scores"], domain=MS, encoder=encoder, decoder=decoder_graph, eos_token_id=12, pad_token_id=0, decoder_start_token_id=1, model_type=1, vocab_size=V)
    types = {np.dtype(np.int32): I32, np.dtype(np.float32): F}
    m = model_of([node], [(k, types[v.dtype], list(v.shape)) for k, v in given.items()], [("sequences", I32, None), ("sequences_scores", F, None)], {"": 13, MS: 1}, ir=8)
    tokens, total = greedily(encoder, decoder_graph, x, 10)
    sequences, scores = igata.Session(m).run(given)
    assert sequences[0, 0].tolist() == tokens + [0] * (10 - len(tokens))
    np.testing.assert_allclose(scores[0, 0], total, rtol=1e-4)
    many = igata.Session(m).run({**given, "num_beams": i(4), "num_return_sequences": i(4)})
    assert (np.diff(many[1][0]) <= 0).all() and many[1][0, 0] >= scores[0, 0] - 1e-5
