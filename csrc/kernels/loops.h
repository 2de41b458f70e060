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
#define SIZE ((int64_t)sizeof(T))
#define MASK_BYTES RT_CAT(mask_bytes, D)
/* Inputs that the fast loops take: dense, or one element repeated. */
#define DIRECT(s) ((s) == SIZE || (s) == 0)
#define SIZES RT_CAT(sizes, D)
#define MASK_SIZES RT_CAT(mask_sizes, D)

static const uint8_t SIZES[3] = {rt_log2(sizeof(T)), rt_log2(sizeof(T)), rt_log2(sizeof(T))};
static const uint8_t MASK_SIZES[3] = {0, rt_log2(sizeof(T)), rt_log2(sizeof(T))};

/* 0 < n < L adjacent elements. Lanes beyond n hold 1, which no op traps on. Not inlined: it would be in every loop. */
static __attribute__((noinline)) V RT_CAT(load_part, D)(const char *p, int64_t n) {
    T buffer[sizeof(V) / sizeof(T)];
    STORE(buffer, V_SPLAT(1));
    memcpy(buffer, p, (size_t)(n * SIZE));
    return LOAD(buffer);
}

/* The first n lanes, or all of them. */
static __attribute__((noinline)) void RT_CAT(store_some, D)(char *p, int64_t n, V v) {
    memcpy(p, &v, (size_t)(n * SIZE));
}

static inline void RT_CAT(store_part, D)(char *p, int64_t n, V v) {
    if (n >= L) STORE(p, v);
    else RT_CAT(store_some, D)(p, n, v);
}

/* The element at p in every lane. */
static inline V RT_CAT(repeat, D)(const char *p) {
    T x;
    memcpy(&x, p, sizeof(T));
    return V_SPLAT(x);
}

/* A mask becomes bytes of 0 and 1. */
typedef int8_t MASK_BYTES __attribute__((vector_size(sizeof(V) / sizeof(T))));
typedef int8_t RT_CAT(MASK_BYTES, any) __attribute__((vector_size(sizeof(V) / sizeof(T)), aligned(1), may_alias));
#define TO_BYTES(mask) (__builtin_convertvector(mask, MASK_BYTES) & 1)
#define STORE_MASK(p, mask) (*(RT_CAT(MASK_BYTES, any) *)(p) = TO_BYTES(mask))

static inline void RT_CAT(store_mask_part, D)(char *p, int64_t n, MASK_BYTES m) {
    if (n >= L) *(RT_CAT(MASK_BYTES, any) *)p = m;
    else memcpy(p, &m, (size_t)n);
}
#define LOAD_PART(p, n) RT_CAT(load_part, D)(p, n)
#define STORE_PART(p, n, v) RT_CAT(store_part, D)(p, n, v)
#define STORE_MASK_PART(p, n, mask) RT_CAT(store_mask_part, D)(p, n, TO_BYTES(mask))

/* The last loop takes whole vectors and the part at the end. What is cheap has loops without its branches before it; what
 * is costly has its long body once. */
#define LOOP_1(op, OP, SIZES, OUT_SIZE, PUT, PUT_PART)                                    \
    static void RT_CAT(op, D)(char *const *p, const int64_t *s, int64_t n) {              \
        if (n > 1 && (s[0] != OUT_SIZE || s[1] != SIZE)) {                                \
            RT_FN(rt_strided)(RT_CAT(op, D), SIZES, 2, p, s, n);                          \
            return;                                                                       \
        }                                                                                 \
        char *out = p[0];                                                                 \
        const char *a = p[1];                                                             \
        int64_t i = 0;                                                                    \
        if (!RT_COSTLY_##OP)                                                              \
            for (; i + L <= n; i += L) {                                                  \
                const V x = LOAD(a + i * SIZE);                                           \
                PUT(out + i * OUT_SIZE, BODY_##op(x));                                    \
            }                                                                             \
        for (; i < n; i += L) {                                                           \
            const V x = i + L <= n ? LOAD(a + i * SIZE) : LOAD_PART(a + i * SIZE, n - i); \
            PUT_PART(out + i * OUT_SIZE, n - i, BODY_##op(x));                            \
        }                                                                                 \
    }
#define LOOP_2(op, OP, SIZES, OUT_SIZE, PUT, PUT_PART)                                      \
    static void RT_CAT(op, D)(char *const *p, const int64_t *s, int64_t n) {                \
        if (n > 1 && (s[0] != OUT_SIZE || !DIRECT(s[1]) || !DIRECT(s[2]))) {                \
            RT_FN(rt_strided)(RT_CAT(op, D), SIZES, 3, p, s, n);                            \
            return;                                                                         \
        }                                                                                   \
        if (n < 1) return;                                                                  \
        char *out = p[0];                                                                   \
        const char *a = p[1], *b = p[2];                                                    \
        int64_t i = 0;                                                                      \
        V x = RT_CAT(repeat, D)(a), y = RT_CAT(repeat, D)(b);                               \
        if (!RT_COSTLY_##OP) {                                                              \
            if (s[1] && s[2])                                                               \
                for (; i + L <= n; i += L) {                                                \
                    x = LOAD(a + i * SIZE), y = LOAD(b + i * SIZE);                         \
                    PUT(out + i * OUT_SIZE, BODY_##op(x, y));                               \
                }                                                                           \
            else if (s[1])                                                                  \
                for (; i + L <= n; i += L) {                                                \
                    x = LOAD(a + i * SIZE);                                                 \
                    PUT(out + i * OUT_SIZE, BODY_##op(x, y));                               \
                }                                                                           \
            else if (s[2])                                                                  \
                for (; i + L <= n; i += L) {                                                \
                    y = LOAD(b + i * SIZE);                                                 \
                    PUT(out + i * OUT_SIZE, BODY_##op(x, y));                               \
                }                                                                           \
        }                                                                                   \
        for (; i < n; i += L) {                                                             \
            if (s[1]) x = i + L <= n ? LOAD(a + i * SIZE) : LOAD_PART(a + i * SIZE, n - i); \
            if (s[2]) y = i + L <= n ? LOAD(b + i * SIZE) : LOAD_PART(b + i * SIZE, n - i); \
            PUT_PART(out + i * OUT_SIZE, n - i, BODY_##op(x, y));                           \
        }                                                                                   \
    }

#define DEFINE_UNARY(op, OP) LOOP_1(op, OP, SIZES, SIZE, STORE, STORE_PART)
#define DEFINE_PREDICATE(op, OP) LOOP_1(op, OP, MASK_SIZES, 1, STORE_MASK, STORE_MASK_PART)
#define DEFINE_BINARY(op, OP) LOOP_2(op, OP, SIZES, SIZE, STORE, STORE_PART)
#define DEFINE_COMPARE(op, OP) LOOP_2(op, OP, MASK_SIZES, 1, STORE_MASK, STORE_MASK_PART)

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
#undef TO_BYTES
#undef MASK_BYTES
#undef STORE_PART
#undef LOAD_PART
#undef STORE_MASK_PART
#undef STORE_MASK
#undef LOOP_1
#undef LOOP_2
#undef SIZES
#undef MASK_SIZES
#undef DIRECT
#undef SIZE
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
