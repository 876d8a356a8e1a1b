import { connect, createServer, type Server, type Socket } from "node:net";

/** What one node dials to another: it can be cut while what the other dials goes on. */
export class PeerProxy implements Disposable {
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private blocked = false;

  /** Listens on `port` of this machine, and passes everything on to `targetPort`. */
  constructor(port: number, targetPort: number) {
    this.server = createServer((dialer) => {
      this.keep(dialer);
      // As a firewall that drops packets does it: taken, and nothing of it goes anywhere.
      if (this.blocked) {
        dialer.pause();
        return;
      }
      const target = connect(targetPort, "127.0.0.1");
      this.keep(target);
      dialer.on("close", () => target.destroy());
      target.on("close", () => dialer.destroy());
      dialer.pipe(target);
      target.pipe(dialer);
    });
    this.server.listen(port, "127.0.0.1");
  }

  private keep(socket: Socket): void {
    this.sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => this.sockets.delete(socket));
  }

  /** Resets its connections; new ones are swallowed until `open`. */
  cut(): void {
    this.blocked = true;
    this.reset();
  }

  /** The bytes of its connections, and of new ones, go nowhere until `open`; nobody is told. */
  freeze(): void {
    this.blocked = true;
    for (const socket of this.sockets) {
      socket.unpipe();
      socket.pause();
    }
  }

  /** What was swallowed is lost, and new connections pass. */
  open(): void {
    this.blocked = false;
    this.reset();
  }

  private reset(): void {
    for (const socket of [...this.sockets]) socket.destroy();
  }

  [Symbol.dispose](): void {
    this.server.close();
    this.reset();
  }
}
