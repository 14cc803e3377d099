#!/usr/bin/env python3
"""wire_server.py ANSWER...: an HTTP/2 server that answers the n-th request as the n-th argument says."""
import socket
import sys

import h2.config
import h2.connection
import h2.events

answers = sys.argv[1:]
listener = socket.create_server(("127.0.0.1", 0))
print(f"listening grpc=127.0.0.1:{listener.getsockname()[1]}", flush=True)


def answer(h2c, stream, told):
    what, _, value = told.partition(" ")
    ok = [(":status", "200"), ("content-type", "application/grpc")]
    if what == "http":
        h2c.send_headers(stream, [(":status", value), ("content-type", "text/html")])
        h2c.send_data(stream, b"<p>no</p>", end_stream=True)
    elif what == "reset":
        h2c.reset_stream(stream, error_code=int(value))
    elif what == "text":
        h2c.send_headers(stream, [*ok, ("grpc-status", "5"), ("grpc-message", value)], end_stream=True)
    elif what == "status":
        h2c.send_headers(stream, [*ok, ("grpc-status", value)], end_stream=True)
    elif what == "nostatus":
        h2c.send_headers(stream, ok)
        h2c.send_data(stream, b"\0\0\0\0\0", end_stream=True)
    elif what == "noreply":
        h2c.send_headers(stream, [*ok, ("grpc-status", "0")], end_stream=True)


while True:
    sock, _ = listener.accept()
    config = h2.config.H2Configuration(client_side=False, validate_outbound_headers=False)
    h2c = h2.connection.H2Connection(config=config)
    h2c.initiate_connection()
    sock.sendall(h2c.data_to_send())
    while data := sock.recv(65536):
        for event in h2c.receive_data(data):
            if isinstance(event, h2.events.StreamEnded) and answers:
                answer(h2c, event.stream_id, answers.pop(0))
        sock.sendall(h2c.data_to_send())
    sock.close()
