/* SPDX-License-Identifier: MIT
 * test_graph.c: graphs and backward passes from C. Where a pass asks Python, the rows below answer, on the pass's tape. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define RT_TAPING
#include "calls.h"
#include "check.h"
#include "rtch.h"

#define MOST 24
#define SIDE 6

/* What rows give, in the order of the node's inputs, from a and b, which it saved. Another thread's pass may have freed
 * them meanwhile. */
static int gradients(rt_pass *p, uintptr_t node, rt_tensor *g, rt_tensor **out) {
    const int op = rt_node_op(node), n_saved = __builtin_popcountll(rt_node_saves(node));
    rt_tensor *a = n_saved > 0 ? rt_node_saved(node, 0) : NULL, *b = n_saved > 1 ? rt_node_saved(node, 1) : NULL;
    if ((n_saved > 0 && !a) || (n_saved > 1 && !b)) {
        if (a) rt_release(a);
        return RT_ERR_FREED;
    }
    switch (op) {
    case RT_OP_ADD: out[0] = rt_retain(g), out[1] = rt_retain(g); break;
    case RT_OP_SUBTRACT: out[0] = rt_retain(g), out[1] = rt_unary(RT_OP_NEGATIVE, g); break;
    case RT_OP_MULTIPLY: {
        if (!b) { /* one side flows */
            const int first = rt_node_edge(node, 0) != 0;
            out[!first] = rt_binary(RT_OP_MULTIPLY, g, a);
            break;
        }
        out[0] = rt_binary(RT_OP_MULTIPLY, g, b), out[1] = rt_binary(RT_OP_MULTIPLY, g, a);
        break;
    }
    case RT_OP_TANH: {
        rt_tensor *square = rt_binary(RT_OP_MULTIPLY, a, a);
        rt_tensor *slope = rt_binary_scalar(RT_OP_SUBTRACT, square, RT_F64, 1, 0, 0, 1);
        out[0] = rt_binary(RT_OP_MULTIPLY, g, slope);
        rt_release(square);
        rt_release(slope);
        break;
    }
    case RT_OP_MATMUL: {
        rt_tensor *at = rt_transpose(a), *bt = rt_transpose(b);
        out[0] = rt_matmul(g, bt), out[1] = rt_matmul(at, g);
        rt_release(at);
        rt_release(bt);
        break;
    }
    default: CHECK(0);
    }
    if (a) rt_release(a);
    if (b) rt_release(b);
    for (int i = 0; i < rt_node_n_edges(node); i++)
        if (!rt_pass_wants(p, i) && out[i]) {
            rt_release(out[i]);
            out[i] = NULL;
        }
    return RT_OK;
}

/* Runs a pass; the status it ended with. */
static int run(rt_pass *p) {
    for (;;) {
        const int state = rt_pass_run(p);
        if (state == RT_PASS_DONE) return RT_OK;
        if (state == RT_PASS_FAILED) return rt_last_status();
        if (state != RT_PASS_NODE) continue;
        rt_tensor *g = rt_pass_gradient(p), *out[2] = {NULL, NULL};
        const uintptr_t node = rt_pass_node(p);
        rt_pass_tape(p);
        int status = gradients(p, node, g, out);
        if (status == RT_OK) status = rt_pass_deliver(p, rt_node_n_edges(node), out);
        for (int i = 0; i < 2; i++)
            if (out[i]) rt_release(out[i]);
        rt_release(g);
        if (status != RT_OK) return status;
    }
}

static rt_tensor *leaf(const float *values, int64_t n) {
    const int64_t shape[2] = {n, n};
    rt_tensor *plain = rt_from_memory(RT_F32, 2, shape, values), *made = rt_make_leaf(plain);
    rt_release(plain);
    return made;
}

static rt_tensor *ones_like(const rt_tensor *t) {
    return rt_full(t->dtype, t->ndim, rt_shape(t), 1, 0, 0);
}

typedef struct {
    int n_threads, flags;
    int64_t grain;
    uint64_t shuffle;
} way;

/* The gradients of one pass towards the leaves, as bytes. Returns a status. */
static int backward(rt_tensor *root, int n_leaves, rt_tensor *const *leaves, way w, char *out, int64_t nbytes,
                    int64_t *stats) {
    rt_tensor *seed = ones_like(root);
    uintptr_t roots[1] = {root->node}, wanted[4], failed = 0;
    for (int i = 0; i < n_leaves; i++) wanted[i] = leaves[i]->node;
    rt_pass *p = rt_pass_new(1, roots, &seed, n_leaves, wanted, w.flags, &failed);
    rt_release(seed);
    if (!p) return rt_last_status();
    rt_pass_set(p, w.n_threads, w.grain, w.shuffle);
    const int status = run(p);
    if (stats) rt_pass_stats(p, stats);
    for (int i = 0; i < n_leaves && status == RT_OK; i++) {
        rt_tensor *g = rt_pass_found_at(p, wanted[i]);
        memset(out + i * nbytes, 0, (size_t)nbytes);
        if (g) {
            CHECK(rt_to_memory(g, out + i * nbytes) == RT_OK);
            rt_release(g);
        }
    }
    rt_pass_free(p);
    return status;
}

