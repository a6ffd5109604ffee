/**
 * Reading accepted sockets through one buffer. Node reads a socket into a fresh slab of 64 KiB
 * each time; through a buffer of ours (the `onread` option, which is public for sockets that
 * connect but not for those a server accepts) the same bytes cost less.
 */
import net, { type Socket } from 'node:net';

/** Takes what came off the wire. The bytes are valid during the call only. */
export type Receive = (chunk: Buffer) => void;

/** What lies under a socket; the method is there in the Node releases that can do this. */
interface Handle {
  readonly useUserBuffer?: unknown;
}

interface WithHandle {
  _handle?: Handle | null;
}

const CAPACITY = 64 * 1024;
/** Windows fills buffers before it says so: there every socket would need one of its own. */
const CAN_SHARE = process.platform !== 'win32';

/** A socket whose bytes never become a stream. */
class InPlaceSocket extends net.Socket {
  readonly #reader: { receive: Receive };

  constructor(handle: Handle, buffer: Buffer) {
    const reader: { receive: Receive } = { receive: () => {} };
    super({
      handle,
      allowHalfOpen: true,
      onread: {
        buffer,
        callback: (length: number) => {
          reader.receive(buffer.subarray(0, length));
          return true;
        },
      },
    } as unknown as net.SocketConstructorOpts);
    this.#reader = reader;
  }

  readWith(receive: Receive): void {
    this.#reader.receive = receive;
  }
}

/** Turns the sockets a server accepted (paused, nothing read yet) into such that read in place. */
export class InPlaceReading {
  readonly #buffer = Buffer.allocUnsafeSlow(CAPACITY);

  /** The socket to use instead of `socket`; `socket` itself, flowing, where it cannot be done. */
  adopt(socket: Socket): Socket {
    const accepted = socket as unknown as WithHandle;
    const handle = accepted._handle;
    if (!CAN_SHARE || typeof handle?.useUserBuffer !== 'function') {
      socket.resume();
      return socket;
    }
    accepted._handle = null;
    const adopted = new InPlaceSocket(handle, this.#buffer);
    socket.destroy();
    return adopted;
  }
}

/** Has all further bytes of a socket passed to `receive`, and no longer to who got them before. */
export function onBytes(socket: Socket, receive: Receive): void {
  if (socket instanceof InPlaceSocket) socket.readWith(receive);
  else socket.removeAllListeners('data').on('data', receive);
}
