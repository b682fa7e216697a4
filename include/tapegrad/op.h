/* tapegrad/op.h: what an op is. The built-in ops are made of nothing else, and an op of the user's own is the same struct,
 * handed to tg_record.
 *
 * An op is a name, a shape rule, the code that computes it, and one gradient rule an operand. The code is one of
 *   loops   for elementwise ops: one plain loop a dtype; the executor broadcasts and walks strides around it;
 *   view    for results that are the operand's own elements in another order: the new strides, nothing computed;
 *   kernel  for everything else: the whole result at once.
 *
 * What an op gives the library may call little of it. A shape rule, a view rule, loops and kernels compute from what they are given: of
 * the functions that take a tape or a tensor they may call none (tg_refuse, tg_kernel_fail and the like take what they are given). A
 * gradient rule records: it may not run, read, write, rewind, trim or free the tape, or clear its error. Whatever is called in spite of that is
 * TG_ERR_ARGUMENT, and does nothing.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_OP_H
#define TAPEGRAD_OP_H
#pragma GCC system_header

#include <tapegrad/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

typedef struct tg_op tg_op;

/* ---- the shape rule: looks at the operands, says what the result will be ------------------------------------------ */

/* Dtype and shape of an operand. */
typedef struct tg_type {
    tg_dtype       dtype;
    int            rank;
    const int64_t *dims;
} tg_type;

typedef struct tg_infer {
    tg_tape       *tape;
    const tg_op   *op;
    int            count; /* of the operands */
    const tg_type *in;
    const void    *attr; /* what was given to tg_record */
    tg_type        out;  /* to be filled in; out.dims points to dims below, or to an operand's, or to some of them in a row */
    int64_t        dims[TG_MAX_RANK];
} tg_infer;

/* Refuses the operands: puts "op: (2, 3) x (4): " and the formatted text into the tape's error, and returns `status`. What is no error's
 * status, here and wherever a function takes one for an error, counts as TG_ERR_ARGUMENT. */
