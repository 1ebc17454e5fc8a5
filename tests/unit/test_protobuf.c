/* The protobuf codec: every type and label there and back, the rules on duplicates and wrong wire types, and errors. */
#include "cmocka_setup.h"

#include "codec/protobuf.h"
#include "fail_alloc.h"

#include "codec/protobuf_structs.h"
#include "unit/protobuf_messages.def"

#include "codec/protobuf_tables.h"
#include "unit/protobuf_messages.def"

typedef struct fixture {
    ig_context *context;
    ig_arena arena;
    ig_error err;
} fixture;

static int set_up(void **state) {
    static fixture f;
    assert_int_equal(ig_context_create(&f.context, NULL, NULL), IG_OK);
    ig_arena_init(&f.arena, f.context);
    *state = &f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    ig_arena_free(&f->arena);
    assert_int_equal(ig_context_memory(f->context, NULL), 0);
    ig_context_free(f->context);
    return 0;
}

/* Reads bytes given as a C string of known length. */
static ig_status read_as(fixture *f, const ig_pb_message *m, const char *bytes, size_t n, void *out) {
    ig_pb_reader r = {&f->arena, (const uint8_t *)bytes, 8, &f->err, NULL};
    ig_error_clear(&f->err);
    return ig_pb_read(&r, m, (ig_span){(const uint8_t *)bytes, n}, out, NULL);
}

#define READ(f, m, bytes, out) read_as(f, m, bytes, sizeof(bytes) - 1, out)

static void assert_encodes(fixture *f, const ig_pb_message *m, void *in, const char *bytes, size_t n) {
    ig_span out;
    assert_int_equal(ig_pb_encode(&f->arena, m, in, &out, &f->err), IG_OK);
    assert_int_equal(out.n, n);
    assert_memory_equal(out.p, bytes, n);
}

#define ENCODES(f, m, in, bytes) assert_encodes(f, m, in, bytes, sizeof(bytes) - 1)

static void every_scalar_comes_back(void **state) {
    fixture *f = *state;
    static const char bytes[] = "\x08\x01"                                     /* bool true */
                                "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" /* int32 -1 in ten bytes */
                                "\x18\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01" /* int64 minimum */
                                "\x20\xff\xff\xff\xff\x0f"                     /* uint32 maximum */
                                "\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" /* uint64 maximum */
                                "\x30\xff\xff\xff\xff\x0f"                     /* sint32 minimum */
                                "\x38\x03"                                     /* sint64 -2 */
                                "\x40\x07"                                     /* enum 7 */
                                "\x4d\x01\x02\x03\x04"                         /* fixed32 */
                                "\x55\xff\xff\xff\xff"                         /* sfixed32 -1 */
                                "\x5d\x00\x00\xc0\x3f"                         /* float 1.5 */
                                "\x61\x01\x02\x03\x04\x05\x06\x07\x08"         /* fixed64 */
                                "\x69\xfe\xff\xff\xff\xff\xff\xff\xff"         /* sfixed64 -2 */
                                "\x71\x00\x00\x00\x00\x00\x00\x04\x40"         /* double 2.5 */
                                "\x7a\x02hi"                                   /* string */
                                "\x82\x01\x00"                                 /* empty bytes */
                                "\xf8\xff\xff\xff\x0f\x05";                    /* the largest field number */
    t_all m = {0};
    assert_int_equal(READ(f, &t_all_pb, bytes, &m), IG_OK);
    assert_true(m.has_b && m.b);
    assert_true(m.has_i32 && m.i32 == -1);
    assert_true(m.has_i64 && m.i64 == INT64_MIN);
    assert_true(m.has_u32 && m.u32 == UINT32_MAX);
    assert_true(m.has_u64 && m.u64 == UINT64_MAX);
    assert_true(m.has_s32 && m.s32 == INT32_MIN);
    assert_true(m.has_s64 && m.s64 == -2);
    assert_true(m.has_e && m.e == 7);
    assert_true(m.has_f32 && m.f32 == 0x04030201);
    assert_true(m.has_sf32 && m.sf32 == -1);
    assert_true(m.has_f && m.f == 1.5f);
    assert_true(m.has_f64 && m.f64 == 0x0807060504030201);
    assert_true(m.has_sf64 && m.sf64 == -2);
    assert_true(m.has_d && m.d == 2.5);
    assert_true(ig_str_is(m.s, "hi"));
    assert_true(m.bytes.p && m.bytes.n == 0);
    assert_true(m.has_largest && m.largest == 5);
    assert_int_equal(m.head.unknown.n, 0);
    ENCODES(f, &t_all_pb, &m, bytes);
}

