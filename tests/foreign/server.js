// A server on grpc-js with its own reflection, for postcli call: node server.js PROTO
//
// Prints the port that it listens on.
'use strict';
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const { ReflectionService } = require('@grpc/reflection');

const definition = loader.loadSync(process.argv[2], { keepCase: true, longs: String });
const { echo } = grpc.loadPackageDefinition(definition);
const server = new grpc.Server();

server.addService(echo.Echo.service, {
  One(call, done) {
    const trailers = new grpc.Metadata();
    trailers.set('x-last', String(call.metadata.get('x-word')[0]));
    if (call.request.text) done(null, call.request, trailers);
    else done({ code: grpc.status.INVALID_ARGUMENT, details: 'no text' });
  },
  Letters(call) {
    for (const text of call.request.text) call.write({ text });
    call.end();
  },
  Sentence(call, done) {
    const words = [];
    call.on('data', (word) => words.push(word.text));
    call.on('end', () => done(null, { text: words.join(' ') }));
  },
  Talk(call) {
    call.on('data', (word) => call.write(word));
    call.on('end', () => call.end());
  },
});
new ReflectionService(definition).addToServer(server);
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.log(port);
});
