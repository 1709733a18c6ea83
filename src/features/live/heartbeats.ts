import { Inject, Injectable, Logger } from '@nestjs/common';
import { onAbort } from '../../common/deadline.js';
import { messageOf } from '../../common/message-of.js';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { unhurried } from '../../infrastructure/database/request-deadline.js';
import { AuthGate } from '../auth/auth-gate.js';
import type { Credential } from '../auth/credential.js';
import type { RequestUser } from '../auth/request-user.js';
import type { EventStream } from './event-stream.js';

/** Who listens, and by which right. */
export interface Visitor {
  user: RequestUser;
  credential: Credential;
}

/** Keeps streams alive, and ends those whose listener may no longer listen. */
@Injectable()
export class Heartbeats {
  private readonly log = new Logger('Live');

  constructor(
    private readonly gate: AuthGate,
    @Inject(SETTINGS) private readonly settings: Pick<Settings, 'liveHeartbeatMs'>,
  ) {}

  /** Until the stream is closed. */
  begin(out: EventStream, visitor: Visitor): void {
    const beat = () => unhurried(() => void this.beat(out, visitor));
    const timer = setInterval(beat, this.settings.liveHeartbeatMs);
    onAbort(out.closed, () => clearInterval(timer));
  }

  private async beat(out: EventStream, visitor: Visitor): Promise<void> {
    if (!(await this.mayListen(visitor))) out.end();
    else if (!out.isBehind) out.write(':\n\n');
  }

  /** As long as the database is away, nobody can say that a key is revoked. */
  private async mayListen({ user, credential }: Visitor): Promise<boolean> {
    try {
      const now = await this.gate.userOf(credential);
      return now?.id === user.id && now.role === user.role && now.scopes.includes('read');
    } catch (error) {
      this.log.debug(messageOf(error));
      return true;
    }
  }
}
