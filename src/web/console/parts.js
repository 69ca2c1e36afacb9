/* What lanes and the call view are both made of: elements, the wire of a call, its status,
 * and the commands that make the same call. */

/* An element. @attributes: "onclick" and the like are listeners; true means present. */
function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const numberText = (n) => Math.round(n).toLocaleString('en');

function bytesText(n) {
  if (n < 1024) return `${n} B`;
  return n < 1024 * 1024 ? `${(n / 1024).toFixed(1)} KiB` : `${(n / 1024 / 1024).toFixed(1)} MiB`;
}

function timeText(ms) {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 10000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/* What changes often is drawn once a frame. */
class Painter {
  #paint;
  #asked = false;

  constructor(paint) {
    this.#paint = paint;
  }

  ask() {
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(() => {
      this.#asked = false;
      this.#paint();
    });
  }
}

/* --- The wire: two lifelines and an arrow for each message ------------------------------ */

const WIRE_FIRST = 12;
const WIRE_LAST = 12;

/* Keeps the first and the last arrows; those between are a number. */
class WireView {
  #first = [];
  #last = [];
  #dropped = { out: 0, in: 0, note: 0 };
  #list;
  #began = 0;
  #painter = new Painter(() => this.#paint());

  constructor(label) {
    this.#list = h('ol', { class: 'wire', tabindex: '0', 'aria-label': label });
    this.element = h('div', {},
      h('div', { class: 'ends', 'aria-hidden': 'true' }, h('span'), h('span', {}, 'browser'), h('span', {}, 'server')),
      this.#list);
    this.clear();
  }

  clear() {
    this.#first = [];
    this.#last = [];
    this.#dropped = { out: 0, in: 0, note: 0 };
    this.#began = performance.now();
    this.#list.replaceChildren();
  }

  /* @way: "out", "in" or "note". */
  add(way, text) {
    const event = { way, text, ms: performance.now() - this.#began, item: null };
    if (this.#first.length < WIRE_FIRST) {
      this.#first.push(event);
    } else {
      this.#last.push(event);
      if (this.#last.length > WIRE_LAST) this.#dropped[this.#last.shift().way]++;
    }
    this.#painter.ask();
  }

  #item(event) {
    event.item ??= h('li', { class: event.way }, h('time', {}, timeText(event.ms)),
      h('span', { class: 'arrow' }, event.text));
    return event.item;
  }

  #gap() {
    const { out, in: came } = this.#dropped;
    if (out + came === 0) return [];
    const parts = [out && `${numberText(out)} out`, came && `${numberText(came)} in`].filter(Boolean);
    return [h('li', { class: 'note' }, h('time'), h('span', { class: 'arrow' }, `⋮ ${parts.join(', ')} more`))];
  }

  #paint() {
    const items = [...this.#first.map((event) => this.#item(event)), ...this.#gap(),
      ...this.#last.map((event) => this.#item(event))];
    this.#list.replaceChildren(...items);
    this.#list.scrollTop = this.#list.scrollHeight;
  }
}

/* --- A status --------------------------------------------------------------------------- */

/* The details that our servers send: google.rpc.ErrorInfo and google.rpc.BadRequest. */
function detailText(type, bytes) {
  const fields = readFields(bytes);
  if (type.endsWith('google.rpc.ErrorInfo')) return `reason ${textAt(fields, 1)}`;
  if (type.endsWith('google.rpc.BadRequest'))
    return listAt(fields, 1).map((one) => `field ${textAt(one, 1)}: ${textAt(one, 2)}`).join('; ');
  return type;
}

function detailsText(status) {
  try {
    return status.details.flatMap(({ type, value }) => {
      const bytes = bytesOfBase64(value);
      if (type !== 'google.rpc.Status') return [detailText(type, bytes)];
      return listAt(readFields(bytes), 3).map((any) => detailText(textAt(any, 1), any.get(2)?.[0] ?? new Uint8Array()));
    });
  } catch {
    return ['The details cannot be read.'];
  }
}

const statusText = (status) =>
  [`Status ${status.name}${status.message && `: ${status.message}`}`, ...detailsText(status)].join(' · ');

/* --- The same call, typed by hand -------------------------------------------------------- */

const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/* Path and query of a GET by the method's HTTP rule; null: it has none. */
function restPath(rule, request) {
  if (!rule || rule.verb !== 'GET') return null;
  const rest = { ...request };
  const path = rule.path.replace(/\{([^}=]+)[^}]*\}/g, (_, name) => {
    const json = name.replace(/_(.)/g, (__, c) => c.toUpperCase());
    const value = rest[json] ?? rest[name] ?? '';
    delete rest[json];
    delete rest[name];
    return encodeURIComponent(value);
  });
  const query = new URLSearchParams(Object.entries(rest)).toString();
  return query ? `${path}?${query}` : path;
}

function curlOf(method, text, request, auth) {
  const rest = restPath(method.rule, request);
  if (rest !== null) {
    const accept = method.responses === 'many' ? " -N -H 'accept: application/x-ndjson'" : '';
    return `curl${accept}${auth} ${quote(location.origin + rest)}`;
  }
  if (method.requests === 'many' || method.responses === 'many') return null;
  return `curl${auth} -H 'content-type: application/json' -d ${quote(text)} ${location.origin}${method.path}`;
}

/* @texts: the requests, as JSON. */
function commandsOf(method, texts, settings) {
  const secure = location.protocol === 'https:';
  const port = location.port || (secure ? '443' : '80');
  const bearer = settings.token ? ' -H "authorization: Bearer $TOKEN"' : '';
  const token = settings.token ? ' --token "$TOKEN"' : '';
  let request = {};
  try {
    request = JSON.parse(texts[0] ?? '{}');
  } catch { /* It is half typed. */ }
  return [
    curlOf(method, texts[0] ?? '{}', request, bearer),
    `buf curl --protocol grpc${secure ? '' : ' --http2-prior-knowledge'}${bearer} -d ${quote(texts.join('\n'))} ${location.origin}${method.path}`,
    `postcli call --target ${location.hostname}:${port}${secure ? ' --tls' : ''}${token} ${method.path.slice(1)} ${quote(texts.join(' '))}`,
  ].filter(Boolean);
}

class CommandsView {
  #list = h('div');

  constructor() {
    this.element = h('details', {}, h('summary', {}, 'The same call as a command'), this.#list);
  }

  show(method, texts, settings) {
    this.#list.replaceChildren(...commandsOf(method, texts, settings).map((line) => h('pre', {}, line)));
  }
}