static void absent_differs_from_zero(void **state) {
    fixture *f = *state;
    t_all m = {0};
    assert_int_equal(READ(f, &t_all_pb, "", &m), IG_OK);
    assert_false(m.has_b || m.has_i32 || m.has_d || m.has_largest);
    assert_null(m.s.s);
    assert_null(m.bytes.p);
    assert_null(m.leaf);
    ENCODES(f, &t_all_pb, &m, "");
    t_all zero = {0};
    assert_int_equal(READ(f, &t_all_pb, "\x10\x00\x7a\x00\x8a\x01\x00", &zero), IG_OK);
    assert_true(zero.has_i32 && zero.s.s && zero.leaf);
    ENCODES(f, &t_all_pb, &zero, "\x10\x00\x7a\x00\x8a\x01\x00");
    t_all plain = {0}; /* proto3 doesn't write what is zero */
    assert_int_equal(READ(f, &t_all_pb, "\xd0\x01\x00\xda\x01\x00", &plain), IG_OK);
    ENCODES(f, &t_all_pb, &plain, "");
    plain.plain = 3;
    plain.plain_text = IG_STR("x");
    ENCODES(f, &t_all_pb, &plain, "\xd0\x01\x03\xda\x01\x01x");
}

static void last_scalar_counts_and_messages_merge(void **state) {
    fixture *f = *state;
    t_all m = {0};
    static const char bytes[] = "\x10\x01\x10\x02\x7a\x01"
                                "a\x7a\x01"
                                "b\x8a\x01\x02\x08\x05\x8a\x01\x03\x12\x01n";
    assert_int_equal(READ(f, &t_all_pb, bytes, &m), IG_OK);
    assert_int_equal(m.i32, 2);
    assert_true(ig_str_is(m.s, "b"));
    assert_true(m.leaf->has_a && m.leaf->a == 5);
    assert_true(ig_str_is(m.leaf->name, "n"));
    assert_null(m.leaf->head.wire.p); /* it has no single place */
    ENCODES(f, &t_all_pb, &m,
            "\x10\x02\x7a\x01"
            "b\x8a\x01\x05\x08\x05\x12\x01n");
}

static void repeated_values_come_packed_or_not(void **state) {
    fixture *f = *state;
    t_all m = {0};
    /* 1, then packed 2 and 300, then 3; floats unpacked, then packed */
    static const char bytes[] = "\xa0\x01\x01\xa2\x01\x03\x02\xac\x02\xa0\x01\x03"
                                "\xad\x01\x00\x00\x80\x3f\xaa\x01\x08\x00\x00\x00\x40\x00\x00\x40\x40";
    assert_int_equal(READ(f, &t_all_pb, bytes, &m), IG_OK);
    size_t n;
    bool bad;
    assert_int_equal(ig_pb_count(IG_PB_INT64, m.ints), 4);
    const int64_t *ints = ig_pb_unpack(&f->arena, IG_PB_INT64, m.ints, &n, &bad);
    assert_int_equal(n, 4);
    assert_true(ints[0] == 1 && ints[1] == 2 && ints[2] == 300 && ints[3] == 3);
    const float *floats = ig_pb_unpack(&f->arena, IG_PB_FLOAT, m.floats, &n, &bad);
    assert_int_equal(n, 3);
    assert_true(floats[0] == 1 && floats[1] == 2 && floats[2] == 3);
    ENCODES(f, &t_all_pb, &m,
            "\xa0\x01\x01\xa0\x01\x02\xa0\x01\xac\x02\xa0\x01\x03"
            "\xaa\x01\x0c\x00\x00\x80\x3f\x00\x00\x00\x40\x00\x00\x40\x40");
}

