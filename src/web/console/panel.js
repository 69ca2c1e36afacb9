/* One call, as a person makes it: choose a method, type requests, start, send, half-close,
 * pause, cancel, and watch what comes.
 *
 *   READY ─▶ OPEN ◀─▶ PAUSED          OPEN ─▶ HALF_CLOSED ◀─▶ PAUSED
 *   OPEN, HALF_CLOSED ─▶ WAITING ─▶ OPEN      a follow that was cut comes back
 *   from each but READY to OK or FAILED; from those to OPEN, with the next start
 *
 * What is shown of a call is bounded, however long it is: the first and last arrows, the
 * last rows, a plot of so many bars. */

const ROWS_SHOWN = 40;
const COLUMNS_SHOWN = 5;
const BARS_SHOWN = 120;
const BURST_MS = 150;
const RECONNECT_FIRST_MS = 250;
const RECONNECT_MOST_MS = 5000;

const STATES = {
  READY: 'ready',
  OPEN: 'open',
  HALF_CLOSED: 'half-closed',
  PAUSED: 'paused',
  WAITING: 'waiting to reconnect',
  OK: 'OK',
  FAILED: 'failed',
};

const isOver = (state) => state === 'READY' || state === 'OK' || state === 'FAILED';

/* JSON values one behind the other, each as its text. */
function splitJson(text) {
  const values = [];
  let depth = 0, from = 0, inString = false;
  for (let at = 0; at < text.length; at++) {
    const c = text[at];
    if (inString) {
      if (c === '\\') at++;
      else if (c === '"') inString = false;
    } else if (c === '"') {
      inString = true;
    } else if (c === '{' || c === '[') {
      if (depth++ === 0) from = at;
    } else if ((c === '}' || c === ']') && --depth === 0) {
      values.push(text.slice(from, at + 1));
    }
  }
  if (depth !== 0) throw new SyntaxError('A bracket is not closed.');
  values.forEach((value) => JSON.parse(value));
  return values;
}

/* --- Figures and the plot of a call ----------------------------------------------------- */

class Figures {
  constructor() {
    this.began = performance.now();
    this.first = null;
    this.last = null;
    this.messages = this.rows = this.bytes = this.reconnects = 0;
    this.gap = 0;
    this.barMs = 20;
    this.bars = [0];
  }

  add(rows, bytes) {
    const now = performance.now() - this.began;
    this.first ??= now;
    if (this.last !== null) this.gap = Math.max(this.gap, now - this.last);
    this.last = now;
    this.messages++;
    this.rows += rows;
    this.bytes += bytes;
    while (now / this.barMs >= BARS_SHOWN) this.#merge();
    const bar = Math.floor(now / this.barMs);
    while (this.bars.length <= bar) this.bars.push(0);
    this.bars[bar] += rows || 1;
  }

  #merge() {
    this.barMs *= 2;
    this.bars = this.bars.flatMap((n, i) => (i % 2 === 0 ? [n + (this.bars[i + 1] ?? 0)] : []));
  }

  perSecond() {
    return this.last > 0 ? this.rows / this.last * 1000 : 0;
  }
}

class FiguresView {
  #values = {};
  #canvas = h('canvas', { class: 'plot', role: 'img', 'aria-label': 'Nothing has arrived yet.' });

