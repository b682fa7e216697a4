/* ops/ops.h: what the rest of the library needs of the ops besides their public functions.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_OPS_OPS_H
#define TGI_OPS_OPS_H

#include "core/tape.h"

/* `value` in that dtype and shape, or in those of `like`, without memory of its own. Errors name `what`. */
tg_tensor tgi_full(tg_tape *tape, const char *what, tg_dtype dtype, tg_shape shape, double value);
tg_tensor tgi_full_like(tg_tensor like, double value);

/* x summed to the shape of `to`, which broadcasts to that of x and differs from it: the gradient of a broadcast. */
tg_tensor tgi_sum_to(tg_tensor x, tg_tensor to);

/* The shape rule and the view of an op that shows its first operand. */
tg_status tgi_infer_same(tg_infer *call);
bool      tgi_view_same(const tg_array *in, const void *attr, tg_array *out);

/* All elements up to each one along the axis, combined two by two, in about log n steps of shifted ones. */
tg_tensor tgi_running(tg_tensor x, int axis, tg_tensor (*combine)(tg_tensor, tg_tensor));

/* A part of a value: the instruction that took it, by an op whose rule is tg_part_rule, and that of its gradient. */
typedef struct tgi_taken_part {
    uint32_t index, gradient;
} tgi_taken_part;

/* The gradient of a value, as far as it comes from `count` parts of it, added up in their order. */
tg_tensor tgi_add_parts(tg_tape *tape, uint32_t count, const tgi_taken_part *part);

/* What it records; and its parts: each is what an op would take of the result, which has operands from `first` on, the gradient in the
 * place of its first one. */
extern const tg_op tgi_add_parts_op;

typedef struct tgi_added_part {
    const tg_op *op;
    const void  *attr;
    size_t       attr_size;
    int          first, operands;
} tgi_added_part;

int            tgi_count_of_parts(const tgi_node *node);
tgi_added_part tgi_added_part_of(const tgi_node *node, int i);

/* Ops of which it is known otherwise which elements go where: scatter_add adds to what gather would take, at_index goes the way back from
 * a gather of one element of each row. */
extern const tg_op tgi_gather_op, tgi_scatter_add_op, tgi_at_index_op, tgi_matmul_op, tgi_sum_op, tgi_broadcast_to_op;

/* What x, which is valid, is a broadcast of, if tg_broadcast_to made it, and that is no leaf, which may be overwritten; else x. */
static inline tg_tensor tgi_before_broadcast(tg_tensor x) {
    const tgi_node *node = tgi_node_at(x.tape, tgi_index(x));
    if (__builtin_expect(node->op != &tgi_broadcast_to_op, 1)) return x;
    const tg_op *op = tgi_node_at(x.tape, node->in[0])->op;
    return op->infer || op == &tgi_number ? tgi_tensor(x.tape, node->in[0]) : x;
}

/* Whether it is the op of tg_mul, or tg_neg. */
bool tgi_is_mul(const tg_op *op);
bool tgi_is_neg(const tg_op *op);

/* Adds x to the elements at `place`, which has its shape and dtype; where several of them are the same one, in row-major order. */
void tgi_add_to_place(const tg_array *x, const tg_array *place);

/* Puts x there. */
void tgi_put_in_place(const tg_array *x, const tg_array *place);

/* For an assign to a part of a leaf: the elements of operand i, laid out as they are, but not in the leaf's own memory: when it is the
 * leaf itself they are a copy. NULL, with the error noted, when there is no memory. */
const void *tgi_apart_from_leaf(tg_kernel_call *call, int i);

/* The largest stride, padding, window and so on of a convolution or a pooling: no sum of sizes can then overflow. */
#define TGI_LARGEST_SETTING ((int64_t)INT32_MAX)

/* "(N, C, H, W) or (C, H, W)" and the like, for 1 to 3 axes. */
const char *tgi_image_text(int axes);

/* Refuses a setting that is not from `lowest` to the largest one. */
tg_status tgi_check_setting(const tg_infer *call, const char *what, int64_t value, int64_t lowest);

/* ---- for ops with indices (index.c, gather.c) --------------------------------------------------------------------------------- */

/* The axis that indices are along, and its size: what an op's attribute begins with. */
typedef struct tgi_along {
    int64_t axis, size;
} tgi_along;

/* The index, its place among the indices, and the size of the axis. */
#define TGI_OUT_OF_RANGE "index %lld (element %lld of the indices) is out of range for an axis of size %lld"

/* Rejects, in the name of `what`, indices that are known when they are recorded, and are out of range. */
tg_status tgi_check_known_indices(tg_tape *tape, tg_tensor index, const char *what, int64_t size);

/* The shape rule for a tensor, indices in it along an axis, and a source that broadcasts to the shape of the indices. */
tg_status tgi_infer_scatter(tg_infer *call);

/* ---- for functions that check their operand before they record; errors name `what` --------------------------------- */

/* The operand's instruction, or NULL with the error noted. */
const tgi_node *tgi_operand(tg_tensor x, const char *what);

/* The axis of x counted from the front, or -1 with the error noted. */
int tgi_resolve_axis(tg_tensor x, const char *what, int axis);

#endif
