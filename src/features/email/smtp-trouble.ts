/** What an error of a mail server means for the mail. */
export interface SmtpTrouble {
  /** No attempt can succeed. */
  isPermanent: boolean;
  /** The server says that the address itself does not exist, or takes no mail. */
  isBadAddress: boolean;
  /** The SMTP code; undefined when the server has not answered. */
  code: number | undefined;
}

/** nodemailer's. */
interface SmtpError {
  responseCode?: number;
  response?: string;
  command?: string;
}

/** Commands after which the server judges this mail. What it says before is about us, and can be put right. */
const judging = new Set(['RCPT TO', 'DATA']);
const badAddressCodes = new Set([550, 551, 553]);
/** RFC 3463: no such mailbox, domain or address; moved; disabled. */
const badAddressStatus = /^5\.(1\.([1236]|10)|2\.1)$/;
/** The mailbox is full, or the whole server is: that passes. */
const fullCodes = new Set([452, 552]);
const fullStatus = /^[45]\.(2\.2|3\.1)$/;

/**
 * Permanent is a 5xx about the recipient or the message. Another attempt can succeed after everything else: no answer,
 * 4xx, a full mailbox, and a 5xx about ourselves (greeting, login, sender), which whoever runs Darkroom has to put right.
 */
export function smtpTroubleOf(error: unknown): SmtpTrouble {
  const { responseCode: code, response = '', command = '' } = error as SmtpError;
  // Of several lines the last one counts, as for the code.
  const status = /^\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})\b/.exec(lastLine(response))?.[1];
  const isFull = status === undefined ? fullCodes.has(code ?? 0) : fullStatus.test(status);
  const isRefusal = code !== undefined && code >= 500 && code < 600;
  const isPermanent = isRefusal && judging.has(command) && !isFull;
  const isBadAddress =
    isPermanent &&
    command === 'RCPT TO' &&
    (status === undefined ? badAddressCodes.has(code) : badAddressStatus.test(status));
  return { isPermanent, isBadAddress, code };
}

function lastLine(response: string): string {
  return response.trimEnd().split(/\r?\n/).at(-1)!;
}