static void one_packed_piece_is_not_copied(void **state) {
    fixture *f = *state;
    t_all m = {0};
    static const char bytes[] = "\xaa\x01\x08\x00\x00\x00\x40\x00\x00\x40\x40";
    assert_int_equal(READ(f, &t_all_pb, bytes, &m), IG_OK);
    assert_ptr_equal(m.floats.p, bytes + 3);
    assert_int_equal(m.floats.cap, 0);
}

static void values_pack_and_unpack(void **state) {
    fixture *f = *state;
    static const int32_t values[] = {0, -1, 1, INT32_MIN, INT32_MAX};
    static const bool flags[] = {true, false, true};
    bool ok = true, bad;
    size_t n;
    t_all m = {.zigzags = ig_pb_pack(&f->arena, IG_PB_SINT32, values, 5, &ok),
               .flags = ig_pb_pack(&f->arena, IG_PB_BOOL, flags, 3, &ok)};
    assert_true(ok);
    ENCODES(f, &t_all_pb, &m, "\xc2\x01\x0d\x00\x01\x02\xff\xff\xff\xff\x0f\xfe\xff\xff\xff\x0f\xca\x01\x03\x01\x00\x01");
    const int32_t *back = ig_pb_unpack(&f->arena, IG_PB_SINT32, m.zigzags, &n, &bad);
    assert_int_equal(n, 5);
    assert_memory_equal(back, values, sizeof values);
    const bool *flags_back = ig_pb_unpack(&f->arena, IG_PB_BOOL, m.flags, &n, &bad);
    assert_int_equal(n, 3);
    assert_memory_equal(flags_back, flags, sizeof flags);
}

static void repeated_strings_and_messages(void **state) {
    fixture *f = *state;
    t_all m = {0};
    static const char bytes[] = "\x92\x01\x02\x08\x01\x92\x01\x00\x9a\x01\x02\x08\x07\xb2\x01\x00\xb2\x01\x01x\xba\x01\x01\x00"
                                "\xfa\x01\x05\x0a\x01k\x10\x09";
    assert_int_equal(READ(f, &t_all_pb, bytes, &m), IG_OK);
    assert_int_equal(m.leaves.n, 2);
    assert_int_equal(m.leaves.items[0]->a, 1);
    assert_false(m.leaves.items[1]->has_a);
    assert_int_equal(m.lazy.n, 1);
    assert_true(m.lazy.items[0]->lazy && m.lazy.items[0]->wire.n == 2);
    assert_int_equal(m.strings.n, 2);
    assert_int_equal(m.blobs.n, 1);
    assert_true(ig_str_is(m.map.items[0]->key, "k") && m.map.items[0]->value == 9);
    ENCODES(f, &t_all_pb, &m, bytes);
    t_leaf leaf = {0};
    assert_int_equal(read_as(f, &t_leaf_pb, (const char *)m.lazy.items[0]->wire.p, m.lazy.items[0]->wire.n, &leaf), IG_OK);
    assert_int_equal(leaf.a, 7);
}

