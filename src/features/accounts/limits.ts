import { Injectable } from '@nestjs/common';
import { Attempts } from '../auth/attempts.js';

/** Requests that send a mail to whatever address they name. */
@Injectable()
export class MailRequests extends Attempts {
  constructor() {
    super('requests for mails in a minute', 10, 60_000);
  }
}

/** Mails to an address that nobody has confirmed to want them. */
@Injectable()
export class MailsToAddress extends Attempts {
  constructor() {
    super('mails in an hour asked for one address,', 5, 3_600_000);
  }
}

/** Wrong passwords for an account, from one client or by its own user. */
@Injectable()
export class WrongPasswords extends Attempts {
  constructor() {
    super('wrong passwords in a minute for one account,', 10, 60_000);
  }
}
