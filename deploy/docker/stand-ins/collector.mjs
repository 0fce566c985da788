// Stands in for the collector: hands what it is sent to Jaeger as it came. It reads no configuration.
import { createServer, request } from 'node:http';

createServer((asked, answer) => {
  const { method, url: path, headers } = asked;
  const onward = request({ host: 'jaeger', port: 4318, method, path, headers }, (got) => {
    answer.writeHead(got.statusCode ?? 502, got.headers);
    got.pipe(answer);
  });
  onward.on('error', () => answer.writeHead(502).end());
  asked.pipe(onward);
}).listen(4318);
