"""Matrix products against onnxruntime."""

import numpy as np
import pytest
from nn import floats, one, reference_run

MS = "com.microsoft"
SHAPES = [((3, 4), (4, 5)), ((4,), (4, 5)), ((3, 4), (4,)), ((4,), (4,)), ((2, 3, 4), (4, 5)), ((2, 1, 3, 4), (5, 4, 2)),
          ((1, 1), (1, 1)), ((0, 4), (4, 5)), ((3, 0), (0, 5)), ((7, 33, 65), (65, 40)), ((1, 70), (70, 130)), ((130, 70), (70, 1)),
          ((2, 3, 1, 64), (2, 3, 64, 50)), ((200, 300), (300, 250))]  # fmt: skip


@pytest.mark.parametrize("a,b", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64, np.uint32, np.uint64])
@pytest.mark.parametrize("constant", [(), (0,), (1,)])
def test_matmul(a, b, dtype, constant):
    rng = np.random.default_rng(1)
    x, y = (floats(rng, *s, scale=3).astype(dtype) if np.dtype(dtype).kind != "u" else rng.integers(0, 9, s, dtype) for s in (a, b))
    one("MatMul", [x, y], opset=13, constant=constant, threads=2, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("a,b", SHAPES)
def test_matmul_half(a, b):
    rng = np.random.default_rng(1)
    one("MatMul", [floats(rng, *a, dtype=np.float16), floats(rng, *b, dtype=np.float16)], opset=13, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("ta,tb", [(0, 0), (0, 1), (1, 0), (1, 1)])
@pytest.mark.parametrize("ba,bb", [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_fused_matmul(ta, tb, ba, bb):
    rng = np.random.default_rng(1)
    a = np.transpose(np.zeros((2, 3, 4, 5)), (0, 1, 3, 2) if ta else (0, 1, 2, 3))
    b = np.transpose(np.zeros((2, 3, 5, 6)), (0, 1, 3, 2) if tb else (0, 1, 2, 3))
    sa = np.moveaxis(a, 2, 0).shape if ba else a.shape
    sb = np.moveaxis(b, 2, 0).shape if bb else b.shape
    attrs = dict(transA=ta, transB=tb, transBatchA=ba, transBatchB=bb, alpha=0.7)
    for dtype in (np.float32, np.float64):
        one("FusedMatMul", [floats(rng, *sa, dtype=dtype), floats(rng, *sb, dtype=dtype)], attrs, domain=MS)


@pytest.mark.parametrize("activation", ["Relu", "Tanh", "Sigmoid", "LeakyRelu", "HardSigmoid", "Elu", "Softplus", "Softsign"])
def test_fused_gemm(activation):
    rng = np.random.default_rng(1)
    attrs = dict(activation=activation, alpha=0.5)
    if activation in ("LeakyRelu", "Elu"):
        attrs["activation_alpha"] = 0.3
    if activation == "HardSigmoid":
        attrs.update(activation_alpha=0.2, activation_beta=0.5)
    one("FusedGemm", [floats(rng, 5, 7), floats(rng, 7, 40), floats(rng, 40)], attrs, domain=MS)


def test_gemm_fast_gelu():
    rng = np.random.default_rng(1)
    one("GemmFastGelu", [floats(rng, 2, 5, 7), floats(rng, 7, 40), floats(rng, 40)], domain=MS)
    one("GemmFastGelu", [floats(rng, 2, 5, 7), floats(rng, 7, 40)], domain=MS)


@pytest.mark.parametrize("ta,tb", [(0, 0), (0, 1), (1, 0), (1, 1)])
@pytest.mark.parametrize("c", [None, (), (1,), (6,), (1, 6), (5, 1), (5, 6), (1, 1)])
@pytest.mark.parametrize("alpha,beta", [(1.0, 1.0), (0.5, 2.0), (1.0, 0.0)])
def test_gemm(ta, tb, c, alpha, beta):
    rng = np.random.default_rng(1)
    attrs = dict(transA=ta, transB=tb, alpha=alpha, beta=beta)
    for dtype, oracle in ((np.float32, None), (np.float64, None), (np.int32, reference_run), (np.float16, None)):
        inputs = [floats(rng, *((9, 5) if ta else (5, 9)), scale=3).astype(dtype), floats(rng, *((6, 9) if tb else (9, 6)), scale=3).astype(dtype)]
        if c is not None:
            inputs.append(np.asarray(floats(rng, *c, scale=3)).astype(dtype))
        if oracle and (alpha, beta) != (1.0, 1.0):
            continue
        tolerance = dict(rtol=1e-2, atol=5e-2) if dtype == np.float16 else {}
        for constant in ((), (1,)):
            one("Gemm", inputs, attrs, opset=13, constant=constant, **tolerance, **({"oracle": oracle} if oracle else {}))


EQUATIONS = [("ij,jk->ik", [(3, 4), (4, 5)]), ("ij,jk", [(3, 4), (4, 5)]), ("ij->ji", [(3, 4)]), ("ii->i", [(4, 4)]), ("ii", [(4, 4)]),
             ("ij->", [(3, 4)]), ("i,j->ij", [(3,), (4,)]), ("bhid,bhjd->bhij", [(2, 3, 4, 8), (2, 3, 5, 8)]), ("...ij,...jk->...ik", [(2, 3, 4), (2, 4, 5)]),
             ("...ii->...i", [(2, 4, 4)]), ("bij,bjk->bik", [(2, 3, 4), (2, 4, 5)]), ("ijk,jil->kl", [(3, 4, 5), (4, 3, 2)]),
             ("ij,jk,kl->il", [(3, 4), (4, 5), (5, 2)]), ("ij,ij->i", [(3, 4), (3, 4)]), ("ab,cd->", [(2, 3), (4, 5)]), ("abc->cab", [(2, 3, 4)]),
             ("i,i,i->i", [(4,), (4,), (4,)]), ("...,...->...", [(3, 4), (3, 4)]), ("...i,...->...i", [(3, 4), (3,)]), ("bnqk,bnkd->bqnd", [(2, 3, 4, 5), (2, 3, 5, 6)]),
             ("ij , jk -> ki", [(3, 4), (4, 5)]), ("aij,j->ai", [(2, 3, 4), (4,)]), ("Aij,AIj->iI", [(2, 3, 4), (2, 5, 4)]), ("ij,j->i", [(3, 0), (0,)]),
             ("iij,jk->ik", [(3, 3, 4), (4, 2)]), ("abcd,abce->abde", [(2, 2, 3, 4), (2, 2, 3, 5)]), (",i->i", [(), (3,)]), ("->", [()])]  # fmt: skip


@pytest.mark.parametrize("equation,shapes", EQUATIONS)
def test_einsum(equation, shapes):
    rng = np.random.default_rng(1)
    for dtype in (np.float32, np.float64, np.int32, np.int64, np.float16, np.uint8):
        inputs = [np.asarray(floats(rng, *s, scale=3)).astype(dtype) if dtype != np.uint8 else rng.integers(0, 9, s, np.uint8) for s in shapes]
        want = lambda *_: [np.asarray(np.einsum(equation, *[i.astype(np.float32) if dtype == np.float16 else i for i in inputs])).astype(dtype)]
        one("Einsum", inputs, dict(equation=equation), opset=12, oracle=want, rtol=1e-2 if dtype == np.float16 else 1e-4, atol=1e-2 if dtype == np.float16 else 1e-4)
