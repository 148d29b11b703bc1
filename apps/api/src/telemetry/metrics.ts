import type { IndexProgress } from '#memory';
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

  /**
   * @param subscribers how many subscribe to the feed at this moment
   * @param index how far the vectors are; null without an embedder
   */
  constructor(
    subscribers: () => number = () => 0,
    index: () => Promise<IndexProgress | null> = () => Promise.resolve(null),
  ) {
    collectDefaultMetrics({ register: this.registry });
    this.gaugeIndex(index);
    new Gauge({
      name: 'commonplace_feed_subscribers',
      help: 'Subscriptions to the feed, over WebSockets and event streams.',
      registers: [this.registry],
      collect() {
        this.set(subscribers());
      },
    });
  }

  /** What cannot be counted keeps its last number: the other metrics must not wait for the database to be well. */
  private gaugeIndex(index: () => Promise<IndexProgress | null>): void {
    const gauge = (name: string, help: string, value: (progress: IndexProgress) => number) =>
      new Gauge({
        name,
        help,
        registers: [this.registry],
        async collect() {
          const progress = await index().catch(() => null);
          if (progress) this.set(value(progress));
        },
      });
    gauge(
      'commonplace_embedding_backlog',
      'Memories without a vector in the embedding space that is searched.',
      ({ backlog }) => backlog,
    );
    gauge(
      'commonplace_embedding_next_space_embedded',
      'Memories that have their vector in the space that is being built after a change of model; 0 where there is none.',
      ({ building }) => building?.embedded ?? 0,
    );
    gauge(
      'commonplace_embedding_next_space_lacking',
      'Memories that still lack their vector in the space that is being built.',
      ({ building }) => building?.lacking ?? 0,
    );
  }
}
