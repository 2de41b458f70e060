/* SPDX-License-Identifier: MIT
 *
 * rows.h: included by rows.c once per dtype with D (f32 ...), T, CODE, EXP (e^x of a vector, x <= 0) and LOG defined.
 */
#define V RT_CAT_PLAIN(v, D)
#define V_ANY RT_CAT(RT_CAT_PLAIN(v, D), any)
#define V_SPLAT(x) RT_CAT(v_splat, D)(x)
#define V_FMA(a, b, c) RT_CAT(v_fma, D)(a, b, c)
#define V_MAX(a, b) RT_CAT(v_max, D)(a, b)
#define L ((int64_t)(sizeof(V) / sizeof(T)))
#define SIZE ((int64_t)sizeof(T))
#define N_V (RT_SUM_LANES / L)
#define ROW RT_CAT(row, D)
#define ONE_LANE(v) ((v)[0])
/* Statements for each vector of a row, which begins at element i and has `left` elements or more: L in all but the last. */
#define OVER_ROW(n, ...)                  \
    {                                     \
        int64_t i = 0;                    \
        for (; i + L <= (n); i += L) {    \
            const int64_t left = L;       \
            __VA_ARGS__                   \
        }                                 \
        if (i < (n)) {                    \
            const int64_t left = (n) - i; \
            __VA_ARGS__                   \
        }                                 \
    }

/* What a loop over a row reads, writes and knows; each loop uses some of it. */
typedef struct {
    const char *x, *g, *w, *b;
    char *out;
    V mean, scale, c;
    int w_kind;
} ROW;

/* left >= 1 adjacent elements, at most a vector of them; the lanes behind them hold `pad`. */
static ALWAYS V RT_CAT(row_load, D)(const char *p, int64_t left, T pad) {
    if (left >= L) return (V) * (const V_ANY *)p;
    T buffer[sizeof(V) / sizeof(T)];
    *(V_ANY *)buffer = (V_ANY)V_SPLAT(pad);
    memcpy(buffer, p, (size_t)(left * SIZE));
    return (V) * (const V_ANY *)buffer;
}

static ALWAYS void RT_CAT(row_store, D)(char *p, int64_t left, V v) {
    if (left >= L) *(V_ANY *)p = (V_ANY)v;
    else memcpy(p, &v, (size_t)(left * SIZE));
}
#define LOAD(p, left) RT_CAT(row_load, D)(p, left, 0)
#define STORE(p, left, v) RT_CAT(row_store, D)(p, left, v)

/* The factor or summand at element i: none (it is not asked for), one for the row, or one for each element. */
static ALWAYS V RT_CAT(row_factor, D)(const char *p, int kind, V one, int64_t i, int64_t left) {
    return kind == EACH ? LOAD(p + i * SIZE, left) : one;
}

/* Lanes from `left` on become -0, which adds nothing. */
static ALWAYS V RT_CAT(row_first, D)(V v, int64_t left) {
    T buffer[sizeof(V) / sizeof(T)];
    *(V_ANY *)buffer = (V_ANY)v;
    for (int64_t l = left; l < L; l++) buffer[l] = (T)-0.0;
    return (V) * (const V_ANY *)buffer;
}

static ALWAYS T RT_CAT(row_halve, D)(const V *lanes) {
    V acc[RT_SUM_LANES / (sizeof(V) / sizeof(T))];
    T lane[sizeof(V) / sizeof(T)];
    memcpy(acc, lanes, sizeof(acc));
    for (int64_t half = N_V / 2; half > 0; half /= 2)
        for (int64_t v = 0; v < half; v++) acc[v] += acc[v + half];
    memcpy(lane, acc, sizeof(V));
    for (int64_t half = L / 2; half > 0; half /= 2)
        for (int64_t l = 0; l < half; l++) lane[l] += lane[l + half];
    return lane[0];
}

/* Sums of a row in the tree of docs/numerics.md: of n_sums numbers that `term` makes of each element. A term is asked for
 * once for each vector, and may write as it goes. */
typedef void (*RT_CAT(row_term, D))(const ROW *r, int64_t i, int64_t left, V *terms);

