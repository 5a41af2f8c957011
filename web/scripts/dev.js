// Serves the pages from this folder and passes everything else to a running corescope, so that a
// change is seen by loading the page again: npm run dev -- http://127.0.0.1:3000 [port]
import { createServer, request } from 'node:http';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const target = new URL(process.argv[2] ?? 'http://127.0.0.1:3000');
const port = Number(process.argv[3] ?? 3001);
const root = fileURLToPath(new URL('..', import.meta.url));
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
  + "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'";
/** @type {Record<string, string>} */
const TYPES = { js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml', html: 'text/html; charset=utf-8' };

const server = createServer(async (asked, answer) => {
  const path = new URL(asked.url ?? '/', target).pathname;
  if (path.startsWith('/api') || path === '/metrics') return pass(asked, answer);
  const name = path.startsWith('/assets/dev/') ? normalize(path.slice('/assets/dev/'.length)) : 'index.html';
  try {
    const content = await readFile(join(root, name));
    const type = TYPES[name.split('.').pop() ?? ''] ?? 'text/plain';
    const headers = { 'Content-Type': type, 'Cache-Control': 'no-store', 'Content-Security-Policy': POLICY };
    answer.writeHead(200, headers);
    return answer.end(name === 'index.html' ? content.toString().replaceAll('{version}', 'dev') : content);
  } catch {
    answer.writeHead(404);
    return answer.end();
  }
});

/** @param {import('node:http').IncomingMessage} asked @param {import('node:http').ServerResponse} answer */
function pass(asked, answer) {
  const forward = request({
    host: target.hostname, port: target.port, path: asked.url, method: asked.method, headers: asked.headers,
  }, (got) => {
    answer.writeHead(got.statusCode ?? 502, got.headers);
    got.pipe(answer);
  });
  forward.on('error', () => answer.destroy());
  asked.pipe(forward);
}

server.on('upgrade', (asked, socket, head) => {
  const to = connect(Number(target.port), target.hostname, () => {
    const lines = Object.entries(asked.headers).map(([name, value]) => `${name}: ${value}`);
    to.write(`GET ${asked.url} HTTP/1.1\r\n${lines.join('\r\n').replace(/origin: .*\r\n/i, '')}\r\n\r\n`);
    to.write(head);
    socket.pipe(to).pipe(socket);
  });
  to.on('error', () => socket.destroy());
  socket.on('error', () => to.destroy());
});

server.listen(port, '127.0.0.1', () => console.log(`http://127.0.0.1:${port} shows ${target.origin}`));
