import { isIP } from 'node:net';
import { z } from 'zod';

/** `true` or `false`. */
export const flag = z.enum(['true', 'false']).transform((value) => value === 'true');

/** A whole number from `min` to `max`, written in digits. */
export const integer = (min: number, max: number) => wholeNumber(/^\d{1,9}$/, min, max);

/** A number of bytes. */
export const bytes = (min: number, max: number) => wholeNumber(/^\d{1,15}$/, min, max);

const wholeNumber = (digits: RegExp, min: number, max: number) =>
  z
    .string()
    .regex(digits, 'is not a whole number')
    .transform(Number)
    .refine((n) => n >= min && n <= max, `is not between ${min} and ${max}`);

const schemesOf = (schemes: string[]) => schemes.map((scheme) => `${scheme}://…`).join(' or ');

/** Refuses `redis:6379`, which also parses as a URL. */
function isUrl(value: string, schemes: string[]): boolean {
  return URL.canParse(value) && schemes.some((scheme) => value.startsWith(`${scheme}://`));
}

/** The drivers decode a password, and a lone % ends them with "URI malformed". */
function isEscaped(value: string): boolean {
  try {
    decodeURIComponent(value);
    return true;
  } catch {
    return false;
  }
}

export const url = (what: string, ...schemes: string[]) =>
  z
    .string()
    .refine((value) => isUrl(value, schemes), {
      error: `is not a ${what} URL (${schemesOf(schemes)})`,
      abort: true,
    })
    .refine(isEscaped, 'has a % that escapes nothing; write it as %25');

export const postgresUrl = url(
  'Postgres',
  'postgres',
  'postgresql',
  'postgresql+asyncpg',
  'postgresql+psycopg2',
);
export const engineUrl = url('Stable Diffusion API', 'http', 'https');
export const engineUrlList = z
  .string()
  .transform((list) => list.split(',').map((item) => item.trim()))
  .transform((items) => [...new Set(items.filter((item) => item !== ''))])
  .refine((urls) => urls.length > 0, 'names no server')
  .refine(
    (urls) => urls.every((item) => engineUrl.safeParse(item).success),
    `is not a comma list of Stable Diffusion API URLs (${schemesOf(['http', 'https'])})`,
  );

/** Scheme, host and port of a server as browsers know it, and nothing else. */
export const httpOrigin = url('web', 'http', 'https')
  .transform((value) => new URL(value))
  .refine(({ href, origin }) => href === `${origin}/`, 'is more than scheme, host and port')
  .transform(({ origin }) => origin);

/** What is separated by commas. */
export const commaList = z.string().transform((list) =>
  list
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean),
);

/** Addresses or CIDR blocks, separated by commas. */
export const addressList = commaList.refine(
  (list) => list.every((item) => isAddress(item)),
  'is not a comma list of addresses or CIDR blocks (10.0.0.5, 172.16.0.0/12)',
);

function isAddress(item: string): boolean {
  const [address = '', bits, ...rest] = item.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return (
    bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128))
  );
}

/** Shared by the variables and the options of a worker, so that both take the same values. */
export const workerPools = z.enum(['inline', 'processes']);
export type WorkerPool = z.output<typeof workerPools>;
export const concurrency = integer(1, 1000);
export const maxTasks = integer(0, 1_000_000);
export const maxMemoryMb = integer(1, 1_000_000);
