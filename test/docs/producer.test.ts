import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Injectable, Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Column, DataSource, Entity, PrimaryColumn } from 'typeorm';
import { EnvironmentError } from '../../src/config/environment.js';
import { CalculateProcessor } from '../../src/features/calculate/calculate.processor.js';
import { addNumbersTask } from '../../src/features/calculate/calculate.tasks.js';
import { TaskClient } from '../../src/tasks/sending/task-client.js';
import { TaskRegistry } from '../../src/tasks/definitions/task-registry.js';
import { TasksModule } from '../../src/tasks/tasks.module.js';
import { TaskWorkers } from '../../src/tasks/task-workers.js';
import { onBothQueueEngines } from '../support/on-both-queue-engines.js';
import { openTaskLab, type TaskLab } from '../support/task-lab.js';

@Entity('orders')
class Order {
  @PrimaryColumn('int')
  number!: number;

  @Column('int')
  price!: number;
}

@Injectable()
class OrdersService {
  constructor(
    private readonly database: DataSource,
    private readonly tasks: TaskClient,
  ) {}

  async place(number: number, price: number, shipping: number) {
    return this.database.transaction(async (tx) => {
      await tx.insert(Order, { number, price });
      return this.tasks.send(tx, addNumbersTask, { x: price, y: shipping });
    });
  }
}

@Module({ providers: [OrdersService] })
class OrdersModule {}

function shopModule(databaseUrl: string, queueUrl?: string): DynamicModule {
  class ShopModule {}
  return {
    module: ShopModule,
    imports: [TasksModule.forProducer({ databaseUrl, queueUrl, entities: [Order] }), OrdersModule],
  };
}

onBothQueueEngines('a service that only sends', (engine) => {
  let lab: TaskLab;
  let shop: Awaited<ReturnType<typeof NestFactory.createApplicationContext>>;
  beforeAll(async () => {
    lab = await openTaskLab(engine, { providers: [CalculateProcessor], serve: [] });
    // Checked at the commit, so that it is the commit that fails.
    await lab.database.query(
      'CREATE TABLE orders (number int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, price int)',
    );
    const { databaseUrl, queueUrl } = lab.stores;
    shop = await NestFactory.createApplicationContext(shopModule(databaseUrl, queueUrl), {
      logger: false,
      abortOnError: false,
    });
  });
  afterAll(async () => {
    await shop.close();
    await lab.close();
  });

  it('sends a task together with its own rows, and gets the result from a worker elsewhere', async () => {
    const sent = await shop.get(OrdersService, { strict: false }).place(1, 40, 2);
    expect(await sent.status()).toBe('PENDING');
    lab.workers.start(['normal_priority'], { name: `elsewhere-${engine}` });
    expect(await sent.get({ timeoutMs: 30_000 })).toBe(42);
    expect((await lab.database.query('SELECT FROM orders')).length).toBe(1);
    expect((await lab.task(sent.id)).worker).toBe(`elsewhere-${engine}`);
  });

  it('sends nothing when its transaction rolls back', async () => {
    const orders = shop.get(OrdersService, { strict: false });
    await orders.place(2, 7, 7);
    await expect(orders.place(2, 8, 8)).rejects.toThrow(/orders_pkey/);
    const sent = await lab.database.query(
      `SELECT payload->'x' AS price FROM tasks WHERE payload->'x' IN ('7', '8')`,
    );
    expect(sent).toEqual([{ price: 7 }]);
  });

  it('has no worker and no handlers in it', () => {
    for (const part of [TaskWorkers, TaskRegistry, CalculateProcessor]) {
      expect(() => shop.get<unknown>(part, { strict: false })).toThrow(/does not exist/);
    }
  });
});

it('a producer with a wrong URL does not start, and says why', () => {
  const wrong = { databaseUrl: 'mysql://localhost/darkroom' };
  expect(() => TasksModule.forProducer(wrong)).toThrow(EnvironmentError);
  expect(() => TasksModule.forProducer(wrong)).toThrow(/DATABASE_URL/);
});