  constructor() {
    const list = h('dl', { class: 'figures' });
    for (const [key, title] of [['first', 'First message'], ['messages', 'Messages'], ['rows', 'Rows'],
      ['speed', 'Rows a second'], ['bytes', 'Bytes'], ['gap', 'Longest gap'], ['reconnects', 'Reconnects']]) {
      this.#values[key] = h('dd', { 'data-figure': key }, '–');
      list.append(h('div', {}, h('dt', {}, title), this.#values[key]));
    }
    this.element = h('div', {}, list, this.#canvas);
  }

  paint(f) {
    const texts = {
      first: f.first === null ? '–' : timeText(f.first), messages: numberText(f.messages), rows: numberText(f.rows),
      speed: numberText(f.perSecond()), bytes: bytesText(f.bytes), gap: timeText(f.gap), reconnects: String(f.reconnects),
    };
    for (const [key, text] of Object.entries(texts)) setText(this.#values[key], text);
    this.#values.reconnects.parentElement.hidden = f.reconnects === 0;
    this.#plot(f);
  }

  #plot({ bars, barMs }) {
    const canvas = this.#canvas;
    const scale = devicePixelRatio;
    canvas.width = canvas.clientWidth * scale;
    canvas.height = canvas.clientHeight * scale;
    const context = canvas.getContext('2d');
    const most = Math.max(...bars, 1);
    const width = canvas.width / Math.max(bars.length, 20);
    context.fillStyle = getComputedStyle(canvas).getPropertyValue('--in');
    bars.forEach((n, i) => {
      const height = n === 0 ? 0 : Math.max(scale, n / most * canvas.height);
      context.fillRect(i * width, canvas.height - height, Math.max(1, width - scale), height);
    });
    canvas.setAttribute('aria-label', `Arrivals over ${timeText(bars.length * barMs)}, a bar for each ${timeText(barMs)}.`);
  }
}

/* --- Rows ------------------------------------------------------------------------------- */

const cellText = (value) => (value === undefined ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value));

class RowsView {
  #rows = [];
  #columns = [];
  #head = h('tr');
  #body = h('tbody');

  constructor(label) {
    this.element = h('div', { class: 'rows', tabindex: '0', role: 'region', 'aria-label': label, hidden: true },
      h('table', {}, h('thead', {}, this.#head), this.#body));
  }

  clear(columns) {
    this.#rows = [];
    this.#columns = columns.slice(0, COLUMNS_SHOWN);
    this.#head.replaceChildren(...this.#columns.map((name) => h('th', { scope: 'col' }, name)));
    this.element.hidden = true;
  }

  add(rows) {
    this.#rows = this.#rows.concat(rows.slice(-ROWS_SHOWN)).slice(-ROWS_SHOWN);
  }

  paint() {
    this.element.hidden = this.#rows.length === 0;
    this.#body.replaceChildren(...this.#rows.map((row) => h('tr', { class: row.gone && 'gone' },
      ...this.#columns.map((name) => h('td', { title: cellText(row[name]) }, cellText(row[name]))))));
  }
}

/* Ids of what was deleted, in an answer that follows. */
function goneRows(answer, column) {
  const key = Object.keys(answer).find((name) => /^deleted.*Ids$/.test(name));
  return key === undefined ? [] : answer[key].map((id) => ({ [column]: id, gone: true }));
}

/* --- The panel --------------------------------------------------------------------------- */

class CallPanel {
  #state = 'READY';
  #call = null;
  #method = null;
  #known;
  #settings;
  #figures = new Figures();
  #next = 0;
  #sent = 0;
  #token = '';
  #retryMs = RECONNECT_FIRST_MS;
  #retry = null;
  #beforePause = 'OPEN';
  #rowsField = null;
  #parts;
  #wire;
  #figuresView = new FiguresView();
  #rows;
  #commands = new CommandsView();
  #painter = new Painter(() => this.#paint());

  /* @options: { title, glyph, methods, sample(method), answers }; @answers: show what comes
   * as text. @settings: what openCall() takes, as a function. */
  constructor(options, known, settings) {
    this.options = options;
    this.#known = known;
    this.#settings = settings;
    this.#wire = new WireView(`${options.title}: messages in the order in which they went`);
    this.#rows = new RowsView(`${options.title}: the last rows`);
    this.#build();
    this.choose(options.methods[0]);
  }

  #build() {
    const button = (text, onclick, attributes = {}) => h('button', { type: 'button', onclick, ...attributes }, text);
    const parts = {
      state: h('span', { class: 'state', role: 'status' }),
      method: h('select', { onchange: () => this.choose(this.options.methods[parts.method.selectedIndex]) },
        ...this.options.methods.map((method) => h('option', {}, `${method.service}/${method.name}`))),
      requests: h('textarea', { rows: '3', spellcheck: 'false', oninput: () => this.#edited() }),
      hint: h('small'),
      follow: h('input', { type: 'checkbox', onchange: () => this.#edited() }),
      start: button('Start', () => this.start(), { class: 'first' }),
      send: button('Send', () => this.send()),
      halfClose: button('Half-close', () => this.halfClose()),
      pause: button('Pause', () => this.pause()),
      cancel: button('Cancel', () => this.cancel()),
      pausing: h('p', { class: 'pausing', role: 'status', hidden: true }),
      status: h('p', { class: 'status', role: 'status', hidden: true }),
      carrier: h('small'),
      answers: h('pre', { tabindex: '0', 'aria-label': `${this.options.title}: answers`, hidden: true }),
      form: h('div'),
      metadata: h('pre'),
    };
    parts.followLabel = h('label', { class: 'check' }, parts.follow, 'Follow: go on with what changes');
    this.#parts = parts;
    this.element = h('article', { class: 'lane', 'aria-label': this.options.title },
      h('header', {}, h('h2', {}, this.options.title), h('span', { class: 'shape', 'aria-hidden': 'true' }, this.options.glyph), parts.state),
      h('label', {}, 'Method', parts.method),
      parts.form,
      h('label', {}, 'Requests ', parts.hint, parts.requests),
      h('div', { class: 'buttons' }, parts.start, parts.send, parts.halfClose, parts.pause, parts.cancel, parts.followLabel),
      parts.pausing, parts.status, parts.carrier,
      this.#figuresView.element, this.#wire.element, this.#rows.element, parts.answers,
      h('details', {}, h('summary', {}, 'Metadata that came back'), parts.metadata), this.#commands.element);
  }

  /* --- The state: its only setter, and what it allows --- */

  #move(next) {
    this.#state = next;
    const { state, start, send, halfClose, pause, cancel } = this.#parts;
    const many = this.#method.requests === 'many';
    setText(state, STATES[next]);
    state.dataset.state = { OK: 'ok', FAILED: 'failed', PAUSED: 'paused', READY: 'ready' }[next] ?? 'open';
    const sends = next === 'OPEN' || (next === 'PAUSED' && this.#beforePause === 'OPEN');
    start.disabled = !isOver(next);
    send.hidden = halfClose.hidden = !many;
    send.disabled = halfClose.disabled = !sends;
    pause.disabled = isOver(next) || next === 'WAITING';
    setText(pause, next === 'PAUSED' ? 'Go on' : 'Pause');
    cancel.disabled = isOver(next);
    this.#parts.method.disabled = !isOver(next);
  }

  isOver() {
    return isOver(this.#state);
  }

  /* --- Choosing and typing --- */

  choose(method) {
    this.#method = method;
    this.#rowsField = rowsField(method.output, this.#known);
    const many = method.requests === 'many';
    setText(this.#parts.hint, many ? 'JSON, one behind the other. Each Send sends the next one.' : 'JSON.');
    this.#parts.requests.value = this.options.sample(method);
    const follows = !many && method.responses === 'many' && hasField(method.input, 'follow', this.#known);
    this.#parts.followLabel.hidden = !follows;
    if (!follows) this.#parts.follow.checked = false;
    if (this.options.form) this.#parts.form.replaceChildren(this.options.form(method, this.#parts.requests, () => this.#edited()));
    this.#move('READY');
    this.#edited();
  }

  #edited() {
    this.#next = 0;
    try {
      this.#commands.show(this.#method, this.#texts(), this.#settings());
      this.#parts.requests.classList.remove('invalid');
      this.#parts.requests.removeAttribute('aria-invalid');
    } catch {
      this.#parts.requests.classList.add('invalid');
      this.#parts.requests.setAttribute('aria-invalid', 'true');
    }
  }

  #texts() {
    const texts = splitJson(this.#parts.requests.value);
    if (!this.#parts.follow.checked) return texts;
    return texts.map((text) => JSON.stringify({ ...JSON.parse(text), follow: true }));
  }

  /* --- What the buttons do --- */

  start() {
    let first;
    try {
      [first = '{}'] = this.#texts();
    } catch (error) {
      this.#showStatus(statusOf(3, `The requests are not JSON: ${error.message}`));
      return;
    }
    this.#figures = new Figures();
    this.#next = this.#sent = 0;
    this.#token = '';
    this.#retryMs = RECONNECT_FIRST_MS;
    this.#wire.clear();
    this.#rows.clear(this.#columns());
    this.#parts.answers.textContent = this.#parts.metadata.textContent = '';
    this.#parts.answers.hidden = this.#parts.pausing.hidden = this.#parts.status.hidden = true;
    this.#open();
    if (this.#method.requests === 'one') this.#sendText(first);
    this.#painter.ask();
  }

  #columns() {
    const row = this.#rowsField && this.#known.messages.get(this.#rowsField.typeName);
    return (row?.fields ?? []).filter((field) => field.type !== 'message').map((field) => field.json);
  }

  #open() {
    const call = openCall(this.#method, this.#settings(), {
      metadata: (place, pairs) => call === this.#call && this.#showMetadata(place, pairs),
      message: (answer, bytes) => call === this.#call && this.#take(answer, bytes),
      end: (status) => call === this.#call && this.#end(status),
    });
    this.#call = call;
    setText(this.#parts.carrier, call.carrier);
    this.#move('OPEN');
    this.#wire.add('out', `call ${this.#method.name}`);
  }

  #sendText(text) {
    this.#call.send(text);
    this.#sent++;
    this.#wire.add('out', `request ${this.#sent}, ${bytesText(text.length)}`);
    if (this.#method.requests === 'one') {
      this.#wire.add('out', 'half-close');
      this.#move('HALF_CLOSED');
    }
  }

  send() {
    const texts = this.#texts();
    if (texts.length > 0) this.#sendText(texts[this.#next++ % texts.length]);
  }

  halfClose() {
    this.#call.halfClose();
    this.#wire.add('out', 'half-close');
    if (this.#state === 'PAUSED') {
      this.#beforePause = 'HALF_CLOSED';
      this.#move('PAUSED');
    } else {
      this.#move('HALF_CLOSED');
    }
  }

  cancel() {
    clearTimeout(this.#retry);
    if (this.#state === 'WAITING') {
      this.#end(statusOf(1, 'You cancelled the call.'));
      return;
    }
    this.#wire.add('out', 'cancel');
    this.#call.cancel();
  }

  pause() {
    if (this.#state === 'PAUSED') {
      this.#goOn();
      return;
    }
    this.#beforePause = this.#state;
    this.#move('PAUSED');
    this.#call.pause();
    this.#wire.add('note', 'paused');
    const { rows, bytes } = this.#figures;
    this.#parts.pausing.hidden = false;
    setText(this.#parts.pausing, `Paused after ${numberText(rows)} rows (${bytesText(bytes)}). ` + (this.#call.pushesBack
      ? 'The page reads no more: once the buffers of the browser and of TCP are full, the server waits.'
      : 'This browser cannot push back on a WebSocket: what comes is kept in its memory.'));
  }

  /* What comes at once after a pause had been waiting in the browser. */
  #goOn() {
    const { rows, bytes } = this.#figures;
    this.#move(this.#beforePause);
    this.#wire.add('note', 'goes on');
    this.#call.resume();
    setTimeout(() => {
      if (this.#state !== 'PAUSED')
        setText(this.#parts.pausing, `The browser had held about ${numberText(this.#figures.rows - rows)} rows (${bytesText(this.#figures.bytes - bytes)}): they came within ${BURST_MS} ms.`);
    }, BURST_MS);
  }

  /* --- What comes --- */

  #take(answer, bytes) {
    const listed = this.#rowsField ? answer[this.#rowsField.json] ?? [] : [];
    const gone = goneRows(answer, this.#columns()[0]);
    this.#figures.add(listed.length + gone.length, bytes);
    this.#rows.add([...listed, ...gone]);
    this.#token = answer.nextPageToken || this.#token;
    this.#retryMs = RECONNECT_FIRST_MS;
    const count = this.#rowsField ? `${numberText(listed.length + gone.length)} rows, ` : '';
    this.#wire.add('in', `message ${numberText(this.#figures.messages)}, ${count}${bytesText(bytes)}${answer.caughtUp ? ', caught up' : ''}`);
    if (this.options.answers) this.#showAnswer(answer);
    this.#painter.ask();
  }

  #showMetadata(place, pairs) {
    if (place === 'header') this.#wire.add('in', 'headers');
    for (const [name, value] of pairs) this.#parts.metadata.append(`${place} ${name}: ${value}\n`);
  }

  #showAnswer(answer) {
    const { answers } = this.#parts;
    answers.hidden = false;
    answers.append(`${JSON.stringify(answer, null, 2)}\n`);
    while (answers.childNodes.length > ROWS_SHOWN) answers.firstChild.remove();
  }

  #end(status) {
    if (status.code === 14 && this.#parts.follow.checked) {
      this.#wire.add('in', status.name);
      this.#comeBack(status);
      return;
    }
    this.#wire.add('in', `status ${status.name}`);
    this.#showStatus(status);
    this.#painter.ask();
  }

  #showStatus(status) {
    this.#move(status.code === 0 ? 'OK' : 'FAILED');
    this.#parts.status.hidden = false;
    setText(this.#parts.status, statusText(status));
  }

  /* A follow that was cut goes on behind the last message that came. */
  #comeBack(status) {
    const waits = this.#retryMs;
    this.#retryMs = Math.min(2 * waits, RECONNECT_MOST_MS);
    this.#figures.reconnects++;
    this.#move('WAITING');
    this.#parts.status.hidden = false;
    setText(this.#parts.status, `${statusText(status)} · It tries again in ${timeText(waits)}.`);
    this.#painter.ask();
    this.#retry = setTimeout(() => {
      const request = JSON.parse(this.#texts()[0] ?? '{}');
      this.#open();
      this.#parts.status.hidden = true;
      this.#sendText(JSON.stringify(this.#token ? { ...request, pageToken: this.#token } : request));
    }, waits);
  }

  #paint() {
    this.#figuresView.paint(this.#figures);
    this.#rows.paint();
  }
}
