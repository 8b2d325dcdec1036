/*
 * GUIDs. DEFINE_GUID declares; after initguid.h it defines, in every file that includes it, and the linker keeps one.
 * Included again after initguid.h it takes the other meaning.
 */
#ifndef NDISBOX_GUIDDEF
#define NDISBOX_GUIDDEF
#include "ndisbox/kernel.h"

#ifdef __cplusplus
#define IsEqualGUID(left, right) (!memcmp(&(left), &(right), sizeof(GUID)))
#else
#define IsEqualGUID(left, right) (!memcmp((left), (right), sizeof(GUID)))
#endif
#define InlineIsEqualGUID(left, right) IsEqualGUID(left, right)
#endif

#undef DEFINE_GUID
#ifdef INITGUID
#define DEFINE_GUID(name, l, w1, w2, b1, b2, b3, b4, b5, b6, b7, b8) \
  EXTERN_C const GUID DECLSPEC_SELECTANY name;                       \
  EXTERN_C const GUID DECLSPEC_SELECTANY name = {l, w1, w2, {b1, b2, b3, b4, b5, b6, b7, b8}}
#else
#define DEFINE_GUID(name, l, w1, w2, b1, b2, b3, b4, b5, b6, b7, b8) EXTERN_C const GUID name
#endif
