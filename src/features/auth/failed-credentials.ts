import { Injectable } from '@nestjs/common';
import { Attempts } from './attempts.js';

/** Wrong credentials, by address. Valid ones are never delayed. */
@Injectable()
export class FailedCredentials extends Attempts {
  constructor() {
    super('wrong credentials in a minute', 20, 60_000);
  }
}
