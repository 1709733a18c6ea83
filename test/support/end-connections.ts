/**
 * Ends every other connection of this role to this database. The server's own processes, such as an autovacuum
 * worker that happens to look at it, are left alone: no ordinary role may end them.
 *
 * @returns how many ended
 */
export async function endConnections(database: {
  query(sql: string): Promise<unknown>;
}): Promise<number> {
  const ended = rowsOf(
    await database.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
          AND usename = current_user`,
    ),
  );
  return ended.length;
}

/** A client of `pg` answers with a result, a DataSource with the rows themselves. */
function rowsOf(answer: unknown): unknown[] {
  return Array.isArray(answer) ? answer : (answer as { rows: unknown[] }).rows;
}
