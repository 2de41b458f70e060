/* SPDX-License-Identifier: MIT
 *
 * exhaustive.c: `exhaustive OP [step]` runs a unary float32 op on every (step-th) one of the 2^32 inputs and
 * compares with the correctly rounded result. The float64 value with an error bound decides nearly all; where
 * the bound leaves two candidates, MPFR decides. Prints the number of inputs, of hard cases and of wrong
 * results; exit status 1 on any.
 */
#include <mpfr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rtch.h"

typedef int (*exact_fn)(mpfr_t, const mpfr_t, mpfr_rnd_t);

static const struct {
    const char *name;
    int op;
    exact_fn exact;
} ops[] = {{"tanh", RT_OP_TANH, mpfr_tanh}, {"sqrt", RT_OP_SQRT, mpfr_sqrt}, {"square", RT_OP_SQUARE, mpfr_sqr}};

#define CHUNK (1 << 20)

int main(int argc, char **argv) {
    int which = -1;
    for (int i = 0; argc > 1 && i < (int)(sizeof(ops) / sizeof(ops[0])); i++)
        if (strcmp(argv[1], ops[i].name) == 0) which = i;
    const uint64_t step = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    if (which < 0 || step == 0 || rt_init(NULL, 0) != RT_OK) {
        fprintf(stderr, "usage: exhaustive tanh|sqrt|square [step]\n");
        return 2;
    }
    mpfr_set_emin(-148); /* float: subnormals included, by mpfr_subnormalize */
    mpfr_set_emax(128);
    mpfr_t x, y;
    mpfr_init2(x, 24);
    mpfr_init2(y, 24);
    uint64_t n_inputs = 0, n_hard = 0, n_wrong = 0;
    float *in = malloc(CHUNK * sizeof(float));
    if (!in) return 2;
    for (uint64_t start = 0; start < 1ULL << 32;) {
        int64_t n = 0;
        for (; n < CHUNK && start < 1ULL << 32; start += step, n++) {
            const uint32_t bits = (uint32_t)start;
            memcpy(&in[n], &bits, 4);
        }
        rt_tensor *a = rt_from_memory(RT_F32, 1, &n, in), *got = a ? rt_unary(ops[which].op, a) : NULL;
        rt_tensor *wide = a ? rt_cast(a, RT_F64) : NULL, *fine = wide ? rt_unary(ops[which].op, wide) : NULL;
        if (!got || !fine) return 2;
        const float *g = rt_data(got);
        const double *f = rt_data(fine);
        for (int64_t i = 0; i < n; i++) {
            n_inputs++;
            if (f[i] != f[i]) {
                n_wrong += g[i] == g[i];
                continue;
            }
            /* float64 results are within 1 ULP; 4 leave room. */
            const double slack = f[i] * 0x1p-50;
            const float low = (float)(f[i] - slack), high = (float)(f[i] + slack);
            if (low == high) {
                n_wrong += g[i] != low;
                continue;
            }
            n_hard++;
            mpfr_set_flt(x, in[i], MPFR_RNDN);
            const int t = ops[which].exact(y, x, MPFR_RNDN);
            mpfr_subnormalize(y, t, MPFR_RNDN);
            const float right = mpfr_get_flt(y, MPFR_RNDN);
            if (right != g[i]) {
                n_wrong++;
                fprintf(stderr, "%s(%a) is %a; got %a\n", ops[which].name, in[i], right, g[i]);
            }
        }
        rt_tensor *const all[4] = {a, got, wide, fine};
        for (int i = 0; i < 4; i++) rt_release(all[i]);
    }
    printf("%s: %llu inputs, %llu hard, %llu wrong\n", ops[which].name, (unsigned long long)n_inputs,
           (unsigned long long)n_hard, (unsigned long long)n_wrong);
    free(in);
    mpfr_clears(x, y, (mpfr_ptr)0);
    mpfr_free_cache();
    return n_wrong != 0;
}
