/* run/aliases.h: views that show the memory of a leaf, and the copies that they get before it is overwritten.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_RUN_ALIASES_H
#define TGI_RUN_ALIASES_H

#include "core/tape.h"

/* Enters a view that shows a leaf's memory in the tape's list of aliases, which are looked after when that is overwritten. */
tg_status tgi_note_alias(tg_tape *tape, uint32_t index);

/* Takes the views of a part (0: of none) from `first` on out of that list: they will be entered when they run. */
void tgi_forget_aliases(tg_tape *tape, uint32_t first, uint16_t part);

/* Gets memory for all that the tape's assigns will have to copy, so that they cannot fail. */
tg_status tgi_prepare_aliases(tg_tape *tape);

/* Before the memory of `leaf` is overwritten by an assign of a part (0: of none) that stands at `first_reader`, or from outside when what
 * stands before that has run: views of it that instructions from there on use get a copy of their own; those that are only kept
 * retain the memory, and the leaf gets another one, not initialised; the others become overwritten, or absent when they can be
 * recomputed, as those of other parts can. leaf->previous is where the leaf's value was until now. */
tg_status tgi_detach_views(tg_tape *tape, uint32_t leaf, uint32_t first_reader, uint16_t part, bool from_outside);

/* Gives a retained view the copy that it has not had so far; and all those before `end`. */
tg_status tgi_restore_view(tg_tape *tape, tgi_node *node);
tg_status tgi_restore_views(tg_tape *tape, uint32_t end);

/* Gives a view a copy of its own of the elements in `array`. */
tg_status tgi_copy_view(tg_tape *tape, tgi_node *node, const tg_array *array);

/* The two halves of it that need no elements: memory for the copy, unless there is some; and the view shows that, row-major. */
tg_status tgi_allocate_view_copy(tg_tape *tape, tgi_node *node);
void      tgi_show_view_copy(tg_tape *tape, tgi_node *node);

#endif
