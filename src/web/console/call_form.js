/* A form for the fields of a request. The JSON beside it is what is sent; the form writes
 * into that. Messages within messages are fieldsets, lists are typed as JSON. */

const FORM_DEPTH = 3;

/* The value that was typed into an input, as JSON has it. undefined: nothing. */
function typedValue(field, input, known) {
  if (input.type === 'checkbox') return input.checked || undefined;
  if (input.value === '') return undefined;
  if (field.repeated || field.type === 'message') return JSON.parse(input.value);
  if (field.type === 'enum') return input.value === known.enums.get(field.typeName)?.[0] ? undefined : input.value;
  return isNumber(field.type) && !field.type.endsWith('64') ? Number(input.value) : input.value;
}

function inputOf(field, known) {
  if (field.type === 'enum' && !field.repeated)
    return h('select', {}, ...known.enums.get(field.typeName).map((name) => h('option', {}, name)));
  if (field.type === 'bool' && !field.repeated) return h('input', { type: 'checkbox' });
  const isText = field.repeated || field.type === 'string' || field.type === 'bytes' || field.type === 'message';
  return h('input', {
    type: 'text', inputmode: isText ? false : 'decimal', spellcheck: 'false',
    placeholder: field.repeated ? '[]' : field.type === 'message' ? cellText(WELL_KNOWN[field.typeName] ?? '{}') : false,
  });
}

/* Fills in what is typed; called with the object that the fields belong to. */
function formOf(messageName, known, changed, depth = 0) {
  const writers = [];
  const element = h('div', { class: 'fields' });
  for (const field of known.messages.get(messageName)?.fields ?? []) {
    const nests = field.type === 'message' && !field.repeated && !(field.typeName in WELL_KNOWN) && depth < FORM_DEPTH;
    if (nests) {
      const inner = formOf(field.typeName, known, changed, depth + 1);
      element.append(h('fieldset', { class: 'wide' }, h('legend', {}, field.json), inner.element));
      writers.push((to) => {
        const value = inner.read();
        if (Object.keys(value).length > 0) to[field.json] = value;
      });
      continue;
    }
    const input = inputOf(field, known);
    input.addEventListener('input', changed);
    const type = `${field.repeated ? 'list of ' : ''}${field.typeName.split('.').at(-1) || field.type}`;
    element.append(input.type === 'checkbox'
      ? h('label', { class: 'check' }, input, field.json)
      : h('label', {}, `${field.json} `, h('small', {}, type), input));
    writers.push((to) => {
      const value = typedValue(field, input, known);
      if (value !== undefined) to[field.json] = value;
    });
  }
  return {
    element,
    read() {
      const to = {};
      writers.forEach((write) => write(to));
      return to;
    },
  };
}

/* The form of @method above the requests in @textarea. */
function requestForm(method, textarea, known, edited) {
  const form = formOf(method.input, known, () => {
    try {
      textarea.value = JSON.stringify(form.read(), null, 1).replace(/\n */g, ' ');
      edited();
    } catch { /* It is half typed. */ }
  });
  return h('details', {}, h('summary', {}, `Fields of ${method.input}`), form.element);
}
