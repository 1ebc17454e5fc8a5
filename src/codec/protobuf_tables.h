/* Makes the tables of a list of messages: see protobuf_structs.h. */
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
#define IG_PB_HAS_SCALAR(name) offsetof(M, has_##name)
#define IG_PB_HAS_STRING(name) 0
#define IG_PB_HAS_BYTES(name)  0

#define IG_PB_TEXT_(x) #x
#define IG_PB_TEXT(x)  IG_PB_TEXT_(x)

/* The first entry stands for the head, so that a message without fields has a table too. */
#define MESSAGE static const ig_pb_field IG_PB_CAT(M, _fields)[] = {{"", 0, IG_PB_BYTES, IG_PB_OPTIONAL, 0, 0, NULL},
#define END                                                                                                                    \
    }                                                                                                                          \
    ;                                                                                                                          \
    const ig_pb_message IG_PB_CAT(M, _pb) = {IG_PB_TEXT(M), sizeof(M), IG_PB_CAT(M, _fields) + 1,                              \
                                             IG_COUNT_OF(IG_PB_CAT(M, _fields)) - 1};
#define OPTIONAL(number, TYPE, name)                                                                                           \
    {#name, number, IG_PB_##TYPE, IG_PB_OPTIONAL, offsetof(M, name), IG_PB_CAT(IG_PB_HAS_, IG_PB_CLASS_##TYPE)(name), NULL},
#define IMPLICIT(number, TYPE, name) {#name, number, IG_PB_##TYPE, IG_PB_IMPLICIT, offsetof(M, name), 0, NULL},
#define REPEATED(number, TYPE, name) {#name, number, IG_PB_##TYPE, IG_PB_REPEATED, offsetof(M, name), 0, NULL},
#define PACKED(number, TYPE, name)   {#name, number, IG_PB_##TYPE, IG_PB_PACKED, offsetof(M, name), 0, NULL},
#define SUB(number, message, name)   {#name, number, IG_PB_MESSAGE, IG_PB_OPTIONAL, offsetof(M, name), 0, &message##_pb},
#define SUBS(number, message, name)  {#name, number, IG_PB_MESSAGE, IG_PB_REPEATED, offsetof(M, name), 0, &message##_pb},
#define LAZY(number, message, name)  {#name, number, IG_PB_MESSAGE, IG_PB_LAZY, offsetof(M, name), 0, &message##_pb},
#define ONEOF(name)
#define MEMBER(number, TYPE, member, name)                                                                                     \
    {#member, number, IG_PB_##TYPE, IG_PB_ONEOF, offsetof(M, member), offsetof(M, name##_case), NULL},
#define MEMBER_SUB(number, message, member, name)                                                                              \
    {#member, number, IG_PB_MESSAGE, IG_PB_ONEOF, offsetof(M, member), offsetof(M, name##_case), &message##_pb},
#define END_ONEOF
