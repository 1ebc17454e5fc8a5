/* What changes with which version: one row for each change that the general rules don't cover. The rows of one operator and
 * version apply in their order going up and backwards going down. Sources: the operators' pages and the change log of ONNX
 * (onnx/docs/Operators.md, Changelog.md). */
#include "convert/convert.h"

/* A change with functions of its own: NULL where there is nothing to do. */
/* clang-format off */
#define CHANGE(op, version, up, down) {"", op, version, up, down, NULL, 0, 0, NULL},
/* An attribute that becomes an input. */
#define MOVED(op, version, attr, input, moved) {"", op, version, ig_adapt_to_input, ig_adapt_to_attr, attr, input, moved, NULL},
/* The words in `text` came as values of an attribute. */
#define WORDS(op, version, attr, text) {"", op, version, NULL, ig_adapt_not_text, attr, 0, 0, text},
/* An attribute takes negative numbers from this version on. */
#define NEGATIVE(op, version, attr) {"", op, version, NULL, ig_adapt_count_axes, attr, 0, 0, NULL},
/* An attribute that says nothing any more. */
#define DROPPED(op, version, attr) {"", op, version, ig_adapt_drop_attr, NULL, attr, 0, 0, NULL},
/* A default that an older schema has without naming it, or that the older version had otherwise. */
#define DEFAULT(op, version, attr, text) {"", op, version, ig_adapt_write_default, NULL, attr, 0, 0, text},
#define RENAMED(op, version, up, down, text) {"", op, version, up, down, NULL, 0, 0, text},
#define ML(op, version, up, down, text) {"ai.onnx.ml", op, version, up, down, NULL, 0, 0, text},

#define BROADCAST(op) CHANGE(op, 7, ig_adapt_axis_broadcast_up, ig_adapt_axis_broadcast_down)
#define REDUCE(op, version)                                                                                                    \
    NEGATIVE(op, 11, "axes")                                                                                                   \
    CHANGE(op, version, NULL, ig_adapt_reduce_noop_down)                                                                       \
    MOVED(op, version, "axes", 1, IG_MOVED_INTS)

