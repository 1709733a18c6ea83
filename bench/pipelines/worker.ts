import { workerFeatures } from '../../src/worker-features.js';
import { LineModule } from './line.pipelines.js';

/** A worker that also has the pipelines of the benchmark. */
workerFeatures.push(LineModule);
await import('../../src/worker.js');
