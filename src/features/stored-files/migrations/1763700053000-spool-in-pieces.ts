import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Uncompressed, a piece of the bytes is read without those before it; pictures cannot be compressed anyway. */
export class SpoolInPieces1763700053000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE image_spool ALTER COLUMN data SET STORAGE EXTERNAL`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE image_spool ALTER COLUMN data SET STORAGE EXTENDED`);
  }
}