const ig_change ig_changes[] = {
    /* elementwise */
    BROADCAST("Add") BROADCAST("Sub") BROADCAST("Mul") BROADCAST("Div") BROADCAST("Pow") BROADCAST("And") BROADCAST("Or")
    BROADCAST("Xor") BROADCAST("Equal") BROADCAST("Greater") BROADCAST("Less")
    CHANGE("Sum", 8, NULL, ig_adapt_variadic_down)
    CHANGE("Max", 8, NULL, ig_adapt_variadic_down)
    CHANGE("Min", 8, NULL, ig_adapt_variadic_down)
    CHANGE("Mean", 8, NULL, ig_adapt_variadic_down)
    CHANGE("PRelu", 7, ig_adapt_prelu_up, ig_adapt_prelu_down)
    CHANGE("Pow", 12, NULL, ig_adapt_pow_down)
    CHANGE("Mod", 28, NULL, ig_adapt_mod_down)
    MOVED("Clip", 11, "min", 1, IG_MOVED_SAME)
    MOVED("Clip", 11, "max", 2, IG_MOVED_SAME)
    CHANGE("Cast", 6, ig_adapt_cast_up, ig_adapt_cast_down)
    CHANGE("CastLike", 15, NULL, ig_adapt_castlike_down)
    CHANGE("GreaterOrEqual", 12, NULL, ig_adapt_or_equal_down)
    CHANGE("LessOrEqual", 12, NULL, ig_adapt_or_equal_down)
    CHANGE("Sign", 9, NULL, ig_adapt_sign_down)
    CHANGE("Celu", 12, NULL, ig_adapt_celu_down)
    CHANGE("HardSwish", 14, NULL, ig_adapt_hard_swish_down)
    CHANGE("Mish", 18, NULL, ig_adapt_mish_down)
    CHANGE("Gelu", 20, NULL, ig_adapt_gelu_down)
    CHANGE("ThresholdedRelu", 10, NULL, ig_adapt_thresholded_relu_down)
    CHANGE("Swish", 24, NULL, ig_adapt_swish_down)

    /* constants */
    CHANGE("Constant", 9, NULL, ig_adapt_constant_type_down)
    CHANGE("Constant", 11, NULL, ig_adapt_constant_down)
    CHANGE("Constant", 12, NULL, ig_adapt_constant_down)
    CHANGE("Expand", 8, NULL, ig_adapt_expand_down)
    CHANGE("ConstantOfShape", 9, NULL, ig_adapt_constant_of_shape_down)

    /* products */
    CHANGE("Gemm", 7, ig_adapt_gemm_up, ig_adapt_gemm_down)
    CHANGE("Gemm", 11, NULL, ig_adapt_gemm_bias_down)

    /* convolution, pooling, resampling */
    CHANGE("AveragePool", 19, NULL, ig_adapt_pool_ceil_down)
    CHANGE("MaxPool", 22, NULL, ig_adapt_pool_ceil_down)
    CHANGE("LpPool", 2, ig_adapt_lp_pool_up, ig_adapt_lp_pool_down)
    CHANGE("GlobalLpPool", 2, ig_adapt_lp_pool_up, ig_adapt_lp_pool_down)
    CHANGE("Upsample", 7, ig_adapt_upsample_up, ig_adapt_upsample_down)
    MOVED("Upsample", 9, "scales", 1, IG_MOVED_FLOATS)
    RENAMED("Upsample", 10, ig_adapt_to_text, NULL, "Resize")
    CHANGE("Resize", 10, NULL, ig_adapt_resize_10_down)
    CHANGE("Resize", 11, ig_adapt_resize_11_up, ig_adapt_resize_11_down)
    CHANGE("Resize", 13, ig_adapt_resize_13_up, ig_adapt_resize_13_down)
    CHANGE("Resize", 18, NULL, ig_adapt_resize_18_down)
    WORDS("Resize", 19, "coordinate_transformation_mode", "half_pixel_symmetric")
    CHANGE("GridSample", 20, ig_adapt_grid_sample_up, ig_adapt_grid_sample_down)
    DEFAULT("RoiAlign", 16, "coordinate_transformation_mode", "output_half_pixel")
    CHANGE("RoiAlign", 16, NULL, ig_adapt_roi_align_down)

    /* normalization, dropout, softmax */
    CHANGE("BatchNormalization", 7, ig_adapt_batch_norm_up, ig_adapt_batch_norm_down)
    CHANGE("BatchNormalization", 14, ig_adapt_batch_norm_training_up, ig_adapt_batch_norm_training_down)
    CHANGE("Dropout", 7, ig_adapt_dropout_up, ig_adapt_dropout_down)
    CHANGE("Dropout", 10, ig_adapt_dropout_mask_up, ig_adapt_dropout_mask_down)
    CHANGE("Dropout", 12, NULL, ig_adapt_dropout_training_down)
    MOVED("Dropout", 12, "ratio", 1, IG_MOVED_FLOAT)
    NEGATIVE("Softmax", 11, "axis")
    NEGATIVE("LogSoftmax", 11, "axis")
    NEGATIVE("Hardmax", 11, "axis")
    CHANGE("Softmax", 13, ig_adapt_softmax_up, ig_adapt_softmax_down)
    CHANGE("LogSoftmax", 13, ig_adapt_softmax_up, ig_adapt_softmax_down)
    CHANGE("Hardmax", 13, ig_adapt_softmax_up, ig_adapt_softmax_down)
    CHANGE("LayerNormalization", 17, NULL, ig_adapt_layer_norm_down)
    CHANGE("GroupNormalization", 18, NULL, ig_adapt_group_norm_new_down)
    CHANGE("GroupNormalization", 21, ig_adapt_group_norm_up, ig_adapt_group_norm_down)
    CHANGE("RMSNormalization", 23, NULL, ig_adapt_layer_norm_down)
    CHANGE("MeanVarianceNormalization", 9, NULL, ig_adapt_mvn_down)

    /* quantization */
    CHANGE("QuantizeLinear", 13, NULL, ig_adapt_quantize_axis_down)
    CHANGE("DequantizeLinear", 13, NULL, ig_adapt_quantize_axis_down)
    CHANGE("QuantizeLinear", 21, NULL, ig_adapt_quantize_dtype_down)
    CHANGE("DequantizeLinear", 23, NULL, ig_adapt_dequantize_dtype_down)

    /* shapes and movement */
    MOVED("Reshape", 5, "shape", 1, IG_MOVED_INTS)
    CHANGE("Reshape", 14, NULL, ig_adapt_reshape_zero_down)
    CHANGE("Shape", 15, NULL, ig_adapt_shape_down)
    DEFAULT("Concat", 4, "axis", "1")
    NEGATIVE("Concat", 11, "axis")
    CHANGE("Split", 2, ig_adapt_split_input_up, NULL)
    NEGATIVE("Split", 11, "axis")
    MOVED("Split", 13, "split", 1, IG_MOVED_INTS)
    CHANGE("Split", 18, ig_adapt_split_count_up, ig_adapt_split_count_down)
    NEGATIVE("Slice", 10, "axes")
    CHANGE("Slice", 10, NULL, ig_adapt_slice_steps_down)
    MOVED("Slice", 10, "starts", 1, IG_MOVED_INTS)
    MOVED("Slice", 10, "ends", 2, IG_MOVED_INTS)
    MOVED("Slice", 10, "axes", 3, IG_MOVED_INTS)
    NEGATIVE("Squeeze", 11, "axes")
    NEGATIVE("Unsqueeze", 11, "axes")
    MOVED("Squeeze", 13, "axes", 1, IG_MOVED_INTS)
    MOVED("Unsqueeze", 13, "axes", 1, IG_MOVED_INTS)
    NEGATIVE("Flatten", 11, "axis")
    NEGATIVE("Compress", 11, "axis")
    CHANGE("Pad", 2, ig_adapt_pad_up, ig_adapt_pad_down)
    MOVED("Pad", 11, "pads", 1, IG_MOVED_INTS)
    MOVED("Pad", 11, "value", 2, IG_MOVED_SAME)
    CHANGE("Pad", 18, NULL, ig_adapt_pad_axes_down)
    WORDS("Pad", 19, "mode", "wrap")
    CHANGE("Tile", 6, ig_adapt_tile_up, ig_adapt_tile_down)
    CHANGE("Scatter", 11, ig_adapt_scatter_up, NULL)
    RENAMED("ScatterElements", 11, NULL, ig_adapt_scatter_down, "Scatter")
    WORDS("ScatterElements", 18, "reduction", "max min")
    WORDS("ScatterND", 18, "reduction", "max min")

    CHANGE("Gather", 11, NULL, ig_adapt_gather_down)
    CHANGE("OneHot", 11, NULL, ig_adapt_one_hot_down)

    /* reduction, search */
    REDUCE("ReduceSum", 13) REDUCE("ReduceL1", 18) REDUCE("ReduceL2", 18) REDUCE("ReduceLogSum", 18)
    REDUCE("ReduceLogSumExp", 18) REDUCE("ReduceMax", 18) REDUCE("ReduceMean", 18) REDUCE("ReduceMin", 18)
    REDUCE("ReduceProd", 18) REDUCE("ReduceSumSquare", 18)
    NEGATIVE("ArgMax", 11, "axis")
    NEGATIVE("ArgMin", 11, "axis")
    MOVED("TopK", 10, "k", 1, IG_MOVED_INT_LIST)
    CHANGE("TopK", 11, NULL, ig_adapt_top_k_down)
    NEGATIVE("TopK", 11, "axis")
    CHANGE("DFT", 20, ig_adapt_dft_up, ig_adapt_dft_down)
    MOVED("DFT", 20, "axis", 2, IG_MOVED_INT)

    /* recurrent networks, control flow */
    CHANGE("GRU", 7, ig_adapt_output_sequence_up, ig_adapt_output_sequence_down)
    CHANGE("RNN", 7, ig_adapt_output_sequence_up, ig_adapt_output_sequence_down)
    CHANGE("LSTM", 7, ig_adapt_output_sequence_up, ig_adapt_output_sequence_down)
    CHANGE("GRU", 14, NULL, ig_adapt_layout_down)
    CHANGE("RNN", 14, NULL, ig_adapt_layout_down)
    CHANGE("LSTM", 14, NULL, ig_adapt_layout_down)
    CHANGE("Scan", 9, ig_adapt_scan_up, ig_adapt_scan_down)

    /* ai.onnx.ml */
    ML("LabelEncoder", 2, ig_adapt_label_encoder_up, ig_adapt_label_encoder_down, NULL)
    ML("LabelEncoder", 4, NULL, ig_adapt_label_tensor_down, NULL)
    ML("TreeEnsembleClassifier", 3, NULL, ig_adapt_trees_down, NULL)
    ML("TreeEnsembleRegressor", 3, NULL, ig_adapt_trees_down, NULL)
    ML("TreeEnsembleClassifier", 5, ig_adapt_no_such, NULL, "it is deprecated since version 5; leave ai.onnx.ml at 4")
    ML("TreeEnsembleRegressor", 5, ig_adapt_no_such, NULL, "it is deprecated since version 5; leave ai.onnx.ml at 4")
};

const size_t ig_change_count = IG_COUNT_OF(ig_changes);
