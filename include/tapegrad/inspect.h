/* tapegrad/inspect.h: printing tapes and values, graphs, the origin of a NaN, eager mode.
 *
 * Functions that print write to the caller's stream and nowhere else. They also work on a tape that holds an error, and then return
 * the status of that error. TG_ERR_IO if writing fails.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_INSPECT_H
#define TAPEGRAD_INSPECT_H
#pragma GCC system_header

#include <stdio.h>
#include <tapegrad/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* Writes the program, one instruction a line, in the order of recording:
 *
 *     # forward
 *      %0  float64 (100, 2)  constant                  keep       iris.c:46
 *      %1  float64 (2, 32)   parameter "w1"            keep grad  iris.c:48
 *      %2  float64 (100, 32) matmul(%0, %1 "w1")       keep grad  iris.c:56
 *      %4  float64 (100, 32) mul(0.5, %2)                   grad  iris.c:57
 *     # backward
 *      %9  float64 (100, 32) mul(%8, 0.5)                         iris.c:57, gradient of %4 mul
 *
 * "keep": the value can be read after a run; "grad": gradients flow through it. A name (tg_set_name) stands
 * behind the instruction and wherever it is an operand. A heading says where the forward pass, a
 * backward pass or an update begins. Plain numbers are written where they are used, and have no line of their own. What a gradient
 * rule, an optimizer or a composed op records has the user's line. Runs nothing. */
tg_status tg_print(tg_tape *tape, FILE *out);

/* Writes the plans by which tg_run would run the tape as it is, and those of its parts and of the bodies of its loops: which instructions are
 * run together, over which shape and in which tiles; where each value is (in a register, in the plan's block of memory, in memory of its
 * own) and in how many bytes; and for each unit that did not join the one before it the reason. Runs nothing. Segments that run by
 * themselves, between two reads, have plans of their own: TAPEGRAD_PLAN=1 in the environment writes every plan to stderr when it is
 * made. */
tg_status tg_print_plan(tg_tape *tape, FILE *out);

/* Writes the program as a graph in the DOT language of Graphviz (dot -Tsvg). An instruction is a node, with its op, shape, dtype,
 * name and source line, and has an edge from each operand. Forward is blue, backward orange, updates green. Parameters have a thick
 * border, constants and inputs a folded corner, views a dashed border. The edges into an op of several operands are numbered. Plain
 * numbers are inside the node that uses them, with a dot for the other operands. Leaves without a name that are not used are left
 * out. Runs nothing. */
tg_status tg_write_dot(tg_tape *tape, FILE *out);

/* Writes the value as NumPy's print does, and a newline: rows in nested brackets and aligned columns, in lines of at most 75
 * characters. Numbers have the digits that are needed, at most 8 after the point, and exponents if they differ much in size. Of
 * more than 1000 elements the first and last 3 along each axis are written. A single number has all its digits. Runs what is
 * pending. Errors as in tg_read. */
tg_status tg_print_tensor(tg_tensor x, FILE *out);

/* Anomaly mode: a run stops at the first instruction that makes a NaN or an infinity, with TG_ERR_ANOMALY. The error names the op and
 * the user's line, the value and its position, and the operands, with their ops, lines and values:
 *     net.c:57: log (100, 1): made -inf from 0 at [12, 0], 3 of 100 elements; the operand: sub (100, 1) at net.c:56, 0 .. 0.98
 * An instruction of a gradient has the line of the formula whose gradient it is: "net.c:57: div, in the gradient of log: ...". As
 * with any instruction that fails, assigns before it are done, those after it are not.
 *
 * A NaN in a leaf is reported at the first instruction whose result it reaches, and the error names the leaf. Views and assigns
 * pass it on; tg_where and comparisons may leave it out. An infinity in a leaf is taken as intended, such as -inf in a mask: what
 * is computed from it may be infinite, but not NaN.
 *
 * Each result is checked after it was computed, so that runs are slower. A new tape has it off, unless the environment variable
 * TAPEGRAD_ANOMALY is 1. */
tg_status tg_set_anomaly(tg_tape *tape, bool on);

/* ---- profile ----------------------------------------------------------------------------------------------------- */

/* Times what runs from now on, instruction by instruction, beginning with zeros; or stops that, and keeps what was counted. Runs take
 * a few percent longer, those of small values more. A new tape has it off, unless the environment variable TAPEGRAD_PROFILE is 1:
 * then the profile is written to stderr when the tape is freed. */
tg_status tg_set_profile(tg_tape *tape, bool on);

/* Writes where the time went, by op and source line, most first:
 *
 *     profile: 101 runs of a segment in 3.113 ms, of that 0.170 ms for plans; the threads' time in instructions, 2.690 ms, by op and line:
 *       share           ms      runs  op
 *       31.2%        0.839       202  matmul  iris.c:56
 *       11.4%        0.307       101  matmul, in a gradient of matmul  iris.c:56
 *
 * What runs together in a group is timed one by one, on each thread; what is left is the executor's own time. */
tg_status tg_print_profile(tg_tape *tape, FILE *out);

/* ---- eager mode -------------------------------------------------------------------------------------------------- */

/* Eager mode: each instruction runs when it is recorded, by itself, and what is pending runs now. It is for stepping through a
 * program in a debugger, and lets errors of kernels appear at the call that recorded them. It is slower, and every value has its
 * own memory; the values have the same bits. A new tape has it off, unless the environment variable TAPEGRAD_EAGER is 1. */
tg_status tg_set_eager(tg_tape *tape, bool on);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#define tg_print(tape, ...) (tg_print)(TG_AT(tape), __VA_ARGS__)
#define tg_print_plan(tape, ...) (tg_print_plan)(TG_AT(tape), __VA_ARGS__)
#define tg_write_dot(tape, ...) (tg_write_dot)(TG_AT(tape), __VA_ARGS__)
#define tg_print_tensor(x, ...) TG_CALL1_WITH(tg_print_tensor, x, __VA_ARGS__)
#define tg_set_eager(tape, ...) TG_TAPE_CALL(tg_set_eager, tape, __VA_ARGS__)
#define tg_set_profile(tape, ...) TG_TAPE_CALL(tg_set_profile, tape, __VA_ARGS__)
#define tg_print_profile(tape, ...) (tg_print_profile)(TG_AT(tape), __VA_ARGS__)
#define tg_set_anomaly(tape, ...) (tg_set_anomaly)(TG_AT(tape), __VA_ARGS__)

#endif
