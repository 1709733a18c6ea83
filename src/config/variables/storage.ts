import { z } from 'zod';
import { bytes, flag, httpOrigin, integer, url } from '../environment-values.js';
import { variable, type Values } from './variable.js';

export const storageVariables = {
  S3_BUCKET: variable(
    z
      .string()
      .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'is not the name of a bucket')
      .optional(),
    {
      description:
        'Bucket of an S3 object storage for the pictures. Without it they are files in the folder objects in DARKROOM_DATA_DIR.',
      example: 'pictures',
    },
  ),
  S3_ENDPOINT: variable(url('web', 'http', 'https').optional(), {
    description:
      'Address of the S3 storage; default: AWS. For Yandex Cloud: https://storage.yandexcloud.net with S3_REGION=ru-central1.',
    example: 'https://storage.yandexcloud.net',
  }),
  S3_REGION: variable(
    z
      .string()
      .regex(/^[a-z0-9-]{1,40}$/, 'is not a region')
      .default('us-east-1'),
    {
      description: 'Region of the bucket.',
      example: 'ru-central1',
    },
  ),
  S3_ACCESS_KEY_ID: variable(z.string().max(200).optional(), {
    description:
      'Id of the key that may read, write, list and delete objects in the bucket. Without it the AWS SDK looks for the role of the machine.',
    example: 'YCAJEexampleexampleexample',
  }),
  S3_SECRET_ACCESS_KEY: variable(z.string().max(200).optional(), {
    description: 'The secret of S3_ACCESS_KEY_ID.',
    example: 'YCPexample',
    secret: true,
  }),
  S3_FORCE_PATH_STYLE: variable(flag.optional(), {
    description:
      'true: the bucket is in the path of an address, false: in its host name. Default: true with S3_ENDPOINT.',
    example: 'true',
  }),
  S3_PUBLIC_BASE_URL: variable(httpOrigin.optional(), {
    description:
      'Where browsers reach the same storage. With it, pictures are fetched from there, by links that are signed for five minutes; without it, through the API.',
    example: 'https://storage.yandexcloud.net',
  }),
  SPOOL_MAX_BYTES: variable(bytes(0, 1e14).default(10 * 2 ** 30), {
    description:
      'Bytes that may wait in the database for the storage. Above it no picture is begun and no upload accepted; 0: no bound.',
    example: '10737418240',
  }),
  UPLOAD_MAX_BYTES: variable(bytes(1_000, 64 * 2 ** 20).default(20 * 2 ** 20), {
    description: 'Size of the largest picture that POST /api/v1/uploads takes, in bytes.',
    example: '20971520',
  }),
  UPLOAD_QUOTA_FILES: variable(integer(1, 1_000_000).default(500), {
    description: 'Uploads that a user may have at once.',
    example: '500',
  }),
  UPLOAD_QUOTA_BYTES: variable(bytes(1, 1e14).default(2 ** 30), {
    description: 'Bytes that the uploads of a user may have together.',
    example: '1073741824',
  }),
};

/** How an S3 storage is reached. */
export interface S3Environment {
  bucket: string;
  /** Undefined: AWS. */
  endpoint: string | undefined;
  region: string;
  /** Undefined: those of the machine. */
  credentials: { accessKeyId: string; secretAccessKey: string } | undefined;
  forcePathStyle: boolean;
  /** Scheme, host and port; undefined: browsers do not reach it. */
  publicBaseUrl: string | undefined;
}

export interface StorageEnvironment {
  /** Undefined: objects are files. */
  s3: S3Environment | undefined;
  /** 0: no bound. */
  spoolMaxBytes: number;
  uploadMaxBytes: number;
  /** Of one user. */
  uploadQuota: { files: number; bytes: number };
}

type StorageValues = Values<typeof storageVariables>;

export function storageEnvironment(v: StorageValues): StorageEnvironment {
  return {
    s3: s3Environment(v),
    spoolMaxBytes: v.SPOOL_MAX_BYTES,
    uploadMaxBytes: v.UPLOAD_MAX_BYTES,
    uploadQuota: { files: v.UPLOAD_QUOTA_FILES, bytes: v.UPLOAD_QUOTA_BYTES },
  };
}

function s3Environment(v: StorageValues): S3Environment | undefined {
  if (v.S3_BUCKET === undefined) return undefined;
  const accessKeyId = v.S3_ACCESS_KEY_ID;
  const secretAccessKey = v.S3_SECRET_ACCESS_KEY;
  return {
    bucket: v.S3_BUCKET,
    endpoint: v.S3_ENDPOINT,
    region: v.S3_REGION,
    credentials:
      accessKeyId === undefined || secretAccessKey === undefined
        ? undefined
        : { accessKeyId, secretAccessKey },
    forcePathStyle: v.S3_FORCE_PATH_STYLE ?? v.S3_ENDPOINT !== undefined,
    publicBaseUrl: v.S3_PUBLIC_BASE_URL,
  };
}

/** Variables that need another one which is not set, with what is wrong. */
export function missingStorageVariables(
  set: Record<string, string | undefined>,
): [name: string, problem: string][] {
  const needs: [name: string, other: string][] = [
    ['S3_BUCKET', 'S3_ENDPOINT'],
    ['S3_BUCKET', 'S3_ACCESS_KEY_ID'],
    ['S3_SECRET_ACCESS_KEY', 'S3_ACCESS_KEY_ID'],
    ['S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY'],
  ];
  return needs
    .filter(([name, other]) => !set[name] && set[other])
    .map(([name, other]) => [name, `is not set, and ${other} is`]);
}
