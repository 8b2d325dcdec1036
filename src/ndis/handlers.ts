/** The functions of NDIS that drivers call through pointers in blocks: no imports, but crossed and counted as these. */

export {};