static void a_oneof_holds_its_last_member(void **state) {
    fixture *f = *state;
    t_all m = {0};
    assert_int_equal(READ(f, &t_all_pb, "\xc0\x02\x05\xf2\x01\x01t", &m), IG_OK);
    assert_int_equal(m.choice_case, 30);
    assert_true(ig_str_is(m.text, "t"));
    ENCODES(f, &t_all_pb, &m, "\xf2\x01\x01t");
    t_all twice = {0}; /* the same message member twice merges, another one in between starts anew */
    assert_int_equal(READ(f, &t_all_pb, "\x9a\x02\x02\x08\x01\x9a\x02\x03\x12\x01n", &twice), IG_OK);
    assert_true(twice.choice_case == 35 && twice.message->has_a && twice.message->name.n == 1);
    t_all anew = {0};
    assert_int_equal(READ(f, &t_all_pb, "\x9a\x02\x02\x08\x01\xc0\x02\x00\x9a\x02\x03\x12\x01n", &anew), IG_OK);
    assert_true(anew.choice_case == 35 && !anew.message->has_a && anew.message->name.n == 1);
    t_all zero = {.choice_case = 40}; /* a member that is set counts, zero or not */
    ENCODES(f, &t_all_pb, &zero, "\xc0\x02\x00");
}

static void unknown_fields_are_kept(void **state) {
    fixture *f = *state;
    t_all m = {0};
    /* fields 100 (varint), 101 (group holding a group and bytes), 102 (8 bytes), between known ones */
    static const char bytes[] = "\xa0\x06\x01\x10\x02\xab\x06\x0b\x10\x01\x0c\x1a\x01q\xac\x06\xb1\x06"
                                "12345678\x18\x03";
    assert_int_equal(READ(f, &t_all_pb, bytes, &m), IG_OK);
    assert_true(m.i32 == 2 && m.i64 == 3);
    ENCODES(f, &t_all_pb, &m,
            "\x10\x02\x18\x03\xa0\x06\x01\xab\x06\x0b\x10\x01\x0c\x1a\x01q\xac\x06\xb1\x06"
            "12345678");
    t_empty e = {0};
    assert_int_equal(READ(f, &t_empty_pb, bytes, &e), IG_OK);
    assert_ptr_equal(e.head.unknown.p, bytes); /* in one piece: not copied */
    ENCODES(f, &t_empty_pb, &e, bytes);
}

static void a_wrong_wire_type_is_an_unknown_field(void **state) {
    fixture *f = *state;
    t_all m = {0};
    static const char bytes[] = "\x12\x01x\x78\x05\x88\x01\x01"; /* i32 as bytes, s as a varint, leaf as a varint */
    assert_int_equal(READ(f, &t_all_pb, bytes, &m), IG_OK);
    assert_true(!m.has_i32 && !m.s.s && !m.leaf);
    ENCODES(f, &t_all_pb, &m, bytes);
}

static void many_unknown_pieces_take_linear_memory(void **state) {
    fixture *f = *state;
    enum { N = 20000 };
    char *bytes = ig_arena_alloc(&f->arena, 5 * N);
    for (size_t i = 0; i < N; i++) memcpy(bytes + 5 * i, "\x10\x01\xa0\x06\x07", 5);
    uint64_t before = ig_context_memory(f->context, NULL);
    t_all m = {0};
    assert_int_equal(read_as(f, &t_all_pb, bytes, 5 * (size_t)N, &m), IG_OK);
    assert_int_equal(m.head.unknown.n, 3 * N);
    assert_true(ig_context_memory(f->context, NULL) - before < 16 * 3 * (uint64_t)N);
}

typedef struct broken {
    const char *bytes;
    size_t n;
    ig_status status;
    const char *message, *detail;
} broken;

#define BROKEN(bytes, status, message, detail)                                                                                 \
    { bytes, sizeof(bytes) - 1, status, message, detail }

