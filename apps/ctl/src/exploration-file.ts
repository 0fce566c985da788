/**
 * Finds what a person wants explored: a module of theirs, and which of its exports. Their code is run by importing it; what
 * is wrong with the name is told with what to write instead.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isExploration, type Exploration } from '@sagamore/testing/explorer';
import { complaint } from './complaint.js';

/** The exploration that `name` means: a path, and behind a `#` the export where it is not the default. */
export async function loadExploration(name: string): Promise<Exploration> {
  const [path = '', wanted = 'default'] = name.split(/#(?=[^/]*$)/);
  const file = resolve(path);
  if (!existsSync(file))
    throw complaint(`There is no file ${path}`, 'Give the path of a module that exports an exploration');
  const exported = await load(path, file);
  const found = exported[wanted];
  if (isExploration(found)) return found;
  const others = Object.keys(exported).filter((key) => isExploration(exported[key]));
  throw complaint(
    found === undefined
      ? `${path} has no ${spoken(wanted)}`
      : `${capital(spoken(wanted))} of ${path} is no exploration`,
    others.length > 0
      ? `Name one that is: ${others.map((key) => (key === 'default' ? path : `${path}#${key}`)).join(', ')}`
      : 'Export what exploration(definition, { input, cast }) of @sagamore/testing/explorer answers',
  );
}

async function load(path: string, file: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return await import(pathToFileURL(file).href);
  } catch (error) {
    const [why] = (error instanceof Error ? error.message : String(error)).split('\n');
    throw complaint(`${path} cannot be loaded: ${why}`, 'Run it by itself to see where it fails');
  }
}

function spoken(name: string): string {
  return name === 'default' ? 'default export' : `export "${name}"`;
}

function capital(text: string): string {
  return `The ${text}`;
}
