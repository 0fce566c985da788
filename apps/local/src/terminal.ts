/**
 * How the terminal is spoken to: a step that takes a while shows that it is under way, and what came of it.
 * On a terminal a line is written over; in a log each line is written once.
 */
import colours from 'picocolors';

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const isTerminal = process.stdout.isTTY && process.env['TERM'] !== 'dumb';

export interface Progress {
  /** Replaces the line by another saying; in a log, adds it. */
  say(text: string): void;
}

export function line(text = ''): void {
  process.stdout.write(`${text}\n`);
}

/** Shows `title` while `work` runs, then a tick with the time it took, or a cross before the error goes on. */
export async function step<T>(title: string, work: (progress: Progress) => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  const spinner = spin(title);
  try {
    const result = await work({ say: spinner.say });
    spinner.end(`${colours.green('✔')} ${title} ${colours.dim(elapsed(startedAt))}`);
    return result;
  } catch (error) {
    spinner.end(`${colours.red('✘')} ${title}`);
    throw error;
  }
}

function elapsed(startedAt: number): string {
  return `${((performance.now() - startedAt) / 1_000).toFixed(1)} s`;
}

function spin(title: string): { say: (text: string) => void; end: (text: string) => void } {
  let detail = '';
  let frame = 0;
  const show = (): void => {
    frame = (frame + 1) % frames.length;
    process.stdout.write(`\r\x1b[2K${colours.cyan(frames[frame]!)} ${title} ${colours.dim(detail)}`);
  };
  const timer = isTerminal ? setInterval(show, 100) : undefined;
  return {
    say(text) {
      detail = text;
      if (!isTerminal) line(`  ${text}`);
    },
    end(text) {
      clearInterval(timer);
      process.stdout.write(isTerminal ? `\r\x1b[2K${text}\n` : `${text}\n`);
    },
  };
}

export { colours };
