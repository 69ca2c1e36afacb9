// What a page of another origin does with the clients that others wrote. Each of window.calls
// takes the server's address and returns the ids that came, or how the call ended.
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-web';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { grpc } from '@improbable-eng/grpc-web';
import * as grpcWeb from 'grpc-web';
import * as pb from 'gen/v1/post/post_pb.js';

const SERVICE = 'v1.post.Post';
const LIMIT = 1000n;
const idsOf = (message) => message.postMessages.map((post) => `${post.postId} ${post.author}`);

// --- Connect's clients -----------------------------------------------------------------------

const TRANSPORTS = {
  'connect-web, Connect, JSON': (baseUrl) => createConnectTransport({ baseUrl }),
  'connect-web, Connect, binary': (baseUrl) => createConnectTransport({ baseUrl, useBinaryFormat: true }),
  'connect-web, Connect, GET': (baseUrl) => createConnectTransport({ baseUrl, useHttpGet: true }),
  'connect-web, gRPC-Web': (baseUrl) => createGrpcWebTransport({ baseUrl }),
};

async function failure(call) {
  try {
    await call();
  } catch (error) {
    return Code[ConnectError.from(error).code];
  }
  return 'it did not fail';
}

async function streamed(client, request, options) {
  const ids = [];
  for await (const message of client.listPostsServerStream(request, options)) ids.push(...idsOf(message));
  return ids;
}

async function cancelled(client) {
  const abort = new AbortController();
  return failure(async () => {
    for await (const message of client.listPostsServerStream({ follow: true }, { signal: abort.signal }))
      if (message.postMessages.length > 0) abort.abort();
  });
}

function connectCalls(transport) {
  const client = (base) => createClient(pb.Post, transport(base));
  return {
    one: async (base) => (await client(base).getPost({ postId: '1' })).postMessage.author,
    list: async (base) => idsOf(await client(base).listPosts({ pageSize: Number(LIMIT), limit: LIMIT })),
    stream: (base) => streamed(client(base), { limit: LIMIT }),
    error: (base) => failure(() => client(base).getPost({ postId: 'nobody' })),
    cancel: (base) => cancelled(client(base)),
    deadline: (base) => failure(() => streamed(client(base), { follow: true }, { timeoutMs: 500 })),
  };
}

// --- grpc-web --------------------------------------------------------------------------------

const schemasOf = (name) => [pb[`${name}RequestSchema`], pb[`${name}ResponseSchema`]];

function grpcWebMethod(name, kind, [input, output]) {
  return new grpcWeb.MethodDescriptor(`/${SERVICE}/${name}`, grpcWeb.MethodType[kind], Object, Object,
    (request) => toBinary(input, request), (bytes) => fromBinary(output, bytes));
}

function grpcWebCalls(format) {
  const client = new grpcWeb.GrpcWebClientBase({ format });
  const get = grpcWebMethod('GetPost', 'UNARY', schemasOf('GetPost'));
  const list = grpcWebMethod('ListPostsServerStream', 'SERVER_STREAMING', schemasOf('ListPosts'));
  const one = (base, postId) => client.unaryCall(`${base}/${SERVICE}/GetPost`, create(pb.GetPostRequestSchema, { postId }), {}, get);
  return {
    one: async (base) => (await one(base, '1')).postMessage.author,
    error: (base) => one(base, 'nobody').then(() => 'it did not fail', (error) => grpcWeb.StatusCode[error.code] ?? Code[error.code]),
    stream: (base) => new Promise((resolve, reject) => {
      const ids = [];
      client.serverStreaming(`${base}/${SERVICE}/ListPostsServerStream`, create(pb.ListPostsRequestSchema, { limit: LIMIT }), {}, list)
        .on('data', (message) => ids.push(...idsOf(message))).on('error', reject).on('end', () => resolve(ids));
    }),
  };
}

// --- improbable's, over a WebSocket ------------------------------------------------------------

function socketCall(base, name, shape, requests, [input, output]) {
  const method = {
    methodName: name, service: { serviceName: SERVICE }, ...shape,
    requestType: Object, responseType: { deserializeBinary: (bytes) => fromBinary(output, bytes) },
  };
  return new Promise((resolve) => {
    const ids = [];
    const client = grpc.client(method, { host: base, transport: grpc.WebsocketTransport() });
    client.onMessage((message) => ids.push(...idsOf(message)));
    client.onEnd((code, message) => resolve(code === grpc.Code.OK ? ids : `${grpc.Code[code]}: ${message}`));
    client.start();
    for (const request of requests) client.send({ serializeBinary: () => toBinary(input, create(input, request)) });
    client.finishSend();
  });
}

const USERS = [{ userId: '1' }, { userId: '3' }];
const byUser = schemasOf('ListPostsByUserId');
const socketCalls = {
  clientStream: (base) => socketCall(base, 'ListPostsByUserIdClientStream', { requestStream: true, responseStream: false }, USERS, byUser),
  bidi: (base) => socketCall(base, 'ListPostsByUserIdBidiStream', { requestStream: true, responseStream: true }, USERS, byUser),
  error: (base) => socketCall(base, 'Nothing', { requestStream: true, responseStream: true }, USERS, byUser),
};

// --- EventSource -------------------------------------------------------------------------------

const heard = [];

// Follows from now on; events(n) waits until so many ids came.
const eventCalls = {
  follow: (base) => new Promise((resolve) => {
    const source = new EventSource(`${base}/v1/posts?follow=true&fromNow=true`);
    source.onmessage = ({ data }) => {
      heard.push(...(JSON.parse(data).postMessages ?? []).map((post) => post.postId));
      resolve('open');
    };
  }),
  heard: () => heard,
};

window.calls = {
  ...Object.fromEntries(Object.entries(TRANSPORTS).map(([name, transport]) => [name, connectCalls(transport)])),
  'grpc-web, binary': grpcWebCalls('binary'),
  'grpc-web, text': grpcWebCalls('text'),
  'improbable, WebSocket': socketCalls,
  EventSource: eventCalls,
};