tg_status tg_refuse(const tg_infer *call, tg_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* A part of a shape rule: the result has the shape that all operands broadcast to. */
tg_status tg_infer_broadcast(tg_infer *call);

/* The shape rule of ordinary elementwise ops: operands of one dtype that the op has a loop for, broadcast together; the
 * result has their dtype. */
tg_status tg_infer_elementwise(tg_infer *call);

/* ---- the code ---------------------------------------------------------------------------------------------------- */

/* A value in memory. strides[i] elements lie between neighbours along axis i: 0 where the axis was broadcast, negative
 * where it was reversed. */
typedef struct tg_array {
    void    *data;
    tg_dtype dtype;
    int      rank;
    int64_t  size; /* number of elements */
    int64_t  dims[TG_MAX_RANK];
    int64_t  strides[TG_MAX_RANK];
} tg_array;

typedef struct tg_kernel_call {
    const tg_op    *op;
    int             count;
    const tg_array *in;
    tg_array        out; /* row-major, not initialised */
    const void     *attr;
    void           *executor; /* not the kernel's business */
} tg_kernel_call;

/* Memory for the kernel's own use until it returns, aligned to 64 bytes; NULL, with the error noted, when there is none:
 * return TG_ERR_MEMORY then. */
void *tg_scratch(tg_kernel_call *call, size_t bytes);

/* The elements of operand i in row-major order: where they are when they lie so, else a copy that lives until the kernel
 * returns. NULL, with the error noted, when there is no memory. */
const void *tg_contiguous(tg_kernel_call *call, int i);

/* Fails the run: puts the op's name and the formatted text into the tape's error, with TG_ERR_VALUE or the status that is given, and
 * returns the status. */
tg_status tg_kernel_fail(const tg_kernel_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));
tg_status tg_kernel_fail_with(const tg_kernel_call *call, tg_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Computes the whole of call->out from call->in, with any strides. */
typedef tg_status tg_kernel(tg_kernel_call *call);

/* An elementwise op has at most so many operands. */
enum { TG_MAX_LOOP_OPERANDS = 8 };

/* Computes n elements of an elementwise op: out[i] from in[k][i * step[k]], where step[k] is 1, or 0 for a value that is the
 * same for all n. out overlaps no operand, or is exactly one of them. */
typedef void tg_loop(int64_t n, void *out, const void *const *in, const int64_t *step);

/* The loops of an op, by the dtype of the last operand; NULL for those that the op does not take. `count` says how many dtypes
 * there were when the table was compiled: no more are looked at. */
typedef struct tg_loops {
    int      count;
    tg_loop *by_dtype[TG_DTYPES];
} tg_loops;

/* static const tg_loops neg_loops = TG_LOOPS([TG_F32] = neg_f32, [TG_F64] = neg_f64); */
#define TG_LOOPS(...) \
    { \
        TG_DTYPES, { \
            __VA_ARGS__ \
        } \
    }

/* Says where the result's elements lie in the operand's memory: fills out->data and out->strides, out->dims being there
 * already. All of them are elements of the operand; anything else makes the run fail with TG_ERR_SHAPE. False when strides cannot say it: the operand's elements are then copied in row-major order. */
typedef bool tg_view(const tg_array *in, const void *attr, tg_array *out);

/* ---- reductions in pieces ---------------------------------------------------------------------------------------- */

/* The blocks in which such a reduction is done, so that its operand can be taken while it is made, block by block, in any order
 * and on any thread. The operand is seen as rows x n, and reduced along the rows. For n = 1 a block is TG_BLOCK_ELEMENTS numbers.
 * Else it is TG_BLOCK_ROWS rows, and n is at least TG_BLOCK_COLUMNS. */
enum { TG_BLOCK_ELEMENTS = 512, TG_BLOCK_ROWS = 128, TG_BLOCK_COLUMNS = 8 };

typedef struct tg_block_reduce {
    /* What the rows come to, all of one block: put into partial[n], or added to what is there. Whether the rows of a block come
     * in one call or in several makes no difference. */
    void (*take)(tg_dtype dtype, int64_t rows, int64_t n, const void *x, bool add, void *partial);

    /* Puts together what the blocks came to: n numbers each, one after the other in `partial`, which it may overwrite. */
    void (*total)(tg_dtype dtype, int64_t blocks, int64_t n, void *partial, void *out);
} tg_block_reduce;

/* ---- the gradient rule ------------------------------------------------------------------------------------------- */

/* What a rule has at hand: the op was y = f(x[0], x[1], ...), and g is dL/dy, of y's shape and dtype. */
typedef struct tg_rule_call {
    tg_tensor        g, y;
    const tg_tensor *x;
    int              count, which; /* of the operands; the one that is asked for */
    const void      *attr;
} tg_rule_call;

/* Records dL/dx[which] by ordinary ops, and returns it, of x[which]'s dtype. It may still have the broadcast shape of y: the
 * backward walk sums what broadcasting had stretched. */
typedef tg_tensor tg_rule(const tg_rule_call *call);

/* The rule for the first operand of an op whose result is a part of that operand: each element of the result is one of the operand's
 * elements, chosen by the attribute and the other operands, for which no gradient flows. Its gradient is zeros, but for g in the
 * place of the part. Where the part is says the op's view rule, or else `add_back`. Being known to the walk, the gradients of
 * thousands of parts of one value are added up in one instruction, at the cost of what the parts hold. */
tg_tensor tg_part_rule(const tg_rule_call *call);

/* ---- the tangent ------------------------------------------------------------------------------------------------- */

/* How a result depends on the operands that gradients flow to, the others staying as they are: what forward mode (tg_jvp) and sparse
 * derivatives need to know of an op beside its rules. Of elementwise ops, of views of one operand and of parts it knows enough. */
typedef enum tg_linearity {
    TG_NOT_LINEAR,      /* or it is not said: the tangent is made of the gradient rules, in two steps */
    TG_LINEAR_TOGETHER, /* linear in all of them together, as concat is: the tangent is the op of their tangents */
    TG_LINEAR_EACH,     /* linear in each of them alone, as matmul is: the tangent is a sum of the op with one of them replaced. It can
                           fail for want of memory only: where nobody reads the result it is not run */
    TG_MOVES            /* linear in all of them together, and more: each element of the result is an element of one of them, or 0;
                           which one says the attribute, and operands that are not floating. The kernel copies elements of 4 or 8 bytes,
                           whatever their bits are. So tg_sparse_jacobian sees which elements they are */
} tg_linearity;

/* ---- many at once ------------------------------------------------------------------------------------------------ */

/* What a rule for batches has at hand: the op is to be done `size` times at once, for parts of its operands. Where has_axis[j], x[j] has
 * an axis of that size before all others, one part a step; else x[j] is the same for all. One of them has it. */
typedef struct tg_batch_call {
    const tg_op     *op;
    int              count; /* of the operands */
    const tg_tensor *x;
    const bool      *has_axis;
    int64_t          size;
    const void      *attr;
    size_t           attr_size;
} tg_batch_call;

/* Records that by ordinary ops, and returns the results along a new first axis. What tg_map and batches of derivatives do is made of it; where
 * some op in there has no such rule they run once for each part. An elementwise op needs none. There is room for the axis: without it,
 * operands and result have less than TG_MAX_RANK axes. */
typedef tg_tensor tg_batch(const tg_batch_call *call);

/* Operand j with the axis: broadcast along it where it is the same for all parts. */
tg_tensor tg_batched(const tg_batch_call *call, int j);

/* The rule for an op that does the same for each of the matrices, or whatever it takes, in a stack along leading axes: records the op for
 * operands that all have the axis, and as many axes behind it as the one with most. */
tg_tensor tg_batch_stack(const tg_batch_call *call);

/* ---- the op ------------------------------------------------------------------------------------------------------ */

/* What an instruction does beside giving a result. Only tg_assign and its like do anything: they overwrite their first
 * operand, a leaf, and have no value of their own. tg_record rejects every other op that says so. */
typedef enum tg_effect { TG_NO_EFFECT, TG_ASSIGNS } tg_effect;

/* Writes the op as C: see tapegrad/emit.h. */
typedef struct tg_emit_call tg_emit_call;
typedef void                tg_emitter(tg_emit_call *call);

struct tg_op {
    const char *name;
    int         arity; /* number of operands; -1 for any number */
    tg_status (*infer)(tg_infer *call);
    tg_kernel      *kernel;
    tg_view        *view;
    const tg_loops *loops;
    tg_rule *const *rules;  /* one an operand, NULL where no gradient flows; or NULL for none at all. For any number of
                               operands: a single rule, for all */
    bool            random; /* the result does not follow from operands and attr alone: each run makes it anew, once, and
                               two instructions that look the same have each their own */
    tg_effect       effect;

    /* What else the executor may know of a kernel, for speed; x: the types of the operands, which are in row-major order. `lead`:
     * how many leading axes of the first operand the kernel goes through one by one, the result having the same: given some
     * of these rows, and the other operands whole, it computes those of the result, to the bit, on any thread. It may borrow
     * scratch memory and fail, as any kernel; where several rows fail, the first is reported. `reduced`, for one operand: how
     * many leading axes, and no others, the kernel reduces, as `block_reduce` does in pieces, to the bit. Both give -1 for none;
     * NULL is the same. Axes that the operand or the result does not have are TG_ERR_SHAPE when the op is recorded. */
    int (*lead)(const tg_type *x, const void *attr);
    int (*reduced)(const tg_type *x, const void *attr);
    const tg_block_reduce *block_reduce;

    /* For speed, too: whether the kernel puts its operands side by side, as a stack along the last axis does: they have one shape and dtype,
     * and the result one axis more, along which element j is that of operand j. The executor may do that itself, where it makes them.
     * Anything else is TG_ERR_SHAPE when the op is recorded; NULL: it does not. */
    bool (*side_by_side)(const tg_type *x, const void *attr);

    /* For speed, of an op with loops: the loop that does what `first` does, and then what `then`, one of the op's own, does to that as its
     * operand `operand`: both results rounded, as if each were made by itself. Its operands are those of `first`, and after them the op's others.
     * NULL where there is none for the two, or for any. */
    tg_loop *(*joined)(tg_loop *first, tg_loop *then, int operand);

    /* Of an op whose rule is tg_part_rule and which is no view: adds in[0], the gradient of the result, to the elements of `out` that the
     * result's were taken from. out is of the first operand's shape, and holds what was added so far; in[1], in[2] ... are the
     * op's other operands. */
    tg_kernel *add_back;

    tg_linearity linearity;

    /* What the op is in C, where a tape is written as a C file (tapegrad/emit.h): of loops the formula; of a kernel the function that writes
     * its statements; and of add_back another. NULL: the op cannot be written. */
    const char *formula;
    tg_emitter *emit, *emit_add_back;

    /* How it is done for many parts at once (tg_map). Loops need none; NULL otherwise: one part after the other. */
    tg_batch *batch;
};

/* Records op(in[0], ..., in[count - 1]) and returns its result. `tape` may be NULL: then it is the tape of the first operand
 * that is a tensor, and a call of plain numbers alone returns an invalid tensor. `attr`, of attr_size bytes, is what the op
 * needs to know beside its operands: it is copied, and two calls are the same when its bytes are. So it has zeros where it has padding,
 * and a pointer in it must stay good as long as the tape. Plain numbers among
 * the operands get the dtype of the first operand that is a tensor and not bool, or else of the first tensor. The op itself
 * must live as long as the tape. */
tg_tensor tg_record(tg_tape *tape, const tg_op *op, int count, const tg_tensor *in, const void *attr, size_t attr_size);

/* The same for a call that stands on that line of the user's source; `file` must live as long as the tape. The macro tg_record is this,
 * with the line that it stands on. Where the tape is NULL, the line of a call under way goes first: that of the user of a function which
 * records the op, and has a macro of its own. */
tg_tensor tg_record_at(const char *file, int line, tg_tape *tape, const tg_op *op, int count, const tg_tensor *in,
                       const void *attr, size_t attr_size);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#ifndef TGI_INSIDE
#define tg_record(...) (tg_record_at)(__FILE__, __LINE__, __VA_ARGS__)
#endif

#endif
