/* io/utf8.h: texts in UTF-8.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_IO_UTF8_H
#define TGI_IO_UTF8_H

/* The bytes of the character that the text, which is not empty, begins with: 1 to 4; 0 where it begins with none. */
int tgi_utf8_length(const char *text);

#endif