static void errors_name_the_place(void **state) {
    fixture *f = *state;
    static const broken cases[] = {
        BROKEN("\x10", IG_E_INPUT, "truncated: unterminated varint in field 'i32'", "byte 1"),
        BROKEN("\x10\x80\x80", IG_E_INPUT, "unterminated varint", "byte 1"),
        BROKEN("\x10\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", IG_E_INPUT, "longer than 10 bytes", "byte 1"),
        BROKEN("\x80", IG_E_INPUT, "unterminated varint in a field's tag", "byte 0"),
        BROKEN("\x80\x80\x80\x80\x80\x01", IG_E_INPUT, "more than 29 bits", "byte 0"),
        BROKEN("\x00\x01", IG_E_INPUT, "field number 0", "byte 0"),
        BROKEN("\x10\x01\x16", IG_E_INPUT, "unknown wire type 6 of field 'i32'", "byte 2"),
        BROKEN("\x17", IG_E_INPUT, "unknown wire type 7 of field 'i32'", "byte 0"),
        BROKEN("\x7a\x05"
               "abc",
               IG_E_INPUT, "truncated: field 's' needs 5 bytes, 3 are left", "byte 0"),
        BROKEN("\x7a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", IG_E_INPUT, "needs 9223372036854775807 bytes, 0 are left", "byte 0"),
        BROKEN("\x4d\x01\x02", IG_E_INPUT, "truncated: field 'f32' needs 4 bytes, 2 are left", "byte 0"),
        BROKEN("\x61\x01\x02", IG_E_INPUT, "truncated: field 'f64' needs 8 bytes, 2 are left", "byte 0"),
        BROKEN("\x14", IG_E_INPUT, "field 2 ends a group that never began", "byte 0"),
        BROKEN("\x13\x10\x01", IG_E_INPUT, "unterminated group, field 2", "byte 1"),
        BROKEN("\x13\x1c", IG_E_INPUT, "group 2 ends as group 3", "byte 1"),
        BROKEN("\xaa\x01\x03"
               "abc",
               IG_E_INPUT, "'floats' has 3 bytes, not a multiple of 4", "byte 0"),
        BROKEN("\xa2\x01\x01\x80", IG_E_INPUT, "unterminated varint at the end of 'ints'", "byte 0"),
        BROKEN("\x92\x01\x00\x92\x01\x02\x08\x80", IG_E_INPUT, "unterminated varint", "leaves[1] at byte 7"),
        BROKEN("\x82\x02\x05\x8a\x01\x02\x0a\x04", IG_E_INPUT, "truncated", "self.leaf at byte 6"),
    };
    for (size_t i = 0; i < IG_COUNT_OF(cases); i++) {
        t_all m = {0};
        assert_int_equal(read_as(f, &t_all_pb, cases[i].bytes, cases[i].n, &m), cases[i].status);
        if (!strstr(f->err.message, cases[i].message) || strcmp(f->err.detail, cases[i].detail) != 0)
            fail_msg("case %zu: %s (%s)", i, f->err.message, f->err.detail);
    }
}

static void nesting_is_bounded(void **state) {
    fixture *f = *state;
    char bytes[64];
    size_t n = 0; /* field 32 in itself, from the inside out */
    for (int level = 0; level < 9; level++) {
        memmove(bytes + 3, bytes, n);
        memcpy(bytes, "\x82\x02", 2);
        bytes[2] = (char)n;
        n += 3;
        t_all m = {0};
        assert_int_equal(read_as(f, &t_all_pb, bytes, n, &m), level < 8 ? IG_OK : IG_E_LIMIT);
    }
    assert_non_null(strstr(f->err.message, "nested deeper"));
    t_all m = {0};
    assert_int_equal(READ(f, &t_all_pb, "\x13\x13\x13\x13\x13\x13\x13\x13\x14\x14\x14\x14\x14\x14\x14\x14", &m), IG_OK);
    assert_int_equal(READ(f, &t_all_pb, "\x13\x13\x13\x13\x13\x13\x13\x13\x13\x14\x14\x14\x14\x14\x14\x14\x14\x14", &m),
                     IG_E_LIMIT);
}

