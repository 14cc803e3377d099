// The cases of gRPC's interoperability tests on JavaScript's library: client.js PROTO TARGET [CA NAME]
'use strict';
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const assert = require('assert');
const fs = require('fs');

const [proto, target, ca, name] = process.argv.slice(2);
const testing = grpc.loadPackageDefinition(loader.loadSync(proto, { keepCase: true, enums: Number })).grpc.testing;
const creds = ca ? grpc.credentials.createSsl(fs.readFileSync(ca)) : grpc.credentials.createInsecure();
const options = { 'grpc-node.max_session_memory': 256, 'grpc.max_metadata_size': 131072 };
if (name) options['grpc.ssl_target_name_override'] = name;
const stub = new testing.TestService(target, creds, options);
// A channel that packs all messages, until the server has named what it takes: this library does not know "identity, gzip"
// with the blank that the C core writes, and packs none from then on. So a new one for each call.
const packing = () => new testing.TestService(target, creds, { ...options, 'grpc.default_compression_algorithm': 2 });
const other = new testing.UnimplementedService(target, creds, options);

const INITIAL = 'x-grpc-test-echo-initial';
const TRAILING = 'x-grpc-test-echo-trailing-bin';
const UP = [27182, 8, 1828, 45904];
const DOWN = [31415, 9, 2653, 58979];
const WHITE = '\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \u{1f608}\t\n';
const body = (size) => ({ body: Buffer.alloc(size) });
const large = (more) => ({ response_size: 314159, payload: body(271828), ...more });
const asking = (down, up) => ({ response_parameters: [{ size: down }], payload: body(up) });

// A call with one reply: its reply, headers and trailers.
function one(method, request, { metadata, client = stub } = {}) {
  return new Promise((resolve, reject) => {
    const got = {};
    const done = (error, reply) => (error ? reject(Object.assign(error, got)) : resolve({ reply, ...got }));
    const call = client[method](request, metadata || new grpc.Metadata(), done);
    call.on('metadata', (headers) => { got.headers = headers; });
    call.on('status', (status) => { got.trailers = status.metadata; });
  });
}

async function fails(code, promise, text) {
  try {
    await promise;
  } catch (error) {
    if (error.code === undefined) throw error;
    assert.strictEqual(error.code, code);
    if (text !== undefined) assert.strictEqual(error.details, text);
    return error;
  }
  throw new Error(`no failure, ${code} expected`);
}

// The replies of a stream; `each` sees each of them.
function replies(call, each = () => {}) {
  return new Promise((resolve, reject) => {
    const all = [];
    call.on('data', (reply) => { all.push(reply.payload.body.length); each(reply); });
    call.on('error', reject);
    call.on('end', () => resolve(all));
  });
}

function upload(send, client = stub) {
  return new Promise((resolve, reject) => {
    const call = client.StreamingInputCall((error, reply) => (error ? reject(error) : resolve(reply)));
    send(call);
  });
}

