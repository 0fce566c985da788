/**
 * Which fakes a saga can be given, read from its type: a name that it does not have, or an answer that it could not use,
 * does not compile. Types alone.
 */
import type { AskedPart, ChildPart, LocalPart, LockPart, SignalPart } from '@sagamore/engine';
import type { Fake, HeldKey } from './fake.js';

/** Which asking a fake is for. */
export interface Asking {
  /** From 1. */
  readonly attempt: number;
  /** The number of the pass, for a loop. */
  readonly pass?: number;
}

/** A fake that depends on what it is asked with. */
export type FakeFrom<Input, Output> = (input: Input, asking: Asking) => Fake<Output>;

type Names<Parts, Kind> = { [K in keyof Parts & string]: Parts[K] extends Kind ? K : never }[keyof Parts &
  string];

type FakeOf<Part> =
  Part extends ChildPart<infer Input, infer Output, infer Parts>
    ? Fake<Output> | FakeFrom<Input, Output> | Participants<Parts>
    : Part extends AskedPart<infer Input, infer Output>
      ? Fake<Output> | FakeFrom<Input, Output>
      : Part extends LocalPart<infer Output>
        ? Fake<Output>
        : Part extends LockPart
          ? HeldKey
          : never;

/** What a fake can be at run time. */
export type AnyFake = Fake | FakeFrom<never, unknown> | HeldKey | AnyParticipants;
export interface AnyParticipants {
  readonly [name: string]: AnyFake;
}

/** Fakes by the names of a saga's steps, its `onCompensated` included. A function in the host runs as it is unless it is
 *  given a fake; a key is free unless it is said to be held; another saga as a step runs really, with the participants given for it, unless it is given a fake. */
export type Participants<Parts> = unknown extends Parts
  ? AnyParticipants
  : { readonly [K in Names<Parts, AskedPart | ChildPart | LocalPart | LockPart>]?: FakeOf<Parts[K]> };

type PartsOf<Child> = Child extends ChildPart<unknown, unknown, infer Parts> ? Parts : never;
type ChildOf<Parts, Kind> = {
  [K in Names<Parts, ChildPart>]: `${K}/${PathTo<PartsOf<Parts[K]>, Kind>}`;
}[Names<Parts, ChildPart>];

/** The names of the parts of one kind; those of another saga as a step behind its name and a slash. */
type PathTo<Parts, Kind> = Names<Parts, Kind> | ChildOf<Parts, Kind>;

/** What can be asked of somebody: a step's name, also with the number of a pass (`remind#2`). */
export type StepPath<Parts> = unknown extends Parts
  ? string
  : PathTo<Parts, AskedPart | ChildPart | LocalPart> | `${PathTo<Parts, AskedPart>}#${number}`;

/** What somebody outside can say. */
export type SignalPath<Parts> = unknown extends Parts ? string : PathTo<Parts, SignalPart>;

/** Other sagas that are steps of this one, or of one of those. */
export type ChildPath<Parts> = unknown extends Parts ? string : PathTo<Parts, ChildPart>;

type PartAt<Parts, Path extends string> = Path extends `${infer Child}/${infer Rest}`
  ? Child extends keyof Parts
    ? PartAt<PartsOf<Parts[Child]>, Rest>
    : never
  : Path extends keyof Parts
    ? Parts[Path]
    : Path extends `${infer Name}#${number}`
      ? Name extends keyof Parts
        ? Parts[Name]
        : never
      : never;

/** What the signal at a path carries. */
export type PayloadAt<Parts, Path extends string> = unknown extends Parts
  ? unknown
  : PartAt<Parts, Path> extends SignalPart<infer Payload>
    ? Payload
    : never;

/** What the step at a path answers. */
export type OutputAt<Parts, Path extends string> = unknown extends Parts
  ? unknown
  : PartAt<Parts, Path> extends { readonly output: infer Output }
    ? Output
    : never;
