/**
 * Whether a stream takes colours: a terminal that supports them, without NO_COLOR. Node knows the rules of
 * terminals and variables.
 */
export function hasColours(stream: NodeJS.WriteStream): boolean {
  // Undefined for a file or a pipe, whatever its type says.
  const { isTTY = false } = stream as Partial<NodeJS.WriteStream>;
  return isTTY && stream.hasColors();
}
