/**
 * How far a reader of the history has come. Transactions do not become visible in the order of their numbers, so a
 * number alone would miss those that commit late. This is a snapshot of Postgres, and for a reader that was
 * interrupted within a transaction the last row that it had.
 */
export interface Position {
  /** The reader has had every transaction below this one, */
  next: bigint;
  /** except these, which were still open. */
  open: readonly bigint[];
  /** Of a transaction that it has not had to its end, `next` or one of `open`: the rows up to `seq`. */
  within?: Row;
}

interface Row {
  xid: bigint;
  seq: bigint;
}

/** Of a reader that has had nothing. */
export const beginning: Position = { next: 0n, open: [] };

const form = /^(\d{1,20})(?::(\d{1,20}(?:,\d{1,20})*))?(?:;(\d{1,20})\.(\d{1,19}))?$/;
const largestXid = 2n ** 64n - 1n;
const largestSeq = 2n ** 63n - 1n;

/** @returns undefined for a text that {@link textOf} has not made */
export function positionOf(text: string): Position | undefined {
  const [, next, open, xid, seq] = form.exec(text) ?? [];
  if (next === undefined) return undefined;
  const position: Position = {
    next: BigInt(next),
    open: open === undefined ? [] : open.split(',').map(BigInt),
    ...(xid !== undefined && { within: { xid: BigInt(xid), seq: BigInt(seq!) } }),
  };
  const { within } = position;
  const isSound =
    [position.next, ...position.open].every((one) => one <= largestXid) &&
    (!within || (isBegun(position, within.xid) && within.seq <= largestSeq));
  return isSound ? position : undefined;
}

function isBegun({ next, open }: Position, xid: bigint): boolean {
  return xid === next || open.includes(xid);
}

/** As few characters as possible: each event has one. */
export function textOf({ next, open, within }: Position): string {
  const but = open.length > 0 ? `:${open.join(',')}` : '';
  return `${next}${but}${within ? `;${within.xid}.${within.seq}` : ''}`;
}

/** What `pg_current_snapshot()` says: `xmin:xmax:open,open`. */
export function positionOfSnapshot(snapshot: string): Position {
  const [, next, open] = snapshot.split(':');
  return { next: BigInt(next!), open: open ? open.split(',').map(BigInt) : [] };
}

/** Whether the reader has had all of a transaction. */
export function hasHad({ next, open }: Position, xid: bigint): boolean {
  return xid < next && !open.includes(xid);
}

/** Whether a reader at `far` has had everything that one at `near` has had. */
export function covers(far: Position, near: Position): boolean {
  return far.next >= near.next && far.open.every((xid) => !hasHad(near, xid));
}

/** Of a reader that has had what either of two has had. */
export function both(one: Position, other: Position): Position {
  const next = one.next > other.next ? one.next : other.next;
  const open = [...new Set([...one.open, ...other.open])].filter(
    (xid) => !hasHad(one, xid) && !hasHad(other, xid),
  );
  const within = [one.within, other.within].find((row) => row && !hasHad({ next, open }, row.xid));
  return { next, open, ...(within && { within }) };
}

/**
 * The position behind a row.
 *
 * @param from where the reader began
 * @param seen what could be seen when it read. It gets the rest of `within` first, and then the rows of all that in the
 * order of (xid, seq): so it is in the middle of one transaction at most.
 * @param last the row is the last one of its transaction
 */
export function behind(from: Position, seen: Position, row: Row, last: boolean): Position {
  if (from.within?.xid === row.xid) return last ? completed(from) : { ...from, within: row };
  const begun = completed(from);
  const end = last ? row.xid + 1n : row.xid;
  const next = end > begun.next ? end : begun.next;
  const open = [
    ...begun.open.filter((one) => one >= end || !hasHad(seen, one)),
    ...seen.open.filter((one) => one >= begun.next && one < next),
  ];
  return { next, open, ...(!last && { within: row }) };
}

/** With all of the transaction that the reader was in. */
function completed({ next, open, within }: Position): Position {
  if (!within) return { next, open };
  if (within.xid === next) return { next: next + 1n, open };
  return { next, open: open.filter((xid) => xid !== within.xid) };
}