static uint64_t seed_state = 88172645463325252u;
static uint32_t draw(uint32_t n) {
    seed_state ^= seed_state << 13, seed_state ^= seed_state >> 7, seed_state ^= seed_state << 17;
    return (uint32_t)(seed_state >> 33) % n;
}

static rt_tensor *random_graph(rt_tensor *const *leaves, int n_leaves) {
    rt_tensor *made[MOST];
    int n = 0;
    for (; n < n_leaves; n++) made[n] = rt_retain(leaves[n]);
    const int size = n + 2 + (int)draw(MOST - (uint32_t)n - 3);
    for (; n < size; n++) {
        rt_tensor *x = made[draw((uint32_t)n)], *y = made[n - 1 - draw(n < 4 ? (uint32_t)n : 4)];
        switch (draw(6)) {
        case 0: made[n] = rt_binary(RT_OP_ADD, x, y); break;
        case 1: made[n] = rt_binary(RT_OP_SUBTRACT, x, y); break;
        case 2: made[n] = rt_binary(RT_OP_MULTIPLY, x, y); break;
        case 3: {
            rt_tensor *product = rt_matmul(x, y);
            made[n] = rt_record_few(RT_OP_MATMUL, product, x, y, NULL, 2, 0, 0);
            break;
        }
        default: made[n] = rt_unary(RT_OP_TANH, x); break;
        }
    }
    rt_tensor *root = rt_retain(made[size - 1]);
    for (int i = 0; i < size; i++) rt_release(made[i]);
    return root;
}

static void fill(float *values, int n) {
    for (int i = 0; i < n; i++) values[i] = (float)draw(2000) / 1000 - 1;
}

/* Equal bits for all ways to run a graph, and nothing left of it. */
static void test_random_graphs(int n_graphs) {
    const int64_t live = rt_live_nodes(), nbytes = SIDE * SIDE * sizeof(float);
    int64_t memory[7], after[7];
    rt_memory_stats(memory);
    for (int i = 0; i < n_graphs; i++) {
        float values[SIDE * SIDE];
        rt_tensor *leaves[3];
        for (int k = 0; k < 3; k++) {
            fill(values, SIDE * SIDE);
            leaves[k] = leaf(values, SIDE);
        }
        rt_tensor *root = random_graph(leaves, 3);
        char first[3 * SIDE * SIDE * sizeof(float)], other[sizeof(first)];
        const way plain = {1, RT_PASS_RETAIN | RT_PASS_SERIAL, -1, 0};
        CHECK(backward(root, 3, leaves, plain, first, nbytes, NULL) == RT_OK);
        for (int k = 0; k < 3; k++) {
            const way w = {1 + (int)draw(8), RT_PASS_RETAIN, 0, k ? 1 + draw(1000) : 0};
            CHECK(backward(root, 3, leaves, w, other, nbytes, NULL) == RT_OK);
            CHECK(memcmp(first, other, sizeof(first)) == 0);
        }
        const way last = {1 + (int)draw(8), RT_PASS_TRACE, 0, 0};
        CHECK(backward(root, 3, leaves, last, other, nbytes, NULL) == RT_OK);
        CHECK(memcmp(first, other, sizeof(first)) == 0);
        const int again = backward(root, 3, leaves, last, other, nbytes, NULL);
        CHECK(rt_node_op(root->node) == RT_NODE_LEAF || again == RT_ERR_FREED || again == RT_OK);
        rt_release(root);
        for (int k = 0; k < 3; k++) rt_release(leaves[k]);
    }
    CHECK(rt_live_nodes() == live);
    rt_memory_stats(after);
    CHECK(after[0] == memory[0]);
}

/* A chain is built, run and freed, ran or not, in a small stack. */
static void *long_chain(void *arg) {
    const int64_t n = *(const int64_t *)arg, live = rt_live_nodes();
    const float one = 1;
    rt_tensor *x = leaf(&one, 1);
    for (int runs = 0; runs < 2; runs++) {
        rt_tensor *h = rt_retain(x);
        for (int64_t i = 0; i < n; i++) {
            rt_tensor *next = rt_binary(RT_OP_ADD, h, x);
            rt_release(h);
            h = next;
        }
        float g = 0;
        if (runs) {
            CHECK(backward(h, 1, &x, (way){0, 0, -1, 0}, (char *)&g, sizeof(g), NULL) == RT_OK);
            CHECK(g == (float)(n + 1) || n >= 1 << 24);
        }
        rt_release(h);
    }
    rt_release(x);
    CHECK(rt_live_nodes() == live);
    return NULL;
}

