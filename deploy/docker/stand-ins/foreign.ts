/**
 * Brings what the stand-ins are made of to this machine, and prints where it lies, a `NAME=path` a line: the jars of Kafka,
 * and Jaeger and Prometheus from their published Go modules. Each is made once and cached.
 */
import { fileURLToPath } from 'node:url';
import { goTool } from '../../local/go-tool.js';
import { jaegerBinary } from '../../local/jaeger/jaeger.js';
import { brokerJars } from '../../local/kafka/jars.js';

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

const prometheus = {
  name: 'prometheus',
  file: fileURLToPath(new URL('./prometheus.mod.txt', import.meta.url)),
  command: 'github.com/prometheus/prometheus/cmd/prometheus',
  // Targets are found by name alone; what finds them in clouds would be most of the build.
  tags: 'remove_all_sd,enable_dns_sd',
};

const found = {
  KAFKA_JARS: await brokerJars(say),
  JAEGER: await jaegerBinary(say),
  PROMETHEUS: await goTool(prometheus, say),
};
for (const [name, path] of Object.entries(found)) process.stdout.write(`${name}=${path}\n`);
