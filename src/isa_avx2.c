/* isa_avx2.c - 32-byte vectors with fused multiply-add. The target is chosen here, not on the command line. */
#include "internal.h"
#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif

#define KEEP(v) __asm__("" : "+x"(v))
#define MOST_BETWEEN 3
#define VBYTES 32
#define LOGW_F32 3
#define LOGW_F64 2
#define FMA_F32(a, b, c) ((__typeof__(a))_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#define FMA_F64(a, b, c) ((__typeof__(a))_mm256_fmadd_pd((__m256d)(a), (__m256d)(b), (__m256d)(c)))
#define FNMA_F32(a, b, c) ((__typeof__(a))_mm256_fnmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#define FNMA_F64(a, b, c) ((__typeof__(a))_mm256_fnmadd_pd((__m256d)(a), (__m256d)(b), (__m256d)(c)))
/* Interleaved numbers to two vectors and back: halves of 16 bytes are loaded into place and stored from there, so that
 * no shuffle crosses them. */
#define SPLIT_F32(p, even, odd)                                                                                     \
    do {                                                                                                            \
        const float *p_ = (p);                                                                                      \
        const __m256 u_ = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p_)), _mm_loadu_ps(p_ + 8), 1);  \
        const __m256 v_ = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p_ + 4)), _mm_loadu_ps(p_ + 12), 1); \
        even = (__typeof__(even))_mm256_shuffle_ps(u_, v_, 0x88);                                                   \
        odd = (__typeof__(odd))_mm256_shuffle_ps(u_, v_, 0xdd);                                                     \
    } while (0)
#define JOIN_F32(p, even, odd)                                                                                      \
    do {                                                                                                            \
        float *p_ = (p);                                                                                            \
        const __m256 u_ = _mm256_unpacklo_ps((__m256)(even), (__m256)(odd));                                        \
        const __m256 v_ = _mm256_unpackhi_ps((__m256)(even), (__m256)(odd));                                        \
        _mm_storeu_ps(p_, _mm256_castps256_ps128(u_));                                                              \
        _mm_storeu_ps(p_ + 4, _mm256_castps256_ps128(v_));                                                          \
        _mm_storeu_ps(p_ + 8, _mm256_extractf128_ps(u_, 1));                                                        \
        _mm_storeu_ps(p_ + 12, _mm256_extractf128_ps(v_, 1));                                                       \
    } while (0)
#define SPLIT_F64(p, even, odd)                                                                                     \
    do {                                                                                                            \
        const double *p_ = (p);                                                                                     \
        const __m256d u_ = _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(p_)), _mm_loadu_pd(p_ + 4), 1); \
        const __m256d v_ = _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(p_ + 2)), _mm_loadu_pd(p_ + 6), 1); \
        even = (__typeof__(even))_mm256_unpacklo_pd(u_, v_);                                                        \
        odd = (__typeof__(odd))_mm256_unpackhi_pd(u_, v_);                                                          \
    } while (0)
#define JOIN_F64(p, even, odd)                                                                                      \
    do {                                                                                                            \
        double *p_ = (p);                                                                                           \
        const __m256d u_ = _mm256_unpacklo_pd((__m256d)(even), (__m256d)(odd));                                     \
        const __m256d v_ = _mm256_unpackhi_pd((__m256d)(even), (__m256d)(odd));                                     \
        _mm_storeu_pd(p_, _mm256_castpd256_pd128(u_));                                                              \
        _mm_storeu_pd(p_ + 2, _mm256_castpd256_pd128(v_));                                                          \
        _mm_storeu_pd(p_ + 4, _mm256_extractf128_pd(u_, 1));                                                        \
        _mm_storeu_pd(p_ + 6, _mm256_extractf128_pd(v_, 1));                                                        \
    } while (0)
/* Two pieces of 16 bytes: the factors of complex products are packed in two thirds of the time. */
#define PIECES_F32(p, far) \
    ((V)_mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), _mm_loadu_ps((p) + (far)), 1))
#define PIECES_F64(p, far) \
    ((V)_mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(p)), _mm_loadu_pd((p) + (far)), 1))
#define STREAM(p, v) _mm256_stream_si256((__m256i *)(p), (__m256i)(v))
#define STREAMED() _mm_sfence()
#include "kernels.inc"

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

static int available(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
static const bfly_isa isa = {"avx2", available, {&kernels_s, &kernels_d}};
const bfly_isa *const bfly_isa_avx2 = &isa;
#else
const bfly_isa *const bfly_isa_avx2 = NULL;
#endif
