import {
  AccessService,
  accessEntities,
  AuditService,
  assertWalls,
  CredentialsService,
  DirectoryService,
  ensureOrganization,
  PolicyService,
  RehearsalService,
} from '#access';
import { createEmbedders } from '#embedding';
import { createChatModel } from '#llm';
import { Destinations, FeedService, TrimLog, WebhooksService, WebhookWorker, type WebhookTiming } from '#feed';
import {
  ChatSummarizer,
  ConsolidationService,
  ConsolidationWorker,
  CompleteService,
  ConversationsService,
  EmbedBacklog,
  EraseService,
  EXTRACT_JOB,
  Extractor,
  ExplainService,
  ForgetService,
  MemoriesService,
  MemorizeService,
  MemoryIndex,
  PromoteService,
  Reanalysis,
  RecallService,
  ReviewService,
  ReviseService,
  SimulateService,
  SpaceFiller,
  KeptVectors,
  TermIndex,
  UsageCounter,
  SearchCosts,
  VectorIndexes,
  type ConsolidationTiming,
  type EmbedJob,
  type ExtractJob,
  type Summarizer,
} from '#memory';
import { Clock } from '#kernel';
import { Database, JobQueue, openDoorbell, type Config, type Doorbell } from '#platform';
import { PoolResources, ToolsService } from '#tools';
import { migrations } from '../../../migrations/index.js';

/** Every service of the broker, put together by hand; the transports take what they need. */
export interface Broker {
  database: Database;
  jobs: JobQueue;
  access: AccessService;
  credentials: CredentialsService;
  directory: DirectoryService;
  policies: PolicyService;
  simulate: SimulateService;
  explain: ExplainService;
  audit: AuditService;
  memorize: MemorizeService;
  revise: ReviseService;
  forget: ForgetService;
  erase: EraseService;
  review: ReviewService;
  promote: PromoteService;
  consolidation: ConsolidationService;
  consolidationWorker: ConsolidationWorker;
  memories: MemoriesService;
  recall: RecallService;
  complete: CompleteService;
  conversations: ConversationsService;
  usage: UsageCounter;
  /** What recall keeps in memory. */
  terms: TermIndex;
  feed: FeedService;
  webhooks: WebhooksService;
  webhookWorker: WebhookWorker;
  tools: ToolsService;
  poolResources: PoolResources;
  /** What fills and exchanges embedding spaces; undefined without an embedder. */
  filler: SpaceFiller | undefined;
  /** Rung here after every write, and by the other brokers on the database. */
  doorbell: Doorbell;
  /** The first admin's key, when this start made it. */
  adminKey: string | null;
  close: () => Promise<void>;
}

export interface BrokerOptions {
  config: Config;
  onError: (where: string, error: unknown) => void;
  /** What goes on in the background for long. */
  onProgress?: (what: string, details: object) => void;
  /** Instead of the configured database: tests bring their own. */
  database?: Database;
  /** Tests do not wait for hours, and resolve names by themselves. */
  webhooks?: { timing?: Partial<WebhookTiming>; resolve?: ConstructorParameters<typeof Destinations>[1] };
  consolidation?: { timing?: Partial<ConsolidationTiming>; summarizer?: Summarizer };
  /** Nor until the model has failed a dozen times. */
  extraction?: { mostAttempts: number };
}

/** What a job does beside asking models. */
const SLACK_SECONDS = 120;
/** An extraction of which nothing came for so long has lost its job; longer where the model may take longer. */
const LOST_AFTER_SECONDS = 900;

/** Opens the database, migrates it, makes the organisation on the first start, and puts the services together. */
export async function openBroker(options: BrokerOptions): Promise<Broker> {
  const { config, onError, database: given } = options;
  const database = given ?? (await openDatabase(config));
  try {
    await database.migrate();
    if (database.warning) onError('the check of the database server', new Error(database.warning));
    await assertWalls(database);
    const { orgId, adminKey } = await ensureOrganization(database, config.bootstrapKey);
    return await assemble(options, database, orgId, adminKey);
  } catch (error) {
    await database.close();
    throw error;
  }
}

const inSeconds = (ms: number): number => Math.ceil(ms / 1_000);

export function openDatabase({ database: { url, poolSize, dataDir } }: Config): Promise<Database> {
  return Database.open({ url, poolSize, dataDir, entities: accessEntities, migrations });
}

