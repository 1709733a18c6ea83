import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Plans, what users have and use, and the ledger of credits, which the end of a task settles. */
export class Credits1763700032000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE users ADD COLUMN plan text NOT NULL DEFAULT 'standard'`);
    await runner.query(`UPDATE users SET plan = 'unlimited' WHERE role = 'admin'`);
    await this.createTables(runner);
    await runner.query(`
      CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'rows of % are only ever added', TG_TABLE_NAME; END $$`);
    await runner.query(`
      CREATE TRIGGER credit_entries_append_only BEFORE UPDATE OR DELETE ON credit_entries
        FOR EACH ROW EXECUTE FUNCTION refuse_change()`);
    await this.createSettlement(runner);
  }

  private async createTables(runner: QueryRunner): Promise<void> {
    // Updated with each generation of the user: room on the page for the new version.
    await runner.query(`
      CREATE TABLE credit_accounts (
        user_id         uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
        balance         bigint NOT NULL CHECK (balance >= 0),
        held            bigint NOT NULL DEFAULT 0 CHECK (held >= 0),
        open_tasks      int NOT NULL DEFAULT 0 CHECK (open_tasks >= 0),
        minute_start    timestamptz NOT NULL DEFAULT now(),
        minute_requests int NOT NULL DEFAULT 0,
        day             date NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')::date,
        day_images      int NOT NULL DEFAULT 0
      ) WITH (fillfactor = 50)`);
    const accounts = {
      balance: 'credits that may be spent',
      held: 'credits of tasks that are not over',
      open_tasks: 'number of the rows in credit_holds',
      minute_requests: 'generations accepted since minute_start',
      day_images: 'images asked for on that day, UTC',
    };
    for (const [column, comment] of Object.entries(accounts)) {
      await runner.query(`COMMENT ON COLUMN credit_accounts.${column} IS '${comment}'`);
    }
    // No reference to users: an entry outlives the user that it names.
    await runner.query(`
      CREATE TABLE credit_entries (
        id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at        timestamptz NOT NULL DEFAULT now(),
        user_id   uuid NOT NULL,
        kind      text NOT NULL CHECK (kind IN ('grant', 'hold', 'capture', 'release', 'refund')),
        amount    bigint NOT NULL CHECK (amount >= 0 OR kind = 'grant'),
        task_id   uuid CHECK ((task_id IS NULL) = (kind = 'grant')),
        reference text,
        note      text,
        UNIQUE (task_id, kind),
        UNIQUE (user_id, reference)
      )`);
    await runner.query(`CREATE INDEX credit_entries_user ON credit_entries (user_id, id)`);
    await runner.query(
      `COMMENT ON COLUMN credit_entries.reference IS 'of a grant: it is made once'`,
    );
    await runner.query(`
      CREATE TABLE credit_holds (
        task_id         uuid PRIMARY KEY,
        user_id         uuid NOT NULL,
        images          int NOT NULL,
        price_per_image bigint NOT NULL,
        delivered       int
      )`);
    await runner.query(`COMMENT ON TABLE credit_holds IS 'of tasks that are not over'`);
    await runner.query(
      `COMMENT ON COLUMN credit_holds.delivered IS 'images; written in the transaction of SUCCESS'`,
    );
    await runner.query(`CREATE INDEX credit_holds_user ON credit_holds (user_id)`);
  }

  /** In the database, as tasks end in many ways: in workers, by commands, by the sweeper, with their canvas. */
  private async createSettlement(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE FUNCTION settle_credits() RETURNS trigger LANGUAGE plpgsql AS $$
      DECLARE
        hold     credit_holds;
        captured bigint := 0;
        released bigint;
      BEGIN
        DELETE FROM credit_holds WHERE task_id = OLD.id RETURNING * INTO hold;
        IF NOT FOUND THEN RETURN NULL; END IF;
        released := hold.images * hold.price_per_image;
        IF TG_OP = 'UPDATE' AND NEW.state = 'SUCCESS' THEN
          captured := least(coalesce(hold.delivered, hold.images), hold.images) * hold.price_per_image;
          released := released - captured;
          INSERT INTO credit_entries (user_id, kind, amount, task_id)
          VALUES (hold.user_id, 'capture', captured, hold.task_id);
        END IF;
        IF released > 0 OR TG_OP = 'DELETE' OR NEW.state <> 'SUCCESS' THEN
          INSERT INTO credit_entries (user_id, kind, amount, task_id)
          VALUES (hold.user_id, 'release', released, hold.task_id);
        END IF;
        UPDATE credit_accounts
           SET balance = balance + released, held = held - captured - released,
               open_tasks = open_tasks - 1
         WHERE user_id = hold.user_id;
        RETURN NULL;
      END $$`);
    await runner.query(`
      CREATE TRIGGER tasks_settle_credits AFTER UPDATE OF finished_at ON tasks FOR EACH ROW
        WHEN (OLD.finished_at IS NULL AND NEW.finished_at IS NOT NULL AND NEW.owner_id IS NOT NULL)
        EXECUTE FUNCTION settle_credits()`);
    await runner.query(`
      CREATE TRIGGER tasks_release_credits AFTER DELETE ON tasks FOR EACH ROW
        WHEN (OLD.finished_at IS NULL AND OLD.owner_id IS NOT NULL)
        EXECUTE FUNCTION settle_credits()`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TRIGGER tasks_release_credits ON tasks`);
    await runner.query(`DROP TRIGGER tasks_settle_credits ON tasks`);
    await runner.query(`DROP FUNCTION settle_credits`);
    await runner.query(`DROP TABLE credit_holds`);
    await runner.query(`DROP TABLE credit_entries`);
    await runner.query(`DROP FUNCTION refuse_change`);
    await runner.query(`DROP TABLE credit_accounts`);
    await runner.query(`ALTER TABLE users DROP COLUMN plan`);
  }
}
