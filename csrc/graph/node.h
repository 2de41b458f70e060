/* SPDX-License-Identifier: MIT
 *
 * node.h: the graph that calls leave behind, for the C side only.
 *
 *   header --node--> rt_node { op seq dtype shape } --edges--> nodes of the inputs
 *                                                  --saved--> headers of the values that the gradients name
 *
 * A header owns a share of the node that made it, a node shares of its edges and of what it saves. A saved input is the
 * input's own header, so it is tied into the graph; a saved result is a header of its own outside the graph, since the
 * node would otherwise hold itself. Nodes are freed in a loop: a chain of a million takes no stack.
 */
#ifndef RTCH_NODE_H
#define RTCH_NODE_H

#include "../tensor/tensor.h"

typedef struct rt_node {
    int32_t n_refs;
    int32_t n_edges, n_saved;
    int16_t op; /* RT_OP_, RT_NODE_LEAF or RT_NODE_CUSTOM */
    int8_t dtype;
    uint8_t ndim, bcast; /* of the result; bit i: input i was broadcast */
    int8_t scalar_kind;  /* of the Python number that stood beside a tensor, or RT_NONE */
    uint8_t scalar_at;   /* its place among the inputs */
    int32_t freed;       /* it has run and let go of what it saved */
    int32_t busy;        /* a thread takes shares of what is saved, or lets go of it */
    int64_t seq;         /* its place in the order of recording */
    int64_t attributes;  /* stands for what else decides the gradients; 0: nothing does, -1: not known */
    uint64_t saves;      /* bit i: input i is saved, in order; RT_SAVES_OUT: then the result */
    double f, g;
    int64_t i;
    void *payload;        /* a Python object: the attributes of the call, or the gradient of a leaf */
    void *hooks;          /* a Python object: functions to call when the node runs; NULL: none */
    struct rt_node *next; /* in the list of nodes to free */
    void *items[];        /* edges, saved headers, shape, then the numbers of a slice: how many, they */
} rt_node;

static inline rt_node **rt_n_edges(const rt_node *n) {
    return (rt_node **)n->items;
}

static inline rt_tensor **rt_n_saved(const rt_node *n) {
    return (rt_tensor **)(n->items + n->n_edges);
}

static inline int64_t *rt_n_shape(const rt_node *n) {
    return (int64_t *)(n->items + n->n_edges + n->n_saved);
}

static inline int64_t *rt_n_numbers(const rt_node *n) {
    return rt_n_shape(n) + n->ndim;
}

static inline rt_node *rt_node_of(const rt_tensor *t) {
    return (rt_node *)t->node;
}

/* What is saved for the gradients towards the inputs of an op, one set of bits for each; bit RT_SAVES_OUT: the result. */
extern const uint64_t rt_saves[RT_N_OPS][3];
#define RT_NO_GRADIENT ((uint64_t)1 << 33)

/* Enters a call of an elementwise op into the graph if this thread records and a gradient flows; gives out, or a header in
 * its place where others hold it too. A Python number stands at input scalar_at; kind RT_NONE: there is none. */
rt_tensor *rt_recorded(int op, rt_tensor *out, int n, const rt_tensor *const *in);
rt_tensor *rt_recorded_beside(int op, rt_tensor *out, const rt_tensor *in, int at, int kind, double f, double g,
                              int64_t i);

/* Shares of all that a node has saved; 0 where it was freed. */
int rt_node_take_saved(rt_node *n, rt_tensor **out);
void rt_node_free_saved(rt_node *n);
rt_node *rt_node_retain(rt_node *n);
void rt_node_unref(rt_node *n);

/* Python objects of nodes; set once, by the extension module. */
extern void (*rt_retain_object)(void *object);
extern void (*rt_release_object)(void *object);

#endif
