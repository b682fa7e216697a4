# What is compiled once an instruction set; lib/kernels/isa.h tells how. A new set is a library of these sources, its name there,
# and its flags in configure.ac.
# SPDX-License-Identifier: MIT

isa_sources = \
	lib/kernels/convolve.c \
	lib/kernels/gemm_builtin.c \
	lib/kernels/min_max.c \
	lib/kernels/sum.c \
	lib/kernels/window.c \
	lib/nn/loss_loops.c \
	lib/ops/elementwise_loops.c \
	lib/ops/joined_loops.c \
	lib/optim/adam_loops.c

if HAVE_AVX
noinst_LTLIBRARIES += libtapegrad_avx2.la libtapegrad_avx512.la
libtapegrad_kernels_la_LIBADD += libtapegrad_avx2.la libtapegrad_avx512.la
endif

libtapegrad_avx2_la_LIBTOOLFLAGS = $(one_object)
libtapegrad_avx2_la_CFLAGS = $(kernel_cflags) $(AVX2_CFLAGS)
libtapegrad_avx2_la_CPPFLAGS = $(AM_CPPFLAGS) -DTGI_ISA=avx2
libtapegrad_avx2_la_SOURCES = $(isa_sources)

libtapegrad_avx512_la_LIBTOOLFLAGS = $(one_object)
libtapegrad_avx512_la_CFLAGS = $(kernel_cflags) $(AVX512_CFLAGS)
libtapegrad_avx512_la_CPPFLAGS = $(AM_CPPFLAGS) -DTGI_ISA=avx512
libtapegrad_avx512_la_SOURCES = $(isa_sources)
