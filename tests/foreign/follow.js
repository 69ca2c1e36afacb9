// grpc-js follows posts: node follow.js TARGET CA TOKEN PROTO-FOLDER [USER…]
//
// Without users all posts, by server streaming; else the posts of each user, in one bidirectional
// stream whose requests have ended. Prints a line for each thing that comes, with the index of its
// request: "0 post ID AUTHOR", "0 deleted ID", "0 caught up"; and "end CODE".
'use strict';
const fs = require('fs');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [target, ca, token, folder, ...users] = process.argv.slice(2);
const definition = loader.loadSync('v1/post/post.proto',
                                   { keepCase: true, defaults: true, includeDirs: [folder] });
const { Post } = grpc.loadPackageDefinition(definition).v1.post;
const client = new Post(target, grpc.credentials.createSsl(fs.readFileSync(ca)));
const metadata = new grpc.Metadata();
metadata.set('authorization', `Bearer ${token}`);

let stream;
if (users.length === 0) {
  stream = client.ListPostsServerStream({ follow: true }, metadata);
} else {
  stream = client.ListPostsByUserIdBidiStream(metadata);
  users.forEach((user_id) => stream.write({ user_id, follow: true }));
  stream.end();
}
stream.on('data', (m) => {
  m.post_messages.forEach((post) =>
    console.log(`${m.request_index} post ${post.post_id} ${post.author}`));
  m.deleted_post_ids.forEach((id) => console.log(`${m.request_index} deleted ${id}`));
  if (m.caught_up) console.log(`${m.request_index} caught up`);
});
stream.on('error', (error) => console.log(`end ${grpc.status[error.code]}`));