static ig_status count_bytes(void *user, const void *data, size_t n, ig_error *err) {
    uint64_t *total = user;
    IG_UNUSED(data);
    *total += n;
    return *total > 50000 ? ig_fail(err, IG_E_IO, "full") : IG_OK;
}

static void big_pieces_go_straight_to_the_sink(void **state) {
    fixture *f = *state;
    static uint8_t big[20000];
    t_all m = {.bytes = {big, sizeof big}, .s = IG_STR("text")};
    uint64_t size, total = 0;
    assert_int_equal(ig_pb_size(&t_all_pb, &m, &size, &f->err), IG_OK);
    assert_int_equal(ig_pb_write(&t_all_pb, &m, (ig_pb_sink){count_bytes, &total}, &f->err), IG_OK);
    assert_int_equal(total, size);
    assert_int_equal(ig_pb_write(&t_all_pb, &m, (ig_pb_sink){count_bytes, &total}, &f->err), IG_OK);
    assert_int_equal(ig_pb_write(&t_all_pb, &m, (ig_pb_sink){count_bytes, &total}, &f->err), IG_E_IO);
}

static void middle_sized_pieces_keep_their_order(void **state) {
    fixture *f = *state;
    t_all m = {0};
    for (char c = 'a'; c < 'k'; c++) {
        size_t n = (size_t)(c - 'a' + 1) * 1500;
        char *s = ig_arena_alloc(&f->arena, n);
        memset(s, c, n);
        assert_true(IG_PUSH(&f->arena, &m.strings, ((ig_str){s, n})));
    }
    ig_span out;
    assert_int_equal(ig_pb_encode(&f->arena, &t_all_pb, &m, &out, &f->err), IG_OK);
    t_all back = {0};
    assert_int_equal(read_as(f, &t_all_pb, (const char *)out.p, out.n, &back), IG_OK);
    assert_int_equal(back.strings.n, m.strings.n);
    for (size_t i = 0; i < m.strings.n; i++) assert_true(ig_str_eq(back.strings.items[i], m.strings.items[i]));
}

static ig_status read_and_encode(ig_context *context) {
    static const char bytes[] =
        "\x92\x01\x02\x08\x01\x9a\x01\x02\x08\x07\xb2\x01\x01x\xa0\x01\x01\xa0\x01\x02\xa0\x06\x01\x10\x02"
        "\xa0\x06\x01\x82\x02\x05\x8a\x01\x02\x08\x04";
    ig_arena arena;
    ig_error err;
    ig_span out;
    t_all m = {0};
    ig_arena_init(&arena, context);
    arena.block_size = 1; /* each allocation its own block: each can fail */
    ig_pb_reader r = {&arena, (const uint8_t *)bytes, 8, &err, NULL};
    ig_status status = ig_pb_read(&r, &t_all_pb, (ig_span){(const uint8_t *)bytes, sizeof bytes - 1}, &m, NULL);
    if (status == IG_OK) status = ig_pb_encode(&arena, &t_all_pb, &m, &out, &err);
    ig_arena_free(&arena);
    return status;
}

static void every_failed_allocation_is_reported(void **state) {
    IG_UNUSED(state);
    assert_true(fail_each_allocation(read_and_encode, false) > 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_scalar_comes_back),
        TEST(absent_differs_from_zero),
        TEST(last_scalar_counts_and_messages_merge),
        TEST(repeated_values_come_packed_or_not),
        TEST(one_packed_piece_is_not_copied),
        TEST(values_pack_and_unpack),
        TEST(repeated_strings_and_messages),
        TEST(a_oneof_holds_its_last_member),
        TEST(unknown_fields_are_kept),
        TEST(a_wrong_wire_type_is_an_unknown_field),
        TEST(many_unknown_pieces_take_linear_memory),
        TEST(errors_name_the_place),
        TEST(nesting_is_bounded),
        TEST(big_pieces_go_straight_to_the_sink),
        TEST(middle_sized_pieces_keep_their_order),
        TEST(every_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