static ALWAYS void RT_CAT(row_sums, D)(const ROW *r, int64_t n, RT_CAT(row_term, D) term, const int n_sums, T *sums) {
    T slots[2][MAX_LEVELS];
    int depth = 0;
    int64_t n_blocks = 0;
    int64_t begin = 0;
    do {
        const int64_t end = n - begin < RT_SUM_BLOCK ? n : begin + RT_SUM_BLOCK;
        V acc[2][RT_SUM_LANES / (sizeof(V) / sizeof(T))], t[2];
        for (int s = 0; s < n_sums; s++)
            for (int64_t v = 0; v < N_V; v++) acc[s][v] = V_SPLAT((T)-0.0);
        int64_t i = begin;
        for (; i + RT_SUM_LANES <= end; i += RT_SUM_LANES)
            for (int64_t v = 0; v < N_V; v++) {
                term(r, i + v * L, L, t);
                for (int s = 0; s < n_sums; s++) acc[s][v] += t[s];
            }
        for (int64_t v = 0; v < N_V && i + v * L < end; v++) {
            const int64_t left = end - i - v * L;
            term(r, i + v * L, left, t);
            for (int s = 0; s < n_sums; s++) acc[s][v] += left >= L ? t[s] : RT_CAT(row_first, D)(t[s], left);
        }
        for (int s = 0; s < n_sums; s++) slots[s][depth] = RT_CAT(row_halve, D)(acc[s]);
        depth++;
        for (int64_t b = ++n_blocks; !(b & 1); b >>= 1, depth--)
            for (int s = 0; s < n_sums; s++) slots[s][depth - 2] += slots[s][depth - 1];
        begin = end;
    } while (begin < n);
    for (; depth > 1; depth--)
        for (int s = 0; s < n_sums; s++) slots[s][depth - 2] += slots[s][depth - 1];
    for (int s = 0; s < n_sums; s++) sums[s] = slots[s][0];
}

/* Softmax and its kin ------------------------------------------------------------------------------------------- */

/* The largest element that is no NaN; +0 if it is a zero. */
static T RT_CAT(row_max, D)(const char *x, int64_t n) {
    V m[4];
    for (int v = 0; v < 4; v++) m[v] = V_SPLAT((T)-__builtin_inf());
    int64_t i = 0;
    for (; i + 4 * L <= n; i += 4 * L)
        for (int v = 0; v < 4; v++) m[v] = V_MAX(LOAD(x + (i + v * L) * SIZE, L), m[v]);
    for (; i < n; i += L) m[0] = V_MAX(RT_CAT(row_load, D)(x + i * SIZE, n - i, (T)-__builtin_inf()), m[0]);
    m[0] = V_MAX(V_MAX(m[0], m[1]), V_MAX(m[2], m[3]));
    T most = m[0][0];
    for (int64_t l = 1; l < L; l++) most = m[0][l] > most ? m[0][l] : most;
    return most + 0;
}

static ALWAYS void RT_CAT(term_exp, D)(const ROW *r, int64_t i, int64_t left, V *t) {
    t[0] = EXP(LOAD(r->x + i * SIZE, left) - r->c);
}

static ALWAYS void RT_CAT(term_exp_kept, D)(const ROW *r, int64_t i, int64_t left, V *t) {
    t[0] = EXP(LOAD(r->x + i * SIZE, left) - r->c);
    STORE(r->out + i * SIZE, left, t[0]);
}

static void RT_CAT(softmax, D)(const char *x, char *out, int64_t n) {
    const ROW r = {.x = x, .out = out, .c = V_SPLAT(RT_CAT(row_max, D)(x, n))};
    T sum;
    RT_CAT(row_sums, D)(&r, n, RT_CAT(term_exp_kept, D), 1, &sum);
    const V factor = V_SPLAT(1 / sum);
    OVER_ROW(n, STORE(out + i * SIZE, left, LOAD(out + i * SIZE, left) * factor);)
}

