/**
 * Brings the jars of a real Kafka broker to this machine, once: Maven resolves the pom.xml beside this file into a cache.
 * Later starts touch neither Maven nor the network. Must never name a registry: where jars come from is Maven's own setting.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { answers, madeOnce, placeOf, run } from '../made-once.js';

const recipe = { name: 'kafka/jars', file: fileURLToPath(new URL('./pom.xml', import.meta.url)) };
const copyDependencies = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.0:copy-dependencies';

/** The Java to run: that of `JAVA_HOME` where it is set. */
export function javaCommand(): string {
  const home = process.env['JAVA_HOME'];
  return home ? join(home, 'bin', 'java') : 'java';
}

/** What this machine lacks to run a broker, as a sentence; undefined when it lacks nothing. */
export function missingForBroker(): string | undefined {
  if (!answers(javaCommand(), '-version'))
    return 'a local Kafka needs Java 17 or newer, and no java was found';
  if (existsSync(placeOf(recipe)) || answers('mvn', '-version')) return undefined;
  return 'a local Kafka needs Maven (mvn) to fetch its jars once, and no mvn was found';
}

/** The directory that holds the jars, fetching them first if need be. Safe to call from several processes at once.
 *  Throws when Java or Maven is missing or Maven fails, with its last lines. */
export async function brokerJars(log: (line: string) => void): Promise<string> {
  const missing = missingForBroker();
  if (missing !== undefined) throw new Error(missing);
  return madeOnce({ ...recipe, log, make: (directory) => fetchInto(directory, log) });
}

async function fetchInto(directory: string, log: (line: string) => void): Promise<void> {
  log('fetching the jars of the Kafka broker with Maven (about 45 MB, once)');
  const flags = ['-q', '-B', '-f', recipe.file];
  const into = ['-DincludeScope=runtime', `-DoutputDirectory=${directory}`];
  await run('mvn', [...flags, copyDependencies, ...into]);
  log('the jars are here');
}
