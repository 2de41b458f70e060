/* SPDX-License-Identifier: MIT
 *
 * template.h: the first-order backward of a call as instructions, derived once from the gradient row of its op.
 *
 * An instruction is one call of the C API. While a tape is open in a thread, the calls that its Python code makes are noted
 * on it besides being run (calls.h, generated): which values went in, by slot, and every other argument as it was. Slot 0
 * is the gradient, then come the values that the node saved, then the results in order. A tape that saw a value from
 * elsewhere, a write, or elements being read is spoilt and no template.
 *
 * A template serves all nodes with its key: op, attributes, the inputs towards which gradients are wanted, dtypes and
 * shapes. What gradient code decides by anything else it may not decide.
 */
#ifndef RTCH_TEMPLATE_H
#define RTCH_TEMPLATE_H

#include "node.h"

#define RT_KEY_WORDS 96

typedef struct {
    int64_t words[RT_KEY_WORDS];
    int n;
    uint64_t hash;
} rt_key;

typedef struct rt_template {
    struct rt_template *next;
    uint64_t hash;
    int n_key, n_slots, n_words, n_calls, n_results;
    int64_t words[]; /* the key, the calls, the slot of each result or -1 */
} rt_template;

/* Fills the key for a node towards the edges whose bit is set; 0 where the node can't have a template. */
int rt_make_key(rt_key *key, const rt_node *n, uint64_t wanted);
const rt_template *rt_find_template(const rt_key *key);
/* Whether templates of an op are still worth deriving: not where its calls have had a different key each time. */
int rt_may_derive(int op);
/* Runs a template: out[i] becomes the gradient towards input i, or NULL. Returns a status. */
int rt_run_template(const rt_template *t, const rt_node *n, rt_tensor *g, rt_tensor **out);

/* A tape of this thread, from the gradient and what the node saved. */
void rt_tape_open(const rt_key *key, const rt_node *n, rt_tensor *g);
/* Closes it; with results, keeps it as a template unless it is spoilt. */
void rt_tape_close(int n, rt_tensor *const *results);

#endif
