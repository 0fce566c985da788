/**
 * What must hold at every moment, looked at after every step of a world and not only at its end: what is wrong for a moment
 * and right again later is found only here. It reads committed rows alone and remembers how far it has read.
 */
import type { MemoryStore } from '@sagamore/memory';
import { effectServices, type EffectRow } from './services.js';

export interface Watched {
  readonly problems: string[];
  store(service: string): MemoryStore;
}

interface Row {
  readonly status: string;
  readonly phase: string;
}

interface Fenced {
  readonly event: { readonly epoch?: number };
}

export class StepAudit {
  private readonly seen = new Map<string, Set<string>>();
  private readonly read = new Map<string, number>();
  private readonly finals = new Map<string, string>();
  private readonly epochs = new Map<string, number>();

  constructor(private readonly world: Watched) {}

  /** Looks at what is new since the last call. Each finding is told once. */
  look(): void {
    for (const service of effectServices) for (const row of this.newRows(service)) this.effect(service, row);
    this.stock();
    this.ends();
    this.journal();
  }

  /** I12 to I14, in the order in which the effects were had. */
  private effect(service: string, { operationId, transactionId, branchId, half }: EffectRow): void {
    const branch = `${transactionId}/${branchId}`;
    const own = this.seen.get(service) ?? new Set();
    this.seen.set(service, own);
    if (own.has(operationId)) this.tell(`I12: ${service} has the effect ${operationId} twice`);
    if (half === 'compensation' && !own.has(`${branch}/action`))
      this.tell(`I13: ${service} undoes ${branch}, which has not been done`);
    if (half === 'action' && own.has(`${branch}/compensation`))
      this.tell(`I14: ${service} does ${branch} after it was undone`);
    own.add(operationId);
  }

  /** I03: nothing is sold that is not there, not even for a moment. */
  private stock(): void {
    for (const [sku, available] of this.world.store('stock').committed<number>('stock'))
      if (available < 0) this.tell(`I03: ${sku} stands at ${available}`);
  }

  /** I31: an end is an end. */
  private ends(): void {
    for (const [id, { status, phase }] of this.world.store('orchestrator').committed<Row>('transaction')) {
      const ended = this.finals.get(id);
      if (ended !== undefined && ended !== status) this.tell(`I31: ${id} was ${ended} and is ${status}`);
      if (phase === 'final') this.finals.set(id, status);
    }
  }

  /** I26: whoever writes a story writes under an epoch that is no older than that of whoever wrote before. */
  private journal(): void {
    const { rows } = this.world.store('orchestrator').table('journal');
    const from = this.read.get('journal') ?? 0;
    this.read.set('journal', rows.size);
    for (const [key, row] of [...rows].slice(from)) {
      const { event } = row as Fenced;
      const id = key.slice(0, key.indexOf('#'));
      const before = this.epochs.get(id) ?? 0;
      if ((event.epoch ?? 0) < before)
        this.tell(`I26: ${key} is written under ${event.epoch}, after ${before}`);
      this.epochs.set(id, Math.max(before, event.epoch ?? 0));
    }
  }

  private newRows(service: string): readonly EffectRow[] {
    const rows = this.world.store(service).committed<EffectRow>('effects');
    const from = this.read.get(service) ?? 0;
    this.read.set(service, rows.length);
    return rows.slice(from).map(([, row]) => row);
  }

  private tell(problem: string): void {
    if (!this.world.problems.includes(problem)) this.world.problems.push(problem);
  }
}
