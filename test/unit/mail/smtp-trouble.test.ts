import { expect, it } from '@jest/globals';
import { about } from '../../support/about.js';
import { smtpTroubleOf } from '../../../src/features/email/smtp-trouble.js';

type Means = 'again' | 'refused' | 'bad address';

/** The server's answer to a command, and what it means for the mail. */
const cases: [command: string, response: string, Means][] = [
  ['CONN', '421 too busy', 'again'],
  ['CONN', '554 5.7.1 go away', 'again'],
  ['EHLO', '550 who are you', 'again'],
  ['AUTH PLAIN', '535 5.7.8 wrong password', 'again'],
  ['MAIL FROM', '550 5.7.1 not your address', 'again'],
  ['MAIL FROM', '451 later', 'again'],
  ['RCPT TO', '450 4.2.0 greylisted', 'again'],
  ['RCPT TO', '451-4.7.1 several\n451 4.7.1 lines', 'again'],
  ['RCPT TO', '421 closing', 'again'],
  ['RCPT TO', '550 no such user', 'bad address'],
  ['RCPT TO', '550 5.1.1 no such user', 'bad address'],
  ['RCPT TO', '550-5.1.1 no such\n550 5.1.1 user', 'bad address'],
  ['RCPT TO', '550 5.1.10 null MX', 'bad address'],
  ['RCPT TO', '550 5.2.1 disabled', 'bad address'],
  ['RCPT TO', '551 5.1.6 moved', 'bad address'],
  ['RCPT TO', '553 mailbox name not allowed', 'bad address'],
  ['RCPT TO', '550 5.7.1 relaying denied', 'refused'],
  ['RCPT TO', '554 5.7.1 your address is on a list', 'refused'],
  ['RCPT TO', '553 5.1.8 bad sender', 'refused'],
  ['RCPT TO', '452 4.2.2 over quota', 'again'],
  ['RCPT TO', '452 too many', 'again'],
  ['RCPT TO', '552 mailbox full', 'again'],
  ['RCPT TO', '552-5.2.2 over\n552 5.2.2 quota', 'again'],
  ['RCPT TO', '550 5.2.2 mailbox full', 'again'],
  ['DATA', '451 scanner is away', 'again'],
  ['DATA', '554 5.6.0 spam', 'refused'],
  ['DATA', '550 no such user after all', 'refused'],
  ['DATA', '552 5.3.4 too big', 'refused'],
];

it('tells what can still be delivered from what cannot, and what is wrong with the address', () => {
  for (const [command, response, means] of cases) {
    const responseCode = Number(response.slice(0, 3));
    const trouble = smtpTroubleOf(Object.assign(new Error(), { command, response, responseCode }));
    about(`${command}: ${response}`, () =>
      expect(trouble).toEqual({
        isPermanent: means !== 'again',
        isBadAddress: means === 'bad address',
        code: responseCode,
      }),
    );
  }
});

it('takes silence and broken connections for something that passes', () => {
  for (const code of ['ETIMEDOUT', 'ECONNECTION', 'EDNS', 'ETLS', 'EABORT']) {
    const error = Object.assign(new Error('x'), { code, command: 'CONN' });
    const passing = { isPermanent: false, isBadAddress: false, code: undefined };
    expect(smtpTroubleOf(error)).toEqual(passing);
  }
});
