import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** What Prometheus reads at /metrics. Labels are of closed sets only: nothing that a client chooses. */
export class Metrics {
  readonly registry = new Registry();
  readonly requests = new Histogram({
    name: 'commonplace_http_request_seconds',
    help: 'Time from the request to the end of its answer.',
    labelNames: ['route', 'status'] as const,
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [this.registry],
  });
  readonly failures = new Counter({
    name: 'commonplace_failures_total',
    help: 'Failures told to clients, by code.',
    labelNames: ['code'] as const,
    registers: [this.registry],
  });
  readonly sockets = new Gauge({
    name: 'commonplace_websockets',
    help: 'Open WebSocket connections.',
    registers: [this.registry],
  });

  /** @param subscribers how many subscribe to the feed at this moment */
  constructor(subscribers: () => number = () => 0) {
    collectDefaultMetrics({ register: this.registry });
    new Gauge({
      name: 'commonplace_feed_subscribers',
      help: 'Subscriptions to the feed, over WebSockets and event streams.',
      registers: [this.registry],
      collect() {
        this.set(subscribers());
      },
    });
  }
}
