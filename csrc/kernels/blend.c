/* SPDX-License-Identifier: MIT
 *
 * blend.c: float32 and float64 with other inputs than elementwise loops have, in plain operations.
 *
 *   lerp        a + w (b - a), or where |w| is not below 1/2, b - (b - a) (1 - w), which is b at w = 1
 *   nan_to_num  x, or what NaN and the infinities are to be
 */
#include "kernels.h"
#include "simd.h"

#define LERP(T, w, a, b) ((w) < (T)0.5 && (w) > (T) - 0.5 ? (a) + ((b) - (a)) * (w) : (b) - ((b) - (a)) * ((T)1 - (w)))

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
    k->nan_to_num[RT_F32] = nan_to_num_f32, k->nan_to_num[RT_F64] = nan_to_num_f64;
}
