import { waitAtMost } from './deadline.js';

interface Waiting<Q, A> {
  question: Q;
  resolve: (answer: A) => void;
  reject: (error: unknown) => void;
}

/** A longer round trip, for example on a broken connection, does not delay the next one. Milliseconds. */
const usualPatienceMs = 250;

/**
 * Asks many questions in one round trip: while one is on its way, the next ones gather. So a single
 * question never waits, and under load the round trips grow fewer and fuller.
 *
 * A question always goes into a round trip that begins after it was asked.
 */
export class Gathered<Q, A> {
  private waiting: Waiting<Q, A>[] = [];
  private asking = false;

  /**
   * @param askAll answers in the order of the questions; when it throws, all of them fail
   * @param most questions in one round trip
   * @param patienceMs after that long, the next round trip begins though this one is not over; milliseconds
   */
  constructor(
    private readonly askAll: (questions: Q[]) => Promise<A[]>,
    private readonly most: number,
    private readonly patienceMs = usualPatienceMs,
  ) {}

  ask(question: Q): Promise<A> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ question, resolve, reject });
      if (!this.asking) void this.askWaiting();
    });
  }

  private async askWaiting(): Promise<void> {
    this.asking = true;
    // Lets the other requests of this turn of the event loop join.
    await new Promise(setImmediate);
    while (this.waiting.length > 0) {
      await waitAtMost(this.patienceMs, this.roundTrip(this.waiting.splice(0, this.most)));
    }
    this.asking = false;
  }

  private async roundTrip(batch: Waiting<Q, A>[]): Promise<void> {
    try {
      const answers = await this.askAll(batch.map((asked) => asked.question));
      for (const [i, asked] of batch.entries()) asked.resolve(answers[i]!);
    } catch (error) {
      for (const asked of batch) asked.reject(error);
    }
  }
}

/** Gathers the questions of each key apart from those of others, so that a key has one round trip at a time. */
export class GatheredByKey<Q, A> {
  private readonly byKey = new Map<string, { gathered: Gathered<Q, A>; waiting: number }>();

  /** @param askAll answers questions of one key; the parameters are those of {@link Gathered} */
  constructor(
    private readonly askAll: (questions: Q[]) => Promise<A[]>,
    private readonly most: number,
    private readonly patienceMs: number,
  ) {}

  async ask(key: string, question: Q): Promise<A> {
    const entry = this.byKey.get(key) ?? this.add(key);
    entry.waiting += 1;
    try {
      return await entry.gathered.ask(question);
    } finally {
      entry.waiting -= 1;
      if (entry.waiting === 0) this.byKey.delete(key);
    }
  }

  private add(key: string) {
    const entry = { gathered: new Gathered(this.askAll, this.most, this.patienceMs), waiting: 0 };
    this.byKey.set(key, entry);
    return entry;
  }
}
