import type { Socket } from 'node:net';
import { clientAddressOf } from '../listen/listener.ts';
import { type ConnectionHost, Http2Connection } from './connection.ts';
import { TurnEnd } from './outbox.ts';

/** HTTP/2 connections of one server. */
export class Http2Connections {
  readonly #host: ConnectionHost;
  readonly #connections = new Set<Http2Connection>();
  #draining = false;

  constructor(host: Omit<ConnectionHost, 'turn'>, turn = new TurnEnd()) {
    this.#host = {
      limits: host.limits,
      readTimeoutMs: host.readTimeoutMs,
      turn,
      open: (stream) => host.open(stream),
      failed: (error) => host.failed(error),
      refused: (status, message) => host.refused?.(status, message),
    };
  }

  /** Takes over a connection, of which `first` was read already. */
  accept(socket: Socket, first?: Buffer): void {
    const connection = new Http2Connection(socket, this.#host, clientAddressOf(socket));
    this.#connections.add(connection);
    socket.once('close', () => this.#connections.delete(connection));
    if (this.#draining) connection.drain();
    if (first !== undefined) connection.receive(first);
  }

  /** Called now and then with the time. */
  sweep(now: number): void {
    for (const connection of this.#connections) connection.sweep(now);
  }

  /** Tells all clients to go once their requests are answered. */
  drain(): void {
    this.#draining = true;
    for (const connection of this.#connections) connection.drain();
  }
}