const cases = {
  async empty_unary() { await one('EmptyCall', {}); },
  async large_unary() {
    assert.strictEqual((await one('UnaryCall', large())).reply.payload.body.length, 314159);
  },
  async client_streaming() {
    const reply = await upload((call) => {
      UP.forEach((size) => call.write({ payload: body(size) }));
      call.end();
    });
    assert.strictEqual(reply.aggregated_payload_size, 74922);
  },
  async server_streaming() {
    const call = stub.StreamingOutputCall({ response_parameters: DOWN.map((size) => ({ size })) });
    assert.deepStrictEqual(await replies(call), DOWN);
  },
  async ping_pong() {
    const call = stub.FullDuplexCall();
    let n = 0;
    const next = () => (n < 4 ? call.write(asking(DOWN[n], UP[n++])) : call.end());
    const all = replies(call, next);
    next();
    assert.deepStrictEqual(await all, DOWN);
  },
  async empty_stream() {
    const call = stub.FullDuplexCall();
    call.end();
    assert.deepStrictEqual(await replies(call), []);
  },
  async client_compressed_unary() {
    const expect = (value, client) => one('UnaryCall', large({ expect_compressed: { value } }), { client });
    await fails(grpc.status.INVALID_ARGUMENT, expect(true, stub));
    await expect(false, stub);
    await expect(true, packing());
  },
  async client_compressed_streaming() {
    const send = (...expected) => (call) => {
      expected.forEach(([size, value]) => call.write({ payload: body(size), expect_compressed: { value } }));
      call.end();
    };
    await fails(grpc.status.INVALID_ARGUMENT, upload(send([27182, true])));
    assert.strictEqual((await upload(send([27182, true], [45904, true]), packing())).aggregated_payload_size, 73086);
  },
  async server_compressed_unary() {
    for (const value of [true, false]) {
      const { reply } = await one('UnaryCall', large({ response_compressed: { value } }));
      assert.strictEqual(reply.payload.body.length, 314159);
    }
  },
  async server_compressed_streaming() {
    const call = stub.StreamingOutputCall({
      response_parameters: [{ size: 31415, compressed: { value: true } }, { size: 92653, compressed: { value: false } }],
    });
    assert.deepStrictEqual(await replies(call), [31415, 92653]);
  },
  async status_code_and_message() {
    const response_status = { code: 2, message: 'test status message' };
    await fails(2, one('UnaryCall', { response_status }), 'test status message');
    const call = stub.FullDuplexCall();
    call.write({ response_status });
    await fails(2, replies(call), 'test status message');
  },
  async special_status_message() {
    await fails(2, one('UnaryCall', { response_status: { code: 2, message: WHITE } }), WHITE);
  },
  async custom_metadata() {
    const metadata = new grpc.Metadata();
    metadata.set(INITIAL, 'test_initial_metadata_value');
    metadata.set(TRAILING, Buffer.from([0xab, 0xab, 0xab]));
    const got = await one('UnaryCall', large(), { metadata });
    assert.deepStrictEqual(got.headers.get(INITIAL), ['test_initial_metadata_value']);
    const call = stub.FullDuplexCall(metadata);
    const both = {};
    call.on('metadata', (headers) => { both.headers = headers; });
    call.on('status', (status) => { both.trailers = status.metadata; });
    const all = replies(call, () => call.end());
    call.write(asking(314159, 271828));
    await all;
    await new Promise(setImmediate); // the status comes behind the end
    assert.deepStrictEqual(both.headers.get(INITIAL), ['test_initial_metadata_value']);
    assert.deepStrictEqual(both.trailers.get(TRAILING), [Buffer.from([0xab, 0xab, 0xab])]);
  },
  async cancel_after_begin() {
    await fails(grpc.status.CANCELLED, upload((call) => call.cancel()));
  },
  async cancel_after_first_response() {
    const call = stub.FullDuplexCall();
    const all = replies(call, () => call.cancel());
    call.write(asking(31415, 27182));
    await fails(grpc.status.CANCELLED, all);
  },
  async timeout_on_sleeping_server() {
    const call = stub.FullDuplexCall({ deadline: Date.now() + 1 });
    const all = replies(call);
    call.write({ payload: body(27182) });
    await fails(grpc.status.DEADLINE_EXCEEDED, all);
  },
  async unimplemented_method() { await fails(grpc.status.UNIMPLEMENTED, one('UnimplementedCall', {})); },
  async unimplemented_service() {
    await fails(grpc.status.UNIMPLEMENTED, one('UnimplementedCall', {}, { client: other }));
  },
  async concurrent_large_unary() {
    const all = await Promise.all(Array.from({ length: 1000 }, () => one('UnaryCall', large())));
    assert.ok(all.every(({ reply }) => reply.payload.body.length === 314159));
  },
};

(async () => {
  let failed = 0;
  for (const [title, run] of Object.entries(cases)) {
    try {
      await run();
      console.log(`${title}: OK`);
    } catch (error) {
      failed += 1;
      console.log(`${title}: failed: ${error.message}`);
    }
  }
  stub.close();
  other.close();
  process.exit(failed ? 1 : 0);
})();