static void RT_CAT(log_sum, D)(const char *x, int64_t n, char *max, char *log_sum) {
    const T most = RT_CAT(row_max, D)(x, n);
    const ROW r = {.x = x, .c = V_SPLAT(most)};
    T sum;
    RT_CAT(row_sums, D)(&r, n, RT_CAT(term_exp, D), 1, &sum);
    *(T *)max = most;
    *(T *)log_sum = ONE_LANE(LOG(V_SPLAT(sum)));
}

static void RT_CAT(log_softmax, D)(const char *x, char *out, int64_t n) {
    T max, log_sum;
    RT_CAT(log_sum, D)(x, n, (char *)&max, (char *)&log_sum);
    const V m = V_SPLAT(max), s = V_SPLAT(log_sum);
    OVER_ROW(n, STORE(out + i * SIZE, left, (LOAD(x + i * SIZE, left) - m) - s);)
}

static void RT_CAT(logsumexp, D)(const char *x, int64_t n, char *out) {
    T max, log_sum;
    RT_CAT(log_sum, D)(x, n, (char *)&max, (char *)&log_sum);
    T result = max + log_sum;
    if (max - max != 0) { /* an infinity, or no number at all */
        result = max;
        for (int64_t i = 0; i < n; i++)
            if (((const T *)x)[i] != ((const T *)x)[i]) result = ((const T *)x)[i];
    }
    *(T *)out = result;
}

static ALWAYS void RT_CAT(term_product, D)(const ROW *r, int64_t i, int64_t left, V *t) {
    t[0] = LOAD(r->g + i * SIZE, left) * LOAD(r->x + i * SIZE, left);
}

static void RT_CAT(softmax_grad, D)(const char *g, const char *y, char *out, int64_t n) {
    const ROW r = {.g = g, .x = y};
    T sum;
    RT_CAT(row_sums, D)(&r, n, RT_CAT(term_product, D), 1, &sum);
    const V s = V_SPLAT(sum);
    OVER_ROW(n, STORE(out + i * SIZE, left, (LOAD(g + i * SIZE, left) - s) * LOAD(y + i * SIZE, left));)
}

static ALWAYS void RT_CAT(term_itself, D)(const ROW *r, int64_t i, int64_t left, V *t) {
    t[0] = LOAD(r->x + i * SIZE, left);
}

static void RT_CAT(log_softmax_grad, D)(const char *g, const char *y, char *out, int64_t n) {
    const ROW r = {.x = g};
    T sum;
    RT_CAT(row_sums, D)(&r, n, RT_CAT(term_itself, D), 1, &sum);
    const V s = V_SPLAT(-sum);
    OVER_ROW(n, STORE(out + i * SIZE, left, V_FMA(EXP(LOAD(y + i * SIZE, left)), s, LOAD(g + i * SIZE, left)));)
}

static void RT_CAT(cross_entropy_grad, D)(const char *x, const char *max, const char *log_sum, const char *g,
                                          int64_t target, char *out, int64_t n) {
    const V m = V_SPLAT(*(const T *)max), s = V_SPLAT(*(const T *)log_sum), f = V_SPLAT(*(const T *)g);
    OVER_ROW(n, STORE(out + i * SIZE, left, EXP((LOAD(x + i * SIZE, left) - m) - s) * f);)
    const V p = EXP((V_SPLAT(((const T *)x)[target]) - m) - s);
    ((T *)out)[target] = ONE_LANE((p - 1) * f);
}

/* Standardising -------------------------------------------------------------------------------------------------- */

static ALWAYS void RT_CAT(term_square, D)(const ROW *r, int64_t i, int64_t left, V *t) {
    const V x = LOAD(r->x + i * SIZE, left) - r->mean;
    t[0] = x * x;
}

static void RT_CAT(moments, D)(const char *x, int64_t n, double eps, int centered, char *mean, char *var, char *scale) {
    ROW r = {.x = x};
    T sum = 0;
    if (centered) RT_CAT(row_sums, D)(&r, n, RT_CAT(term_itself, D), 1, &sum);
    const T m = centered ? sum / (T)n : 0;
    r.mean = V_SPLAT(m);
    RT_CAT(row_sums, D)(&r, n, RT_CAT(term_square, D), 1, &sum);
    const T v = sum / (T)n;
    *(T *)mean = m;
    *(T *)var = v;
    *(T *)scale = 1 / ONE_LANE(RT_CAT(v_sqrt, D)(V_SPLAT(v + (T)eps)));
}

