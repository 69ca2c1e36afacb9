// grpc-web and @improbable-eng/grpc-web against Post or User:
//   node web.js binary|text|websocket URL TOKEN PROTO-FOLDER SERVICE
//
// Calls every method of the service that reads and that the protocol has, with demo data, as
// calls.js does. Prints {"Method": [ids of what came, or the error]}. For the other end's
// certificate: NODE_EXTRA_CA_CERTS.
'use strict';
const loader = require('@grpc/proto-loader');

const [kind, url, token, folder, serviceName] = process.argv.slice(2);
const file = serviceName === 'v1.post.Post' ? 'v1/post/post.proto' : 'v1/user/user.proto';
const service = loader.loadSync(file, { keepCase: true, longs: Number,
                                        includeDirs: [folder] })[serviceName];
const metadata = { authorization: `Bearer ${token}` };
const seconds = 20;

function requests(name) {
  if (name === 'ResolveUsers') return [{ user_ids: ['1', '3'] }];
  if (name.includes('ByUserId') || name === 'GetUser') return [{ user_id: '1' }, { user_id: '3' }];
  return [{}, {}];
}

function idsOf(m) {
  if (m.post_messages) return m.post_messages.map((post) => `${post.post_id} ${post.author}`);
  if (m.user_message) return [m.user_message.name];
  return (m.user_messages || m.users || []).map((user) => user.name);
}

// --- grpc-web: one request ----------------------------------------------------------------

function byGrpcWeb() {
  global.XMLHttpRequest = require('xhr2');
  const web = require('grpc-web');
  const client = new web.GrpcWebClientBase({ format: kind });
  return (name, method) => new Promise((resolve) => {
    const got = [];
    const failed = (error) => resolve(`${error.code}: ${error.message}`);
    const descriptor = new web.MethodDescriptor(
        method.path, method.responseStream ? 'server_streaming' : 'unary', Object, Object,
        (m) => new Uint8Array(method.requestSerialize(m)),
        (bytes) => method.responseDeserialize(Buffer.from(bytes)));
    const [request] = requests(name);
    if (!method.responseStream) {
      client.rpcCall(url + method.path, request, metadata, descriptor,
                     (error, m) => error ? failed(error) : resolve(idsOf(m)));
      return;
    }
    const stream = client.serverStreaming(url + method.path, request, metadata, descriptor);
    stream.on('data', (m) => got.push(...idsOf(m)));
    stream.on('error', failed);
    stream.on('end', () => resolve(got));
  });
}

// --- @improbable-eng/grpc-web: all four shapes ----------------------------------------------

function bySocket() {
  global.WebSocket = require('ws');
  const { grpc } = require('@improbable-eng/grpc-web');
  return (name, method) => new Promise((resolve) => {
    const got = [];
    const last = method.path.lastIndexOf('/');
    const client = grpc.client({
      methodName: method.path.slice(last + 1), service: { serviceName: method.path.slice(1, last) },
      requestStream: method.requestStream, responseStream: method.responseStream,
      requestType: Object,
      responseType: { deserializeBinary: (b) => method.responseDeserialize(Buffer.from(b)) },
    }, { host: url, transport: grpc.WebsocketTransport() });
    client.onMessage((m) => got.push(...idsOf(m)));
    client.onEnd((code, text) => resolve(code === 0 ? got : `${code}: ${text}`));
    client.start(metadata);
    for (const request of requests(name).slice(0, method.requestStream ? 2 : 1))
      client.send({ serializeBinary: () => new Uint8Array(method.requestSerialize(request)) });
    client.finishSend();
  });
}

(async () => {
  const call = kind === 'websocket' ? bySocket() : byGrpcWeb();
  const result = {};
  setTimeout(() => process.exit(3), 1000 * seconds).unref();
  for (const [name, method] of Object.entries(service))
    if (!/^(Import|Delete|GetPost)/.test(name) && (kind === 'websocket' || !method.requestStream))
      result[name] = await call(name, method);
  console.log(JSON.stringify(result));
  process.exit(0);
})();
