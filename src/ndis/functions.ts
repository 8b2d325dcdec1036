/** The functions that drivers import from ndis: a table for the seam, made of this floor's declarations. */
export {};
