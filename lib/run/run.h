/* run/run.h: the executor, as the rest of the library sees it.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_RUN_RUN_H
#define TGI_RUN_RUN_H

#include "core/tape.h"

/* Runs the instructions that have not run yet. */
tg_status tgi_run_pending(tg_tape *tape);

/* Runs one instruction, all it needs being there (plain.c). The other one is for an op with a kernel, whose result has its memory. */
tg_status tgi_execute(tg_tape *tape, uint32_t index);
tg_status tgi_run_kernel(tg_tape *tape, uint32_t index);

/* The instruction of a handle, its value being there to read after what is pending has run; NULL and an error when it is not
 * (value.c). */
tgi_node *tgi_value(tg_tape *tape, tg_tensor x, const char *what, const char *role);

/* The instruction of a leaf that can be overwritten; NULL and an error when it cannot (leaf.c). */
tgi_node *tgi_variable(tg_tape *tape, tg_tensor x, const char *what);

/* In anomaly mode, after an instruction has run: fails when it made a NaN or an infinity (anomaly.c). */
tg_status tgi_check_finite(tg_tape *tape, const tgi_node *node);

/* An element as a double (an int64 beyond 2^53 is rounded) (value.c). */
double tgi_element(tg_dtype dtype, const void *data);

/* The value of an instruction that has run. */
tg_array tgi_array_of(const tgi_node *node);

/* Copies the elements of an array, row-major, seen in a shape that it broadcasts to. */
void tgi_copy_array(const tg_array *array, int rank, const int64_t *dims, void *out);

/* Before the memory of `leaf` is overwritten: views of it whose value is still wanted, because they are kept or used by
 * instructions from `first_reader` on, get a copy of their own. */
tg_status tgi_detach_views(tg_tape *tape, uint32_t leaf, uint32_t first_reader);

/* Enters a view that shows a leaf's memory in the list of those to be looked after when that is overwritten; and gets memory
 * for all that the tape's assigns will have to copy, so that they cannot fail. */
tg_status tgi_note_alias(tg_tape *tape, uint32_t index);
tg_status tgi_prepare_aliases(tg_tape *tape);

/* Takes the views from `first` on out of that list: they will be entered when they run. */
void tgi_forget_aliases(tg_tape *tape, uint32_t first);

/* Gives a view a copy of its own of the elements in `array`. */
tg_status tgi_copy_view(tg_tape *tape, tgi_node *node, const tg_array *array);

/* Runs an elementwise instruction: broadcasts its operands, and calls the loop tile by tile (elementwise.c). */
tg_status tgi_run_loop(tg_tape *tape, const tgi_node *node, tg_loop *loop);

/* How many threads a run may use. */
int tgi_thread_count(const tg_tape *tape);

/* Gives back the memory of runs that failed: what nobody wants any more, or all of it, and then nothing in it is there any more
 * (planned.c). */
void tgi_free_stranded(tg_tape *tape, bool all);

/* Frees the plans (cache.c). */
void tgi_free_plans(tg_tape *tape);

#endif
