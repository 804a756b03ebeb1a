/**
 * Kafka names its own address: clients are given one broker to begin with, and go where its answers (Metadata,
 * FindCoordinator) send them. Through a proxy they would go past it with their second connection. So in answers the port
 * behind the name 127.0.0.1 is replaced; both are as long as before, and nothing else of an answer changes.
 *
 * Advertising the proxy in the broker's own configuration would do for one proxy. Here each process has its own.
 */

/** Larger answers than any client asks for (kafkajs: 10 MiB a fetch). Beyond it this is not Kafka. */
export const answerMaxBytes = 64 * 1_048_576
const sizeBytes = 4
const host = Buffer.from('127.0.0.1')

/** Answers of a broker, whole: four bytes of length, then so many. @throws where the bytes are none, or end within one */
export async function* renamedAnswers(
  source: AsyncIterable<Buffer>,
  { from, to }: { readonly from: number; readonly to: number },
): AsyncGenerator<Buffer> {
  const name = addressOf(from)
  let waiting: Buffer[] = []
  let length = 0
  let wanted = sizeBytes
  for await (const bytes of source) {
    waiting.push(bytes)
    length += bytes.length
    while (length >= wanted) {
      const all = Buffer.concat(waiting)
      const size = sizeBytes + all.readUInt32BE(0)
      if (size > answerMaxBytes) throw new RangeError(`an answer of ${size} bytes`)
      if (size <= all.length) {
        const answer = Buffer.from(all.subarray(0, size))
        for (let at = answer.indexOf(name); at >= 0; at = answer.indexOf(name, at + name.length)) {
          answer.writeUInt32BE(to, at + host.length)
        }
        yield answer
        waiting = [all.subarray(size)]
        length = all.length - size
        wanted = sizeBytes
      } else {
        waiting = [all]
        wanted = size
      }
    }
  }
  if (length > 0) throw new Error(`the broker ended within an answer: ${length} of ${wanted} bytes`)
}

/** As every version of Kafka's answers writes it behind the length of the host: the host, then the port in four bytes. */
export function addressOf(port: number): Buffer {
  const address = Buffer.alloc(host.length + 4)
  host.copy(address)
  address.writeUInt32BE(port, host.length)
  return address
}
