/* The page: its settings, its two views, and the four lanes. */

const SHAPES = [
  { title: 'Unary', glyph: '1 → 1', requests: 'one', responses: 'one' },
  { title: 'Server streaming', glyph: '1 → n', requests: 'one', responses: 'many' },
  { title: 'Client streaming', glyph: 'n → 1', requests: 'many', responses: 'one' },
  { title: 'Bidirectional', glyph: 'n ⇄ n', requests: 'many', responses: 'many' },
];

const byId = (id) => document.getElementById(id);

function settings() {
  const metadata = byId('metadata').value.split('\n').filter((line) => line.includes(':'))
    .map((line) => [line.slice(0, line.indexOf(':')).trim(), line.slice(line.indexOf(':') + 1).trim()]);
  const seconds = Number(byId('deadline').value);
  return { token: byId('token').value.trim(), metadata, deadlineMs: seconds > 0 ? Math.round(seconds * 1000) : 0 };
}

/* --- Samples ---------------------------------------------------------------------------- */

/* What a first look wants: a few rows of one answer, many of a stream. */
function sampleRequest(method, known, n) {
  const sample = {};
  for (const field of known.messages.get(method.input)?.fields ?? []) {
    if (field.json === 'pageSize') sample.pageSize = method.responses === 'many' ? 100 : 5;
    else if (field.json === 'limit' && method.requests === 'many') sample.limit = '5';
    else if (/Id$/.test(field.json) && field.type === 'string') sample[field.json] = String(n);
  }
  return JSON.stringify(sample);
}

function sampleRequests(method, known) {
  const many = method.requests === 'many' ? [1, 2, 3] : [1];
  return many.map((n) => sampleRequest(method, known, n)).join('\n');
}

/* Methods that list come first: there is most to see. Of many requests each should ask for
 * something of its own, so those that name an id come before those that list all. */
function rank(method, known) {
  const lists = rowsField(method.output, known) !== null && !/^(Import|Delete)/.test(method.name);
  const names = known.messages.get(method.input)?.fields.some((field) => /Id$/.test(field.json)) ?? false;
  const infrastructure = method.service.startsWith('grpc.');
  return (infrastructure ? 8 : 0) + (lists ? 0 : 4) + (names === (method.requests === 'many') ? 0 : 1);
}

const sorted = (methods, known) => [...methods].sort((a, b) => rank(a, known) - rank(b, known));

/* --- Views ------------------------------------------------------------------------------ */

function showTab(tab) {
  for (const one of document.querySelectorAll('[role="tab"]')) {
    const selected = one === tab;
    one.setAttribute('aria-selected', String(selected));
    one.tabIndex = selected ? 0 : -1;
    byId(one.getAttribute('aria-controls')).hidden = !selected;
  }
}

function openTabs() {
  const tabs = [...document.querySelectorAll('[role="tab"]')];
  tabs.forEach((tab, i) => {
    tab.addEventListener('click', () => showTab(tab));
    tab.addEventListener('keydown', ({ key }) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
      if (step === undefined) return;
      const next = tabs[(i + step + tabs.length) % tabs.length];
      showTab(next);
      next.focus();
    });
  });
}

function showLanes(known) {
  const lanes = SHAPES.flatMap((shape) => {
    const methods = known.methods.filter((m) => m.requests === shape.requests && m.responses === shape.responses);
    if (methods.length === 0) return [];
    const options = { ...shape, methods: sorted(methods, known), sample: (method) => sampleRequests(method, known) };
    return [new CallPanel(options, known, settings)];
  });
  byId('lanes').replaceChildren(...lanes.map((lane) => lane.element));
  byId('start-all').onclick = () => lanes.filter((lane) => lane.isOver()).forEach(playAll);
}

/* The whole of a call without a hand: all requests, then the half-close. */
function playAll(lane) {
  lane.start();
  if (lane.isOver() || lane.options.requests === 'one') return;
  for (let n = 0; n < 3; n++) lane.send();
  lane.halfClose();
}

function showCaller(known) {
  const options = {
    title: 'Any method', glyph: '', answers: true,
    methods: [...known.methods].sort((a, b) => a.path.localeCompare(b.path)),
    sample: (method) => sampleRequests(method, known),
    form: (method, textarea, edited) => requestForm(method, textarea, known, edited),
  };
  byId('caller').replaceChildren(new CallPanel(options, known, settings).element);
}

/* --- The beginning ---------------------------------------------------------------------- */

function carrierText() {
  const [entry] = performance.getEntriesByType('navigation');
  return entry?.nextHopProtocol === 'h2' ? 'HTTP/2' : 'HTTP/1.1';
}

async function load() {
  const trouble = byId('trouble');
  trouble.hidden = true;
  try {
    const known = await loadDescriptors(settings());
    const names = [...new Set(known.methods.map((method) => method.service))];
    const own = names.filter((name) => !name.startsWith('grpc.'));
    setText(byId('server'), `${own.join(', ') || names.join(', ')} at ${location.host}, over ${carrierText()}`);
    showLanes(known);
    showCaller(known);
  } catch (error) {
    setText(trouble, `The server does not say which methods it has. ${error.message}. If it asks for a token, type one above; it is tried again then.`);
    trouble.hidden = false;
  }
}

openTabs();
byId('token').addEventListener('change', () => byId('trouble').hidden || load());
load();
