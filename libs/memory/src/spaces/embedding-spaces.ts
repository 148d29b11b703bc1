import type { AccessService } from '#access';
import type { Embedder, EmbedderKind, Embedders } from '#embedding';
import { enterSpace, findLiveSpaces, findSample, lockSpaces, setState, type Space } from './spaces.repository.js';

/** Other brokers may have begun, ended or exchanged a space: what is known of them is read again after this long. */
export const KNOWN_FOR_MS = 5_000;
/** An embedding made twice by one model differs by rounding; by two models, it has nothing in common. */
const SAME_MODEL = 0.98;
const COMPARED_AGAIN_MS = 60_000;

interface Known {
  spaces: Space[];
  at: number;
}

/** Which embedding spaces there are, and who makes vectors for them. */
export class EmbeddingSpaces {
  private known: Known | undefined;
  private loading: Promise<Known> | undefined;
  private settling: Promise<void> | undefined;
  private settled = false;
  private readonly made = new Map<string, Embedder>();
  /** Whether spaces of other models come from whoever is asked by that name now. */
  private readonly compared = new Map<string, { same: boolean; until: number }>();

  constructor(
    private readonly access: AccessService,
    readonly embedders: Embedders,
  ) {}

  /** Those that are searched or built. */
  async live(): Promise<{ current: Space | undefined; building: Space | undefined }> {
    const { spaces } = await this.fresh();
    return {
      current: spaces.find((space) => space.state === 'CURRENT'),
      building: spaces.find((space) => space.state === 'BUILDING'),
    };
  }

  /** After a change made here. */
  forget(): void {
    this.known = undefined;
    // What is being read may be from before what is to be noticed.
    this.loading = undefined;
  }

  /** Whether it is of the model that is configured here. */
  isOwn({ model, askedDimensions }: Space): boolean {
    return model === this.embedders.model && askedDimensions === this.embedders.askedDimensions;
  }

  /**
   * Makes vectors for the space; null where whoever is asked by the name of its model now is not the one that filled it, as
   * after a change of server: vectors of two models must not meet.
   * @throws EmbedderError
   */
  async embedder(space: Space): Promise<Embedder | null> {
    const embedder = this.make(space);
    if (this.isOwn(space)) return embedder;
    const known = this.compared.get(space.spaceId);
    const same = known && known.until > Date.now() ? known.same : await this.compare(space, embedder);
    return same ? embedder : null;
  }

  /**
   * Sees that the configured model has its space: the first is searched at once, a later one is built beside it. Once a process,
   * so the broker that started last decides, and two that were configured differently do not undo each other's work for ever.
   * @throws EmbedderError while the model cannot say how long its vectors are
   */
  async settle(): Promise<void> {
    if (this.settled) return;
    this.settling ??= this.settleOnce().finally(() => (this.settling = undefined));
    await this.settling;
  }

  private async settleOnce(): Promise<void> {
    const { model, askedDimensions } = this.embedders;
    const dimensions = await this.embedders.measure();
    await this.access.system('settle embedding spaces', async (unit) => {
      const spaces = await lockSpaces(unit, this.access.orgId);
      const { orgId } = this.access;
      const kind: EmbedderKind = { model, dimensions, askedDimensions };
      const isTarget = (space: Space) => space.model === model && space.dimensions === dimensions;
      for (const space of spaces)
        if (space.state === 'BUILDING' && !isTarget(space)) await setState(unit, orgId, space.spaceId, 'RETIRED');
      const current = spaces.find((space) => space.state === 'CURRENT');
      await enterSpace(unit, orgId, kind, !current || isTarget(current) ? 'CURRENT' : 'BUILDING');
    });
    this.settled = true;
    this.forget();
    this.made.clear();
  }

  private make(space: Space): Embedder {
    const embedder = this.made.get(space.spaceId) ?? this.embedders.of(space);
    this.made.set(space.spaceId, embedder);
    return embedder;
  }

  /** A memory of the space is embedded again, and must come out where it stands. */
  private async compare(space: Space, embedder: Embedder): Promise<boolean> {
    const sample = await this.access.system('compare models', (unit) =>
      findSample(unit, this.access.orgId, space.spaceId),
    );
    const [vector] = sample ? await embedder.embed([sample.content]) : [];
    const same = !!sample && !!vector && cosine(vector, sample.embedding) >= SAME_MODEL;
    this.compared.set(space.spaceId, { same, until: same ? Infinity : Date.now() + COMPARED_AGAIN_MS });
    return same;
  }

  private async fresh(): Promise<Known> {
    if (this.known && Date.now() - this.known.at < KNOWN_FOR_MS) return this.known;
    return (this.loading ??= this.keep(this.load()));
  }

  private keep(loading: Promise<Known>): Promise<Known> {
    const ended = (known?: Known) => {
      if (this.loading !== loading) return;
      this.loading = undefined;
      this.known = known;
    };
    loading.then(ended, () => ended());
    return loading;
  }

  private async load(): Promise<Known> {
    const at = Date.now();
    const spaces = await this.access.system('find embedding spaces', (unit) => findLiveSpaces(unit, this.access.orgId));
    for (const known of [this.made, this.compared])
      for (const id of known.keys()) if (!spaces.some((space) => space.spaceId === id)) known.delete(id);
    return { spaces, at };
  }
}

/** Both of the same length, and neither zero. */
function cosine(a: readonly number[], b: readonly number[]): number {
  const dot = (x: readonly number[], y: readonly number[]) =>
    x.reduce((sum, value, place) => sum + value * (y[place] ?? 0), 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}
