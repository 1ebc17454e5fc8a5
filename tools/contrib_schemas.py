"""Operators that igata has and that ship without schemas, so the facts stand here: those of ai.onnx.contrib
(onnxruntime-extensions), and Im2Col, which onnx's reference evaluator has in the domain "experimental"."""
import onnx
from onnx.defs import OpSchema

S, I, B = "tensor(string)", "tensor(int64)", "tensor(bool)"
SAME_TEXT = (["input:" + S], ["output:" + S])
REPLACE = ["text:" + S, "pattern:" + S, "rewrite:" + S]
SPLIT = (["text:" + S, "delimiter:" + S, "keep_delimiter:" + S], ["words:" + S, "begins:" + I, "ends:" + I, "rows:" + I])
IDS = ["input_ids:" + I, "attention_mask:" + I + "?", "offset_mapping:" + I + "?"]
BPE = (["input_text:" + S], IDS, {"vocab": str, "merges": str, "padding_length": -1, "model_name": "", "added_token": ""})
BERT = {"vocab_file": str, "do_lower_case": 1, "do_basic_tokenize": 1, "unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]",
        "cls_token": "[CLS]", "mask_token": "[MASK]", "tokenize_chinese_chars": 1, "strip_accents": 0, "suffix_indicator": "##",
        "truncation_strategy_name": "longest_first", "max_length": -1}  # fmt: skip
HASH = (["input:" + S, "num_buckets:" + I], ["output:" + I])

# name -> inputs, outputs (? optional), attributes (a default, or str: required text)
TABLE = {
    "BertTokenizer": (["text:" + S], ["input_ids:" + I, "token_type_ids:" + I, "attention_mask:" + I, "offset_mapping:" + I + "?"], BERT),
    "BertTokenizerDecoder": (["ids:" + I, "position:" + I], ["str:" + S],
                             {k: BERT[k] for k in BERT if "token" in k and k[:2] != "do" and k[:8] != "tokenize"}
                             | {"vocab_file": str, "suffix_indicator": "##", "use_indices": 0, "skip_special_tokens": 0,
                                "clean_up_tokenization_spaces": 1}),  # fmt: skip
    "BpeDecoder": (["ids:" + I], ["str:" + S],
                   {"id_vocab": str, "byte_decoder": str, "added_tokens": "", "all_special_ids": "", "skip_special_tokens": 0, "en_normalization": 0,
                    "whitespace_token": 0, "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}),  # fmt: skip
    "CLIPTokenizer": BPE,
    "DecodeImage": (["raw_input_image:tensor(uint8)"], ["decoded_image:tensor(uint8)"], {"color_space": "bgr"}),
    "EncodeImage": (["image_data:tensor(uint8)"], ["raw_output_image:tensor(uint8)"], {"format": str, "color_space": "bgr"}),
    "GPT2Tokenizer": BPE,
    "HfBertTokenizer": (["text:" + S], ["input_ids:" + I, "attention_mask:" + I, "token_type_ids:" + I], BERT),
    "MaskedFill": (["value:" + S, "mask:" + B], ["output:" + S], {}),
    "RobertaTokenizer": BPE,
    "SentencepieceDecoder": (["ids:" + I, "fairseq:" + B + "?"], ["str:" + S], {"model": str}),
    "SentencepieceTokenizer": (["inputs:" + S, "nbest_size:" + I, "alpha:tensor(float)", "add_bos:" + B, "add_eos:" + B, "reverse:" + B, "fairseq:" + B + "?"],
                               ["tokens:tensor(int32)", "instance_indices:" + I, "token_indices:tensor(int32)?"], {"model": str}),  # fmt: skip
    "SpmTokenizer": BPE,
    "StringConcat": (["left:" + S, "right:" + S], ["output:" + S], {}),
    "StringECMARegexReplace": (REPLACE, ["output:" + S], {"global_replace": 1, "ignore_case": 0}),
    "StringECMARegexSplitWithOffsets": (*SPLIT, {"ignore_case": 0}),
    "StringEqual": (["left:" + S, "right:" + S], ["output:" + B], {}),
    "StringHash": (*HASH, {}),
    "StringHashFast": (*HASH, {}),
    "StringJoin": (["input:" + S, "separator:" + S, "axis:" + I], ["output:" + S], {}),
    "StringLength": (["input:" + S], ["output:" + I], {}),
    "StringLower": (*SAME_TEXT, {}),
    "StringMapping": (*SAME_TEXT, {"map": str}),
    "StringRegexReplace": (REPLACE, ["output:" + S], {"global_replace": 1}),
    "StringRegexSplitWithOffsets": (*SPLIT, {}),
    "StringSplit": (["input:" + S, "separators:" + S, "skip_empty:" + B], ["indices:" + I, "text:" + S, "shape:" + I], {}),
    "StringStrip": (*SAME_TEXT, {}),
    "StringToHashBucket": (*HASH, {}),
    "StringToHashBucketFast": (*HASH, {}),
    "StringToVector": (["input:" + S], ["output:" + I], {"map": str, "unk": str}),
    "StringUpper": (*SAME_TEXT, {}),
    "WordpieceTokenizer": (["text:" + S, "row_indices:" + I],
                           ["words:" + S, "row_indices:" + I, "begins:" + I, "ends:" + I],
                           {"vocab": str, "suffix_indicator": str, "unknown_token": str, "max_input_chars_per_word": 200}),  # fmt: skip
    "VectorToString": (["input:" + I], ["output:" + S], {"map": str, "unk": str}),
}


def formal(row):
    name, kind = row.rstrip("?").split(":")
    option = OpSchema.FormalParameterOption.Optional if row.endswith("?") else OpSchema.FormalParameterOption.Single
    return OpSchema.FormalParameter(name, kind, param_option=option)


def formals(rows):
    return [formal(row) for row in rows]


def attribute(name, value):
    if value is str:
        return OpSchema.Attribute(name, OpSchema.AttrType.STRING, "", required=True)
    return OpSchema.Attribute(name, onnx.helper.make_attribute(name, value), "")


def im2col():
    numbers = ["float16", "float", "double", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bfloat16"]
    ints = [OpSchema.Attribute(name, OpSchema.AttrType.INTS, "", required=False) for name in ("dilations", "pads", "strides")]
    return OpSchema("Im2Col", "experimental", 1, inputs=formals(["img:T", "kernel_shape:" + I]), outputs=formals(["columns:T"]),
                    attributes=ints, type_constraints=[("T", [f"tensor({t})" for t in numbers], "")])  # fmt: skip


def schemas():
    return [im2col()] + [
        OpSchema(name, "ai.onnx.contrib", 1, inputs=formals(i), outputs=formals(o), attributes=[attribute(*a) for a in attrs.items()])
        for name, (i, o, attrs) in TABLE.items()
    ]
