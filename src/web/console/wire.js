'use strict';
/* A call from a browser, in whichever protocol can carry its shape:
 *
 *   one request    Connect over fetch(): the request is a body, answers stream back
 *   many requests  a WebSocket with grpc-websockets: no browser can stream a request
 *                  while it reads the answer (fetch is half duplex)
 *
 * openCall() begins one. What comes back is told in this order:
 *
 *   metadata? ─▶ message* ─▶ metadata? ─▶ end, exactly once
 *
 * Back-pressure: after pause() nothing more is read. The browser fills what buffers it
 * has, TCP's window closes, and the server waits. A classic WebSocket cannot do that: it
 * is read into memory whether anybody wants it or not; WebSocketStream can. */

const CODES = ['OK', 'CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND',
  'ALREADY_EXISTS', 'PERMISSION_DENIED', 'RESOURCE_EXHAUSTED', 'FAILED_PRECONDITION', 'ABORTED',
  'OUT_OF_RANGE', 'UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS', 'UNAUTHENTICATED'];

const statusOf = (code, message = '', details = []) => ({ code, name: CODES[code] ?? `code ${code}`, message, details });

/* Connect spells them in lower case, and CANCELLED with one L. */
function statusOfConnect(error) {
  if (!error) return statusOf(0);
  const name = error.code === 'canceled' ? 'CANCELLED' : String(error.code).toUpperCase();
  const code = CODES.indexOf(name);
  return statusOf(code < 0 ? 2 : code, error.message ?? '', error.details ?? []);
}

const bytesOfText = (text) => new TextEncoder().encode(text);
const bytesOfBase64 = (text) => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));

/* --- Frames: a flag, a length of 4 bytes, and so many bytes ---------------------------- */

const HEAD_BYTES = 5;

function frameOf(body, flag = 0) {
  const frame = new Uint8Array(HEAD_BYTES + body.length);
  frame[0] = flag;
  new DataView(frame.buffer).setUint32(1, body.length);
  frame.set(body, HEAD_BYTES);
  return frame;
}

/* Cuts what comes, in pieces of any size, into frames. */
class Deframer {
  #kept = new Uint8Array();

