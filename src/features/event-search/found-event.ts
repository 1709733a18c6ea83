import type { Term } from './search-terms.js';

/** A search of one user, in the terms of both backends. */
export interface Search {
  ownerId: string;
  terms: Term[][];
  type?: string | undefined;
  limit: number;
  cursor?: string | undefined;
}

export interface FoundEvent {
  id: string;
  type: string;
  status: 'ACCEPTED' | 'PROCESSED' | 'FAILED' | 'REVOKED';
  createdAt: Date;
  excerpt: string;
  /** Higher is better; each backend has its own scale. */
  score: number;
}

/** A page, the newest first. */
export interface FoundPage {
  events: FoundEvent[];
  /** The last place that was looked at, when there may be more behind it. */
  next: { at: Date; id: string } | null;
}