static ALWAYS void RT_CAT(standardize_as, D)(const ROW *r, int64_t n, const int w_kind, const int b_kind) {
    const V w1 = w_kind == ONE ? V_SPLAT(*(const T *)r->w) : V_SPLAT(0);
    const V b1 = b_kind == ONE ? V_SPLAT(*(const T *)r->b) : V_SPLAT(0);
    OVER_ROW(n, {
        const V z = (LOAD(r->x + i * SIZE, left) - r->mean) * r->scale;
        const V w = RT_CAT(row_factor, D)(r->w, w_kind, w1, i, left);
        const V b = RT_CAT(row_factor, D)(r->b, b_kind, b1, i, left);
        const V y = w_kind && b_kind ? V_FMA(z, w, b) : w_kind ? z * w : b_kind ? z + b : z;
        STORE(r->out + i * SIZE, left, y);
    })
}

static void RT_CAT(standardize, D)(const char *x, const char *mean, const char *scale, const char *w, int w_kind,
                                   const char *b, int b_kind, char *out, int64_t n) {
    const ROW r = {
        .x = x, .w = w, .b = b, .out = out, .mean = V_SPLAT(*(const T *)mean), .scale = V_SPLAT(*(const T *)scale)};
    switch (3 * w_kind + b_kind) {
    case 3 * NONE + NONE: RT_CAT(standardize_as, D)(&r, n, NONE, NONE); break;
    case 3 * NONE + ONE: RT_CAT(standardize_as, D)(&r, n, NONE, ONE); break;
    case 3 * NONE + EACH: RT_CAT(standardize_as, D)(&r, n, NONE, EACH); break;
    case 3 * ONE + NONE: RT_CAT(standardize_as, D)(&r, n, ONE, NONE); break;
    case 3 * ONE + ONE: RT_CAT(standardize_as, D)(&r, n, ONE, ONE); break;
    case 3 * ONE + EACH: RT_CAT(standardize_as, D)(&r, n, ONE, EACH); break;
    case 3 * EACH + NONE: RT_CAT(standardize_as, D)(&r, n, EACH, NONE); break;
    case 3 * EACH + ONE: RT_CAT(standardize_as, D)(&r, n, EACH, ONE); break;
    default: RT_CAT(standardize_as, D)(&r, n, EACH, EACH);
    }
}

/* v = g w where the weight is one for each element, else g; z = (x - mean) scale. */
static ALWAYS V RT_CAT(weighted, D)(const ROW *r, int64_t i, int64_t left) {
    const V g = LOAD(r->g + i * SIZE, left);
    return r->w_kind == EACH ? g * LOAD(r->w + i * SIZE, left) : g;
}

static ALWAYS V RT_CAT(standardized, D)(const ROW *r, int64_t i, int64_t left) {
    return (LOAD(r->x + i * SIZE, left) - r->mean) * r->scale;
}

static ALWAYS void RT_CAT(term_grad, D)(const ROW *r, int64_t i, int64_t left, V *t) {
    const V v = RT_CAT(weighted, D)(r, i, left);
    t[0] = v * RT_CAT(standardized, D)(r, i, left);
    t[1] = v;
}

/* out = (v - the mean of v - z times the mean of v z) factor; without the second where not centered. */
static ALWAYS void RT_CAT(standardize_grad_as, D)(ROW r, int64_t n, V factor, T *sums, const int w_kind,
                                                  const int centered) {
    r.w_kind = w_kind;
    RT_CAT(row_sums, D)(&r, n, RT_CAT(term_grad, D), 1 + centered, sums);
    const V along = V_SPLAT(-(sums[0] / (T)n)), mean = V_SPLAT(centered ? sums[1] / (T)n : 0);
    OVER_ROW(n, {
        V v = RT_CAT(weighted, D)(&r, i, left);
        if (centered) v = v - mean;
        STORE(r.out + i * SIZE, left, V_FMA(along, RT_CAT(standardized, D)(&r, i, left), v) * factor);
    })
}

