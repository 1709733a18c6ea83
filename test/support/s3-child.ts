import type { AddressInfo } from 'node:net';
import S3rver from 's3rver';

/** An S3 server with the bucket `pictures`. Arguments: folder, port. */
const [directory, port] = process.argv.slice(2);
const server = new S3rver({
  address: '127.0.0.1',
  port: Number(port),
  silent: true,
  directory: directory!,
  configureBuckets: [{ name: 'pictures', configs: [] }],
});
const address = (await server.run()) as AddressInfo;
console.log(`Listening on port ${address.port}.`);
