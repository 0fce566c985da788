// Asks the process of this container whether it is ready: exit 0 or 1. The path is an argument, for what has no /health.
const [path = '/health/ready'] = process.argv.slice(2);
const url = `http://127.0.0.1:${process.env.PORT}${path}`;
const isReady = await fetch(url, { signal: AbortSignal.timeout(3_000) }).then(
  (response) => response.ok,
  () => false,
);
process.exit(isReady ? 0 : 1);
