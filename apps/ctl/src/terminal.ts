/**
 * How the command line speaks: to people with tables and, on a terminal, colours and a line that is written over; to
 * machines without either. It decides nothing.
 */
import { createColors } from 'picocolors';

/** What is used of a stream of the process. */
export interface Stream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

export interface Streams {
  readonly out: Stream;
  readonly err: Stream;
  /** Whether colours may be used. */
  readonly isColoured: boolean;
}

export type Colours = ReturnType<typeof createColors>;

/** One of a table's columns. Numbers stand on the right. */
export interface Column {
  readonly head: string;
  readonly align?: 'left' | 'right';
}

export class Terminal {
  readonly colours: Colours;

  constructor(private readonly streams: Streams) {
    this.colours = createColors(streams.isColoured);
  }

  line(text = ''): void {
    this.streams.out.write(`${text}\n`);
  }

  /** What went wrong, and what to do about it; on the stream of errors. */
  complain(text: string): void {
    this.streams.err.write(`${text}\n`);
  }

  /** A line that the next one replaces. Where nobody watches nothing is written. */
  progress(text: string): void {
    if (this.streams.err.isTTY === true) this.streams.err.write(`\r\x1b[2K${text}`);
  }

  /** Takes the line of progress away. */
  settle(): void {
    this.progress('');
  }

  /** Rows under their heads, each column as wide as its widest cell. */
  table(columns: readonly Column[], rows: readonly (readonly string[])[]): void {
    const widths = columns.map(({ head }, index) =>
      Math.max(head.length, ...rows.map((row) => (row[index] ?? '').length)),
    );
    const laid = (cells: readonly string[]) =>
      columns.map(({ align }, index) => pad(cells[index] ?? '', widths[index] ?? 0, align)).join('  ');
    this.line(this.colours.dim(laid(columns.map(({ head }) => head)).trimEnd()));
    for (const row of rows) this.line(laid(row).trimEnd());
  }
}

function pad(text: string, width: number, align: Column['align'] = 'left'): string {
  return align === 'right' ? text.padStart(width) : text.padEnd(width);
}
