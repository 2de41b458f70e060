/* SPDX-License-Identifier: MIT
 *
 * copy.c: casts between every pair of dtypes; the diagonal is a plain copy.
 *
 * Written definitions: to bool is x != 0 (NaN is true); a float to int64 truncates, saturates out of range,
 * and gives 0 for NaN; int64 and float64 to float32 round to nearest.
 */
#include "kernels.h"
#include "simd.h"

static inline int64_t to_i64(double x) {
    if (x != x) return 0;
    if (x >= 0x1p63) return INT64_MAX;
    if (x < -0x1p63) return INT64_MIN;
    return (int64_t)x;
}

#define TO_bool(x) ((int8_t)((x) != 0))
#define TO_i64(x) ((int64_t)(x))
#define TO_f32(x) ((float)(x))
#define TO_f64(x) ((double)(x))
#define SATURATE_i64(x) to_i64((double)(x))

#define DEFINE_CAST(FROM, TF, TO, TT, EXPR)                                                              \
    static void FROM##_to_##TO(char *const *p, const int64_t *s, int64_t n) {                            \
        if (s[0] == sizeof(TT) && s[1] == sizeof(TF)) {                                                  \
            TT *restrict out = (TT *)p[0];                                                               \
            const TF *restrict x = (const TF *)p[1];                                                     \
            for (int64_t i = 0; i < n; i++) out[i] = EXPR(x[i]);                                         \
            return;                                                                                      \
        }                                                                                                \
        for (int64_t i = 0; i < n; i++) *(TT *)(p[0] + i * s[0]) = EXPR(*(const TF *)(p[1] + i * s[1])); \
    }

#define DEFINE_COPY(D, T)                                                                    \
    static void copy_##D(char *const *p, const int64_t *s, int64_t n) {                      \
        if (s[0] == sizeof(T) && s[1] == sizeof(T)) {                                        \
            memcpy(p[0], p[1], (size_t)n * sizeof(T));                                       \
            return;                                                                          \
        }                                                                                    \
        if (s[0] == sizeof(T) && s[1] == 0) {                                                \
            T *out = (T *)p[0];                                                              \
            const T x = *(const T *)p[1];                                                    \
            for (int64_t i = 0; i < n; i++) out[i] = x;                                      \
            return;                                                                          \
        }                                                                                    \
        for (int64_t i = 0; i < n; i++) memcpy(p[0] + i * s[0], p[1] + i * s[1], sizeof(T)); \
    }

DEFINE_COPY(bool, int8_t)
DEFINE_COPY(i64, int64_t)
DEFINE_COPY(f32, float)
DEFINE_COPY(f64, double)
DEFINE_CAST(bool, int8_t, i64, int64_t, TO_i64)
DEFINE_CAST(bool, int8_t, f32, float, TO_f32)
DEFINE_CAST(bool, int8_t, f64, double, TO_f64)
DEFINE_CAST(i64, int64_t, bool, int8_t, TO_bool)
DEFINE_CAST(i64, int64_t, f32, float, TO_f32)
DEFINE_CAST(i64, int64_t, f64, double, TO_f64)
DEFINE_CAST(f32, float, bool, int8_t, TO_bool)
DEFINE_CAST(f32, float, i64, int64_t, SATURATE_i64)
DEFINE_CAST(f32, float, f64, double, TO_f64)
DEFINE_CAST(f64, double, bool, int8_t, TO_bool)
DEFINE_CAST(f64, double, i64, int64_t, SATURATE_i64)
DEFINE_CAST(f64, double, f32, float, TO_f32)

void RT_FN(rt_fill_copy)(rt_kernels *k) {
    const rt_loop table[RT_N_DTYPES][RT_N_DTYPES] = {
        [RT_BOOL] = {copy_bool, bool_to_i64, bool_to_f32, bool_to_f64},
        [RT_I64] = {i64_to_bool, copy_i64, i64_to_f32, i64_to_f64},
        [RT_F32] = {f32_to_bool, f32_to_i64, copy_f32, f32_to_f64},
        [RT_F64] = {f64_to_bool, f64_to_i64, f64_to_f32, copy_f64},
    };
    memcpy(k->cast, table, sizeof(table));
}
