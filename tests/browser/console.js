// Drives the console in Chromium as a person would. Arguments: its address, how many posts
// there are, a folder for pictures.
'use strict';
const fs = require('node:fs');
const { chromium } = require('playwright-core');
const { ask, eventually, holds } = require('./stage.js');

const [, , address, total, pictures] = process.argv;
const POSTS = Number(total);
const SEVERE = ['serious', 'critical'];
const DOM_MOST = 3000;

// A lane, or the panel of the call view.
class Panel {
  constructor(element) {
    this.element = element;
  }

  button(name) {
    return this.element.getByRole('button', { name, exact: true });
  }

  requests(text) {
    return this.element.getByLabel('Requests').fill(text);
  }

  state() {
    return this.element.locator('.state').textContent();
  }

  status() {
    return this.element.locator('.status').textContent();
  }

  async figure(name) {
    return Number((await this.element.locator(`[data-figure="${name}"]`).textContent()).replaceAll(',', ''));
  }

  async reaches(state, what) {
    await eventually(async () => ['OK', 'failed', state].includes(await this.state()), what);
    holds(what, await this.state() === state, await this.status());
  }
}

const lane = (page, title) => new Panel(page.getByRole('article', { name: title, exact: true }));

async function open(browser, options) {
  const page = await browser.newPage(options);
  const errors = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
  await page.goto(address);
  await page.locator('.lane').first().waitFor();
  return { page, errors };
}

async function isAccessible(page, what) {
  await page.evaluate(fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8'));
  const { violations } = await page.evaluate(() => axe.run());
  const found = violations.filter(({ impact }) => SEVERE.includes(impact));
  holds(`axe-core finds nothing serious: ${what}`, found.length === 0, found.map(({ id, nodes }) => [id, nodes[0].html]));
}

async function allFour(page) {
  const limits = { Unary: 5, 'Server streaming': 5000, 'Client streaming': 0, Bidirectional: 0 };
  await lane(page, 'Server streaming').requests('{"pageSize":100,"limit":"5000"}');
  await page.getByRole('button', { name: 'Start all four' }).click();
  for (const [title, rows] of Object.entries(limits)) {
    await lane(page, title).reaches('OK', `console  ${title}`);
    const got = await lane(page, title).figure('rows');
    holds(`console  ${title}: rows`, rows === 0 ? got > 0 : got === rows, got);
  }
}

// In the page, for the driver is slower than the stream.
async function pauseAtFirstRows(element) {
  const button = (name) => [...element.querySelectorAll('button')].find((one) => one.textContent === name);
  const rows = element.querySelector('[data-figure="rows"]');
  button('Start').click();
  do await new Promise(requestAnimationFrame); while (['0', '–'].includes(rows.textContent));
  button('Pause').click();
}

async function pause(page) {
  const stream = lane(page, 'Server streaming');
  await stream.requests('{}');
  await stream.element.evaluate(pauseAtFirstRows);
  holds('console  it pauses', await stream.state() === 'paused', await stream.status());
  const before = await stream.figure('rows');
  holds('console  a pause stops the server', await ask('is-quiet') === 'yes');
  holds('console  nothing is shown in a pause', await stream.figure('rows') === before);
  await page.screenshot({ path: `${pictures}/paused.png` });
  await stream.button('Go on').click();
  await stream.reaches('OK', 'console  it goes on after a pause');
  holds('console  and misses nothing', await stream.figure('rows') === POSTS, await stream.figure('rows'));
  holds('console  what it had not sent came then', await ask('has-sent-more') === 'yes');
  const nodes = await page.evaluate(() => document.querySelectorAll('*').length);
  holds('console  the page stays small', nodes < DOM_MOST, nodes);
}

async function bidirectional(page) {
  const talk = lane(page, 'Bidirectional');
  await talk.button('Start').click();
  await talk.button('Send').click();
  await eventually(async () => await talk.figure('rows') > 0, 'console  an answer while the call is open');
  const one = await talk.figure('messages');
  await talk.button('Send').click();
  await eventually(async () => await talk.figure('messages') > one, 'console  another request gets another answer');
  await talk.button('Half-close').click();
  await talk.reaches('OK', 'console  half-close');
  await talk.button('Start').click();
  await talk.button('Cancel').click();
  holds('console  cancel', (await talk.status()).startsWith('Status CANCELLED'), await talk.status());
}

async function follow(page) {
  const stream = lane(page, 'Server streaming');
  const shows = (id) => eventually(() => stream.element.locator(`td[title="${id}"]`).count(), `console  follow shows ${id}`);
  await stream.requests('{"fromNow":true}');
  await stream.element.getByLabel(/^Follow/).check();
  await stream.button('Start').click();
  await eventually(async () => await stream.figure('messages') > 0, 'console  a follow begins');
  await ask('import live-1');
  await shows('live-1');
  await ask('restart');
  await eventually(async () => await stream.figure('reconnects') > 0, 'console  a follow that is cut comes back');
  await eventually(async () => await stream.state() === 'half-closed', 'console  it is open again');
  await ask('import live-2');
  await shows('live-2');
  holds('console  a follow shows what is imported, through a restart', true);
  await stream.button('Cancel').click();
  await stream.element.getByLabel(/^Follow/).uncheck();
}

async function call(page) {
  await page.getByRole('tab', { name: 'Call' }).press('Enter');
  const panel = lane(page, 'Any method');
  await panel.element.getByRole('combobox').first().selectOption('v1.post.Post/GetPost');
  await panel.element.getByText('Fields of').click();
  await panel.element.getByLabel('postId string').fill('live-1');
  await panel.button('Start').click();
  await panel.reaches('OK', 'console  another method, by its form');
  holds('console  its answer', (await panel.element.getByLabel(/answers$/).textContent()).includes('"live-1"'));
  await panel.element.getByLabel('postId string').fill('nobody');
  await panel.button('Start').click();
  await panel.reaches('failed', 'console  an error');
  holds('console  its code', (await panel.status()).startsWith('Status NOT_FOUND'), await panel.status());
  await isAccessible(page, 'call');
}

async function look(browser, name, options) {
  const { page } = await open(browser, options);
  await lane(page, 'Server streaming').requests('{"limit":"20000"}');
  await page.getByRole('button', { name: 'Start all four' }).click();
  await lane(page, 'Server streaming').reaches('OK', `console  ${name}`);
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  holds(`console  ${name}: nothing is beside the screen`, over <= 0, over);
  await page.screenshot({ path: `${pictures}/${name}.png`, fullPage: true });
  await page.close();
}

async function main() {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  const { page, errors } = await open(browser, { viewport: { width: 1280, height: 1000 } });
  await allFour(page);
  await isAccessible(page, 'streams');
  await pause(page);
  await bidirectional(page);
  holds('console  no error in the page until here', errors.length === 0, errors);
  await follow(page);
  await call(page);
  await look(browser, 'desktop-dark', { viewport: { width: 1280, height: 1000 }, colorScheme: 'dark' });
  await look(browser, 'phone', { viewport: { width: 360, height: 740 } });
  await browser.close();
  process.exit(0);
}

main().catch((error) => holds('console', false, error.stack));
