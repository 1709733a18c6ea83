/**
 * The Message-ID of a mail: always the same, so that one that arrives twice can be recognised.
 *
 * @param from the sender, as in MAIL_FROM
 */
export function messageIdOf(id: string, from: string): string {
  const domain = /@([a-z\d.-]+\.[a-z\d-]+)>?$/i.exec(from)?.[1];
  return `<${id}@${domain?.toLowerCase() ?? 'darkroom'}>`;
}
