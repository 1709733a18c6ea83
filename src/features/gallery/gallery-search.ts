import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { retried } from '../../infrastructure/database/transaction.js';
import { placeOf } from '../../infrastructure/http/time-cursor.js';
import { GeneratedImageEntity } from '../images/generated-image.entity.js';
import type { GalleryQuery } from './gallery.dto.js';

const page = `
  image.owner_id = :owner
  AND (image.created_at, image.id) < (
    coalesce(CAST(:at AS timestamptz), 'infinity'),
    coalesce(CAST(:id AS uuid), 'ffffffff-ffff-ffff-ffff-ffffffffffff'))`;

/**
 * All filters have one text, as each text is prepared on each connection. They are left out when none is given:
 * Postgres would plan for few rows, and read all of the owner's.
 */
const filters = `
  image.created_at >= coalesce(CAST(:from AS timestamptz), '-infinity')
  AND image.created_at < coalesce(CAST(:to AS timestamptz), 'infinity')
  AND (CAST(:model AS text) IS NULL OR image.model = :model)
  AND (CAST(:character AS text) IS NULL OR image.character_name = :character)
  AND (CAST(:chat AS text) IS NULL OR image.chat_id = :chat)
  AND (CAST(:favourite AS boolean) IS NULL OR image.favourite = :favourite)`;

/** Reads the words as the index has them: see the migration. */
const words = `image.prompt_words @@ websearch_to_tsquery('russian', translate(:q, '/.@ёЁ', '   еЕ'))`;

/** Finds pictures of one user. */
@Injectable()
export class GallerySearch {
  constructor(private readonly database: DataSource) {}

  /** One page and one picture more, the newest first. */
  async find(ownerId: string, query: GalleryQuery): Promise<GeneratedImageEntity[]> {
    const { q, cursor, limit, ...given } = query;
    const search = this.database.manager
      .createQueryBuilder(GeneratedImageEntity, 'image')
      .where(page, { owner: ownerId, ...placeOf(cursor) })
      .orderBy({ 'image.createdAt': 'DESC', 'image.id': 'DESC' })
      .limit(limit + 1);
    if (Object.values(given).some((filter) => filter !== undefined)) {
      search.andWhere(filters, {
        from: timeOf(given.from),
        to: timeOf(given.to),
        model: given.model ?? null,
        character: given.character_name ?? null,
        chat: given.chat_id ?? null,
        favourite: given.favourite ?? null,
      });
    }
    if (q !== undefined) search.andWhere(words, { q: withoutLoneDashes(q) });
    return retried(() => search.getMany());
  }
}

/**
 * A dash excludes the word or phrase that follows it at once. Postgres also takes others, and fails at a long row of
 * them ("tsquery stack too small").
 */
function withoutLoneDashes(text: string): string {
  return text.replace(/-(?![\p{L}\p{N}"])/gu, ' ');
}

function timeOf(text: string | undefined): Date | null {
  return text === undefined ? null : new Date(text);
}
