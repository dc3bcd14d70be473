/*
 * vectorize.h: LT_VECTORIZED, in front of a function whose loops are worth wide registers.
 *
 * A package must run on the oldest x86-64, so that is what the library is built for; of such a function the compiler
 * makes one copy an instruction set, and the loader picks.  Elsewhere the word means nothing and the loops are plain C.
 * It is for static functions: of a public one, gcc would export the chooser, hidden visibility or not.
 * Sanitized builds keep one copy, since the loader's choice would run before the sanitizer is up.
 */
#ifndef LT_VECTORIZE_H
#define LT_VECTORIZE_H

#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define LT_VECTORIZED __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define LT_VECTORIZED
#endif

#endif
