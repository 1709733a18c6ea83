import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Two workers of one name have a row each. Rows live as long as a heartbeat, so they are not kept: a
 * worker writes its own again within seconds.
 */
export class WorkerProcesses1763700022000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`DELETE FROM workers`);
    await runner.query(`ALTER TABLE workers DROP CONSTRAINT workers_pkey`);
    await runner.query(`ALTER TABLE workers ADD COLUMN process text PRIMARY KEY`);
    await runner.query(`COMMENT ON COLUMN workers.process IS
      'the process, unlike the name of no other one'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DELETE FROM workers`);
    await runner.query(`ALTER TABLE workers DROP COLUMN process`);
    await runner.query(`ALTER TABLE workers ADD PRIMARY KEY (name)`);
  }
}