  push(chunk) {
    const frames = [];
    let all = chunk;
    if (this.#kept.length > 0) {
      all = new Uint8Array(this.#kept.length + chunk.length);
      all.set(this.#kept);
      all.set(chunk, this.#kept.length);
    }
    let at = 0;
    while (all.length - at >= HEAD_BYTES) {
      const length = new DataView(all.buffer, all.byteOffset + at).getUint32(1);
      if (all.length - at < HEAD_BYTES + length) break;
      frames.push({ flag: all[at], body: all.subarray(at + HEAD_BYTES, at + HEAD_BYTES + length) });
      at += HEAD_BYTES + length;
    }
    this.#kept = all.slice(at);
    return frames;
  }

  isEmpty() {
    return this.#kept.length === 0;
  }
}

/* --- A gate that readers wait at ------------------------------------------------------- */

class Gate {
  #open = Promise.resolve();
  #release = null;

  close() {
    if (this.#release === null) this.#open = new Promise((release) => { this.#release = release; });
  }

  open() {
    this.#release?.();
    this.#release = null;
  }

  isClosed() {
    return this.#release !== null;
  }

  passed() {
    return this.#open;
  }
}

/* --- Connect --------------------------------------------------------------------------- */

function connectHeaders(settings, type) {
  const headers = new Headers(settings.metadata);
  headers.set('content-type', type);
  headers.set('connect-protocol-version', '1');
  if (settings.token) headers.set('authorization', `Bearer ${settings.token}`);
  if (settings.deadlineMs) headers.set('connect-timeout-ms', String(settings.deadlineMs));
  return headers;
}

/* What a server or a front answers that does not speak Connect. */
async function statusOfHttp(response, body) {
  try {
    const error = JSON.parse(decodeText(body));
    if (typeof error.code === 'string') return statusOfConnect(error);
  } catch { /* It is not JSON. */ }
  const codes = { 400: 13, 401: 16, 403: 7, 404: 12, 408: 4, 413: 8, 429: 14, 431: 8, 502: 14, 503: 14, 504: 14 };
  return statusOf(codes[response.status] ?? 2, `HTTP status ${response.status}`);
}

class ConnectCall {
  #abort = new AbortController();
  #gate = new Gate();
  #requests = [];
  #ended = false;

  constructor(method, settings, on) {
    this.method = method;
    this.settings = settings;
    this.on = on;
    this.carrier = method.responses === 'many' ? 'Connect stream over fetch()' : 'Connect over fetch()';
    this.pushesBack = true;
  }

  send(text) {
    this.#requests.push(bytesOfText(text));
    this.#run();
  }

  halfClose() { /* The body of the request was its end. */ }

  cancel() {
    this.#gate.open();
    this.#end(statusOf(1, 'You cancelled the call.'));
    this.#abort.abort();
  }

  pause() {
    this.#gate.close();
  }

  resume() {
    this.#gate.open();
  }

  #end(status) {
    if (this.#ended) return;
    this.#ended = true;
    this.on.end(status);
  }

  async #run() {
    try {
      if (this.method.responses === 'many') await this.#stream();
      else await this.#unary();
    } catch (failure) {
      this.#end(statusOf(14, `The connection failed: ${failure.message}`));
    }
  }

  #fetch(type, body) {
    return fetch(this.method.path, {
      method: 'POST', body, headers: connectHeaders(this.settings, type), signal: this.#abort.signal,
      cache: 'no-store', credentials: 'omit',
    });
  }

  async #unary() {
    const response = await this.#fetch('application/json', this.#requests[0]);
    this.on.metadata?.('header', response.headers);
    const body = new Uint8Array(await response.arrayBuffer());
    await this.#gate.passed();
    if (this.#ended) return;
    if (response.ok) this.on.message(JSON.parse(decodeText(body)), body.length);
    this.#end(response.ok ? statusOf(0) : await statusOfHttp(response, body));
  }

  async #stream() {
    const response = await this.#fetch('application/connect+json', frameOf(this.#requests[0]));
    if (!response.ok) {
      this.#end(await statusOfHttp(response, new Uint8Array(await response.arrayBuffer())));
      return;
    }
    this.on.metadata?.('header', response.headers);
    const reader = response.body.getReader();
    const frames = new Deframer();
    for (;;) {
      await this.#gate.passed();
      const { done, value } = await reader.read();
      await this.#gate.passed();
      if (done || this.#ended) break;
      frames.push(value).forEach((frame) => this.#take(frame));
    }
    this.#end(statusOf(14, 'The answer ended before its status.'));
  }

  #take({ flag, body }) {
    if (this.#ended) return;
    const value = JSON.parse(decodeText(body));
    if (flag & 2) {
      this.on.metadata?.('trailer', Object.entries(value.metadata ?? {}));
      this.#end(statusOfConnect(value.error));
    } else {
      this.on.message(value, body.length);
    }
  }
}

/* --- grpc-websockets ------------------------------------------------------------------- */

const SOCKET_PROTOCOL = 'grpc-websockets';
const TRAILERS = 0x80;

const socketAddress = (path) => location.origin.replace(/^http/, 'ws') + path;

/* Both kinds of sockets look the same: opened, read() and write(). */
class StreamSocket {
  pushesBack = true;
  #socket;
  #reader;
  #writer;

  async open(address) {
    this.#socket = new WebSocketStream(address, { protocols: [SOCKET_PROTOCOL] });
    const { readable, writable } = await this.#socket.opened;
    this.#reader = readable.getReader();
    this.#writer = writable.getWriter();
  }

  async read() {
    const { done, value } = await this.#reader.read();
    return done ? null : new Uint8Array(value);
  }

  write(bytes) {
    return this.#writer.write(bytes);
  }

  close() {
    this.#socket.closed.catch(() => {});
    this.#socket.close();
  }
}

class PlainSocket {
  pushesBack = false;
  #socket;
  #queue = [];
  #wake = () => {};
  #closed = false;

  open(address) {
    this.#socket = new WebSocket(address, [SOCKET_PROTOCOL]);
    this.#socket.binaryType = 'arraybuffer';
    this.#socket.onmessage = ({ data }) => {
      this.#queue.push(new Uint8Array(data));
      this.#wake();
    };
    return new Promise((resolve, reject) => {
      this.#socket.onopen = resolve;
      this.#socket.onclose = () => {
        this.#closed = true;
        this.#wake();
        reject(new Error('the server did not take the WebSocket'));
      };
    });
  }

  async read() {
    while (this.#queue.length === 0 && !this.#closed) await new Promise((wake) => { this.#wake = wake; });
    return this.#queue.shift() ?? null;
  }

  write(bytes) {
    this.#socket.send(bytes);
  }

  close() {
    this.#socket.close();
  }
}

const newSocket = () => ('WebSocketStream' in self ? new StreamSocket() : new PlainSocket());

function socketHeaders(settings) {
  const lines = [['content-type', 'application/grpc-web+json'], ['x-grpc-web', '1'], ...settings.metadata];
  if (settings.token) lines.push(['authorization', `Bearer ${settings.token}`]);
  if (settings.deadlineMs) lines.push(['grpc-timeout', `${settings.deadlineMs}m`]);
  return bytesOfText(lines.map(([name, value]) => `${name}: ${value}\r\n`).join(''));
}

function readBlock(body) {
  const lines = decodeText(body).split('\r\n').filter((line) => line.includes(':'));
  return new Headers(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]));
}

