/* SPDX-License-Identifier: MIT
 * lanes.h: the walk over lanes that gather, scatter, take and index_add share. */
#ifndef RTCH_LANES_H
#define RTCH_LANES_H

#include "rtch.h"

/* Runs rt_k.lanes[how] over a's lanes along an axis and what stands beside them, whose shape the index has with its
 * strides in bytes. Gives RT_ERR_INDEX where an index is out of range; what is written is then unspecified. */
int rt_walk_lanes(int how, const rt_tensor *a, int axis, const rt_tensor *beside, const char *index,
                  const int64_t *index_strides);

#endif
