/* run/aliases.h: views that show the memory of a leaf, and the copies that they get before it is overwritten.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_RUN_ALIASES_H
#define TGI_RUN_ALIASES_H

#include "core/tape.h"

/* Enters a view that shows a leaf's memory in the tape's list of aliases, which are looked after when that is overwritten. */
tg_status tgi_note_alias(tg_tape *tape, uint32_t index);

/* Takes the views from `first` on out of that list: they will be entered when they run. */
void tgi_forget_aliases(tg_tape *tape, uint32_t first);

/* Gets memory for all that the tape's assigns will have to copy, so that they cannot fail. */
tg_status tgi_prepare_aliases(tg_tape *tape);

/* Before the memory of `leaf` is overwritten: views of it whose value is still wanted, because they are kept or used by
 * instructions from `first_reader` on, get a copy of their own; the others are overwritten. */
tg_status tgi_detach_views(tg_tape *tape, uint32_t leaf, uint32_t first_reader);

/* Gives a view a copy of its own of the elements in `array`. */
tg_status tgi_copy_view(tg_tape *tape, tgi_node *node, const tg_array *array);

/* The two halves of it that need no elements: memory for the copy, unless there is some; and the view shows that, row-major. */
tg_status tgi_allocate_view_copy(tg_tape *tape, tgi_node *node);
void      tgi_show_view_copy(tgi_node *node);

#endif
