/** Has a failed expectation say what it is about, where its values alone do not tell. */
export function about(what: unknown, check: () => void): void {
  try {
    check();
  } catch (error) {
    if (error instanceof Error) error.message = `${String(what)}\n\n${error.message}`;
    throw error;
  }
}
