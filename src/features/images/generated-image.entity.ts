import { Column, Entity, PrimaryColumn } from 'typeorm';

export type ImageContentType = 'image/png' | 'image/jpeg' | 'image/webp';

/** One picture. Its bytes are in the spool until `storedAt`, then under `objectKey`. */
@Entity('generated_images')
export class GeneratedImageEntity {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid', { name: 'task_id' })
  taskId!: string;

  @Column('uuid', { name: 'owner_id' })
  ownerId!: string;

  /** Index within the batch, from 0. */
  @Column('smallint')
  index!: number;

  @Column('integer')
  width!: number;

  @Column('integer')
  height!: number;

  @Column('text', { name: 'content_type' })
  contentType!: ImageContentType;

  @Column('integer')
  bytes!: number;

  @Column('bytea')
  sha256!: Buffer;

  /** Up to 2^32 - 1; pg returns a bigint as text. */
  @Column('bigint')
  seed!: string;

  @Column('text', { name: 'object_key', nullable: true })
  objectKey!: string | null;

  @Column('text', { name: 'thumbnail_key', nullable: true })
  thumbnailKey!: string | null;

  @Column('timestamptz', { name: 'stored_at', nullable: true })
  storedAt!: Date | null;
}
