/** Runs inside a node's network namespace: takes clients in through a socket in the file system and connects them to a port of loopback. */
import { connect, createServer } from "node:net";

const [path = "", port = ""] = process.argv.slice(2);
createServer((outside) => {
  const inside = connect(Number(port), "127.0.0.1");
  for (const [end, other] of [
    [outside, inside],
    [inside, outside],
  ] as const) {
    end.setNoDelay(true);
    end.on("error", () => {});
    end.on("close", () => other.destroy());
    end.pipe(other);
  }
}).listen(path);
