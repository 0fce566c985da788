/**
 * Searches a saga for the smallest schedule under which it ends half done. It plays every course, every single fault in each,
 * then pairs; the first run that ends badly is made as small as it goes, and told.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Exploration } from './exploration.js';
import { inWords, type Schedule } from './move.js';
import { assertComplete, ExplorationMistake } from './mistake.js';
import { reportOf } from './report.js';
import { behind, coursesOf, smallerThan, Thinned, within } from './schedules.js';
import { play, type Played } from './stage.js';
import { findingsIn, measureOf, type Measure } from './verdict.js';

export interface ExploreOptions {
  /** How many schedules of two faults are tried at most, spread evenly over all of them; 0 for none. Default 1 000. */
  readonly pairsMax?: number;
  /** Told after every schedule. */
  readonly onProgress?: (progress: Progress) => void;
}

/** `planned`: what is known to come; it grows as the courses of the saga become known. */
export interface Progress {
  readonly tried: number;
  readonly planned: number;
  readonly what: 'courses' | 'single faults' | 'pairs of faults';
}

/** One way the saga can go, with what can go wrong in it. */
export interface Course {
  readonly told: string;
  readonly writes: number;
  readonly messages: number;
  /** Schedules of one fault, each tried. */
  readonly tried: number;
}

/** A schedule under which the saga ends badly; no smaller one was found. */
export interface Failure {
  readonly schedule: Schedule;
  /** The schedule in words. */
  readonly told: readonly string[];
  readonly findings: readonly string[];
  readonly story: readonly string[];
}

export interface Explored {
  readonly definition: string;
  readonly version: number;
  /** Schedules that were played. */
  readonly tried: number;
  readonly courses: readonly Course[];
  /** Of the schedules with two faults: those that were tried, and those there are. */
  readonly pairs: { readonly tried: number; readonly of: number };
  readonly failure?: Failure;
  /** The whole of it, for people. */
  report(): string;
}

/** Explores a saga. Bounded, and the same every time. Rejects with an `ExplorationMistake`. */
export function explore(exploration: Exploration, options: ExploreOptions = {}): Promise<Explored> {
  return new Search(exploration, options).run();
}

/** Throws, with the report, where a saga does not withstand its exploration. */
export function assertWithstands(explored: Explored): void {
  if (explored.failure !== undefined) throw new Error(explored.report());
}

class Search {
  private tried = 0;
  private planned = 0;
  private what: Progress['what'] = 'courses';
  private readonly courses: Course[] = [];
  /** What can still go wrong behind each single fault. */
  private readonly seconds: Thinned<Schedule>;
  private readonly pairs = { tried: 0, of: 0 };
  private measure: Measure = { undone: undefined };

  constructor(
    private readonly exploration: Exploration,
    private readonly options: ExploreOptions,
  ) {
    this.seconds = new Thinned(options.pairsMax ?? 1_000);
  }

  async run(): Promise<Explored> {
    const found = await this.search();
    const failed = found && (await this.shrink(found));
    const { definition } = this.exploration;
    const { tried, courses, pairs } = this;
    const told = { definition: definition.name, version: definition.version, tried, courses, pairs };
    const explored = failed === undefined ? told : { ...told, failure: failureOf(failed, this.measure) };
    return { ...explored, report: () => reportOf(explored) };
  }

  /** The first run that ends badly, if any does. */
  private async search(): Promise<Played | undefined> {
    const calm = await this.calm();
    if (this.isBad(calm)) return calm;
    const [, ...noes] = coursesOf(this.exploration.definition);
    const courses = [calm];
    for (const course of noes) {
      const played = await this.play(course);
      if (this.isBad(played)) return played;
      courses.push(played);
    }
    return (await this.singles(courses)) ?? this.tryPairs();
  }

  private async calm(): Promise<Played> {
    assertComplete(this.exploration);
    const calm = await this.play([]);
    const again = await play(this.exploration, []);
    if (!isDeepStrictEqual({ ...calm }, { ...again })) throw unlike(calm, again);
    this.measure = measureOf(calm, this.exploration);
    return calm;
  }

  private async singles(courses: readonly Played[]): Promise<Played | undefined> {
    this.what = 'single faults';
    const schedules = courses.map(within);
    this.planned = this.tried + schedules.flat().length;
    for (const [index, course] of courses.entries()) {
      const failed = await this.course(course, schedules[index] ?? []);
      if (failed !== undefined) return failed;
    }
    return undefined;
  }

  private async course(course: Played, schedules: readonly Schedule[]): Promise<Played | undefined> {
    const from = this.tried;
    let failed: Played | undefined;
    for (const schedule of schedules) {
      const played = await this.play(schedule);
      this.seconds.put(behind(played));
      if (this.isBad(played)) failed = played;
      if (failed !== undefined) break;
    }
    this.courses.push(courseOf(course, this.tried - from));
    return failed;
  }

  private async tryPairs(): Promise<Played | undefined> {
    this.what = 'pairs of faults';
    const chosen = this.seconds.chosen();
    this.pairs.of = this.seconds.of;
    this.planned = this.tried + chosen.length;
    for (const schedule of chosen) {
      const played = await this.play(schedule);
      this.pairs.tried++;
      if (this.isBad(played)) return played;
    }
    return undefined;
  }

  private async shrink(failed: Played): Promise<Played> {
    for (const schedule of smallerThan(failed.schedule)) {
      const played = await this.play(schedule);
      if (this.isBad(played)) return this.shrink(played);
    }
    return failed;
  }

  private async play(schedule: Schedule): Promise<Played> {
    const played = await play(this.exploration, schedule);
    this.tried++;
    const { tried, what } = this;
    this.options.onProgress?.({ tried, planned: Math.max(tried, this.planned), what });
    return played;
  }

  private isBad(played: Played): boolean {
    return findingsIn(played, this.measure).length > 0;
  }
}

function courseOf({ schedule, chances }: Played, tried: number): Course {
  const places = chances.filter(({ type, name }) => type === 'place' && name.includes(' before it commits '));
  const [no] = schedule;
  return {
    told: no === undefined ? 'everybody says yes' : inWords(no),
    writes: places.length,
    messages: chances.filter(({ type }) => type === 'message').length,
    tried,
  };
}

function failureOf(played: Played, measure: Measure): Failure {
  const { schedule, story } = played;
  return { schedule, told: schedule.map(inWords), findings: findingsIn(played, measure), story };
}

function unlike({ story: one }: Played, { story: other }: Played): ExplorationMistake {
  const at = one.findIndex((line, index) => line !== other[index]);
  const [here = 'its end', there = 'its end'] = [one[at], other[at]];
  return new ExplorationMistake(
    `two runs without faults differ at "${here.trim()}" and "${there.trim()}": a cast may use no clock, no luck and nothing that one run leaves to the next`,
  );
}
