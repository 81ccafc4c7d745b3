/** What plans that were fitted to an H200's times know of it. */

/** Its streaming processors. */
export const PROCESSORS = 132;
