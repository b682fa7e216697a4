/* core/inside.h: the public headers, as the library's own sources include them: what they record belongs to the user's line that
 * called, not to theirs.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_CORE_INSIDE_H
#define TGI_CORE_INSIDE_H

#define TGI_INSIDE
#include <tapegrad.h>

#endif
