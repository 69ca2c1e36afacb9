// grpc-health-check's own description of the service, with grpc-js: node health.js TARGET CA SERVICE…
//
// Prints a line for each answer: "check SERVICE STATE" and "watch SERVICE STATE", as they come,
// until it is killed.
'use strict';
const fs = require('fs');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const { protoPath } = require('grpc-health-check');

const [target, ca, ...services] = process.argv.slice(2);
const { Health } = grpc.loadPackageDefinition(
    loader.loadSync(protoPath, { keepCase: true, enums: String, defaults: true })).grpc.health.v1;
const client = new Health(target, grpc.credentials.createSsl(fs.readFileSync(ca)));

for (const service of services) {
  client.check({ service }, { deadline: Date.now() + 20000 }, (error, answer) =>
    console.log(`check ${service || '""'} ${error ? grpc.status[error.code] : answer.status}`));
  client.watch({ service })
      .on('data', (answer) => console.log(`watch ${service || '""'} ${answer.status}`))
      .on('error', (error) => console.log(`watch ${service || '""'} ${grpc.status[error.code]}`));
}
