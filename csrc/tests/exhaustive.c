/* SPDX-License-Identifier: MIT
 *
 * exhaustive.c: `exhaustive OP|all [step]` runs a unary float32 op on every (step-th) one of the 2^32 inputs, on all
 * processors, and compares with the correctly rounded result. `all` takes every unary floating op of the table that is
 * to be rounded correctly: those of complex numbers too, and those with a reference here.
 *
 * What is right: the C library's double function errs by under 2 ULP, so where the interval of 2^-48 around its value
 * holds no boundary between two floats, rounding the value is right. Elsewhere (the hard inputs) MPFR decides.
 * Prints the number of inputs, of hard ones and of wrong results; exit status 1 on any wrong one.
 */
#include <inttypes.h>
#include <math.h>
#include <mpfr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rtch.h"

static double square(double x) {
    return x * x;
}

static double reciprocal(double x) {
    return 1 / x;
}

static int exact_reciprocal(mpfr_t out, const mpfr_t x, mpfr_rnd_t mode) {
    return mpfr_ui_div(out, 1, x, mode);
}

static double inverse_root(double x) {
    return 1 / sqrt(x);
}

static double logistic(double x) {
    return 1 / (1 + exp(-x));
}

static double softplus(double x) {
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

/* f(e^(sign x)) with 400 bits, which is as good as exact beside 24. */
static int exact_of_exp(mpfr_t out, const mpfr_t x, mpfr_rnd_t mode, int sign,
                        int (*f)(mpfr_t, const mpfr_t, mpfr_rnd_t)) {
    const mpfr_exp_t least = mpfr_get_emin(), most = mpfr_get_emax();
    mpfr_t y;
    mpfr_set_emin(mpfr_get_emin_min());
    mpfr_set_emax(mpfr_get_emax_max());
    mpfr_init2(y, 400);
    mpfr_mul_si(y, x, sign, MPFR_RNDN);
    mpfr_exp(y, y, MPFR_RNDN);
    f(y, y, MPFR_RNDN);
    mpfr_set_emin(least);
    mpfr_set_emax(most);
    const int t = mpfr_set(out, y, mode);
    mpfr_clear(y);
    return mpfr_check_range(out, t, mode);
}

static int one_over_one_more(mpfr_t out, const mpfr_t x, mpfr_rnd_t mode) {
    mpfr_add_ui(out, x, 1, mode);
    return mpfr_ui_div(out, 1, out, mode);
}

static int exact_logistic(mpfr_t out, const mpfr_t x, mpfr_rnd_t mode) {
    return exact_of_exp(out, x, mode, -1, one_over_one_more);
}

static int exact_softplus(mpfr_t out, const mpfr_t x, mpfr_rnd_t mode) {
    return exact_of_exp(out, x, mode, 1, mpfr_log1p);
}

/* X(name of the op, C library's double function, MPFR's function) */
#define FUNCTIONS(X)                            \
    X(sqrt, sqrt, mpfr_sqrt)                    \
    X(square, square, mpfr_sqr)                 \
    X(exp, exp, mpfr_exp)                       \
    X(expm1, expm1, mpfr_expm1)                 \
    X(log, log, mpfr_log)                       \
    X(log1p, log1p, mpfr_log1p)                 \
    X(log2, log2, mpfr_log2)                    \
    X(log10, log10, mpfr_log10)                 \
    X(sinh, sinh, mpfr_sinh)                    \
    X(cosh, cosh, mpfr_cosh)                    \
    X(tanh, tanh, mpfr_tanh)                    \
    X(asinh, asinh, mpfr_asinh)                 \
    X(acosh, acosh, mpfr_acosh)                 \
    X(atanh, atanh, mpfr_atanh)                 \
    X(sin, sin, mpfr_sin)                       \
    X(cos, cos, mpfr_cos)                       \
    X(tan, tan, mpfr_tan)                       \
    X(asin, asin, mpfr_asin)                    \
    X(acos, acos, mpfr_acos)                    \
    X(atan, atan, mpfr_atan)                    \
    X(reciprocal, reciprocal, exact_reciprocal) \
    X(rsqrt, inverse_root, mpfr_rec_sqrt)       \
    X(exp2, exp2, mpfr_exp2)                    \
    X(erf, erf, mpfr_erf)                       \
    X(sigmoid, logistic, exact_logistic)        \
    X(softplus, softplus, exact_softplus)

typedef struct {
    const char *name;
    double (*close)(double);
    int (*exact)(mpfr_t, const mpfr_t, mpfr_rnd_t);
} function;

static const function functions[] = {
#define X(name, close, exact) {#name, close, exact},
    FUNCTIONS(X)
#undef X
};

static const struct {
    const char *name;
    int op, kind, rule;
} ops[] = {
#define X(NAME, kind, rule, ...) {#NAME, RT_OP_##NAME, kind, rule},
    RT_OP_INFO(X)
#undef X
};

typedef struct {
    int64_t inputs, hard, wrong;
} counts;

#define CHUNK (1 << 18)
#define MAX_SHOWN 20

static uint32_t bits_of(float x) {
    uint32_t u;
    memcpy(&u, &x, 4);
    return u;
}

/* Bit for bit, but every NaN counts as one value. */
static int same(float a, float b) {
    return bits_of(a) == bits_of(b) || (a != a && b != b);
}

static float decide(const function *f, float x) {
    mpfr_t exact_x, y;
    mpfr_init2(exact_x, 24);
    mpfr_init2(y, 24);
    mpfr_set_flt(exact_x, x, MPFR_RNDN);
    const int t = f->exact(y, exact_x, MPFR_RNDN);
    mpfr_subnormalize(y, t, MPFR_RNDN);
    const float right = mpfr_get_flt(y, MPFR_RNDN);
    mpfr_clears(exact_x, y, (mpfr_ptr)0);
    return right;
}

/* The part-th of n_parts shares of the inputs. Returns 0 where the library fails. */
static int check(const function *f, int op, uint64_t step, int part, int n_parts, counts *out) {
    static float in[CHUNK];
    mpfr_set_emin(-148); /* float: subnormals included, by mpfr_subnormalize */
    mpfr_set_emax(128);
    if (rt_init(NULL, 1) != RT_OK) return 0;
    for (uint64_t next = (uint64_t)part * step; next < 1ULL << 32;) {
        int64_t n = 0;
        for (; n < CHUNK && next < 1ULL << 32; next += step * (uint64_t)n_parts, n++) {
            const uint32_t bits = (uint32_t)next;
            memcpy(&in[n], &bits, 4);
        }
        rt_tensor *a = rt_from_memory(RT_F32, 1, &n, in), *got = a ? rt_unary(op, a) : NULL;
        if (!got) return 0;
        const float *g = rt_data(got);
        for (int64_t i = 0; i < n; i++) {
            const double y = f->close(in[i]), slack = fabs(y) * 0x1p-48;
            float right = (float)y;
            if (y - y == 0 && (float)(y - slack) != (float)(y + slack)) {
                out->hard++;
                right = decide(f, in[i]);
            }
            if (same(right, g[i])) continue;
            if (out->wrong++ < MAX_SHOWN) fprintf(stderr, "%s(%a) is %a; got %a\n", f->name, in[i], right, g[i]);
        }
        out->inputs += n;
        rt_release(a);
        rt_release(got);
    }
    mpfr_free_cache();
    return 1;
}

static const function *reference(const char *name) {
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
        if (strcasecmp(name, functions[i].name) == 0) return &functions[i];
    return NULL;
}

static int run(const char *name, int op, uint64_t step) {
    const function *f = reference(name);
    if (!f) {
        fprintf(stderr, "exhaustive: no reference for %s; add it to FUNCTIONS\n", name);
        return 2;
    }
    const long n_cpus = sysconf(_SC_NPROCESSORS_ONLN);
    const int n = n_cpus < 1 ? 1 : n_cpus > 64 ? 64 : (int)n_cpus;
    counts *all = mmap(NULL, (size_t)n * sizeof(counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) return 2;
    memset(all, 0, (size_t)n * sizeof(counts));
    int failed = 0;
    for (int part = 0; part < n; part++) {
        const pid_t child = fork();
        if (child < 0) failed = 1;
        if (child == 0) _exit(check(f, op, step, part, n, &all[part]) ? 0 : 2);
    }
    for (int status; wait(&status) > 0;) failed |= status != 0;
    counts sum = {0, 0, 0};
    for (int i = 0; i < n; i++) sum.inputs += all[i].inputs, sum.hard += all[i].hard, sum.wrong += all[i].wrong;
    munmap(all, (size_t)n * sizeof(counts));
    printf("%-8s %" PRId64 " inputs, %" PRId64 " hard, %" PRId64 " wrong\n", f->name, sum.inputs, sum.hard, sum.wrong);
    fflush(stdout);
    return failed ? 2 : sum.wrong != 0;
}

int main(int argc, char **argv) {
    const uint64_t step = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    const int all = argc > 1 && strcmp(argv[1], "all") == 0;
    int status = 0, found = 0;
    for (size_t i = 0; argc > 1 && step && i < sizeof(ops) / sizeof(ops[0]); i++) {
        const int listed = ops[i].kind == RT_KIND_UNARY && (all ? ops[i].rule == RT_RULE_FLOAT || reference(ops[i].name)
                                                                : strcasecmp(argv[1], ops[i].name) == 0);
        if (!listed) continue;
        found = 1;
        const int outcome = run(ops[i].name, ops[i].op, step);
        if (outcome > status) status = outcome;
    }
    if (!found) {
        fprintf(stderr, "usage: exhaustive OP|all [step], OP a unary op of the table\n");
        return 2;
    }
    return status;
}
