/* SPDX-License-Identifier: MIT
 *
 * copy.c: casts between every pair of dtypes. The plain copies on the diagonal are move.c's.
 *
 * Written definitions: to bool is x != 0 (NaN is true). An integer to a narrower one keeps the low bits. Floating to an
 * integer truncates, saturates out of range, and gives 0 for NaN. To a floating dtype: the nearest value, ties to even,
 * rounded once. Real to complex has a zero imaginary part. There is no cast from complex to a real dtype but bool.
 */
#include "../base/half.h"
#include "kernels.h"
#include "simd.h"

/* How each dtype lies in memory. */
typedef uint8_t m_bool;
typedef int8_t m_i8;
typedef int16_t m_i16;
typedef int32_t m_i32;
typedef int64_t m_i64;
typedef uint8_t m_u8;
typedef uint16_t m_u16;
typedef uint32_t m_u32;
typedef uint64_t m_u64;
typedef struct {
    uint16_t bits;
} m_f16, m_bf16;
typedef float m_f32;
typedef double m_f64;
typedef struct {
    float re, im;
} m_c64;
typedef struct {
    double re, im;
} m_c128;

/* What a dtype is read as: the integers and floats as they are, the halves as float. */
#define AS_IS(x) (x)
#define READ_bool AS_IS
#define READ_i8 AS_IS
#define READ_i16 AS_IS
#define READ_i32 AS_IS
#define READ_i64 AS_IS
#define READ_u8 AS_IS
#define READ_u16 AS_IS
#define READ_u32 AS_IS
#define READ_u64 AS_IS
#define READ_f16(x) rt_f32_of_f16((x).bits)
#define READ_bf16(x) rt_f32_of_bf16((x).bits)
#define READ_f32 AS_IS
#define READ_f64 AS_IS

#define DEFINE_SATURATE(D, T, LOW, HIGH)                                                                   \
    static inline T saturate_f32_##D(float x) {                                                            \
        return x >= HIGH##f ? (T)MAX_##D : x <= LOW##f ? (T)MIN_##D : x == x /* NaN is 0 */ ? (T)x : (T)0; \
    }                                                                                                      \
    static inline T saturate_f64_##D(double x) {                                                           \
        return x >= HIGH ? (T)MAX_##D : x <= LOW ? (T)MIN_##D : x == x ? (T)x : (T)0;                      \
    }
#define MIN_i8 INT8_MIN
#define MAX_i8 INT8_MAX
#define MIN_i16 INT16_MIN
#define MAX_i16 INT16_MAX
#define MIN_i32 INT32_MIN
#define MAX_i32 INT32_MAX
#define MIN_i64 INT64_MIN
#define MAX_i64 INT64_MAX
#define MIN_u8 0
#define MAX_u8 UINT8_MAX
#define MIN_u16 0
#define MAX_u16 UINT16_MAX
#define MIN_u32 0
#define MAX_u32 UINT32_MAX
#define MIN_u64 0
#define MAX_u64 UINT64_MAX
DEFINE_SATURATE(i8, int8_t, -128.0, 128.0)
DEFINE_SATURATE(i16, int16_t, -32768.0, 32768.0)
DEFINE_SATURATE(i32, int32_t, -0x1p31, 0x1p31)
DEFINE_SATURATE(i64, int64_t, -0x1p63, 0x1p63)
DEFINE_SATURATE(u8, uint8_t, 0.0, 256.0)
DEFINE_SATURATE(u16, uint16_t, 0.0, 65536.0)
DEFINE_SATURATE(u32, uint32_t, 0.0, 0x1p32)
DEFINE_SATURATE(u64, uint64_t, 0.0, 0x1p64)

/* to_<target>_<how the source is read>: b signed integer, u unsigned or bool, f float, d double. */
#define INTEGER_TARGET(D, T)                 \
    static inline T to_##D##_b(int64_t x) {  \
        return (T)x;                         \
    }                                        \
    static inline T to_##D##_u(uint64_t x) { \
        return (T)x;                         \
    }                                        \
    static inline T to_##D##_f(float x) {    \
        return saturate_f32_##D(x);          \
    }                                        \
    static inline T to_##D##_d(double x) {   \
        return saturate_f64_##D(x);          \
    }
