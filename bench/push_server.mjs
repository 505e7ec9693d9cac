// An HTTP/2 server that answers every push as Apple's does: 200 with the push's own id.
// Usage: node push_server.mjs PEM-WITH-KEY; it prints its port.
import { readFileSync } from "node:fs";
import { createSecureServer } from "node:http2";

const pem = readFileSync(process.argv[2]);
const server = createSecureServer({ key: pem, cert: pem, settings: { maxConcurrentStreams: 1000 } });
server.on("stream", (stream, headers) => {
  stream.resume();
  stream.respond({ ":status": 200, "apns-id": headers["apns-id"] ?? "" }, { endStream: true });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
