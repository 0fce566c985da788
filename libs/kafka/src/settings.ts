/**
 * The settings of the Kafka bus, with their defaults and the reason for each number.
 * Reads no environment: the platform's configuration hands these in, already checked.
 */

/** What the bus needs of a hybrid logical clock. */
export interface HybridTime {
  /** The next time, later than every one ticked or observed before. */
  tick(): string;
  /** Takes note of a time that came from elsewhere. */
  observe(remote: string): void;
}

export interface KafkaTls {
  /** PEM text. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** False accepts any certificate: for development alone. Default true. */
  readonly rejectUnauthorized?: boolean;
}

type SaslMechanism = 'plain' | 'scram-sha-256' | 'scram-sha-512';

/** Name and password by one of three mechanisms. */
export type KafkaSasl = {
  readonly [M in SaslMechanism]: {
    readonly mechanism: M;
    readonly username: string;
    readonly password: string;
  };
}[SaslMechanism];

export type KafkaLogLevel = 'error' | 'warn' | 'info' | 'debug';

export interface KafkaSettings {
  /** `host:port`, at least one. */
  readonly brokers: readonly string[];
  /** Names this process in the broker's logs and quotas. */
  readonly clientId: string;
  /** Goes before every topic and every group, so that several installations may share a cluster (R18). Default none. */
  readonly topicPrefix?: string;
  readonly ssl?: boolean | KafkaTls;
  readonly sasl?: KafkaSasl;
  /** After this silence the broker gives a member's partitions to others (R10). Default 6,000. */
  readonly sessionTimeoutMs?: number;
  /** How often a member shows that it lives and learns of rebalances; at most 500 (R10). Default 500. */
  readonly heartbeatMs?: number;
  /** How long a rebalance waits for members that are busy (R10). Default 10,000. */
  readonly rebalanceTimeoutMs?: number;
  /** How long a fetch waits at the broker for `minBytes`. At most `heartbeatMs`, because an idle consumer shows that it
   *  lives between two fetches. Default 500. */
  readonly maxWaitMs?: number;
  /** Default 1: the first byte ends the wait, so nothing waits when the bus is idle. */
  readonly minBytes?: number;
  /** The least distance between two requests of the sender, and between two deliveries of a subscription. What comes
   *  alone goes at once; what comes faster than this gathers. Default 5. */
  readonly lingerMs?: number;
  /** What that distance may grow to while a few come together each time. Both 0: no distance. Default 20. */
  readonly lingerMsMax?: number;
  /** The least distance between two commits of positions; a crash repeats at most what was handled in it. Default 50. */
  readonly commitIntervalMs?: number;
  /** Of topics that `ensureTopics` creates; -1 leaves it to the broker. Default -1. */
  readonly replicationFactor?: number;
  /** How old a record may become at most, ms; topics that keep theirs for longer are refused, dead letters apart. Default: any
   *  age. */
  readonly recordAgeMsMax?: number;
  /** How long `start`, `subscribe` and `ensureTopics` try to reach a broker. Default 30,000. */
  readonly connectTimeoutMs?: number;
  /** Stamps what is sent and observes what is received. Without it messages carry no hybrid time. */
  readonly hybridClock?: HybridTime;
  /** Told how many records of a topic, without the prefix, could not be decoded and are buried. It must not throw. */
  readonly onBuried?: (topic: string, records: number) => void;
  /** Told what the client reports. Default: silent. */
  readonly log?: (level: KafkaLogLevel, message: string) => void;
}

type Optional = 'ssl' | 'sasl' | 'hybridClock' | 'recordAgeMsMax';

/** The settings with every default filled in. */
export type ResolvedSettings = Required<Omit<KafkaSettings, Optional>> & Pick<KafkaSettings, Optional>;

/** Fills in the defaults. `NODE_ENV` and other variables change nothing. */
export function resolveSettings(settings: KafkaSettings): ResolvedSettings {
  return {
    topicPrefix: '',
    sessionTimeoutMs: 6_000,
    heartbeatMs: 500,
    rebalanceTimeoutMs: 10_000,
    maxWaitMs: 500,
    minBytes: 1,
    lingerMs: 5,
    lingerMsMax: 20,
    commitIntervalMs: 50,
    replicationFactor: -1,
    connectTimeoutMs: 30_000,
    onBuried: () => {},
    log: () => {},
    ...settings,
  };
}
