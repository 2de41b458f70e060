/* SPDX-License-Identifier: MIT
 *
 * optim.c: one optimiser step over many parameters. Their elements are numbered one after another, and the pool's
 * threads take pieces of that range, whichever tensors they lie in:
 *
 *   tensor       0            1   2         3
 *   element      0 ........... | . | ....... | ............. total
 *   pieces       |-------|-------|-------|-------|-------|
 */
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

#define N_OPERANDS 5 /* parameter, gradient, state */
#define GRAIN 8192

typedef struct {
    void (*kernel)(char *const *t, int64_t n, const double *numbers, int flags);
    const double *numbers;
    int flags, n;
    int64_t item;
    char *(*data)[N_OPERANDS]; /* of each parameter */
    int64_t *start;            /* its first element's number; one more at the end */
} rt_steps;

static void step_range(void *ctx, int64_t begin, int64_t end) {
    const rt_steps *s = ctx;
    int low = 0, high = s->n; /* the tensor that begin lies in */
    while (high - low > 1) {
        const int middle = low + (high - low) / 2;
        *(s->start[middle] <= begin ? &low : &high) = middle;
    }
    for (int i = low; begin < end; i++) {
        const int64_t first = begin - s->start[i], stop = end < s->start[i + 1] ? end : s->start[i + 1];
        char *at[N_OPERANDS];
        for (int k = 0; k < N_OPERANDS; k++) at[k] = s->data[i][k] ? s->data[i][k] + first * s->item : NULL;
        if (stop > begin) s->kernel(at, stop - begin, s->numbers, s->flags);
        begin = stop;
    }
}

static int writable_like(const rt_tensor *t, const rt_tensor *p) {
    return t->contiguous && t->dtype == p->dtype && rt_same_shape(t, p->ndim, rt_t_shape(p));
}

/* Whether the tensors fit each other and the rule. */
static int fits(int rule, int n, rt_tensor *const *t) {
    for (int i = 0; i < n; i++) {
        const rt_tensor *p = t[i], *g = t[n + i];
        if (p->dtype != t[0]->dtype || !rt_k.step[rule][p->dtype] || !writable_like(p, p) || g->dtype != p->dtype ||
            !rt_same_shape(g, p->ndim, rt_t_shape(p)))
            return 0;
        for (int k = 2; k < N_OPERANDS; k++)
            if (!t[k * n + i] != !t[k * n] || (t[k * n + i] && !writable_like(t[k * n + i], p))) return 0;
    }
    return 1;
}

/* Every tensor that is written is begun or none. */
static int begin_writes(int n, rt_tensor *const *t) {
    for (int i = 0; i < N_OPERANDS * n; i++)
        if (t[i] && i / n != 1 && !rt_begin_write(t[i])) {
            while (--i >= 0)
                if (t[i] && i / n != 1) rt_end_write(t[i]);
            return 0;
        }
    return 1;
}

static void end_writes(int n, rt_tensor *const *t) {
    for (int i = 0; i < N_OPERANDS * n; i++)
        if (t[i] && i / n != 1) rt_end_write(t[i]);
}

int rt_step(int rule, int n, rt_tensor *const *t, const double *numbers, int flags) {
    if (n < 1) return RT_OK;
    if (rule < 0 || rule >= RT_N_STEPS) return RT_ERR_ARGUMENT;
    if (!fits(rule, n, t)) return RT_ERR_LAYOUT;
    rt_steps s = {rt_k.step[rule][t[0]->dtype], numbers, flags, n, rt_itemsize(t[0]->dtype), NULL, NULL};
    s.data = malloc(sizeof(*s.data) * (size_t)n);
    s.start = malloc(sizeof(*s.start) * ((size_t)n + 1));
    rt_tensor **dense = calloc((size_t)n, sizeof(rt_tensor *)); /* gradients, row-major */
    int status = s.data && s.start && dense ? RT_OK : RT_ERR_ALLOC;
    for (int i = 0; status == RT_OK && i < n; i++) {
        if (t[n + i]->contiguous) continue;
        dense[i] = rt_contiguous(t[n + i]);
        if (!dense[i]) status = RT_ERR_ALLOC;
    }
    if (status == RT_OK) {
        s.start[0] = 0;
        for (int i = 0; i < n; i++) {
            s.start[i + 1] = s.start[i] + t[i]->numel;
            for (int k = 0; k < N_OPERANDS; k++) s.data[i][k] = t[k * n + i] ? t[k * n + i]->data : NULL;
            if (dense[i]) s.data[i][1] = dense[i]->data;
        }
        status = RT_ERR_SHARED;
    }
    if (status == RT_ERR_SHARED && begin_writes(n, t)) {
        const rt_fenv fenv = rt_fenv_enter();
        for (int i = 0; i < n; i++) {
            const rt_tensor *g = t[n + i];
            rt_count_call(RT_FAMILY_OPTIM, 1, &g, dense[i] ? RT_PATH_GATHER : RT_PATH_CONTIGUOUS);
        }
        rt_parallel_for(s.start[n], GRAIN, step_range, &s);
        rt_fenv_leave(fenv);
        end_writes(n, t);
        status = RT_OK;
    }
    for (int i = 0; dense && i < n; i++)
        if (dense[i]) rt_release(dense[i]);
    free(dense);
    free(s.start);
    free(s.data);
    return status;
}

int rt_own_all(int n, rt_tensor *const *t, rt_tensor **own) {
    int changed = 0;
    for (int i = 0; i < n; i++) {
        own[i] = t[i] ? rt_own(t[i]) : NULL;
        if (own[i] && !own[i]->contiguous)
            own[i] = rt_copy(own[i]); /* it was t[i] itself: rt_own's copy is row-major */
        if (t[i] && !own[i]) {
            while (--i >= 0)
                if (own[i] != t[i]) rt_release(own[i]);
            return -1;
        }
        changed += own[i] != t[i];
    }
    return changed;
}

double rt_running_power(double x, int64_t n) {
    const rt_fenv fenv = rt_fenv_enter();
    double power = 1;
    for (double before = 0; n > 0 && power != before; n--) {
        before = power;
        power *= x;
    }
    rt_fenv_leave(fenv);
    return power;
}
