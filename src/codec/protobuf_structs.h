/* Makes the structs of a list of messages. A list is a .def file that reads like a .proto file:
 *
 *     #define M ig_onnx_prop
 *     MESSAGE
 *         OPTIONAL(1, STRING, key)
 *         OPTIONAL(2, STRING, value)
 *     END
 *     #undef M
 *
 * A header includes this file and then the list, and has the structs (`ig_onnx_prop`) and declarations of the tables
 * (`ig_onnx_prop_pb`); one source file includes protobuf_tables.h and then the list again, and has the tables. Words of a list:
 *
 *     OPTIONAL(number, TYPE, name)   IMPLICIT(…)   REPEATED(…)   PACKED(…)      strings, bytes and scalars
 *     SUB(number, message, name)     SUBS(…)       LAZY(…)                      one message, many, many left undecoded
 *     ONEOF(name)  MEMBER(number, TYPE, member, name)  MEMBER_SUB(number, message, member, name)  END_ONEOF
 *
 * A map field is SUBS of a message with the fields key = 1 and value = 2.
 *
 * No include guard: the words are defined anew at each inclusion. */
#undef MESSAGE
#undef END
#undef OPTIONAL
#undef IMPLICIT
#undef REPEATED
#undef PACKED
#undef SUB
#undef SUBS
#undef LAZY
#undef ONEOF
#undef MEMBER
#undef MEMBER_SUB
#undef END_ONEOF

#undef IG_PB_HAS_SCALAR
#undef IG_PB_HAS_STRING
#undef IG_PB_HAS_BYTES
#undef IG_PB_MANY_SCALAR
#undef IG_PB_MANY_STRING
#undef IG_PB_MANY_BYTES
#define IG_PB_HAS_SCALAR(name) bool has_##name;
#define IG_PB_HAS_STRING(name)
#define IG_PB_HAS_BYTES(name)
#define IG_PB_MANY_SCALAR(name) ig_pb_bytes name;
#define IG_PB_MANY_STRING(name) IG_VEC(ig_str) name;
#define IG_PB_MANY_BYTES(name)  IG_VEC(ig_span) name;

#define MESSAGE                                                                                                                \
    typedef struct M M;                                                                                                        \
    struct M {                                                                                                                 \
        ig_pb_head head;
#define END                                                                                                                    \
    }                                                                                                                          \
    ;                                                                                                                          \
    extern const ig_pb_message IG_PB_CAT(M, _pb);
#define OPTIONAL(number, TYPE, name) IG_PB_CAT(IG_PB_HAS_, IG_PB_CLASS_##TYPE)(name) IG_PB_C_##TYPE name;
#define IMPLICIT(number, TYPE, name) IG_PB_C_##TYPE name;
#define REPEATED(number, TYPE, name) IG_PB_CAT(IG_PB_MANY_, IG_PB_CLASS_##TYPE)(name)
#define PACKED(number, TYPE, name)   ig_pb_bytes name;
#define SUB(number, message, name)   struct message *name;
#define SUBS(number, message, name)  IG_VEC(struct message *) name;
#define LAZY(number, message, name)  IG_VEC(ig_pb_head *) name;
#define ONEOF(name)                                                                                                            \
    uint32_t name##_case;                                                                                                      \
    union {
#define MEMBER(number, TYPE, member, name)        IG_PB_C_##TYPE member;
#define MEMBER_SUB(number, message, member, name) struct message *member;
#define END_ONEOF                                                                                                              \
    }                                                                                                                          \
    ;
