/* tests/io/training.h: a training that uses all that a checkpoint has: two optimizers, dropout, running statistics, random batches.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_IO_TRAINING_H
#define TESTS_IO_TRAINING_H

#include "files.h"

/* Records the leaves; and the step, with everything that it needs. */
void record_leaves(tg_tape *tape);
void record_step(tg_tape *tape);

/* Runs the step that number `i` of the training is. */
void run_step(tg_tape *tape, int i);

/* A number that depends on every bit of what a training changes. */
uint64_t fingerprint(tg_tape *tape);

#endif
