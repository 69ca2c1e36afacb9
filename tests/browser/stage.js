// What the scripts here have in common: a line for each thing that holds, and a word with
// browser.py, which does to the servers what they ask for.
'use strict';
const readline = require('node:readline');

const answers = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();

function holds(what, condition, otherwise = '') {
  console.log(`${condition ? 'holds' : 'FAILS'}  ${what}${condition ? '' : `  ${JSON.stringify(otherwise)}`}`);
  if (!condition) process.exit(1);
}

// Has it done, and returns what came of it.
async function ask(what) {
  console.log(`ask ${what}`);
  return (await answers.next()).value;
}

// Calls look() until it returns something true.
async function eventually(look, what) {
  const until = Date.now() + 30000;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > until) holds(what, false, 'it did not come in 30 s');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

module.exports = { ask, eventually, holds };
