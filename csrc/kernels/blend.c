/* SPDX-License-Identifier: MIT
 *
 * blend.c: float32 and float64 with other inputs than elementwise loops have, in plain operations.
 *
 *   lerp           a + w (b - a), or where |w| is not below 1/2, b - (b - a) (1 - w), which is b at w = 1
 *   hardtanh       x, or low or high where x is not above or below it
 *   hardtanh_grad  g, or 0 where y is not above low or not below high; NaN is no bound
 *   threshold      x, or a value where x is not above a threshold
 *   nan_to_num     x, or what NaN and the infinities are to be
 *
 * The two numbers of the middle ones are one operand, as a complex number.
 */
#include "kernels.h"
#include "simd.h"

#define LERP(T, w, a, b) ((w) < (T)0.5 && (w) > (T) - 0.5 ? (a) + ((b) - (a)) * (w) : (b) - ((b) - (a)) * ((T)1 - (w)))

#define HARDTANH(x) ((x) <= low ? low : (x) >= high ? high : (x))
#define WITHIN(g, y) ((((y) <= low) | ((y) >= high)) ? 0 : (g))

#define AT(T, i, step) (*(const T *)(p[i] + j * (step)))

#define DEFINE_BLEND(D, T)                                                                                            \
    typedef T blend_##D __attribute__((may_alias));                                                                   \
    static void lerp_##D(char *const *p, const int64_t *s, int64_t n) {                                               \
        const int64_t item = sizeof(T);                                                                               \
        if (n > 0 && s[0] == item && s[1] == item && s[2] == item && s[3] == 0) {                                     \
            const T w = *(const blend_##D *)p[3];                                                                     \
            const int small = w < (T)0.5 && w > (T) - 0.5;                                                            \
            const T rest = (T)1 - w;                                                                                  \
            T *restrict out = (T *)p[0];                                                                              \
            const T *a = (const T *)p[1], *b = (const T *)p[2];                                                       \
            if (small)                                                                                                \
                for (int64_t j = 0; j < n; j++) out[j] = a[j] + (b[j] - a[j]) * w;                                    \
            else                                                                                                      \
                for (int64_t j = 0; j < n; j++) out[j] = b[j] - (b[j] - a[j]) * rest;                                 \
        } else if (s[0] == item && s[1] == item && s[2] == item && s[3] == item) {                                    \
            T *restrict out = (T *)p[0];                                                                              \
            const T *a = (const T *)p[1], *b = (const T *)p[2], *w = (const T *)p[3];                                 \
            for (int64_t j = 0; j < n; j++) out[j] = LERP(T, w[j], a[j], b[j]);                                       \
        } else                                                                                                        \
            for (int64_t j = 0; j < n; j++) {                                                                         \
                const T a = AT(blend_##D, 1, s[1]), b = AT(blend_##D, 2, s[2]), w = AT(blend_##D, 3, s[3]);           \
                *(blend_##D *)(p[0] + j * s[0]) = LERP(T, w, a, b);                                                   \
            }                                                                                                         \
    }                                                                                                                 \
    static void hardtanh_##D(char *const *p, const int64_t *s, int64_t n) {                                           \
        if (n < 1) return;                                                                                            \
        const T low = ((const blend_##D *)p[2])[0], high = ((const blend_##D *)p[2])[1];                              \
        if (s[0] == sizeof(T) && s[1] == sizeof(T)) {                                                                 \
            T *restrict out = (T *)p[0];                                                                              \
            const T *x = (const T *)p[1];                                                                             \
            for (int64_t j = 0; j < n; j++) out[j] = HARDTANH(x[j]);                                                  \
        } else                                                                                                        \
            for (int64_t j = 0; j < n; j++) *(blend_##D *)(p[0] + j * s[0]) = HARDTANH(AT(blend_##D, 1, s[1]));       \
    }                                                                                                                 \
    static void hardtanh_grad_##D(char *const *p, const int64_t *s, int64_t n) {                                      \
        if (n < 1) return;                                                                                            \
        const T low = ((const blend_##D *)p[3])[0], high = ((const blend_##D *)p[3])[1];                              \
        if (s[0] == sizeof(T) && s[1] == sizeof(T) && s[2] == sizeof(T)) {                                            \
            T *restrict out = (T *)p[0];                                                                              \
            const T *g = (const T *)p[1], *y = (const T *)p[2];                                                       \
            for (int64_t j = 0; j < n; j++) out[j] = WITHIN(g[j], y[j]);                                              \
        } else if (s[0] == sizeof(T) && s[1] == 0 && s[2] == sizeof(T)) {                                             \
            T *restrict out = (T *)p[0];                                                                              \
            const T g = *(const blend_##D *)p[1], *y = (const T *)p[2];                                               \
            for (int64_t j = 0; j < n; j++) out[j] = WITHIN(g, y[j]);                                                 \
        } else                                                                                                        \
            for (int64_t j = 0; j < n; j++) {                                                                         \
                const T g = AT(blend_##D, 1, s[1]), y = AT(blend_##D, 2, s[2]);                                       \
                *(blend_##D *)(p[0] + j * s[0]) = WITHIN(g, y);                                                       \
            }                                                                                                         \
    }                                                                                                                 \
    static void threshold_##D(char *const *p, const int64_t *s, int64_t n) {                                          \
        if (n < 1) return;                                                                                            \
        const T at = ((const blend_##D *)p[2])[0], value = ((const blend_##D *)p[2])[1];                              \
        if (s[0] == sizeof(T) && s[1] == sizeof(T)) {                                                                 \
            T *restrict out = (T *)p[0];                                                                              \
            const T *x = (const T *)p[1];                                                                             \
            for (int64_t j = 0; j < n; j++) out[j] = x[j] <= at ? value : x[j];                                       \
        } else                                                                                                        \
            for (int64_t j = 0; j < n; j++) {                                                                         \
                const T x = AT(blend_##D, 1, s[1]);                                                                   \
                *(blend_##D *)(p[0] + j * s[0]) = x <= at ? value : x;                                                \
            }                                                                                                         \
    }                                                                                                                 \
    static void nan_to_num_##D(const char *x, char *to, int64_t n, const double *numbers) {                           \
        const T nan = (T)numbers[0], high = (T)numbers[1], low = (T)numbers[2], inf = (T)__builtin_inf();             \
        const T *a = (const T *)x;                                                                                    \
        T *restrict out = (T *)to;                                                                                    \
        for (int64_t j = 0; j < n; j++) out[j] = a[j] != a[j] ? nan : a[j] == inf ? high : a[j] == -inf ? low : a[j]; \
    }
DEFINE_BLEND(f32, float)
DEFINE_BLEND(f64, double)

void RT_FN(rt_fill_blend)(rt_kernels *k) {
    k->loops[RT_OP_LERP][RT_F32] = lerp_f32, k->loops[RT_OP_LERP][RT_F64] = lerp_f64;
    k->loops[RT_OP_HARDTANH][RT_F32] = hardtanh_f32, k->loops[RT_OP_HARDTANH][RT_F64] = hardtanh_f64;
    k->loops[RT_OP_HARDTANH_GRAD][RT_F32] = hardtanh_grad_f32;
    k->loops[RT_OP_HARDTANH_GRAD][RT_F64] = hardtanh_grad_f64;
    k->loops[RT_OP_THRESHOLD][RT_F32] = threshold_f32, k->loops[RT_OP_THRESHOLD][RT_F64] = threshold_f64;
    k->nan_to_num[RT_F32] = nan_to_num_f32, k->nan_to_num[RT_F64] = nan_to_num_f64;
}