function statusOfTrailers(trailers) {
  const details = trailers.get('grpc-status-details-bin');
  return statusOf(Number(trailers.get('grpc-status')), decodeURIComponent(trailers.get('grpc-message') ?? ''),
    details ? [{ type: 'google.rpc.Status', value: details }] : []);
}

class SocketCall {
  #socket = newSocket();
  #gate = new Gate();
  #ready;
  #ended = false;
  #frames = new Deframer();

  constructor(method, settings, on) {
    this.on = on;
    this.pushesBack = this.#socket.pushesBack;
    this.carrier = this.pushesBack ? 'grpc-websockets over WebSocketStream' : 'grpc-websockets over WebSocket';
    this.#ready = this.#open(method, settings);
  }

  send(text) {
    const frame = frameOf(bytesOfText(text));
    const message = new Uint8Array(1 + frame.length);
    message.set(frame, 1);
    this.#write(message);
  }

  halfClose() {
    this.#write(new Uint8Array([1]));
  }

  cancel() {
    this.#gate.open();
    this.#end(statusOf(1, 'You cancelled the call.'));
  }

  pause() {
    this.#gate.close();
  }

  resume() {
    this.#gate.open();
  }

  async #open(method, settings) {
    try {
      await this.#socket.open(socketAddress(method.path));
      this.#socket.write(socketHeaders(settings));
      this.#read();
    } catch (failure) {
      this.#end(statusOf(14, `The WebSocket failed: ${failure.message}`));
    }
  }

  async #write(bytes) {
    await this.#ready;
    if (this.#ended) return;
    try {
      await this.#socket.write(bytes);
    } catch { /* The reader hears of it. */ }
  }

  #end(status) {
    if (this.#ended) return;
    this.#ended = true;
    try {
      this.#socket.close();
    } catch { /* It never was open. */ }
    this.on.end(status);
  }

  async #read() {
    try {
      for (;;) {
        await this.#gate.passed();
        const chunk = await this.#socket.read();
        await this.#gate.passed();
        if (chunk === null || this.#ended) break;
        this.#frames.push(chunk).forEach((frame) => this.#take(frame));
      }
      this.#end(statusOf(14, 'The socket closed before the status of the call came.'));
    } catch (failure) {
      this.#end(statusOf(14, `The WebSocket failed: ${failure.message}`));
    }
  }

  #take({ flag, body }) {
    if (this.#ended) return;
    if (flag !== TRAILERS) {
      this.on.message(JSON.parse(decodeText(body)), body.length);
      return;
    }
    const block = readBlock(body);
    const ends = block.has('grpc-status');
    this.on.metadata?.(ends ? 'trailer' : 'header', block);
    if (ends) this.#end(statusOfTrailers(block));
  }
}

/* Begins a call of @method. @settings: { token, metadata: [[name, value]], deadlineMs }.
 * @on: { metadata(place, pairs)?, message(object, bytes), end(status) }; @place: "header" or
 * "trailer". */
function openCall(method, settings, on) {
  return method.requests === 'many' ? new SocketCall(method, settings, on) : new ConnectCall(method, settings, on);
}
