/* What the server can do, as it says by reflection: services, methods and messages.
 *
 * grpc.reflection.v1 answers with FileDescriptorProtos in protobuf's wire format, so this
 * file reads that format, and of descriptor.proto only what the page needs. */

/* All fields of a message: number -> list of values. Bytes stay bytes, numbers are numbers. */
function readFields(bytes) {
  const fields = new Map();
  let at = 0;
  const varint = () => {
    let value = 0, factor = 1;
    for (;;) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Error('A descriptor ends in the midst of a number.');
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
  };
  const take = (n) => {
    if (at + n > bytes.length) throw new Error('A descriptor ends in the midst of a field.');
    at += n;
    return bytes.subarray(at - n, at);
  };
  while (at < bytes.length) {
    const key = varint();
    const kind = key % 8;
    const value = kind === 0 ? varint() : kind === 2 ? take(varint()) : take(kind === 1 ? 8 : 4);
    const number = Math.floor(key / 8);
    if (!fields.has(number)) fields.set(number, []);
    fields.get(number).push(value);
  }
  return fields;
}

const decodeText = (bytes) => new TextDecoder().decode(bytes);
const textAt = (fields, number) => decodeText(fields.get(number)?.at(-1) ?? new Uint8Array());
const numberAt = (fields, number) => fields.get(number)?.at(-1) ?? 0;
const listAt = (fields, number) => (fields.get(number) ?? []).map(readFields);

const FIELD_TYPES = ['', 'double', 'float', 'int64', 'uint64', 'int32', 'fixed64', 'fixed32', 'bool',
  'string', 'group', 'message', 'bytes', 'uint32', 'enum', 'sfixed32', 'sfixed64', 'sint32', 'sint64'];

function readField(fields) {
  return {
    name: textAt(fields, 1),
    json: textAt(fields, 10) || textAt(fields, 1),
    repeated: numberAt(fields, 4) === 3,
    type: FIELD_TYPES[numberAt(fields, 5)],
    typeName: textAt(fields, 6).slice(1),
  };
}

function readEnum(fields, scope, into) {
  into.enums.set(scope + textAt(fields, 1), listAt(fields, 2).map((value) => textAt(value, 1)));
}

function readMessage(fields, scope, into) {
  const name = scope + textAt(fields, 1);
  const options = listAt(fields, 7)[0];
  const isMap = options !== undefined && numberAt(options, 7) === 1;
  into.messages.set(name, { name, isMap, fields: listAt(fields, 2).map(readField) });
  listAt(fields, 3).forEach((nested) => readMessage(nested, name + '.', into));
  listAt(fields, 4).forEach((nested) => readEnum(nested, name + '.', into));
}

/* google.api.http, an extension of MethodOptions. */
const HTTP_RULE = 72295728;
const HTTP_VERBS = { 2: 'GET', 3: 'PUT', 4: 'POST', 5: 'DELETE', 6: 'PATCH' };

function readRule(options) {
  const rule = options && listAt(options, HTTP_RULE)[0];
  if (!rule) return null;
  const number = Object.keys(HTTP_VERBS).find((n) => rule.has(Number(n)));
  return number && { verb: HTTP_VERBS[number], path: textAt(rule, Number(number)), body: textAt(rule, 7) };
}

function readService(fields, scope) {
  const service = scope + textAt(fields, 1);
  return listAt(fields, 2).map((method) => ({
    service,
    name: textAt(method, 1),
    path: `/${service}/${textAt(method, 1)}`,
    input: textAt(method, 2).slice(1),
    output: textAt(method, 3).slice(1),
    requests: numberAt(method, 5) ? 'many' : 'one',
    responses: numberAt(method, 6) ? 'many' : 'one',
    rule: readRule(listAt(method, 4)[0]),
  }));
}

/* Adds a file to @into. Returns the names of the files that it stands on. */
function readFile(bytes, into) {
  const file = readFields(bytes);
  const scope = textAt(file, 2) === '' ? '' : textAt(file, 2) + '.';
  const name = textAt(file, 1);
  if (into.files.has(name)) return [];
  into.files.add(name);
  listAt(file, 4).forEach((message) => readMessage(message, scope, into));
  listAt(file, 5).forEach((one) => readEnum(one, scope, into));
  for (const service of listAt(file, 6)) into.methods.push(...readService(service, scope));
  return (file.get(3) ?? []).map(decodeText);
}

const REFLECTION = {
  path: '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', requests: 'many', responses: 'many',
};

/* Asks for all services, for the files that they are in, and for what those stand on.
 * Resolves to { methods, messages, enums }. */
function loadDescriptors(settings) {
  const known = { files: new Set(), methods: [], messages: new Map(), enums: new Map() };
  return new Promise((resolve, reject) => {
    const asked = new Set();
    let open = 0;
    let error = null;
    const ask = (kind, name) => {
      if (asked.has(kind + name)) return;
      asked.add(kind + name);
      open++;
      call.send(JSON.stringify({ [kind]: name }));
    };
    const take = (answer) => {
      if (answer.errorResponse) throw new Error(answer.errorResponse.errorMessage);
      const services = answer.listServicesResponse?.service ?? [];
      services.forEach((service) => ask('fileContainingSymbol', service.name));
      const files = (answer.fileDescriptorResponse?.fileDescriptorProto ?? []).map(bytesOfBase64);
      const needed = files.flatMap((file) => readFile(file, known));
      needed.filter((name) => !known.files.has(name)).forEach((name) => ask('fileByFilename', name));
    };
    const call = openCall(REFLECTION, settings, {
      message(answer) {
        open--;
        try {
          take(answer);
        } catch (failure) {
          error = failure;
        }
        if (error !== null) call.cancel();
        else if (open === 0) call.halfClose();
      },
      end(status) {
        if (error === null && status.code !== 0) error = new Error(`${status.name}: ${status.message}`);
        if (error === null) resolve(known);
        else reject(error);
      },
    });
    ask('listServices', '');
  });
}

/* --- What a request may look like ------------------------------------------------------ */

const WELL_KNOWN = {
  'google.protobuf.Timestamp': '1970-01-01T00:00:00Z',
  'google.protobuf.Duration': '0s',
  'google.protobuf.FieldMask': '',
  'google.protobuf.Empty': {},
  'google.protobuf.Struct': {},
  'google.protobuf.Any': {},
};

const isNumber = (type) => !['bool', 'string', 'bytes', 'message', 'enum', 'group'].includes(type);

/* The value that a field has when nobody sets it, as JSON has it. */
function emptyValue(field, known) {
  if (field.type === 'message' && known.messages.get(field.typeName)?.isMap) return {};
  if (field.repeated) return [];
  if (field.type === 'message') return WELL_KNOWN[field.typeName] ?? null;
  if (field.type === 'enum') return known.enums.get(field.typeName)?.[0] ?? 0;
  if (field.type === 'bool') return false;
  return isNumber(field.type) ? 0 : '';
}

/* What is listed in an answer: its first repeated message. null: it lists nothing. */
function rowsField(messageName, known) {
  const fields = known.messages.get(messageName)?.fields ?? [];
  return fields.find((field) => field.repeated && field.type === 'message') ?? null;
}

const hasField = (messageName, name, known) =>
  (known.messages.get(messageName)?.fields ?? []).some((field) => field.json === name);
