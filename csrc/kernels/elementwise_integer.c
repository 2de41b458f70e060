/* SPDX-License-Identifier: MIT
 * elementwise_integer.c: the loops of bodies.h for the integers and bool, and where, which moves items by their size. */
#include "bodies.h"
#include "kernels.h"
#include "simd.h"

#define V_INVERT(a) (~(a))

#define D i8
#define T int8_t
#define MASK i8
#define CODE RT_I8
#include "loops.h"

#define D i16
#define T int16_t
#define MASK i16
#define CODE RT_I16
#include "loops.h"

#define D i32
#define T int32_t
#define MASK i32
#define CODE RT_I32
#include "loops.h"

#define D i64
#define T int64_t
#define MASK i64
#define CODE RT_I64
#include "loops.h"

#define D u8
#define T uint8_t
#define MASK i8
#define CODE RT_U8
#include "loops.h"

#define D u16
#define T uint16_t
#define MASK i16
#define CODE RT_U16
#include "loops.h"

#define D u32
#define T uint32_t
#define MASK i32
#define CODE RT_U32
#include "loops.h"

#define D u64
#define T uint64_t
#define MASK i64
#define CODE RT_U64
#include "loops.h"

/* bool: bytes of 0 and 1. */
#undef V_INVERT
#define V_INVERT(a) ((a) ^ 1)
typedef vi8 vbool;
typedef vi8_any vbool_any;
#define v_splat_bool v_splat_i8
#define v_select_bool v_select_i8
#define D bool
#define T int8_t
#define MASK i8
#define CODE RT_BOOL
#include "loops.h"

/* where: plain C, as the compilers vectorise it. */
#define DEFINE_WHERE(N, T)                                                       \
    static void where_##N(char *const *p, const int64_t *s, int64_t n) {         \
        static const uint8_t sizes[4] = {rt_log2(N), 0, rt_log2(N), rt_log2(N)}; \
        if (n > 1 && (s[0] != N || s[1] != 1 || s[2] != N || s[3] != N)) {       \
            RT_FN(rt_strided)(where_##N, sizes, 4, p, s, n);                     \
            return;                                                              \
        }                                                                        \
        const char *restrict c = p[1];                                           \
        const T *restrict a = (const T *)p[2], *restrict b = (const T *)p[3];    \
        T *restrict out = (T *)p[0];                                             \
        for (int64_t i = 0; i < n; i++) {                                        \
            const T x = a[i], y = b[i];                                          \
            out[i] = c[i] ? x : y;                                               \
        }                                                                        \
    }
typedef struct {
    uint64_t low, high;
} pair;
DEFINE_WHERE(1, uint8_t)
DEFINE_WHERE(2, uint16_t)
DEFINE_WHERE(4, uint32_t)
DEFINE_WHERE(8, uint64_t)
DEFINE_WHERE(16, pair)

void RT_FN(rt_fill_elementwise_integer)(rt_kernels *k) {
    fill_bool(k);
    fill_i8(k);
    fill_i16(k);
    fill_i32(k);
    fill_i64(k);
    fill_u8(k);
    fill_u16(k);
    fill_u32(k);
    fill_u64(k);
    static const rt_loop by_size[5] = {where_1, where_2, where_4, where_8, where_16};
    for (int d = 0; d < RT_N_DTYPES; d++) k->loops[RT_OP_WHERE][d] = by_size[rt_size_log2[d]];
}
