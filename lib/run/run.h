/* run/run.h: the executor, as the rest of the library sees it.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_RUN_RUN_H
#define TGI_RUN_RUN_H

#include "core/tape.h"

/* Runs what is pending as far as a read of the instruction's value needs it, and as nobody can notice; an error of `what` when an
 * optimizer's step stands before it, or when it is in a part that has not run (run.c). */
tg_status tgi_run_for(tg_tape *tape, uint32_t index, const char *what);

/* In eager mode: runs what can be run before anybody reads; and takes that back, before a leaf is written from outside (run.c). */
tg_status tgi_run_early(tg_tape *tape);
void      tgi_forget_early(tg_tape *tape);

/* Runs instructions tape->done .. end - 1, all outside of parts or all of one; what is recorded from `limit` on is about to be forgotten
 * (run.c). */
tg_status tgi_run_segment(tg_tape *tape, uint32_t end, uint32_t limit);

/* The same for instructions of the body of a loop, in the middle of a run: they read nothing that could be absent or old (run.c); and
 * all of a body (run_part.c). */
tg_status tgi_run_closed_segment(tg_tape *tape, uint32_t end, uint32_t limit);
tg_status tgi_run_body(tg_tape *tape, const tgi_part *body);

/* Whether the part has compiled code, and is to be run by it: what it reads from outside, which has run, is there. Code that does not give
 * all that is to last by now is given back. Where it is false, the part's instructions are to be run, and tell what is wrong. And runs it
 * (run_code.c). */
bool      tgi_can_run_code(tg_tape *tape, tgi_part *part);
tg_status tgi_run_code(tg_tape *tape, tgi_part *part);

/* Instructions before this one have run, or would have if the tape were not eager. */
uint32_t tgi_seen(const tg_tape *tape);

/* What instructions start .. end - 1 read of earlier ones: a value that is overwritten; one that may have to be computed again. `known` is
 * their plan, or NULL where there is none yet (recompute.c). */
enum { TGI_READS_OVERWRITTEN = 1, TGI_MAY_RECOMPUTE = 2 };
unsigned tgi_look_back(const tg_tape *tape, uint32_t start, uint32_t end, const tgi_plan *known);

/* Computes again what they read of earlier ones and is absent, or was computed before a leaf under it was
 * written from outside. What cannot be computed again, as an assign has overwritten a leaf under it, becomes overwritten when it was
 * absent, and is an error when it was not (recompute.c). */
tg_status tgi_recompute(tg_tape *tape, uint32_t start, uint32_t end);

/* Whether the run is to stop; and how it does, before that instruction: the error is noted (cancel.c). */
static inline bool tgi_is_cancelled(const tg_tape *tape) {
    return atomic_load_explicit(&tape->cancelled, memory_order_relaxed);
}
tg_status tgi_stop_run(tg_tape *tape, uint32_t index);

/* Tells the host that instruction tape->done is next (cancel.c). */
void tgi_report_progress(const tg_tape *tape);

/* Runs one instruction, all it needs being resident (run_sequential.c). The other one is for an op with a kernel, whose result has its
 * memory; `arrays`: that and the operands, where they are known to be as in the run before, else NULL. */
tg_status tgi_run_instruction(tg_tape *tape, uint32_t index);
tg_status tgi_run_kernel(tg_tape *tape, uint32_t index, const tg_array *arrays);

/* Runs instructions tape->done .. end - 1, whose values are small; what is recorded from `limit` on is about to be forgotten
 * (run_small.c). */
tg_status tgi_run_small(tg_tape *tape, uint32_t end, uint32_t limit);

/* Runs an elementwise instruction: broadcasts its operands, and calls the loop tile by tile (run_elementwise.c). */
tg_status tgi_run_loop(tg_tape *tape, const tgi_node *node, tg_loop *loop);

/* In anomaly mode, after an instruction has run: fails when it made a NaN or an infinity (anomaly.c). */
tg_status tgi_check_finite(tg_tape *tape, const tgi_node *node);

/* The instruction of a handle, its value being resident and kept after what is pending has run; NULL and an error when it is not
 * (value.c). */
tgi_node *tgi_value(tg_tape *tape, tg_tensor x, const char *what, const char *role);

/* The value of an instruction that has run (kernel_call.c). */
tg_array tgi_array_of(const tgi_node *node);

/* Asks the view rule of an instruction where its elements are, its operand being `in` (call_view.c). */
typedef enum tgi_view_answer {
    TGI_VIEW_SHOWS,  /* there: in out->data and out->strides */
    TGI_VIEW_COPIES, /* nowhere: they are copied */
    TGI_VIEW_WRONG   /* not among the operand's, which is an error */
} tgi_view_answer;
tgi_view_answer tgi_call_view(const tgi_node *node, const tg_array *in, tg_array *out);

/* Copies the elements of an array, row-major, seen in a shape that it broadcasts to (value.c). */
void tgi_copy_array(const tg_array *array, int rank, const int64_t *dims, void *out);

/* Gives back the memory of runs that failed: what nobody wants any more, or all of it, and then nothing in it is resident any more
 * (run_plan.c). */
void tgi_free_stranded(tg_tape *tape, bool all);

/* Frees the plans (cache.c). */
void tgi_free_plans(tg_tape *tape);

#endif
