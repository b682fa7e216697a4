/* io/training_state.h: what a training changes on a tape, and how a checkpoint names it.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_IO_TRAINING_STATE_H
#define TGI_IO_TRAINING_STATE_H

#include <tapegrad/io.h>

#include "io/failure.h"

/* What a tensor is. */
typedef enum tgi_place_role { TGI_ROLE_PARAMETER, TGI_ROLE_INPUT, TGI_ROLE_STATE } tgi_place_role;

typedef struct tgi_place {
    const char    *name;
    tgi_place_role role;
    tg_tensor      tensor, owner; /* owner: the parameter that a state belongs to */
} tgi_place;

/* Zero-initialised, it is empty. */
typedef struct tgi_place_list {
    int64_t    count, capacity;
    tgi_place *items;
} tgi_place_list;

/* Add the parameters of the tape, each followed by its states if they are wanted; and inputs: those of the list, or, for a list without an
 * array, all that have names. The caller frees `items`. */
tg_status tgi_add_parameters(tg_tape *tape, bool states, tgi_place_list *places, tgi_failure *failure);
tg_status tgi_add_inputs(tg_tape *tape, tg_list inputs, tgi_place_list *places, tgi_failure *failure);

/* Sorts them by name; TG_ERR_NAME where one comes twice. And then finds one, or NULL. */
tg_status        tgi_sort_places(tgi_place_list *places, tgi_failure *failure);
const tgi_place *tgi_find_place(const tgi_place_list *places, const char *name);

/* The generator's state as a tensor: its words, position, has_normal, and the bits of next_normal. */
enum { TGI_GENERATOR_NUMBERS = 627 };
#define TGI_GENERATOR_NAME "tapegrad.generator"
tg_status tgi_get_generator_numbers(tg_tape *tape, int64_t numbers[TGI_GENERATOR_NUMBERS]);
bool      tgi_generator_of_numbers(const int64_t numbers[TGI_GENERATOR_NUMBERS], tg_generator_state *state);

/* Keys of the metadata, which all begin with the prefix: the version of this form of file, "1"; the step; of each state the parameter,
 * as an object of JSON; "all" where the inputs are all that had names. */
#define TGI_KEY_PREFIX "tapegrad."
#define TGI_KEY_VERSION "tapegrad.checkpoint"
#define TGI_KEY_STEP "tapegrad.step"
#define TGI_KEY_STATES "tapegrad.states"
#define TGI_KEY_INPUTS "tapegrad.inputs"

#endif
