// grpc-js against Post or User: node calls.js TARGET CA TOKEN PROTO-FOLDER SERVICE
//
// Calls every method of the service that reads, in its own shape, with demo data: a request for
// users 1 and 3 where there can be many. Prints {"Method": [ids of what came, or the error]}.
'use strict';
const fs = require('fs');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [target, ca, token, folder, serviceName] = process.argv.slice(2);
const file = serviceName === 'v1.post.Post' ? 'v1/post/post.proto' : 'v1/user/user.proto';
const definition = loader.loadSync(file, { keepCase: true, longs: Number, includeDirs: [folder] });
const Service = serviceName.split('.').reduce((at, name) => at[name],
                                              grpc.loadPackageDefinition(definition));
const bearer = grpc.credentials.createFromMetadataGenerator((_, done) => {
  const metadata = new grpc.Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  done(null, metadata);
});
const client = new Service(target, grpc.credentials.combineChannelCredentials(
    grpc.credentials.createSsl(fs.readFileSync(ca)), bearer));

function requests(name) {
  if (name === 'ResolveUsers') return [{ user_ids: ['1', '3'] }];
  if (name.includes('ByUserId') || name === 'GetUser') return [{ user_id: '1' }, { user_id: '3' }];
  return [{}, {}];
}

function idsOf(m) {
  if (m.post_messages) return m.post_messages.map((post) => `${post.post_id} ${post.author}`);
  if (m.user_message) return [m.user_message.name];
  return (m.user_messages || m.users).map((user) => user.name);
}

function call(name, method) {
  return new Promise((resolve) => {
    const got = [];
    const options = { deadline: Date.now() + 20000 };
    const done = (error) => resolve(error ? `${error.code}: ${error.details}` : got);
    const one = (error, m) => { if (m) got.push(...idsOf(m)); done(error); };
    const list = requests(name);
    let stream;
    if (method.requestStream && method.responseStream) stream = client[name](options);
    else if (method.requestStream) stream = client[name](options, one);
    else if (method.responseStream) stream = client[name](list[0], options);
    else client[name](list[0], options, one);
    if (method.requestStream) {
      list.forEach((request) => stream.write(request));
      stream.end();
    }
    if (method.responseStream) {
      stream.on('data', (m) => got.push(...idsOf(m)));
      stream.on('error', done);
      stream.on('end', () => done(null));
    }
  });
}

(async () => {
  const result = {};
  for (const [name, method] of Object.entries(Service.service))
    if (!/^(Import|Delete)/.test(name)) result[name] = await call(name, method);
  console.log(JSON.stringify(result));
  client.close();
})();
