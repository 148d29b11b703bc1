import { AccessService, AuditService, DirectoryService, PolicyService } from '#access';
import { FeedService, WebhooksService } from '#feed';
import {
  ConsolidationService,
  CompleteService,
  ConversationsService,
  EraseService,
  ExplainService,
  ForgetService,
  MemoriesService,
  MemorizeService,
  PromoteService,
  RecallService,
  ReviewService,
  ReviseService,
  SimulateService,
} from '#memory';
import { Database } from '#platform';
import { ToolsService } from '#tools';
import { ApolloServerPluginCacheControlDisabled } from '@apollo/server/plugin/disabled';
import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { Catch, Module, type DynamicModule } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { GraphQLModule, type GqlExceptionFilter } from '@nestjs/graphql';
import { TerminusModule } from '@nestjs/terminus';
import type { FastifyRequest } from 'fastify';
import { Authentication } from './auth/authentication.js';
import type { Broker } from './broker.js';
import { AuditResolver } from './graphql/audit.resolver.js';
import { ConsolidationChangeResolver, ConsolidationResolver } from './graphql/consolidation.resolver.js';
import { CompletionResolver } from './graphql/completion.resolver.js';
import { compiledAnswers } from './graphql/compiled-answers.js';
import { ContextFactory, type RequestContext } from './graphql/context.js';
import { AgentResolver, PoolResolver } from './graphql/directory.resolver.js';
import { formatError, requestError, type ReportError } from './graphql/errors.js';
import { ErasureResolver } from './graphql/erasure.resolver.js';
import { ExtractionResolver } from './graphql/extraction.resolver.js';
import { FeedResolver } from './graphql/feed.resolver.js';
import { MemoryConnectionResolver, MemoryResolver } from './graphql/memory.resolver.js';
import { PlainFields } from './graphql/plain-fields.js';
import { PolicyResolver } from './graphql/policy.resolver.js';
import { noStore } from './graphql/no-store.js';
import { Presenter } from './graphql/presenter.js';
import { noSubscription, QUERY_LIMITS, queryLimits } from './graphql/query-limits.js';
import { RehearsalResolver } from './graphql/rehearsal.resolver.js';
import { ReviewResolver } from './graphql/review.resolver.js';
import { DateTime, JSONObject } from './graphql/scalars.js';
import { ToolResolver } from './graphql/tool.resolver.js';
import { WebhookResolver } from './graphql/webhook.resolver.js';
import { HealthController } from './health/health.controller.js';
import { Lifecycle } from './health/lifecycle.js';
import { Metrics } from './telemetry/metrics.js';

/** Every resolver; the schema is made of them. */
export const RESOLVERS = [
  MemoryResolver,
  MemoryConnectionResolver,
  PoolResolver,
  AgentResolver,
  PolicyResolver,
  RehearsalResolver,
  AuditResolver,
  ReviewResolver,
  FeedResolver,
  CompletionResolver,
  ExtractionResolver,
  ErasureResolver,
  WebhookResolver,
  ConsolidationResolver,
  ConsolidationChangeResolver,
  ToolResolver,
];
export const SCALARS = [DateTime, JSONObject];

/** Failures are told by formatError; Nest's own filter would log each of them as a fault, with its stack. */
@Catch()
class LeaveToFormatter implements GqlExceptionFilter {
  catch(error: unknown): unknown {
    return error;
  }
}

export interface ApiParts {
  broker: Broker;
  authentication: Authentication;
  contexts: ContextFactory;
  metrics: Metrics;
  lifecycle: Lifecycle;
  report: ReportError;
}

@Module({})
export class ApiModule {
  static of(parts: ApiParts): DynamicModule {
    const { broker, metrics, lifecycle } = parts;
    const provide = (token: unknown, useValue: unknown) => ({ provide: token as never, useValue });
    return {
      module: ApiModule,
      imports: [
        GraphQLModule.forRoot<ApolloDriverConfig>(graphqlOptions(parts)),
        TerminusModule.forRoot({ logger: false }),
      ],
      controllers: [HealthController],
      providers: [
        ...RESOLVERS,
        Presenter,
        { provide: APP_FILTER, useClass: LeaveToFormatter },
        provide(Database, broker.database),
        provide(AccessService, broker.access),
        provide(DirectoryService, broker.directory),
        provide(PolicyService, broker.policies),
        provide(MemoriesService, broker.memories),
        provide(MemorizeService, broker.memorize),
        provide(RecallService, broker.recall),
        provide(CompleteService, broker.complete),
        provide(ConversationsService, broker.conversations),
        provide(ReviseService, broker.revise),
        provide(ForgetService, broker.forget),
        provide(EraseService, broker.erase),
        provide(ReviewService, broker.review),
        provide(PromoteService, broker.promote),
        provide(ConsolidationService, broker.consolidation),
        provide(ExplainService, broker.explain),
        provide(SimulateService, broker.simulate),
        provide(AuditService, broker.audit),
        provide(FeedService, broker.feed),
        provide(WebhooksService, broker.webhooks),
        provide(ToolsService, broker.tools),
        provide(Metrics, metrics),
        provide(Lifecycle, lifecycle),
      ],
    };
  }
}

function graphqlOptions({ authentication, contexts, report }: ApiParts): ApolloDriverConfig {
  const plainFields = new PlainFields();
  return {
    driver: ApolloDriver,
    path: '/graphql',
    autoSchemaFile: true,
    buildSchemaOptions: { scalarsMap: [], orphanedTypes: [] },
    resolvers: { DateTime, JSONObject },
    transformResolvers: plainFields.note,
    transformSchema: plainFields.unwrap,
    playground: false,
    introspection: true,
    csrfPrevention: true,
    maxRecursiveSelections: true,
    hideSchemaDetailsFromClientErrors: true,
    includeStacktraceInErrorResponses: false,
    parseOptions: { maxTokens: QUERY_LIMITS.tokens },
    validationRules: [queryLimits, noSubscription],
    plugins: [
      compiledAnswers((error) => formatError(error.toJSON(), error, report)),
      ApolloServerPluginCacheControlDisabled(),
      noStore,
    ],
    // A request without a principal is refused before it is parsed: nothing is open by default, not even the schema.
    context: async (request: FastifyRequest): Promise<RequestContext> => {
      try {
        return contexts.create(await authentication.authenticate(request.headers.authorization, request.ip));
      } catch (error) {
        throw requestError(error);
      }
    },
    formatError: (formatted, error) => formatError(formatted, error, report),
  };
}
