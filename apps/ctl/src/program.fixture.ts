/**
 * A saga to be explored from the command line: a right one, one whose undo is forgotten, one that lacks a service, and what is
 * no exploration at all.
 */
import { saga, succeeded } from '@sagamore/engine';
import { operation } from '@sagamore/runtime';
import { does, exploration, undoes, type Cast } from '@sagamore/testing/explorer';
import { z } from 'zod';

const lend = operation('shelf.lend', { input: z.object({}), output: z.object({}), undo: 'put-back' });
const note = operation('shelf.note', { input: z.object({}), output: z.object({}) });

const lending = saga<null>('lending', { version: 3 })
  .step('lend', lend, () => ({}))
  .step('note', note, () => ({}), { nothingToUndo: true })
  .define();

function castWith(puttingBack: number): () => Cast {
  return () => ({
    services: {
      shelf: {
        rows: { copies: { emma: 2 } },
        handlers: [
          does(lend, async (_command, tables) => {
            const copies = tables.table<number>('copies');
            await copies.put('emma', ((await copies.lock('emma')) ?? 0) - 1);
            return succeeded({});
          }),
          undoes(lend, async (_command, tables) => {
            const copies = tables.table<number>('copies');
            await copies.put('emma', ((await copies.lock('emma')) ?? 0) + puttingBack);
          }),
          does(note, () => succeeded({})),
        ],
      },
    },
  });
}

export default exploration(lending, { input: null, cast: castWith(1) });

export const forgetful = exploration(lending, { input: null, cast: castWith(0) });

export const lonely = exploration(lending, { input: null, cast: () => ({ services: {} }) });

export const something = { definition: lending };
