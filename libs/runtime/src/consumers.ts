/**
 * What one service reads, and that it obeys who has paused some of it: every subscription of the service is made through here.
 * A pause stands in the service's own store; each process looks there once a second, and BEFORE it subscribes to anything.
 * It handles no message and moves no position; where the store is away, what was known last holds.
 */
import type { ActiveSubscription, Bus, Subscription } from './bus.js';
import type { ConsumerName, ConsumerPause, ConsumerPauses, ConsumerWish } from './consumer-pauses.js';
import { PassingBus } from './passing-bus.js';
import type { Clock } from './ports.js';
import { Serial } from './serial.js';

/** One consumer as this process sees it. */
export interface ConsumerView extends ConsumerName {
  readonly status: 'running' | 'paused';
  /** While an operator's pause stands. */
  readonly pause?: ConsumerPause;
  /** What this process has of it; absent where it has none, and only the pause is known. */
  readonly member?: { readonly isHealthy: boolean; readonly lag?: number };
}

export interface ConsumersOptions {
  /** Pause between two looks, ms. Default 1 000: by so much later than the first does the last process obey. */
  readonly lookMs?: number;
  /** Told when a subscription of this process is paused, by which pause, or let go. It must not throw. */
  readonly onTurn?: (consumer: ConsumerName, pause: ConsumerPause | undefined) => void;
  /** Told of the first of several looks that fail in a row. */
  readonly onFault?: (error: unknown) => void;
}

interface Member extends ConsumerName {
  readonly active: ActiveSubscription;
  /** The service itself, not an operator, has paused it. */
  isHeldBack: boolean;
}

/** One a service and process. */
export class Consumers {
  private readonly members = new Set<Member>();
  private standing: ReadonlyMap<string, ConsumerPause> = new Map();
  /** An older look must not undo what an operator has just said. */
  private readonly serial = new Serial();
  private cancelLook: (() => void) | undefined;
  private isBlind = false;
  private stopped = false;

  constructor(
    private readonly ports: { readonly pauses: ConsumerPauses; readonly clock: Clock },
    private readonly options: ConsumersOptions = {},
  ) {}

  /** Resolves once it is known what is paused, so nothing may be subscribed BEFORE. Throws what the store throws. */
  async start(): Promise<void> {
    await this.serial.run(() => this.look());
    this.scheduleLook();
  }

  /** Looks no more; subscriptions stay as they are. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.cancelLook?.();
    await this.serial.idle();
  }

  /** The bus as the service is to see it: whatever is subscribed through it obeys. */
  over(bus: Bus): Bus {
    return new ObedientBus(bus, (subscription) => this.subscribe(bus, subscription));
  }

  /** In order of topic and group: what is read here, and what is paused and read by other processes, or by none any more. */
  list(): readonly ConsumerView[] {
    const here = [...this.members].map((member) => this.viewOf(member));
    const known = new Set(here.map(keyOf));
    const elsewhere = [...this.standing.values()].filter((pause) => !known.has(keyOf(pause)));
    return [...here, ...elsewhere.map((pause) => this.viewOf(pause))].toSorted((left, right) =>
      keyOf(left) < keyOf(right) ? -1 : 1,
    );
  }

  /** Undefined for what is neither read here nor paused. */
  find({ topic, group }: ConsumerName): ConsumerView | undefined {
    return this.list().find((each) => each.topic === topic && each.group === group);
  }

  /** Resolves once the pause is saved and this process obeys; the others follow with their next look. Answers the pause that
   *  stands, which may be an earlier one. */
  pause(wish: ConsumerWish): Promise<ConsumerPause> {
    return this.serial.run(async () => {
      const pause = await this.ports.pauses.pause(wish);
      this.obey([...this.standing.values(), pause]);
      return pause;
    });
  }

  /** As `pause`. Answers the pause that it has ended, if one stood. */
  resume(wish: ConsumerWish): Promise<ConsumerPause | undefined> {
    return this.serial.run(async () => {
      const ended = await this.ports.pauses.resume(wish);
      this.obey([...this.standing.values()].filter((each) => keyOf(each) !== keyOf(wish)));
      return ended;
    });
  }

  private async subscribe(bus: Bus, subscription: Subscription): Promise<ActiveSubscription> {
    const { topic, group, startsPaused: isHeldBack = false } = subscription;
    const pause = this.standing.get(keyOf(subscription));
    const startsPaused = isHeldBack || pause !== undefined;
    const active = await bus.subscribe({ ...subscription, startsPaused });
    if (pause !== undefined) this.options.onTurn?.({ topic, group }, pause);
    const member = { topic, group, active, isHeldBack };
    this.members.add(member);
    // Joining takes its time, and somebody may have spoken meanwhile.
    this.turn(member);
    return {
      pause: () => {
        member.isHeldBack = true;
        return active.pause();
      },
      resume: () => {
        member.isHeldBack = false;
        this.turn(member);
      },
      isPaused: () => active.isPaused(),
      stop: async () => {
        this.members.delete(member);
        await active.stop();
      },
      healthy: () => active.healthy(),
      ...(active.lag !== undefined && { lag: active.lag.bind(active) }),
    };
  }

  private async look(): Promise<void> {
    this.obey(await this.ports.pauses.standing());
    this.isBlind = false;
  }

  private obey(standing: readonly ConsumerPause[]): void {
    this.standing = new Map(standing.map((pause) => [keyOf(pause), pause]));
    for (const member of this.members) this.turn(member);
  }

  private turn(member: Member): void {
    const { topic, group, active, isHeldBack } = member;
    const pause = this.standing.get(keyOf(member));
    const shouldPause = isHeldBack || pause !== undefined;
    if (shouldPause === active.isPaused()) return;
    // Not awaited: what is in hand may take its time, and nothing more is taken from now on.
    if (shouldPause) void active.pause();
    else active.resume();
    this.options.onTurn?.({ topic, group }, pause);
  }

  private viewOf(name: ConsumerName | Member): ConsumerView {
    const { topic, group } = name;
    const pause = this.standing.get(keyOf(name));
    const told = pause !== undefined && { pause };
    if (!('active' in name)) return { topic, group, status: 'paused', ...told };
    const { active } = name;
    const lag = active.lag?.();
    const member = { isHealthy: active.healthy(), ...(lag !== undefined && { lag }) };
    return { topic, group, status: active.isPaused() ? 'paused' : 'running', ...told, member };
  }

  private scheduleLook(): void {
    if (this.stopped) return;
    this.cancelLook = this.ports.clock.after(this.options.lookMs ?? 1_000, () => {
      void this.serial
        .run(() => this.look())
        .catch((error: unknown) => this.tellBlind(error))
        .finally(() => this.scheduleLook());
    });
  }

  private tellBlind(error: unknown): void {
    if (!this.isBlind) this.options.onFault?.(error);
    this.isBlind = true;
  }
}

/** Topics and groups are made of letters, digits, dots, dashes and underscores. */
function keyOf({ topic, group }: ConsumerName): string {
  return `${topic} ${group}`;
}

/** Changes nothing but who subscribes. */
class ObedientBus extends PassingBus {
  constructor(
    inner: Bus,
    private readonly join: (subscription: Subscription) => Promise<ActiveSubscription>,
  ) {
    super(inner);
  }

  override subscribe(subscription: Subscription): Promise<ActiveSubscription> {
    return this.join(subscription);
  }
}
