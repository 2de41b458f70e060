/* SPDX-License-Identifier: MIT
 *
 * loops.h: included once per dtype by elementwise_*.c, with D (f32 ...), T (the C type), MASK (the signed integer of its
 * width) and CODE (RT_F32 ...) defined. Makes a loop for every op that the table lists for the dtype, and fill_<D>,
 * which enters them into the table.
 */
#define V RT_CAT_PLAIN(v, D)
#define V_ANY RT_CAT(RT_CAT_PLAIN(v, D), any)
#define RT_CAT_PLAIN_(a, b) a##b
#define RT_CAT_PLAIN(a, b) RT_CAT_PLAIN_(a, b)
#define V_NAME(f) RT_CAT(f, D)
#define V_SELECT(mask, a, b) V_NAME(v_select)(mask, a, b)
#define V_SPLAT(x) V_NAME(v_splat)(x)
#define V_MASK RT_CAT_PLAIN(v, MASK)
#define L ((int64_t)(sizeof(V) / sizeof(T)))
#define LOAD(p) ((V) * (const V_ANY *)(p))
#define STORE(p, v) (*(V_ANY *)(p) = (V_ANY)(v))
#define CONTIGUOUS(s) ((s) == (int64_t)sizeof(T))
#define MASK_BYTES RT_CAT(mask_bytes, D)

/* n < L elements, or L elements at a stride. Lanes beyond n hold 1, which no op traps on. */
static inline V RT_CAT(gather, D)(const char *p, int64_t stride, int64_t n) {
    T buffer[sizeof(V) / sizeof(T)];
    for (int64_t i = 0; i < L; i++) buffer[i] = 1;
    for (int64_t i = 0; i < n; i++) memcpy(&buffer[i], p + i * stride, sizeof(T));
    return LOAD(buffer);
}

static inline void RT_CAT(scatter, D)(char *p, int64_t stride, int64_t n, V v) {
    T buffer[sizeof(V) / sizeof(T)];
    STORE(buffer, v);
    for (int64_t i = 0; i < n; i++) memcpy(p + i * stride, &buffer[i], sizeof(T));
}

/* A mask becomes bytes of 0 and 1. */
typedef int8_t MASK_BYTES __attribute__((vector_size(sizeof(V) / sizeof(T))));
typedef int8_t RT_CAT(MASK_BYTES, any) __attribute__((vector_size(sizeof(V) / sizeof(T)), aligned(1), may_alias));
#define TO_BYTES(mask) (__builtin_convertvector(mask, MASK_BYTES) & 1)

static inline void RT_CAT(scatter_mask, D)(char *p, int64_t stride, int64_t n, MASK_BYTES m) {
    int8_t buffer[sizeof(V) / sizeof(T)];
    memcpy(buffer, &m, sizeof(buffer));
    for (int64_t i = 0; i < n; i++) p[i * stride] = (char)buffer[i];
}

#define GATHER(p, stride, n) RT_CAT(gather, D)(p, stride, n)
#define SCATTER(p, stride, n, v) RT_CAT(scatter, D)(p, stride, n, v)
#define MIN_N(i) (n - (i) < L ? n - (i) : L)

