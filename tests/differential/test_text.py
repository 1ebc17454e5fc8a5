"""Text operators against Python, onnxruntime and onnxruntime-extensions (the last by what it said)."""

import igata
import numpy as np
import pytest
from compare import model_of, ort_run
from recorded import extensions_run
from schemas import compare, model
from test_move import expect, ints

WORDS = ["", " ", "Hello World", "  two  spaces ", "Straße ÉTÉ", "日本 語", "a,b,,c", "x" * 300, "tab\tand\nline", "İı ß"]


def text(*a):
    return np.array(a, object)


def test_concat():
    a, b = text("a", "é", "")[:, None], text("x", "日本")
    want = np.array([[x + y for y in b] for x in a[:, 0]], object)
    expect("StringConcat", 20, [a, b], {}, want)
    expect("StringConcat", 20, [np.array("p", object), b], {}, text("px", "p日本"))
    expect("StringConcat", 20, [a[:0], b], {}, np.zeros((0, 2), object))


@pytest.mark.parametrize("delimiter", [None, "", ",", "  ", "l", "日"])
@pytest.mark.parametrize("most", [None, 0, 1, 2])
def test_split(delimiter, most):
    parts = [w.split(delimiter or None, -1 if most is None else most) for w in WORDS]
    n = [len(p) for p in parts]
    want = np.array([p + [""] * (max(n) - len(p)) for p in parts], object).reshape(2, 5, max(n))
    attrs = ({} if delimiter is None else {"delimiter": delimiter}) | ({} if most is None else {"maxsplit": most})
    expect("StringSplit", 20, [text(*WORDS).reshape(2, 5)], attrs, want, ints(*n).reshape(2, 5))


PATTERNS = [r".*", r"[a-zA-Z ]+", r"(\w+)\s(\w+)", r"\p{Han}+\s?\p{Han}", r"a,b,+c", r"x{300}", r"(?i)hello world", r"(?:a|ab)(?:c|bcd)?", r"\s*",
            r"tab\tand\nline", r"(?s).*", r"[^,]*(?:,[^,]*)*", r"^\S+ \S+$"]  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_full_match(pattern):
    compare("RegexFullMatch", 20, [text(*WORDS)], {"pattern": pattern}, oracle=ort_run)


def test_hostile_patterns():
    m, feeds = model("RegexFullMatch", 20, [text("a" * 60 + "!")], {"pattern": r"(a|aa)+"})
    with pytest.raises(igata.Failure, match="too many steps"):
        igata.Session(m).run(feeds)
    m, feeds = model("RegexFullMatch", 20, [text("a")], {"pattern": "(a"})
    with pytest.raises(igata.Failure, match="regular expression"):
        igata.Session(m).run(feeds)


@pytest.mark.parametrize("action", ["NONE", "LOWER", "UPPER"])
@pytest.mark.parametrize("sensitive", [0, 1])
def test_normalizer(action, sensitive):
    x = text("Monday", "tuesday", "TUESDAY", "wednesday", "Ünder", "été")
    for stops in ([], ["tuesday"], ["monday", "Monday", "ÜNDER"], list(x)):
        attrs = {"case_change_action": action, "is_case_sensitive": sensitive} | ({"stopwords": stops} if stops else {})
        low = lambda w: w if sensitive else w.lower()
        kept = [w for w in x if low(w) not in {low(s) for s in stops}]
        want = text(*({"NONE": str, "LOWER": str.lower, "UPPER": str.upper}[action](w) for w in kept)) if kept else text("")
        expect("StringNormalizer", 10, [x], attrs, want)
        expect("StringNormalizer", 10, [x[None]], attrs, want[None])


@pytest.mark.parametrize("mode", ["TF", "IDF", "TFIDF"])
@pytest.mark.parametrize("skips,shortest,longest", [(0, 1, 1), (0, 1, 2), (5, 2, 2), (3, 1, 3), (1, 2, 3)])
def test_tfidf(mode, skips, shortest, longest):
    rng = np.random.default_rng(1)
    pool = [2, 3, 5, 5, 4, 5, 6, 6, 7, 1, 2, 3, 2, 2, 2]
    attrs = {"mode": mode, "min_gram_length": shortest, "max_gram_length": longest, "max_skip_count": skips, "ngram_counts": [0, 3, 9],
             "ngram_indexes": [5, 1, 0, 2, 4, 3, 6, 7], "weights": [0.5, 2.0, 1.0, 3.0, 1.0, 4.0, 1.5, 2.5]}  # fmt: skip
    for shape in ((12,), (3, 20), (2, 0)):
        x = rng.integers(1, 8, shape)
        compare("TfIdfVectorizer", 9, [x], {**attrs, "pool_int64s": pool}, oracle=ort_run)
        compare("TfIdfVectorizer", 9, [x.astype(np.int32)], {**attrs, "pool_int64s": pool}, oracle=ort_run)
        words = np.array([f"w{i}" for i in x.reshape(-1)], object).reshape(shape)
        compare("TfIdfVectorizer", 9, [words], {**attrs, "pool_strings": [f"w{i}" for i in pool]}, oracle=ort_run)


