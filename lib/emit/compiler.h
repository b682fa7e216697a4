/* emit/compiler.h: the system's C compiler, and objects that are loaded.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_EMIT_COMPILER_H
#define TGI_EMIT_COMPILER_H

#include <stddef.h>

#include <tapegrad/compile.h>

#include "core/memory.h"

enum { TGI_COMPILER_TEXT = 400 };

/* Compiles a C file of that text, and loads the object. NULL when it cannot be done: `error` says why. `memory` is for what is
 * between; *no_memory says that there was none. */
void *tgi_compile_text(tgi_memory *memory, const tg_compile_options *options, const char *text, size_t length,
                       char error[TGI_COMPILER_TEXT], bool *no_memory);

/* A function of the object; NULL when there is none of that name. */
void *tgi_find_in_object(void *object, const char *name);
void  tgi_unload_object(void *object);

#endif