#define DEFINE_UNARY(op, OP)                                                 \
    static void RT_CAT(op, D)(char *const *p, const int64_t *s, int64_t n) { \
        char *out = p[0];                                                    \
        const char *a = p[1];                                                \
        int64_t i = 0;                                                       \
        if (CONTIGUOUS(s[0]) && CONTIGUOUS(s[1]))                            \
            for (; i + L <= n; i += L) {                                     \
                const V x = LOAD(a + i * (int64_t)sizeof(T));                \
                STORE(out + i * (int64_t)sizeof(T), BODY_##op(x));           \
            }                                                                \
        for (; i < n; i += L) {                                              \
            const int64_t m = MIN_N(i);                                      \
            const V x = GATHER(a + i * s[1], s[1], m);                       \
            SCATTER(out + i * s[0], s[0], m, BODY_##op(x));                  \
        }                                                                    \
    }

#define DEFINE_BINARY(op, OP)                                                                           \
    static void RT_CAT(op, D)(char *const *p, const int64_t *s, int64_t n) {                            \
        char *out = p[0];                                                                               \
        const char *a = p[1], *b = p[2];                                                                \
        int64_t i = 0;                                                                                  \
        if (CONTIGUOUS(s[0]) && n >= L) {                                                               \
            if (CONTIGUOUS(s[1]) && CONTIGUOUS(s[2])) {                                                 \
                for (; i + L <= n; i += L) {                                                            \
                    const V x = LOAD(a + i * (int64_t)sizeof(T)), y = LOAD(b + i * (int64_t)sizeof(T)); \
                    STORE(out + i * (int64_t)sizeof(T), BODY_##op(x, y));                               \
                }                                                                                       \
            } else if (s[1] == 0 && CONTIGUOUS(s[2])) {                                                 \
                const V x = GATHER(a, 0, L);                                                            \
                for (; i + L <= n; i += L) {                                                            \
                    const V y = LOAD(b + i * (int64_t)sizeof(T));                                       \
                    STORE(out + i * (int64_t)sizeof(T), BODY_##op(x, y));                               \
                }                                                                                       \
            } else if (s[2] == 0 && CONTIGUOUS(s[1])) {                                                 \
                const V y = GATHER(b, 0, L);                                                            \
                for (; i + L <= n; i += L) {                                                            \
                    const V x = LOAD(a + i * (int64_t)sizeof(T));                                       \
                    STORE(out + i * (int64_t)sizeof(T), BODY_##op(x, y));                               \
                }                                                                                       \
            }                                                                                           \
        }                                                                                               \
        for (; i < n; i += L) {                                                                         \
            const int64_t m = MIN_N(i);                                                                 \
            const V x = GATHER(a + i * s[1], s[1], m), y = GATHER(b + i * s[2], s[2], m);               \
            SCATTER(out + i * s[0], s[0], m, BODY_##op(x, y));                                          \
        }                                                                                               \
    }

#define DEFINE_COMPARE(op, OP)                                                            \
    static void RT_CAT(op, D)(char *const *p, const int64_t *s, int64_t n) {              \
        char *out = p[0];                                                                 \
        const char *a = p[1], *b = p[2];                                                  \
        int64_t i = 0;                                                                    \
        if (n <= 0) return;                                                               \
        if (s[0] == 1 && CONTIGUOUS(s[1]) && (CONTIGUOUS(s[2]) || s[2] == 0)) {           \
            const V same = GATHER(b, 0, L);                                               \
            for (; i + L <= n; i += L) {                                                  \
                const V x = LOAD(a + i * (int64_t)sizeof(T));                             \
                const V y = s[2] ? LOAD(b + i * (int64_t)sizeof(T)) : same;               \
                *(RT_CAT(MASK_BYTES, any) *)(out + i) = TO_BYTES(BODY_##op(x, y));        \
            }                                                                             \
        }                                                                                 \
        for (; i < n; i += L) {                                                           \
            const int64_t m = MIN_N(i);                                                   \
            const V x = GATHER(a + i * s[1], s[1], m), y = GATHER(b + i * s[2], s[2], m); \
            RT_CAT(scatter_mask, D)(out + i * s[0], s[0], m, TO_BYTES(BODY_##op(x, y)));  \
        }                                                                                 \
    }

#define DEFINE_PREDICATE(op, OP)                                                      \
    static void RT_CAT(op, D)(char *const *p, const int64_t *s, int64_t n) {          \
        char *out = p[0];                                                             \
        const char *a = p[1];                                                         \
        int64_t i = 0;                                                                \
        if (s[0] == 1 && CONTIGUOUS(s[1]))                                            \
            for (; i + L <= n; i += L) {                                              \
                const V x = LOAD(a + i * (int64_t)sizeof(T));                         \
                *(RT_CAT(MASK_BYTES, any) *)(out + i) = TO_BYTES(BODY_##op(x));       \
            }                                                                         \
        for (; i < n; i += L) {                                                       \
            const int64_t m = MIN_N(i);                                               \
            const V x = GATHER(a + i * s[1], s[1], m);                                \
            RT_CAT(scatter_mask, D)(out + i * s[0], s[0], m, TO_BYTES(BODY_##op(x))); \
        }                                                                             \
    }

RT_CAT(RT_UNARY, D)(DEFINE_UNARY) RT_CAT(RT_PREDICATE, D)(DEFINE_PREDICATE) RT_CAT(RT_BINARY, D)(DEFINE_BINARY)
    RT_CAT(RT_COMPARE, D)(DEFINE_COMPARE)

#define ENTER(op, OP) k->loops[RT_OP_##OP][CODE] = RT_CAT(op, D);
        static void RT_CAT(fill, D)(rt_kernels *k) {
    RT_CAT(RT_UNARY, D)(ENTER) RT_CAT(RT_PREDICATE, D)(ENTER) RT_CAT(RT_BINARY, D)(ENTER) RT_CAT(RT_COMPARE, D)(ENTER)
}

#undef ENTER
#undef DEFINE_UNARY
#undef DEFINE_BINARY
#undef DEFINE_COMPARE
#undef DEFINE_PREDICATE
#undef MIN_N
#undef GATHER
#undef SCATTER
#undef TO_BYTES
#undef MASK_BYTES
#undef CONTIGUOUS
#undef STORE
#undef LOAD
#undef L
#undef V_SPLAT
#undef V_SELECT
#undef V_MASK
#undef V_NAME
#undef V
#undef V_ANY
#undef RT_CAT_PLAIN
#undef RT_CAT_PLAIN_
#undef D
#undef T
#undef MASK
#undef CODE