INTEGER_TARGET(i8, int8_t)
INTEGER_TARGET(i16, int16_t)
INTEGER_TARGET(i32, int32_t)
INTEGER_TARGET(i64, int64_t)
INTEGER_TARGET(u8, uint8_t)
INTEGER_TARGET(u16, uint16_t)
INTEGER_TARGET(u32, uint32_t)
INTEGER_TARGET(u64, uint64_t)
#define to_bool_b(x) ((m_bool)((x) != 0))
#define to_bool_u to_bool_b
#define to_bool_f(x) ((m_bool)((x) != 0))
#define to_bool_d(x) ((m_bool)((x) != 0))
#define to_f32_b(x) ((float)(x))
#define to_f32_u to_f32_b
#define to_f32_f(x) (x)
#define to_f32_d(x) ((float)(x))
#define to_f64_b(x) ((double)(x))
#define to_f64_u to_f64_b
#define to_f64_f(x) ((double)(x))
#define to_f64_d(x) (x)
#define to_f16_b(x) ((m_f16){rt_f16_of_f64((double)(x))}) /* beyond 2^53 it is infinite anyway */
#define to_f16_u to_f16_b
#define to_f16_f(x) ((m_f16){rt_f16_of_f64((double)(x))})
#define to_f16_d(x) ((m_f16){rt_f16_of_f64(x)})
#define to_bf16_b(x) ((m_bf16){rt_bf16_of_i64(x)})
#define to_bf16_u(x) ((m_bf16){rt_bf16_of_u64(x)})
#define to_bf16_f(x) ((m_bf16){rt_bf16_of_f64((double)(x))})
#define to_bf16_d(x) ((m_bf16){rt_bf16_of_f64(x)})
#define to_c64_b(x) ((m_c64){(float)(x), 0})
#define to_c64_u to_c64_b
#define to_c64_f(x) ((m_c64){(x), 0})
#define to_c64_d(x) ((m_c64){(float)(x), 0})
#define to_c128_b(x) ((m_c128){(double)(x), 0})
#define to_c128_u to_c128_b
#define to_c128_f(x) ((m_c128){(double)(x), 0})
#define to_c128_d(x) ((m_c128){(x), 0})

#define DEFINE_CAST(FROM, TO, EXPR)                                                               \
    static void FROM##_to_##TO(char *const *p, const int64_t *s, int64_t n) {                     \
        if (n > 1 && (s[0] != sizeof(m_##TO) || s[1] != sizeof(m_##FROM))) {                      \
            static const uint8_t sizes[2] = {rt_log2(sizeof(m_##TO)), rt_log2(sizeof(m_##FROM))}; \
            RT_FN(rt_strided)(FROM##_to_##TO, sizes, 2, p, s, n);                                 \
            return;                                                                               \
        }                                                                                         \
        m_##TO *restrict out = (m_##TO *)p[0];                                                    \
        const m_##FROM *restrict in = (const m_##FROM *)p[1];                                     \
        for (int64_t i = 0; i < n; i++) {                                                         \
            const m_##FROM x = in[i];                                                             \
            out[i] = EXPR;                                                                        \
        }                                                                                         \
    }
/* From every real dtype to one target; HOW is b, f or d. */
#define FROM_ALL(TO, X) \
    X(bool, TO, u)      \
    X(i8, TO, b)        \
    X(i16, TO, b)       \
    X(i32, TO, b)       \
    X(i64, TO, b)       \
    X(u8, TO, u) X(u16, TO, u) X(u32, TO, u) X(u64, TO, u) X(f16, TO, f) X(bf16, TO, f) X(f32, TO, f) X(f64, TO, d)
#define CAST_REAL(FROM, TO, HOW) DEFINE_CAST(FROM, TO, to_##TO##_##HOW(READ_##FROM(x)))
FROM_ALL(bool, CAST_REAL)
FROM_ALL(i8, CAST_REAL)
FROM_ALL(i16, CAST_REAL)
FROM_ALL(i32, CAST_REAL)
FROM_ALL(i64, CAST_REAL)
FROM_ALL(u8, CAST_REAL)
FROM_ALL(u16, CAST_REAL)
FROM_ALL(u32, CAST_REAL)
FROM_ALL(u64, CAST_REAL)
FROM_ALL(f16, CAST_REAL)
FROM_ALL(bf16, CAST_REAL)
FROM_ALL(f32, CAST_REAL)
FROM_ALL(f64, CAST_REAL)
FROM_ALL(c64, CAST_REAL)
FROM_ALL(c128, CAST_REAL)
DEFINE_CAST(c64, bool, ((m_bool)((x.re != 0) | (x.im != 0))))
DEFINE_CAST(c128, bool, ((m_bool)((x.re != 0) | (x.im != 0))))
DEFINE_CAST(c64, c128, ((m_c128){(double)x.re, (double)x.im}))
DEFINE_CAST(c128, c64, ((m_c64){(float)x.re, (float)x.im}))

void RT_FN(rt_fill_copy)(rt_kernels *k) {
#define CODE_bool RT_BOOL
#define CODE_i8 RT_I8
#define CODE_i16 RT_I16
#define CODE_i32 RT_I32
#define CODE_i64 RT_I64
#define CODE_u8 RT_U8
#define CODE_u16 RT_U16
#define CODE_u32 RT_U32
#define CODE_u64 RT_U64
#define CODE_f16 RT_F16
#define CODE_bf16 RT_BF16
#define CODE_f32 RT_F32
#define CODE_f64 RT_F64
#define CODE_c64 RT_C64
#define CODE_c128 RT_C128
#define ENTER(FROM, TO, HOW) k->cast[CODE_##FROM][CODE_##TO] = FROM##_to_##TO;
#define ENTER_TO(TO, CODE) FROM_ALL(TO, ENTER)
    RT_DTYPES(ENTER_TO)
    ENTER(c64, bool, )
    ENTER(c128, bool, )
    ENTER(c64, c128, )
    ENTER(c128, c64, )
}
