/**
 * From what a schema found wrong to the problem a caller reads: a pointer and a sentence for each place.
 * Sentences are the schema's; a name that the caller chose is cut short, and no value is ever repeated.
 */
import { ProblemException, type ProblemError } from './problem.js';

interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** A body of a thousand wrong lines gets an answer of this many. */
const errorsMax = 20;
const textMax = 200;

/** The 400 for a request that its schema refused; `within` points at the part that the schema was for. */
export function invalidRequest(issues: readonly Issue[], within = ''): ProblemException {
  const errors = issues.slice(0, errorsMax).map((issue) => {
    const { pointer, detail } = errorOf(issue);
    return { pointer: `${within}${pointer}`, detail };
  });
  return new ProblemException(400, 'REQUEST_INVALID', {
    detail: 'the request does not fit its schema',
    errors,
  });
}

function errorOf({ message, path = [] }: Issue): ProblemError {
  const segments = path.map((segment) => String(typeof segment === 'object' ? segment.key : segment));
  const pointer = segments
    .map((segment) => `/${segment.replaceAll('~', '~0').replaceAll('/', '~1')}`)
    .join('');
  return { pointer: pointer.slice(0, textMax), detail: message.slice(0, textMax) };
}
