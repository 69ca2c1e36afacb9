// Runs clients_page.js, bundled, as a page of another origin. Arguments: the server's address, a
// port for the page, the bundle, and what a gRPC client has listed, in JSON.
'use strict';
const fs = require('node:fs');
const http = require('node:http');
const { chromium } = require('playwright-core');
const { ask, eventually, holds } = require('./stage.js');

const [, , base, port, bundle, listed] = process.argv;
const { first, users } = JSON.parse(listed);

// What is to come of each call; where nothing stands, it is not made.
const EXPECTED = {
  one: 'Henry',
  list: first,
  stream: first,
  clientStream: users,
  bidi: users,
  error: ['NotFound', 'NOT_FOUND', 'Unimplemented'],
  cancel: 'Canceled',
  deadline: 'DeadlineExceeded',
};

const same = (got, expected) => JSON.stringify(got) === JSON.stringify(expected);

function servePage() {
  const page = '<!doctype html><title>clients</title><script src="/page.js"></script>';
  const server = http.createServer((request, response) => {
    const script = request.url === '/page.js';
    response.setHeader('content-type', script ? 'text/javascript' : 'text/html');
    response.end(script ? fs.readFileSync(bundle) : page);
  });
  return new Promise((resolve) => server.listen(Number(port), '127.0.0.1', () => resolve(server)));
}

function makeCall(page, client, name) {
  return page.evaluate(([c, n, b]) => window.calls[c][n](b).catch((error) => `failed: ${error.message}`), [client, name, base]);
}

async function all(page) {
  const clients = await page.evaluate(() => Object.entries(window.calls).map(([c, calls]) => [c, Object.keys(calls)]));
  for (const [client, names] of clients.filter(([c]) => c !== 'EventSource')) {
    for (const name of names) {
      const got = await makeCall(page, client, name);
      const good = name === 'error' ? EXPECTED.error.some((one) => String(got).startsWith(one)) : same(got, EXPECTED[name]);
      holds(`${client}  ${name}`, good, got);
    }
  }
}

// Nothing twice, nothing lost, though the server is restarted in between.
async function events(page) {
  const heard = () => page.evaluate(() => window.calls.EventSource.heard());
  const open = page.evaluate((b) => window.calls.EventSource.follow(b), base);
  await open;
  await ask('import event-1');
  await eventually(async () => (await heard()).length === 1, 'EventSource  the first');
  await ask('restart');
  await ask('import event-2');
  await eventually(async () => (await heard()).length === 2, 'EventSource  the second');
  const got = await heard();
  holds('EventSource  follows through a restart of the server', same(got, ['event-1', 'event-2']), got);
}

async function main() {
  const server = await servePage();
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${port}/`);
  await all(page);
  await events(page);
  await browser.close();
  server.close();
  process.exit(0);
}

main().catch((error) => holds('clients', false, error.stack));
