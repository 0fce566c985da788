/**
 * Goal: what the documents say of the house stays true, and the house keeps its shape.
 * Method: files are read as text and compared; nothing is run. Walls between rooms are dependency-cruiser's affair.
 */
import { describe, expect, test } from '@jest/globals';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { faultCodes } from '@sagamore/resilience';

const root = fileURLToPath(new URL('..', import.meta.url));
const passedOver = /^(node_modules|dist|coverage|\..*)$/;

const linesMax = 400;
const exportsMax = 60;

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** Every file below `folder`, by its path from the root. */
function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (passedOver.test(entry.name)) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesBelow(path);
    return entry.isFile() ? [path] : [];
  });
}

function folders(parent: string): string[] {
  return readdirSync(join(root, parent), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(root, parent, entry.name, 'package.json')))
    .map((entry) => join(parent, entry.name));
}

const sources = ['libs', 'apps', 'deploy', 'test']
  .flatMap(filesBelow)
  .filter((path) => /\.m?ts$|\.mjs$/.test(path) && !path.endsWith('.d.mts'));
const shipped = sources.filter((path) => !/\.(spec|contract)\.ts$/.test(path));
const pages = filesBelow('.').filter((path) => path.endsWith('.md'));
const libraries = folders('libs');
const rooms = [...libraries, ...folders('apps')];

function linesOf(text: string): number {
  return text.trimEnd().split('\n').length;
}

function matches(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map((match) => match[1] ?? '');
}

function sorted(words: Iterable<string>): string[] {
  return [...new Set(words)].toSorted();
}

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '');
}

/** The text from one heading to the next of the same level. */
function section(text: string, heading: string): string {
  const [, after = ''] = text.split(`\n## ${heading}\n`);
  return after.split('\n## ')[0] ?? '';
}

/** Code and its blocks hold no links and no prose. */
function prose(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```/gm, '').replaceAll(/`[^`\n]*`/g, '');
}

