/**
 * Floor `image`: PE images as drivers.
 */

export {};
