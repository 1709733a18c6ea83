/** Milliseconds after the grace of running tasks, for closing connections and writing what is left. */
export const closingMs = 15_000;
