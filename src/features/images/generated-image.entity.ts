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

  /** What it shows; null: it was made before prompts were kept, and its task was gone. */
  @Column('text', { nullable: true })
  prompt!: string | null;

  @Column('text', { name: 'negative_prompt', nullable: true })
  negativePrompt!: string | null;

  /** Checkpoint that made it; null: the engine did not say. */
  @Column('text', { nullable: true })
  model!: string | null;

  @Column('text', { name: 'character_name', nullable: true })
  characterName!: string | null;

  /** The client's own name of a conversation. */
  @Column('text', { name: 'chat_id', nullable: true })
  chatId!: string | null;

  /** Never deleted because of its age. */
  @Column('boolean')
  favourite!: boolean;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;

  @Column('text', { name: 'object_key', nullable: true })
  objectKey!: string | null;

  @Column('text', { name: 'thumbnail_key', nullable: true })
  thumbnailKey!: string | null;

  @Column('timestamptz', { name: 'stored_at', nullable: true })
  storedAt!: Date | null;
}
