import { AccessService } from '#access';
import { Database } from '#platform';
import { Controller, Get, Header } from '@nestjs/common';
import {
  HealthCheck,
  HealthCheckService,
  HealthIndicatorService,
  type HealthCheckResult,
  type HealthIndicatorResult,
} from '@nestjs/terminus';
import { Metrics } from '../telemetry/metrics.js';
import { Lifecycle } from './lifecycle.js';
import { VERSION } from './version.js';

const READY_FOR_MS = 500;

@Controller()
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    private readonly access: AccessService,
    private readonly database: Database,
    private readonly metrics: Metrics,
    private readonly lifecycle: Lifecycle,
  ) {}

  private latest: { at: number; answer: Promise<HealthCheckResult> } | undefined;

  /** The process answers; nothing else is asked. */
  @Get('livez')
  live(): { status: 'ok' } {
    return { status: 'ok' };
  }

  /** Whether requests should come here: 503 while draining, without the database, or behind in migrations. */
  @Get('readyz')
  @HealthCheck()
  ready(): Promise<HealthCheckResult> {
    // Open to anybody: asked in a hurry, it gives the answer of half a second ago.
    if (!this.latest || Date.now() - this.latest.at > READY_FOR_MS || this.lifecycle.draining)
      this.latest = { at: Date.now(), answer: this.check() };
    return this.latest.answer;
  }

  private check(): Promise<HealthCheckResult> {
    return this.health.check([
      () => this.indicate('lifecycle', () => Promise.resolve(!this.lifecycle.draining)),
      // Opening the unit asks the database; there is nothing more to ask.
      () => this.indicate('database', () => this.access.system('readiness', () => Promise.resolve(true))),
      () => this.indicate('migrations', async () => !(await this.database.hasPendingMigrations())),
    ]);
  }

  @Get('metrics')
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  metric(): Promise<string> {
    return this.metrics.registry.metrics();
  }

  @Get('version')
  version(): { name: string; version: string } {
    return { name: 'commonplace', version: VERSION };
  }

  private async indicate(name: string, holds: () => Promise<boolean>): Promise<HealthIndicatorResult> {
    const indicator = this.indicators.check(name);
    try {
      return (await holds()) ? indicator.up() : indicator.down();
    } catch {
      return indicator.down();
    }
  }
}