async function assemble(
  { config, onError, onProgress = () => undefined, webhooks, consolidation, extraction }: BrokerOptions,
  database: Database,
  orgId: string,
  adminKey: string | null,
): Promise<Broker> {
  const clock = new Clock(config.nowOffsetDays);
  const embeddingMs = config.embedding?.timeoutMs ?? 0;
  const jobs = new JobQueue(database, (error) => onError('jobs', error));
  const access = new AccessService(database, orgId);
  const costs = new SearchCosts();
  const index = new MemoryIndex(
    access,
    createEmbedders(config.embedding),
    (error) => onError('the embedder', error),
    costs,
  );
  const filler = index.spaces && new SpaceFiller({ access, spaces: index.spaces, index, clock, onError, onProgress });
  const feed = new FeedService(access, index, clock, (error) => onError('feed', error));
  const destinations = new Destinations(config.webhooks.allowedHosts, webhooks?.resolve);
  const webhookWorker = new WebhookWorker(
    { access, feed, destinations, onError: (error) => onError('webhooks', error) },
    webhooks?.timing,
  );
  const trimLog = new TrimLog(access, config.feed.retentionDays, (error) => onError('trimming the log', error));
  if (index.configured) {
    const backlog = new EmbedBacklog(access, index);
    // Up to three requests, each of which may take twenty times as long as one that somebody waits for.
    jobs.register<EmbedJob>('embed', (job) => backlog.embed(job), SLACK_SECONDS + inSeconds(60 * embeddingMs));
  }
  const usage = new UsageCounter(access, clock, (error) => onError('counting recalls', error));
  const memorize = new MemorizeService(access, index, jobs, clock);
  const { keptMemories, keptVectorsMb } = config.recall;
  const vectors = new KeptVectors(access, keptVectorsMb, (error) => onError('keeping vectors', error));
  const terms = new TermIndex(access, database, vectors, keptMemories, (error) => onError('keeping terms', error));
  const recall = new RecallService(access, index, clock, usage, terms);
  const model = createChatModel(config.llm);
  // What is known is looked up by its vector, and what is learnt gets one.
  const extractionSeconds = SLACK_SECONDS + inSeconds((model?.withinMs ?? 0) + 8 * embeddingMs);
  if (model) {
    const extractor = new Extractor({ access, memorize, recall, model, jobs, clock, ...extraction });
    jobs.register<ExtractJob>(EXTRACT_JOB, (job) => extractor.extract(job), extractionSeconds);
  }
  await jobs.start();
  const doorbell = await openDoorbell({
    ...config.doorbell,
    kind: database.kind,
    channel: `commonplace_${orgId.replaceAll('-', '')}`,
    onError: (error) => onError('the doorbell between brokers', error),
  }).catch(async (error: unknown) => {
    await jobs.stop();
    throw error;
  });
  const vectorIndexes = new VectorIndexes(access, database, (error) => onError('indexing vectors', error), costs);
  const reanalysis = new Reanalysis(
    access,
    (read) => onProgress('reading memories again', { read }),
    (error) => onError('reading memories again', error),
  );
  const consolidationWorker = new ConsolidationWorker(
    {
      access,
      index,
      jobs,
      clock,
      summarizer: consolidation?.summarizer ?? (model && new ChatSummarizer(model)),
      alone: database.kind === 'embedded',
      onError: (error) => onError('consolidating', error),
    },
    consolidation?.timing,
  );
  trimLog.start();
  consolidationWorker.start();
  reanalysis.start();
  if (index.configured) vectorIndexes.start();
  webhookWorker.start();
  filler?.start();
  access.onWritten(() => doorbell.ring());
  // It takes one listener.
  doorbell.onRing(() => {
    feed.wake();
    webhookWorker.wake();
  });
  const services = {
    access,
    directory: new DirectoryService(access),
    explain: new ExplainService(access, clock),
    memorize,
    revise: new ReviseService(access, index, jobs, clock),
    forget: new ForgetService(access, clock),
    memories: new MemoriesService(access, index, clock),
    recall,
  };
  return {
    ...services,
    database,
    jobs,
    credentials: new CredentialsService(access, config.jwt),
    policies: new PolicyService(access),
    simulate: new SimulateService(access, new RehearsalService(access), clock),
    audit: new AuditService(access),
    erase: new EraseService(access, clock),
    review: new ReviewService(access, index, clock),
    promote: new PromoteService(access, index, jobs, clock),
    consolidation: new ConsolidationService(access, consolidationWorker, clock),
    consolidationWorker,
    conversations: new ConversationsService({
      access,
      memorize,
      index,
      jobs: model && jobs,
      lostAfterSeconds: Math.max(LOST_AFTER_SECONDS, 2 * extractionSeconds),
      clock,
    }),
    complete: new CompleteService(access, recall, memorize, model, (error) => onError('the language model', error)),
    tools: new ToolsService(services),
    poolResources: new PoolResources(services),
    usage,
    terms,
    feed,
    webhooks: new WebhooksService(access, feed, destinations),
    webhookWorker,
    filler,
    doorbell,
    adminKey,
    close: async () => {
      feed.close();
      await webhookWorker.stop();
      await consolidationWorker.stop();
      await trimLog.stop();
      await reanalysis.stop();
      await filler?.stop();
      await vectorIndexes.stop();
      await jobs.stop();
      await usage.stop();
      await terms.stop();
      await doorbell.close();
      await database.close();
    },
  };
}
