/**
 * What is unwise in a saga, or cannot work with the participants that there are: every finding at once, for whoever
 * boots. `define()` has refused what is unsound before; here a definition is only read, and nothing of it is run but
 * conditions that look at nothing.
 */
import { versionedName, type Finding, type Known } from '../finding.js';
import { isTransaction, stepOfNode, type SagaDefinition, type SagaNode, type SagaStep } from './saga.plan.js';

type Rule = (definition: SagaDefinition, known: Known) => readonly Omit<Finding, 'saga'>[];

const rules: readonly Rule[] = [
  consumers,
  afterPivot,
  externalFirst,
  unreachable,
  blindUndo,
  lateLocks,
  children,
];

/** Every finding about `definition`, rule by rule, in the order of its steps. Empty: nothing to say. */
export function lint(definition: SagaDefinition, known: Known = {}): readonly Finding[] {
  return rules.flatMap((rule) =>
    rule(definition, known).map((found) => ({ saga: definition.name, ...found })),
  );
}

/** S22: an undo that nobody handles would never be answered. Who is called over HTTP cannot be asked at boot. */
function consumers(definition: SagaDefinition, { handled }: Known): ReturnType<Rule> {
  if (handled === undefined) return [];
  const { steps, onCompensated, recovery } = definition;
  const sent = [...steps, ...(onCompensated === undefined ? [] : [onCompensated])].filter(
    ({ via, operation }) => via.type === 'participant' && operation.transport !== 'http',
  );
  return sent.flatMap(({ name: step, operation: { action, compensation } }) => {
    const lost = (messageType: string) => `no participant handles ${messageType}, so nobody will ever answer`;
    const undo = recovery === 'backward' ? compensation : undefined;
    return [
      ...(handled.has(action)
        ? []
        : [{ severity: 'error', code: 'action-without-consumer', step, message: lost(action) } as const]),
      ...(undo === undefined || handled.has(undo)
        ? []
        : [{ severity: 'error', code: 'undo-without-consumer', step, message: lost(undo) } as const]),
    ];
  });
}

/** After the pivot nothing is undone: what only an undo could follow is written for nothing. */
function afterPivot({ nodes, pivot }: SagaDefinition): ReturnType<Rule> {
  return stepsOf(nodes.filter(({ ancestors }) => ancestors.has(pivot))).flatMap((step) => [
    ...(step.deadlineMs < Infinity || childDeadline(step) < Infinity
      ? [
          {
            severity: 'warning',
            code: 'deadline-after-pivot',
            step: step.name,
            message: 'its deadline can undo nothing after the pivot; past it a person must act',
          } as const,
        ]
      : []),
    ...(step.operation.compensation === undefined
      ? []
      : [
          {
            severity: 'warning',
            code: 'undo-after-pivot',
            step: step.name,
            message: `${step.operation.compensation} is never asked for, because nothing is undone after the pivot`,
          } as const,
        ]),
  ]);
}

function childDeadline({ via }: SagaStep): number {
  return via.type === 'child' ? via.definition.deadlineMs : Infinity;
}

/** What the outside sees is the hardest to take back, so what may still say no, and holds nothing against others
 *  meanwhile, belongs before it. A step of ours holds nothing if it leaves nothing behind: it can only look. */
function externalFirst({ nodes, recovery }: SagaDefinition): ReturnType<Rule> {
  if (recovery === 'forward') return [];
  return nodes.flatMap((node) => {
    const step = stepOfNode(node);
    if (step === undefined || step.retriable || !step.nothingToUndo) return [];
    const external = stepsOf(nodes.filter(({ index }) => node.ancestors.has(index))).find(
      ({ operation, nothingToUndo }) => operation.effect === 'external' && !nothingToUndo,
    );
    if (external === undefined) return [];
    const message = `it may refuse when "${external.name}" has already been seen outside; let it go first`;
    return [{ severity: 'warning', code: 'external-before-refusal', step: step.name, message } as const];
  });
}

/** A condition that looks at nothing is the same in every run. */
function unreachable({ nodes }: SagaDefinition): ReturnType<Rule> {
  return nodes.flatMap((node) => {
    if (node.kind !== 'decision' || node.isTaken.length > 0) return [];
    const first = nodes.find(({ gate }) => gate === node.index);
    if (first === undefined || isEverTaken(node)) return [];
    const message = 'its condition looks at nothing and is false, so it is never taken';
    return [{ severity: 'error', code: 'unreachable-branch', step: first.name, message } as const];
  });
}

function isEverTaken(node: SagaNode & { readonly kind: 'decision' }): boolean {
  return node.isTaken({ input: undefined, results: {} });
}

/** While an outcome is unknown there is no output, so an undo that needs one cannot be asked for. */
function blindUndo({ steps }: SagaDefinition): ReturnType<Rule> {
  return steps
    .filter(
      ({ undoNeedsOutput, onUnknown, retriable }) =>
        undoNeedsOutput && (onUnknown === 'compensate' || retriable),
    )
    .map(({ name: step }) => ({
      severity: 'error',
      code: 'blind-undo',
      step,
      message: 'its undo needs the output, which is missing while the outcome is unknown; probe, wait or ask',
    }));
}

/** Who can no longer be undone cannot give way, so a circle of such ones is broken by nobody (S102). */
function lateLocks({ nodes, pivot, recovery }: SagaDefinition): ReturnType<Rule> {
  return nodes
    .filter(({ kind, ancestors }) => kind === 'lock' && (recovery === 'forward' || ancestors.has(pivot)))
    .map(({ name: step }) => ({
      severity: 'warning',
      code: 'lock-after-pivot',
      step,
      message:
        'it is asked for where nothing can be undone, so in a deadlock it cannot give way; lock earlier',
    }));
}

/** A child is a transaction of its own, so who runs its parent must be able to run it too. */
function children({ steps }: SagaDefinition, { runnable }: Known): ReturnType<Rule> {
  return steps.flatMap(({ name: step, via }) => {
    if (!isTransaction(via) || runnable === undefined || runnable.has(versionedName(via.definition)))
      return [];
    const message = `${versionedName(via.definition)} is not among the definitions that are run here, so it would park`;
    return [{ severity: 'error', code: 'unknown-child', step, message } as const];
  });
}

function stepsOf(nodes: readonly SagaNode[]): readonly SagaStep[] {
  return nodes.flatMap((node) => stepOfNode(node) ?? []);
}
