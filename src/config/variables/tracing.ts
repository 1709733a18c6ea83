import { z } from 'zod';
import { url } from '../environment-values.js';
import { variable, type Values } from './variable.js';

export const tracingVariables = {
  OTEL_EXPORTER_OTLP_ENDPOINT: variable(url('collector', 'http', 'https').optional(), {
    description:
      'Collector of OpenTelemetry, which gets the traces by OTLP over HTTP. Default: there are none.',
    example: 'http://localhost:4318',
    secret: true,
  }),
  OTEL_TRACES_SAMPLER_ARG: variable(
    z
      .string()
      .regex(/^(0|1|0?\.\d{1,6}|1\.0{1,6})$/, 'is not a number from 0 to 1')
      .transform(Number)
      .default(1),
    {
      description: 'Share of the traces that are sent, from 0 to 1.',
      example: '0.1',
    },
  ),
};

export interface TracingEnvironment {
  /** Undefined: nothing is traced. */
  otlpEndpoint: string | undefined;
  /** 0 … 1 */
  tracedShare: number;
}

export function tracingEnvironment(v: Values<typeof tracingVariables>): TracingEnvironment {
  return {
    otlpEndpoint: v.OTEL_EXPORTER_OTLP_ENDPOINT,
    tracedShare: v.OTEL_TRACES_SAMPLER_ARG,
  };
}