static void RT_CAT(standardize_grad, D)(const char *g, const char *x, const char *mean, const char *scale,
                                        const char *w, int w_kind, int centered, char *along, char *sum, char *out,
                                        int64_t n) {
    const T s = *(const T *)scale, factor = w_kind == ONE ? s * *(const T *)w : s;
    const ROW r = {.g = g, .x = x, .w = w, .out = out, .mean = V_SPLAT(*(const T *)mean), .scale = V_SPLAT(s)};
    T sums[2] = {0, 0};
    if (w_kind == EACH && centered) RT_CAT(standardize_grad_as, D)(r, n, V_SPLAT(factor), sums, EACH, 1);
    else if (w_kind == EACH) RT_CAT(standardize_grad_as, D)(r, n, V_SPLAT(factor), sums, EACH, 0);
    else if (centered) RT_CAT(standardize_grad_as, D)(r, n, V_SPLAT(factor), sums, NONE, 1);
    else RT_CAT(standardize_grad_as, D)(r, n, V_SPLAT(factor), sums, NONE, 0);
    *(T *)along = sums[0];
    *(T *)sum = sums[1];
}

static ALWAYS void RT_CAT(term_along, D)(const ROW *r, int64_t i, int64_t left, V *t) {
    t[0] = LOAD(r->g + i * SIZE, left) * RT_CAT(standardized, D)(r, i, left);
}

static void RT_CAT(sum_along, D)(const char *g, const char *x, const char *mean, const char *scale, char *out,
                                 int64_t n) {
    const ROW r = {.g = g, .x = x, .mean = V_SPLAT(*(const T *)mean), .scale = V_SPLAT(*(const T *)scale)};
    RT_CAT(row_sums, D)(&r, n, RT_CAT(term_along, D), 1, (T *)out);
}

static void RT_CAT(along, D)(const char *g, const char *x, const char *mean, const char *scale, char *out, int64_t n) {
    const ROW r = {.g = g, .x = x, .mean = V_SPLAT(*(const T *)mean), .scale = V_SPLAT(*(const T *)scale)};
    V t[1];
    OVER_ROW(n, {
        RT_CAT(term_along, D)(&r, i, left, t);
        STORE(out + i * SIZE, left, t[0]);
    })
}

#include "rows_turned.h"

static void RT_CAT(fill_rows, D)(rt_kernels *k) {
    k->rows[CODE] = (rt_row_functions){
        .softmax = RT_CAT(softmax, D),
        .log_softmax = RT_CAT(log_softmax, D),
        .log_sum = RT_CAT(log_sum, D),
        .logsumexp = RT_CAT(logsumexp, D),
        .softmax_grad = RT_CAT(softmax_grad, D),
        .log_softmax_grad = RT_CAT(log_softmax_grad, D),
        .cross_entropy_grad = RT_CAT(cross_entropy_grad, D),
        .moments = RT_CAT(moments, D),
        .standardize = RT_CAT(standardize, D),
        .standardize_grad = RT_CAT(standardize_grad, D),
        .along = RT_CAT(along, D),
        .sum_along = RT_CAT(sum_along, D),
        .softmax_turned = RT_CAT(softmax_turned, D),
        .log_softmax_turned = RT_CAT(log_softmax_turned, D),
        .softmax_grad_turned = RT_CAT(softmax_grad_turned, D),
        .log_softmax_grad_turned = RT_CAT(log_softmax_grad_turned, D),
        .moments_turned = RT_CAT(moments_turned, D),
        .standardize_turned = RT_CAT(standardize_turned, D),
        .standardize_grad_turned = RT_CAT(standardize_grad_turned, D),
        .sum_along_turned = RT_CAT(sum_along_turned, D),
    };
}

#undef V
#undef V_ANY
#undef V_SPLAT
#undef V_FMA
#undef V_MAX
#undef L
#undef SIZE
#undef N_V
#undef ROW
#undef ONE_LANE
#undef OVER_ROW
#undef LOAD
#undef STORE
#undef D
#undef T
#undef CODE
#undef EXP
#undef LOG
