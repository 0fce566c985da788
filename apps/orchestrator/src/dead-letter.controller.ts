/**
 * The operators' door to dead letters: what could never be handled, why and whence, and the word that plays one again once the
 * cause is gone. A replay is recorded with who and why (I41); that it has one effect is the barrier's affair (S58).
 */
import { OperatorGuard, ProblemException, Service } from '@sagamore/platform';
import { KeptLetters, LetterKeeper, type KeptLetter } from '@sagamore/runtime';
import { Body, Controller, Get, HttpCode, Param, Post, Query, UseGuards } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';

const letterId = z.string().regex(/^[1-9]\d{0,17}$/);

const listQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(500).default(50),
  cursor: letterId.optional(),
});

const replayBody = z.strictObject({ reason: z.string().trim().min(1).max(500) });

const place = z.object({ topic: z.string(), partition: z.number(), offset: z.string() });

const letterView = z.object({
  id: z.string(),
  letterId: z.string(),
  topic: z.string(),
  reason: z.string(),
  at: z.string(),
  traceparent: z.string().nullable(),
  origin: place.nullable(),
  /** Where the record lies, byte for byte, that is no message at all. */
  unreadable: place.nullable(),
  /** What it was, without its body, which may hold what a log must not. */
  message: z.object({ id: z.string(), type: z.string(), source: z.string(), key: z.string() }).nullable(),
  replays: z.array(z.object({ actor: z.string(), reason: z.string(), at: z.string(), before: z.number() })),
});

const letterList = z.object({ items: z.array(letterView), nextCursor: z.string().nullable() });
const replayAnswer = z.object({ id: z.string(), replays: z.number() });

type LetterView = z.infer<typeof letterView>;

@ApiTags('dead letters')
@Controller('dead-letters')
@UseGuards(OperatorGuard)
export class DeadLetterController {
  constructor(
    private readonly letters: KeptLetters,
    private readonly keeper: LetterKeeper,
    private readonly service: Service,
  ) {}

  @Get()
  @ApiOkResponse({ standardSchema: letterList })
  async list(
    @Query({ schema: listQuery }) { limit, cursor }: z.infer<typeof listQuery>,
  ): Promise<z.infer<typeof letterList>> {
    const page = await this.letters.list({ limit, ...(cursor !== undefined && { before: cursor }) });
    return { items: page.map(viewOf), nextCursor: page.length === limit ? (page.at(-1)?.id ?? null) : null };
  }

  /** 202 once it is saved to be sent again. Whoever is second is told how many there were. */
  @Post(':id/replay')
  @HttpCode(202)
  @ApiAcceptedResponse({ standardSchema: replayAnswer })
  async replay(
    @Param('id') id: string,
    @Body({ schema: replayBody }) { reason }: z.infer<typeof replayBody>,
  ): Promise<z.infer<typeof replayAnswer>> {
    if (!letterId.safeParse(id).success) throw unknownLetter();
    const { instance: owner, config } = this.service;
    const receipt = await this.keeper.replay({ id, reason, actor: config.operatorName, owner });
    if (receipt.outcome === 'unknown') throw unknownLetter();
    if (receipt.outcome === 'empty')
      throw new ProblemException(409, 'DEAD_LETTER_EMPTY', {
        detail: 'the broker refused to carry this message, so there is nothing to play again',
      });
    if (receipt.outcome === 'unreadable') throw unreadableLetter(receipt.at);
    return { id, replays: receipt.before + 1 };
  }
}

function unknownLetter(): ProblemException {
  return new ProblemException(404, 'DEAD_LETTER_UNKNOWN', { detail: 'no dead letter has this id' });
}

function unreadableLetter({
  topic,
  partition,
  offset,
}: NonNullable<KeptLetter['unreadable']>): ProblemException {
  const where = `${topic}, partition ${partition}, offset ${offset}`;
  return new ProblemException(409, 'DEAD_LETTER_UNREADABLE', {
    detail: `this record is no message, so it cannot be sent again as it is; its bytes lie in ${where}: repair it and send it anew`,
  });
}

function viewOf({
  message,
  origin,
  unreadable,
  traceparent,
  at,
  replays,
  ...letter
}: KeptLetter): LetterView {
  const { id, letterId: name, topic, reason } = letter;
  return {
    id,
    letterId: name,
    topic,
    reason,
    at: instant(at),
    traceparent: traceparent ?? null,
    origin: origin ?? null,
    unreadable: unreadable ?? null,
    message: message === undefined ? null : headOf(message),
    replays: replays.map((replay) => ({ ...replay, at: instant(replay.at) })),
  };
}

function headOf({ id, type, source, key }: NonNullable<KeptLetter['message']>): LetterView['message'] {
  return { id, type, source, key };
}

function instant(ms: number): string {
  return new Date(ms).toISOString();
}
