/**
 * Lets what a handler throws reach the participant runtime as it was thrown.
 * Nest's own filter would print a stack for every ordinary fault and replace the error by a text, and the runtime could
 * no longer tell a conflict, which is retried, from a poisoned command, which goes to the dead letters (R2).
 */
import { Catch, type RpcExceptionFilter } from '@nestjs/common';
import { throwError, type Observable } from 'rxjs';

/** Passes every error on, unlogged: the runtime reports what it cannot cure. */
@Catch()
export class ParticipantFaultFilter implements RpcExceptionFilter<unknown> {
  catch(error: unknown): Observable<never> {
    return throwError(() => error);
  }
}
