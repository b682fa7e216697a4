/* random/generator.c: the whole state of the tape's generator, read and put back.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "core/tape.h"

_Static_assert(sizeof(((tg_generator_state *)0)->key) == sizeof(((tgi_mt19937 *)0)->state), "one word for each");

tg_status(tg_get_generator)(tg_tape *tape, tg_generator_state *state) {
    if (tgi_check(tape)) return tg_error_status(tape);
    if (!state) return tgi_fail(tape, TG_ERR_ARGUMENT, "get_generator", "the state is NULL");
    const tgi_mt19937 *generator = &tape->generator;
    memcpy(state->key, generator->state, sizeof state->key);
    state->position = generator->next;
    state->has_normal = generator->has_normal;
    state->next_normal = generator->has_normal ? generator->next_normal : 0;
    return tgi_done(tape, TG_OK);
}

tg_status(tg_set_generator)(tg_tape *tape, const tg_generator_state *state) {
    if (tgi_check(tape)) return tg_error_status(tape);
    if (!state) return tgi_fail(tape, TG_ERR_ARGUMENT, "set_generator", "the state is NULL");
    if (state->position < 0 || state->position > TGI_MT19937_WORDS)
        return tgi_fail(tape, TG_ERR_ARGUMENT, "set_generator", "the position is %d, not 0 to %d", (int)state->position,
                        TGI_MT19937_WORDS);
    if (state->has_normal != 0 && state->has_normal != 1)
        return tgi_fail(tape, TG_ERR_ARGUMENT, "set_generator", "has_normal is %d, not 0 or 1", (int)state->has_normal);
    tgi_mt19937 *generator = &tape->generator;
    memcpy(generator->state, state->key, sizeof state->key);
    tgi_mt19937_temper(generator);
    generator->next = state->position;
    generator->has_normal = state->has_normal;
    generator->next_normal = state->next_normal;
    return tgi_done(tape, TG_OK);
}
