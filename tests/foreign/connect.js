// connect-node against Post or User:
// node connect.js URL CA TOKEN DESCRIPTORS SERVICE PROTOCOL(connect|connect-json|grpc|grpc-web) HTTP
//
// Calls every method of the service that reads and that HTTP of this version can carry, in its own
// shape, with demo data; then what goes wrong. Prints {"Method": [ids of what came, or the error]}.
'use strict';
const fs = require('fs');
const { createFileRegistry, fromBinary } = require('@bufbuild/protobuf');
const { FileDescriptorSetSchema } = require('@bufbuild/protobuf/wkt');
const { Code, ConnectError, createClient } = require('@connectrpc/connect');
const node = require('@connectrpc/connect-node');

const [baseUrl, ca, token, descriptors, serviceName, protocol, httpVersion] =
    process.argv.slice(2);
const registry = createFileRegistry(
    fromBinary(FileDescriptorSetSchema, fs.readFileSync(descriptors)));
const bearer = (next) => (request) => {
  request.header.set('authorization', `Bearer ${token}`);
  return next(request);
};
const make = {
  grpc: node.createGrpcTransport,
  'grpc-web': node.createGrpcWebTransport,
}[protocol] || node.createConnectTransport;
const transport = make({
  baseUrl, httpVersion, nodeOptions: { ca: fs.readFileSync(ca) }, interceptors: [bearer],
  useBinaryFormat: protocol !== 'connect-json', useHttpGet: true,
});
const service = registry.getService(serviceName);
const client = createClient(service, transport);

function requests(name) {
  if (name === 'ResolveUsers') return [{ userIds: ['1', '3'] }];
  if (name.includes('ByUserId') || name === 'GetUser') return [{ userId: '1' }, { userId: '3' }];
  return name === 'GetPost' ? [{ postId: '5' }] : [{}, {}];
}

function idsOf(m) {
  if (m.postMessages) return m.postMessages.map((post) => `${post.postId} ${post.author}`);
  if (m.postMessage) return [`${m.postMessage.postId} ${m.postMessage.author}`];
  if (m.userMessage) return [m.userMessage.name];
  return (m.userMessages || m.users).map((user) => user.name);
}

async function* each(list) {
  yield* list;
}

async function call(method) {
  const list = requests(method.name);
  const many = method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming';
  const result = client[method.localName](many ? each(list) : list[0], { timeoutMs: 20000 });
  const got = [];
  if (method.methodKind === 'unary' || method.methodKind === 'client_streaming')
    return idsOf(await result);
  for await (const m of result) got.push(...idsOf(m));
  return got;
}

async function failure(run) {
  try {
    await run();
    return 'no error';
  } catch (error) {
    const e = ConnectError.from(error);
    const reasons = e.findDetails(registry.getMessage('google.rpc.ErrorInfo')).map((d) => d.reason);
    return [Code[e.code], ...reasons].join(' ');
  }
}

// A stream without an end of its own: until its deadline, or until we go away.
async function follow(options, onMessage) {
  for await (const m of client.listPostsServerStream({ follow: true }, options)) onMessage(m);
}

(async () => {
  const result = {};
  for (const method of service.methods) {
    if (/^(Import|Delete)/.test(method.name)) continue;
    if (method.methodKind === 'bidi_streaming' && httpVersion === '1.1') continue;
    result[method.name] = await call(method).catch((e) => String(e));
  }
  if (serviceName === 'v1.user.User') {
    result.nobody = await failure(() => client.getUser({ userId: 'nobody' }));
  } else {
    const gone = new AbortController();
    result.badToken = await failure(() => client.listPosts({ pageToken: 'none' }));
    result.noPost = await failure(() => client.getPost({ postId: 'none' }));
    result.badStream = await failure(async () => {
      for await (const _ of client.listPostsServerStream({ pageToken: 'none' }));
    });
    result.deadline = await failure(() => follow({ timeoutMs: 300 }, () => {}));
    result.cancel = await failure(() => follow({ signal: gone.signal }, (m) => {
      if (m.caughtUp) gone.abort();
    }));
  }
  console.log(JSON.stringify(result));
  process.exit(0);
})();
