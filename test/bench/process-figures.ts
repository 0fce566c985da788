/**
 * What the kernel knows of processes: CPU time used, memory held, and how busy the whole machine was. Linux alone.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** A named group of processes whose figures are summed. */
export interface ProcessGroup {
  readonly name: string;
  /** The group is this process, and everything it started when `tree` says so. */
  readonly pid: number;
  readonly tree: boolean;
}

export interface ProcessFigures {
  /** By group: CPU used since its start, ms. Children that have ended are counted in trees. */
  readonly cpuMs: Readonly<Record<string, number>>;
  /** By group: memory held, shared pages divided among those that share them (PSS), MiB. */
  readonly memoryMib: Readonly<Record<string, number>>;
  /** By group: resident memory (RSS), MiB. Shared pages count once a process, so a tree of Postgres looks bigger than it is. */
  readonly rssMib: Readonly<Record<string, number>>;
  /** The whole machine's CPU since it was started, ms. */
  readonly machineMs: number;
}

/** The kernel counts in hundredths of a second on every platform that Node runs on. */
const tickMs = 10;

/** One look at all groups. */
export function readProcesses(groups: readonly ProcessGroup[]): ProcessFigures {
  const parents = parentsOf();
  const cpuMs: Record<string, number> = {};
  const memoryMib: Record<string, number> = {};
  const rssMib: Record<string, number> = {};
  for (const { name, pid, tree } of groups) {
    const pids = tree ? treeOf(pid, parents) : [pid];
    cpuMs[name] = sum(pids.map((each) => cpuOf(each, tree)));
    memoryMib[name] = sum(pids.map((each) => memoryOf(each, 'Pss')));
    rssMib[name] = sum(pids.map((each) => memoryOf(each, 'Rss')));
  }
  return { cpuMs, memoryMib, rssMib, machineMs: machineMs() };
}

/** The children of a process that bear this name. */
export function childrenNamed(pid: number, command: string): readonly number[] {
  return [...parentsOf()].flatMap(([child, parent]) =>
    parent === pid && statOf(child)?.command === command ? [child] : [],
  );
}

interface Stat {
  readonly command: string;
  /** From the third on, as `proc(5)` numbers them: `fields[0]` is the state. */
  readonly fields: readonly string[];
}

function statOf(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // A command may hold spaces and brackets, so it ends at the last one.
    const close = text.lastIndexOf(')');
    return { command: text.slice(text.indexOf('(') + 1, close), fields: text.slice(close + 2).split(' ') };
  } catch {
    return undefined;
  }
}

function parentsOf(): ReadonlyMap<number, number> {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return new Map(pids.map((pid) => [Number(pid), Number(statOf(Number(pid))?.fields[1] ?? 0)]));
}

function treeOf(root: number, parents: ReadonlyMap<number, number>): readonly number[] {
  const found = [root];
  for (const pid of found) for (const [child, parent] of parents) if (parent === pid) found.push(child);
  return found;
}

function cpuOf(pid: number, withEnded: boolean): number {
  const fields = statOf(pid)?.fields ?? [];
  const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = fields.slice(11, 15).map(Number);
  return (user + system + (withEnded ? endedUser + endedSystem : 0)) * tickMs;
}

function memoryOf(pid: number, what: 'Pss' | 'Rss'): number {
  const file = `/proc/${pid}/smaps_rollup`;
  if (!existsSync(file)) return 0;
  try {
    const line = new RegExp(`^${what}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(file, 'utf8'));
    return Number(line?.[1] ?? 0) / 1_024;
  } catch {
    return 0;
  }
}

/** Everything but idling and waiting for disks; time that the hypervisor took away counts as somebody's work. */
function machineMs(): number {
  const fields =
    readFileSync('/proc/stat', 'utf8').split('\n')[0]?.trim().split(/\s+/).slice(1, 9).map(Number) ?? [];
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = fields;
  return (user + nice + system + irq + softirq + steal) * tickMs;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
