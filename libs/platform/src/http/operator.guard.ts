/**
 * Who may operate: the holder of the operator's token; while none is set, callers on this machine alone (R29).
 * It looks at the socket's own address: a header could say anything.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { BlockList, isIPv4 } from 'node:net';
import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Service } from '../host.js';
import { ProblemException } from './problem.js';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8);
loopback.addAddress('::1', 'ipv6');

/** Guards the operators' routes: `@UseGuards(OperatorGuard)`. Anybody else gets a 401.
 *  The actor for the audit is `service.config.operatorName`. */
@Injectable()
export class OperatorGuard implements CanActivate {
  constructor(@Inject(Service) private readonly service: Service) {}

  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const { operatorToken } = this.service.config;
    const address = request.raw.socket.remoteAddress ?? '';
    if (operatorToken === undefined ? isLoopback(address) : showsToken(request, operatorToken)) return true;
    throw new ProblemException(401, 'UNAUTHENTICATED', { headers: { 'www-authenticate': 'Bearer' } });
  }
}

function isLoopback(address: string): boolean {
  return loopback.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
}

/** Hashes are compared, so that neither the length nor the first wrong character shows in the time it takes. */
function showsToken(request: FastifyRequest, token: string): boolean {
  const shown = request.raw.headersDistinct['authorization'] ?? [];
  const [, bearer] = /^Bearer ([\x21-\x7e]{1,512})$/i.exec(shown[0] ?? '') ?? [];
  return shown.length === 1 && bearer !== undefined && timingSafeEqual(digest(bearer), digest(token));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
