"""ai.onnx.ml against onnxruntime: random models of every operator, form and special case."""

import itertools

import numpy as np
import pytest
from compare import D, F, I32, I64, S, check, model_of
from onnx import TensorProto, helper

ML = "ai.onnx.ml"
NP = {F: np.float32, D: np.float64, I32: np.int32, I64: np.int64}


def ml(nodes, inputs, outputs, version=3):
    return model_of(nodes, inputs, outputs, {ML: version, "": 17})


def node(op, inputs, outputs, **attrs):
    return helper.make_node(op, inputs, outputs, domain=ML, **{k: v for k, v in attrs.items() if v is not None})


def data(rng, dtype, shape, nan=False):
    x = rng.standard_normal(shape) * 3
    if nan and dtype in (F, D):
        x[rng.random(shape) < 0.15] = np.nan
    return x.astype(NP[dtype])


MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]


def random_trees(rng, n_trees, depth, features, targets, modes, per_leaf=1, positive=False, shuffle=False):
    a = {k: [] for k in ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids", "tracks")}
    w = {k: [] for k in ("treeids", "nodeids", "ids", "weights")}
    for t in range(n_trees):
        counter = [0]

        def grow(level):
            i = counter[0]
            counter[0] += 1
            leaf = level == depth or (level > 0 and rng.random() < 0.2)
            at = len(a["treeids"])
            for k in a:
                a[k].append(0)
            a["treeids"][at], a["nodeids"][at] = t, i
            a["featureids"][at] = int(rng.integers(features))
            a["values"][at] = float(np.float32(rng.integers(-3, 4) if rng.random() < 0.5 else rng.standard_normal() * 2))
            a["modes"][at] = "LEAF" if leaf else modes[rng.integers(len(modes))]
            a["tracks"][at] = int(rng.integers(2))
            if leaf:
                for _ in range(per_leaf):
                    w["treeids"].append(t)
                    w["nodeids"].append(i)
                    w["ids"].append(int(targets[rng.integers(len(targets))]))
                    v = float(np.float32(rng.standard_normal()))
                    w["weights"].append(abs(v) if positive else v)
            else:
                a["falsenodeids"][at] = counter[0]
                grow(level + 1)
                a["truenodeids"][at] = counter[0]
                grow(level + 1)
            return i

        grow(0)
    if shuffle:
        order = rng.permutation(len(w["ids"]))
        w = {k: [v[i] for i in order] for k, v in w.items()}
    return a, w


def tree_attrs(a, tracks):
    attrs = {f"nodes_{k}": v for k, v in a.items() if k != "tracks"}
    if tracks:
        attrs["nodes_missing_value_tracks_true"] = a["tracks"]
    return attrs


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("dtype", [F, D])
def test_tree_regressor(seed, dtype):
    rng = np.random.default_rng(seed)
    n_targets = int(rng.choice([1, 1, 2, 3]))
    modes = [MODES[seed % 6]] if seed % 4 else MODES
    a, w = random_trees(rng, int(rng.integers(1, 12)), int(rng.integers(1, 6)), 5, range(n_targets), modes,
                        per_leaf=1 if n_targets == 1 else int(rng.integers(1, 3)), shuffle=seed % 3 == 0)
    post = ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"][seed % 5]
    base = [None, list(rng.standard_normal(n_targets))][seed % 2]
    n = node("TreeEnsembleRegressor", ["x"], ["y"], n_targets=n_targets, aggregate_function=["SUM", "AVERAGE", "MIN", "MAX"][seed % 4],
             post_transform=post, base_values=base, target_treeids=w["treeids"], target_nodeids=w["nodeids"], target_ids=w["ids"],
             target_weights=w["weights"], **tree_attrs(a, seed % 2))
    m = ml([n], [("x", dtype, [None, 5])], [("y", F, [None, n_targets])])
    for rows in (1, 3, 100):
        check(m, {"x": data(rng, dtype, (rows, 5), nan=True)})


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("dtype", [F, D])
def test_tree_classifier(seed, dtype):
    rng = np.random.default_rng(seed)
    n_classes = int([2, 2, 3, 4, 2][seed % 5])
    one = n_classes == 2 and seed % 2
    classes = [int(rng.integers(2))] if one else range(n_classes)
    a, w = random_trees(rng, int(rng.integers(1, 9)), int(rng.integers(1, 5)), 4, classes, MODES[:4],
                        per_leaf=1 if one or seed % 3 else n_classes, positive=bool(seed % 4))
    post = ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"][(seed // 5) % 5]
    base = [None, list(rng.standard_normal(n_classes))][(seed // 2) % 2]
    strings = seed % 2 == 0
    if post == "PROBIT" and n_classes == 2:
        pytest.skip("onnxruntime leaves the second score unset")
    labels = {"classlabels_strings": [f"c{i}" for i in range(n_classes)]} if strings else {"classlabels_int64s": [10 + 3 * i for i in range(n_classes)]}
    n = node("TreeEnsembleClassifier", ["x"], ["l", "y"], post_transform=post, base_values=base, class_treeids=w["treeids"],
             class_nodeids=w["nodeids"], class_ids=w["ids"], class_weights=w["weights"], **labels, **tree_attrs(a, seed % 3 == 0))
    m = ml([n], [("x", dtype, [None, 4])], [("l", S if strings else I64, [None]), ("y", F, [None, n_classes])])
    for rows in (1, 40):
        check(m, {"x": data(rng, dtype, (rows, 4), nan=seed % 3 == 0)})


def tree5(rng, dtype, n_trees, depth, features, targets, members):
    nodes = {k: [] for k in ("featureids", "modes", "splits", "truenodeids", "trueleafs", "falsenodeids", "falseleafs", "tracks")}
    leaves, roots, sets = [], [], []

    def grow(level):
        if level == depth:
            leaves.append((int(rng.integers(targets)), float(np.float32(rng.standard_normal()))))
            return len(leaves) - 1, 1
        at = len(nodes["modes"])
        for k in nodes:
            nodes[k].append(0)
        mode = int(rng.integers(7 if members else 6))
        nodes["featureids"][at] = int(rng.integers(features))
        nodes["modes"][at] = mode
        nodes["splits"][at] = float(np.float32(rng.integers(-3, 4)))
        nodes["tracks"][at] = int(rng.integers(2))
        if mode == 6:
            sets.append((at, [float(v) for v in rng.permutation(8)[: rng.integers(1, 6)]]))
        nodes["truenodeids"][at], nodes["trueleafs"][at] = grow(level + 1)
        nodes["falsenodeids"][at], nodes["falseleafs"][at] = grow(level + 1)
        return at, 0

    for _ in range(n_trees):
        roots.append(grow(0)[0])
    values = []
    for _, s in sorted(sets):
        values += s + [float("nan")]
    tensor = lambda name, v, t: helper.make_tensor(name, t, [len(v)], v)
    attrs = dict(tree_roots=roots, nodes_featureids=nodes["featureids"], nodes_truenodeids=nodes["truenodeids"],
                 nodes_trueleafs=nodes["trueleafs"], nodes_falsenodeids=nodes["falsenodeids"], nodes_falseleafs=nodes["falseleafs"],
                 nodes_missing_value_tracks_true=nodes["tracks"], nodes_modes=tensor("modes", nodes["modes"], TensorProto.UINT8),
                 nodes_splits=tensor("splits", nodes["splits"], dtype), leaf_targetids=[t for t, _ in leaves],
                 leaf_weights=tensor("weights", [w for _, w in leaves], dtype))
    if values:
        attrs["membership_values"] = tensor("members", values, dtype)
    return attrs


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("dtype", [F, D])
def test_tree_ensemble_5(seed, dtype):
    rng = np.random.default_rng(seed)
    n_targets = 1 + seed % 3
    attrs = tree5(rng, dtype, int(rng.integers(1, 5)), int(rng.integers(1, 5)), 4, n_targets, seed % 2)
    n = node("TreeEnsemble", ["x"], ["y"], n_targets=n_targets, aggregate_function=seed % 4, post_transform=(seed // 4) % 5, **attrs)
    m = ml([n], [("x", dtype, [None, 4])], [("y", dtype, [None, n_targets])], version=5)
    x = np.round(rng.standard_normal((50, 4)) * 4).astype(NP[dtype])
    if seed % 3 == 0:
        x[rng.random(x.shape) < 0.1] = np.nan
    check(m, {"x": x})


@pytest.mark.parametrize("post", ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"])
@pytest.mark.parametrize("n,labels", [(1, 2), (2, 2), (3, 3), (5, 5)])
@pytest.mark.parametrize("strings", [False, True])
@pytest.mark.parametrize("dtype", [F, D, I64, I32])
def test_linear_classifier(post, n, labels, strings, dtype):
    rng = np.random.default_rng(n + labels)
    names = {"classlabels_strings": [f"c{i}" for i in range(labels)]} if strings else {"classlabels_ints": [7 * i + 2 for i in range(labels)]}
    if post == "PROBIT" and n == 1:
        pytest.skip("onnxruntime leaves the second score unset")
    scale = 0.1 if post == "PROBIT" else 1
    k = node("LinearClassifier", ["x"], ["l", "y"], post_transform=post, coefficients=list(rng.standard_normal(n * 4) * scale),
             intercepts=list(rng.random(n)), multi_class=1, **names)
    m = ml([k], [("x", dtype, [None, 4])], [("l", S if strings else I64, [None]), ("y", F, [None, max(n, 2) if labels == 2 else n])])
    for shape in ((9, 4), (1, 4)):
        check(m, {"x": data(rng, dtype, shape)}, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("post", ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"])
@pytest.mark.parametrize("targets", [1, 2, 3])
def test_linear_regressor(post, targets):
    rng = np.random.default_rng(targets)
    scale = 0.05 if post == "PROBIT" else 1
    k = node("LinearRegressor", ["x"], ["y"], post_transform=post, targets=targets, coefficients=list(rng.standard_normal(targets * 6) * scale),
             intercepts=None if targets == 2 else [0.5] * targets)
    m = ml([k], [("x", F, [None, 6])], [("y", F, [None, targets])])
    check(m, {"x": data(rng, F, (8, 6))}, rtol=1e-4, atol=1e-5)


KERNELS = ["LINEAR", "POLY", "RBF", "SIGMOID"]


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("proba", [False, True])
@pytest.mark.parametrize("post", ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"])
def test_svm_classifier(kernel, classes, proba, post):
    rng = np.random.default_rng(classes)
    per = [int(v) for v in rng.integers(1, 4, classes)]
    n, pairs, strings = sum(per), classes * (classes - 1) // 2, classes == 3
    names = {"classlabels_strings": [f"c{i}" for i in range(classes)]} if strings else {"classlabels_ints": [3 * i + 1 for i in range(classes)]}
    k = node("SVMClassifier", ["x"], ["l", "y"], kernel_type=kernel, kernel_params=[0.3, 0.2, 3.0], post_transform=post,
             vectors_per_class=per, support_vectors=list(rng.standard_normal(n * 4)), coefficients=list(rng.standard_normal(n * (classes - 1)) * 0.2),
             rho=list(rng.standard_normal(pairs) * 0.1), prob_a=list(-rng.random(pairs)) if proba else None, prob_b=list(rng.random(pairs)) if proba else None, **names)
    width = classes if proba or classes == 2 else pairs
    m = ml([k], [("x", F, [None, 4])], [("l", S if strings else I64, [None]), ("y", F, [None, width])])
    x = data(rng, F, (12, 4)) / 3
    if post == "PROBIT" and classes == 2 and not proba:
        pytest.skip("onnxruntime leaves the second score unset")
    check(m, {"x": x}, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("post", ["NONE", "LOGISTIC", "SOFTMAX"])
def test_svm_liblinear(classes, positive, post):
    rng = np.random.default_rng(classes)
    c = rng.standard_normal(classes * 4)
    k = node("SVMClassifier", ["x"], ["l", "y"], kernel_type="LINEAR", kernel_params=[0.0, 0.0, 0.0], post_transform=post,
             coefficients=list(abs(c) if positive else c), rho=[0.3], classlabels_ints=[5 + i for i in range(classes)])
    m = ml([k], [("x", F, [None, 4])], [("l", I64, [None]), ("y", F, [None, classes])])
    check(m, {"x": data(rng, F, (12, 4))}, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("one_class", [0, 1])
@pytest.mark.parametrize("supports", [0, 6])
def test_svm_regressor(kernel, one_class, supports):
    rng = np.random.default_rng(supports)
    k = node("SVMRegressor", ["x"], ["y"], kernel_type=kernel, kernel_params=[0.3, 0.2, 2.0], one_class=one_class, n_supports=supports,
             support_vectors=list(rng.standard_normal(supports * 4)) if supports else None, coefficients=list(rng.standard_normal(supports or 4)), rho=[0.1])
    m = ml([k], [("x", F, [None, 4])], [("y", F, [None, 1])])
    check(m, {"x": data(rng, F, (9, 4))}, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("dtype", [F, D, I64, I32])
@pytest.mark.parametrize("norm", ["MAX", "L1", "L2"])
@pytest.mark.parametrize("shape", [(3, 5), (5,)])
def test_normalizer(dtype, norm, shape):
    rng = np.random.default_rng(1)
    x = data(rng, dtype, shape)
    if len(shape) == 2:
        x[1] = 0
    m = ml([node("Normalizer", ["x"], ["y"], norm=norm)], [("x", dtype, list(shape))], [("y", F, list(shape))])
    check(m, {"x": x})


@pytest.mark.parametrize("dtype", [F, D, I64, I32])
def test_scaler_binarizer_imputer(dtype):
    rng = np.random.default_rng(2)
    x = data(rng, dtype, (4, 3), nan=True)
    checks = []
    for n in (1, 3):
        k = node("Scaler", ["x"], ["y"], offset=list(rng.standard_normal(n)), scale=list(rng.standard_normal(n)))
        checks.append((ml([k], [("x", dtype, [None, 3])], [("y", F, [None, 3])]), x))
    if dtype in (F, D):
        k = node("Binarizer", ["x"], ["y"], threshold=0.5)
        checks.append((ml([k], [("x", dtype, [None, 3])], [("y", dtype, [None, 3])]), x))
    if dtype in (F, I64):
        for n in (1, 3):
            whole = dtype == I64
            k = node("Imputer", ["x"], ["y"], **({"imputed_value_int64s": [9, 8, 7][:n], "replaced_value_int64": int(x[0, 0])} if whole else
                                               {"imputed_value_floats": [9.0, 8.0, 7.0][:n], "replaced_value_float": float("nan")}))
            checks.append((ml([k], [("x", dtype, [None, 3])], [("y", dtype, [None, 3])]), x))
    for m, v in checks:
        check(m, {"x": v})


@pytest.mark.parametrize("dtype", [F, D, I64, I32, S])
def test_array_feature_extractor(dtype):
    rng = np.random.default_rng(3)
    for shape, index in itertools.product([(2, 5), (3, 2, 5), (5,)], [[1], [0, 4, 4]]):
        x = np.array([f"s{i}" for i in range(int(np.prod(shape)))], dtype=object).reshape(shape) if dtype == S else data(rng, dtype, shape)
        m = ml([node("ArrayFeatureExtractor", ["x", "i"], ["y"])], [("x", dtype, list(shape)), ("i", I64, [1, len(index)])], [("y", dtype, None)])
        check(m, {"x": x, "i": np.array([index])})


def test_one_hot_and_feature_vectorizer():
    x = np.array([["a", "c"], ["zz", "b"]], dtype=object)
    m = ml([node("OneHotEncoder", ["x"], ["y"], cats_strings=["a", "b", "c"])], [("x", S, [2, 2])], [("y", F, [2, 2, 3])])
    check(m, {"x": x})
    for dtype in (I64, I32, F, D):
        m = ml([node("OneHotEncoder", ["x"], ["y"], cats_int64s=[3, 1, 4])], [("x", dtype, [4])], [("y", F, [4, 3])])
        check(m, {"x": np.array([1, 4, 5, 3], dtype=NP[dtype])})
        m = ml([node("FeatureVectorizer", ["x", "z"], ["y"], inputdimensions=[2, 3])], [("x", dtype, [3, 2]), ("z", dtype, [3, 3])], [("y", F, [3, 5])])
        r = np.random.default_rng(5)
        check(m, {"x": data(r, dtype, (3, 2)), "z": data(r, dtype, (3, 3))})


NAMES = {"strings": S, "int64s": I64, "floats": F}
KEYS = {"strings": ["a", "b", "c", "b"], "int64s": [4, 5, 6, 5], "floats": [1.5, float("nan"), -0.0, 1.5]}
SAMPLES = {"strings": np.array(["b", "x", "a", ""], dtype=object), "int64s": np.array([5, 9, 4, -1]), "floats": np.array([np.nan, 0.0, 1.5, 3], np.float32)}


@pytest.mark.parametrize("keys,values", itertools.product(NAMES, NAMES))
@pytest.mark.parametrize("version", [2, 4])
def test_label_encoder(keys, values, version):
    if (keys, values) in (("floats", "floats"), ("int64s", "int64s")) and version == 2:
        pytest.skip("not a combination of onnxruntime")
    k = node("LabelEncoder", ["x"], ["y"], default_int64=-7, default_float=0.25, default_string="none",
             **{f"keys_{keys}": KEYS[keys], f"values_{values}": KEYS[values]})
    m = ml([k], [("x", NAMES[keys], [2, 2])], [("y", NAMES[values], [2, 2])], version=version)
    check(m, {"x": SAMPLES[keys].reshape(2, 2)})


@pytest.mark.parametrize("key,value", [(S, TensorProto.INT16), (D, D), (S, I64), (I64, S), (F, F), (D, S)])
def test_label_encoder_tensors(key, value):
    numbers = lambda t, v: helper.make_tensor("t", t, [len(v)], [x.encode() for x in v] if t == S else v)
    keys = ["a", "b"] if key == S else [1, 2]
    values = ["p", "q"] if value == S else [10, 20]
    k = node("LabelEncoder", ["x"], ["y"], keys_tensor=numbers(key, keys), values_tensor=numbers(value, values),
             default_tensor=numbers(value, ["other"] if value == S else [42]))
    x = np.array(["b", "a", "?"], dtype=object) if key == S else np.array([2, 1, 5], dtype=NP[key])
    m = ml([k], [("x", key, [3])], [("y", value, [3])], version=4)
    check(m, {"x": x})


def test_label_encoder_1_and_category_mapper():
    for op, attrs in (("LabelEncoder", {"classes_strings": ["a", "b", "c"]}), ("CategoryMapper", {"cats_strings": ["a", "b", "c"], "cats_int64s": [0, 1, 7]})):
        k = node(op, ["x"], ["y"], default_int64=-9, default_string="none", **attrs)
        m = ml([k], [("x", S, [3])], [("y", I64, [3])], version=1)
        check(m, {"x": np.array(["c", "q", "a"], dtype=object)})
        m = ml([k], [("x", I64, [3])], [("y", S, [3])], version=1)
        check(m, {"x": np.array([1, 99, 0])})


def map_info(name, key, value):
    return helper.make_value_info(name, helper.make_map_type_proto(key, helper.make_tensor_type_proto(value, [])))


@pytest.mark.parametrize("key,value", [(S, I64), (S, F), (S, D), (I64, F), (I64, D), (I64, S)])
def test_dict_vectorizer(key, value):
    words = {"string_vocabulary": ["a", "b", "c"]} if key == S else {"int64_vocabulary": [1, 2, 3]}
    entry = {S: ["b", "z"], I64: [2, 9]}[key]
    values = {S: ["x", "y"], I64: [4, 5], F: [0.5, 1.5], D: [0.5, 1.5]}[value]
    m = ml([node("DictVectorizer", ["x"], ["y"], **words)], [map_info("x", key, value)], [("y", value, [1, 3])])
    if value == D:  # the helper of the checks makes floats of Python's numbers
        return
    check(m, {"x": dict(zip(entry, values))})


@pytest.mark.parametrize("cast,dtype", [("TO_FLOAT", F), ("TO_STRING", S), ("TO_INT64", I64)])
@pytest.mark.parametrize("form", ["DENSE", "SPARSE"])
@pytest.mark.parametrize("value", [F, S])
def test_cast_map(cast, dtype, form, value):
    m = ml([node("CastMap", ["x"], ["y"], cast_to=cast, map_form=form, max_map=6)], [map_info("x", I64, value)], [("y", dtype, [1, None])])
    x = {3: 1.5, 1: -2.25} if value == F else {3: "7", 1: "42"}
    check(m, {"x": x})


@pytest.mark.parametrize("strings", [False, True])
def test_zip_map(strings):
    labels = {"classlabels_strings": ["a", "b", "c"]} if strings else {"classlabels_int64s": [10, 20, 30]}
    out = helper.make_value_info("y", helper.make_sequence_type_proto(helper.make_map_type_proto(S if strings else I64, helper.make_tensor_type_proto(F, []))))
    for shape in ((4, 3), (3,)):
        m = ml([node("ZipMap", ["x"], ["y"], **labels)], [("x", F, list(shape))], [out])
        check(m, {"x": data(np.random.default_rng(1), F, shape)})
