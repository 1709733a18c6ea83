import {
  EventSubscriber,
  type EntityManager,
  type EntitySubscriberInterface,
  type QueryRunner,
} from 'typeorm';

type Callback = () => void;
const waiting = new WeakMap<QueryRunner, Callback[]>();

/**
 * Runs `callback` once the transaction of `tx` has committed; at once when `tx` is in none.
 * A rollback discards it. A process that dies in between never calls it, so the rows must also show
 * what is left to do (the reconciler does that for the queue).
 */
export function afterCommit(tx: EntityManager, callback: Callback): void {
  const runner = tx.queryRunner;
  if (runner?.isTransactionActive !== true) return callback();
  const callbacks = waiting.get(runner);
  if (callbacks) callbacks.push(callback);
  else waiting.set(runner, [callback]);
}

@EventSubscriber()
export class AfterCommitSubscriber implements EntitySubscriberInterface {
  afterTransactionCommit({ queryRunner }: { queryRunner: QueryRunner }): void {
    // A released savepoint is announced as a commit too.
    if (queryRunner.isTransactionActive) return;
    const callbacks = waiting.get(queryRunner);
    waiting.delete(queryRunner);
    for (const callback of callbacks ?? []) callback();
  }

  afterTransactionRollback({ queryRunner }: { queryRunner: QueryRunner }): void {
    if (!queryRunner.isTransactionActive) waiting.delete(queryRunner);
  }
}
