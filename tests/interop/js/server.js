// TestService on JavaScript's library: server.js PROTO [CERT KEY]. Says `listening grpc=HOST:PORT`; ends with its standard input.
'use strict';
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const fs = require('fs');

const [proto, cert, key] = process.argv.slice(2);
const { TestService } = grpc.loadPackageDefinition(
  loader.loadSync(proto, { keepCase: true, enums: Number, defaults: true })).grpc.testing;

const INITIAL = 'x-grpc-test-echo-initial';
const TRAILING = 'x-grpc-test-echo-trailing-bin';
const zeros = (size) => ({ payload: { body: Buffer.alloc(size) } });
const wanted = ({ response_status: s }) => (s && s.code ? { code: s.code, details: s.message } : null);

// What a caller wants to see again: headers are sent now, trailers are returned.
function echoed(call) {
  const headers = new grpc.Metadata();
  const trailers = new grpc.Metadata();
  for (const value of call.metadata.get(INITIAL)) headers.add(INITIAL, value);
  for (const value of call.metadata.get(TRAILING)) trailers.add(TRAILING, value);
  if (headers.get(INITIAL).length > 0) call.sendMetadata(headers);
  return trailers;
}

function unaryCall(call, done) {
  const trailers = echoed(call);
  const status = wanted(call.request);
  if (status) done({ ...status, metadata: trailers });
  else done(null, zeros(call.request.response_size), trailers);
}

function reply(call, request) {
  for (const { size } of request.response_parameters) call.write(zeros(size));
}

function streamingInputCall(call, done) {
  const trailers = echoed(call);
  let sum = 0;
  call.on('data', (request) => { sum += request.payload ? request.payload.body.length : 0; });
  call.on('end', () => done(null, { aggregated_payload_size: sum }, trailers));
}

function fullDuplexCall(call) {
  const trailers = echoed(call);
  let over = false;
  call.on('data', (request) => {
    const status = wanted(request);
    if (over) return;
    if (status) {
      over = true;
      call.emit('error', { ...status, metadata: trailers });
    } else {
      reply(call, request);
    }
  });
  call.on('end', () => { if (!over) call.end(trailers); });
}

const server = new grpc.Server({ 'grpc-node.max_session_memory': 1024 });
server.addService(TestService.service, {
  EmptyCall: (call, done) => done(null, {}, echoed(call)),
  UnaryCall: unaryCall,
  StreamingOutputCall: (call) => { const trailers = echoed(call); reply(call, call.request); call.end(trailers); },
  StreamingInputCall: streamingInputCall,
  FullDuplexCall: fullDuplexCall,
});
const read = (file) => fs.readFileSync(file);
const creds = cert ? grpc.ServerCredentials.createSsl(null, [{ cert_chain: read(cert), private_key: read(key) }])
  : grpc.ServerCredentials.createInsecure();
server.bindAsync('127.0.0.1:0', creds, (error, port) => {
  if (error) throw error;
  console.log(`listening grpc=127.0.0.1:${port}`);
});
process.stdin.on('end', () => server.forceShutdown()).resume();
