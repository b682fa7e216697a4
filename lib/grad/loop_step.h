/* grad/loop_step.h: the step of a loop, recorded once more in the body of another loop, to be differentiated there.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_GRAD_LOOP_STEP_H
#define TGI_GRAD_LOOP_STEP_H

#include "grad/loop_op.h"

/* Operands are the loop's, in their order. */
typedef struct tgi_loop_step {
    const tg_rule_call  *call;
    const tgi_loop_attr *attr;
    tgi_part             body;
    const tgi_loop      *loop;
    bool                 saves;    /* a loop in the body saves its states this time */
    uint32_t             products; /* which the loop has saved, */
    const tg_tensor     *product;  /* and what they came to in this step */
    tg_tensor           *copy; /* of each instruction of the body: its copy in the body of the loop that is being recorded */
} tgi_loop_step;

/* For a call of a rule of a loop; false and an error when there is no memory. */
bool tgi_begin_loop_step(tgi_loop_step *s, const tg_rule_call *call, const tgi_loop_attr *attr);
void tgi_end_loop_step(const tgi_loop_step *s);

/* The operands begin with the states and the inputs, so many. */
static inline uint32_t tgi_given(const tgi_loop_step *s) {
    return s->loop->states + s->loop->inputs;
}

static inline tg_tensor *tgi_copy_of(const tgi_loop_step *s, uint32_t index) {
    return &s->copy[index - s->body.start];
}

/* Records it, of these states and inputs. */
tg_status tgi_record_loop_step(const tgi_loop_step *s, const tg_tensor *given);

/* How many steps were done, of a counted loop whose result, or one with the same steps, is `packed`. */
tg_tensor tgi_steps_done(const tgi_loop_step *s, tg_tensor packed);

#endif