static void test_long_chain(int64_t n) {
    pthread_t thread;
    pthread_attr_t small;
    pthread_attr_init(&small);
    CHECK(pthread_attr_setstacksize(&small, 256 << 10) == 0);
    CHECK(pthread_create(&thread, &small, long_chain, &n) == 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&small);
}

/* Passes of several threads over one graph. */
static struct {
    rt_tensor *root, *leaves[2];
    char expected[2 * 64 * 64 * sizeof(float)];
    pthread_barrier_t last; /* passes keep the graph until all threads have come here; then each tries to free it */
} shared;

static void *pass_over_shared(void *arg) {
    char *got = malloc(sizeof(shared.expected));
    CHECK(got != NULL);
    for (int i = 0; i < 20; i++) {
        const way w = {1 + i % 3, RT_PASS_RETAIN, 0, (uint64_t)i};
        CHECK(backward(shared.root, 2, shared.leaves, w, got, 64 * 64 * sizeof(float), NULL) == RT_OK);
        CHECK(memcmp(got, shared.expected, sizeof(shared.expected)) == 0);
    }
    int *status = arg;
    pthread_barrier_wait(&shared.last);
    *status = backward(shared.root, 2, shared.leaves, (way){2, 0, 0, 0}, got, 64 * 64 * sizeof(float), NULL);
    free(got);
    return NULL;
}

static rt_tensor *branches(rt_tensor *x, rt_tensor *w, int n) {
    rt_tensor *total = NULL;
    for (int i = 0; i < n; i++) {
        rt_tensor *h = rt_record_few(RT_OP_MATMUL, rt_matmul(x, w), x, w, NULL, 2, 0, 0);
        rt_tensor *t = rt_unary(RT_OP_TANH, h), *sum = total ? rt_binary(RT_OP_ADD, total, t) : rt_retain(t);
        rt_release(h);
        rt_release(t);
        if (total) rt_release(total);
        total = sum;
    }
    return total;
}

static void test_shared_graph(void) {
    float values[64 * 64];
    for (int k = 0; k < 2; k++) {
        fill(values, 64 * 64);
        shared.leaves[k] = leaf(values, 64);
    }
    shared.root = branches(shared.leaves[0], shared.leaves[1], 16);
    const way plain = {1, RT_PASS_RETAIN | RT_PASS_SERIAL, -1, 0};
    int64_t stats[RT_N_PASS_STATS];
    CHECK(backward(shared.root, 2, shared.leaves, plain, shared.expected, 64 * 64 * sizeof(float), stats) == RT_OK);
    CHECK(stats[0] == 16 + 16 + 15 && stats[1] == 2 * 16 + 16 + 2 * 15 && stats[4] == 2 * 15 && stats[6] > 0);
    CHECK(backward(shared.root, 2, shared.leaves, plain, shared.expected, 64 * 64 * sizeof(float), stats) == RT_OK);
    CHECK(stats[7] == 0); /* by now all of it has templates */
    pthread_t threads[3];
    int status[3];
    pthread_barrier_init(&shared.last, NULL, 3);
    for (int i = 0; i < 3; i++) CHECK(pthread_create(&threads[i], NULL, pass_over_shared, &status[i]) == 0);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&shared.last);
    for (int i = 0; i < 3; i++) CHECK(status[i] == RT_OK || status[i] == RT_ERR_FREED);
    rt_release(shared.root);
    for (int k = 0; k < 2; k++) rt_release(shared.leaves[k]);
}

/* A pass that is given up half-way leaves nothing. */
static void test_given_up(void) {
    const int64_t live = rt_live_nodes();
    int64_t before[7], after[7];
    rt_memory_stats(before);
    float values[SIDE * SIDE];
    fill(values, SIDE * SIDE);
    rt_tensor *x = leaf(values, SIDE), *h = rt_unary(RT_OP_EXP, x), *y = rt_binary(RT_OP_MULTIPLY, h, x);
    rt_tensor *seed = ones_like(y);
    uintptr_t root = y->node, failed;
    rt_pass *p = rt_pass_new(1, &root, &seed, -1, NULL, 0, &failed);
    CHECK(p != NULL);
    int state = rt_pass_run(p);
    CHECK(state == RT_PASS_NODE); /* nobody has derived a template for this shape with exp yet, or mul's */
    rt_pass_tape(p);
    rt_pass_free(p);
    rt_release(seed);
    rt_release(y);
    rt_release(h);
    rt_release(x);
    CHECK(rt_live_nodes() == live);
    rt_memory_stats(after);
    CHECK(after[0] == before[0]);
}

int main(int argc, char **argv) {
    const int quick = argc > 1 && strcmp(argv[1], "quick") == 0;
    CHECK(rt_init(NULL, 4) == RT_OK);
    test_given_up();
    test_random_graphs(quick ? 500 : 10000);
    test_long_chain(quick ? 20000 : 1000000);
    test_shared_graph();
    if (!failures) printf("ok\n");
    return failures != 0;
}