describe('errors', () => {
  const page = read('docs/reference/errors.md');

  test('every fault code has a paragraph, and every paragraph a code', () => {
    const faults = section(page, 'Faults').split('\n### ').slice(1);
    const told = faults.map((paragraph) => paragraph.split('\n', 1)[0] ?? '');
    expect(told.toSorted()).toEqual([...faultCodes].toSorted());
    const bare = faults.filter((paragraph) => paragraph.trim().split(/\s+/).length < 8);
    expect(bare).toEqual([]);
  });

  test('every problem code of the REST APIs has a row, and every row a code', () => {
    const code = shipped
      .filter((path) => /^(libs|apps)\//.test(path))
      .map((path) => withoutComments(read(path)));
    const thrown = code.flatMap((text) =>
      matches(text, /new ProblemException\(\s*(?:\d{3}|status),\s*'([A-Z_]+)'/g),
    );
    const filter = withoutComments(read('libs/platform/src/http/problem.filter.ts'));
    const byStatus = [
      ...matches(filter, /^ {2}\d{3}: '([A-Z_]+)'/gm),
      ...matches(filter, /\? '([A-Z_]+)' : /g),
    ];
    const [, refusals = ''] = read('apps/order/src/orders.controller.ts').split('const refusalDetails');
    const refused = matches(refusals, /^ {2}'([a-z-]+)':/gm).map((word) =>
      word.toUpperCase().replaceAll('-', '_'),
    );
    expect(refused).not.toEqual([]);
    const rows = matches(section(page, 'REST problems'), /^\| `([A-Z_]+)`/gm);
    expect(rows).toEqual(sorted(rows));
    expect(rows).toEqual(sorted([...thrown, ...byStatus, ...refused]));
  });
});

describe('the README', () => {
  const page = read('README.md');

  test('quotes the saga word for word', () => {
    const [quote = ''] = matches(page, /```ts\n([\s\S]*?)```/g);
    expect(quote).toContain('.define();');
    expect(read('apps/orchestrator/src/transactions/place-order.saga.ts')).toContain(quote);
  });

  test('and every other page name only scripts that exist and have their file', () => {
    const scripts: Record<string, string> = JSON.parse(read('package.json')).scripts;
    const named = pages.flatMap((path) => matches(read(path), /npm run ([a-z0-9:]+)/g));
    const wrong = sorted(named).filter((name) => {
      const script = scripts[name];
      const files = matches(script ?? '', /\b((?:deploy|test|apps)\/[\w./-]+\.m?[jt]s)\b/g);
      return script === undefined || files.some((path) => !existsSync(join(root, path)));
    });
    expect(named).not.toEqual([]);
    expect(wrong).toEqual([]);
  });
});

describe('pages', () => {
  test('relative links lead to something', () => {
    const links = pages.flatMap((path) =>
      matches(prose(read(path)), /\]\(([^)\s]+)\)/g)
        .filter((link) => !/^[a-z]+:|^#/.test(link))
        .map((link) => ({ path, target: join(dirname(path), link.split('#', 1)[0] ?? '') })),
    );
    expect(links.length).toBeGreaterThan(100);
    expect(links.filter(({ target }) => !existsSync(join(root, target)))).toEqual([]);
  });

  test('each word of the glossary stands there once, in order', () => {
    const words = matches(read('docs/glossary.md'), /^\| ([a-z][a-z -]*) \|/gm).filter(
      (word) => word !== 'word',
    );
    expect(words.length).toBeGreaterThan(40);
    expect(words).toEqual(sorted(words));
  });

  test('a concept is told in five parts', () => {
    const parts = [
      'The problem, in one story',
      'The idea',
      'Where it lives',
      'What it does not give',
      'How to break it',
    ];
    const told = filesBelow('docs/concepts').map((path) => [path, matches(read(path), /^## (.+)$/gm)]);
    expect(told).not.toEqual([]);
    expect(told.filter(([, headings]) => String(headings) !== String(parts))).toEqual([]);
  });

  test('a decision has context, options, choice and cost, and is listed', () => {
    const decisions = filesBelow('docs/decisions').filter((path) => basename(path) !== 'README.md');
    const list = read('docs/decisions/README.md');
    expect(decisions).not.toEqual([]);
    for (const path of decisions) {
      expect([path, matches(read(path), /^\*\*(\w+)\.\*\*/gm)]).toEqual([
        path,
        ['Context', 'Options', 'Choice', 'Cost'],
      ]);
      expect(list).toContain(`(${basename(path)})`);
    }
  });
});

describe('rooms', () => {
  test('each has a README of 15 to 30 lines', () => {
    const lines = rooms.map((room) => {
      const path = join(room, 'README.md');
      return { room, lines: existsSync(join(root, path)) ? linesOf(read(path)) : 0 };
    });
    expect(lines.filter((entry) => entry.lines < 15 || entry.lines > 30)).toEqual([]);
  });

  test('a library has one index.ts, an application none', () => {
    const indexes = sources.filter((path) => basename(path) === 'index.ts');
    expect(indexes.toSorted()).toEqual(libraries.map((room) => join(room, 'src/index.ts')).toSorted());
  });

  test(`a library shows at most ${exportsMax} things that exist at run time, each by its name`, () => {
    const shown = libraries.map((room) => {
      const text = withoutComments(read(join(room, 'src/index.ts')));
      const names = matches(text, /export \{([^}]*)\}/g).flatMap((list) => list.split(','));
      const values = names.map((name) => name.trim()).filter((name) => name && !name.startsWith('type '));
      return { room, values: values.length, wildcards: matches(text, /(export \*)/g).length };
    });
    expect(shown.filter(({ values, wildcards }) => values > exportsMax || wildcards > 0)).toEqual([]);
  });

  test('none has a name that answers no question', () => {
    const wrong = /(^|\/)(common|shared|core|utils?|helpers?)(\/|\.)/;
    expect(sources.filter((path) => wrong.test(path))).toEqual([]);
  });
});

describe('source files', () => {
  test('each opens with a comment', () => {
    const silent = sources.filter((path) => !/^(#![^\n]*\n)?\s*(\/\*|\/\/)/.test(read(path)));
    expect(silent).toEqual([]);
  });

  test(`none that is shipped has more than ${linesMax} lines`, () => {
    const long = shipped
      .map((path) => ({ path, lines: linesOf(read(path)) }))
      .filter(({ lines }) => lines > linesMax);
    expect(long).toEqual([]);
  });
});
