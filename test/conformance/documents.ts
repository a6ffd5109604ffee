import type { Signal } from '../../src/contract/batch.ts';

const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'till' } }] };
const scope = {
  name: 'shop.till',
  version: '2.1.0',
  attributes: [{ key: 'built', value: { stringValue: 'ci' } }],
};
const attributes = [{ key: 'lane', value: { stringValue: 'seven' } }];
const times = { startTimeUnixNano: '1763700000000000001', timeUnixNano: '1763700010000000003' };

/**
 * Requests with what the examples of the specification hold: a span; a counter, a gauge and both
 * histograms; a log record with every kind of value; an event.
 */
export const DOCUMENTS: readonly {
  readonly name: string;
  readonly signal: Signal;
  readonly document: object;
}[] = [
  {
    name: 'a span',
    signal: 'traces',
    document: {
      resourceSpans: [
        {
          resource,
          scopeSpans: [
            {
              scope,
              spans: [
                {
                  traceId: '0af7651916cd43dd8448eb211c80319c',
                  spanId: 'b7ad6b7169203331',
                  parentSpanId: '00f067aa0ba902b7',
                  traceState: 'a=1,b=2',
                  flags: 257,
                  name: 'scan',
                  kind: 2,
                  startTimeUnixNano: '1763700000000000001',
                  endTimeUnixNano: '1763700000000000999',
                  attributes,
                  droppedAttributesCount: 4,
                  events: [{ timeUnixNano: '1763700000000000500', name: 'beep', attributes }],
                  links: [
                    {
                      traceId: '1af7651916cd43dd8448eb211c80319c',
                      spanId: 'c7ad6b7169203331',
                      attributes,
                    },
                  ],
                  status: { code: 2, message: 'jammed' },
                },
              ],
            },
          ],
          schemaUrl: 'https://example.com/schema/1',
        },
      ],
    },
  },
  {
    name: 'a counter, a gauge and histograms',
    signal: 'metrics',
    document: {
      resourceMetrics: [
        {
          resource,
          scopeMetrics: [
            {
              scope,
              metrics: [
                {
                  name: 'items',
                  unit: '1',
                  description: 'Items sold.',
                  sum: {
                    aggregationTemporality: 1,
                    isMonotonic: true,
                    dataPoints: [{ asDouble: 5.5, ...times, attributes }],
                  },
                },
                { name: 'queue', gauge: { dataPoints: [{ asInt: '-3', ...times, attributes }] } },
                {
                  name: 'basket',
                  histogram: {
                    aggregationTemporality: 1,
                    dataPoints: [
                      {
                        ...times,
                        count: '3',
                        sum: 6,
                        bucketCounts: ['1', '2'],
                        explicitBounds: [1.5],
                        min: 0,
                        max: 4,
                        attributes,
                      },
                    ],
                  },
                },
                {
                  name: 'wait',
                  exponentialHistogram: {
                    aggregationTemporality: 1,
                    dataPoints: [
                      {
                        ...times,
                        count: '4',
                        sum: 11,
                        scale: -1,
                        zeroCount: '1',
                        positive: { offset: -2, bucketCounts: ['0', '3'] },
                        attributes,
                      },
                    ],
                  },
                },
              ],
            },
          ],
        },
      ],
    },
  },
  {
    name: 'a log record with every kind of value, and an event',
    signal: 'logs',
    document: {
      resourceLogs: [
        {
          resource,
          scopeLogs: [
            {
              scope,
              logRecords: [
                {
                  timeUnixNano: '1763700000000000001',
                  observedTimeUnixNano: '1763700000000000002',
                  severityNumber: 17,
                  severityText: 'ERROR',
                  traceId: '0af7651916cd43dd8448eb211c80319c',
                  spanId: 'b7ad6b7169203331',
                  body: { stringValue: 'drawer open' },
                  attributes: [
                    { key: 'string', value: { stringValue: 'x' } },
                    { key: 'bool', value: { boolValue: true } },
                    { key: 'int', value: { intValue: '10' } },
                    { key: 'double', value: { doubleValue: 637.704 } },
                    { key: 'bytes', value: { bytesValue: 'aGVsbG8=' } },
                    {
                      key: 'list',
                      value: { arrayValue: { values: [{ stringValue: 'a' }, { intValue: '1' }] } },
                    },
                    {
                      key: 'map',
                      value: {
                        kvlistValue: { values: [{ key: 'k', value: { boolValue: false } }] },
                      },
                    },
                    { key: 'empty', value: {} },
                  ],
                },
                {
                  timeUnixNano: '1763700000000000003',
                  severityNumber: 9,
                  eventName: 'drawer.closed',
                  body: { kvlistValue: { values: [{ key: 'by', value: { intValue: '12' } }] } },
                },
              ],
            },
          ],
        },
      ],
    },
  },
];