@pytest.mark.parametrize("attrs", [
    {"separators": [" "], "mark": 0, "mincharnum": 1}, {"separators": [",", " "], "mark": 1, "mincharnum": 1},
    {"separators": [r"\s+", "l"], "mark": 0, "mincharnum": 2}, {"separators": [""], "mark": 1, "mincharnum": 1},
    {"tokenexp": "[a-z]+", "mark": 0, "mincharnum": 1}, {"tokenexp": r"\S+", "mark": 1, "mincharnum": 2},
    {"tokenexp": ".", "mark": 0, "mincharnum": 1},
])  # fmt: skip
def test_tokenizer(attrs):
    x = text("Hello World", "a,b c", "été 日本", "", "bill ball")
    compare("Tokenizer", 1, [x], {**attrs, "pad_value": "#"}, domain="com.microsoft", oracle=ort_run)
    compare("Tokenizer", 1, [x[:4].reshape(2, 2)], {**attrs, "pad_value": "#"}, domain="com.microsoft", oracle=ort_run)


@pytest.mark.parametrize("positive", [0, 1])
def test_murmur(positive):
    rng = np.random.default_rng(2)
    attrs = {"positive": positive, "seed": 77}
    for dtype in (np.int32, np.uint32, np.int64, np.uint64, np.float32, np.float64):
        compare("MurmurHash3", 1, [rng.integers(0, 10**6, (3, 5)).astype(dtype)], attrs, domain="com.microsoft", oracle=ort_run)
    compare("MurmurHash3", 1, [text(*WORDS)], attrs, domain="com.microsoft", oracle=ort_run)


MAP = "a\t0 0 1 2\nb\t0 1 2 3\nd\t0 1 3 4"
EXTENSIONS = [
    ("StringUpper", [text(*WORDS[:-1])], {}), ("StringLower", [text(*WORDS[:-1])], {}), ("StringLength", [text(*WORDS).reshape(5, 2)], {}),
    ("StringStrip", [text(*WORDS)], {}), ("StringEqual", [text(*WORDS), text(*WORDS[::-1])], {}), ("StringConcat", [text(*WORDS), text(*WORDS)], {}),
    ("StringJoin", [text(*WORDS).reshape(2, 5), text(";"), ints(1)], {}), ("StringJoin", [text(*WORDS).reshape(2, 5), text(""), ints(0)], {}),
    ("StringJoin", [text(*WORDS), text("-"), ints(0)], {}),
    ("StringSplit", [text("a,b,,c", "", ",", "x;y"), text(",;"), np.array([True])], {}),
    ("StringSplit", [text("a,b,,c", "", ",", "x;y"), text(",;"), np.array([False])], {}), ("StringSplit", [text("abc", "", "x"), text(""), np.array([False])], {}),
    ("StringToHashBucket", [text(*WORDS), ints(1000003)], {}), ("StringToHashBucketFast", [text(*WORDS), ints(1000003)], {}),
    ("MaskedFill", [text("a", "b", "c"), np.array([True, False, True])], {}), ("StringMapping", [text("a", "b", "c")], {"map": "a\tx y\nc\té"}),
    ("StringToVector", [text("a", "d", "e")], {"map": MAP, "unk": "9 9 9 9"}),
    ("VectorToString", [np.array([[0, 0, 1, 2], [0, 1, 3, 4], [0, 0, 0, 0]])], {"map": MAP, "unk": "unknown"}),
    ("StringRegexReplace", [text(*WORDS), text(r"(\w)(\w)"), text(r"\2\1[\0]\\")], {}),
    ("StringRegexReplace", [text(*WORDS), text(r"l"), text("_")], {"global_replace": 0}), ("StringRegexReplace", [text("aba", "", "b"), text("a*"), text("-")], {}),
    ("StringRegexReplace", [text("été", "日本"), text("x*"), text("-")], {}),
    ("StringECMARegexReplace", [text(*WORDS), text(r"(\w)(\w)"), text("$2$1[$&]$$")], {}),
    ("StringECMARegexReplace", [text("Hello heLLo"), text("HELLO"), text("<$`|$'>")], {"ignore_case": 1}),
    ("StringECMARegexReplace", [text("Hello hello"), text("l+"), text("")], {"global_replace": 0}),
    ("StringRegexSplitWithOffsets", [text("hello there", "a  b", "", "end "), text(r"(\s)"), text(r"\s")], {}),
    ("StringRegexSplitWithOffsets", [text("hello there", "a  b"), text(r"(\s)"), text("")], {}),
    ("StringECMARegexSplitWithOffsets", [text("hello there", "a  b"), text(r"(\s)"), text(r"\s")], {}),
]  # fmt: skip
OUTPUTS = {"StringSplit": 3, "StringRegexSplitWithOffsets": 4, "StringECMARegexSplitWithOffsets": 4}


@pytest.mark.once
@pytest.mark.parametrize("op,feeds,attrs", EXTENSIONS)
def test_extensions(op, feeds, attrs):
    from onnx import TensorProto, helper

    m, given = model(op, 1, feeds, attrs, OUTPUTS.get(op, 1), "ai.onnx.contrib")
    kinds = {"StringLength": [7], "StringEqual": [9], "StringToHashBucket": [7], "StringToHashBucketFast": [7], "StringToVector": [7],
             "StringSplit": [7, 8, 7], "StringRegexSplitWithOffsets": [8, 7, 7, 7], "StringECMARegexSplitWithOffsets": [8, 7, 7, 7]}  # fmt: skip
    for o, t in zip(m.graph.output, kinds.get(op, [TensorProto.STRING])):
        o.CopyFrom(helper.make_tensor_value_info(o.name, t, None))
    from compare import check

    check(m, given, oracle=extensions_run, rtol=0)
